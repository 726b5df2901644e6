"""A stream server in a process of its own, as trials of the stream need it."""

import http.client
import json
import re
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from tests.soak.outcome import TrialFailed
from tests.soak.workshop import Running

ANSWER_S = 10.0
"""Seconds in which a server must answer whatever happens to it; generous, because the machine may be busy."""


class Served:
    """``serve`` on this machine; the demo at 60 samples a second unless other options are given."""

    def __init__(
        self,
        *options: str | Path,
        port: int = 0,
        command: str = "serve",
        source: Sequence[str] = ("--source", "demo"),
    ) -> None:
        self._running = Running(command, *source, "--port", str(port), *(options or ("--rate", "60")))
        try:
            self.port = self._find_port()
            """The port of the stream, or that of the questions of assetto_corsa_gym."""
        except BaseException:
            self._running.close()
            raise

    def _find_port(self) -> int:
        while True:
            is_running = self._running.sleep(0.05)
            if found := re.search(r"(?:127\.0\.0\.1:|TCP port )(\d+)", self._running.said()[0]):
                return int(found[1])
            if not is_running or self._running.seconds > 60.0:
                raise TrialFailed(f"the server does not begin: {self._running.said()}")

    @property
    def url(self) -> str:
        """The address of the stream."""
        return f"ws://127.0.0.1:{self.port}"

    @property
    def udp_port(self) -> int:
        """The port of the states of assetto_corsa_gym."""
        found = re.search(r"UDP port (\d+)", self._running.said()[0])
        assert found
        return int(found[1])

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._running.process.pid

    def connect(self) -> socket.socket:
        """A connection that says nothing yet."""
        return socket.create_connection(("127.0.0.1", self.port), timeout=ANSWER_S)

    def shake_hands(self, query: str = "/", receive_buffer: int | None = None) -> socket.socket:
        """A WebSocket connection as bytes; TrialFailed where the server refuses it."""
        raw = socket.socket()
        raw.settimeout(ANSWER_S)
        if receive_buffer:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        raw.connect(("127.0.0.1", self.port))
        raw.sendall(handshake(self.port, query))
        answer = raw.recv(12)
        if answer != b"HTTP/1.1 101":
            raw.close()
            raise TrialFailed(f"the handshake was answered by {answer!r}")
        return raw

    def figures(self) -> dict[str, Any]:
        """What ``/healthz`` says; TrialFailed where nobody is answered for a while."""
        deadline = time.monotonic() + ANSWER_S
        while True:
            try:
                return self._ask_for_figures()
            except (OSError, http.client.HTTPException, ValueError) as error:
                if time.monotonic() > deadline:
                    raise TrialFailed(f"/healthz is not answered: {error!r}; the server said {self.said()}") from error
            time.sleep(0.2)

    def _ask_for_figures(self) -> dict[str, Any]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=ANSWER_S)
        try:
            connection.request("GET", "/healthz")
            values: dict[str, Any] = json.loads(connection.getresponse().read())
        finally:
            connection.close()
        return values

    def check(self) -> None:
        """TrialFailed where the server has ended, answers nobody, or wrote an unforeseen error."""
        self.check_running()
        self.figures()

    def check_running(self) -> None:
        """TrialFailed where the server has ended or wrote an unforeseen error."""
        if not self._running.sleep(0.0):
            raise TrialFailed(f"the server ended: {self.said()}")
        if "Traceback" in (said := self.said()):
            raise TrialFailed(f"the server wrote: {said}")

    def said(self) -> str:
        """The end of what it wrote to standard error."""
        return self._running.said()[1][-1500:]

    def close(self) -> None:
        """End it."""
        self._running.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def handshake(port: int, query: str = "/") -> bytes:
    """A good request for a WebSocket."""
    lines = [f"GET {query} HTTP/1.1", f"Host: 127.0.0.1:{port}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13", "", ""]
    return "\r\n".join(lines).encode()


def masked_frame(opcode: int, payload: bytes, *, final: bool = True, declared: int | None = None) -> bytes:
    """A frame as clients send them, with zeros as its mask; ``declared`` is a length that is not the payload's."""
    length = len(payload) if declared is None else declared
    head = bytes([(0x80 if final else 0) | opcode])
    if length < 126:
        head += bytes([0x80 | length])
    elif length < 1 << 16:
        head += b"\xfe" + length.to_bytes(2, "big")
    else:
        head += b"\xff" + length.to_bytes(8, "big")
    return head + bytes(4) + payload


def read_close_code(raw: socket.socket, seconds: float) -> int | None:
    """The code with which the server closes within so many seconds; 0 for an end without one, None for no end."""
    data, deadline = b"", time.monotonic() + seconds
    while time.monotonic() < deadline:
        raw.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            part = raw.recv(1 << 16)
        except TimeoutError:
            return None
        except OSError:
            return 0
        if not part:
            return 0
        data += part
        while (frame := _first_frame(data)) is not None:
            opcode, payload, data = frame
            if opcode == 8:
                return int.from_bytes(payload[:2], "big")
    return None


def _first_frame(data: bytes) -> tuple[int, bytes, bytes] | None:
    """The first frame of a server and what follows it; skips the rest of an answer to the handshake."""
    if data.startswith((b"HTTP/", b" Switching")) or b"\r\n\r\n" in data[:600]:
        _, found, data = data.partition(b"\r\n\r\n")
        if not found:
            return None
    if len(data) < 2:
        return None
    length, place = data[1] & 0x7F, 2
    if length >= 126:
        size = 2 if length == 126 else 8
        if len(data) < 2 + size:
            return None
        length, place = int.from_bytes(data[2 : 2 + size], "big"), 2 + size
    if len(data) < place + length:
        return None
    return data[0] & 0x0F, data[place : place + length], data[place + length :]
