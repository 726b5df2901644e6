"""The catalog through the command line: what is added, asked, checked and removed, and what interrupts it."""

import csv
import subprocess
import sys
from io import BytesIO
from pathlib import Path

import orjson
import pandas as pd
import pyarrow.parquet as pq
import pytest

import telemetry
from telemetry.base.storage.lock import lock_catalog
from telemetry.catalog import change as catalog_change
from telemetry.catalog.shards import read_lap_samples
from telemetry.catalog.state import CatalogState, load_state, save_state
from telemetry.catalog.store import FolderStore
from tests.commands import COMMAND
from tests.conftest import PATIENCE, REPOSITORY, main_in_process
from tests.constructed import drive, later, samples_of

Row = dict[str, object]


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    return tmp_path / "catalog"


def run(folder: Path, command: str, *arguments: str | Path, code: int = 0) -> str:
    """The command on this catalog, and what it says."""
    result = main_in_process("catalog", command, *arguments, "--catalog", folder)
    assert result.returncode == code, result.stderr
    return result.stdout if code == 0 else result.stdout + result.stderr


def rows_of(folder: Path, command: str, *arguments: str) -> list[Row]:
    found: list[Row] = orjson.loads(run(folder, command, *arguments, "--json"))
    return found


def ids_of(folder: Path) -> list[str]:
    return [row["lap_id"] for row in load_state(folder).laps]


def test_laps_of_several_recordings_are_one_table(catalog: Path, recordings: list[Path]) -> None:
    run(catalog, "add", *recordings)
    times = [(row["track"], row["number"], row["time_ms"]) for row in rows_of(catalog, "laps", "--valid")]
    assert times == [("ring", 1, 20_000), ("ring", 2, 19_000), ("hill", 1, 21_000), ("hill", 2, 20_000)]
    assert [row["track"] for row in rows_of(catalog, "laps", "--track", "H*")] == ["hill"] * 2
    assert [row["time_ms"] for row in rows_of(catalog, "laps", "--faster-than", "0:20")] == [19_000]
    assert [row["driver"] for row in rows_of(catalog, "best")] == ["Driver 1", "Driver 0"]


def test_what_is_there_already_is_not_added_twice(catalog: Path, recordings: list[Path], tmp_path: Path) -> None:
    run(catalog, "add", recordings[0])
    first = ids_of(catalog)
    copy = tmp_path / "copy.jsonl"
    copy.write_bytes(recordings[0].read_bytes())
    run(catalog, "add", recordings[0], copy)
    assert ids_of(catalog) == first


def test_a_recording_that_has_grown_replaces_what_it_was(catalog: Path, recordings: list[Path]) -> None:
    lines = recordings[0].read_bytes().splitlines(keepends=True)
    recordings[0].write_bytes(b"".join(lines[:300]))
    run(catalog, "add", recordings[0])
    recordings[0].write_bytes(b"".join(lines))
    run(catalog, "add", recordings[0])
    assert len(load_state(catalog).recordings) == 1
    assert [row["time_ms"] for row in rows_of(catalog, "laps", "--valid")] == [20_000, 19_000]


def test_the_samples_of_a_lap_are_those_of_its_recording(catalog: Path, recordings: list[Path]) -> None:
    run(catalog, "add", *recordings)
    row = next(row for row in load_state(catalog).laps if row["track"] == "ring" and row["number"] == 2)
    with telemetry.open_recording(recordings[0]) as recording:
        lap = recording.laps().number(2)
        expected = recording.to_arrow(["elapsed", "speed_kmh", "tyre_wear"], laps=[lap], rate=60.0)
    found = read_lap_samples(catalog, row, ["elapsed", "speed_kmh", "tyre_wear"])
    assert found.equals(expected)
    assert len(found) == row["samples"]
    assert found.schema.field("speed_kmh").metadata[b"unit"] == b"km/h"


def test_laps_are_shown_without_what_only_samples_need(catalog: Path, recordings: list[Path]) -> None:
    run(catalog, "add", recordings[0])
    code = (
        "import sys\nfrom telemetry.cli import main\nnames = ('numpy', 'pyarrow', 'duckdb', 'telemetry.formats')\n"
        f"sys.argv = ['main.py', 'catalog', 'laps', '--catalog', {str(catalog)!r}, '--valid']\n"
        "try:\n    main()\nfinally:\n"
        "    sys.exit(str([name for name in names if name in sys.modules]))"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=REPOSITORY, timeout=PATIENCE, check=False
    )
    assert b"0:19.000" in result.stdout
    assert result.stderr.split() == [b"[]"]


