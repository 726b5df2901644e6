"""The sockets of assetto_corsa_gym's plugin: states go out by UDP, queries come in by TCP.

A client sends ``connect`` to the UDP port, gets ``identified`` and then states, and can answer each of them;
``disconnect`` ends the connection. On the TCP port every message is one word, and its answer, if there is one, is text.
"""

import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
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

_POLL_S: Final = 0.1
_TIMEOUT_S: Final = 1.0
"""How long the sender of a query can take to read the answer."""

_MAX_CONNECTIONS: Final = 32
_BACKLOG: Final = 16

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


class PluginSockets(Closeable):
    """Listens in a thread, from :meth:`start` until it is closed.

    The constructor binds the ports; 0 finds a free one. Raises :class:`telemetry.SinkError` if a port cannot be bound.
    """

    def __init__(self, host: str = "127.0.0.1", port: int = EGO_PORT, management_port: int = MANAGEMENT_PORT) -> None:
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
            try:
                while not self._closing:
                    for key, _ in selector.select(_POLL_S):
                        if key.fileobj is self._ego:
                            self._receive(handler)
                        elif key.fileobj is self._management:
                            self._accept(selector)
                        elif isinstance(key.fileobj, socket.socket) and not _reply(key.fileobj, handler):
                            selector.unregister(key.fileobj)
                            key.fileobj.close()
            except Exception as error:  # noqa: BLE001 - raised again by check()
                self._error = error
            for key in list(selector.get_map().values()):
                if isinstance(key.fileobj, socket.socket) and key.fileobj not in (self._ego, self._management):
                    key.fileobj.close()

    def _receive(self, handler: PluginHandler) -> None:
        try:
            data, address = self._ego.recvfrom(MAX_BYTES)
        except OSError:  # on Windows: an earlier datagram could not be delivered
            return
        handler.on_command(data, address)

    def _accept(self, selector: DefaultSelector) -> None:
        try:
            connection, _ = self._management.accept()
        except OSError:  # the peer has gone away already
            return
        if len(selector.get_map()) >= _MAX_CONNECTIONS:
            connection.close()
            return
        connection.settimeout(_TIMEOUT_S)
        selector.register(connection, EVENT_READ)


def _reply(connection: socket.socket, handler: PluginHandler) -> bool:
    """Answer one query; False if the connection must be closed."""
    try:
        data = connection.recv(MAX_BYTES)
        if not data:
            return False
        answer = handler.on_request(data.decode(errors="replace").strip())
        if answer is not None:
            connection.sendall(answer.encode())
    except OSError:
        return False
    return True
