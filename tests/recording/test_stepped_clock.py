"""Recordings over which the computer's clock is set, or the computer sleeps."""

import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest

from ac_native_memory import Pages
from telemetry.base.clock import Clock
from telemetry.demo.source import DemoSource
from telemetry.fields.clock_steps import ClockStepDetector
from telemetry.formats.mcap.recording import McapRecording
from telemetry.game import LiveSource
from telemetry.recording.api import samples
from telemetry.recording.file_names import Template
from telemetry.recording.interfaces import Event
from telemetry.recording.rotation import RecordingFolder, RotatingWriter
from telemetry.recording.step_recorder import StepRecorder
from telemetry.sources import open_page_sink
from tests.conftest import PATIENCE, REPOSITORY, real_time, wait_until
from tests.formats.mcap_files import messages
from tests.game import driven
from tests.wall_clock import WallClock, stepped_program

pytestmark = real_time

NIGHT_S = 8 * 3600.0
HOUR_S = 3600.0
SOON_S = 60.0
"""What a busy machine may take for anything here, and far less than any step of the clock."""


@pytest.fixture
def wall_clock(monkeypatch: pytest.MonkeyPatch) -> WallClock:
    return WallClock(monkeypatch)


def timed_pages(path: Path) -> list[tuple[float, Pages]]:
    """The steps of a recording: ``elapsed`` and pages."""
    return [(step.elapsed, step.pages) for step in McapRecording(path).read_steps() if step.pages]


def of_kind(path: Path, kind: str) -> list[Event]:
    return [event for event in McapRecording(path).events() if event.kind == kind]


def local_time(name: str) -> float:
    """The Unix time in a name made by ``{datetime}``."""
    return datetime.strptime(name, "%Y%m%d-%H%M%S").replace(tzinfo=datetime.now(UTC).astimezone().tzinfo).timestamp()


def test_a_recording_that_waited_through_a_night_and_an_hour_back_tells_the_time_of_day(
    tmp_path: Path, wall_clock: WallClock
) -> None:
    pages, out = tmp_path / "pages", tmp_path / "out"
    pages.mkdir()
    writer = RotatingWriter(RecordingFolder(out, Template("{datetime}"), ".mcap", open_page_sink))
    clock, end = Clock(), threading.Event()
    with LiveSource(pages) as source, writer:
        recorder = StepRecorder(source, writer, clock=clock)
        recording = threading.Thread(target=recorder.run)
        game = threading.Thread(target=driven.run, args=(pages, lambda _: driven.BRAKING, end))
        recording.start()
        try:
            wait_until(lambda: recorder.stats.message)
            wall_clock.set(NIGHT_S)
            began = time.time()
            game.start()
            wait_until(lambda: recorder.stats.steps > 100)
            recorder.add_marker("before")
            steps_before = recorder.stats.steps
            wall_clock.set(-HOUR_S)
            recorder.add_marker("after")
            set_back_at = time.time()
            wait_until(lambda: recorder.stats.steps > steps_before + 100)
            ended = time.time()
        finally:
            clock.stop()
            end.set()
            recording.join()
            game.join()
    (path,) = writer.files
    assert abs(local_time(path.stem) - began) < SOON_S
    steps = timed_pages(path)
    assert all(before <= after for (before, _), (after, _) in pairwise(steps))
    assert steps[-1][0] < SOON_S
    assert abs(steps[0][1].timestamp - began) < SOON_S
    assert abs(steps[-1][1].timestamp - ended) < 1.0

    waiting, driving = of_kind(path, "clock")
    assert waiting.values["seconds"] == pytest.approx(NIGHT_S, abs=0.1)
    assert driving.values["seconds"] == pytest.approx(-HOUR_S, abs=0.1)
    assert waiting.elapsed is not None
    assert driving.elapsed is not None
    assert waiting.elapsed <= 0.0 < driving.elapsed
    assert {round(page.timestamp - elapsed - steps[0][1].timestamp) for elapsed, page in steps} == {0, -3600}
    assert [page.timestamp for elapsed, page in steps if elapsed == driving.elapsed] == [driving.timestamp]

    before, after = of_kind(path, "marker")
    assert (before.values["name"], after.values["name"]) == ("before", "after")
    assert abs(after.timestamp - set_back_at) < 1.0
    assert abs(before.timestamp - HOUR_S - after.timestamp) < SOON_S
    assert before.elapsed is not None
    assert after.elapsed is not None
    assert 0.0 < before.elapsed <= after.elapsed < steps[-1][0]
    log_times = [message.log_time for _, message in messages(path)]
    assert log_times == sorted(log_times)


def test_samples_follow_a_clock_that_is_set_while_they_are_taken(tmp_path: Path, wall_clock: WallClock) -> None:
    taken, behind = [], []
    with DemoSource() as source:
        for sample in samples(source, rate=50.0, count=20):
            taken.append(sample)
            behind.append(time.time() - sample.timestamp)
            if len(taken) == 10:
                wall_clock.set(-HOUR_S)
    assert [sample.elapsed for sample in taken] == sorted(sample.elapsed for sample in taken)
    assert max(map(abs, behind)) < 1.0
    steps = ClockStepDetector()
    told = [step for sample in taken if (step := steps.update(sample.timestamp, sample.elapsed))]
    assert told == [pytest.approx(-HOUR_S, abs=0.1)]


RECORD = stepped_program(
    """
sys.argv[1:] = ["record", *sys.argv[1:], "--source", "demo", "--quiet"]
from telemetry.cli import main
main()
""",
    NIGHT_S,
)


def test_the_command_follows_a_clock_that_is_set_while_it_records(tmp_path: Path) -> None:
    path, set_forward = tmp_path / "drive.mcap", tmp_path / "set forward"
    began = time.time()
    with subprocess.Popen(
        [sys.executable, "-c", RECORD, set_forward, path, "--duration", "3"], stdin=subprocess.DEVNULL, cwd=REPOSITORY
    ) as process:
        wait_until(lambda: path.exists() and path.stat().st_size > 50_000)
        set_forward.touch()
        assert process.wait(PATIENCE) == 0
    steps = timed_pages(path)
    assert steps[-1][0] == pytest.approx(3.0, abs=0.01)
    assert 0.0 <= steps[0][1].timestamp - began < SOON_S
    assert steps[-1][1].timestamp - steps[0][1].timestamp == pytest.approx(NIGHT_S + 3.0, abs=0.5)
    (event,) = of_kind(path, "clock")
    assert event.values == {"seconds": pytest.approx(NIGHT_S, abs=0.5)}
    assert event.elapsed is not None
    assert 0.0 < event.elapsed < 3.0
    assert max(after - before for (before, _), (after, _) in pairwise(steps)) < 1.0
