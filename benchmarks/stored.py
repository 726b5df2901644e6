"""Reading a recording of pages one sample after the other, and as columns: CPU time a step, in turns, and the ratio.

    uv run --all-extras benchmarks/stored.py [--seconds S] [--rounds N] [--before COMMIT]

The same file is read by both walks, and both must find the same: as many steps, the same laps, and the same sums of the
derived fields. Then commands are run on it as processes, start included, and with ``--before`` in turns with those of
another commit: CPU time of the process and its peak memory.
"""

import argparse
import math
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

HERE = Path(__file__).parent.parent
sys.path.insert(0, str(HERE))

import numpy as np

from telemetry.analysis.quality import store_analysis
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


COMMANDS = {
    "info": ["info", "{drive}"],
    "validate": ["validate", "{drive}"],
    "laps": ["laps", "{drive}"],
    "info, with a summary in the file": ["info", "{folder}/closed.mcap"],
    "laps, with a summary in the file": ["laps", "{folder}/closed.mcap"],
    "convert, all fields, to Parquet": ["convert", "{drive}", "{folder}/all.parquet"],
    "the same at 60 Hz, valid laps": ["convert", "{drive}", "{folder}/60.parquet", "--rate", "60", "--valid-only"],
    "lap 3, three fields, at 60 Hz": [
        *("convert", "{drive}", "{folder}/lap.parquet", "--laps", "3", "--rate", "60"),
        *("--fields", "speed_kmh,gas,brake"),
    ],
}
"""What is run on the recording; of a convert, the output is replaced."""


def measure_walks(path: Path, count: int, rounds: int) -> None:
    """Read the recording by both walks in turns, and print the medians."""
    for work, walks in WORK.items():
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(rounds):
            found = []
            for walk, used in zip(walks, times, strict=True):
                began = process_time()
                found.append(walk(path))
                used.append((process_time() - began) / count * 1e6)
            if found[0] != found[1]:
                raise SystemExit(f"{work}: the two walks differ: {found[0]} and {found[1]}")
        rows, columns = map(statistics.median, times)
        print(f"{work:15} samples {rows:7.1f}   columns {columns:6.2f}   {rows / columns:5.1f} times", flush=True)


class Used(NamedTuple):
    """What a process needed."""

    cpu_s: float
    peak_mb: float


def run(build: Path, words: list[str]) -> Used:
    """Run a command of this build."""
    replacing = ["--overwrite"] if words[0] == "convert" else []
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = subprocess.Popen(  # noqa: S603 - our own command
        [sys.executable, "main.py", *words, *replacing], cwd=build, env=environment, stdout=subprocess.DEVNULL
    )
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{build}: {' '.join(words)} ended with exit code {process.returncode}.")
    return Used(used.ru_utime + used.ru_stime, used.ru_maxrss / 1e3)


@contextmanager
def checked_out(commit: str, folder: Path) -> Iterator[Path]:
    """A work tree of this commit."""
    git = ["git", "-C", str(HERE), "worktree"]
    subprocess.run([*git, "add", "--quiet", "--detach", str(folder), commit], check=True)  # noqa: S603 - of this repository
    try:
        yield folder
    finally:
        subprocess.run([*git, "remove", "--force", str(folder)], check=True)  # noqa: S603 - of this repository


def measure_commands(drive: Path, builds: dict[str, Path], rounds: int) -> None:
    """Run each command in turns by all builds, and print the medians."""
    store_analysis(Path(shutil.copy(drive, drive.with_name("closed.mcap"))))
    for name, words in COMMANDS.items():
        filled = [word.format(drive=drive, folder=drive.parent) for word in words]
        for build in builds.values():
            run(build, filled)  # its modules are then compiled
        used: dict[str, list[Used]] = {title: [] for title in builds}
        for _ in range(rounds):
            for title, build in builds.items():
                used[title].append(run(build, filled))
        times = {title: statistics.median(one.cpu_s for one in found) for title, found in used.items()}
        texts = [f"{title} {times[title]:6.2f} s {used[title][0].peak_mb:4.0f} MB" for title in builds]
        ratio = f"{times['before'] / times['now']:6.1f} times" if "before" in times else ""
        print(f"{name:32} {'   '.join(texts)} {ratio}", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--before", metavar="COMMIT", help="run the commands of this commit too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "drive.mcap")
        count = record(path, options.seconds)
        print(f"{count:,} steps, {path.stat().st_size / 1e6:.1f} MB; us of CPU a step, medians of {options.rounds}")
        measure_walks(path, count, options.rounds)
        if options.before is None:
            measure_commands(path, {"now": HERE}, options.rounds)
        else:
            with checked_out(options.before, Path(folder, "before")) as before:
                measure_commands(path, {"before": before, "now": HERE}, options.rounds)


if __name__ == "__main__":
    main()
