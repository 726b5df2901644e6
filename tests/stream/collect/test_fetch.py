"""What a rig offers over HTTP: taken where it is as it should be."""

import asyncio

import pytest

from telemetry.stream import parse_rigs
from telemetry.stream.collect.fetch import FetchError, fetch

REQUESTS: list[bytes] = []


def fetch_from(answer: bytes, address: str = "ws://127.0.0.1:{port}/ac/?token=T", max_bytes: int = 100) -> bytes:
    """What is fetched of a server that gives this answer to anything."""

    async def answer_all(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        REQUESTS.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(answer)
        await writer.drain()
        writer.close()

    async def main() -> bytes:
        async with await asyncio.start_server(answer_all, "127.0.0.1", 0) as server:
            (rig,) = parse_rigs(address.format(port=server.sockets[0].getsockname()[1]))
            return await fetch(rig, "healthz", max_bytes)

    REQUESTS.clear()
    return asyncio.run(main())


def test_the_content_is_what_follows_the_head() -> None:
    assert fetch_from(b"HTTP/1.1 200 OK\r\nContent-Type: x\r\n\r\n{}\r\n\r\n") == b"{}\r\n\r\n"
    lines = REQUESTS[0].decode().split("\r\n")
    assert lines[0] == "GET /ac/healthz HTTP/1.0"
    assert lines[2:] == ["Authorization: Bearer T", "", ""]


def test_a_token_that_would_be_another_line_is_not_sent() -> None:
    assert fetch_from(b"HTTP/1.1 200 OK\r\n\r\n", "ws://127.0.0.1:{port}/?token=a%0D%0AX:y") == b""
    assert len(REQUESTS[0].splitlines()) == 3


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 404 Not Found\r\n\r\n",
        b"HTTP/1.1 301 Moved\r\nLocation: http://elsewhere\r\n\r\n",
        b"\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"x" * 100_000,
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 101,
    ],
)
def test_anything_else_is_an_error(answer: bytes) -> None:
    with pytest.raises(FetchError):
        fetch_from(answer)


def test_a_rig_that_is_not_there_is_an_error() -> None:
    (rig,) = parse_rigs("ws://127.0.0.1:1")
    with pytest.raises(FetchError):
        asyncio.run(fetch(rig, "healthz", 100))
