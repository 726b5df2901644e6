"""Laps of the catalog in the commands that look at laps: by id, as the best of a track, as a selection."""

import json
from pathlib import Path
from typing import Any

import pytest

import telemetry
from telemetry.catalog.state import load_state
from tests.catalog.conftest import record_drives, use_catalog
from tests.conftest import main_in_process
from tests.constructed import drive, later, samples_of

pytestmark = pytest.mark.usefixtures("own_tracks")


@pytest.fixture
def recordings(tmp_path: Path) -> list[Path]:
    """Two drives on one track, whose first laps begin on the grid: of 40 and 39 s, and of 41, 38 and 38.5 s."""
    return record_drives(tmp_path, ([40.0, 39.0], [41.0, 38.0, 38.5]))


@pytest.fixture
def catalog(tmp_path: Path, recordings: list[Path], monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalog of them, which all commands ask."""
    return use_catalog(tmp_path / "catalog", recordings, monkeypatch)


def lap_id(catalog: Path, file: Path, number: int) -> str:
    rows = load_state(catalog).laps
    return next(str(row["lap_id"]) for row in rows if row["file"] == str(file) and row["number"] == number)


def compared(*arguments: str | Path, cwd: Path | None = None) -> Any:
    result = main_in_process("compare", *arguments, "--json", cwd=cwd)
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def laps_of(found: Any) -> tuple[tuple[str, int], tuple[str, int]]:
    lap, reference = found["lap"], found["reference"]
    return (Path(lap["file"]).name, lap["number"]), (Path(reference["file"]).name, reference["number"])


def refused(*arguments: str | Path) -> str:
    result = main_in_process(*arguments)
    assert result.returncode == 2, result.stderr
    assert not result.stdout
    return result.stderr.removeprefix("ac-telemetry: ").rstrip()


def test_a_lap_of_the_catalog_is_that_of_its_recording(catalog: Path, recordings: list[Path]) -> None:
    first, second = recordings
    expected = compared(f"{first}:2", f"{second}:2")
    lap = lap_id(catalog, first, 2)
    assert compared(lap, "best(ring,demo_gt3)") == expected
    assert compared(lap[:8] + "-2", "--reference", "@catalog:best,track=ring") == expected
    assert compared(f"{first}:2", "--reference", "best(ring)") == expected


def test_a_lap_alone_is_compared_with_the_best_of_the_catalog(catalog: Path, recordings: list[Path]) -> None:
    first, second = recordings
    assert laps_of(compared(lap_id(catalog, first, 1))) == (("first.jsonl", 1), ("second.jsonl", 2))
    assert laps_of(compared(lap_id(catalog, second, 2))) == (("second.jsonl", 2), ("second.jsonl", 3))
    assert laps_of(compared(lap_id(catalog, first, 1), "--reference", "last"))[1] == ("second.jsonl", 3)


def test_a_selection_is_its_next_best_lap_against_its_best(catalog: Path) -> None:
    assert laps_of(compared("@catalog:driver=Driver 1")) == (("second.jsonl", 3), ("second.jsonl", 2))
    assert "@catalog:driver=Driver 0 holds one valid lap only" in refused("compare", "@catalog:driver=Driver 0")
    assert laps_of(compared("@catalog:valid")) == (("second.jsonl", 3), ("second.jsonl", 2))


def test_a_file_of_that_name_comes_first(catalog: Path, recordings: list[Path], tmp_path: Path) -> None:
    name = lap_id(catalog, recordings[0], 1)
    (tmp_path / name).mkdir()
    recordings[1].rename(tmp_path / name / "drive.jsonl")
    assert laps_of(compared(name, cwd=tmp_path)) == (("drive.jsonl", 3), ("drive.jsonl", 2))


@pytest.mark.parametrize("change", ["gone", "changed"])
def test_the_samples_of_the_catalog_stand_for_a_recording_that_is_not_there(
    catalog: Path, recordings: list[Path], change: str
) -> None:
    first, second = recordings
    expected = compared(f"{first}:2", f"{second}:2")
    lap = lap_id(catalog, first, 2)
    if change == "gone":
        first.unlink()
    else:
        first.write_bytes(first.read_bytes() + b"\n")
    result = main_in_process("compare", lap, "best(ring)", "--json")
    why = "has gone" if change == "gone" else "has changed since it was added"
    assert f"{first} {why}: the catalog's samples of its laps are taken, at 60 Hz." in result.stderr
    found = json.loads(result.stdout)
    assert found["lap"]["file"] == str(catalog / f"{lap[:12]}-first.jsonl")
    assert found["official_delta_s"] == expected["official_delta_s"] == 1.0
    assert found["lap"]["sectors_ms"] == expected["lap"]["sectors_ms"]
    assert found["covered"] == expected["covered"] == 1.0
    assert found["delta"]["metres"] == pytest.approx(expected["delta"]["metres"])
    assert found["delta"]["delta_s"] == pytest.approx(expected["delta"]["delta_s"], abs=0.004)


def test_a_recording_that_was_only_touched_is_the_same(catalog: Path, recordings: list[Path]) -> None:
    lap = lap_id(catalog, recordings[0], 2)
    expected = compared(lap, "best(ring)")
    recordings[0].touch()
    assert compared(lap, "best(ring)") == expected


def test_a_lap_without_recording_and_samples_is_a_sentence(catalog: Path, recordings: list[Path]) -> None:
    lap = lap_id(catalog, recordings[0], 2)
    recordings[0].unlink()
    for shard in catalog.glob("samples/*/*.parquet"):
        shard.unlink()
    result = main_in_process("compare", lap, "best(ring)")
    assert result.returncode == 1
    assert "cannot be read, or is not what it was. See: catalog check." in result.stderr


def test_what_is_no_lap_is_a_sentence(catalog: Path, recordings: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    assert refused("compare", "abcdef-1") == "The catalog has no lap abcdef-1. See: catalog laps."
    assert "No lap of the catalog fits @catalog:car=formula." in refused("plot", "@catalog:car=formula")
    no_lap = "@catalog:driver=Driver 1 has no lap of other on ring"
    rows = later(drive([40.0, 39.0]), 500.0, track="ring", car_model="other")
    with telemetry.open_sink(recordings[0], mode="overwrite") as sink:
        for sample in samples_of(rows):
            sink.write(sample)
    assert no_lap in refused("compare", f"{recordings[0]}:2", "--reference", "@catalog:driver=Driver 1")
    monkeypatch.setenv("AC_TELEMETRY_CATALOG", str(catalog / "none"))
    assert refused("corners", "@catalog:valid").startswith("There is no catalog in ")
    named = main_in_process("compare", "best(ring)", "--catalog", catalog, "--json")
    assert json.loads(named.stdout)["lap"]["number"] == 2


def test_a_report_is_on_the_laps_that_were_chosen(catalog: Path, recordings: list[Path]) -> None:
    expected = {("second.jsonl", 1), ("second.jsonl", 2), ("first.jsonl", 2)}
    arguments = ("report", "@catalog:driver=Driver 1,limit=2", lap_id(catalog, recordings[0], 2), "--json")
    for _ in range(2):
        result = main_in_process(*arguments)
        assert result.returncode == 0, result.stderr
        found = {
            (Path(lap["file"]).name.rpartition("-")[2], lap["number"]) for lap in json.loads(result.stdout)["laps"]
        }
        assert found == expected
        recordings[0].unlink(missing_ok=True)  # and again with the samples of the catalog
    assert "has gone" in result.stderr


def test_a_report_on_a_drive_is_against_the_best_of_the_catalog(catalog: Path, recordings: list[Path]) -> None:
    result = main_in_process("report", recordings[0], "best(ring,demo_gt3)", "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert [(lap["label"], lap["time_ms"]) for lap in found["laps"]] == [("A1", 40_000), ("A2", 39_000), ("B2", 38_000)]
    assert found["reference"] == "B2"


def test_a_plot_takes_laps_of_the_catalog(catalog: Path, recordings: list[Path]) -> None:
    result = main_in_process("plot", lap_id(catalog, recordings[0], 2), "--what", "speed,stint")
    assert result.returncode == 0, result.stderr
    assert "lap 2 of first.jsonl, 0:39.000" in result.stdout
    assert "lap 2 of second.jsonl, 0:38.000" in result.stdout


def test_the_reference_of_a_drive_is_the_best_of_the_catalog(
    catalog: Path, recordings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "empty").mkdir()
    command = ("read", "--source", recordings[0], "--speed", "max", "--samples", "1", "--reference")

    def said(reference: str) -> str:
        result = main_in_process(*command, reference, cwd=tmp_path / "empty")
        assert result.returncode == 0, result.stderr
        return result.stderr

    best = "Reference: 0:38.000, lap 2 of second.jsonl, demo_gt3."
    assert best in said("best")
    assert best in said("@catalog:best,driver=Driver 1")
    assert best in said("best(ring)")
    assert "Reference: 0:39.000, lap 2 of first.jsonl" in said(lap_id(catalog, recordings[0], 2))
    assert "holds a valid lap of demo_gt3 on ring" in said(".")
    assert "No lap of the catalog fits" in refused(*command, "@catalog:car=x")
    monkeypatch.setenv("AC_TELEMETRY_CATALOG", str(catalog / "none"))
    assert "of the 0 recordings in and below" in said("best")