def test_no_number_of_the_files_is_nan(catalog: Path, recordings: list[Path]) -> None:
    run(catalog, "add", *recordings)
    files = [catalog / "laps.parquet", *(catalog / "samples").glob("*/*.parquet")]
    for path in files:
        for name, column in zip((table := pq.read_table(path)).column_names, table.columns, strict=True):
            values = column.combine_chunks()
            values = values.flatten() if "list" in str(values.type) else values
            if "float" in str(values.type) or "double" in str(values.type):
                assert not values.drop_null().to_numpy(zero_copy_only=False).size or (
                    values.drop_null().to_pandas().notna().all()
                ), (path, name)


def test_sql_sees_laps_samples_and_recordings(catalog: Path, recordings: list[Path]) -> None:
    run(catalog, "add", *recordings)
    sql = "select l.track, count(*) n from samples s join laps l using (lap_id) join recordings r using (recording_id)"
    found = rows_of(catalog, "query", f"{sql} where valid group by 1 order by 1")
    assert [row["track"] for row in found] == ["hill", "ring"]


@pytest.mark.parametrize(
    ("sql", "sentence"),
    [
        ("selec 1", "syntax error"),
        ("select * from lapss", 'lapss does not exist. Did you mean "laps"?'),
        ("select lap from laps", "Did you mean"),
        ("drop view samples", "asked, not changed"),
        ("copy laps to 'x.csv'", "asked, not changed"),
        ("select 1; select 2", "asked, not changed"),
        ("select * from read_text('{folder}/recordings/ring.jsonl')", "cannot be run"),
        ("select * from read_csv('http://localhost/x.csv')", "cannot be run"),
    ],
)
def test_sql_with_a_mistake_or_about_other_files_is_a_sentence(
    catalog: Path, recordings: list[Path], tmp_path: Path, sql: str, sentence: str
) -> None:
    run(catalog, "add", recordings[0])
    said = run(catalog, "query", sql.format(folder=tmp_path.as_posix()), code=2)
    assert said.startswith("ac-telemetry: ")
    assert sentence in said
    assert "Traceback" not in said


def test_a_table_is_written_by_its_suffix(catalog: Path, recordings: list[Path], tmp_path: Path) -> None:
    run(catalog, "add", recordings[0])
    for suffix in (".parquet", ".csv", ".json"):
        run(catalog, "laps", "--out", tmp_path / f"laps{suffix}")
    assert pq.read_table(tmp_path / "laps.parquet").column("lap_id").to_pylist() == ids_of(catalog)
    assert pd.read_csv(tmp_path / "laps.csv")["lap_id"].tolist() == ids_of(catalog)
    assert [row["lap_id"] for row in orjson.loads((tmp_path / "laps.json").read_bytes())] == ids_of(catalog)


def test_laps_are_printed_as_csv_and_parquet_too(catalog: Path, recordings: list[Path], tmp_path: Path) -> None:
    run(catalog, "add", *recordings)
    ids = ids_of(catalog)
    for command in (["laps"], ["query", "select * from laps"]):
        lines = list(csv.DictReader(run(catalog, *command, "--csv").splitlines()))
        assert [line["lap_id"] for line in lines] == ids
        assert {line["invalid_because"] for line in lines} == {""}
    best = csv.DictReader(run(catalog, "best", "--csv").splitlines())
    assert [line["time_ms"] for line in best] == ["20000", "19000"]
    piped = [*COMMAND, "catalog", "laps", "--parquet", "--catalog", str(catalog)]
    written = subprocess.run(piped, capture_output=True, check=True, timeout=PATIENCE).stdout
    assert pq.read_table(BytesIO(written)).column("lap_id").to_pylist() == ids
    assert "Say one of --json" in run(catalog, "laps", "--csv", "--out", tmp_path / "laps.csv", code=2)


def test_a_broken_recording_stops_no_other(catalog: Path, recordings: list[Path], tmp_path: Path) -> None:
    broken = tmp_path / "broken.mcap"
    broken.write_bytes(b"no recording")
    said = run(catalog, "add", broken, *recordings, code=1)
    assert "broken.mcap" in said
    assert {row["track"] for row in load_state(catalog).laps} == {"ring", "hill"}


