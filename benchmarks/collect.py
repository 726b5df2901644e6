"""Many rigs from one place: `serve --collect` beside a plain relay and beside clients at the rigs, in one run.

    uv run benchmarks/collect.py [--rigs N] [--rate HZ] [--seconds S] [--rounds N]

The rigs are real servers in one process, each fed with samples of 4.8 kB. What collects them is a process of its own,
and the clients, which read raw frames, another. "CPU" is what the collecting process takes of one core; the latency is
from the time at which a sample was taken to the time at which its last byte was read. The plain relay is `websockets`
alone: a connection to every rig, and each message broadcast to the clients of that rig, unread. All ways ask the rigs
for the same: samples with the delta, laps and track, as the dashboard does.
"""

import argparse
import asyncio
import json
import multiprocessing
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

from stream import WARM_SECONDS, Reader, feed
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, broadcast, serve

from telemetry.base.typing import override
from telemetry.fields.derived import Sample
from telemetry.recording.game_state import State
from telemetry.recording.stats import RecordingStats
from telemetry.stream import CollectServer, ServerOptions, StreamServer, parse_rigs

SETTLE_SECONDS = 2.0
"""For connections that are opened when another one is."""

OPTIONS = "events=1&hello=1&delta=1&track=1"
"""What is asked of a rig."""


class Case(NamedTuple):
    """How many look at what."""

    way: str
    clients: int
    """Rigs with a client that reads all samples."""
    pages: int = 0
    """Clients of the overview."""


CASES = [
    Case("at the rigs", 1),
    Case("at the rigs", 20),
    Case("plain relay", 0),
    Case("plain relay", 1),
    Case("plain relay", 20),
    Case("ours", 0),
    Case("ours", 0, 10),
    Case("ours", 1),
    Case("ours", 20),
]


def run_rigs(pipe: Any, count: int, rate: float, seconds: float) -> None:
    """Serve so many rigs; samples begin when something comes through the pipe."""
    servers = [StreamServer(ServerOptions(port=0)) for _ in range(count)]
    pipe.send([server.port for server in servers])
    pipe.recv()
    stats = RecordingStats(state=State.LIVE)

    def give(sample: Sample) -> None:
        stats.samples = sample.sequence + 1
        for server in servers:
            server.on_reading(Sample.of((time.time(), *sample[1:])), stats)

    feed(rate, seconds, give)
    pipe.send(None)
    pipe.recv()
    for server in servers:
        server.close()


def collect_ours(pipe: Any, ports: list[int], seconds: float) -> None:
    """The server of this project."""
    rigs = parse_rigs(",".join(f"r{port}=ws://127.0.0.1:{port}" for port in ports))
    with CollectServer(ServerOptions(port=0), rigs) as server:
        pipe.send(server.port)
        pipe.recv()
        pipe.send(_measure_cpu(seconds))
        pipe.recv()


def collect_plainly(pipe: Any, ports: list[int], seconds: float) -> None:
    """A relay as one would write it with websockets."""
    clients: dict[str, set[ServerConnection]] = {f"/rigs/r{port}": set() for port in ports}

    async def handle(connection: ServerConnection) -> None:
        assert connection.request
        group = clients[connection.request.path]
        group.add(connection)
        try:
            await connection.wait_closed()
        finally:
            group.discard(connection)

    async def relay(port: int) -> None:
        async with connect(f"ws://127.0.0.1:{port}/?{OPTIONS}") as rig:
            async for message in rig:
                broadcast(clients[f"/rigs/r{port}"], message)

    async def main() -> None:
        async with serve(handle, "127.0.0.1", 0, compression=None) as server:
            relays = [asyncio.create_task(relay(port)) for port in ports]
            pipe.send(server.sockets[0].getsockname()[1])
            await asyncio.to_thread(pipe.recv)
            pipe.send(await asyncio.to_thread(_measure_cpu, seconds))
            await asyncio.to_thread(pipe.recv)
            for task in relays:
                task.cancel()

    asyncio.run(main())


def _measure_cpu(seconds: float) -> float:
    """The part of a core that this process takes, once it is warm."""
    time.sleep(WARM_SECONDS)
    before = time.process_time()
    time.sleep(seconds)
    return (time.process_time() - before) / seconds


COLLECTORS: dict[str, Callable[[Any, list[int], float], None]] = {"ours": collect_ours, "plain relay": collect_plainly}


