"""The sockets of assetto_corsa_gym's plugin: states go by UDP, and questions come by TCP.

A client sends ``connect`` to the UDP port and gets ``identified``, then states, and may answer each; ``disconnect``
ends it. On the TCP port every message is a word, and its answer, if there is one, text.
"""

import socket
from abc import ABC, abstractmethod
from contextlib import suppress
from selectors import EVENT_READ, DefaultSelector
from threading import Thread
from typing import Final

from telemetry.base.errors import SinkError
from telemetry.base.ports import bind_error_message
from telemetry.recording.interfaces import Closeable

EGO_PORT: Final = 2345
MANAGEMENT_PORT: Final = 2347
"""The ports in its configuration."""

MAX_BYTES: Final = 65536
"""More than any datagram holds."""

_POLL_S: Final = 0.1
_TIMEOUT_S: Final = 1.0
"""How long somebody who asked may take to read the answer."""

_MAX_CONNECTIONS: Final = 32
_BACKLOG: Final = 16

Address = tuple[str, int]


class PluginHandler(ABC):
    """Who is told what clients say, in the sockets' thread; what it raises ends the sockets and is raised again."""

    @abstractmethod
    def on_command(self, data: bytes, address: Address) -> None:
        """A datagram."""

    @abstractmethod
    def on_request(self, request: str) -> str | None:
        """A word by TCP; None: nothing is said to it."""


class PluginSockets(Closeable):
    """Listens from :meth:`start` until it is closed, in a thread of its own.

    The ports are taken when it is made; 0 finds a free one. Raises :class:`telemetry.SinkError` where that cannot be.
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

    def start(self, listener: PluginHandler) -> None:
        """Hear what clients say from now on; what came before has waited."""
        # Not a daemon: it is joined on every way out.
        self._thread = Thread(target=self._run, args=(listener,), name="plugin")
        self._thread.start()

    def send(self, text: str, address: Address) -> None:
        """Send a datagram; where nobody takes it, nothing happens."""
        with suppress(OSError):  # who vanished, or whose network did, is welcome again
            self._ego.sendto(text.encode(), address)

    def check(self) -> None:
        """Raise what ended the thread, if anything did."""
        if self._error is not None:
            raise self._error

    def close(self) -> None:
        """End the thread and let go of the ports."""
        self._closing = True
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._ego.close()
        self._management.close()

    def _run(self, listener: PluginHandler) -> None:
        with DefaultSelector() as selector:
            selector.register(self._ego, EVENT_READ)
            selector.register(self._management, EVENT_READ)
            try:
                while not self._closing:
                    for key, _ in selector.select(_POLL_S):
                        if key.fileobj is self._ego:
                            self._hear(listener)
                        elif key.fileobj is self._management:
                            self._accept(selector)
                        elif isinstance(key.fileobj, socket.socket) and not _reply(key.fileobj, listener):
                            selector.unregister(key.fileobj)
                            key.fileobj.close()
            except Exception as error:  # noqa: BLE001 - raised again by check()
                self._error = error
            for key in list(selector.get_map().values()):
                if isinstance(key.fileobj, socket.socket) and key.fileobj not in (self._ego, self._management):
                    key.fileobj.close()

    def _hear(self, listener: PluginHandler) -> None:
        try:
            data, address = self._ego.recvfrom(MAX_BYTES)
        except OSError:  # Windows tells here that somebody did not take what was sent
            return
        listener.on_command(data, address)

    def _accept(self, selector: DefaultSelector) -> None:
        try:
            asking, _ = self._management.accept()
        except OSError:  # it went away again
            return
        if len(selector.get_map()) >= _MAX_CONNECTIONS:
            asking.close()
            return
        asking.settimeout(_TIMEOUT_S)
        selector.register(asking, EVENT_READ)


def _reply(asking: socket.socket, listener: PluginHandler) -> bool:
    """Answer one message; False where the connection is to be closed."""
    try:
        data = asking.recv(MAX_BYTES)
        if not data:
            return False
        answer = listener.on_request(data.decode(errors="replace").strip())
        if answer is not None:
            asking.sendall(answer.encode())
    except OSError:
        return False
    return True
