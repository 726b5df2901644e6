"""Laps of a catalog for other programs: copies of recordings, tables of samples, and datasets."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from telemetry.catalog.shards import read_lap_samples
from telemetry.catalog.state import load_state
from tests.catalog.conftest import record_drives, use_catalog
from tests.conftest import main_in_process


@pytest.fixture
def drives(tmp_path: Path) -> list[Path]:
    """Two drives on one track: of 20 and 19 s, and of 21, 18 and 18.5 s."""
    (tmp_path / "drives").mkdir()
    return record_drives(tmp_path / "drives", ([20.0, 19.0], [21.0, 18.0, 18.5]))


@pytest.fixture
def asked(tmp_path: Path, drives: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog of them, which all commands ask."""
    return use_catalog(tmp_path / "catalog", drives, monkeypatch)


def export(*arguments: str | Path, code: int = 0) -> str:
    """What ``catalog export`` says."""
    result = main_in_process("catalog", "export", *arguments)
    assert result.returncode == code, result.stderr
    assert not result.stdout
    return result.stderr


def ids_of(catalog: Path, **values: Any) -> list[str]:
    rows = load_state(catalog).laps
    return [row["lap_id"] for row in rows if all(row[name] == value for name, value in values.items())]


def test_the_recordings_of_laps_are_copied(asked: Path, drives: list[Path], tmp_path: Path) -> None:
    said = export("--driver", "driver 1", "--faster-than", "0:18.2", "-o", tmp_path / "copies")
    assert said.startswith(f"{tmp_path / 'copies'}: 1 recording, ")
    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["second.jsonl"]
    assert (tmp_path / "copies" / "second.jsonl").read_bytes() == drives[1].read_bytes()
    assert "2 recordings, 1 of them there already" in export("-o", tmp_path / "copies")


def test_a_log_is_copied_with_its_details(asked: Path, drives: list[Path], tmp_path: Path) -> None:
    log = tmp_path / "drives" / "log.ld"
    assert main_in_process("convert", drives[0], log).returncode == 0
    assert main_in_process("catalog", "add", log).returncode == 0
    export("-o", tmp_path / "copies")
    names = ["first.jsonl", "log.ld", "log.ldx", "second.jsonl"]
    assert sorted(path.name for path in (tmp_path / "copies").iterdir()) == names
    assert (tmp_path / "copies" / "log.ldx").read_bytes() == log.with_suffix(".ldx").read_bytes()


def test_recordings_of_one_name_get_the_beginning_of_their_id(drives: list[Path], tmp_path: Path) -> None:
    for path, folder in zip(drives, ("a", "b"), strict=True):
        (tmp_path / folder).mkdir()
        path.rename(tmp_path / folder / "drive.jsonl")
    catalog = tmp_path / "catalog"
    places = [tmp_path / "a" / "drive.jsonl", tmp_path / "b" / "drive.jsonl"]
    assert main_in_process("catalog", "add", "--copy", *places, "--catalog", catalog).returncode == 0
    for place in places:
        place.unlink()  # the catalog has its copies
    export("--catalog", catalog, "-o", tmp_path / "copies")
    names = [f"{row['recording_id'][:12]}-drive.jsonl" for row in load_state(catalog).recordings]
    assert sorted(path.name for path in (tmp_path / "copies").iterdir()) == sorted(names)


def test_a_recording_that_has_gone_or_changed_stops_no_other(asked: Path, drives: list[Path], tmp_path: Path) -> None:
    drives[0].unlink()
    said = export("-o", tmp_path / "copies", code=1)
    assert f"{drives[0]} has gone." in said
    assert said.endswith("1 of 2 recordings could not be copied.\n")
    drives[1].write_bytes(drives[1].read_bytes() + b"\n")
    said = export("@catalog:driver=Driver 1", "-o", tmp_path / "none", code=1)
    assert f"{drives[1]} has changed since it was added." in said
    assert [path.name for path in (tmp_path / "copies").iterdir()] == ["second.jsonl"]
    assert not list((tmp_path / "none").iterdir())


