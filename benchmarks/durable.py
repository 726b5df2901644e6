"""What `--durable` costs: the time of a flush of a quarter of a second of steps, synced to the disk and not.

    uv run benchmarks/durable.py [--flushes N] [--directory DIR]

The directory must be on the disk that recordings go to. What it costs the capture says `capture.py --durable`.
"""

import argparse
import math
import statistics
import sys
import tempfile
import time
from itertools import islice
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from telemetry.base.clock import Clock
from telemetry.demo.source import DemoSource
from telemetry.recording.interfaces import Step
from telemetry.sources import open_page_sink

STEPS = 83
"""Steps of a flush at 333 a second."""


def flush_times(path: Path, steps: list[Step], *, durable: bool) -> tuple[list[float], float]:
    """How long each flush took [s], and the processor time of all of them [s]."""
    times: list[float] = []
    used = 0.0
    with open_page_sink(path, durable=durable) as sink:
        for first in range(0, len(steps), STEPS):
            for step in steps[first : first + STEPS]:
                sink.write(step)
            began, used_before = time.perf_counter(), time.process_time()
            sink.flush()
            times.append(time.perf_counter() - began)
            used += time.process_time() - used_before
    return times, used


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--flushes", type=int, default=200)
    parser.add_argument("--directory", type=Path, default=Path(), help="on the disk to measure")
    options = parser.parse_args()
    steps = list(islice(DemoSource(seed=1).steps(Clock(math.inf)), STEPS * options.flushes))
    with tempfile.TemporaryDirectory(dir=options.directory) as folder:
        for suffix in (".mcap", ".jsonl", ".jsonl.gz", ".jsonl.zst"):
            for durable in (False, True):
                times, used = flush_times(Path(folder, f"{durable}{suffix}"), steps, durable=durable)
                p99 = statistics.quantiles(times, n=100)[98]
                median, longest, cpu = (
                    1e3 * value for value in (statistics.median(times), max(times), used / len(times))
                )
                kind = "durable" if durable else "usual"
                print(
                    f"{suffix:10} {kind:8} {median:6.1f} ms, p99 {1e3 * p99:.1f}, longest {longest:.1f}; "
                    f"of a processor {cpu:.1f} ms",
                    flush=True,
                )


if __name__ == "__main__":
    main()
