"""A catalog of 1,000 laps beside plain Parquet: what laps and samples cost to ask, and recordings to add; in one run.

    uv run --all-extras benchmarks/catalog.py [--laps N] [--rounds N] [--all-fields]

The laps are those of one drive of the demo, varied: each is a little longer or shorter, and every channel a little
higher or lower. They are of 4 tracks, 5 cars and 10 drivers, at 60 Hz, in the 30 columns that a catalog has, or with
``--all-fields`` in all. The same tables lie in hive folders, a file for each lap, written with the same options. What
is compared takes turns, and gives the same results; all times are medians.

``catalog laps`` and ``catalog add`` are processes, start included. The start of a command line is that of a typer
application which this benchmark writes: a command with as many options, which prints nothing, or a table of rich with
as many rows. "CPU" is user and system time, which other work on the machine disturbs less.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from hashlib import sha256
from itertools import cycle, islice
from pathlib import Path
from string import Template
from time import perf_counter, process_time
from typing import Any, NamedTuple

HERE = Path(__file__).parent.parent
sys.path.insert(0, str(HERE))

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from startup import BARE_HEAD, cpu_seconds
from stored import record

from telemetry.analysis.quality import store_analysis
from telemetry.base.storage.file_content import hash_file
from telemetry.catalog.change import CatalogChange, change_catalog
from telemetry.catalog.filters import find_lap
from telemetry.catalog.query import run_query
from telemetry.catalog.read import ReadOptions, ReadRecording, read_for_catalog
from telemetry.catalog.shards import ShardWriter, describe_shard, read_lap_samples
from telemetry.catalog.state import DEFAULT_FIELDS, DEFAULT_RATE_HZ, CatalogState, Row, load_state
from telemetry.fields.selection import ALL_COLUMNS, select
from telemetry.formats.parquet.sink import WRITER_OPTIONS, choose_encodings

TRACKS, CARS, DRIVERS, LAPS_IN_RECORDING = 4, 5, 10, 10
BARE_COMMAND = '''

Text = Annotated[str, typer.Option(metavar="TEXT", help="A text.")]
Flag = Annotated[bool, typer.Option(help="A flag.")]


@app.command()
def other() -> None:
    """Do nothing: with one command typer makes no group."""


@app.command()
def show(
    a: Text = "", b: Text = "", c: Text = "", d: Text = "", e: Text = "", f: Text = "", g: Text = "", h: Text = "",
    i: Text = "", j: Flag = False, k: Flag = False, rows: int = 0, l: Flag = False,
) -> None:
    """Print a table of so many rows, if any."""
    if rows:
        from rich import box
        from rich.console import Console
        from rich.table import Table

        table = Table(*"abcdefghi", box=box.SIMPLE_HEAD)
        for row in range(rows):
            table.add_row(*([f"text {row}"] * 9))
        Console(width=140).print(table)


app()
'''
QUESTIONS = {
    "one lap": (
        "select * from samples where lap_id = '$lap_id' order by elapsed",
        (
            "select * exclude (in_track, in_car, in_driver) from $files "
            "where in_track = '$track' and in_car = '$car' and in_driver = '$driver' "
            "and lap_id = '$lap_id' order by elapsed"
        ),
    ),
    "a corner window of all laps": (
        (
            "select lap_id, min(speed_kmh) x from samples "
            "where normalized_position between 0.30 and 0.33 group by 1 order by 1"
        ),
        (
            "select lap_id, min(speed_kmh) x from $files "
            "where normalized_position between 0.30 and 0.33 group by 1 order by 1"
        ),
    ),
    "one driver": (
        "select max(speed_kmh) x from samples where lap_id in ($ids)",
        "select max(speed_kmh) x from $files where in_driver = 'Driver 1'",
    ),
    "all laps, by driver": (
        "select driver, max(speed_kmh) x from samples join laps using (lap_id) group by 1 order by 1",
        "select in_driver driver, max(speed_kmh) x from $files group by 1 order by 1",
    ),
}
"""What is asked of the catalog, and the same of hive folders."""


class Drive(NamedTuple):
    """The drive that is varied, and what a catalog keeps of it."""

    path: Path
    seconds: float
    read: ReadRecording
    tables: list[pa.Table]


def read_drive(path: Path, seconds: float, fields: tuple[str, ...]) -> Drive:
    """What a catalog with these columns keeps of a recording."""
    found = read_for_catalog(path, ReadOptions(path.parent, fields, DEFAULT_RATE_HZ))
    assert found is not None
    ((shard, _),) = found.shards.values()
    with pq.ParquetFile(shard) as file:
        tables = [file.read_row_group(number) for number in range(file.num_row_groups)]
    return Drive(path, seconds, found, tables)


def vary(table: pa.Table, lap_id: str, random: np.random.Generator) -> pa.Table:
    """A lap like this one: up to 3 % longer or shorter, its channels up to 1 % higher or lower."""
    rows = np.linspace(0, len(table) - 1, int(len(table) * random.uniform(0.97, 1.03))).astype(np.int64)
    table = table.take(pa.Array.from_buffers(pa.int64(), len(rows), [None, pa.py_buffer(rows)]))
    columns = [pa.repeat(lap_id, len(table))]
    for name in table.column_names[1:]:
        column = table.column(name).combine_chunks()
        if pa.types.is_float32(column.type) and name != "normalized_position":
            column = pa.compute.multiply(column, pa.scalar(random.uniform(0.99, 1.01), pa.float32()))
        columns.append(column)
    return pa.Table.from_arrays(columns, schema=table.schema)


def varied_recordings(drive: Drive, laps: int) -> Iterator[tuple[Row, list[Row], list[pa.Table]]]:
    """Recordings of ten laps each: their row, and the rows and samples of their laps."""
    random = np.random.default_rng(1)
    complete = [row for row in drive.read.laps if row["kind"] == "flying" and row["valid"]]
    for number in range(laps // LAPS_IN_RECORDING):
        identity = sha256(str(number).encode()).hexdigest()
        place = {
            "track": f"track_{number % TRACKS}",
            "car": f"car_{number // TRACKS % CARS}",
            "driver": f"Driver {number // (TRACKS * CARS) % DRIVERS}",
            "recording_id": identity,
            "file": f"/drives/{number}.mcap",
        }
        recording = {**drive.read.recording, "recording_id": identity, "path": place["file"], "laps": LAPS_IN_RECORDING}
        rows, tables = [], []
        for lap, row in enumerate(islice(cycle(complete), LAPS_IN_RECORDING), start=1):
            lap_id = f"{identity[:12]}-{lap}"
            tables.append(vary(drive.tables[row["row_group"]], lap_id, random))
            time_ms = row["time_ms"] + int(random.integers(-2000, 2000))
            rows.append({**row, **place, "lap_id": lap_id, "time_ms": time_ms, "samples": len(tables[-1])})
        yield recording, rows, tables


def plain_options(fields: tuple[str, ...]) -> dict[str, Any]:
    """How a catalog's files are written; to be made for each, because pyarrow changes what it is given."""
    encodings = choose_encodings(select(fields))
    return {**WRITER_OPTIONS, **encodings, "use_dictionary": ["lap_id", *(encodings["use_dictionary"] or ())]}


