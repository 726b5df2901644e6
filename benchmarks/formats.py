"""Every format of a recording side by side: CPU per step, bytes per hour, and rows per second read back.

    uv run --all-extras benchmarks/formats.py [--seconds S] [--rounds N]

Each format takes the same steps of the demo car, at every physics step (333 Hz) and at 60 Hz, from page bytes to a file
that was closed, decoding and derivation included where the format holds samples. Reading back is by this project's own
sources, to pages (MCAP) or samples; "elsewhere" is a reader that others wrote, to its own rows.
"""

import argparse
import gzip
import json
import math
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter, process_time

sys.path.insert(0, str(Path(__file__).parent.parent))

import duckdb
import pyarrow.parquet as pq
from mcap.reader import make_reader

from telemetry.base.clock import Clock
from telemetry.demo.source import DemoSource
from telemetry.fields.selection import ALL_COLUMNS
from telemetry.formats import find_format
from telemetry.recording.filters import DecimatingSink, StepToSampleSink
from telemetry.recording.interfaces import PageSink, Step
from telemetry.sources import open_page_sink, open_source

RATES = (333, 60)
SUFFIXES = (".mcap", ".jsonl", ".jsonl.zst", ".jsonl.gz", ".csv", ".csv.gz", ".parquet")


def steps_of_the_demo(seconds: float) -> list[Step]:
    """Every step of a drive."""
    steps: list[Step] = []
    for step in DemoSource(seed=1).steps(Clock(math.inf)):
        if step.elapsed >= seconds:
            return steps
        steps.append(step)
    return steps


def write(steps: list[Step], path: Path, rate: int) -> float:
    """CPU seconds that it takes to write all steps; flushed as often as a recording is."""
    path.unlink(missing_ok=True)
    known = find_format(path)
    if known is None:
        raise ValueError(path)
    live = known.is_recording
    began = process_time()
    sink: PageSink
    if live or known.open_sample_sink is None:
        sink = open_page_sink(path)
    else:
        sink = StepToSampleSink(known.open_sample_sink(path, ALL_COLUMNS, mode="new", units=False))
    if rate < RATES[0]:
        sink = DecimatingSink(sink, rate)
    for number, step in enumerate(steps):
        sink.write(step)
        if live and number % 83 == 0:
            sink.flush()
    sink.close()
    return process_time() - began


def read_back(path: Path) -> int:
    """How many rows our own source gives."""
    with open_source(path) as source:
        if path.suffix == ".mcap":
            return sum(step.pages is not None for step in source.steps(Clock(math.inf)))
        return sum(reading.snapshot is not None for reading in source.readings(Clock(math.inf), None))


def read_elsewhere(path: Path) -> int:
    """How many rows somebody else's reader gives."""
    if path.suffix == ".mcap":
        with path.open("rb") as file:
            return sum(1 for _ in make_reader(file).iter_messages(topics=["/acpmf_physics"]))
    if path.suffix == ".parquet":
        return int(pq.read_table(path).num_rows)
    if path.name.endswith(".jsonl.gz"):
        with gzip.open(path) as lines:
            return sum(bool(json.loads(line)) for line in lines)
    sql = "read_csv" if ".csv" in path.name else "read_json"
    query = f"select count(*), sum(speed_kmh), max(packet_id) from {sql}('{path}')"  # noqa: S608 - a path of our own
    with duckdb.connect() as connection:
        return int(connection.execute(query).fetchall()[0][0])


def rows_per_second(read: Callable[[Path], int], path: Path, rounds: int) -> float:
    """The median over some rounds; NaN where this reader cannot read it."""
    rates = []
    for _ in range(rounds):
        began = perf_counter()
        count = read(path)
        rates.append(count / (perf_counter() - began))
    return statistics.median(rates)


def measure(steps: list[Step], rate: int, rounds: int, folder: Path) -> None:
    """Write all formats in turn, some times over, read them back, and print medians."""
    seconds = steps[-1].elapsed - steps[0].elapsed
    count = len(steps) if rate == RATES[0] else round(seconds * rate)
    paths = {suffix: folder / f"drive-{rate}{suffix}" for suffix in SUFFIXES}
    times: dict[str, list[float]] = {suffix: [] for suffix in SUFFIXES}
    for _ in range(rounds):
        for suffix, path in paths.items():
            times[suffix].append(write(steps, path, rate) / count * 1e6)
    print(f"\n{rate} Hz, {count:,} steps of {seconds:.0f} s")
    print(f"{'format':12}{'CPU µs/step':>13}{'% of a core':>13}{'MB per hour':>13}{'rows/s back':>13}{'elsewhere':>13}")
    for suffix, path in paths.items():
        cost = statistics.median(times[suffix])
        hour = path.stat().st_size / seconds * 3600 / 1e6
        ours = f"{rows_per_second(read_back, path, rounds):,.0f}" if suffix in SUFFIXES[:4] else "-"
        theirs = rows_per_second(read_elsewhere, path, rounds)
        print(f"{suffix:12}{cost:13.1f}{cost * rate / 1e4:13.2f}{hour:13,.0f}{ours:>13}{theirs:13,.0f}")


def main() -> None:
    """Measure at both rates."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    steps = steps_of_the_demo(arguments.seconds)
    with tempfile.TemporaryDirectory() as folder:
        for rate in RATES:
            measure(steps, rate, arguments.rounds, Path(folder))


if __name__ == "__main__":
    main()
