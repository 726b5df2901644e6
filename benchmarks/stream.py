"""One sample to many WebSocket clients: our server beside the usual ways and the floor, in one run.

    uv run benchmarks/stream.py [--seconds S] [--clients N ...] [--rate HZ] [--rounds N]
    uv run benchmarks/stream.py --stall 600

Every way is a server in a process of its own and sends the same JSON line, with the time in it, at the same rate. The
clients are another process that reads raw frames. Cost is the server's CPU time per message that arrived. Where fewer
than 100 % arrived, the machine could not keep up, and the row must not be compared. Latency is from the time at which
the sample was taken to the time at which its last byte was read. Ways take turns, and medians are shown.

With --stall one client of ten never reads, and the server's memory is printed at intervals.
"""

import argparse
import asyncio
import json
import math
import multiprocessing
import socket
import statistics
import struct
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

from websockets.asyncio.server import ServerConnection, broadcast, serve
from websockets.frames import Frame, Opcode

from telemetry.base.typing import override
from telemetry.demo import DemoGame
from telemetry.fields.derived import Sample, derive
from telemetry.fields.snapshot import decode
from telemetry.fields.wire import LineEncoder
from telemetry.recording.game_state import State
from telemetry.recording.stats import RecordingStats
from telemetry.stream import ServerOptions, StreamServer

from ac_native_memory import Pages  # isort: skip

Numbers = dict[str, float]
WARM_SECONDS = 1.0


def sample_of_the_demo() -> Sample:
    """A sample in the middle of a lap."""
    game = DemoGame(seed=1)
    for _ in range(4000):
        game.step()
    return derive(decode(Pages(game.physics_page(), game.graphics_page(), game.static_page(), 0.0)), None)


def ticks(rate: float, seconds: float) -> Any:
    """Wake at absolute deadlines; a deadline that has passed already is left out."""
    begin = time.perf_counter()
    number = 0
    while (deadline := begin + number / rate) < begin + seconds:
        time.sleep(max(0.0, deadline - time.perf_counter()))
        yield number
        number = max(number + 1, int((time.perf_counter() - begin) * rate))


def feed(rate: float, seconds: float, give: Callable[[Sample], None]) -> Numbers:
    """Pass samples with the current time to ``give``; returns their number and the CPU seconds of this process."""
    blank, count, total = sample_of_the_demo(), 0, 0
    before = 0.0
    begin = time.perf_counter()
    for number in ticks(rate, seconds + WARM_SECONDS):
        if not before and time.perf_counter() - begin > WARM_SECONDS:
            before = time.process_time()
        count += bool(before)
        total += 1
        give(Sample.of((time.time(), number / rate, number, number, *blank[4:])))
    time.sleep(0.2)
    return {"samples": count, "total": total, "cpu": time.process_time() - before}


# The ways. Each sends its port through the pipe, waits for an answer, and sends what it cost.


def ours(pipe: Any, rate: float, seconds: float) -> None:
    """The server of this project."""
    with StreamServer(ServerOptions(port=0, stall_timeout_s=3600.0)) as server:
        pipe.send(server.port)
        pipe.recv()
        stats = RecordingStats(state=State.LIVE)

        def give(sample: Sample) -> None:
            stats.samples = sample.sequence + 1
            server.on_reading(sample, stats)

        pipe.send(feed(rate, seconds, give))
        pipe.recv()


def with_websockets(send: Callable[[set[ServerConnection], bytes], Awaitable[None]]) -> Callable[..., None]:
    """A server as in the tutorial of websockets, with one way of sending to all clients."""

    def way(pipe: Any, rate: float, seconds: float) -> None:
        connections: set[ServerConnection] = set()

        async def handle(connection: ServerConnection) -> None:
            connections.add(connection)
            try:
                await connection.wait_closed()
            finally:
                connections.discard(connection)

        async def main() -> None:
            async with serve(handle, "127.0.0.1", 0, compression=None, backlog=512) as server:
                await drive(
                    pipe, rate, seconds, server.sockets[0].getsockname()[1], lambda line: send(connections, line)
                )

        asyncio.run(main())

    return way


