"""The server: takes every reading of the sampling loop and sends it to its clients, in a thread of its own."""

import asyncio
import logging
import os
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from threading import Event as Signal
from threading import Thread
from time import perf_counter
from typing import Final
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError
from telemetry.base.host import host_name
from telemetry.base.ports import bind_error_message
from telemetry.base.steps import Steps
from telemetry.base.text import to_unicode
from telemetry.base.typing import override
from telemetry.fields.derived import Sample
from telemetry.laps.model import CarAndTrack
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Closeable, Event
from telemetry.recording.stats import RecordingStats
from telemetry.stream import protocol
from telemetry.stream.access import AccessPolicy
from telemetry.stream.broadcast import DEFLATE_SETTINGS, LITTLE_BUFFER_BYTES, Broadcaster, Client
from telemetry.stream.connection import LimitedConnection, peer_address
from telemetry.stream.connection_limits import ConnectionLimits
from telemetry.stream.drive_context import DriveContext
from telemetry.stream.inbox import Inbox, QueuedReading
from telemetry.stream.message_budget import MARKER_MESSAGES, MESSAGES_PER_SECOND
from telemetry.stream.options import DEFAULT_OPTIONS, ServerOptions
from telemetry.stream.relay import Relay
from telemetry.stream.routes import HttpRoutes, StreamStats
from telemetry.stream.turns import Turns

MAX_MESSAGE_BYTES: Final = 16 * 1024
"""Longest message that a client may send."""

ACCEPTED_AT_ONCE: Final = 8
"""Connections that are accepted before something else is done; each takes about 0.3 ms in all."""

WAITING_TO_BE_ACCEPTED: Final = 512
"""Connections that may wait in the system, so that hundreds can be opened at once."""

CLOSE_TIMEOUT_S: Final = 1.0
"""Seconds that a client has to answer a close frame."""

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())  # what clients do wrong does not belong on this program's terminal


