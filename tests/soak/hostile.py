"""Clients that mean harm beside good ones, all on this machine: what the good ones notice of them."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Final

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

from tests.soak.outcome import Kind, Outcome, TrialFailed
from tests.soak.served import Served, handshake, masked_frame
from tests.soak.workshop import REPOSITORY, Workshop

SECONDS: Final = 5.0
MAX_GAP_S: Final = 2.0
"""Seconds without a sample that fail a trial, of 60 a second; generous, because the machine may be busy."""

Act = Callable[[Served, Random], Awaitable[None]]


async def _do_nothing(served: Served, random: Random) -> None:
    await asyncio.sleep(SECONDS)


async def _together(count: int, act: Act, served: Served, random: Random) -> None:
    """The same act by so many clients, each again and again until it is cancelled."""

    async def again() -> None:
        while True:
            with suppress(OSError, WebSocketException, TimeoutError, asyncio.IncompleteReadError):
                await act(served, random)
            await asyncio.sleep(0.005)

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(again())


async def _many_patterns(served: Served, random: Random) -> None:
    """Many patterns in one request, and small requests after it."""
    patterns = ",".join(f"[!{chr(0x4E00 + number)}]*" for number in range(1900))
    async with connect(served.url, compression=None, max_queue=None, close_timeout=0.1) as client:
        await client.send(json.dumps({"type": "subscribe", "fields": patterns}, ensure_ascii=False))
        while True:
            options = {
                "rate": random.randint(1, 60),
                "names": random.choice(("wire", "sdk")),
                "events": random.randint(0, 1),
            }
            await client.send(json.dumps({"type": "subscribe", **options}))
            await asyncio.sleep(0.2)


async def _many_feeds(served: Served, random: Random) -> None:
    """A choice of fields that nobody else has, and another one ten times a second."""
    async with connect(served.url, compression=None, max_queue=None, close_timeout=0.1) as client:
        while True:
            fields = random.sample(
                ("speed_kmh", "gear", "rpm", "gas", "brake", "fuel", "tyre_*", "heading", "static"), 4
            )
            await client.send(json.dumps({"type": "subscribe", "fields": ",".join(fields), "delta": 1}))
            await asyncio.sleep(0.1)


async def _small_requests(served: Served, random: Random) -> None:
    """Pings as fast as they can be sent."""
    reader, writer = await _upgrade(served)
    frame = masked_frame(1, b'{"type":"ping","id":1}') * 50
    with writer_closed(writer):
        while True:
            writer.write(frame)
            await writer.drain()
            await reader.read(1 << 16)


async def _unread_pings(served: Served, random: Random) -> None:
    """Control frames whose answers are never read."""
    _, writer = await _upgrade(served)
    frame = masked_frame(9, bytes(125)) * 50
    with writer_closed(writer):
        while True:
            writer.write(frame)
            await writer.drain()


async def _never_read(served: Served, random: Random) -> None:
    """A small buffer that stays full."""
    with served.shake_hands(receive_buffer=4096):
        await asyncio.sleep(SECONDS)


async def _half_open(served: Served, random: Random) -> None:
    """A connection that says nothing, or the beginning of a request, or a byte of it now and then."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    with writer_closed(writer):
        request = handshake(served.port)
        sent = random.choice((0, 10, len(request) - 3))
        writer.write(request[:sent])
        for byte in request[sent : len(request) - 3]:
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.5)
        await reader.read()


async def _giant_frames(served: Served, random: Random) -> None:
    """Messages of more than 16 KiB, and frames that say they are endless."""
    reader, writer = await _upgrade(served)
    with writer_closed(writer):
        declared = random.choice((17_000, 1 << 20, 1 << 40, (1 << 63) - 1))
        writer.write(masked_frame(1, bytes(17_000), declared=declared))
        for _ in range(100):
            writer.write(masked_frame(0, bytes(60_000), final=False))
            await writer.drain()
        await reader.read()


