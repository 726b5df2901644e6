"""``record``, ``marker`` and ``recover`` as their users run them."""

import json
import math
import os
import re
import shutil
from itertools import pairwise
from pathlib import Path

import pytest

from ac_native_memory import Pages
from telemetry.base.clock import Clock
from telemetry.fields.pages import read_packet_id
from telemetry.formats.mcap.recording import McapRecording
from telemetry.recording.interfaces import Step
from telemetry.sources import open_source
from tests.commands import FAST, interrupt, run, start, with_signals
from tests.conftest import REPOSITORY, main_in_process, real_time, wait_until

pytestmark = real_time

LAP = REPOSITORY / "fixtures/lap.jsonl.zst"


def steps_of(path: Path) -> list[Step]:
    with open_source(path) as source:
        return list(source.steps(Clock(math.inf)))


def pages_by_id(steps: list[Step]) -> dict[int, Pages]:
    return {read_packet_id(step.pages.physics): step.pages for step in steps if step.pages}


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six seconds of the demo car."""
    path = tmp_path_factory.mktemp("drive") / "drive.mcap"
    result = run("record", path, *FAST, "--duration", "6", "--driver", "Zoë", "--tags", "wet,test")
    assert result.returncode == 0, result.stderr
    assert re.match(r"2,00\d steps in 6\.0 s; 333\.3 Hz; 100\.000% of all steps kept, 0 missing, ", result.stderr)
    assert result.stderr.endswith(f"{path}: {path.stat().st_size:,} bytes.\n")
    return path


def test_every_step_is_recorded_once(drive: Path) -> None:
    ids = list(pages_by_id(steps_of(drive)))
    assert all(after == before + 1 for before, after in pairwise(ids))
    assert 1990 < len(ids) < 2010


def test_what_was_said_of_a_recording_is_kept_in_it(drive: Path) -> None:
    metadata = McapRecording(drive).metadata_records
    said = metadata["ac_telemetry"]
    assert (said["driver"], said["tags"], said["source"], said["rate"]) == ("Zoë", "wet,test", "demo", "max")
    assert (metadata["session"]["car"], metadata["session"]["track"]) == ("demo_gt3", "demo_ring")


def test_a_recording_reads_like_any_source(drive: Path, tmp_path: Path) -> None:
    result = run("read", "--source", drive, "--speed", "max", "--rate", "10", "--json-output", "-", "--quiet")
    assert result.returncode == 0, result.stderr
    rows = [json.loads(line) for line in result.stdout.splitlines()]
    assert 58 <= len(rows) <= 61
    pages = pages_by_id(steps_of(drive))
    assert {row["packet_id"] for row in rows} <= pages.keys()
    assert rows[-1]["elapsed"] == pytest.approx(5.95, abs=0.1)


@pytest.mark.parametrize(
    ("begin", "end", "seconds"), [("1", "3", (1.0, 3.0)), ("0:02.5", None, (2.5, 6.1)), (None, "00:00:01", (0.0, 1.0))]
)
def test_a_part_of_a_recording_can_be_taken(
    drive: Path, tmp_path: Path, begin: str | None, end: str | None, seconds: tuple[float, float]
) -> None:
    path = tmp_path / "part.mcap"
    options = [*(("--from", begin) if begin else ()), *(("--to", end) if end else ())]
    result = run("record", path, "--source", drive, "--speed", "max", *options)
    assert result.returncode == 0, result.stderr
    whole, part = pages_by_id(steps_of(drive)), pages_by_id(steps_of(path))
    first = next(iter(whole))
    wanted = [number for number in whole if seconds[0] <= (number - first) * 0.003 + 1e-6 < seconds[1]]
    assert abs(len(part) - len(wanted)) <= 2
    for number, pages in part.items():
        assert pages[:3] == whole[number][:3]


def test_a_lap_of_a_recording_can_be_taken(tmp_path: Path) -> None:
    path = tmp_path / "lap.jsonl"
    result = run("read", "--source", LAP, "--speed", "max", "--from", "lap:1", "--to", "lap:1", "--json-output", path)
    assert result.returncode == 0, result.stderr
    found = json.loads(main_in_process("laps", "--json", path).stdout)
    assert [lap["number"] for lap in found] == [1]
    (original,) = [lap for lap in json.loads(main_in_process("laps", "--json", LAP).stdout) if lap["number"] == 1]
    assert found[0]["first"]["packet_id"] == original["first"]["packet_id"]
    assert found[0]["last"]["packet_id"] == original["last"]["packet_id"]


def test_laps_become_files(tmp_path: Path) -> None:
    result = run(
        "record", tmp_path / "out/{car}/{lap:03}.mcap", *FAST, "--split", "lap", "--laps", "1", "--json-summary"
    )
    assert result.returncode == 0, result.stderr
    summary = json.loads(result.stdout)
    path = tmp_path / "out/demo_gt3/001.mcap"
    assert summary["files"] == [str(path)]
    assert (summary["laps"], summary["missing"], summary["dropped"]) == (1, 0, 0)
    assert summary["bytes"] == path.stat().st_size
    laps = json.loads(main_in_process("laps", "--json", path).stdout)
    assert [(lap["number"], lap["valid"], lap["time_ms"] is not None) for lap in laps] == [(1, True, True)]


def test_the_files_of_a_split_recording_have_one_id_and_the_next_recording_another(tmp_path: Path) -> None:
    for name in ("first", "second"):
        options = (*FAST, "--duration", "2", "--split", "time:1s", "--name", "{part}", "--quiet")
        assert main_in_process("record", f"{tmp_path / name}/", *options).returncode == 0
    ids = {
        name: {McapRecording(path).metadata["recording_id"] for path in (tmp_path / name).iterdir()}
        for name in ("first", "second")
    }
    assert len(list((tmp_path / "first").iterdir())) > 1
    assert len(ids["first"]) == len(ids["second"]) == 1
    assert ids["first"] != ids["second"]


def test_a_thinned_recording_says_nothing_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "thin.mcap"
    assert run("record", path, *FAST, "--duration", "2", "--rate", "50").returncode == 0
    steps = steps_of(path)
    assert 99 <= len(steps) <= 102
    assert sum(step.missing for step in steps) == 0


def test_old_recordings_make_room_when_that_is_wanted(tmp_path: Path) -> None:
    (tmp_path / "precious.mcap").write_bytes(bytes(200_000))
    old = [tmp_path / "drive.mcap", tmp_path / "drive-2.mcap"]
    for path in old:
        path.write_bytes(bytes(100_000))
        os.utime(path, (1e9, 1e9))
    options = ("--name", "drive", "--split", "time:1s", "--max-total", "150kB")
    result = main_in_process("record", tmp_path, *FAST, "--duration", "2", *options)
    assert result.returncode == 0, result.stderr
    for path in old:
        assert f"Deleted {path} (100,000 bytes): more than 150.0 kB of recordings.\n" in result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["drive-3.mcap", "drive.mcap", "precious.mcap"]


# --- while it runs ----------------------------------------------------------------------------------------------------


@pytest.fixture
def state_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place of its own for mailboxes."""
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_marker_without_a_recording_is_an_error(state_home: Path) -> None:
    result = main_in_process("marker", "here")
    assert (result.returncode, result.stderr) == (1, "ac-telemetry: No recording of yours runs.\n")


