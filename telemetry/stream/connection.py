"""WebSocket connections whose use of memory is limited."""

import asyncio
from typing import Final

from websockets.asyncio.server import ServerConnection

from telemetry.base.typing import override
from telemetry.stream.broadcast import MAX_BUFFER_BYTES
from telemetry.stream.routes import MAX_CLIENTS

MAX_PENDING_CONNECTIONS: Final = 50
"""Connections at a time that are not clients yet, or not any more."""


class LimitedConnection(ServerConnection):
    """A connection that cannot use up memory: there are limits before it is a client, and for unread answers.

    A peer that sends pings and never reads the pongs is disconnected.
    """

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self.server.handler_tasks) > MAX_CLIENTS + MAX_PENDING_CONNECTIONS:
            self.transport.abort()

    @override
    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_write_buffer_size() > 2 * MAX_BUFFER_BYTES:
            self.transport.abort()