async def drive(pipe: Any, rate: float, seconds: float, port: int, send: Callable[[bytes], Awaitable[None]]) -> None:
    """Feed a server on this event loop from a thread, so that all ways have the same pace."""
    loop = asyncio.get_running_loop()
    lines: asyncio.Queue[bytes] = asyncio.Queue()
    encoder = LineEncoder()

    async def forward() -> None:
        while True:
            await send(await lines.get())

    def give(sample: Sample) -> None:
        loop.call_soon_threadsafe(lines.put_nowait, encoder.encode(sample)[:-1])

    pipe.send(port)
    await asyncio.to_thread(pipe.recv)
    task = asyncio.create_task(forward())
    pipe.send(await asyncio.to_thread(feed, rate, seconds, give))
    task.cancel()
    await asyncio.to_thread(pipe.recv)


async def awaiting(connections: set[ServerConnection], line: bytes) -> None:
    """Send to one client after the other."""
    for connection in list(connections):
        await connection.send(line, text=True)


async def broadcasting(connections: set[ServerConnection], line: bytes) -> None:
    """Send with the function that websockets has for this."""
    broadcast(connections, line, text=True)


class Raw(asyncio.Protocol):
    """The floor: a handshake by hand, and then one prebuilt frame written to every transport."""

    transports: set[asyncio.Transport] = set()  # noqa: RUF012 - one set for all instances

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    @override
    def data_received(self, data: bytes) -> None:
        if data.startswith(b"GET"):
            self.transport.write(b"HTTP/1.1 101 Switching Protocols\r\n\r\n")
            self.transports.add(self.transport)


def floor(pipe: Any, rate: float, seconds: float) -> None:
    """A raw asyncio protocol."""

    async def send(line: bytes) -> None:
        frame = Frame(Opcode.TEXT, line).serialize(mask=False)
        for transport in Raw.transports:
            transport.write(frame)

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Raw, "127.0.0.1", 0, backlog=512)
        async with server:
            await drive(pipe, rate, seconds, server.sockets[0].getsockname()[1], send)
            for transport in Raw.transports:
                transport.abort()

    asyncio.run(main())


WAYS: dict[str, Callable[..., None]] = {
    "raw asyncio protocol, one prebuilt frame": floor,
    "ours": ours,
    "websockets.broadcast": with_websockets(broadcasting),
    "await ws.send() per client": with_websockets(awaiting),
}


# The clients