class StreamServer(Closeable):
    """Sends readings to any number of WebSocket clients; a :class:`telemetry.recording.interfaces.Listener`.

    It serves from the moment it is made until it is closed.

    :param options: where to listen, and for whom
    :param on_marker: called in the server's thread with each marker that a client sets
    :param unix_time: the Unix time that a sample taken now would have, for markers; by default the time of day

    Raises :class:`telemetry.SinkError` when it cannot listen there.
    """

    def __init__(
        self,
        options: ServerOptions = DEFAULT_OPTIONS,
        *,
        on_marker: Callable[[Event], None] | None = None,
        unix_time: Callable[[], float] | None = None,
    ) -> None:
        self.name = f"stream on {options.host}"
        self._options = options
        self._description = protocol.StreamDescription(
            os.urandom(16).hex(), options.source, options.rate, options.thresholds
        )
        self._on_marker = on_marker
        self._unix_time = unix_time or Clock().unix
        # Shared with the sampling loop's thread: written there, read here.
        self._inbox = Inbox(self._wake)
        self._recording_stats = RecordingStats()
        # Used by the event loop's thread alone.
        self._broadcaster = Broadcaster()
        self._policy = AccessPolicy(options.host, options.token, tuple(options.allowed_origins))
        self._limits = ConnectionLimits(options.clients_per_address)
        self._map_png: bytes | None = None
        self._routes = HttpRoutes(self._policy, options.page, self._limits, self.stats, lambda: self._map_png)
        self._turns = Turns()
        self._relay = Relay(
            self._broadcaster, options.missing_fields, self._look_up if options.find_context is not None else None
        )
        self._lookups: set[asyncio.Task[None]] = set()
        self._connections = 0
        self._started = perf_counter()

        self._listening = Signal()
        self._error: Exception | None = None
        self._address: tuple[str, int] = (options.host, options.port)
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
        """The address for clients on this machine."""
        host = self._options.host
        if host in ("", "0.0.0.0"):  # noqa: S104 - compared, not listened on
            host = "127.0.0.1"
        elif host == "::":
            host = "::1"
        return f"ws://{f'[{host}]' if ':' in host else host}:{self.port}"

    @property
    def pending(self) -> int:
        """Readings that the event loop has not taken yet."""
        return len(self._inbox)

    @property
    def buffered_bytes(self) -> list[int]:
        """Bytes that wait in this process for each client."""
        return [client.transport.get_write_buffer_size() for client in list(self._broadcaster.clients)]

    def on_reading(self, sample: Sample | None, stats: RecordingStats) -> None:
        """Queue a reading for the clients; never waits."""
        self._recording_stats = stats
        is_kept = sample is not None and sample.sequence < stats.samples
        self._inbox.put(QueuedReading(sample, is_kept, stats.state, stats.message, perf_counter()))

    @override
    def close(self) -> None:
        """Close every connection and stop."""
        if self._thread.is_alive():
            with suppress(RuntimeError):  # the event loop has ended already
                self._loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    def stats(self) -> StreamStats:
        """The current state and counters."""
        now, recording, broadcaster = perf_counter(), self._recording_stats, self._broadcaster
        newest = self._relay.newest
        return StreamStats(
            host=host_name(),
            source=to_unicode(self._options.source),
            state=self._relay.latest.state,
            message=self._relay.latest.message,
            uptime_s=round(now - self._started, 3),
            samples=recording.samples,
            rate_asked_hz=self._options.rate,
            rate_measured_hz=self._relay.measure_rate_hz(now),
            age_s=round(now - newest.queued_at, 3) if newest else None,
            missed=recording.missed,
            torn=recording.torn,
            recording_dropped=recording.dropped,
            clients=broadcaster.count,
            connections=self._connections,
            sent=broadcaster.sent,
            dropped=broadcaster.dropped,
            stalled=broadcaster.stalled,
            lost=self._inbox.dropped + self._relay.late_samples,
            encodings=broadcaster.encodings,
            encode_seconds=broadcaster.encode_seconds,
            broadcasts=broadcaster.broadcasts,
            broadcast_seconds=broadcaster.broadcast_seconds,
        )

    def _wake(self) -> None:
        self._loop.call_soon_threadsafe(self._deliver)

    # Everything below runs in the thread of the event loop.

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
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that no computer can have
            self._error = SinkError(bind_error_message(error, self._options.host, self._options.port))
            return
        self._address = server.sockets[0].getsockname()[:2]
        self._listening.set()
        stall_check = asyncio.create_task(self._drop_stalled_clients())
        try:
            await self._stop.wait()
            self._deliver()
            self._relay.follow_laps()
            self._broadcaster.announce(protocol.state_message(State.ENDED, "The server stops."))
        finally:
            stall_check.cancel()
            server.close(code=CloseCode.GOING_AWAY, reason="the server stops")
            await server.wait_closed()

    async def _listen(self) -> Server:
        options = self._options

        class Connection(LimitedConnection):
            limits = self._limits

        factory = ServerPerMessageDeflateFactory(
            server_no_context_takeover=True, compress_settings=dict(DEFLATE_SETTINGS)
        )
        server = await serve(
            self._handle,
            options.host,
            options.port,
            process_request=self._respond,
            create_connection=Connection,
            compression=None,
            extensions=[factory] if options.compress else None,
            ping_interval=min(20.0, options.stall_timeout_s),
            ping_timeout=options.stall_timeout_s,
            close_timeout=CLOSE_TIMEOUT_S,
            max_size=MAX_MESSAGE_BYTES,
            write_limit=LITTLE_BUFFER_BYTES,
            server_header="ac-telemetry",
            logger=_log,
            backlog=ACCEPTED_AT_ONCE,  # asyncio accepts so many at once, and lets as many wait
        )
        for listening in server.sockets:
            with listening.dup() as same:
                same.listen(WAITING_TO_BE_ACCEPTED)
        return server

    async def _respond(self, connection: ServerConnection, request: Request) -> Response | None:
        async with self._turns.take():
            try:
                return self._routes.respond(request, peer_address(connection))
            finally:
                self._limits.on_answer(connection.transport)

    async def _drop_stalled_clients(self) -> None:
        timeout_s = self._options.stall_timeout_s
        while True:
            await asyncio.sleep(min(1.0, timeout_s / 4.0))
            self._broadcaster.drop_stalled_clients(timeout_s)

    def _look_up(self, drive: CarAndTrack) -> None:
        """Find in another thread what is known of this drive: files are read for it."""
        task = self._loop.create_task(self._find_context(drive))
        self._lookups.add(task)
        task.add_done_callback(self._lookups.discard)

    async def _find_context(self, drive: CarAndTrack) -> None:
        find = self._options.find_context
        assert find is not None

        def look_up() -> tuple[DriveContext, list[protocol.Message]]:
            context = find(drive)
            return context, context.messages()

        context, messages = await asyncio.to_thread(look_up)
        self._map_png = None if context.picture is None else context.picture.png
        self._relay.use_context(drive, context, messages)

    def _deliver(self) -> None:
        """Send the readings that were queued since the last call."""
        for reading in self._inbox.take_all():
            self._relay.pass_on(reading, is_last=not self.pending)

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, LimitedConnection)
        self._limits.admit(connection.transport)
        self._connections += 1
        handshake = connection.request
        query = urlsplit(handshake.path).query if handshake else ""
        client = Client(connection)
        connection.on_change = partial(self._broadcaster.look_again, client)
        try:
            _, steps = await self._turns.finish(self._join(client, query))
            client.budget.charge(steps)
            await self._read_messages(client)
        except ConnectionClosed:
            pass
        finally:
            self._broadcaster.remove(client)

    def _send_track(self, client: Client) -> None:
        """Send what is known of the drive to a client that asked for it."""
        for message in self._relay.context_messages:
            client.budget.charge(MARKER_MESSAGES - 1)
            self._broadcaster.send(client, message)

    def _join(self, client: Client, query: str) -> Steps[None]:
        """Give a client what the query of its address asks for, beginning with the newest sample."""
        request = yield from protocol.parse_query_in_steps(query)
        self._broadcaster.change(client, request.subscription)
        self._greet(client, request)
        if request.subscription.track:
            self._send_track(client)
        self._relay.send_newest(client)

    def _greet(self, client: Client, request: protocol.SubscribeRequest) -> None:
        """Send what a client is sent once after its subscription: errors, the ``hello``, the state."""
        for sentence in request.errors:
            self._broadcaster.send(client, protocol.error_message(sentence))
        if request.hello:
            newest = self._relay.newest_sample
            self._broadcaster.send(client, protocol.hello_message(request.subscription, self._description, newest))
        if request.subscription.events:
            self._broadcaster.send(client, protocol.state_message(self._relay.latest.state, self._relay.latest.message))

    async def _read_messages(self, client: Client) -> None:
        """Answer a client's messages within its budget; what it sends beyond that waits in its own system."""
        budget, is_warned = client.budget, False
        async for message in client.connection:
            wait_s = budget.spend(perf_counter())
            if wait_s > 0.0:
                if not is_warned:
                    sentence = f"Rate limit: at most {MESSAGES_PER_SECOND:g} messages per second."
                    self._broadcaster.send(client, protocol.error_message(sentence))
                is_warned = True
                with suppress(TimeoutError):
                    async with asyncio.timeout(wait_s):
                        await client.connection.wait_closed()
                        return  # the rest of the messages needs no answer
            elif budget.is_recovered:
                is_warned = False
            _, steps = await self._turns.finish(self._answer(client, message))
            budget.charge(steps)

    def _answer(self, client: Client, message: str | bytes) -> Steps[None]:
        try:
            request = yield from protocol.parse_message_in_steps(message, client.subscription)
        except protocol.RequestError as error:
            self._broadcaster.send(client, protocol.error_message(str(error)))
            return
        match request:
            case protocol.SubscribeRequest(subscription):
                is_track_new = subscription.track and not client.subscription.track
                self._broadcaster.change(client, subscription)
                self._broadcaster.send(client, protocol.subscribed_message(subscription))
                self._greet(client, request)
                if is_track_new:
                    self._send_track(client)
            case protocol.PingRequest(identity):
                self._broadcaster.send(client, protocol.pong_message(identity))
            case protocol.MarkerRequest(name):
                client.budget.charge(MARKER_MESSAGES - 1)
                connection = client.connection
                if refusal := self._policy.check_marker(connection.remote_address[0], connection.local_address[0]):
                    self._broadcaster.send(client, protocol.error_message(refusal))
                else:
                    self._set_marker(name)

    def _set_marker(self, name: str) -> None:
        now = self._unix_time()
        newest = self._relay.newest_sample
        sequence = newest.sequence if newest else None
        self._broadcaster.announce(protocol.marker_message(name, now, sequence))
        if self._on_marker:
            self._on_marker(Event("marker", now, {"name": name}))
