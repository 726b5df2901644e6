"""Datasets of many recordings: how conversion scales with workers, local and on Ray, and where its time goes.

    uv run --all-extras benchmarks/datasets.py [--recordings N] [--seconds S] [--rounds N] [--format FORMAT]

Every recording is a drive of the demo car at every physics step (333 Hz), each with another seed. The first table shows
the stages of one conversion: reading, which is done twice (once for quality and laps, once for the episodes),
resampling and deriving, observations and rewards, and writing. It is in seconds of CPU, which other work on the machine
disturbs less. The second table has complete conversions as a user sees them, including the start of workers and of Ray,
measured alternately.
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
from telemetry.recording.blocks import read_blocks
from telemetry.rl.datasets.build import BuildRequest, BuildResult, Format, build_dataset
from telemetry.rl.datasets.engines import EngineName
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts, episodes, survey
from telemetry.rl.datasets.exporter import Exporter, ignore
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


def measure(rounds: int, tasks: dict[str, Timed], now: Callable[[], float]) -> dict[str, float]:
    """Median seconds of each task by the clock ``now``; the tasks run alternately."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for name in islice(cycle(tasks), rounds * len(tasks)):
        began = now()
        tasks[name]()
        times[name].append(now() - began)
    return {name: statistics.median(seconds) for name, seconds in times.items()}


def print_stages(path: Path, kind: Format, folder: Path, rounds: int) -> None:
    """Print how the time of one conversion is distributed."""
    clock, config, spec = Clock(math.inf), EpisodeConfig(), Spec()
    exporter = EXPORTERS[kind](spec=spec)

    def read() -> None:
        with open_source(path) as source:
            for _ in read_blocks(source):
                pass

    def survey_recording() -> None:
        with open_source(path) as source:
            survey(source, path, config, clock, ignore)

    def cut_episodes() -> list[Episode]:
        with open_source(path) as source:
            fields, keep_all = exporter.sample_fields, exporter.keeps_all_fields
            found = episodes(source, surveyed, config, clock, SkipCounts(), ignore, fields, keep_all=keep_all)
            return list(found)

    def fold() -> None:
        for episode in cut:
            list(trajectories(spec, episode, SkipCounts()))

    def write() -> None:
        with tempfile.TemporaryDirectory(dir=folder) as name:
            exporter.convert(iter(cut), config, Path(name), SkipCounts())

    with open_source(path) as source:
        surveyed = survey(source, path, config, clock, ignore)
    cut = cut_episodes()
    tasks: dict[str, Timed] = {
        "read": read,
        "survey": survey_recording,
        "episodes": cut_episodes,
        "fold": fold,
        "write": write,
    }
    took = measure(rounds, tasks, process_time)
    stages = {
        "reading, twice": 2 * took["read"],
        "report and laps": took["survey"] - took["read"],
        "resampling, deriving": took["episodes"] - took["read"],
        "observations, rewards": took["fold"],
        "writing": took["write"] - took["fold"],
    }
    total, seconds = sum(stages.values()), surveyed.report.span_s
    speed = seconds / total
    print(f"\none recording, {seconds:.0f} s at 333 Hz, to {kind}: {total:.2f} s of CPU, {speed:.1f} x real time")
    for name, stage in stages.items():
        print(f"{name:24}{stage:8.2f} s{stage / total:8.0%}")


def convert(recordings: tuple[Path, ...], kind: Format, out: Path, engine: EngineName, jobs: int) -> None:
    """Make the dataset, and remove it."""
    request = BuildRequest(format=kind, recordings=recordings, output=out, engine=engine, jobs=jobs)
    made = build_dataset(request, Clock(math.inf))
    assert isinstance(made, BuildResult)
    assert not made.failed
    shutil.rmtree(out)


def main() -> None:
    """Print both tables."""
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
        print_stages(recordings[0], arguments.format, folder, arguments.rounds)
        tasks: dict[str, Timed] = {
            f"{engine}, {jobs} at once": lambda engine=engine, jobs=jobs: convert(  # type: ignore[misc]
                recordings, arguments.format, folder / "out", engine, jobs
            )
            for engine in engines
            for jobs in (1, 2)
        }
        took = measure(arguments.rounds, tasks, perf_counter)
        first = next(iter(took.values()))
        print(f"\n{len(recordings)} recordings of {arguments.seconds:.0f} s")
        for task, seconds in took.items():
            print(f"{task:24}{seconds:8.2f} s{first / seconds:8.2f} x")


if __name__ == "__main__":
    main()