class Reader(asyncio.Protocol):
    """A client that parses frames only as far as the time in them, and keeps the age of each message."""

    def __init__(self, port: int, latencies: list[float], path: str = "/") -> None:
        self._port, self._latencies, self._path = port, latencies, path
        self._data = bytearray()
        self._open = False
        self.ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @override
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        transport.write(
            f"GET {self._path} HTTP/1.1\r\nHost: 127.0.0.1:{self._port}\r\nUpgrade: websocket\r\n"
            "Connection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
            "Sec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    @override
    def data_received(self, data: bytes) -> None:
        self._data += data
        if not self._open:
            end = self._data.find(b"\r\n\r\n")
            if end < 0:
                return
            del self._data[: end + 4]
            self._open = True
            self.ready.set_result(None)
        while len(self._data) >= 4:
            length, header = self._data[1], 2
            if length == 126:
                length, header = struct.unpack_from("!H", self._data, 2)[0], 4
            if len(self._data) < header + length:
                return
            if self._data[0] == 0x81 and self._data.startswith(b'{"timestamp"', header):
                begin = self._data.index(b":", header) + 1
                taken = float(self._data[begin : self._data.index(b",", begin)])
                self._latencies.append(time.time() - taken)
            del self._data[: header + length]


def read(pipe: Any, port: int, count: int) -> None:
    """Run ``count`` clients until something comes through the pipe."""

    async def main() -> None:
        loop, latencies = asyncio.get_running_loop(), list[float]()
        readers = [
            (await loop.create_connection(lambda: Reader(port, latencies), "127.0.0.1", port)) for _ in range(count)
        ]
        await asyncio.gather(*(reader.ready for _, reader in readers))
        pipe.send(None)
        await asyncio.sleep(WARM_SECONDS)
        warm = len(latencies)
        latencies.clear()
        await asyncio.to_thread(pipe.recv)
        pipe.send((latencies, warm + len(latencies)))
        for transport, _ in readers:
            transport.abort()

    asyncio.run(main())


def measure(way: str, count: int, rate: float, seconds: float) -> Numbers:
    """Measure one way with ``count`` clients: CPU in µs per message and client, and latencies in ms."""
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=start_way, args=(way, there, rate, seconds))
    server.start()
    port = here.recv()
    client_here, client_there = context.Pipe()
    clients = context.Process(target=read, args=(client_there, port, count))
    clients.start()
    client_here.recv()
    here.send(None)
    cost = here.recv()
    client_here.send(None)
    latencies, received = client_here.recv()
    latencies.sort()
    arrived = received / (cost["total"] * count)
    here.send(None)
    clients.join()
    server.join()
    return {
        "arrived": arrived,
        "cost": cost["cpu"] / (cost["samples"] * count * arrived) * 1e6,
        "p50": latencies[len(latencies) // 2] * 1e3,
        "p99": latencies[len(latencies) * 99 // 100] * 1e3,
    }


def start_way(way: str, pipe: Any, rate: float, seconds: float) -> None:
    """Run in a process of its own."""
    WAYS[way](pipe, rate, seconds)


def compare(counts: list[int], rate: float, seconds: float, rounds: int) -> None:
    """Measure all ways in turn and print a table."""
    print(f"{rate:g} Hz, {len(LineEncoder().encode(sample_of_the_demo())):,} bytes; CPU in µs per message and client")
    print(f"| {'way':42} | clients |   CPU | of floor | p50 ms | p99 ms | arrived |")
    print(f"|{'-' * 44}|--------:|------:|---------:|-------:|-------:|--------:|")
    for count in counts:
        results: dict[str, list[Numbers]] = {way: [] for way in WAYS}
        for _ in range(rounds):
            for way in WAYS:
                results[way].append(measure(way, count, rate, seconds))
        medians = {
            way: {key: statistics.median(numbers[key] for numbers in measured) for key in measured[0]}
            for way, measured in results.items()
        }
        base = next(iter(medians.values()))["cost"]
        for way, numbers in medians.items():
            ratio = numbers["cost"] / base
            row = f"| {way:42} | {count:7} | {numbers['cost']:5.1f} | {ratio:8.2f} | {numbers['p50']:6.2f} "
            print(f"{row}| {numbers['p99']:6.2f} | {numbers['arrived']:7.1%} |", flush=True)


def memory() -> float:
    """Memory of this process in MB; NaN without /proc."""
    status = Path("/proc/self/status")
    if not status.exists():
        return math.nan
    (line,) = [line for line in status.read_text().splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1e3


def stall(seconds: float, rate: float) -> None:
    """Serve nine clients that read and one that never does, and print the memory of the server."""
    context = multiprocessing.get_context("spawn")
    with StreamServer(ServerOptions(port=0, stall_timeout_s=seconds + 3600.0)) as server, socket.socket() as stalled:
        stalled.connect(("127.0.0.1", server.port))
        stalled.sendall(
            f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )
        here, there = context.Pipe()
        clients = context.Process(target=read, args=(there, server.port, 9))
        clients.start()
        here.recv()
        stats = RecordingStats(state=State.LIVE)
        begin = printed = time.monotonic()
        print(" seconds   memory MB   sent   dropped")

        def give(sample: Sample) -> None:
            nonlocal printed
            stats.samples = sample.sequence + 1
            server.on_reading(sample, stats)
            if time.monotonic() - printed >= max(5.0, seconds / 20.0):
                printed = time.monotonic()
                stats_now = server.stats()
                print(f"{printed - begin:8.0f} {memory():11.1f} {stats_now.sent:6} {stats_now.dropped:9}", flush=True)

        worker = threading.Thread(target=feed, args=(rate, seconds, give))
        worker.start()
        worker.join()
        here.send(None)
        latencies = sorted(here.recv()[0])
        clients.join()
    p99 = latencies[len(latencies) * 99 // 100] * 1e3
    print(json.dumps({"healthy_messages": len(latencies), "healthy_p99_ms": round(p99, 2)}))


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 10, 100, 500])
    parser.add_argument("--rate", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--stall", type=float, metavar="SECONDS")
    arguments = parser.parse_args()
    if arguments.stall:
        stall(arguments.stall, arguments.rate)
    else:
        compare(arguments.clients, arguments.rate, arguments.seconds, arguments.rounds)


if __name__ == "__main__":
    main()
