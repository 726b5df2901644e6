"""The server: looks on at the loop from outside and tells everybody, in a thread with an event loop of its own."""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Event as Signal
from threading import Thread
from time import perf_counter, time
from typing import Final, NamedTuple
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from telemetry.base.errors import SinkError
from telemetry.base.ports import bind_error_message
from telemetry.fields.derived import DEFAULTS, Sample, Thresholds
from telemetry.laps.delta import DeltaTracker, LapDelta
from telemetry.laps.detector import LapState, advance
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Closeable, Event
from telemetry.recording.stats import RecordingStats
from telemetry.stream import http_responses, protocol
from telemetry.stream.access import AccessPolicy
from telemetry.stream.broadcast import BUFFER_BYTES, DEFLATE, Client, Fanout
from telemetry.stream.routes import MOST_CLIENTS, HttpRoutes, StreamStats

INBOX_SIZE: Final = 128
"""Samples on their way to the event loop at most; when it lags behind further, the oldest are lost, and counted."""

LATE_SECONDS: Final = 0.25
"""Age of a sample that is not worth sending while newer ones wait: on a machine that cannot keep up, newest wins."""

MAX_PENDING_CONNECTIONS: Final = 50
"""Connections at a time that are no clients yet, or no longer."""

MESSAGE_BYTES: Final = 16 * 1024
"""Longest message that is taken from a client."""

MESSAGES_PER_SECOND: Final = 20.0
"""How many messages of a client are read per second in the long run."""

MESSAGES_AT_ONCE: Final = 40.0
"""How many of them may come at once."""

CLOSE_SECONDS: Final = 1.0
"""How long a client is given to answer a goodbye."""

RATE_WINDOW_S: Final = 5.0
"""How far back the measured rate looks."""

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # what clients do wrong is no matter for this program's terminal


class QueuedReading(NamedTuple):
    """What the loop showed at one moment."""

    sample: Sample | None
    kept: bool
    state: State
    message: str
    taken: float


class _Connection(ServerConnection):
    """A connection that cannot be made to hoard: neither places, before it is a client, nor answers.

    Whoever sends pings and never reads the pongs is cut off.
    """

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self.server.handler_tasks) > MOST_CLIENTS + MAX_PENDING_CONNECTIONS:
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        if self.transport.get_write_buffer_size() > 2 * BUFFER_BYTES:
            self.transport.abort()


