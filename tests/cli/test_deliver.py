"""``deliver``, and what ``record``, ``doctor`` and ``serve`` say of deliveries."""

import json
import shutil
import signal
from pathlib import Path

import pytest

from telemetry.base.text import format_size
from telemetry.cli._shared.delivery import check_outbox
from telemetry.delivery.outbox import Outbox
from tests.commands import Watched, start, with_signals
from tests.conftest import PATIENCE, main_in_process, wait_until
from tests.delivery.recordings import short_recording


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return short_recording(tmp_path_factory.mktemp("deliver") / "drive.mcap")


@pytest.fixture
def drives(tmp_path: Path, recording: Path) -> Path:
    folder = tmp_path / "drives"
    (folder / "old").mkdir(parents=True)
    shutil.copy(recording, folder / "old" / "drive.mcap")
    (folder / "notes.txt").write_text("no recording")
    return folder


@pytest.fixture
def share(tmp_path: Path) -> Path:
    folder = tmp_path / "share"
    folder.mkdir()
    return folder


def test_a_folder_is_delivered_and_a_second_time_nothing_is_sent(drives: Path, share: Path) -> None:
    done = main_in_process("deliver", drives, share, "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["delivered"] == [str(drives / "old" / "drive.mcap")]
    assert (said["waiting"], said["failed"], said["target"]) == (0, [], str(share))
    assert len(list((share / "recordings").iterdir())) == 2
    again = main_in_process("deliver", drives, share)
    assert (again.returncode, again.stderr) == (0, f"{share}: 0 recordings delivered (0 B).\n")


def test_a_target_that_is_away_is_a_sentence_and_what_waits_is_kept(drives: Path, tmp_path: Path) -> None:
    away = tmp_path / "away"
    done = main_in_process("deliver", drives, away)
    assert done.returncode == 1
    assert f"There is no folder {away}. Is it mounted?" in done.stderr
    assert f"1 recording ({format_size((drives / 'old' / 'drive.mcap').stat().st_size)}) waits." in done.stderr
    assert f"To go on: deliver {drives} {away}" in done.stderr
    away.mkdir()
    assert main_in_process("deliver", drives, away).returncode == 0


def test_a_file_that_cannot_be_delivered_is_named_and_the_others_go(drives: Path, share: Path) -> None:
    bad = drives / "bad.mcap"
    bad.write_bytes((drives / "old" / "drive.mcap").read_bytes()[:-5000])
    done = main_in_process("deliver", drives, share)
    assert done.returncode == 1
    assert f"{bad} has no end, as after a crash. Mend it with: recover {bad}" in done.stderr
    assert "1 recording could not be delivered." in done.stderr
    assert len(list((share / "recordings").iterdir())) == 2


def test_what_was_read_back_may_be_deleted(drives: Path, share: Path) -> None:
    done = main_in_process("deliver", drives, share, "--delete-after")
    assert done.returncode == 0, done.stderr
    assert "1 deleted here." in done.stderr
    assert not (drives / "old" / "drive.mcap").exists()


def test_the_doctor_says_what_waits(drives: Path, share: Path) -> None:
    assert list(check_outbox(drives)) == []
    outbox = Outbox(drives)
    outbox.add(drives / "old" / "drive.mcap", str(share))
    outbox.fail(outbox.waiting()[0], "It is full.")
    done = main_in_process("doctor", "--source", drives, "--output-dir", drives, "--json")
    [finding] = [one for one in json.loads(done.stdout)["findings"] if one["topic"] == "delivery"]
    assert finding["status"] == "warn"
    assert finding["message"].startswith("1 recording (")
    assert finding["message"].endswith("It is full.")
    assert finding["advice"] == f"Deliver them with: deliver {drives} {share}"
    assert main_in_process("deliver", drives, share).returncode == 0
    [finding] = check_outbox(drives)
    assert (finding.status, finding.message) == ("ok", "All recordings were delivered.")


def test_a_recording_delivers_its_files_with_the_summaries_that_they_end_with(tmp_path: Path, share: Path) -> None:
    folder = tmp_path / "drives"
    done = main_in_process(
        *("record", f"{folder}/", "--source", "demo", "--speed", "max", "--duration", "6s", "--split", "time:3s"),
        *("--deliver", share, "--quiet", "--json-summary"),
    )
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["delivery"] == {"waiting": 0, "waiting_bytes": 0, "oldest_s": None, "error": ""}
    recorded = sorted(path.read_bytes() for path in folder.glob("*.mcap"))
    assert len(recorded) == len(said["files"])
    assert sorted(path.read_bytes() for path in share.glob("recordings/*.mcap")) == recorded
    assert said["bytes"] == sum(map(len, recorded))
    info = main_in_process("info", folder, "--json")
    assert all(report["finished"] for report in json.loads(info.stdout))


def test_a_recording_whose_target_is_away_is_kept_and_told(tmp_path: Path) -> None:
    path, away = tmp_path / "drive.mcap", tmp_path / "away"
    done = main_in_process(
        *("record", path, "--source", "demo", "--speed", "max", "--duration", "2s", "--quiet", "--deliver", away)
    )
    assert done.returncode == 0, done.stderr
    assert f"There is no folder {away}." in done.stderr
    assert f"To go on: deliver {tmp_path} {away}" in done.stderr
    assert [entry.file for entry in Outbox(tmp_path).waiting()] == ["drive.mcap"]


def test_a_kill_in_the_middle_shows_nothing_in_a_folder_and_the_same_command_goes_on(drives: Path, share: Path) -> None:
    process = start("deliver", drives, share, "--max-rate", "1kB")
    wait_until(lambda: list(share.glob(".incoming/*.part")), process.poll)
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert list(share.glob("recordings/*")) == []
    assert [entry.file for entry in Outbox(drives).waiting()] == ["old/drive.mcap"]
    assert main_in_process("deliver", drives, share).returncode == 0
    assert len(list(share.glob("recordings/*"))) == 2


@with_signals
def test_it_may_go_on_with_what_is_finished_later_and_with_a_target_that_comes_back(
    drives: Path, tmp_path: Path, recording: Path
) -> None:
    share = tmp_path / "share"
    with Watched("deliver", drives, share, "--keep-trying") as watched:
        wait_until(lambda: Outbox(drives).status().error, watched.process.poll)
        share.mkdir()
        wait_until(lambda: len(list(share.glob("recordings/*.json"))) == 1, lambda: watched.messages)
        shutil.copy(recording, tmp_path / "later.mcap")
        (tmp_path / "later.mcap").rename(drives / "later.mcap")
        wait_until(lambda: Outbox(drives).delivered(drives / "later.mcap", str(share)), lambda: watched.messages)
        watched.process.send_signal(signal.SIGINT)
        assert watched.process.wait(timeout=PATIENCE) == 130
    said = "".join(watched.messages)
    assert f"There is no folder {share}. Is it mounted?" in said
    assert "It works again." in said
    assert f"Stopped. All recordings were delivered to {share}." in said


def test_a_stream_delivers_what_it_records_beside_it(tmp_path: Path, share: Path) -> None:
    path = tmp_path / "drive.mcap"
    done = main_in_process(
        *("serve", "--source", "demo", "--port", "0", "--duration", "1s", "--record", path, "--deliver", share)
    )
    assert done.returncode == 0, done.stderr
    assert f"Delivering to {share}. Ctrl-C leaves the rest for later." in done.stderr
    assert f"All recordings were delivered to {share}." in done.stderr
    assert [found.read_bytes() for found in share.glob("recordings/*.mcap")] == [path.read_bytes()]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["record", "x.mcap", "--max-rate", "2MB"], "--max-rate is for --deliver TARGET."),
        (["record", "x.mcap", "--deliver", "ftp://nas"], "ftp://nas is no target: expected a folder, or s3://bucket"),
        (["record", "--plan", "p.toml", "--deliver", "x"], "--deliver and --plan contradict each other."),
        (["serve", "--source", "demo", "--deliver", "x"], "--deliver is for recordings; name one with --record OUT."),
        (["deliver", "no-such-folder", "x"], "There is no folder no-such-folder."),
        (["deliver", ".", "x", "--max-rate", "fast"], "'fast' is not a size like 500kB, 200MB or 20GB."),
    ],
)
def test_what_contradicts_itself_is_refused(words: list[str], sentence: str, tmp_path: Path) -> None:
    done = main_in_process(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stderr
    assert sentence in done.stderr
    assert list(tmp_path.iterdir()) == []