def test_a_removed_recording_leaves_nothing(catalog: Path, recordings: list[Path]) -> None:
    run(catalog, "add", *recordings)
    run(catalog, "remove", recordings[0])
    assert {row["track"] for row in load_state(catalog).laps} == {"hill"}
    assert [path.parent.name for path in (catalog / "samples").glob("*/*.parquet")] == ["hill"]
    assert run(catalog, "check").endswith("all as they were.\n")


def test_small_files_are_put_together_and_keep_their_samples(
    catalog: Path, recordings: list[Path], tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    with telemetry.open_sink(other) as sink:
        for sample in samples_of(later(drive([25.0, 24.0]), 500.0, track="ring", player_name="Another")):
            sink.write(sample)
    run(catalog, "add", recordings[0], other)
    before = {row["lap_id"]: read_lap_samples(catalog, row) for row in load_state(catalog).laps}
    run(catalog, "rebuild")
    state = load_state(catalog)
    assert len(state.shards) == 1
    assert {row["lap_id"]: read_lap_samples(catalog, row) for row in state.laps} == before
    by_place = sorted(state.laps, key=lambda row: row["row_group"])
    assert [row["driver"] for row in by_place] == ["Another"] * 2 + ["Driver 0"] * 2
    assert run(catalog, "check").endswith("all as they were.\n")


def test_a_deleted_file_of_samples_is_told_and_made_again(catalog: Path, recordings: list[Path]) -> None:
    run(catalog, "add", *recordings)
    (gone,) = (catalog / "samples" / "ring").iterdir()
    gone.unlink()
    assert f"{gone} has gone" in run(catalog, "check", code=1)
    assert "See: catalog check" in run(catalog, "query", "select count(*) from samples", code=1)
    assert rows_of(catalog, "query", "select count(*) n from laps") == [{"n": 4}]
    run(catalog, "rebuild")
    assert run(catalog, "check").endswith("all as they were.\n")


def test_a_copied_recording_lies_in_the_catalog(catalog: Path, recordings: list[Path]) -> None:
    run(catalog, "add", "--copy", *recordings)
    laps = rows_of(catalog, "laps")
    for path in recordings:
        path.unlink()
    run(catalog, "rebuild")
    assert run(catalog, "check").endswith("all as they were.\n")
    assert len(list((catalog / "recordings").iterdir())) == 2
    ours = ("shard", "row_group")  # rebuilding puts small files together
    assert [{**row, **dict.fromkeys(ours)} for row in rows_of(catalog, "laps")] == [
        {**row, **dict.fromkeys(ours)} for row in laps
    ]
    assert [Path(str(row["file"])) for row in laps] == [path for path in recordings for _ in range(2)]


def test_a_copied_log_keeps_the_laps_that_stand_beside_it(catalog: Path, recordings: list[Path]) -> None:
    log = recordings[0].with_suffix(".ld")
    assert main_in_process("convert", recordings[0], log, "--fields", "speed_kmh,gas").returncode == 0
    run(catalog, "add", "--copy", log)
    times = [row["time_ms"] for row in rows_of(catalog, "laps")]
    assert times == [20_000, 19_000, None]
    log.unlink()
    log.with_suffix(".ldx").unlink()
    run(catalog, "rebuild")
    assert [row["time_ms"] for row in rows_of(catalog, "laps")] == times
    run(catalog, "remove", load_state(catalog).recordings[0]["recording_id"][:12])
    assert list((catalog / "recordings").iterdir()) == []


@pytest.mark.parametrize(
    ("owner", "step"),
    [
        (FolderStore, "put"),
        (catalog_change, "save_state"),
        (catalog_change, "publish_tables"),
        (FolderStore, "strangers"),
    ],
)
@pytest.mark.parametrize("calls", [0, 1])
def test_a_catalog_stays_whole_wherever_adding_is_interrupted(
    catalog: Path, recordings: list[Path], monkeypatch: pytest.MonkeyPatch, owner: object, step: str, calls: int
) -> None:
    run(catalog, "add", recordings[0])
    first = ids_of(catalog)
    original = getattr(owner, step)
    left = iter([*range(calls)])

    def interrupt(*arguments: object) -> object:
        if next(left, None) is None:
            raise KeyboardInterrupt
        return original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(owner, step, interrupt)
        main_in_process("catalog", "add", recordings[1], "--catalog", catalog)
    assert ids_of(catalog)[: len(first)] == first
    assert run(catalog, "check").endswith("all as they were.\n")
    run(catalog, "add", *recordings)
    assert len(ids_of(catalog)) == 4
    assert pd.read_parquet(catalog / "laps.parquet")["lap_id"].tolist() == ids_of(catalog)
    known = set(load_state(catalog).shards)
    assert {path.relative_to(catalog).as_posix() for path in (catalog / "samples").glob("*/*.parquet")} == known
    assert not list(catalog.glob(".temporary-*"))


@pytest.mark.parametrize(("commit_s", "commits"), [(0.0, 9), (1.0, 1)])
def test_a_catalog_whose_commits_take_long_is_committed_less_often(
    catalog: Path, monkeypatch: pytest.MonkeyPatch, commit_s: float, commits: int
) -> None:
    now, saved = [100.0], []

    def save(*_: object) -> None:
        now[0] += commit_s
        saved.append(now[0])

    monkeypatch.setattr(catalog_change, "monotonic", lambda: now[0])
    monkeypatch.setattr(catalog_change, "publish_tables", save)
    with catalog_change.change_catalog(catalog, CatalogState()) as change:
        change.commit()
        for _ in range(9):
            now[0] += catalog_change.COMMIT_S + 0.1
            change.commit_if_due()
    assert len(saved) == 1 + commits


def test_two_commands_do_not_change_a_catalog_at_once(catalog: Path, recordings: list[Path]) -> None:
    run(catalog, "add", recordings[0])
    lock = lock_catalog(catalog)
    try:
        assert "Another command changes the catalog" in run(catalog, "add", recordings[1], code=1)
        assert len(rows_of(catalog, "laps")) == 2
    finally:
        lock.close()


@pytest.fixture
def damaged(catalog: Path) -> Path:
    catalog.mkdir()
    save_state(catalog, CatalogState())
    return catalog / "catalog.json"


def test_a_catalog_of_the_future_and_a_damaged_one_are_sentences(damaged: Path) -> None:
    values = orjson.loads(damaged.read_bytes())
    damaged.write_bytes(orjson.dumps({**values, "format": 2, "version": "9.0"}))
    assert "newer program, ac-telemetry 9.0" in run(damaged.parent, "laps", code=1)
    damaged.write_bytes(b"{")
    assert "is damaged" in run(damaged.parent, "info", code=1)


def test_there_is_no_catalog_where_nothing_was_added(tmp_path: Path) -> None:
    assert "There is no catalog in" in run(tmp_path / "none", "laps", code=2)


def test_a_folder_of_other_files_becomes_no_catalog(recordings: list[Path]) -> None:
    assert "holds other files and no catalog" in run(recordings[0].parent, "add", *recordings, code=2)


@pytest.mark.parametrize("version", ["analysis_version", "catalog_version"])
def test_a_program_that_derives_other_things_says_that_a_rebuild_pays(
    catalog: Path, recordings: list[Path], version: str
) -> None:
    run(catalog, "add", *recordings)
    sentence = (
        "1 recording was derived by an older program: this one finds other laps, or keeps more of them. It pays to"
    )
    for change, stale in ((-1, 1), (+2, 0)):  # older, and newer, which a rebuild would only make worse
        state = load_state(catalog)
        state.recordings[0][version] += change
        save_state(catalog, state)
        assert orjson.loads(run(catalog, "info", "--json"))["stale"] == stale
        for command in (["add", recordings[0]], ["laps", "--json"], ["best"], ["info"]):
            result = main_in_process("catalog", *command, "--catalog", catalog)
            assert (sentence in result.stderr) == bool(stale)
    state.recordings[0][version] -= 2
    save_state(catalog, state)
    run(catalog, "rebuild")
    assert orjson.loads(run(catalog, "info", "--json"))["stale"] == 0


def test_a_catalog_without_a_version_of_its_own_is_an_old_one(catalog: Path, recordings: list[Path]) -> None:
    run(catalog, "add", recordings[0])
    state = load_state(catalog)
    del state.recordings[0]["catalog_version"]
    save_state(catalog, state)
    assert orjson.loads(run(catalog, "info", "--json"))["stale"] == 1
