"""A server that a test feeds by hand, and connections to it."""

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
import ormsgpack
from websockets.sync.client import ClientConnection
from websockets.sync.server import ServerConnection, serve

from telemetry.fields.derived import Sample
from telemetry.fields.wire import LineEncoder
from telemetry.recording.game_state import State
from telemetry.recording.stats import RecordingStats
from telemetry.stream import ServerOptions, StreamServer
from tests.conftest import PATIENCE, sample_of, wait_until

if TYPE_CHECKING:
    from telemetry.recording.interfaces import Event


class Rig:
    """A server, and the readings that a sampling loop would give it."""

    def __init__(self, **options: Any) -> None:
        self.markers: list[Event] = []
        given: dict[str, Any] = {"port": 0, "source": "rig", "rate": 60.0, **options}
        self.server = StreamServer(ServerOptions(**given), on_marker=self.markers.append)
        self.stats = RecordingStats(state=State.LIVE)
        self.began = time.time()

    @property
    def url(self) -> str:
        return self.server.url

    def on_reading(self, count: int = 1, **values: Any) -> Sample:
        """Take so many samples."""
        for _ in range(count):
            now = time.time()
            times = {"timestamp": now, "elapsed": now - self.began}
            sample = sample_of(sequence=self.stats.samples, **(times | values))
            self.stats.samples += 1
            self.server.on_reading(sample, self.stats)
            wait_until(lambda: self.server.pending < 32)
        return sample

    def tell(self, state: State, message: str = "") -> None:
        self.stats.state, self.stats.message = state, message
        self.server.on_reading(None, self.stats)

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body

    def figures(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.get("/healthz")[1])
        return values


@contextlib.contextmanager
def rig_of(**options: Any) -> Iterator[Rig]:
    rig = Rig(**options)
    try:
        yield rig
    finally:
        rig.server.close()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def serving(handle: Callable[[ServerConnection], None]) -> Iterator[str]:
    """The address of a WebSocket server that does this with each connection."""
    server = serve(handle, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
    finally:
        server.shutdown()
        thread.join()


@contextlib.contextmanager
def scripted(*connections: Sequence[str]) -> Iterator[str]:
    """A WebSocket server that sends these messages on one connection after the other, and keeps the last one open."""
    scripts = iter(connections[:-1])

    def handle(connection: ServerConnection) -> None:
        script = next(scripts, None)
        for message in connections[-1] if script is None else script:
            connection.send(message)
        if script is None:
            connection.wait_closed(PATIENCE)

    with serving(handle) as url:
        yield url


def _stream_of(stream_id: str, *sequences: int) -> list[str]:
    """A hello, and samples with these numbers, 20 a second."""
    samples = [
        sample_of(sequence=number, timestamp=1.7e9 + number / 20, elapsed=number / 20, speed_kmh=60.0 + number, gear=4)
        for number in sequences
    ]
    return [
        json.dumps({"type": "hello", "stream_id": stream_id}),
        *(LineEncoder().encode(sample).decode() for sample in samples),
    ]


SAMPLES_WITH_A_RESTART: Final = (
    _stream_of("first", 0, 3),
    _stream_of("first", 3, 9),
    _stream_of("second", 0, 12),
)
"""Of three connections: the second begins with the sample that came last, before the third the server was restarted."""


def receive(connection: ClientConnection) -> Any:
    data = connection.recv(timeout=PATIENCE)
    return orjson.loads(data) if isinstance(data, str) else ormsgpack.unpackb(data)


def shake_hands(rig: Rig, receive_buffer: int | None = None) -> socket.socket:
    """A connection that shakes hands and then does nothing that a client should."""
    raw = socket.socket()
    raw.settimeout(10)
    if receive_buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.connect(("127.0.0.1", rig.server.port))
    lines = ["GET / HTTP/1.1", f"Host: 127.0.0.1:{rig.server.port}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13", "", ""]
    raw.sendall("\r\n".join(lines).encode())
    assert raw.recv(12) == b"HTTP/1.1 101"
    return raw
