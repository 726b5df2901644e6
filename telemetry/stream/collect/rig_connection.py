"""A connection to a rig: opened again whenever it is lost, and read no faster than its budget allows."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from enum import Enum
from time import perf_counter
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode, urlsplit, urlunsplit

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.frames import CTRL_OPCODES, CloseCode
from websockets.protocol import State

from telemetry.base.errors import SourceError, UsageError
from telemetry.base.typing import override
from telemetry.stream.collect.addresses import RigAddress
from telemetry.stream.message_budget import MessageBudget
from telemetry.stream.upstream import CONNECT_TIMEOUT_S, RECONNECT_PAUSES_S, describe_error

MAX_MESSAGE_BYTES: Final = 512 * 1024
"""Longest message of a rig. A track has about 60 kB, a hello 30, a sample 5."""

PING_INTERVAL_S: Final = 5.0
"""Seconds between pings, and those that an answer may take: a cable that was pulled says nothing."""

READ_BYTES: Final = 8 * 1024
"""Bytes that are read of one rig at a time: a sample, or 4,000 of the smallest frames, which take about 40 ms."""

BYTES_OF_MESSAGE: Final = 16 * 1024
"""A longer message counts as several."""

_log = logging.getLogger("telemetry.stream")


class Status(Enum):
    """What a connection is doing."""

    CONNECTING = "connecting"
    OPEN = "open"
    LOST = "lost"


class Limits(NamedTuple):
    """How much is read of one connection."""

    per_second: float
    burst: float


class RigConnection:
    """Calls ``on_message(text)`` with each message and ``on_change()`` when its ``status`` or ``problem`` is another.

    What ``on_message`` raises as :class:`telemetry.SourceError` is what is wrong with the rig: the connection is closed
    and opened again after the longest pause.
    """

    def __init__(
        self,
        address: RigAddress,
        options: Mapping[str, str],
        limits: Limits,
        on_message: Callable[[bytes], None],
        on_change: Callable[[], None],
    ) -> None:
        self.status = Status.CONNECTING
        self.problem = ""
        """Why there is no connection, as a sentence; empty while there is one, and before the first attempt."""
        self.connects = 0
        """How often it was opened."""
        self._name = address.shown
        self._url = _stream_url(address, options)
        self._limits = limits
        self._on_message = on_message
        self._on_change = on_change
        self._socket: ClientConnection | None = None
        self._has_heard = False

    def send(self, text: bytes) -> bool:
        """Send a short message, if there is a connection that takes it at once; whether it was sent."""
        socket = self._socket
        if socket is None or socket.state is not State.OPEN or socket.transport.get_write_buffer_size():
            return False
        socket.protocol.send_text(text)
        socket.send_data()
        return True

    async def run(self) -> None:
        """Connect, and connect again, until it is cancelled."""
        attempt = 0
        while True:
            self._has_heard = False
            problem, is_hopeless = await self._connect_once()
            attempt = 0 if self._has_heard else attempt
            pause_s = RECONNECT_PAUSES_S[-1 if is_hopeless else min(attempt, len(RECONNECT_PAUSES_S) - 1)]
            attempt += 1
            self._change(Status.LOST, f"{problem} The next attempt is in {pause_s:g} s.")
            await asyncio.sleep(pause_s)

    async def _connect_once(self) -> tuple[str, bool]:
        """One connection, until it ends; returns why, as a sentence, and whether a person must mend that."""
        try:
            async with connect(
                self._url,
                create_connection=_LimitedClient,
                open_timeout=CONNECT_TIMEOUT_S,
                close_timeout=0.3,
                ping_interval=PING_INTERVAL_S,
                ping_timeout=PING_INTERVAL_S,
                max_size=MAX_MESSAGE_BYTES,
                max_queue=4,
                user_agent_header="ac-telemetry",
            ) as socket:
                self._socket = socket
                self.connects += 1
                self._change(Status.OPEN, "")
                await self._read(socket)
        except (SourceError, UsageError) as error:
            return str(error), True
        except UnicodeError:  # in the encoding of the host's name
            return f"{self._name} has no name that a computer can have.", True
        except (OSError, WebSocketException) as error:
            return self._describe(error)
        except Exception as error:  # noqa: BLE001 - one rig that breaks in an unforeseen way must not end all others
            _log.exception("%s", self._name)
            return f"{self._name} could not be read: {type(error).__name__}.", True
        else:
            return f"No stream at {self._name}: the server closed the connection.", False
        finally:
            self._socket = None

    def _describe(self, error: Exception) -> tuple[str, bool]:
        """What went wrong, and whether a person must mend that."""
        if isinstance(error, ConnectionClosed) and error.sent and error.sent.code == CloseCode.MESSAGE_TOO_BIG:
            return f"{self._name} does not send telemetry: a message is too long.", True
        try:
            problem = describe_error(error, self._name)
        except (SourceError, UsageError) as final:
            return str(final), True
        return f"No stream at {self._name}: {problem}.", False

    async def _read(self, socket: ClientConnection) -> None:
        """Pass on what comes, until the connection is closed; raises where it is lost without a word."""
        budget = MessageBudget(perf_counter(), *self._limits)
        try:
            while True:
                text = await socket.recv(decode=False)
                if (wait_s := budget.spend(perf_counter())) > 0.0:
                    await asyncio.sleep(wait_s)  # what comes meanwhile waits at the rig, which drops samples
                budget.charge(len(text) // BYTES_OF_MESSAGE)
                self._on_message(text)
                self._has_heard = True
        except ConnectionClosed as closed:
            if closed.rcvd is None:
                raise
        except SourceError:
            with suppress(ConnectionClosed):
                await socket.close(CloseCode.POLICY_VIOLATION)
            raise

    def _change(self, status: Status, problem: str) -> None:
        self.status, self.problem = status, problem
        self._on_change()


class _LimitedClient(ClientConnection, asyncio.BufferedProtocol):
    """A connection that is read in small pieces, and closed where the rig sends pings faster than they are of use."""

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._control_budget = MessageBudget(perf_counter())
        self._read_buffer = bytearray(READ_BYTES)
        super().connection_made(transport)

    @override
    def get_buffer(self, sizehint: int) -> bytearray:
        return self._read_buffer

    @override
    def buffer_updated(self, nbytes: int) -> None:
        self.data_received(bytes(memoryview(self._read_buffer)[:nbytes]))

    @override
    def process_event(self, event: Any) -> None:
        super().process_event(event)
        opcode = getattr(event, "opcode", None)  # the answer to the handshake has none
        if opcode in CTRL_OPCODES and self._control_budget.spend(perf_counter()) > 0.0:
            self.transport.abort()


def _stream_url(address: RigAddress, options: Mapping[str, str]) -> str:
    parts = urlsplit(address.url)
    token = {} if address.token is None else {"token": address.token}
    return urlunsplit(parts._replace(query=urlencode({**options, **token})))
