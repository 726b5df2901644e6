"""Progress of the commands that read: a share and the time left on a terminal, nothing anywhere else."""

import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console
from rich.progress import Progress, TaskProgressColumn

from telemetry.cli._shared.progress import ReadingProgress
from telemetry.formats.jsonl.recording import JsonlRecording
from telemetry.recording.stats import StepRecordingStats
from telemetry.recording.stop import StopRule
from tests.commands import COMMAND, run
from tests.conftest import PATIENCE
from tests.recorded import LAP

COMMANDS = {
    "info": ["info", "lap.jsonl.zst"],
    "validate": ["validate", "lap.jsonl.zst"],
    "laps": ["laps", "lap.jsonl.zst"],
    "convert": ["convert", "lap.jsonl.zst", "lap.csv"],
    "recover": ["recover", "lap.jsonl.zst"],
    "dataset": ["dataset", "npz", "lap.jsonl.zst", "-o", "out"],
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_that_reads_shows_a_share_and_the_time_left_on_a_terminal(name: str, tmp_path: Path) -> None:
    shutil.copy(LAP, tmp_path / "lap.jsonl.zst")
    parent, child = os.openpty()
    with os.fdopen(parent, "rb", buffering=0) as terminal:
        with os.fdopen(child, "wb", buffering=0) as stderr:
            process = subprocess.Popen(
                [*COMMAND, *COMMANDS[name]],
                cwd=tmp_path,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                env={**os.environ, "TERM": "xterm", "COLUMNS": "100"},
            )
        shown = read_all(terminal)
        process.wait(timeout=PATIENCE)
    assert re.search(r"\d+%.*(\d:\d\d:\d\d|-:--:--)", shown)


def read_all(terminal: io.FileIO) -> str:
    data = b""
    try:
        while block := terminal.read(65536):
            data += block
    except OSError:  # how Linux says that the other end is closed
        pass
    return data.decode()


@pytest.mark.parametrize("name", ["info", "laps"])
def test_nothing_of_the_progress_is_printed_into_a_pipe(name: str, tmp_path: Path) -> None:
    shutil.copy(LAP, tmp_path / "lap.jsonl.zst")
    result = run(*COMMANDS[name], cwd=tmp_path)
    assert (result.returncode, result.stderr) == (0, "")


def test_two_passes_over_a_recording_are_one_whole() -> None:
    with Progress(TaskProgressColumn(), console=Console(file=io.StringIO()), auto_refresh=False) as bar:
        progress = ReadingProgress(bar)
        recording = JsonlRecording(LAP)
        shares = []
        for done in (0, 1):
            progress.start("Reading", recording, passes=2, passes_done=done)
            for snapshot in recording.snapshots():
                progress.update(snapshot.elapsed)
                shares.append(bar.tasks[0].percentage)
    assert shares == sorted(shares)
    half = len(shares) // 2  # a share is shown at each 256th snapshot only
    assert 45.0 < shares[half - 1] <= shares[half] <= 60.0  # the recording is read some lines ahead
    assert 95.0 < shares[-1] <= 100.0


@pytest.mark.parametrize(
    ("rule", "share"),
    [
        (StopRule(), None),
        (StopRule(duration=40.0), 0.25),
        (StopRule(laps=4), 0.5),
        (StopRule(sessions=4), 0.75),
        (StopRule(duration=40.0, laps=4), 0.5),
        (StopRule(laps=1), 1.0),
    ],
)
def test_the_share_of_a_recording_is_that_of_its_nearest_limit(rule: StopRule, share: float | None) -> None:
    assert rule.share(seconds=10.0, samples=100, laps=2, sessions=3) == share


def test_the_time_left_of_a_recording_follows_from_its_share() -> None:
    assert StepRecordingStats(latest=30.0, share=0.25).seconds_left == 90.0
    assert StepRecordingStats(latest=30.0, share=0.0).seconds_left is None
    assert StepRecordingStats(latest=30.0).seconds_left is None
