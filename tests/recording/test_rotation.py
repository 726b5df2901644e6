"""Where a recording is cut, and what the files are called."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, UsageError
from telemetry.fields.pages import read_packet_id
from telemetry.recording.file_names import Template
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, PageSink, Step
from telemetry.recording.lap_tracker import LapTracker
from telemetry.recording.rotation import (
    RecordingFolder,
    RollingBuffer,
    RotatingWriter,
    Split,
)
from telemetry.recording.step_recorder import StepRecorder
from telemetry.recording.step_writer import StepWriter
from telemetry.recording.stop import StopRule
from tests.drives import LINES
from tests.recording.test_step_recorder import ListSink, long_drive_of_steps, step_of


class Shelf:
    """Makes sinks that remember, and files of their names that hold nothing but their number of steps."""

    def __init__(self) -> None:
        self.sinks: dict[Path, ListSink] = {}

    def open(self, path: Path) -> PageSink:
        try:
            path.touch(exist_ok=False)
        except FileExistsError as error:
            raise SinkError("There is such a file.") from error
        sink = ListSink()
        self.sinks[path] = sink
        return sink

    def ids(self) -> dict[str, list[int]]:
        return {
            path.name: [read_packet_id(step.pages.physics) for step in sink.steps if step.pages]
            for path, sink in self.sinks.items()
        }


@pytest.fixture
def shelf() -> Shelf:
    return Shelf()


def feed(files: StepWriter, *steps: Step) -> None:
    follower = LapTracker()
    for step in steps:
        files.write(step, follower.update(step))


@pytest.mark.parametrize(
    ("text", "split"),
    [
        ("session", Split(segment="session")),
        ("stint", Split(segment="stint")),
        ("lap", Split(segment="lap")),
        ("size:200MB", Split(size=200e6)),
        ("size:1.5 gb", Split(size=1.5e9)),
        ("time:10m", Split(seconds=600.0)),
        ("time:90", Split(seconds=90.0)),
        ("time:1:30", Split(seconds=90.0)),
    ],
)
def test_a_split_says_where_to_cut(text: str, split: Split) -> None:
    assert Split.parse(text) == split


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("laps", "A recording cannot be split by 'laps'; use session, lap, stint, size:200MB or time:10m."),
        ("size:", "'' is not a size like 500kB, 200MB or 20GB."),
        ("size:10m", "'10m' is not a size like 500kB, 200MB or 20GB."),
        ("time:0s", "'0s' must be longer than 0 seconds."),
        ("time:soon", "'soon' is not a time like 90, 90s, 20m, 1:30 or 1h."),
    ],
)
def test_a_wrong_split_is_refused_with_the_reason(text: str, reason: str) -> None:
    with pytest.raises(UsageError) as refusal:
        Split.parse(text)
    assert str(refusal.value) == reason


def test_nothing_is_opened_before_there_is_a_car(tmp_path: Path, shelf: Shelf) -> None:
    files = RotatingWriter(RecordingFolder(tmp_path, Template("{car}"), ".mcap", shelf.open))
    feed(files, Step(State.WAITING), Step(State.LOADING))
    files.add_event(Event("marker", 0.0, {}))
    files.close()
    assert (list(tmp_path.iterdir()), files.files, files.size) == ([], [], 0)


def test_a_recording_is_cut_by_its_size_and_no_file_takes_the_name_of_another(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "demo_gt3-2.mcap").touch()
    reported: list[Path] = []
    files = RotatingWriter(
        RecordingFolder(tmp_path, Template("{car}"), ".mcap", shelf.open, reported.append), Split(size=3000.0)
    )
    feed(files, *(step_of(number) for number in range(0, 80, 10)))
    files.close()
    names = ["demo_gt3.mcap", "demo_gt3-3.mcap", "demo_gt3-4.mcap"]
    assert shelf.ids() == dict(zip(names, ([0, 10, 20], [30, 40, 50], [60, 70]), strict=True))
    assert files.files == reported == [tmp_path / name for name in names]
    assert files.size == 8000


def test_a_recording_is_cut_by_time(tmp_path: Path, shelf: Shelf) -> None:
    files = RotatingWriter(RecordingFolder(tmp_path, Template("{part:02}"), ".mcap", shelf.open), Split(seconds=1.0))
    feed(files, *(step_of(10 * number, elapsed=0.4 * number) for number in range(6)))
    files.close()
    assert shelf.ids() == {"01.mcap": [0, 10, 20], "02.mcap": [30, 40, 50]}


def test_a_recording_is_cut_where_the_session_changes_and_where_the_car_leaves_the_pits_after_a_stop(
    tmp_path: Path, shelf: Shelf
) -> None:
    box = {"is_in_pit_lane": 1, "is_in_pit": 1}
    ways: list[tuple[int, int, float, dict[str, int]]] = [
        (0, 0, 0.0, {}),
        (10, 0, 500.0, {"is_in_pit_lane": 1}),
        (20, 0, 600.0, {}),
        (30, 0, 700.0, box),
        (40, 0, 800.0, {}),
        (50, 2, 0.0, {}),
        (60, 2, 500.0, {}),
    ]
    steps = [step_of(number, session=kind, distance_traveled=metres, **pits) for number, kind, metres, pits in ways]
    sessions = RotatingWriter(
        RecordingFolder(tmp_path, Template("{session}"), ".mcap", shelf.open), Split(segment="session")
    )
    feed(sessions, *steps)
    sessions.close()
    assert shelf.ids() == {"practice.mcap": [0, 10, 20, 30, 40], "race.mcap": [50, 60]}
    shelf.sinks.clear()
    stints = RotatingWriter(
        RecordingFolder(tmp_path, Template("stint/{part}"), ".mcap", shelf.open), Split(segment="stint")
    )
    feed(stints, *steps)
    stints.close()
    assert shelf.ids() == {"1.mcap": [0, 10, 20, 30], "2.mcap": [40], "3.mcap": [50, 60]}


@pytest.mark.parametrize("line", [0.0, LINES[-1]])
def test_each_file_of_a_lap_holds_the_whole_lap_and_its_official_time(
    tmp_path: Path, shelf: Shelf, line: float
) -> None:
    files = RotatingWriter(RecordingFolder(tmp_path, Template("{lap:03}"), ".mcap", shelf.open), Split(segment="lap"))
    StepRecorder(long_drive_of_steps(line), files, clock=Clock(float("inf")), stop_rule=StopRule(laps=2)).run()
    assert [path.name for path in files.files] == ["001.mcap", "002.mcap"]  # the rest of a second is in 002 already
    assert sorted(path.name for path in tmp_path.iterdir()) == ["001.mcap", "002.mcap"]
    first, second = (shelf.ids()[name] for name in ("001.mcap", "002.mcap"))
    assert second[0] in first
    assert first[-1] - second[0] == pytest.approx(333, abs=12)  # one second into the next
    for number, path in enumerate(files.files, start=1):
        follower = LapTracker()
        turns = [follower.update(step) for step in shelf.sinks[path].steps]
        laps = [lap for update in turns if update for lap in update.laps]
        assert [(lap.number, lap.valid, lap.time_ms is not None) for lap in laps] == [(number, True, True)]


def test_a_marker_saves_what_was_just_driven(tmp_path: Path, shelf: Shelf) -> None:
    files = RollingBuffer(RecordingFolder(tmp_path, Template("{part}"), ".mcap", shelf.open), 1.0)
    follower = LapTracker()
    for number in range(30):
        step = step_of(10 * number, elapsed=0.1 * number)
        files.write(step, follower.update(step))
        if number in (15, 20):
            files.add_event(Event("marker", float(number), {"name": "wow"}))
            files.add_event(Event("state", float(number), {}))
    files.close()
    assert shelf.ids() == {"1.mcap": list(range(50, 151, 10)), "2.mcap": list(range(100, 201, 10))}
    assert [sink.events for sink in shelf.sinks.values()] == [
        [Event("marker", 15.0, {"name": "wow"})],
        [Event("marker", 20.0, {"name": "wow"})],
    ]
    assert files.files == [tmp_path / "1.mcap", tmp_path / "2.mcap"]


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path, shelf: Shelf) -> None:
    (tmp_path / "file").touch()
    files = RotatingWriter(RecordingFolder(tmp_path / "file", Template("{car}"), ".mcap", shelf.open))
    with pytest.raises(SinkError, match=r"The folder .*file cannot be created"):
        feed(files, step_of(1))


def at(step: Step, timestamp: float) -> Step:
    assert step.pages is not None
    return step._replace(pages=step.pages._replace(timestamp=timestamp))


def test_each_file_is_named_by_the_time_of_day_at_which_it_begins(tmp_path: Path, shelf: Shelf) -> None:
    folder = RecordingFolder(tmp_path, Template("{datetime}"), ".mcap", shelf.open)
    files = RotatingWriter(folder, Split(seconds=1.0))
    clock = [1.7e9, 1.7e9 + 0.5, 1.7e9 + 3600.0, 1.7e9 - 7200.0, 1.7e9 - 7199.0]  # set forward, and then back
    feed(files, *(at(step_of(10 * tick, elapsed=0.5 * tick), timestamp) for tick, timestamp in enumerate(clock)))
    files.close()
    begins = [datetime.fromtimestamp(clock[tick], UTC).astimezone() for tick in (0, 2, 4)]
    assert [path.stem for path in files.files] == [f"{begin:%Y%m%d-%H%M%S}" for begin in begins]


def test_what_a_marker_saves_has_the_time_of_its_first_step_though_nothing_changed_for_long(
    tmp_path: Path, shelf: Shelf
) -> None:
    files = RollingBuffer(RecordingFolder(tmp_path, Template("{datetime}"), ".mcap", shelf.open), 1.0)
    first, paused, later = (at(step_of(10), 1.7e9 + seconds) for seconds in (0.0, 1800.0, 3600.0))
    tracker = LapTracker()
    files.write(first, tracker.update(first))
    files.write(paused._replace(elapsed=1800.0), None)
    files.write(later._replace(elapsed=3600.0), None)
    files.add_event(Event("marker", 1.7e9 + 3600.0, {"name": "wow"}, 3600.0))
    begin = datetime.fromtimestamp(1.7e9 + 3600.0, UTC).astimezone()
    assert [path.stem for path in files.files] == [f"{begin:%Y%m%d-%H%M%S}"]