def test_samples_become_one_table(asked: Path, tmp_path: Path) -> None:
    state = load_state(asked)
    wanted = [row for row in state.laps if row["valid"] and row["driver"] == "Driver 1"]
    export("--driver", "Driver 1", "--valid", "-o", tmp_path / "samples.parquet")
    with pq.ParquetFile(tmp_path / "samples.parquet") as file:
        assert file.num_row_groups == len(wanted) == 3
        for number, row in enumerate(wanted):
            assert file.read_row_group(number).equals(read_lap_samples(asked, row))
        assert file.schema_arrow.field("speed_kmh").metadata[b"unit"] == b"km/h"


def test_samples_as_csv_have_a_column_for_each_number(asked: Path, tmp_path: Path) -> None:
    (lap,) = ids_of(asked, time_ms=18_000)
    (row,) = [row for row in load_state(asked).laps if row["lap_id"] == lap]
    export("best(ring)", "-o", tmp_path / "samples.csv")
    samples = read_lap_samples(asked, row)
    with (tmp_path / "samples.csv").open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    assert len(lines) == len(samples)
    assert {line["lap_id"] for line in lines} == {lap}
    assert [float(line["speed_kmh"]) for line in lines] == pytest.approx(samples.column("speed_kmh").to_pylist())
    assert [float(line["tyre_wear_rr"]) for line in lines] == [
        one[3] for one in samples.column("tyre_wear").to_pylist()
    ]


def test_what_cannot_be_exported_is_a_sentence(asked: Path, drives: list[Path], tmp_path: Path) -> None:
    (tmp_path / "there.parquet").write_bytes(b"mine")
    assert "No lap of the catalog fits." in export("--car", "formula", "-o", tmp_path / "out", code=2)
    assert "name a folder for the recordings, or a .parquet or .csv file" in export("-o", "samples.xlsx", code=2)
    assert f"{drives[0]} is no lap of the catalog: say an id" in export(drives[0], "-o", tmp_path / "out", code=2)
    assert "exists already and stays untouched" in export("-o", tmp_path / "there.parquet", code=1)
    assert (tmp_path / "there.parquet").read_bytes() == b"mine"
    for shard in asked.glob("samples/*/*.parquet"):
        shard.unlink()
    assert "See: catalog check." in export("--overwrite", "-o", tmp_path / "there.parquet", code=1)
    assert (tmp_path / "there.parquet").read_bytes() == b"mine"
    assert not list(tmp_path.glob(".temporary-*"))


def episodes_of(folder: Path) -> list[tuple[str, int]]:
    recordings = json.loads((folder / "quality.json").read_bytes())["recordings"]
    return [(one["recording"], number) for entry in recordings for one in entry["episodes"] for number in one["laps"]]


def dataset(*arguments: str | Path, code: int = 0) -> str:
    result = main_in_process("dataset", "npz", *arguments, "--quiet")
    assert result.returncode == code, result.stderr
    return result.stderr


def test_a_dataset_is_made_of_laps_of_the_catalog(asked: Path, drives: list[Path], tmp_path: Path) -> None:
    (best,) = ids_of(asked, time_ms=18_000)
    dataset("@catalog:valid,faster_than=0:19.5", "-o", tmp_path / "fast")
    assert episodes_of(tmp_path / "fast") == [("first.jsonl", 2), ("second.jsonl", 2), ("second.jsonl", 3)]
    dataset(best, drives[0], "-o", tmp_path / "mixed")
    of_first = [entry for entry in episodes_of(tmp_path / "mixed") if entry[0] == "first.jsonl"]
    assert episodes_of(tmp_path / "mixed") == [*of_first, ("second.jsonl", 2)]
    assert [number for _, number in of_first][:2] == [1, 2]


def test_a_dataset_says_which_recordings_of_the_catalog_it_lacks(
    asked: Path, drives: list[Path], tmp_path: Path
) -> None:
    drives[0].unlink()
    said = dataset("@catalog:valid", "-o", tmp_path / "some", code=1)
    assert f"{drives[0]} has gone: 2 laps of it left out." in said
    assert said.endswith("1 recording of the catalog is not in it.\n")
    assert {name for name, _ in episodes_of(tmp_path / "some")} == {"second.jsonl"}
    drives[1].unlink()
    assert "None of these recordings of the catalog is there" in dataset("@catalog", "-o", tmp_path / "none", code=2)
    assert "No lap of the catalog fits" in dataset("@catalog:car=x", "-o", tmp_path / "none", code=2)