def add_varied(change: CatalogChange, drive: Drive, laps: int, hive: Path | None) -> None:
    """Add recordings to a catalog, as ``catalog add`` does with what it has read, and to hive folders."""
    fields = change.state.fields
    for recording, rows, tables in varied_recordings(drive, laps):
        path = change.unfinished / f"{recording['recording_id']}.parquet"
        writer = ShardWriter(path, fields)
        for number, (row, table) in enumerate(zip(rows, tables, strict=True)):
            writer.write_group(table)
            row["row_group"] = number
            if hive is not None:
                folder = hive / f"in_track={row['track']}" / f"in_car={row['car']}" / f"in_driver={row['driver']}"
                folder.mkdir(parents=True, exist_ok=True)
                pq.write_table(table, folder / f"{row['lap_id']}.parquet", **plain_options(fields))
        writer.close()
        name, shard = describe_shard(path, rows)
        for row in rows:
            row["shard"] = name
        change.add(ReadRecording(recording, rows, {name: (path, shard)}))


def make_catalog(folder: Path, drive: Drive, laps: int, fields: tuple[str, ...], hive: Path | None = None) -> Path:
    """A catalog of so many varied laps."""
    with change_catalog(folder, CatalogState(fields=fields)) as change:
        add_varied(change, drive, laps, hive)
        change.merge(every=True)
        change.commit()
    return folder


