"""What happens to a catalog where something goes wrong: kills, a full disk, other programs, files of other times."""

import sys
from collections.abc import Iterable
from errno import ENOSPC
from pathlib import Path
from typing import Any

import orjson
import pytest
from mcap.writer import Writer

import telemetry
from telemetry.catalog.state import load_state
from telemetry.catalog.store import FolderStore
from telemetry.fields.derived import Sample
from tests.commands import Stopped
from tests.conftest import limited_file_size, main_in_process
from tests.constructed import drive, later, samples_of

WHOLE = "all as they were.\n"


def write(path: Path, samples: Iterable[Sample]) -> Path:
    with telemetry.open_sink(path) as sink:
        for sample in samples:
            sink.write(sample)
    return path


@pytest.fixture
def first(tmp_path: Path) -> Path:
    """A recording of two laps."""
    return write(tmp_path / "first.jsonl", samples_of(later(drive([20.0, 19.0]), 0.0, player_name="First")))


@pytest.fixture
def second(tmp_path: Path) -> Path:
    """Another one, of another driver a day later."""
    return write(tmp_path / "second.jsonl", samples_of(later(drive([21.0, 18.0]), 86_400.0, player_name="Another")))


@pytest.fixture
def catalog(tmp_path: Path, first: Path) -> Path:
    """A catalog of the first recording."""
    folder = tmp_path / "catalog"
    run(folder, "add", first)
    return folder


def run(folder: Path, command: str, *arguments: str | Path, code: int = 0) -> str:
    """The command on this catalog, and what it says."""
    result = main_in_process("catalog", command, *arguments, "--catalog", folder)
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout + result.stderr


def times_of(folder: Path) -> list[int | None]:
    return [row["time_ms"] for row in load_state(folder).laps if row["valid"]]


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def assert_complete(folder: Path, *recordings: Path) -> None:
    """The next run brings all in, and leaves nothing beside what the catalog names."""
    run(folder, "add", *recordings)
    assert times_of(folder) == [20_000, 19_000, 21_000, 18_000]
    assert run(folder, "check").endswith(WHOLE)
    tables = {"catalog.json", "laps.parquet", "recordings.parquet", ".changing"}
    assert files_of(folder) == tables | set(load_state(folder).shards)


@pytest.mark.parametrize("function", ["fsync", "replace"])
def test_a_killed_adder_leaves_the_catalog_as_it_was(catalog: Path, first: Path, second: Path, function: str) -> None:
    with Stopped(function, "catalog", "add", second, "--catalog", catalog) as command:
        command.kill()
    assert times_of(catalog) == [20_000, 19_000]
    assert run(catalog, "check").endswith(WHOLE)
    assert_complete(catalog, first, second)


def test_a_killed_rebuild_leaves_the_catalog_as_it_was(catalog: Path, first: Path, second: Path) -> None:
    run(catalog, "add", second)
    with Stopped("fsync", "catalog", "rebuild", "--catalog", catalog) as command:
        command.kill()
    assert run(catalog, "check").endswith(WHOLE)
    assert_complete(catalog, first, second)


