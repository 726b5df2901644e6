"""Every physics step of a game in another process: how many are kept, whether they are whole, and what it costs.

    uv run benchmarks/capture.py [--seconds N] [--rounds N] [--directory DIR] [--durable]

A process of its own publishes the demo as ``publish`` does and notes when each page was written. In each round three
look at it, one after the other:

- a bare loop that does nothing but look, without a pause and with a core for itself: what this machine allows at all;
- the live source, whose steps are checked byte for byte against a second demo of the same seed;
- the whole command ``record``, in a process of its own, with its file on the disk.

A step that is missing is put down to the publisher where its page stood for a moment only, and to the reader otherwise.
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from ac_native_memory import PageReader
from telemetry.base.clock import Clock
from telemetry.demo import DemoGame
from telemetry.demo.source import DemoSource
from telemetry.fields.pages import read_packet_id
from telemetry.game import LiveSource, Publisher
from telemetry.recording.interfaces import Step

SEED = 7
HASTE_SECONDS = 1.25e-3
"""A page that stood for less could hardly be seen."""


def publish(directory: Path, results: Connection) -> None:
    """Publish until asked to stop, and send the time at which each packetId was written."""
    clock = Clock()
    written: dict[int, float] = {}
    with Publisher(directory) as publisher:
        for pages in DemoSource(seed=SEED).pages(clock):
            publisher.write(pages)
            written.setdefault(read_packet_id(pages.physics), time.perf_counter())
            if results.poll():
                break
    results.send(written)


def record(directory: Path, seconds: float) -> tuple[list[Step], LiveSource, float, float]:
    """The steps of so many seconds since the first, the source, its CPU time per second, and the clock's zero."""
    clock = Clock()
    zero = time.perf_counter()
    steps: list[Step] = []
    begin = used = 0.0
    with LiveSource(directory) as source:
        for step in source.steps(clock):
            if step.pages is None or not any(step.pages.physics):
                continue
            if not steps:
                begin, used = clock.now(), time.process_time()
            steps.append(step)
            if step.elapsed - steps[0].elapsed >= seconds:
                break
        used = (time.process_time() - used) / (clock.now() - begin)
    return steps, source, used, zero


def check(steps: list[Step]) -> tuple[int, int]:
    """How many of the physics pages and of the graphics pages the demo never wrote in that step, or never at all."""
    game = DemoGame(SEED)
    last = max(read_packet_id(step.pages.physics) for step in steps if step.pages)
    physics: dict[int, bytes] = {}
    graphics = set()
    while game.packet <= last + 1000:
        game.step()
        graphics.add(game.graphics_page())
        physics[game.packet] = game.physics_page()
    pages = [step.pages for step in steps if step.pages]
    torn = sum(page.physics != physics[read_packet_id(page.physics)] for page in pages)
    return torn, sum(page.graphics not in graphics for page in pages)


def spin(directory: Path, seconds: float) -> tuple[float, float]:
    """The shares of the steps that a loop sees which only ever looks, and of a core that it takes."""
    with PageReader(directory) as reader:
        first = packet_id = read_packet_id(reader.look(0))
        seen, end, used = 1, time.perf_counter() + seconds, time.process_time()
        while time.perf_counter() < end:
            now = read_packet_id(reader.look(0))
            seen += now != packet_id
            packet_id = now
    return seen / (packet_id - first + 1), (time.process_time() - used) / seconds


def record_whole(
    directory: Path, seconds: float, *further: str, prepare: Callable[[Path], None] = lambda _: None
) -> tuple[float, float]:
    """The shares of the steps that the command keeps, and of a core that its process takes once it has begun.

    ``prepare`` is called with the folder that it will record into.
    """
    main = Path(__file__).parent.parent / "main.py"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "drive.mcap")
        prepare(Path(folder))
        options = ["--source", str(directory), "--duration", str(seconds), "--quiet", "--json-summary", *further]
        process = subprocess.Popen(  # noqa: S603 - this very project
            [sys.executable, main, "record", path, *options], stdout=subprocess.PIPE
        )
        while not path.exists() or not path.stat().st_size:
            time.sleep(0.01)
        begin, used = time.perf_counter(), cpu_seconds(process.pid)
        time.sleep(max(0.0, seconds - 2.0))
        used = (cpu_seconds(process.pid) - used) / (time.perf_counter() - begin)
        summary = json.loads(process.communicate()[0])
    return summary["steps"] / (summary["steps"] + summary["missing"]), used