@with_signals
def test_a_marker_from_another_terminal_stands_in_the_recording(state_home: Path, tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    process = start("record", path, "--source", "demo", "--quiet")
    wait_until(lambda: path.exists() and path.stat().st_size > 50_000)
    result = run("marker", "Überholt!")
    assert (result.returncode, result.stdout) == (0, f"{path}\n")
    other = main_in_process("marker", "elsewhere", "--recording", tmp_path / "other.mcap")
    assert (other.returncode, other.stderr) == (
        1, f"ac-telemetry: No recording into {tmp_path / 'other.mcap'} runs. Running: {path}.\n"
    )  # fmt: skip
    wait_until(lambda: path.stat().st_size > 100_000)
    interrupt(process)
    assert process.returncode == 0
    recording = McapRecording(path)
    (marker,) = [event for event in recording.events() if event.kind == "marker"]
    assert marker.values == {"name": "Überholt!"}
    times = [step.pages.timestamp for step in steps_of(path) if step.pages]
    assert times[0] < marker.timestamp < times[-1]


def test_a_recording_needs_no_place_for_markers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    for name in ("XDG_STATE_HOME", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / "file"))
    result = main_in_process("record", tmp_path / "drive.mcap", *FAST, "--duration", "1", "--quiet")
    assert result.returncode == 0
    assert result.stderr.startswith("ac-telemetry: Markers cannot be received: ")
    assert steps_of(tmp_path / "drive.mcap")