async def _wrong_utf8(served: Served, random: Random) -> None:
    """Text that is none."""
    reader, writer = await _upgrade(served)
    with writer_closed(writer):
        text = random.choice((b"\xff\xfe", b"\xed\xa0\x80", b"\xf8" * 100, b'{"type":"ping","id":"\xc3"}'))
        writer.write(masked_frame(1, text))
        await reader.read(1 << 16)
        await reader.read(1 << 16)


async def _come_and_go(served: Served, random: Random) -> None:
    """Connections that are reset before, within or after the handshake."""
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    request = handshake(served.port)
    writer.write(request[: random.choice((0, 20, len(request)))])
    if random.random() < 0.5:
        writer.transport.abort()
    writer.close()


async def _requests(served: Served, random: Random) -> None:
    """The page and the counters, as fast as they are answered."""
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    with writer_closed(writer):
        path = random.choice(("/", "/app.js", "/metrics", "/healthz", "/no"))
        writer.write(f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n\r\n".encode())
        await reader.read()


class writer_closed:  # noqa: N801 - used as a statement
    """Aborts a connection at the end of a block."""

    def __init__(self, writer: asyncio.StreamWriter) -> None:
        self._writer = writer

    def __enter__(self) -> None:
        pass

    def __exit__(self, *error: object) -> None:
        self._writer.transport.abort()


async def _upgrade(served: Served) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    writer.write(handshake(served.port, "/?rate=1&fields=sequence"))
    await writer.drain()
    await reader.readuntil(b"\r\n\r\n")
    return reader, writer


ACTS: Final[dict[str, tuple[str, int, Act]]] = {
    "nobody": ("nobody, to compare", 1, _do_nothing),
    "patterns": ("1,900 patterns and small requests", 3, _many_patterns),
    "feeds": ("choices of fields that change", 40, _many_feeds),
    "requests": ("floods of pings", 20, _small_requests),
    "unread": ("floods of control frames, answers unread", 10, _unread_pings),
    "stalled": ("never reading", 50, _never_read),
    "half-open": ("half-open connections", 900, _half_open),
    "giants": ("giant frames", 10, _giant_frames),
    "utf8": ("wrong UTF-8", 20, _wrong_utf8),
    "churn": ("connections that are reset", 20, _come_and_go),
    "http": ("floods of HTTP requests", 20, _requests),
}


def _attack(name: str, shop: Workshop, random: Random) -> Outcome:
    _, clients, act = ACTS[name]
    with Served() as served:
        command = [sys.executable, "-m", "tests.soak.good_clients", served.url, str(SECONDS)]
        good = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, cwd=REPOSITORY, text=True)
        try:
            assert good.stdout is not None
            if good.stdout.readline() != "ready\n":
                raise TrialFailed("the good clients cannot connect before anybody else is there")
            asyncio.run(_act_until_end(good, clients, act, served, random))
            figures = json.loads(good.communicate(timeout=60.0)[0])
        finally:
            good.kill()
            good.wait()
        if figures["lost"]:
            raise TrialFailed(f"good clients lost their connection: {figures['lost']}")
        if figures["worst_gap_s"] > MAX_GAP_S:
            raise TrialFailed(f"a good client had no sample for {figures['worst_gap_s']:.2f} s: {figures}")
        if figures["refused"]:
            raise TrialFailed(f"{len(figures['refused'])} of {figures['newcomers']} newcomers got nothing: {figures}")
        served.check()
    return Outcome(1000.0 * figures["worst_gap_s"], clients)


async def _act_until_end(good: "subprocess.Popen[str]", clients: int, act: Act, served: Served, random: Random) -> None:
    acting = asyncio.create_task(_together(clients, act, served, random))
    deadline = asyncio.get_running_loop().time() + SECONDS + 60.0
    while good.poll() is None and asyncio.get_running_loop().time() < deadline:  # noqa: ASYNC110 - no event tells it
        await asyncio.sleep(0.1)
    acting.cancel()
    with suppress(asyncio.CancelledError):
        await acting


def kinds() -> list[Kind]:
    """A row for each way to do harm."""
    return [
        Kind(
            name=f"hostile-{name}",
            what=f"hostile clients: {what}",
            trial=partial(_attack, name),
            worst="{} ms without a sample for a good client",
        )
        for name, (what, _, _) in ACTS.items()
    ]