def test_of_two_adders_the_second_says_so_and_adds_later(catalog: Path, first: Path, second: Path) -> None:
    with Stopped("fsync", "catalog", "add", second, "--catalog", catalog) as command:
        assert "Another command changes the catalog" in run(catalog, "add", first, code=1)
        assert command.go_on()[0] == 0
    assert_complete(catalog, first, second)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_a_full_disk_is_a_sentence_and_costs_nothing_that_was_there(
    catalog: Path, first: Path, second: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with limited_file_size(20_000, monkeypatch):
        said = run(catalog, "add", second, code=1)
    assert "cannot be written" in said
    assert "File too large" in said
    assert times_of(catalog) == [20_000, 19_000]
    assert run(catalog, "check").endswith(WHOLE)
    assert_complete(catalog, first, second)


@pytest.mark.parametrize(
    ("name", "laps", "sentence"),
    [
        ("catalog.json", 2, "cannot be written: No space left on device. It is as it was before."),
        ("laps.parquet", 4, "It has changed all the same, but for its tables for other programs."),
    ],
)
def test_a_disk_that_is_full_in_the_end_is_told_with_what_it_costs(
    catalog: Path, first: Path, second: Path, name: str, laps: int, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = FolderStore.replace

    def fail(store: FolderStore, path: Path, wanted: str) -> None:
        if wanted == name:
            raise OSError(ENOSPC, "No space left on device")
        replace(store, path, wanted)

    with monkeypatch.context() as patch:
        patch.setattr(FolderStore, "replace", fail)
        assert sentence in run(catalog, "add", second, code=1)
    assert len(times_of(catalog)) == laps
    assert run(catalog, "check").endswith(WHOLE)
    assert_complete(catalog, first, second)


def test_a_recording_of_the_future_is_named_and_the_others_are_added(
    catalog: Path, first: Path, second: Path, tmp_path: Path
) -> None:
    future = tmp_path / "future.mcap"
    with future.open("wb") as stream:
        writer: Any = Writer(stream)
        writer.start()
        writer.add_metadata("ac_telemetry", {"format_version": "99"})
        writer.finish()
    said = run(catalog, "add", future, second, code=1)
    assert "format version 99" in said
    assert "Update ac-telemetry" in said
    assert_complete(catalog, first, second)


@pytest.mark.parametrize("timestamp", [-1e9, 1e300])
def test_laps_of_a_clock_that_is_off_can_be_asked_like_others(
    catalog: Path, first: Path, tmp_path: Path, timestamp: float
) -> None:
    rows = ({**row, "timestamp": timestamp + float(row["elapsed"])} for row in drive([25.0, 24.0]))
    off = write(tmp_path / "off.jsonl", samples_of(rows))
    run(catalog, "add", off)
    assert times_of(catalog) == [20_000, 19_000, 25_000, 24_000]
    assert "0:24.000" in run(catalog, "laps", "--sort", "date")
    run(catalog, "laps", "--since", "2020-01-01")
    run(catalog, "query", "select max(timestamp), min(recorded_at) from samples join laps using (lap_id)")
    assert run(catalog, "check").endswith(WHOLE)


def test_a_clock_that_was_set_back_adds_a_recording_once(catalog: Path, first: Path, tmp_path: Path) -> None:
    rows = list(drive([25.0, 24.0]))
    back = [{**row, "timestamp": row["timestamp"] - 3600.0 * (row["elapsed"] > 30.0)} for row in rows]
    path = write(tmp_path / "back.jsonl", samples_of(back))
    run(catalog, "add", path, path)
    assert times_of(catalog) == [20_000, 19_000, 25_000, 24_000]


def test_samples_that_somebody_changed_are_told_and_made_again(catalog: Path, first: Path, second: Path) -> None:
    (shard,) = load_state(catalog).shards
    data = bytearray((catalog / shard).read_bytes())
    data[len(data) // 2 :] = bytes(len(data) - len(data) // 2)
    (catalog / shard).write_bytes(data)
    assert "has changed. Make them again with: catalog rebuild" in run(catalog, "check", code=1)
    assert "See: catalog check" in run(catalog, "query", "select count(speed_kmh) from samples", code=1)
    run(catalog, "add", second)
    assert len(times_of(catalog)) == 4
    run(catalog, "rebuild")
    assert_complete(catalog, first, second)


def test_a_recording_whose_samples_have_gone_can_be_removed(catalog: Path, first: Path) -> None:
    (shard,) = load_state(catalog).shards
    (catalog / shard).unlink()
    run(catalog, "remove", first)
    assert load_state(catalog).laps == []
    assert run(catalog, "check").endswith(WHOLE)


@pytest.mark.parametrize("suffix", [".ld", ".csv"])
def test_a_drive_in_two_formats_is_two_recordings_and_said_to_be_one_drive(
    catalog: Path, first: Path, suffix: str
) -> None:
    other = first.with_suffix(suffix)
    main_in_process("convert", first, other)
    said = run(catalog, "add", other)
    assert f"{other} is the same drive as {first}, and its laps are there twice." in said
    assert times_of(catalog) == [20_000, 19_000] * 2
    run(catalog, "remove", load_state(catalog).recordings[1]["recording_id"][:12])
    assert times_of(catalog) == [20_000, 19_000]
    assert "same drive" not in run(catalog, "add", first)


def test_drives_of_two_drivers_are_not_one(catalog: Path, second: Path, tmp_path: Path) -> None:
    rival = write(tmp_path / "rival.jsonl", samples_of(later(drive([20.0, 19.0]), 0.0, player_name="Rival")))
    assert "same drive" not in run(catalog, "add", second, rival)
    assert len(times_of(catalog)) == 6


def test_laps_of_a_motec_log_have_their_samples_and_driver(tmp_path: Path, first: Path) -> None:
    log = tmp_path / "log.ld"
    main_in_process("convert", first, log)
    run(tmp_path / "other", "add", log)
    state = load_state(tmp_path / "other")
    assert [(row["number"], row["samples"]) for row in state.laps] == [(1, 1200), (2, 1140)]
    assert {row["driver"] for row in state.laps} == {"First"}
    counted = orjson.loads(
        run(tmp_path / "other", "query", "select lap_id, max(elapsed) e from samples group by 1 order by e", "--json")
    )
    assert [row["lap_id"] for row in counted] == [row["lap_id"] for row in state.laps]
