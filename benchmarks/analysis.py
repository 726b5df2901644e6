"""Comparing two laps of a long recording: CPU time beside the usual ways; and how often nothing is called a change.

    uv run --extra parquet benchmarks/analysis.py [--seconds S] [--draws N] [--rounds N]

The usual ways interpolate time over driven distance with pandas, as FastF1's ``delta_time`` did; they give the delta
alone, without corners, and not exactly the official one. All of them work on a recording as ``record`` leaves it, with
its laps stored in it; ours also on one without. The ways take turns, and the figures are medians.
"""

import argparse
import math
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import process_time

HERE = Path(__file__).parent.parent
sys.path.insert(0, str(HERE))

import numpy as np
import pandas as pd

import telemetry
from telemetry.analysis.change import MEASURES, did_it_change
from telemetry.analysis.comparison import Comparison, compare_laps, read_driven_lap
from telemetry.analysis.corner_measures import CORNER_FIELDS, measure_corners
from telemetry.analysis.known_tracks import FoundTrack, track_of
from telemetry.analysis.lap_measures import LapMeasure, measure_lap
from telemetry.analysis.quality import store_analysis
from telemetry.analysis.recorded_laps import LapRecording, read_recording, trace
from telemetry.base.clock import Clock
from telemetry.demo.source import DemoSource
from telemetry.laps.model import Lap
from telemetry.sources import open_page_sink
from telemetry.sources.convert import ConversionOptions, convert_recording

FIELDS = ["speed_kmh", "gas", "brake", "gear", "lap", "lap_time"]


def record(path: Path, seconds: float) -> int:
    """Every step of a drive of the demo; returns how many there are."""
    count = 0
    with open_page_sink(path) as sink:
        for count, step in enumerate(DemoSource(seed=2).steps(Clock(math.inf))):
            if step.elapsed >= seconds:
                break
            sink.write(step)
            if count % 83 == 0:
                sink.flush()
    return count


def two_laps(recording: LapRecording) -> tuple[Lap, Lap]:
    """The best two valid laps from line to line."""
    valid = [lap for lap in recording.laps if lap.valid and lap.start == "line"]
    best, following, *_ = sorted(valid, key=lambda lap: lap.time_ms or 0)
    return following, best


def ours(path: Path) -> Comparison:
    """All that ``compare`` shows: laps, track, corners, delta."""
    recording = read_recording(path)
    laps = two_laps(recording)
    return compare(recording, *laps)


def compare(recording: LapRecording, lap: Lap, best: Lap) -> Comparison:
    """The same of laps that are known."""
    track = track_of(trace(recording, best))
    found = FoundTrack(track, None, is_new=True)
    return compare_laps(read_driven_lap(recording, lap, track), read_driven_lap(recording, best, track), found)


def delta_by_distance(frame: pd.DataFrame, numbers: tuple[int, int]) -> float:
    """The delta at the end of two laps: time interpolated over the distance that the speed adds up to."""
    laps = []
    for number in numbers:
        lap = frame[frame["lap"] == number]
        seconds = lap["lap_time"].to_numpy() / 1e3
        steps = np.diff(seconds, prepend=seconds[0])
        laps.append((np.cumsum(lap["speed_kmh"].to_numpy() / 3.6 * steps, dtype=np.float64), seconds))
    (a_m, a_s), (b_m, b_s) = laps
    return float((a_s - np.interp(a_m, b_m, b_s))[-1])


def through_frame(path: Path) -> float:
    """With the columns of the recording as a data frame."""
    with telemetry.open_recording(path) as recording:
        valid = [lap for lap in recording.laps().valid() if lap.start == "line"]
        following, best = sorted(valid, key=lambda lap: lap.time_ms or 0)[1::-1]
        frame = recording.to_pandas(FIELDS, laps=[following, best])
    return delta_by_distance(frame, (following.number, best.number))


def through_convert(path: Path) -> float:
    """By way of ``convert`` to Parquet, as it is done without this command."""
    with tempfile.TemporaryDirectory() as folder:
        converted = Path(folder) / "drive.parquet"
        convert_recording(path, converted, ConversionOptions())
        frame = pd.read_parquet(converted, columns=FIELDS)
    times = frame.groupby("lap")["lap_time"].max()
    best, following = times.iloc[1:-1].nsmallest(2).index
    return delta_by_distance(frame, (int(following), int(best)))


