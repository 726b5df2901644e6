"""What it costs to read the game under Wine with no bridge: looking for it, finding its pages, and their latency.

    uv run benchmarks/proton.py

Needs the Windows Python of ``scripts/windows-python provision``: it writes pages of the demo into named shared memory,
as the game does, with the time in microseconds for a packetId; this Linux Python reads them through ``/proc`` and holds
the time against the same clock. The writer's own way from its clock to its page, some 20 µs in Python, is part of what
is measured. Without Wine only the look for the game is.
"""

import shutil
import statistics
import struct
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(REPOSITORY))

from ac_native_memory import PageReader, PagesMissing
from telemetry.game.proton import GameMemory, Processes

ROUND = 5_000_000
"""A packetId that is a time in microseconds starts again after so many: pages with greater ones are not believed."""

WRITER = f"""
import struct, sys, time
import ac_native_memory as ac
from telemetry.demo import DemoGame
game = DemoGame(1)
for _ in range(3000):
    game.step()
pages = [bytearray(game.physics_page()), game.graphics_page(), game.static_page()]
with ac.PageWriter(prefix=sys.argv[1]) as writer:
    writer.write(*pages)
    end = time.perf_counter() + 8
    while time.perf_counter() < end:
        time.sleep(0.002)
        struct.pack_into("<i", pages[0], 0, 1 + time.perf_counter_ns() // 1000 % {ROUND})
        writer.write(physics=bytes(pages[0]))
"""


def main() -> None:
    """Measure and print."""
    processes = Processes(games=("python.exe",))
    count = sum(path.name.isdigit() for path in Path("/proc").iterdir())
    used = time.process_time()
    scans = timed(processes.games, 200)
    used = (time.process_time() - used) / 200
    print(
        f"look for the game among {count} processes: {quantiles(scans)}; twice a second: {200 * used:.2f} % of a core"
    )
    if not shutil.which("/usr/lib/wine/wine64"):
        return
    command = [str(REPOSITORY / "scripts/windows-python"), "run", "-c", WRITER, f"bench_{uuid.uuid4().hex}_"]
    with subprocess.Popen(command, cwd=REPOSITORY, stdin=subprocess.DEVNULL) as writer:  # noqa: S603 - our own script
        memory = GameMemory(processes)
        reader = wait_for(memory)
        print(f"find its pages and open them: {quantiles(timed(lambda: memory.open_pages().close(), 50))}")
        for name, read in (("spinning", spin(reader)), ("whole copies", copies(reader))):
            print(f"latency, {name}: {quantiles(read)}")
        reader.close()
        writer.wait()


def wait_for(memory: GameMemory) -> PageReader:
    """The writer's pages, once they are there."""
    while True:
        try:
            return memory.open_pages()
        except PagesMissing:
            time.sleep(0.05)


def timed(work: Callable[[], object], times: int) -> list[float]:
    """Seconds that it takes, each time."""
    took = []
    for _ in range(times):
        begin = time.perf_counter()
        work()
        took.append(time.perf_counter() - begin)
    return took


def spin(reader: PageReader) -> list[float]:
    """Seconds from a new packetId's writing to its being seen by a loop that does nothing else."""
    page = reader._maps[0]  # noqa: SLF001 - the latency of the memory alone
    return latencies(lambda: int.from_bytes(page[:4], "little"))


def copies(reader: PageReader) -> list[float]:
    """The same for copies of all three pages, none torn, which wait for a page to hold still."""
    return latencies(lambda: int(struct.unpack_from("<i", reader.copy().physics)[0]))


def latencies(read: Callable[[], int]) -> list[float]:
    """The age of each new packetId over two seconds."""
    ages = []
    before = read()
    end = time.perf_counter() + 2
    while time.perf_counter() < end:
        now = read()
        if now != before:
            microseconds = time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW) / 1000  # what Wine counts from, too
            ages.append((microseconds - now + 1) % ROUND / 1e6)
            before = now
    return ages


def quantiles(seconds: list[float]) -> str:
    """The median and the 99th percentile, in words."""
    cuts = statistics.quantiles(seconds, n=100)
    return f"p50 {cuts[49] * 1e6:,.1f} µs, p99 {cuts[98] * 1e6:,.1f} µs ({len(seconds)} times)"


if __name__ == "__main__":
    main()
