"""Reading a recording of pages one sample after the other, and as columns: CPU time a step, in turns, and the ratio.

    uv run benchmarks/stored.py [--seconds S] [--rounds N]

The same file is read by both walks, and both must find the same: as many steps, the same laps, and the same sums of the
derived fields.
"""

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import process_time
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import numpy as np

from telemetry.base.clock import Clock
from telemetry.demo.source import DemoSource
from telemetry.fields.columns import derive_columns
from telemetry.fields.derived import METRICS
from telemetry.laps.detector import laps
from telemetry.laps.model import Lap
from telemetry.recording.api import samples
from telemetry.recording.blocks import read_blocks
from telemetry.recording.recorded_laps import find_recorded_laps
from telemetry.sources import open_page_sink, open_source

NUMBERS = [metric.name for metric in METRICS if metric.value_type in (int, bool)]


def record(path: Path, seconds: float) -> int:
    """Every step of a drive of the demo; returns how many there are."""
    count = 0
    with open_page_sink(path) as sink:
        for step in DemoSource(seed=1).steps(Clock(math.inf)):
            if step.elapsed >= seconds:
                break
            sink.write(step)
            count += 1
            if count % 83 == 0:
                sink.flush()
    return count


def steps_in_readings(path: Path) -> int:
    """Decoded, one after the other."""
    with open_source(path) as source:
        return sum(reading.snapshot is not None for reading in source.readings(Clock(math.inf), None))


def steps_in_blocks(path: Path) -> int:
    """As arrays on the pages."""
    with open_source(path) as source:
        return sum(map(len, read_blocks(source)))


def sums_of_samples(path: Path) -> dict[str, int]:
    """The sum of each derived field that is a whole number."""
    sums = dict.fromkeys(NUMBERS, 0)
    with open_source(path) as source:
        for sample in samples(source, include_paused=True, clock=Clock(math.inf)):
            for name in NUMBERS:
                sums[name] += int(getattr(sample, name))
    return sums


def sums_of_columns(path: Path) -> dict[str, int]:
    """The same, by column."""
    sums = dict.fromkeys(NUMBERS, 0)
    with open_source(path) as source:
        for columns in derive_columns(read_blocks(source), NUMBERS):
            for name in NUMBERS:
                sums[name] += int(np.sum(columns[name], dtype=np.int64))
    return sums


def laps_of_samples(path: Path) -> list[Lap]:
    """Every sample goes through the lap detector."""
    with open_source(path) as source:
        recorded = samples(source, include_paused=True, clock=Clock(math.inf))
        return list(laps(recorded, missing=source.missing_fields))


def laps_of_columns(path: Path) -> list[Lap]:
    """Only those that can matter do."""
    with open_source(path) as source:
        return list(find_recorded_laps(source))


WORK: dict[str, tuple[Callable[[Path], Any], Callable[[Path], Any]]] = {
    "pages": (steps_in_readings, steps_in_blocks),
    "derived fields": (sums_of_samples, sums_of_columns),
    "laps": (laps_of_samples, laps_of_columns),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "drive.mcap")
        count = record(path, options.seconds)
        print(f"{count:,} steps, {path.stat().st_size / 1e6:.1f} MB; us of CPU a step, medians of {options.rounds}")
        for work, walks in WORK.items():
            times: tuple[list[float], list[float]] = ([], [])
            for _ in range(options.rounds):
                found = []
                for walk, used in zip(walks, times, strict=True):
                    began = process_time()
                    found.append(walk(path))
                    used.append((process_time() - began) / count * 1e6)
                if found[0] != found[1]:
                    raise SystemExit(f"{work}: the two walks differ: {found[0]} and {found[1]}")
            rows, columns = map(statistics.median, times)
            print(f"{work:15} samples {rows:7.1f}   columns {columns:6.2f}   {rows / columns:5.1f} times", flush=True)


if __name__ == "__main__":
    main()