@with_signals
def test_the_last_seconds_are_saved_on_a_marker_and_only_then(state_home: Path, tmp_path: Path) -> None:
    process = start("record", tmp_path / "saved", "--source", "demo", "--keep-last", "1s", "--name", "wow", "--quiet")
    wait_until(lambda: any((state_home / "ac-telemetry").glob("*.mailbox")))
    wait_until(lambda: run("marker", "wow").returncode == 0 and (tmp_path / "saved/wow.mcap").exists())
    interrupt(process)
    assert process.returncode == 0
    steps = steps_of(tmp_path / "saved/wow.mcap")
    assert steps[-1].elapsed - steps[0].elapsed <= 1.0


def test_a_killed_recording_reads_up_to_the_cut_and_can_be_finished(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    process = start("record", path, "--source", "demo", "--quiet")
    wait_until(lambda: path.exists() and path.stat().st_size > 150_000)
    process.kill()
    process.communicate()
    cut = McapRecording(path)
    assert cut.truncation
    before = pages_by_id(steps_of(path))
    assert len(before) > 333
    result = run("recover", path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.startswith(f"{path}: recovered, {len(before):,} steps; ")
    assert McapRecording(path).truncation == ""
    assert pages_by_id(steps_of(path)) == before
    assert run("recover", path).stdout == f"{path}: finished already, {len(before):,} steps.\n"


@with_signals
def test_what_is_published_is_recorded_again_byte_for_byte(drive: Path, shared_memory: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.mcap"
    recorder = start("record", again, "--source", shared_memory, "--until-exit", "--quiet")
    result = run("publish", "--source", drive, "--pages", shared_memory, "--quiet")
    assert result.returncode == 0, result.stderr
    assert recorder.wait(60) == 0
    recorder.communicate()
    whole, part = pages_by_id(steps_of(drive)), pages_by_id(steps_of(again))
    assert len(part) > 333
    graphics = {pages.graphics for pages in whole.values()}
    for number, pages in part.items():
        assert pages.physics == whole[number].physics
        assert pages.graphics in graphics
        assert pages.static == whole[number].static
    steps = steps_of(again)
    first = next(iter(part))
    missing = sum(step.missing for step in steps)
    assert missing == list(part)[-1] - first + 1 - len(part)


# --- bad input --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("-",), "record writes files; for lines in a pipe use: read --json-output -"),
        (("drive.parquet",), "drive.parquet: a Parquet file cannot be read when its recording was killed. Record to "),
        (("drive.mcap", "--split", "lap"), "--split is for files in a folder, and drive.mcap is one file."),
        (("drives", "--split", "laps"), "--split: A recording cannot be split by 'laps'"),
        (("drives", "--name", "{trakc}"), "The template '{trakc}' contains the unknown {trakc}."),
        (("drives/{car}.mcap", "--name", "x"), "drives/{car}.mcap is a template already; leave out --name."),
        (("drives", "--format", "csv"), "Unsupported --format csv. Supported: .mcap, "),
        (("drives", "--split", "lap", "--keep-last", "9s"), "--split and --keep-last contradict each other."),
        (("drives", "--keep-last", "soon"), "--keep-last: 'soon' is not a time like 90, 90s, 20m, 1:30 or 1h."),
        (("drives", "--max-total", "20"), "--max-total: '20' is not a size like 500kB, 200MB or 20GB."),
        (("{car}.mcap", "--max-total", "20GB"), "--max-total deletes recordings: name a folder of their own for them."),
        (("{car}.mcap", "--format", "mcap"), "{car}.mcap names a format already; leave out --format."),
        (("drives", "--overwrite"), "--overwrite is for one file; files in a folder are never overwritten."),
        (("drive.mcap", "--rate", "fast"), "--rate fast: expected a number from 0.1 to 333 Hz, or max."),
        (("drive.mcap", "--rate", "1000"), "--rate 1000: expected a number from 0.1 to 333 Hz, or max."),
        (("drive.mcap", "--from", "3"), "--from and --to are for recordings only."),
    ],
)
def test_a_wrong_wish_is_refused_in_a_sentence(tmp_path: Path, arguments: tuple[str, ...], reason: str) -> None:
    result = main_in_process("record", *arguments, *FAST, "--duration", "1", cwd=tmp_path)
    assert result.returncode == 2
    assert result.stderr.startswith(f"ac-telemetry: {reason}")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--from", "soon"), "--from: 'soon' is neither a time like 90, 90s, 20m, 1:30 or 1h nor a lap like lap:3."),
        (("--from", "3", "--to", "2"), "--to 2 is not after --from 3."),
        (("--to", "lap:x"), "--to lap:x: expected a lap number, like lap:3."),
        (("--to", "lap:7"), f"{LAP} has no lap 7; the command 'laps' lists its laps."),
    ],
)
def test_a_wrong_part_is_refused_in_a_sentence(options: tuple[str, ...], reason: str) -> None:
    result = main_in_process("read", "--source", LAP, "--speed", "max", *options)
    assert (result.returncode, result.stderr) == (2, f"ac-telemetry: {reason}\n")


