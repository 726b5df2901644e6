"""What the doctor finds in a healthy machine and in sick ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import ac_native_memory as ac
from telemetry.base.clock import Clock
from telemetry.game.doctor import DoctorFinding, DoctorReport, DoctorStatus, examine
from telemetry.game.doctor.game_checks import check_page_files, describe_pages, find_holders
from telemetry.game.doctor.machine_checks import check_clock_resolution, check_disk, check_python, check_sleep_jitter
from telemetry.game.doctor.windows_processes import list_processes
from telemetry.game.proton import Processes
from tests.conftest import PATIENCE, REPOSITORY, main_in_process, pages_of, real_time, snapshot_of, unique_name
from tests.game.test_proton import Proc, on_linux, proc
from tests.game.wine import Wine, needs_wine

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["proc"]

pytestmark = real_time


class Moving:
    """Page files that a thread keeps moving, as a game does."""

    def __init__(self, directory: Path) -> None:
        self._writer = ac.PageWriter(directory)
        self._clock = Clock()
        self._thread = threading.Thread(target=self._move)

    def _move(self) -> None:
        for step, _ in enumerate(self._clock.ticks(333.0)):
            self._writer.write(*pages_of(packet_id=1000 + step, graphics_packet_id=step // 5 * 2 + 1)[:3])

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._clock.stop()
        self._thread.join()
        self._writer.close()


def find(report: DoctorReport, topic: str) -> DoctorFinding:
    (found,) = (finding for finding in report.findings if finding.topic == topic)
    return found


def examine_pages(directory: Path, folder: Path, seconds: float = 0.3) -> DoctorReport:
    return examine(directory, folder, seconds=seconds)


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    directory = tmp_path / "pages"
    directory.mkdir()
    return directory


def test_a_moving_game_can_be_recorded(pages: Path, tmp_path: Path) -> None:
    with Moving(pages):
        report = examine_pages(pages, tmp_path, 1.0)
    assert report.ready, report
    session = find(report, "session")
    assert session.message == f"demo_gt3 on demo_ring, read from {pages}."
    assert session.facts["state"] == "live"
    physics = find(report, "physics page")
    assert re.fullmatch(r"4,096 bytes; step [\d,]+, \d+ steps per second\.", physics.message)
    assert isinstance(physics.facts["rate_hz"], float)
    assert physics.facts["rate_hz"] > 0.0
    graphics = find(report, "graphics page")
    assert re.fullmatch(r"4,096 bytes; status live, \d+ frames per second\.", graphics.message)
    assert isinstance(graphics.facts["rate_hz"], float)
    assert graphics.facts["rate_hz"] > 0.0
    assert "version 1.7 of the pages, version 1.16.4 of the game" in find(report, "static page").message


def test_steps_and_frames_are_counted_by_the_second() -> None:
    first = snapshot_of(elapsed=1.0, packet_id=1000, graphics_packet_id=301)
    last = snapshot_of(elapsed=3.0, packet_id=1666, graphics_packet_id=541)
    physics, graphics, static = describe_pages(first, last, (4096, 4096, 4096))
    assert physics.message == "4,096 bytes; step 1,666, 333 steps per second."
    assert (physics.facts["rate_hz"], graphics.facts["rate_hz"]) == (333.0, 60.0)
    assert graphics.message == "4,096 bytes; status live, 60 frames per second."
    assert static.message == "4,096 bytes; version 1.7 of the pages, version 1.16.4 of the game."


@pytest.mark.parametrize(("status", "words"), [(3, "status paused, standing still"), (1, "status replay")])
def test_a_dump_can_be_recorded_and_is_said_to_stand_still(
    pages: Path, tmp_path: Path, status: int, words: str
) -> None:
    with ac.PageWriter(pages) as writer:
        writer.write(*pages_of(status=status)[:3])
        report = examine_pages(pages, tmp_path)
    assert report.ready
    assert find(report, "session").message == f"The pages do not move. demo_gt3 on demo_ring, read from {pages}."
    assert words in find(report, "graphics page").message
    page_files = find(report, "page files")
    assert page_files.status is DoctorStatus.WARN
    assert "they stand still" in page_files.message


def test_no_pages_are_no_session(pages: Path, tmp_path: Path) -> None:
    report = examine_pages(pages, tmp_path)
    assert not report.ready
    assert find(report, "page files").message == f"There are no page files in {pages}."
    session = find(report, "session")
    assert (session.status, session.message) == (DoctorStatus.FAIL, "No session of the game is to be seen.")
    assert session.advice.startswith("Start a session in the game")


def test_empty_pages_are_no_session(pages: Path, tmp_path: Path) -> None:
    with ac.PageWriter(pages):
        report = examine_pages(pages, tmp_path)
    assert "all empty: a bridge with no game" in find(report, "page files").message
    assert find(report, "session").message == f"The pages in {pages} show no session."


def test_a_page_that_is_missing_is_named(pages: Path, tmp_path: Path) -> None:
    (pages / "acpmf_physics").write_bytes(bytes(4096))
    found = find(examine_pages(pages, tmp_path), "page files")
    assert (found.status, found.message) == (
        DoctorStatus.WARN,
        f"Only some page files are there: {pages / 'acpmf_physics'}.",
    )


def test_another_game_is_named(pages: Path, tmp_path: Path) -> None:
    with ac.PageWriter(pages) as writer:
        writer.write(*pages_of(sm_version="1.9")[:3])
        report = examine_pages(pages, tmp_path)
    assert not report.ready
    assert "another game: its version is '1.9'" in find(report, "session").message


def test_a_folder_that_cannot_be_written_fails(pages: Path, tmp_path: Path) -> None:
    report = examine_pages(pages, tmp_path / "nowhere")
    found = find(report, "target folder")
    assert found.status is DoctorStatus.FAIL
    assert found.message.startswith(f"Nothing can be written into {tmp_path / 'nowhere'}: ")
    assert found.advice == "Name another folder with --output-dir."


def test_the_folder_is_left_as_it_was(tmp_path: Path) -> None:
    found = check_disk(tmp_path)
    assert found.status is not DoctorStatus.FAIL
    assert list(tmp_path.iterdir()) == []
    assert isinstance(found.facts["bytes_per_second"], float)


def test_this_machine_tells_time_finely_enough() -> None:
    assert check_clock_resolution().status is DoctorStatus.OK
    assert "late" in check_sleep_jitter().message


def test_a_python_of_the_microsoft_store_is_warned_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", r"C:\Users\me\AppData\Local\Microsoft\WindowsApps\python.exe")
    found = check_python()
    assert found.status is DoctorStatus.WARN
    assert "It comes from the Microsoft Store." in found.message


@pytest.mark.skipif(sys.platform != "win32", reason="about Windows")
def test_on_windows_this_process_is_among_the_processes() -> None:
    assert os.getpid() in [pid for pid, _ in list_processes()]


# --- Linux ------------------------------------------------------------------------------------------------------------


@on_linux
def test_who_holds_a_stale_page_is_known(proc: Proc, pages: Path, tmp_path: Path) -> None:
    with ac.PageWriter(pages) as writer:
        writer.write(*pages_of()[:3])
        folder = proc.add(77, "simhub")
        (folder / "maps").write_text(f"7f000000-7f001000 rw-s 00000000 00:19 9   {pages / 'acpmf_physics'}\n")
        proc.add(78, "other")
        (found,) = check_page_files(pages, root=proc.root)
    assert found.facts["holders"] == [{"pid": 77, "name": "simhub"}]
    assert found.message.endswith("simhub (77) holds them.")


@on_linux
def test_who_holds_a_page_is_known_of_real_processes(pages: Path) -> None:
    with ac.PageWriter(pages):
        program = (
            f"import ac_native_memory as ac; r = ac.PageReader({str(pages)!r}); print('open', flush=True); input()"
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", program], cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        assert holder.stdout
        holder.stdout.readline()
        assert [pid for pid, _ in find_holders(pages / "acpmf_physics")] == [holder.pid]
        holder.communicate(b"\n", timeout=PATIENCE)


@on_linux
def test_a_game_that_may_not_be_read_is_found_and_explained(proc: Proc, tmp_path: Path) -> None:
    proc.game(user=4_000_001)
    report = examine(None, tmp_path, processes=Processes(proc.root), prefix=unique_name(), seconds=0.1)
    assert find(report, "game process").message == "The game runs: process 100."
    session = find(report, "session")
    assert session.message.endswith("Run both as the same user.")
    assert session.advice == ""


@on_linux
def test_without_a_game_the_process_is_said_to_be_missing(proc: Proc, tmp_path: Path) -> None:
    report = examine(None, tmp_path, processes=Processes(proc.root), prefix=unique_name(), seconds=0.1)
    assert find(report, "game process").message == "No process is called acs.exe or acs_x86.exe."
    assert not report.ready


@needs_wine
def test_a_game_under_wine_can_be_recorded(wine: Wine, tmp_path: Path) -> None:
    processes = wine.processes()
    with wine.game():
        report = examine(None, tmp_path, processes=processes, prefix=unique_name(), seconds=1.5)
    session = find(report, "session")
    assert report.ready, report
    assert session.message.startswith("standin_car on standin_track, read from the memory of process ")


# --- the command ------------------------------------------------------------------------------------------------------


def run_doctor(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "main.py"), "doctor", *map(str, arguments)],
        capture_output=True,
        timeout=PATIENCE,
        check=False,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        errors="replace",
    )


@pytest.fixture
def game(pages: Path) -> Iterator[Path]:
    with Moving(pages):
        yield pages


def test_the_command_ends_with_0_when_recording_would_work(game: Path, tmp_path: Path) -> None:
    result = run_doctor("--source", game, "--output-dir", tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "demo_gt3 on demo_ring" in result.stdout
    assert "Recording would work" in result.stdout


def test_the_command_ends_with_1_and_advice_when_it_would_not(pages: Path, tmp_path: Path) -> None:
    result = main_in_process("doctor", "--source", pages, "--output-dir", tmp_path)
    assert result.returncode == 1
    assert "-> Start a session in the game" in result.stdout
    assert "Recording would not work now" in result.stdout


def test_the_report_for_programs_has_every_finding(game: Path, tmp_path: Path) -> None:
    result = main_in_process("doctor", "--source", game, "--output-dir", tmp_path, "--json")
    assert result.returncode == 0, result.stdout + result.stderr
    report = json.loads(result.stdout)
    assert report["ready"] is True
    assert [finding["topic"] for finding in report["findings"]] == [
        "python", "packages", "time stamps", "sleeping", "target folder", "page files",
        "physics page", "graphics page", "static page", "session",
    ]  # fmt: skip
    assert {frozenset(finding) for finding in report["findings"]} == {
        frozenset({"topic", "status", "message", "advice", "facts"})
    }


def test_the_command_examines_games_only() -> None:
    result = main_in_process("doctor", "--source", "demo")
    assert result.returncode == 2
    assert "doctor can only check a live game or a directory with page files, not demo." in result.stderr
