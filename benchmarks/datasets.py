"""Datasets of many recordings: how it scales with workers, local and on Ray, and where the time of a recording goes.

    uv run --all-extras benchmarks/datasets.py [--recordings N] [--seconds S] [--rounds N] [--format FORMAT]

Every recording is a drive of the demo car at every physics step (333 Hz), each with another seed. The first table takes
one recording apart: reading and decoding it, which is done twice, once for its report and its laps, and once to cut it
into episodes, resampled and derived; folding those by the specification; and writing. It is in seconds of CPU, which
other work on the machine disturbs less. The second has whole conversions as a user sees them, the start of workers and
of Ray included, in turns.
"""

import argparse
import math
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable
from importlib.util import find_spec
from itertools import cycle, islice
from pathlib import Path
from time import perf_counter, process_time
from typing import get_args

sys.path.insert(0, str(Path(__file__).parent.parent))

from telemetry.base.clock import Clock
from telemetry.demo.source import DemoSource
from telemetry.formats.mcap.sink import create
from telemetry.rl.datasets.build import BuildRequest, BuildResult, Format, build_dataset
from telemetry.rl.datasets.engines import EngineName
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts, episodes, survey
from telemetry.rl.datasets.exporter import Exporter
from telemetry.rl.datasets.formats.lerobot import LeRobotExporter
from telemetry.rl.datasets.formats.npz import NpzExporter
from telemetry.rl.datasets.formats.parquet import ParquetExporter
from telemetry.rl.datasets.transitions import trajectories
from telemetry.rl.spec import Spec
from telemetry.sources import open_source

Timed = Callable[[], object]

EXPORTERS: dict[str, Callable[..., Exporter]] = {
    "lerobot": LeRobotExporter,
    "npz": NpzExporter,
    "parquet": ParquetExporter,
}


def record(path: Path, seed: int, seconds: float) -> Path:
    """A drive of the demo at every physics step."""
    with create(path) as sink:
        for step in DemoSource(seed=seed).steps(Clock(math.inf)):
            if step.elapsed >= seconds:
                break
            sink.write(step)
    return path


def unseen(time: float) -> None:
    """Show it to nobody."""


def in_turns(rounds: int, tasks: dict[str, Timed], now: Callable[[], float]) -> dict[str, float]:
    """Median seconds of each by this clock, measured one after the other, so many times."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for name in islice(cycle(tasks), rounds * len(tasks)):
        began = now()
        tasks[name]()
        times[name].append(now() - began)
    return {name: statistics.median(own) for name, own in times.items()}


def take_apart(path: Path, kind: Format, folder: Path, rounds: int) -> None:
    """Print where the time of one recording goes."""
    clock, cut, spec = Clock(math.inf), EpisodeConfig(), Spec()
    exporter = EXPORTERS[kind](spec=spec)

    def decode() -> None:
        with open_source(path) as source:
            for _ in source.readings(clock, None):
                pass

    def look() -> None:
        with open_source(path) as source:
            survey(source, path, clock, thresholds=cut.thresholds, watch=unseen)

    def cut_it() -> list[Episode]:
        with open_source(path) as source:
            return list(episodes(source, found, cut, clock, SkipCounts(), unseen))

    def fold() -> None:
        for one in cut_of_it:
            list(trajectories(spec, one, SkipCounts()))

    def write() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as own:
            exporter.convert(iter(cut_of_it), cut, Path(own), SkipCounts())

    with open_source(path) as source:
        found = survey(source, path, clock, thresholds=cut.thresholds, watch=unseen)
    cut_of_it = cut_it()
    tasks: dict[str, Timed] = {"decode": decode, "survey": look, "episodes": cut_it, "fold": fold, "write": write}
    took = in_turns(rounds, tasks, process_time)
    shares = {
        "decoding, twice": 2 * took["decode"],
        "report and laps": took["survey"] - took["decode"],
        "resampling, deriving": took["episodes"] - took["decode"],
        "observing, rewarding": took["fold"],
        "writing": took["write"] - took["fold"],
    }
    total, seconds = sum(shares.values()), found.report.span_s
    speed = seconds / total
    print(f"\none recording, {seconds:.0f} s at 333 Hz, to {kind}: {total:.2f} s of CPU, {speed:.1f} x real time")
    for name, own in shares.items():
        print(f"{name:24}{own:8.2f} s{own / total:8.0%}")


def convert(recordings: tuple[Path, ...], kind: Format, out: Path, engine: EngineName, jobs: int) -> None:
    """Make the dataset, and take it away."""
    request = BuildRequest(format=kind, recordings=recordings, output=out, engine=engine, jobs=jobs)
    made = build_dataset(request, Clock(math.inf))
    assert isinstance(made, BuildResult)
    assert not made.failed
    shutil.rmtree(out)


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recordings", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--format", choices=tuple(EXPORTERS), default="npz")
    arguments = parser.parse_args()
    engines: list[EngineName] = [name for name in get_args(EngineName) if name != "ray" or find_spec("ray")]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        recordings = tuple(
            record(folder / f"{seed}.mcap", seed, arguments.seconds) for seed in range(1, arguments.recordings + 1)
        )
        take_apart(recordings[0], arguments.format, folder, arguments.rounds)
        tasks: dict[str, Timed] = {
            f"{engine}, {jobs} at once": lambda engine=engine, jobs=jobs: convert(  # type: ignore[misc]
                recordings, arguments.format, folder / "out", engine, jobs
            )
            for engine in engines
            for jobs in (1, 2)
        }
        took = in_turns(arguments.rounds, tasks, perf_counter)
        first = next(iter(took.values()))
        print(f"\n{len(recordings)} recordings of {arguments.seconds:.0f} s")
        for task, own in took.items():
            print(f"{task:24}{own:8.2f} s{first / own:8.2f} x")


if __name__ == "__main__":
    main()
