"""The options of a stream server."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.stream.connection_limits import CLIENTS_PER_ADDRESS
from telemetry.stream.drive_context import FindContext
from telemetry.stream.http_responses import DASHBOARD_FOLDER

DEFAULT_PORT: Final = 8765


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerOptions:
    """Where a server listens, who may connect, and how it describes its source to them."""

    host: str = "127.0.0.1"
    """Address to listen on; ``0.0.0.0`` is every address of this machine."""
    port: int = DEFAULT_PORT
    """Port to listen on; 0 finds a free one."""
    token: str | None = None
    """Token that clients must send; None: they need none."""
    allowed_origins: Sequence[str] = ()
    """Origins like ``https://example.org`` whose pages may connect too; ``*`` allows all of them."""
    clients_per_address: int = CLIENTS_PER_ADDRESS
    """Clients at a time from one other address; programs on this machine, and a proxy here, are not limited so."""
    stall_timeout_s: float = 30.0
    """Seconds after which a client that reads nothing, or does not answer a ping, is disconnected."""
    compress: bool = False
    """Whether to offer compression (permessage-deflate without context takeover)."""
    page: Path = DASHBOARD_FOLDER
    """Folder of the web page."""
    source: str = ""
    """Name of the source, sent to clients."""
    rate: float | None = None
    """Samples per second that the sampling loop takes, sent to clients; None: the source's own pace."""
    thresholds: Thresholds = DEFAULTS
    """Thresholds of the samples' derived fields, sent to clients."""
    missing_fields: frozenset[str] = frozenset()
    """The raw fields that the source does not hold: no lap is valid without those that it is judged by."""
    read_delivery: Callable[[], Mapping[str, Any]] | None = None
    """Called in the server's thread for what waits to be delivered, of which ``/healthz`` and ``/metrics`` tell; None:
    nothing is delivered."""
    find_context: FindContext | None = None
    """Finds track and reference for each car and track that is driven, in another thread; None: nothing is known."""


DEFAULT_OPTIONS: Final = ServerOptions()
