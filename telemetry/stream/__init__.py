"""The stream over WebSocket, in both directions: a server for any number of clients, and a client that is a source.

The server is a listener of the sampling loop: it takes each reading, returns at once, and sends from a thread with an
event loop of its own. ``collect/`` serves the streams of many rigs. ``dashboard/`` holds the web
pages that the servers offer on the same port.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.stream.access import is_loopback
    from telemetry.stream.client import WebSocketSource
    from telemetry.stream.collect.addresses import RigAddress, parse_rigs
    from telemetry.stream.collect.server import CollectServer
    from telemetry.stream.options import ServerOptions
    from telemetry.stream.server import StreamServer
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "CollectServer": "telemetry.stream.collect.server",
            "RigAddress": "telemetry.stream.collect.addresses",
            "ServerOptions": "telemetry.stream.options",
            "StreamServer": "telemetry.stream.server",
            "WebSocketSource": "telemetry.stream.client",
            "is_loopback": "telemetry.stream.access",
            "parse_rigs": "telemetry.stream.collect.addresses",
        },
    )

__all__ = [
    "CollectServer",
    "RigAddress",
    "ServerOptions",
    "StreamServer",
    "WebSocketSource",
    "is_loopback",
    "parse_rigs",
]