def cpu_seconds(pid: int) -> float:
    """CPU time that a process has used so far, in seconds; 0 where /proc does not exist."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def main() -> None:
    """Look, check, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--directory", type=Path, default=Path("/dev/shm"), help="where page files are made")  # noqa: S108
    parser.add_argument("--durable", action="store_true", help="measure record --durable too")
    options = parser.parse_args()
    shares: dict[str, list[tuple[float, float]]] = {"bare loop": [], "live source": [], "record": []}
    for number in range(options.rounds):
        print(f"round {number + 1}")
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        with tempfile.TemporaryDirectory(dir=options.directory) as name:
            directory = Path(name)
            publisher = context.Process(target=publish, args=(directory, theirs))
            publisher.start()
            steps, source, used, zero = record(directory, options.seconds)
            shares["bare loop"].append(spin(directory, options.seconds))
            shares["record"].append(record_whole(directory, options.seconds))
            if options.durable:
                durable = record_whole(directory, options.seconds, "--durable")
                shares.setdefault("record --durable", []).append(durable)
            ours.send(None)
            written: dict[int, float] = ours.recv()
            publisher.join()
        shares["live source"].append((report(steps, source, written, used, zero), used))
    print("\nmedians           kept of all steps   of the bare loop's   of a core")
    bare = statistics.median(kept for kept, _ in shares["bare loop"])
    for what, found in shares.items():
        kept, used = (statistics.median(values) for values in zip(*found, strict=True))
        print(f"{what:12} {kept:22.3%} {kept / bare:20.4f} {used:11.1%}")


def report(steps: list[Step], source: LiveSource, written: dict[int, float], used: float, zero: float) -> float:
    """Print what was found; gives the share of the steps that is there."""
    seen = {read_packet_id(step.pages.physics): step.elapsed + zero for step in steps if step.pages}
    first, last = min(seen), max(seen)
    missing = [packet_id for packet_id in range(first, last) if packet_id not in seen]
    stood = {packet_id: written[packet_id + 1] - written[packet_id] for packet_id in range(first, last)}
    hasty = sum(stood[packet_id] < HASTE_SECONDS for packet_id in missing)
    seconds = max(seen.values()) - min(seen.values())
    torn, torn_graphics = check(steps)
    assembler = source.assembler
    load = ", ".join(f"{load:.2f}" for load in os.getloadavg()) if sys.platform != "win32" else "unknown"
    print(f"load average {load} on {os.cpu_count()} cores")
    print(f"{len(steps):,} steps, {len(steps) - len(seen)} twice, {sum(step.missing for step in steps)} said missing")
    print(
        f"{len(missing)} missing ({hasty} by a publisher in haste, {len(missing) - hasty} by a reader that came late)"
    )
    kept = len(seen) / (last - first + 1)
    print(f"{kept:.3%} kept")
    print(
        f"{assembler.repaired} repaired, {assembler.ambiguous} ambiguous, {assembler.unconfirmed} gone at the next look"
    )
    print(f"torn: {torn} physics, {torn_graphics} graphics")
    print(f"{100.0 * used:.2f} % of a core, {1e6 * used * seconds / len(steps):.1f} µs a step")
    on_reading("first sight after the page was written", [seen[packet_id] - written[packet_id] for packet_id in seen])
    gaps = list(stood.values())
    on_reading("from one page written to the next", gaps)
    print(f"{sum(gap > 0.0045 for gap in gaps)} pages came more than half a period late")
    return kept


def on_reading(what: str, seconds: list[float]) -> None:
    """Print quantiles in microseconds."""
    cuts = statistics.quantiles(seconds, n=1000)
    at: Callable[[float], str] = lambda share: f"{1e6 * cuts[round(1000 * share) - 1]:,.0f}"  # noqa: E731 - short
    print(f"{what}: p1 {at(0.01)}, p50 {at(0.5)}, p99 {at(0.99)}, p99.9 {at(0.999)} µs")


if __name__ == "__main__":
    main()