def medians(rounds: int, tasks: Mapping[str, Callable[[], Any]], now: Callable[[], float]) -> dict[str, float]:
    """Median seconds of each task by the clock ``now``; the tasks take turns, and the first round is not counted."""
    times: dict[str, list[float]] = {name: [] for name in tasks}
    for number in range(rounds + 1):
        for name, task in tasks.items():
            began = now()
            task()
            if number:
                times[name].append(now() - began)
    return {name: statistics.median(found) for name, found in times.items()}


def size_of(folder: Path) -> float:
    """The size of all files in a folder, in MB."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def measure_samples(catalog: Path, hive: Path, rounds: int) -> None:
    """Questions about samples, of the catalog and of a file for each lap in hive folders."""
    state = load_state(catalog)
    lap = state.laps[len(state.laps) // 2]
    place = {
        **lap,
        "files": f"read_parquet('{hive}/**/*.parquet', hive_partitioning = true)",
        "ids": ", ".join(f"'{row['lap_id']}'" for row in state.laps if row["driver"] == "Driver 1"),
    }
    questions = {name: [Template(sql).substitute(place) for sql in both] for name, both in QUESTIONS.items()}

    def ask_hive(sql: str) -> pa.Table:
        with duckdb.connect(":memory:") as connection:
            return connection.sql(sql).to_arrow_table()

    sizes = f"catalog {size_of(catalog):.0f} MB in {len(state.shards)} files, hive {size_of(hive):.0f} MB"
    print(f"\nsamples: {sizes}; CPU")
    for name, (ours, theirs) in questions.items():
        if run_query(catalog, state, ours).to_pylist() != ask_hive(theirs).to_pylist():
            raise SystemExit(f"{name}: the two layouts give other results")
        tasks = {"ours": partial(run_query, catalog, state, ours), "hive": partial(ask_hive, theirs)}
        took = medians(rounds, tasks, process_time)
        print_ratio(f"{name}, by SQL", took["ours"], took["hive"], "hive")
    in_python = {
        "ours": lambda: read_lap_samples(catalog, find_lap(load_state(catalog).laps, lap["lap_id"])),
        "hive": lambda: ask_hive(questions["one lap"][1]),
        "pyarrow": lambda: pq.read_table(
            hive,
            filters=[
                (key, "=", lap[name])
                for key, name in (
                    ("in_track", "track"),
                    ("in_car", "car"),
                    ("in_driver", "driver"),
                    ("lap_id", "lap_id"),
                )
            ],
        ),
    }
    took = medians(rounds, in_python, process_time)
    print_ratio("one lap, by its id in Python", took["ours"], took["hive"], "hive")
    print_ratio("", took["ours"], took["pyarrow"], "pyarrow")


def print_ratio(name: str, ours: float, other: float, other_name: str) -> None:
    """Print two times and what the other one is of ours."""
    print(f"{name:34} {ours * 1e3:8.1f} ms   {other_name:8} {other * 1e3:8.1f} ms   {other / ours:6.2f} x", flush=True)


class Commands:
    """Commands as processes, with their byte code in place."""

    def __init__(self, folder: Path) -> None:
        self._environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(folder / "byte-code")}
        self._environment.pop("PYTHONDONTWRITEBYTECODE", None)
        self._bare = folder / "bare.py"
        self._bare.write_text(BARE_HEAD + BARE_COMMAND)

    def start(self, rows: int) -> float:
        """CPU seconds of a command line made with typer that prints a table of so many rows, or nothing."""
        words = ["show", "--a", "x", "--b", "y", "--j", "--c", "z", "--d", "w", "--rows", str(rows)]
        return cpu_seconds([sys.executable, str(self._bare), *words], self._environment)

    def run(self, *words: str | Path) -> float:
        """CPU seconds of one of our commands."""
        return cpu_seconds([sys.executable, str(HERE / "main.py"), *map(str, words)], self._environment)


def measure_laps(catalogs: dict[str, Path], commands: Commands, rounds: int) -> None:
    """``catalog laps`` with filters, beyond the start of a command line."""
    words = ["--track", "track_1", "--car", "car_2", "--valid", "--faster-than", "1:16.3", "--sort", "time"]
    limit = ["--limit", "20"]
    times: dict[str, list[float]] = {}

    def note(name: str, seconds: float) -> float:
        times.setdefault(name, []).append(seconds)
        return seconds

    for _ in range(rounds + 1):
        bare, with_table = note("start", commands.start(0)), note("start with a table", commands.start(20))
        for name, folder in catalogs.items():
            laps = ["catalog", "laps", *words, *limit, "--catalog", str(folder)]
            note(f"{name}, as a table", commands.run(*laps) - with_table)
            note(f"{name}, as JSON", commands.run(*laps, "--json") - bare)
    print("\ncatalog laps with filters, CPU beyond the start of a command line")
    for name, found in times.items():
        print(f"{name:34} {statistics.median(found[1:]) * 1e3:8.1f} ms", flush=True)


def measure_add(drive: Drive, fields: tuple[str, ...], rounds: int) -> None:
    """What reading a recording for the catalog costs in this process, and pyarrow to write the same table."""
    folder = drive.path.parent
    table = pa.concat_tables(drive.tables)
    longest = max(map(len, drive.tables))

    def write_laps() -> None:
        writer = ShardWriter(folder / "laps.parquet", fields)
        for lap in drive.tables:
            writer.write(lap["lap_id"][0].as_py(), lap.drop_columns("lap_id"))
        writer.close()
        hash_file(folder / "laps.parquet")

    tasks = {
        "add": lambda: read_for_catalog(drive.path, ReadOptions(folder, fields, DEFAULT_RATE_HZ)),
        "hash": lambda: hash_file(drive.path),
        "write": write_laps,
        "pyarrow": lambda: pq.write_table(
            table, folder / "plain.parquet", row_group_size=longest, **plain_options(fields)
        ),
        "pyarrow, defaults": lambda: pq.write_table(table, folder / "plain.parquet"),
    }
    took = medians(rounds, tasks, process_time)
    size = drive.path.stat().st_size / 1e6
    print(f"\nadd: {drive.seconds:.0f} s at 333 Hz, {size:.0f} MB; {len(table)} rows of {len(fields)} columns; CPU")
    for name, seconds in took.items():
        print(
            f"{name:34} {seconds * 1e3:8.1f} ms   {drive.seconds / seconds:6.0f} x real time   "
            f"{seconds / took['pyarrow']:6.2f} x pyarrow"
        )


def measure_add_to(catalog: Path, drive: Drive, commands: Commands, rounds: int, fields: str | None) -> None:
    """``catalog add`` of one recording to an empty catalog and to one of many laps, as processes."""
    times: dict[str, list[tuple[float, float]]] = {"empty": [], "many": []}
    chosen = ["--fields", fields] if fields else []
    for number in range(rounds + 1):
        for name, found in times.items():
            target = drive.path.parent / "target"
            if name == "many":  # no file of a catalog is changed in place
                shutil.copytree(catalog, target, copy_function=os.link)
            began = perf_counter()
            cpu = commands.run(
                "catalog", "add", drive.path, "--catalog", target, *(chosen if name == "empty" else []), "--jobs", "1"
            )
            if number:
                found.append((cpu, perf_counter() - began))
            shutil.rmtree(target)
    empty, many = (tuple(statistics.median(column) for column in zip(*found, strict=True)) for found in times.values())
    laps = len(load_state(catalog).laps)
    print(f"\ncatalog add of one recording, as a process: {drive.seconds / empty[0]:.0f} x real time per core")
    for kind, place in (("CPU", 0), ("elapsed", 1)):
        print(
            f"{kind:34} empty {empty[place]:6.2f} s   {laps} laps {many[place]:6.2f} s   "
            f"{many[place] / empty[place]:6.2f} x",
            flush=True,
        )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--laps", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=600.0, help="of the drive that is varied")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--all-fields", action="store_true", help="all columns that a recording has, not 30")
    options = parser.parse_args()
    fields = tuple(column.key for column in ALL_COLUMNS) if options.all_fields else DEFAULT_FIELDS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path = folder / "drive.mcap"
        record(path, options.seconds)
        store_analysis(path)
        drive = read_drive(path, options.seconds, fields)
        commands = Commands(folder)
        measure_add(drive, fields, options.rounds)
        catalogs = {
            f"{laps} laps": make_catalog(folder / f"catalog-{laps}", drive, laps, fields, hive)
            for laps, hive in ((options.laps // 4, None), (options.laps, folder / "hive"))
        }
        measure_laps(catalogs, commands, options.rounds)
        measure_samples(folder / f"catalog-{options.laps}", folder / "hive", options.rounds)
        chosen = ",".join(fields) if options.all_fields else None
        measure_add_to(folder / f"catalog-{options.laps}", drive, commands, options.rounds, chosen)


if __name__ == "__main__":
    main()
