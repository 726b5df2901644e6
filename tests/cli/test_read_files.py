"""Several recordings at the same time: ``--jobs`` of the commands that read them."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.commands import with_signals
from tests.conftest import PATIENCE, REPOSITORY, main_in_process
from tests.recorded import days_later, evening, recorded_lap, write

READERS = ("info", "validate", "laps")

INTERRUPTED_AT_THE_FIRST_PROCESS = """
import os
import signal
from concurrent.futures import ProcessPoolExecutor

submit = ProcessPoolExecutor.submit


def submit_and_interrupt(*arguments):
    future = submit(*arguments)
    os.killpg(0, signal.SIGINT)  # Ctrl-C in a terminal reaches all processes
    return future


ProcessPoolExecutor.submit = submit_and_interrupt
from telemetry.cli import main

main()
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long recording before short ones, which are read sooner, a copy, and two files that are no recordings."""
    folder = tmp_path_factory.mktemp("several")
    write(folder / "a.jsonl", list(recorded_lap()))
    write(folder / "b.jsonl", days_later(recorded_lap()[:50], 1))
    write(folder / "c.jsonl.gz", evening())
    write(folder / "d.jsonl", evening())
    (folder / "empty.mcap").touch()
    (folder / "nonsense.jsonl").write_text("nonsense\n")
    return folder


@pytest.fixture
def no_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    def run_in_processes(*arguments: object) -> None:
        pytest.fail(f"no process is needed for {arguments}")

    monkeypatch.setattr("telemetry.cli._shared.read_files.run_in_processes", run_in_processes)


@pytest.mark.parametrize("command", [("info",), ("validate", "--json"), ("laps", "--include-ai")])
def test_the_number_of_jobs_changes_no_byte(command: tuple[str, ...], folder: Path) -> None:
    alone, together = (main_in_process(*command, folder, "none.mcap", "--jobs", jobs) for jobs in ("1", "2"))
    assert (together.returncode, together.stdout, together.stderr) == (1, alone.stdout, alone.stderr)
    assert "a.jsonl" in together.stdout
    assert together.stderr.endswith(
        "ac-telemetry: 3 of 7 recordings could not be read: "
        f"{folder / 'empty.mcap'}, {folder / 'nonsense.jsonl'}, none.mcap.\n"
    )


@pytest.mark.usefixtures("no_processes")
@pytest.mark.parametrize("command", READERS)
def test_small_recordings_are_read_in_one_process(command: str, folder: Path) -> None:
    result = main_in_process(command, folder / "b.jsonl", folder / "d.jsonl")
    assert (result.returncode, result.stderr) == (0, "")


@with_signals
@pytest.mark.parametrize("command", READERS)
def test_ctrl_c_ends_a_command_and_its_processes_with_a_sentence(command: str, folder: Path) -> None:
    result = subprocess.run(
        [sys.executable, "-c", INTERRUPTED_AT_THE_FIRST_PROCESS, command, str(folder), "--jobs", "2"],
        capture_output=True,
        encoding="utf-8",
        cwd=REPOSITORY,
        timeout=PATIENCE,
        check=False,
        start_new_session=True,
    )
    assert (result.returncode, result.stdout, result.stderr) == (
        130,
        "",
        f"ac-telemetry: Stopped before {folder / 'a.jsonl'} was read.\n",
    )
