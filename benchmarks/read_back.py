"""JSON lines and tables of ours, read back by us and by others: rows a second of CPU time, in turns.

    uv run benchmarks/read_back.py [--rows N] [--rounds N]

Every way reads the same file with all fields, once all raw fields and once five of them, and must find the same number
of rows and the same sum of the speeds. Peers that are not installed are left out, and named.
"""

import argparse
import math
import statistics
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from time import process_time
from typing import Any, NamedTuple

sys.path.insert(0, str(Path(__file__).parent.parent))

import msgspec
import numpy as np
import orjson

from telemetry.base.clock import Clock
from telemetry.fields.snapshot import Snapshot
from telemetry.recording.api import samples
from telemetry.recording.blocks import read_blocks
from telemetry.sources import open_sink, open_source
from telemetry.sources.convert import ConversionOptions, convert_recording

FIVE = ("elapsed", "speed_kmh", "gear", "gas", "brake")
Found = tuple[int, float]
"""The number of rows, and the sum of the speeds."""


class Way(NamedTuple):
    """A way to read a file, and the package that it needs beside ours; the fields are None for all raw ones."""

    name: str
    read: Callable[[Path, tuple[str, ...] | None], Found]
    package: str = ""


def ours(path: Path, fields: tuple[str, ...] | None) -> Found:
    """In blocks of columns."""
    with open_source(path) as source:
        found = [(len(block), float(block.decimals("speed_kmh").sum())) for block in read_blocks(source, fields=fields)]
    return sum(count for count, _ in found), sum(speed for _, speed in found)


def readings(path: Path, _fields: tuple[str, ...] | None) -> Found:
    """One sample after the other, whatever fields are asked for."""
    with open_source(path) as source:
        speeds = [one.snapshot.speed_kmh for one in source.readings(Clock(math.inf), None) if one.snapshot]
    return len(speeds), sum(speeds)


def by_orjson(path: Path, _fields: tuple[str, ...] | None) -> Found:
    """A line at a time to a dictionary."""
    with path.open("rb") as file:
        speeds = [orjson.loads(line)["speed_kmh"] for line in file]
    return len(speeds), sum(speeds)


def by_msgspec(path: Path, fields: tuple[str, ...] | None) -> Found:
    """A line at a time to a structure of these fields."""
    structure = msgspec.defstruct("Line", [(name, _type_of(name)) for name in fields or Snapshot.NAMES])
    decode = msgspec.json.Decoder(structure).decode
    with path.open("rb") as file:
        speeds = [decode(line).speed_kmh for line in file]  # type: ignore[attr-defined]  # known when it runs
    return len(speeds), sum(speeds)


def by_polars(path: Path, fields: tuple[str, ...] | None) -> Found:
    """To a data frame."""
    polars: Any = import_module("polars")
    scan = polars.scan_parquet(path) if path.suffix == ".parquet" else polars.scan_ndjson(path)
    frame = scan.select(fields or Snapshot.NAMES).collect()
    return frame.height, float(frame["speed_kmh"].cast(polars.Float64).sum())


def by_duckdb(path: Path, fields: tuple[str, ...] | None) -> Found:
    """To an Arrow table."""
    duckdb: Any = import_module("duckdb")
    read = "read_parquet" if path.suffix == ".parquet" else "read_ndjson"
    columns = ", ".join(fields or Snapshot.NAMES)
    table = duckdb.sql(f"select {columns} from {read}('{path}')").to_arrow_table()  # noqa: S608 - names of ours
    return table.num_rows, float(np.sum(table["speed_kmh"].to_numpy(), dtype=np.float64))


def by_pyarrow(path: Path, fields: tuple[str, ...] | None) -> Found:
    """To an Arrow table."""
    table = import_module("pyarrow.parquet").read_table(path, columns=list(fields or Snapshot.NAMES))
    return table.num_rows, float(np.sum(table["speed_kmh"].to_numpy(), dtype=np.float64))


def by_pyarrow_csv(path: Path, fields: tuple[str, ...] | None) -> Found:
    """To an Arrow table."""
    csv = import_module("pyarrow.csv")
    options = csv.ConvertOptions(include_columns=list(fields) if fields else None)
    table = csv.read_csv(path, convert_options=options)
    return table.num_rows, float(np.sum(table["speed_kmh"].to_numpy(), dtype=np.float64))


WAYS = {
    ".jsonl": (
        Way("ours, in columns", ours),
        Way("ours, sample by sample", readings),
        Way("orjson, line by line", by_orjson),
        Way("msgspec, line by line", by_msgspec),
        Way("polars", by_polars, "polars"),
        Way("DuckDB", by_duckdb, "duckdb"),
    ),
    ".parquet": (
        Way("ours, in columns", ours),
        Way("pyarrow", by_pyarrow, "pyarrow"),
        Way("polars", by_polars, "polars"),
        Way("DuckDB", by_duckdb, "duckdb"),
    ),
    ".csv": (Way("ours, in columns", ours), Way("pyarrow", by_pyarrow_csv, "pyarrow")),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        lines = Path(folder, "drive.jsonl")
        with open_source("demo") as source, open_sink(lines) as sink:
            for sample in samples(source, count=options.rows, clock=Clock(math.inf)):
                sink.write(sample)
        for suffix, ways in WAYS.items():
            path = lines.with_suffix(suffix)
            if suffix == ".parquet" and find_spec("pyarrow") is None:
                print("Parquet is left out: pyarrow is not installed.")
                continue
            if path != lines:
                convert_recording(lines, path, ConversionOptions(include_paused=True))
            print(f"{suffix}: {options.rows:,} rows, {path.stat().st_size / options.rows:,.0f} bytes each")
            compare(path, ways, options.rounds)


def compare(path: Path, ways: tuple[Way, ...], rounds: int) -> None:
    """Run all ways in turns, and print the medians; the first turn, which loads what they need, does not count."""
    present = [way for way in ways if not way.package or find_spec(way.package) is not None]
    for fields in (None, FIVE):
        times: dict[str, list[float]] = {way.name: [] for way in present}
        wanted: Found | None = None
        for _ in range(rounds + 1):
            for way in present:
                began = process_time()
                found = way.read(path, fields)
                times[way.name].append(process_time() - began)
                wanted = wanted or found
                if found[0] != wanted[0] or not math.isclose(found[1], wanted[1], rel_tol=1e-6):
                    raise SystemExit(f"{way.name} found {found}, and not {wanted}")
        assert wanted is not None
        print("  all raw fields" if fields is None else f"  {len(fields)} fields")
        for name, used in times.items():
            print(f"    {name:24} {wanted[0] / statistics.median(used[1:]):12,.0f} rows/s", flush=True)
    for way in ways:
        if way not in present:
            print(f"    {way.name} is left out: it is not installed.")


def _type_of(name: str) -> Any:
    field = Snapshot.FIELDS[Snapshot.INDEX[name]]
    wanted: Any = {"integer": int, "number": float | None, "text": str}[field.dtype]
    for _ in field.shape:
        wanted = list[wanted]
    return wanted


if __name__ == "__main__":
    main()