class StreamServer(Closeable):
    """Broadcasts readings to any number of WebSocket clients; a :class:`telemetry.recording.interfaces.Listener`.

    It serves from the moment it is made until it is closed. :meth:`on_reading` hands over and returns at once. Raises
    :class:`telemetry.SinkError` where it cannot listen. ``on_marker`` gets the markers that clients set, in the
    server's thread. ``thresholds`` are those of the samples' derived fields; clients are told them.
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 8765,
        *,
        source: str = "",
        rate: float | None = None,
        token: str | None = None,
        allowed_origins: Sequence[str] = (),
        stall_timeout: float = 30.0,
        compress: bool = False,
        page: Path = http_responses.PAGE,
        thresholds: Thresholds = DEFAULTS,
        on_marker: Callable[[Event], None] | None = None,
    ) -> None:
        self.name = f"stream on {host}"
        self._host, self._asked_port = host, port
        self._source, self._rate = source, rate
        self._stall_timeout, self._compress = stall_timeout, compress
        self._on_marker = on_marker
        self._thresholds = thresholds
        # Shared with the loop's thread: appended to there, taken from here.
        self._inbox: deque[QueuedReading] = deque(maxlen=INBOX_SIZE)
        self._woken = False
        self._lost = 0
        self._stats = RecordingStats()
        # The event loop's own.
        self._fanout = Fanout()
        self._routes = HttpRoutes(AccessPolicy(host, token, tuple(allowed_origins)), page, self._figures)
        self._now = QueuedReading(None, False, State.WAITING, "", perf_counter())
        self._newest: QueuedReading | None = None
        self._times: deque[float] = deque(maxlen=4096)
        self._lap_state = LapState()
        self._delta_tracker = DeltaTracker()
        self._connections = 0
        self._late = 0
        self._began = perf_counter()

        self._listening = Signal()
        self._error: Exception | None = None
        self._address: tuple[str, int] = (host, port)
        # Not a daemon: it is joined on every way out.
        self._thread = Thread(target=self._run, name="stream")
        self._thread.start()
        self._listening.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    @property
    def port(self) -> int:
        """The port that clients connect to."""
        return self._address[1]

    @property
    def url(self) -> str:
        """Where clients on this machine connect to."""
        host = "127.0.0.1" if self._host in ("", "0.0.0.0") else "::1" if self._host == "::" else self._host  # noqa: S104
        return f"ws://{f'[{host}]' if ':' in host else host}:{self.port}"

    def on_reading(self, sample: Sample | None, stats: RecordingStats) -> None:
        """Take note of a reading; never waits."""
        self._stats = stats
        kept = sample is not None and sample.sequence < stats.samples
        if len(self._inbox) == INBOX_SIZE:
            self._lost += 1
        self._inbox.append(QueuedReading(sample, kept, stats.state, stats.message, perf_counter()))
        if not self._woken:
            self._woken = True
            self._loop.call_soon_threadsafe(self._take)

    def close(self) -> None:
        """Say goodbye to everybody and stop."""
        if self._thread.is_alive():
            with suppress(RuntimeError):  # the loop has ended already
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    # From here on, the thread of the event loop.

    def _run(self) -> None:
        try:
            # Windows' own event loop stops listening for good when a client resets before it is accepted.
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(self._serve())
        except Exception as error:  # noqa: BLE001 - raised in the thread that waits for it
            self._error = self._error or error
        finally:
            self._listening.set()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._loop.set_exception_handler(lambda _, context: _log.error("%s", context))
        self._stop = asyncio.Event()
        try:
            server = await self._listen()
        except OSError as error:
            self._error = SinkError(bind_error_message(error, self._host, self._asked_port))
            return
        self._address = server.sockets[0].getsockname()[:2]
        self._listening.set()
        sweep = asyncio.create_task(self._drop_stalled_clients())
        try:
            await self._stop.wait()
            self._take()
            self._fanout.announce(protocol.state_message(State.ENDED, "The server stops."))
        finally:
            sweep.cancel()
            server.close(code=CloseCode.GOING_AWAY, reason="the server stops")
            await server.wait_closed()

    async def _listen(self) -> Server:
        factory = ServerPerMessageDeflateFactory(server_no_context_takeover=True, compress_settings=dict(DEFLATE))
        return await serve(
            self._handle,
            self._host,
            self._asked_port,
            process_request=self._process_request,
            create_connection=_Connection,
            compression=None,
            extensions=[factory] if self._compress else None,
            ping_interval=min(20.0, self._stall_timeout),
            ping_timeout=self._stall_timeout,
            close_timeout=CLOSE_SECONDS,
            max_size=MESSAGE_BYTES,
            server_header="ac-telemetry",
            logger=_log,
            backlog=512,
        )

    async def _drop_stalled_clients(self) -> None:
        while True:
            await asyncio.sleep(min(1.0, self._stall_timeout / 4.0))
            self._fanout.drop_stalled(self._stall_timeout)

    def _take(self) -> None:
        """Deliver what the loop has shown since."""
        self._woken = False  # before looking: what comes now wakes anew
        while self._inbox:
            shown = self._inbox.popleft()
            before, self._now = self._now, shown
            if (shown.state, shown.message) != (before.state, before.message):
                self._fanout.announce(protocol.state_message(shown.state, shown.message))
            if shown.sample is None:
                continue
            if shown.kept:
                self._newest = shown
                self._times.append(shown.taken)
                if self._inbox and perf_counter() - shown.taken > LATE_SECONDS:
                    self._late += 1
                    self._delta_tracker.update(shown.sample)
                else:
                    self._broadcast(shown.sample)
            self._lap_state, laps = advance(self._lap_state, shown.sample)
            for lap in laps:
                self._delta_tracker.complete_lap(lap)
                self._fanout.announce(protocol.lap_message(lap))

    def _broadcast(self, sample: Sample) -> None:
        """Send a sample; where nobody wants the delta, sending does not wait for it."""
        if self._fanout.wants_delta:
            self._delta_tracker.update(sample)
            self._fanout.broadcast(sample, self._delta_tracker.delta())
        else:
            self._fanout.broadcast(sample, LapDelta())
            self._delta_tracker.update(sample)

    async def _handle(self, connection: ServerConnection) -> None:
        self._connections += 1
        request = connection.request
        ask = protocol.parse_query(urlsplit(request.path).query if request else "")
        client = Client(connection, ask.subscription)
        self._fanout.add(client)
        try:
            self._greet(client, ask)
            if self._newest and self._newest.sample:
                self._fanout.send_sample(client, self._newest.sample, self._delta_tracker.delta())
            await self._listen_to(client)
        except ConnectionClosed:
            pass
        finally:
            self._fanout.remove(client)

    def _greet(self, client: Client, ask: protocol.SubscribeRequest) -> None:
        for sentence in ask.errors:
            self._fanout.send(client, protocol.error_message(sentence))
        if ask.hello:
            newest = self._newest.sample if self._newest else None
            hello = protocol.hello_message(ask.subscription, self._source, self._rate, newest, self._thresholds)
            self._fanout.send(client, hello)
        if ask.subscription.events:
            self._fanout.send(client, protocol.state_message(self._now.state, self._now.message))

    async def _listen_to(self, client: Client) -> None:
        """Answer a client's messages, no faster than they are worth: what it sends beyond waits in its own system."""
        allowance, counted, told = MESSAGES_AT_ONCE, perf_counter(), False
        async for message in client.connection:
            now = perf_counter()
            allowance = min(MESSAGES_AT_ONCE, allowance + (now - counted) * MESSAGES_PER_SECOND)
            counted = now
            if allowance < 1.0:
                if not told:
                    sentence = f"That is too much: {MESSAGES_PER_SECOND:g} messages per second are read."
                    self._fanout.send(client, protocol.error_message(sentence))
                told = True
                with suppress(TimeoutError):
                    async with asyncio.timeout((1.0 - allowance) / MESSAGES_PER_SECOND):
                        await client.connection.wait_closed()
                        return  # what is left of it is for nobody
            elif allowance > MESSAGES_AT_ONCE / 2.0:
                told = False
            allowance -= 1.0
            self._answer(client, message)

    def _answer(self, client: Client, message: str | bytes) -> None:
        try:
            command = protocol.parse_message(message, client.subscription)
        except protocol.RequestError as error:
            self._fanout.send(client, protocol.error_message(str(error)))
            return
        match command:
            case protocol.Subscribe(ask):
                self._fanout.change(client, ask.subscription)
                self._fanout.send(client, protocol.subscribed_message(ask.subscription))
                self._greet(client, ask)
            case protocol.Ping(identity):
                self._fanout.send(client, protocol.pong_message(identity))
            case protocol.Marker(name):
                self._mark(name)

    def _mark(self, name: str) -> None:
        now = time()
        newest = self._newest.sample if self._newest else None
        sequence = newest.sequence if newest else None
        self._fanout.announce(protocol.marker_message(name, now, sequence))
        if self._on_marker:
            self._on_marker(Event("marker", now, {"name": name}))

    def _process_request(self, connection: ServerConnection, request: Request) -> Response | None:  # noqa: ARG002
        return self._routes.respond(request)

    def _figures(self) -> StreamStats:
        now, stats, fanout = perf_counter(), self._stats, self._fanout
        return StreamStats(
            source=self._source,
            state=self._now.state,
            message=self._now.message,
            uptime_s=round(now - self._began, 3),
            samples=stats.samples,
            rate_asked_hz=self._rate,
            rate_measured_hz=self._measured_rate(now),
            age_s=round(now - self._newest.taken, 3) if self._newest else None,
            missed=stats.missed,
            torn=stats.torn,
            recording_dropped=stats.dropped,
            clients=fanout.count,
            connections=self._connections,
            sent=fanout.sent,
            dropped=fanout.dropped,
            stalled=fanout.stalled,
            lost=self._lost + self._late,
            encodings=fanout.encodings,
            encode_seconds=fanout.encode_seconds,
            broadcasts=fanout.broadcasts,
            broadcast_seconds=fanout.broadcast_seconds,
        )

    def _measured_rate(self, now: float) -> float | None:
        """Samples per second of late; None where there are none."""
        times = [taken for taken in self._times if now - taken <= RATE_WINDOW_S]
        return round((len(times) - 1) / (times[-1] - times[0]), 3) if len(times) > 1 and times[-1] > times[0] else None
