"""Every format of a recording side by side: CPU per step, bytes per hour, and rows per second read back; conversions.

    uv run --all-extras benchmarks/formats.py [--seconds S] [--rounds N]

Each format takes the same steps of the demo car, at every physics step (333 Hz) and at 60 Hz, from page bytes to a file
that was closed, decoding and derivation included where the format holds samples. Reading back is by this project's own
sources, to pages (MCAP) or samples; "elsewhere" is a reader that others wrote, to its own rows.

The last table is about a recording of pages that is written as another format with all fields, one sample after the
other and as columns: CPU with reading, derivation and compression, in turns. Both files must be the same.
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
from telemetry.fields.columns import Columns, derive_columns
from telemetry.fields.derived import Sample
from telemetry.fields.printed import print_lines
from telemetry.fields.selection import ALL_COLUMNS
from telemetry.formats import find_format
from telemetry.formats.compression import read_blocks as read_text
from telemetry.recording.api import samples
from telemetry.recording.blocks import read_blocks
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


def convert(source: Path, target: Path, *, by_columns: bool) -> float:
    """CPU seconds that it takes to write all samples of a recording."""
    known = find_format(target)
    if known is None or known.open_sample_sink is None:
        raise ValueError(target)
    began = process_time()
    sink = known.open_sample_sink(target, ALL_COLUMNS, mode="overwrite", units=False)
    with open_source(source) as recording, sink:
        if by_columns:
            for columns in derive_columns(read_blocks(recording), Sample.NAMES):
                sink.write_columns(columns)
        else:
            for sample in samples(recording, include_paused=True, clock=Clock(math.inf)):
                sink.write(sample)
    return process_time() - began


def print_all_lines(blocks: list[Columns]) -> float:
    """CPU seconds that it takes to print the JSON lines of these samples, whose fields were derived before."""
    for columns in blocks:
        for name in Sample.NAMES:
            columns[name]
    began = process_time()
    for columns in blocks:
        for _ in print_lines(columns):
            pass
    return process_time() - began


def holds_the_same(one: Path, other: Path) -> bool:
    """Whether two files are equal; compressed ones and tables by their content."""
    if one.suffix == ".parquet":
        return bool(pq.read_table(one).equals(pq.read_table(other)))
    first, second = (b"".join(block.text for block in read_text(path)) for path in (one, other))
    return first == second


def measure_conversions(steps: list[Step], rounds: int, folder: Path) -> None:
    """Write a recording as every format of samples in both ways, some times over, and print medians."""
    source = folder / "source.mcap"
    write(steps, source, RATES[0])
    print(f"\nMCAP to{'rows, µs/step':>22}{'columns, µs/step':>20}{'ratio':>8}")
    for suffix in SUFFIXES[1:]:
        targets = [folder / f"{way}{suffix}" for way in ("rows", "columns")]
        times: list[list[float]] = [[], []]
        for _ in range(rounds):
            for by_columns, target in enumerate(targets):
                times[by_columns].append(convert(source, target, by_columns=bool(by_columns)) / len(steps) * 1e6)
        if not holds_the_same(*targets):
            raise SystemExit(f"{suffix}: the two files differ")
        rows, columns = map(statistics.median, times)
        print(f"{suffix:12}{rows:17.1f}{columns:20.1f}{rows / columns:8.1f}")
    with open_source(source) as recording:
        blocks = list(derive_columns(read_blocks(recording), Sample.NAMES))
    seconds = statistics.median(print_all_lines(blocks) for _ in range(rounds))
    print(f"JSON lines printed: {len(steps) / seconds:,.0f} a second")


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
        measure_conversions(steps, arguments.rounds, Path(folder))


if __name__ == "__main__":
    main()