def test_a_part_after_the_end_holds_nothing(drive: Path) -> None:
    for path in (drive, LAP):
        result = main_in_process("read", "--source", path, "--speed", "max", "--from", "2:00:00")
        assert result.returncode == 1
        assert result.stderr.startswith(f"ac-telemetry: {path} holds no s")


def test_a_recording_is_not_recorded_over_itself(drive: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(drive, tmp_path / "copy.mcap"))
    result = main_in_process("record", path, "--source", path, "--speed", "max", "--overwrite")
    assert (result.returncode, result.stderr) == (
        2, f"ac-telemetry: {path} is the source itself; write to another file.\n"
    )  # fmt: skip
    assert path.read_bytes() == drive.read_bytes()


def test_an_existing_recording_is_replaced_only_when_asked(drive: Path, tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    path.write_bytes(b"precious")
    result = main_in_process("record", path, *FAST, "--duration", "1")
    assert result.returncode == 1
    assert "exists already and stays untouched" in result.stderr
    assert path.read_bytes() == b"precious"
    assert main_in_process("record", path, *FAST, "--duration", "1", "--overwrite").returncode == 0
    assert steps_of(path)


def test_recover_names_what_it_cannot_finish_and_what_it_can(tmp_path: Path) -> None:
    table, notes = tmp_path / "drive.parquet", tmp_path / "notes.txt"
    table.touch()
    notes.touch()
    suffixes = ".mcap, .jsonl, .jsonl.gz, .jsonl.zst, .csv, .csv.gz"
    unreadable = "a Parquet file holds nothing that can be read before it has its end"
    for path, reason in (
        (table, f"{table} cannot be recovered: {unreadable}. The command 'recover' is for {suffixes}."),
        (notes, f"Unsupported file type: {notes}. Supported: {suffixes}."),
    ):
        result = main_in_process("recover", path)
        assert (result.returncode, result.stderr) == (2, f"ac-telemetry: {reason}\n")
    assert (
        run("recover", tmp_path / "none.mcap").stderr
        == f"ac-telemetry: There is no recording {tmp_path / 'none.mcap'}.\n"
    )
