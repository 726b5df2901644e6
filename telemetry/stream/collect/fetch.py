"""What a rig offers over HTTP beside its stream: its health, and the picture of its track."""

import http.client
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

from telemetry.stream.collect.addresses import RigAddress

TIMEOUT_S: Final = 3.0
"""Seconds that each step may take: to connect, to wait for more, and all of the body."""

_CHUNK_BYTES: Final = 64 * 1024


class FetchError(Exception):
    """The rig did not give it."""


def fetch(address: RigAddress, name: str, max_bytes: int) -> bytes:
    """The content at this name beside the rig's stream. It waits: call it in a thread of its own.

    Nothing is followed elsewhere: what a rig says cannot make this computer ask another one. Raises
    :class:`FetchError`.
    """
    parts = urlsplit(address.url)
    kind = http.client.HTTPSConnection if parts.scheme == "wss" else http.client.HTTPConnection
    headers = {} if address.token is None else {"Authorization": f"Bearer {address.token}"}
    connection = kind(parts.hostname or "", parts.port, timeout=TIMEOUT_S)
    try:
        connection.request("GET", f"{parts.path.rstrip('/')}/{name}", headers=headers)
        response = connection.getresponse()
        if response.status != http.HTTPStatus.OK:
            raise FetchError(f"status {response.status}")
        data = _read(response, max_bytes)
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a token that is no header
        raise FetchError(str(error)) from error
    finally:
        connection.close()
    return data


def _read(response: http.client.HTTPResponse, max_bytes: int) -> bytes:
    """The body; a rig that sends it drop by drop is given up."""
    deadline, data = perf_counter() + TIMEOUT_S, bytearray()
    while chunk := response.read1(_CHUNK_BYTES):
        data += chunk
        if len(data) > max_bytes:
            raise FetchError(f"more than {max_bytes} bytes")
        if perf_counter() > deadline:
            raise FetchError("too slow")
    return bytes(data)
