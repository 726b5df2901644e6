"""What a rig offers over HTTP beside its stream: its health, and the picture of its track.

It is read in the event loop: a thread for each rig would make the samples of all wait for the interpreter.
"""

import asyncio
import ssl
from typing import Final
from urllib.parse import urlsplit

from telemetry.stream.collect.addresses import RigAddress

TIMEOUT_S: Final = 5.0
"""Seconds that all of it may take."""

_CHUNK_BYTES: Final = 64 * 1024
_OK: Final = b"200"


class FetchError(Exception):
    """The rig did not give it."""


async def fetch(address: RigAddress, name: str, max_bytes: int) -> bytes:
    """The content at this name beside the rig's stream; raises :class:`FetchError`.

    Nothing is followed elsewhere: what a rig says cannot make this computer ask another one.
    """
    parts = urlsplit(address.url)
    is_safe = parts.scheme == "wss"
    # Without the later version of the protocol, a body is all that comes until the end, and never in chunks.
    lines = [f"GET {parts.path.rstrip('/')}/{name} HTTP/1.0", f"Host: {parts.netloc.rpartition('@')[2]}"]
    if address.token is not None and address.token.isprintable():
        lines.append(f"Authorization: Bearer {address.token}")
    try:
        request = "\r\n".join([*lines, "", ""]).encode("latin-1")
        async with asyncio.timeout(TIMEOUT_S):
            context = ssl.create_default_context() if is_safe else None
            reader, writer = await asyncio.open_connection(
                parts.hostname, parts.port or 443, ssl=context, limit=_CHUNK_BYTES
            )
            try:
                writer.write(request)
                return await _read(reader, max_bytes)
            finally:
                writer.transport.abort()
    except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
        raise FetchError(str(error)) from error  # ValueError: a token, or the name of a host, that is none


async def _read(reader: asyncio.StreamReader, max_bytes: int) -> bytes:
    """The body of a response with status 200."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = head.split(b" ", 2)[1:2]
    if status != [_OK]:
        raise FetchError(f"status {status}")
    body = bytearray()
    while chunk := await reader.read(_CHUNK_BYTES):
        body += chunk
        if len(body) > max_bytes:
            raise FetchError(f"more than {max_bytes} bytes")
    return bytes(body)
