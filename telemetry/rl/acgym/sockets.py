"""The sockets of assetto_corsa_gym's plugin: states go out by UDP, queries come in by TCP.

A client sends ``connect`` to the UDP port, gets ``identified`` and then states, and can answer each of them;
``disconnect`` ends the connection. On the TCP port every message is one word, and its answer, if there is one, is text.
"""

import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from selectors import EVENT_READ, EVENT_WRITE, DefaultSelector
from threading import Thread
from typing import Final

from telemetry.base.errors import SinkError
from telemetry.base.ports import bind_error_message
from telemetry.base.typing import override
from telemetry.recording.interfaces import Closeable

EGO_PORT: Final = 2345
MANAGEMENT_PORT: Final = 2347
"""The default ports of its configuration: UDP, and TCP."""

MAX_BYTES: Final = 65536
"""Larger than any datagram."""

MAX_VISITORS: Final = 32
"""TCP connections at a time; with one more, that which has been silent for the longest time is closed."""

_POLL_S: Final = 0.1
_BACKLOG: Final = 128

Address = tuple[str, int]


class PluginHandler(ABC):
    """Handles the messages of clients, in the thread of the sockets.

    An exception ends that thread, and is raised again by :meth:`PluginSockets.check`.
    """

    @abstractmethod
    def on_command(self, data: bytes, address: Address) -> None:
        """Handle a datagram."""

    @abstractmethod
    def on_request(self, request: str) -> str | None:
        """The answer to a word sent by TCP; None for no answer."""

    def on_visitor(self, host: str) -> None:  # noqa: B027 - nothing, unless a handler wants to know
        """Note that the computer at this address has connected by TCP: it receives what is sent to its address."""


class PluginSockets(Closeable):
    """Listens in a thread, from :meth:`start` until it is closed.

    The constructor binds the ports; 0 finds a free one. Raises :class:`telemetry.SinkError` if a port cannot be bound.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = EGO_PORT, management_port: int = MANAGEMENT_PORT) -> None:
        try:
            host.encode("idna")
        except UnicodeError as error:
            raise SinkError(bind_error_message(error, host, port)) from error
        self._ego = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            self._ego.bind((host, port))
        except OSError as error:
            self._ego.close()
            raise SinkError(bind_error_message(error, host, port)) from error
        try:
            self._management = socket.create_server((host, management_port), backlog=_BACKLOG)
        except OSError as error:
            self._ego.close()
            raise SinkError(bind_error_message(error, host, management_port, "--management-port")) from error
        self._ego.settimeout(_POLL_S)
        self._management.settimeout(_POLL_S)
        self.host = host
        self.port: int = self._ego.getsockname()[1]
        self.management_port: int = self._management.getsockname()[1]
        self._closing = False
        self._error: Exception | None = None
        self._thread: Thread | None = None

    def start(self, handler: PluginHandler) -> None:
        """Handle messages from now on, including those that are waiting."""
        # Not a daemon thread: close() joins it.
        self._thread = Thread(target=self._run, args=(handler,), name="plugin")
        self._thread.start()

    def send(self, text: str, address: Address) -> None:
        """Send a datagram; errors are ignored."""
        with suppress(OSError):  # a client or a network that is gone can come back
            self._ego.sendto(text.encode(), address)

    def check(self) -> None:
        """Raise the exception that ended the thread, if there was one."""
        if self._error is not None:
            raise self._error

    @override
    def close(self) -> None:
        """End the thread and release the ports."""
        self._closing = True
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._ego.close()
        self._management.close()

    def _run(self, handler: PluginHandler) -> None:
        with DefaultSelector() as selector:
            selector.register(self._ego, EVENT_READ)
            selector.register(self._management, EVENT_READ)
            visitors = _Visitors(selector, handler)
            try:
                while not self._closing:
                    for key, _ in selector.select(_POLL_S):
                        if key.fileobj is self._ego:
                            self._receive(handler)
                        elif key.fileobj is self._management:
                            visitors.accept(self._management)
                        elif isinstance(key.fileobj, socket.socket):
                            visitors.serve(key.fileobj)
            except Exception as error:  # noqa: BLE001 - raised again by check()
                self._error = error
            visitors.close()

    def _receive(self, handler: PluginHandler) -> None:
        try:
            data, address = self._ego.recvfrom(MAX_BYTES)
        except OSError:  # on Windows: an earlier datagram could not be delivered
            return
        handler.on_command(data, address)


class _Visitors:
    """The connections to the TCP port, and what is still to be sent to each; none of them is ever waited for."""

    def __init__(self, selector: DefaultSelector, handler: PluginHandler) -> None:
        self._selector, self._handler = selector, handler
        self._unsent: dict[socket.socket, bytes] = {}
        """By connection, the one first that has been silent for the longest time."""

    def accept(self, listening: socket.socket) -> None:
        """Accept a connection; the longest silent one goes where there are too many."""
        try:
            connection, (host, _) = listening.accept()
        except OSError:  # the peer has gone away already
            return
        if len(self._unsent) >= MAX_VISITORS:
            self._drop(next(iter(self._unsent)))
        connection.setblocking(False)
        self._selector.register(connection, EVENT_READ)
        self._unsent[connection] = b""
        self._handler.on_visitor(host)

    def serve(self, connection: socket.socket) -> None:
        """Answer one query, or send the rest of the answer, before which no other query is read."""
        if connection not in self._unsent:  # dropped since it was found ready
            return
        unsent = self._unsent[connection]
        try:
            if not unsent:
                data = connection.recv(MAX_BYTES)
                if not data:
                    self._drop(connection)
                    return
                answer = self._handler.on_request(data.decode(errors="replace").strip())
                unsent = b"" if answer is None else answer.encode()
            if unsent:
                unsent = unsent[connection.send(unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            self._drop(connection)
            return
        del self._unsent[connection]  # the silent ones stay in front of it
        self._unsent[connection] = unsent
        self._selector.modify(connection, EVENT_WRITE if unsent else EVENT_READ)

    def close(self) -> None:
        """Close all connections."""
        for connection in list(self._unsent):
            self._drop(connection)

    def _drop(self, connection: socket.socket) -> None:
        del self._unsent[connection]
        self._selector.unregister(connection)
        connection.close()
