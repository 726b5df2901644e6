"""A server in a thread of its own, with an event loop of its own: what all servers of streams have in common."""

import asyncio
import logging
from abc import abstractmethod
from collections.abc import Iterable
from contextlib import suppress
from threading import Event as Signal
from threading import Thread
from typing import Final

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.extensions.permessage_deflate import ServerPerMessageDeflateFactory
from websockets.frames import CloseCode
from websockets.http11 import Request, Response

from telemetry.base.errors import SinkError
from telemetry.base.ports import bind_error_message
from telemetry.base.typing import override
from telemetry.recording.interfaces import Closeable
from telemetry.stream.access import AccessPolicy
from telemetry.stream.broadcast import DEFLATE_SETTINGS, LITTLE_BUFFER_BYTES
from telemetry.stream.channel import Channel
from telemetry.stream.client_service import ClientService
from telemetry.stream.connection import LimitedConnection, peer_address
from telemetry.stream.connection_limits import MAX_CLIENTS, ConnectionLimits
from telemetry.stream.options import ServerOptions
from telemetry.stream.routes import Content, HttpRoutes
from telemetry.stream.turns import Turns

MAX_MESSAGE_BYTES: Final = 16 * 1024
"""Longest message that a client may send."""

ACCEPTED_AT_ONCE: Final = 8
"""Connections that are accepted before something else is done; each takes about 0.3 ms in all."""

WAITING_TO_BE_ACCEPTED: Final = 512
"""Connections that may wait in the system, so that hundreds can be opened at once."""

CLOSE_TIMEOUT_S: Final = 1.0
"""Seconds that a client has to answer a close frame."""

_log = logging.getLogger("telemetry.stream")
_log.addHandler(logging.NullHandler())  # what clients do wrong does not belong on this program's terminal


class BackgroundServer(Closeable):
    """Listens and serves from :meth:`start` until it is closed.

    :param options: where to listen, and for whom
    :param content: what it serves
    :param max_clients: clients at a time
    """

    def __init__(self, options: ServerOptions, content: Content, max_clients: int = MAX_CLIENTS) -> None:
        self.options = options
        self.connections = 0
        """Clients that ever connected."""
        self._content = content
        policy = AccessPolicy(options.host, options.token, tuple(options.allowed_origins))
        self._limits = ConnectionLimits(options.clients_per_address, max_clients)
        self._routes = HttpRoutes(policy, self._limits, content)
        self._turns = Turns()
        self._service = ClientService(policy, self._turns)
        self._listening = Signal()
        self._error: Exception | None = None
        self._address: tuple[str, int] = (options.host, options.port)
        self._thread = Thread(target=self._run, name="stream")  # not a daemon: it is joined on every way out

    def start(self) -> None:
        """Begin to serve; raises :class:`telemetry.SinkError` when it cannot listen there."""
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
        host = self.options.host
        if host in ("", "0.0.0.0"):  # noqa: S104 - compared, not listened on
            host = "127.0.0.1"
        elif host == "::":
            host = "::1"
        return f"ws://{f'[{host}]' if ':' in host else host}:{self.port}"

    @override
    def close(self) -> None:
        """Close every connection and stop."""
        if self._thread.is_alive():
            with suppress(RuntimeError):  # the event loop has ended already
                self.loop.call_soon_threadsafe(self._stop.set)
            self._thread.join()

    # Everything below runs in the thread of the event loop.

    @abstractmethod
    def _list_channels(self) -> Iterable[Channel]:
        """All channels."""

    async def _work(self) -> None:
        """What is done beside serving, until it is cancelled."""

    @abstractmethod
    def _say_goodbye(self) -> None:
        """Send the last messages to clients; called before their connections are closed."""

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
        self.loop = asyncio.get_running_loop()
        self.loop.set_exception_handler(lambda _, context: _log.error("%s", context))
        self._stop = asyncio.Event()
        try:
            server = await self._listen()
        except (OSError, UnicodeError) as error:  # UnicodeError: a name that no computer can have
            self._error = SinkError(bind_error_message(error, self.options.host, self.options.port))
            return
        self._address = server.sockets[0].getsockname()[:2]
        tasks = [asyncio.create_task(self._drop_stalled_clients()), asyncio.create_task(self._work())]
        self._listening.set()
        try:
            await self._stop.wait()
            self._say_goodbye()
        finally:
            for task in tasks:
                task.cancel()
            server.close(code=CloseCode.GOING_AWAY, reason="the server stops")
            await server.wait_closed()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _listen(self) -> Server:
        options = self.options

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
        timeout_s = self.options.stall_timeout_s
        while True:
            await asyncio.sleep(min(1.0, timeout_s / 4.0))
            for channel in self._list_channels():
                channel.broadcaster.drop_stalled_clients(timeout_s)

    async def _handle(self, connection: ServerConnection) -> None:
        assert isinstance(connection, LimitedConnection)
        self._limits.admit(connection.transport)
        self.connections += 1
        path, _, query = (connection.request.path if connection.request else "/").partition("?")
        channel = self._content.find_channel(path)
        assert channel is not None  # the routes refuse the upgrade at other paths
        await self._service.serve(connection, channel, query)
