"""WebSocket connections that cannot use up memory, or the event loop's time."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import Any, Final

from websockets.asyncio.server import ServerConnection
from websockets.frames import CTRL_OPCODES
from websockets.http11 import Request
from websockets.protocol import State

from telemetry.base.typing import override
from telemetry.stream.broadcast import MAX_BUFFER_BYTES
from telemetry.stream.connection_limits import ConnectionLimits
from telemetry.stream.message_budget import MessageBudget

READ_BYTES: Final = 1024
"""Bytes that are read of one connection at a time. The smallest frames have 6, and take about 10 us each."""


def peer_address(connection: ServerConnection) -> str:
    """The address of the peer; empty where it has gone already."""
    address = connection.transport.get_extra_info("peername")
    return str(address[0]) if address else ""


class LimitedConnection(ServerConnection, asyncio.BufferedProtocol):
    """A connection that is limited in everything that a peer can make it do.

    It counts in its server's ``limits`` and is read in small pieces. It is closed where the peer sends control frames
    (pings, pongs) faster than messages may come, or pings without reading the answers.
    """

    limits: ConnectionLimits
    """Those of the server; an attribute of its own class of connections."""

    on_change: Callable[[], None] | None = None
    """Called when much or little begins to wait for the peer, and when the connection begins to close."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._control_budget = MessageBudget(perf_counter())
        self._read_buffer = bytearray(READ_BYTES)
        super().connection_made(transport)
        self.limits.add(self.transport, peer_address(self))

    @override
    def connection_lost(self, exc: Exception | None) -> None:
        self.limits.remove(self.transport)
        super().connection_lost(exc)

    @override
    def get_buffer(self, sizehint: int) -> bytearray:
        return self._read_buffer

    @override
    def buffer_updated(self, nbytes: int) -> None:
        self.limits.on_data(self.transport)
        self.data_received(bytes(memoryview(self._read_buffer)[:nbytes]))
        if self.transport.get_write_buffer_size() > 2 * MAX_BUFFER_BYTES:
            self.transport.abort()

    @override
    def send_data(self) -> None:
        """Write the answers to many pings at once, where ``websockets`` asks the system to send each."""
        answers = self.protocol.data_to_send()
        if data := b"".join(answers):
            self.transport.write(data)
        if b"" in answers and self.transport.can_write_eof():  # which stands for the end of what is sent
            self.transport.write_eof()
        if self.protocol.state is not State.OPEN:
            self._tell_change()

    @override
    def pause_writing(self) -> None:
        super().pause_writing()
        self._tell_change()

    @override
    def resume_writing(self) -> None:
        super().resume_writing()
        self._tell_change()

    def _tell_change(self) -> None:
        if self.on_change is not None:
            self.on_change()

    @override
    def process_event(self, event: Any) -> None:
        super().process_event(event)
        if isinstance(event, Request):
            self.limits.on_request(self.transport)
        elif event.opcode in CTRL_OPCODES and self._control_budget.spend(perf_counter()) > 0.0:
            self.transport.abort()