class Silent(Reader):
    """A client that reads and looks at nothing."""

    @override
    def data_received(self, data: bytes) -> None:
        if not self.ready.done():
            self.ready.set_result(None)


def read(pipe: Any, targets: list[tuple[int, str]], pages: list[int]) -> None:
    """Read all of these streams, and these overviews, until something comes through the pipe."""

    async def main() -> None:
        loop, latencies = asyncio.get_running_loop(), list[float]()
        readers = [
            await loop.create_connection(_make(Reader, port, latencies, path), "127.0.0.1", port)
            for port, path in targets
        ]
        readers += [
            await loop.create_connection(_make(Silent, port, latencies, "/"), "127.0.0.1", port) for port in pages
        ]
        await asyncio.gather(*(reader.ready for _, reader in readers))
        pipe.send(None)
        await asyncio.sleep(WARM_SECONDS)
        latencies.clear()
        await asyncio.to_thread(pipe.recv)
        pipe.send(latencies)
        for transport, _ in readers:
            transport.abort()

    asyncio.run(main())


def _make(kind: type[Reader], port: int, latencies: list[float], path: str) -> Callable[[], Reader]:
    return lambda: kind(port, latencies, path)


def measure(case: Case, count: int, rate: float, seconds: float) -> dict[str, float]:
    """Measure one case."""
    context = multiprocessing.get_context("spawn")
    rigs_here, rigs_there = context.Pipe()
    collector_here, collector_there = context.Pipe()
    clients_here, clients_there = context.Pipe()
    processes = [context.Process(target=run_rigs, args=(rigs_there, count, rate, seconds + WARM_SECONDS))]
    processes[0].start()
    ports = rigs_here.recv()
    port = 0
    if case.way in COLLECTORS:
        processes.append(context.Process(target=COLLECTORS[case.way], args=(collector_there, ports, seconds)))
        processes[-1].start()
        port = collector_here.recv()
        time.sleep(SETTLE_SECONDS)
    targets = [(port or rig, f"/rigs/r{rig}" if port else f"/?{OPTIONS}") for rig in ports[: min(case.clients, count)]]
    processes.append(context.Process(target=read, args=(clients_there, targets, [port] * case.pages)))
    processes[-1].start()
    clients_here.recv()
    time.sleep(SETTLE_SECONDS)
    rigs_here.send(None)
    cpu = float("nan")
    if port:
        collector_here.send(None)
        cpu = collector_here.recv()
    rigs_here.recv()
    clients_here.send(None)
    latencies = sorted(clients_here.recv()) or [float("nan")]
    for pipe in (rigs_here, collector_here):
        pipe.send(None)
    for process in processes:
        process.join()
    return {
        "cpu": cpu,
        "p50": latencies[len(latencies) // 2] * 1e3,
        "p99": latencies[len(latencies) * 99 // 100] * 1e3,
        "arrived": len(latencies) / max(rate * (seconds + WARM_SECONDS) * len(targets), 1.0),
    }


def main() -> None:
    """Parse the command line and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rigs", type=int, default=20)
    parser.add_argument("--rate", type=float, default=60.0)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    results: dict[Case, list[dict[str, float]]] = {case: [] for case in CASES}
    for _ in range(arguments.rounds):
        for case in CASES:
            results[case].append(measure(case, arguments.rigs, arguments.rate, arguments.seconds))
    medians = {
        case: {key: statistics.median(numbers[key] for numbers in measured) for key in measured[0]}
        for case, measured in results.items()
    }
    if arguments.json:
        print(json.dumps([{**case._asdict(), **numbers} for case, numbers in medians.items()]))
        return
    print(f"{arguments.rigs} rigs at {arguments.rate:g} Hz; CPU of the collecting process, in % of one core")
    print("| way         | rigs looked at | pages |    CPU | p50 ms | p99 ms |")
    print("|-------------|---------------:|------:|-------:|-------:|-------:|")
    for case, numbers in medians.items():
        row = f"| {case.way:11} | {case.clients:14} | {case.pages:5} | {numbers['cpu']:6.1%} "
        print(f"{row}| {numbers['p50']:6.2f} | {numbers['p99']:6.2f} |".replace(" nan%", "    -").replace("nan", "  -"))


if __name__ == "__main__":
    main()