def cpu_s(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    """The median CPU time of each way, in turns; the first turn is not counted."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds + 1):
        for name, work in ways.items():
            begin = process_time()
            work()
            times[name].append(process_time() - begin)
    return {name: statistics.median(used[1:]) for name, used in times.items()}


def command_cpu_s(words: Sequence[str], rounds: int) -> float:
    """The median CPU time of a command as a process, start included; the first run is not counted."""
    times = []
    for _ in range(rounds + 1):
        process = subprocess.Popen(  # noqa: S603 - our own command
            [sys.executable, str(HERE / "main.py"), *words], stdout=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{' '.join(words)} ended with exit code {process.returncode}.")
        times.append(used.ru_utime + used.ru_stime)
    return statistics.median(times[1:])


def measures(path: Path) -> list[LapMeasure]:
    """The measures of all valid laps from line to line."""
    recording = read_recording(path)
    laps = [lap for lap in recording.laps if lap.valid and lap.start == "line"]
    track = track_of(trace(recording, laps[0]))
    traces = [trace(recording, lap, CORNER_FIELDS, line_position=track.line_position) for lap in laps]
    return [measure_lap(one, measure_corners(track, one)) for one in traces]


def without_trend(laps: list[LapMeasure]) -> list[LapMeasure]:
    """The laps without what tyres and fuel make of them: a parabola over the stint in each measure."""
    values = np.array([[getattr(lap, name) for name in MEASURES] for lap in laps])
    order = np.arange(len(laps))
    for place, column in enumerate(values.T.copy()):
        values[:, place] -= np.polyval(np.polyfit(order, column, 2), order) - column.mean()
    changed = []
    for lap, row in zip(laps, values.tolist(), strict=True):
        changed.append(replace(lap, **dict(zip(MEASURES, row, strict=True))))
    return changed


def false_changes(laps: list[LapMeasure], count: int, draws: int) -> float:
    """The share of draws of two groups of so many laps of one drive in which something is called changed."""
    chance = random.Random(1)  # noqa: S311 - the same draws each time
    changed = 0
    for _ in range(draws):
        drawn = chance.sample(laps, 2 * count)
        changed += any(one.changed for one in did_it_change(drawn[:count], drawn[count:]))
    return changed / draws


def main() -> None:
    """Print the times, and the shares of draws."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--recording", type=Path, help="one of yours, instead of a drive of the demo")
    parser.add_argument("--seconds", type=float, default=1200.0, help="how long the demo drives for the times")
    parser.add_argument("--draws", type=int, default=2500, help="draws of two groups of laps; 0 leaves them out")
    parser.add_argument("--rounds", type=int, default=5, help="turns of each way")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "drive.mcap"
        if arguments.recording is None:
            print(f"{record(path, arguments.seconds):,} steps")
        else:
            convert_recording(arguments.recording, path, ConversionOptions())  # which leaves out a stored summary
        print_times(path, arguments.rounds)
        if arguments.draws:
            print_draws(path, arguments.draws)


def print_times(path: Path, rounds: int) -> None:
    """The CPU time of each way, and the memory of this process with ours alone."""
    closed = Path(shutil.copy(path, path.with_name("closed.mcap")))
    store_analysis(closed)
    comparison = ours(path)
    memory_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
    print(
        f"official difference {comparison.official_s:+.3f} s; at the line of our delta {comparison.delta_s[-1]:+.3f} s,"
        f" by driven distance {through_frame(closed):+.4f} s; {memory_mb:.0f} MB at most"
    )
    used = cpu_s(
        {
            "compare": lambda: ours(closed),
            "compare, laps not stored": lambda: ours(path),
            "to_pandas, by distance": lambda: through_frame(closed),
            "convert to Parquet, pandas, by distance": lambda: through_convert(closed),
        },
        rounds,
    )
    for name, seconds in used.items():
        print(f"{name:40} {seconds:6.2f} s of CPU: {seconds / used['compare']:5.1f} times compare")
    report = ["report", str(closed), "-o", str(path.with_name("report.html")), "--overwrite"]
    for words in (["compare", "--help"], ["compare", str(closed)], ["compare", str(path)], report):
        title = f"process: {words[0]} {Path(words[1]).name}"
        print(f"{title:40} {command_cpu_s(words, rounds):6.2f} s of CPU, start included")


def print_draws(path: Path, draws: int) -> None:
    """How often two groups out of the laps of one drive are called different."""
    laps = without_trend(measures(path))
    for count in (2, 3, 4, 5, 8, 12):
        if 2 * count <= len(laps):
            share = false_changes(laps, count, draws)
            print(
                f"{count:2} + {count:2} of {len(laps)} laps of one drive: {share:.1%} of {draws:,} draws called changed"
            )


if __name__ == "__main__":
    main()
