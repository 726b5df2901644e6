"""Files of some fields through every command: what a file does not hold is in no other file either."""

import json
from pathlib import Path

import orjson
import pytest

import telemetry
from telemetry.fields.snapshot import Snapshot
from tests.conftest import main_in_process as run
from tests.recorded import drive, write

FIELDS = "elapsed,timestamp,speed_kmh,gas,wheelSlip,completed_laps,current_time,last_time,normalized_position"
HELD = [
    *("timestamp", "elapsed", "sequence", "gas", "speed_kmh", "wheel_slip", "completed_laps", "current_time"),
    *("last_time", "normalized_position"),
]
"""The raw fields of such a file; every file has the count of its samples."""

DERIVED = ["lap", "lap_time"]
"""What is derived from nothing else."""


@pytest.fixture(scope="module")
def some(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two laps of a car, of which some fields are written."""
    folder = tmp_path_factory.mktemp("some")
    path = folder / "some.jsonl"
    run("convert", write(folder / "all.jsonl", drive(1, 2, 3)[:125]), path, "--fields", FIELDS)
    return path


def first_row(path: Path) -> dict[str, object]:
    row: dict[str, object] = orjson.loads(path.read_bytes().splitlines()[0])
    return row


def test_lines_of_lines_hold_what_those_hold(some: Path, tmp_path: Path) -> None:
    run("convert", some, tmp_path / "again.jsonl")
    assert list(first_row(tmp_path / "again.jsonl")) == [*HELD, *DERIVED]
    rows = [orjson.loads(line) for line in (tmp_path / "again.jsonl").read_bytes().splitlines()]
    originals = [orjson.loads(line) for line in some.read_bytes().splitlines()]
    assert [row["wheel_slip"] for row in rows] == [row["wheelSlip"] for row in originals]


def test_a_table_has_a_column_for_each_field_that_is_held(some: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    run("convert", some, tmp_path / "some.parquet")
    schema = parquet.read_schema(tmp_path / "some.parquet")
    assert schema.names == [*HELD, *DERIVED]
    metadata = {key.decode() for key in schema.metadata}
    assert "missing_fields" in metadata
    assert not metadata & {"car_model", "track", "session_name", "player_name", "tyre_compound"}
    run("convert", some, tmp_path / "some.csv")
    header = (tmp_path / "some.csv").read_text().splitlines()[0].split(",")
    wheels = [f"wheel_slip_{wheel}" for wheel in ("fl", "fr", "rl", "rr")]
    assert header == [name for key in [*HELD, *DERIVED] for name in (wheels if key == "wheel_slip" else [key])]


def test_pages_remember_what_they_do_not_hold(some: Path, tmp_path: Path) -> None:
    pages, again = tmp_path / "some.mcap", tmp_path / "again.jsonl"
    run("convert", some, pages)
    with telemetry.open_source(pages) as source, telemetry.open_source(some) as lines:
        assert source.missing_fields == lines.missing_fields == set(Snapshot.NAMES) - set(HELD)
    run("convert", pages, again)
    assert list(first_row(again)) == [*HELD, *DERIVED]
    run("convert", pages, tmp_path / "cut.mcap", "--laps", "2")
    with telemetry.open_source(tmp_path / "cut.mcap") as source:
        assert source.missing_fields == set(Snapshot.NAMES) - set(HELD)


@pytest.mark.parametrize("name", ["copy.jsonl", "copy.mcap"])
def test_what_is_recorded_of_a_file_holds_no_more_than_it(some: Path, tmp_path: Path, name: str) -> None:
    run("record", tmp_path / name, "--source", some, "--speed", "max", "--quiet")
    with telemetry.open_source(tmp_path / name) as source:
        assert source.missing_fields == set(Snapshot.NAMES) - set(HELD)


def test_lines_read_of_a_file_hold_no_more_than_it(some: Path, tmp_path: Path) -> None:
    run("read", "--source", some, "--speed", "max", "--quiet", "--json-output", tmp_path / "read.jsonl")
    assert list(first_row(tmp_path / "read.jsonl")) == [*HELD, *DERIVED]
    refused = run(
        *("read", "--source", some, "--quiet", "--json-output", tmp_path / "gear.jsonl", "--fields", "gear,gear_name")
    )
    assert refused.returncode == 2
    assert f"{some} holds none of these fields: gear, gear_name." in " ".join(refused.stderr.split())
    assert not (tmp_path / "gear.jsonl").exists()


def test_columns_that_cannot_be_filled_are_named(some: Path, tmp_path: Path) -> None:
    output = tmp_path / "few.csv"
    done = run("convert", some, output, "--fields", "speed_kmh,gear,gear_name")
    assert output.read_text().splitlines()[0] == "speed_kmh"
    assert f"{output} lacks what {some} does not hold and what is derived from it: gear, gear_name." in done.stderr
    refused = run("convert", some, tmp_path / "none.csv", "--fields", "gear,gear_name")
    assert refused.returncode == 2
    assert f"{some} holds none of these fields: gear, gear_name." in refused.stderr
    assert not (tmp_path / "none.csv").exists()


@pytest.mark.parametrize("suffix", [".jsonl", ".mcap"])
def test_info_counts_the_fields_that_a_file_holds(some: Path, tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"file{suffix}"
    run("convert", some, path)
    (report,) = json.loads(run("info", "--json", path).stdout)
    assert report["missing_fields"] == [name for name in Snapshot.NAMES if name not in HELD]
    lines = [" ".join(line.split()) for line in run("info", path).stdout.splitlines()]
    assert f"fields {len(HELD)} of {len(Snapshot.NAMES)}" in lines
    assert "session unknown" in lines


def test_laps_name_the_missing_fields_that_matter(some: Path) -> None:
    shown = " ".join(run("laps", some).stdout.split())
    assert (
        "not recorded: number_of_tyres_out (whether a lap is valid), best_time (which laps the game refused)" in shown
    )
    assert "unknown car, unknown track, unknown session: 2 complete laps" in shown
    told = run("laps", "--json", some)
    assert {lap["valid"] for lap in json.loads(told.stdout)} == {False}
    assert f"{some} does not hold number_of_tyres_out (whether a lap is valid)," in told.stderr


def test_no_part_of_a_file_is_valid_that_does_not_say_so(some: Path, tmp_path: Path) -> None:
    refused = run("convert", some, tmp_path / "valid.jsonl", "--valid-only")
    assert refused.returncode == 2
    assert "There is no such valid lap in" in refused.stderr
