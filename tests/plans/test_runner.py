"""Batches: the runs of a plan driven, refused, stopped, killed and gone on with."""

import json
import sys
from collections.abc import Iterator
from contextlib import closing
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, SourceError, UsageError
from telemetry.base.storage.lock import lock_plan_folder
from telemetry.cli.plan import load_plan, open_plan_folder
from telemetry.fields.pages import read_packet_id
from telemetry.formats.mcap.recording import McapRecording
from telemetry.formats.mcap.sink import create
from telemetry.plans.manifest import FileRecord, Manifest, ProductRecord
from telemetry.plans.plan import Plan, Run
from telemetry.plans.resume import resume
from telemetry.plans.runner import Batch
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, PageSink, Step
from telemetry.recording.lap_tracker import LapTracker
from telemetry.recording.step_recorder import StepRecorder
from tests.commands import run, start
from tests.conftest import PATIENCE, wait_until
from tests.drives import LONG_SECONDS, frames_at
from tests.recording.test_step_recorder import ListSink, Script, hurry, step_of

LAP_SECONDS = 30.0
RATE = 5.0
METRES = 3000.0


class Car:
    """A car on a round of 3,000 m: laps of 30 s, seen five times a second, told as the game tells them."""

    def __init__(self, **values: Any) -> None:
        self.values = values
        self.elapsed = 0.0
        self.packet_id = 1
        self.frame = 1
        self.completed = 0
        self.last_time = 0
        self.metres = 0.0

    def step(self, current: float, **values: Any) -> Step:
        shown = {
            "graphics_packet_id": self.frame,
            "completed_laps": self.completed,
            "current_time": round(current * 1e3),
            "last_time": self.last_time,
            "normalized_position": current / LAP_SECONDS % 1.0,
            "distance_traveled": self.metres,
            "sector_count": 1,
            "speed_kmh": 360.0,
            **self.values,
            **values,
        }
        return step_of(self.packet_id, elapsed=self.elapsed, **shown)

    def drive(self, seconds: float, begin: float = 0.0, **values: Any) -> Iterator[Step]:
        """A part of a lap."""
        for number in range(round(seconds * RATE)):
            yield self.step(begin + number / RATE, **values)
            self.elapsed = round(self.elapsed + 1 / RATE, 3)
            self.packet_id += 67
            self.frame += 2
            self.metres += METRES / LAP_SECONDS / RATE

    def lap(self, **values: Any) -> Iterator[Step]:
        """A whole lap, whose time the game shows with the next step; ``values`` hold around its half."""
        yield from self.drive(15.0)
        yield from self.drive(1.0, 15.0, **values)
        yield from self.drive(14.0, 16.0)
        self.completed += 1
        self.last_time = 30_000 + self.completed  # no two laps alike

    def laps(self, number: int) -> Iterator[Step]:
        for _ in range(number):
            yield from self.lap()

    def restart(self) -> None:
        self.completed = 0
        self.last_time = 0
        self.metres = 0.0
        self.packet_id = 1


class Folder:
    """A folder of files that remember their steps; what is not closed was cut."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.sinks: dict[Path, ListSink] = {}
        self.told: list[str] = []
        self.number = count(1)

    def open(self, path: Path, driven: Run) -> PageSink:
        try:
            path.write_text(driven.name)
        except FileExistsError as error:
            raise SinkError("There is such a file.") from error
        self.sinks[path] = sink = ListSink()
        return sink

    def batch(self, *runs: Run, wait: bool = True, max_refused: int | None = None) -> Batch:
        plan = Plan(name="plan", folder=self.path, template="{run}-{part}", suffix=".mcap", runs=runs)
        manifest = Manifest(plan, self.path)
        resume(manifest, lambda path: path, self.read, self.told.append)
        return Batch(manifest, self.open, wait=wait, max_refused=max_refused, report=self.told.append)

    def read(self, path: Path) -> Iterator[Step]:
        if path not in self.sinks:
            raise SourceError(f"{path.name} holds no step.")
        yield from self.sinks[path].steps

    def ids(self) -> dict[str, tuple[int, int]]:
        """First and last step of each file."""
        found = {}
        for path, sink in self.sinks.items():
            numbers = [read_packet_id(step.pages.physics) for step in sink.steps if step.pages]
            found[path.name] = (numbers[0], numbers[-1])
        return found

    def manifest(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads((self.path / "manifest.json").read_bytes())
        return values

    def laps(self) -> list[tuple[str, int, bool]]:
        return [(lap["file"], lap["number"], lap["kept"]) for run in self.manifest()["runs"] for lap in run["laps"]]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def record(batch: Batch, *steps: Step) -> None:
    StepRecorder(Script(*steps), batch, clock=hurry()).run()


def test_runs_are_driven_in_order_until_each_has_its_laps(folder: Folder) -> None:
    batch = folder.batch(Run(name="a", laps=2), Run(name="b", laps=1))
    car = Car()
    record(batch, *car.laps(5))
    assert batch.done
    assert batch.files == [folder.path / "a-1.mcap", folder.path / "b-2.mcap"]
    assert folder.laps() == [("a-1.mcap", 1, True), ("a-1.mcap", 2, True), ("b-2.mcap", 3, True)]
    # The second file begins at the line; the first goes on for a second.
    line = 1 + 67 * 300
    assert folder.ids() == {"a-1.mcap": (1, line + 67 * 3), "b-2.mcap": (line, line + 67 * (150 + 3))}
    assert all(sink.closed for sink in folder.sinks.values())
    first, second = folder.manifest()["runs"]
    assert (first["wanted"], first["kept"], first["complete"]) == (2, 2, True)
    assert first["files"] == [{"file": "a-1.mcap", "finished": True, "bytes": 1, "steps": 304, "missing": 0}]
    lap = second["laps"][0]
    assert (lap["time_ms"], lap["kind"], lap["session"]) == (30_003, "flying", "practice")
    assert (lap["car"], lap["track"], lap["layout"], lap["ai_driven"]) == ("demo_gt3", "demo_ring", "", False)
    assert (lap["first"]["packet_id"], lap["first"]["elapsed"]) == (line, 0.0)
    assert (lap["last"]["packet_id"], lap["last"]["elapsed"]) == (line + 67 * 149, 29.8)
    assert folder.told == [
        "run 1 of 2 'a': 0 of 2 laps kept; recording a-1.mcap",
        "run 1 of 2 'a': lap 1 kept in 0:30.001; 1 of 2 laps kept",
        "run 1 of 2 'a': lap 2 kept in 0:30.002; 2 of 2 laps kept",
        "run 1 of 2 'a' is complete.",
        "run 2 of 2 'b': 0 of 1 lap kept; recording b-2.mcap",
        "run 2 of 2 'b': lap 3 kept in 0:30.003; 1 of 1 lap kept",
        "run 2 of 2 'b' is complete.",
    ]
    assert batch.message == "All runs are complete."


def test_laps_that_do_not_count_are_listed_with_the_reason(folder: Folder) -> None:
    batch = folder.batch(Run(name="a", laps=2, max_time_ms=30_003))
    car = Car()
    record(batch, *car.lap(number_of_tyres_out=3), *car.lap(is_in_pit_lane=1), *car.laps(2), *car.drive(0.8))
    assert not batch.done
    assert batch.message == "run 1 of 1 'a': 1 of 2 laps kept, 3 refused (1 cut, 1 pit, 1 slow)"
    laps = folder.manifest()["runs"][0]["laps"]
    assert [(lap["kept"], lap["refused"], lap["reason"]) for lap in laps] == [
        (False, "cut", "3 tyres out at 1,500 m"),
        (False, "pit", "in the pits"),
        (True, "", ""),
        (False, "slow", "slower than 0:30.003"),
    ]


def test_a_lap_of_the_ai_counts_where_the_run_says_so(folder: Folder) -> None:
    batch = folder.batch(Run(name="human", laps=1), Run(name="any", laps=1, include_ai=True))
    car = Car()
    record(batch, *car.lap(is_ai_controlled=1), *car.lap(), *car.lap(is_ai_controlled=1), *car.lap())
    laps = [lap for run in folder.manifest()["runs"] for lap in run["laps"]]
    assert [(lap["ai_driven"], lap["kept"], lap["refused"], lap["reason"]) for lap in laps] == [
        (True, False, "ai", "driven by the AI"),
        (False, True, "", ""),
        (True, True, "", ""),
    ]


def test_each_run_has_its_own_measure_of_a_cut(folder: Folder) -> None:
    batch = folder.batch(Run(name="strict", laps=1, max_tyres_out=1), Run(name="any", laps=1, valid=False))
    car = Car()
    record(batch, *car.lap(number_of_tyres_out=2), *car.lap(), *car.lap(number_of_tyres_out=4), *car.lap())
    assert folder.laps() == [("strict-1.mcap", 1, False), ("strict-1.mcap", 2, True), ("any-2.mcap", 3, True)]


def test_with_wrong_settings_nothing_is_recorded_and_the_message_says_why(folder: Folder) -> None:
    batch = folder.batch(Run(name="wet", laps=1, require={"car_model": "ks_ferrari", "aid_fuel_rate": 1.0}))
    wrong, right = Car(), Car(car_model="ks_ferrari", aid_fuel_rate=1.0)
    steps = [*wrong.laps(1)]
    record(batch, *steps)
    reason = "run 'wet': the car must be ks_ferrari and is demo_gt3; aid_fuel_rate must be 1 and is 0"
    assert batch.message == reason
    assert folder.told == [f"Nothing is recorded; {reason}"]
    assert list(folder.path.iterdir()) == []
    right.elapsed = steps[-1].elapsed + 1.0
    record(folder.batch(*(progress.run for progress in batch.manifest.runs)), *steps, *right.laps(2))
    assert folder.laps() == [("wet-1.mcap", 1, True)]


def test_settings_that_become_wrong_end_the_file(folder: Folder) -> None:
    batch = folder.batch(Run(name="a", laps=2, require={"session_name": "practice"}))
    practice, race = Car(), Car(session=2)
    steps = [*practice.laps(1), *practice.drive(10.0)]
    race.elapsed = practice.elapsed
    record(batch, *steps, *race.laps(1))
    assert folder.ids() == {"a-1.mcap": (1, 1 + 67 * 199)}
    assert batch.message == "run 'a': the session must be practice and is race"


def test_unless_it_waits_a_batch_ends_where_the_settings_are_wrong(folder: Folder) -> None:
    batch = folder.batch(Run(name="wet", laps=1), Run(name="b", laps=1, require={"track": "spa"}), wait=False)
    record(batch, *Car().laps(4))
    assert batch.done
    assert batch.message == "run 'b': the track must be spa and is demo_ring"
    assert folder.laps() == [("wet-1.mcap", 1, True)]
    assert folder.ids() == {"wet-1.mcap": (1, 1 + 67 * 153)}


def test_refused_laps_in_a_row_end_a_batch_whose_source_never_drives_others(folder: Folder) -> None:
    batch = folder.batch(Run(name="a", laps=2, max_time_ms=30_001), max_refused=3)
    record(batch, *Car().laps(9))
    assert batch.done
    assert folder.laps() == [("a-1.mcap", 1, True), *(("a-1.mcap", number, False) for number in (2, 3, 4))]
    assert batch.message == (
        "run 1 of 1 'a': 1 of 2 laps kept, 3 refused (3 slow); "
        "the last 3 laps were refused, and the source drives on like that"
    )


def test_each_session_and_restart_begins_a_file(folder: Folder) -> None:
    batch = folder.batch(Run(name="a", laps=9))
    car = Car()
    steps = [*car.laps(1), *car.drive(10.0)]
    car.restart()
    steps += [*car.laps(1), *car.drive(1.0)]
    steps.append(Step(State.GONE, elapsed=car.elapsed))
    car.restart()
    car.elapsed += 60.0
    steps += [*car.laps(1), *car.drive(0.8)]
    record(batch, *steps)
    assert folder.laps() == [
        ("a-1.mcap", 1, True),
        ("a-1.mcap", 2, False),
        ("a-2.mcap", 1, True),
        ("a-3.mcap", 1, True),
    ]
    assert batch.message == "run 1 of 1 'a': 3 of 9 laps kept, 1 refused (1 unfinished)"


def test_a_file_begins_with_a_game_that_moves(folder: Folder) -> None:
    batch = folder.batch(Run(name="a", laps=1))
    car = Car()
    paused = [step._replace(state=State.PAUSED) for step in car.drive(2.0)]
    record(batch, Step(State.WAITING), *paused, *car.drive(2.0))
    assert folder.ids() == {"a-1.mcap": (1 + 67 * 10, 1 + 67 * 19)}


def test_markers_go_into_the_file_that_is_written(folder: Folder) -> None:
    batch = folder.batch(Run(name="a", laps=1))
    batch.add_event(Event("marker", 0.0, {}))
    steps = [*Car().drive(1.0)]

    class Marked(Script):
        def steps(self, clock: Clock) -> Iterator[Step]:
            yield from super().steps(clock)
            batch.add_event(Event("marker", 1.0, {"name": "here"}))

    StepRecorder(Marked(*steps), batch, clock=hurry()).run()
    assert [sink.events for sink in folder.sinks.values()] == [[Event("marker", 1.0, {"name": "here"})]]


def test_thinned_files_say_what_is_in_them(folder: Folder) -> None:
    record(folder.batch(Run(name="a", laps=1, rate=1.0)), *Car().laps(2))
    assert folder.manifest()["runs"][0]["files"][0]["steps"] == 31
    assert folder.laps() == [("a-1.mcap", 1, True)]


# --- going on ---------------------------------------------------------------------------------------------------------


def test_a_plan_goes_on_where_it_stopped(folder: Folder) -> None:
    runs = (Run(name="a", laps=2), Run(name="b", laps=1))
    car = Car()
    record(folder.batch(*runs), *car.laps(1), *car.drive(5.0))
    record(folder.batch(*runs), *Car().laps(4))
    assert folder.laps() == [
        ("a-1.mcap", 1, True),
        ("a-1.mcap", 2, False),
        ("a-1-2.mcap", 1, True),
        ("b-2.mcap", 2, True),
    ]
    assert folder.batch(*runs).done
    assert folder.told[-1] == "run 2 of 2 'b' is complete."


def kill(batch: Batch, *steps: Step) -> None:
    """Record steps, and never come to the end."""
    update = LapTracker().update
    for step in steps:
        batch.write(step, update(step))


def test_what_was_killed_is_recovered_and_counted_anew(folder: Folder) -> None:
    runs = (Run(name="a", laps=3),)
    car = Car()
    kill(folder.batch(*runs), *car.laps(2), *car.drive(1.0))
    entry = {"file": "a-1.mcap", "finished": False, "bytes": 0, "steps": 0, "missing": 0}
    assert folder.manifest()["runs"][0]["files"] == [entry]
    sink = next(iter(folder.sinks.values()))
    assert sink.flushes == 2  # what the manifest counts is with the operating system
    folder.told.clear()
    batch = folder.batch(*runs)
    path = folder.path / "a-1.mcap"
    assert folder.told == [f"{path} was truncated and is recovered: 305 steps. Run 'a': 2 of 3 laps kept."]
    assert not batch.done


def test_laps_whose_end_was_cut_off_are_not_counted(folder: Folder) -> None:
    runs = (Run(name="a", laps=2),)
    car = Car()
    kill(folder.batch(*runs), *car.laps(1), *car.drive(3.0))
    assert folder.laps() == [("a-1.mcap", 1, True)]
    next(iter(folder.sinks.values())).steps[140:] = []
    folder.told.clear()
    batch = folder.batch(*runs)
    assert folder.laps() == [("a-1.mcap", 1, False)]
    path = folder.path / "a-1.mcap"
    assert folder.told == [
        f"{path} was truncated and is recovered: 140 steps. Run 'a': 0 of 2 laps kept, 1 refused (1 unfinished).",
        "The end of 1 lap was lost, to be driven again.",
    ]
    record(batch, *Car().laps(3))
    assert [lap for lap in folder.laps() if lap[2]] == [("a-1-2.mcap", 1, True), ("a-1-2.mcap", 2, True)]


def test_a_file_that_holds_nothing_is_no_file(folder: Folder) -> None:
    runs = (Run(name="a", laps=1),)
    kill(folder.batch(*runs), *Car().drive(1.0))
    path = folder.path / "a-1.mcap"
    path.write_bytes(b"")
    folder.batch(*runs)
    assert not path.exists()
    assert folder.manifest()["runs"][0]["files"] == []
    kill(folder.batch(*runs), *Car().drive(1.0))
    folder.sinks.clear()
    folder.told.clear()
    folder.batch(*runs)
    assert folder.told == [f"{path} cannot be recovered, and stays as it is: a-1.mcap holds no step."]
    assert path.exists()


def test_what_an_earlier_attempt_recovered_is_taken_and_never_counted_twice(drive: Path, tmp_path: Path) -> None:
    plan = Plan(name="plan", folder=tmp_path, template="{run}", suffix=".mcap", runs=(Run(name="a", laps=9),))
    path, whole = tmp_path / "a.mcap", tmp_path / "a.recovered.mcap"
    data = bytearray(drive.read_bytes())
    data[len(data) * 2 // 3] ^= 0xFF
    path.write_bytes(data)

    def go_on(*files: FileRecord) -> tuple[list[str], list[str]]:
        manifest = Manifest(plan, tmp_path)
        manifest.runs[0].files = {entry.file: entry for entry in files}
        manifest.runs[0].laps = []
        manifest.save()
        told: list[str] = []
        progress = open_plan_folder(plan, tmp_path, "demo", wait=True, report=told.append).manifest.runs[0]
        return [entry.file for entry in progress.files.values() if entry.finished], told

    cut = FileRecord(file="a.mcap")
    first = go_on(cut)
    assert first[0] == ["a.recovered.mcap"]
    assert first[1][0].startswith(f"{path} was truncated and is recovered: ")
    assert go_on(cut) == first  # killed before the manifest was written, it is done again
    known = FileRecord(file="a.recovered.mcap", finished=True)
    reason = f"{whole} is another file of the plan."
    assert go_on(known, cut) == ([known.file], [f"{path} cannot be recovered, and stays as it is: {reason}"])
    whole.write_bytes(whole.read_bytes()[:-100])
    reason = f"{whole} exists already, and is truncated."
    assert go_on(cut) == ([], [f"{path} cannot be recovered, and stays as it is: {reason}"])
    assert path.read_bytes() == data


def test_a_file_that_was_deleted_takes_its_laps_along(folder: Folder) -> None:
    runs = (Run(name="a", laps=1), Run(name="b", laps=1))
    record(folder.batch(*runs), *Car().laps(3))
    path = folder.path / "a-1.mcap"
    path.unlink()
    folder.told.clear()
    batch = folder.batch(*runs)
    assert not batch.done
    assert folder.told == [f"{path} was deleted, and with it 1 lap of run 'a', to be driven again."]
    record(batch, *Car().laps(2))
    assert folder.laps() == [("a-1.mcap", 1, True), ("b-2.mcap", 2, True)]


def test_a_plan_that_changed_is_told_which_run_and_what_to_do(folder: Folder) -> None:
    record(folder.batch(Run(name="a", laps=1), Run(name="b", laps=1)), *Car().laps(2))
    for changed, reason in (
        ((Run(name="b", laps=1),), "holds recordings of the run 'a', which is no longer in the plan."),
        (
            (Run(name="a", laps=1, pits=True, require={"track": "spa"}), Run(name="b", laps=1)),
            "rules: pits was false and is true; require was nothing and is track = spa.",
        ),
    ):
        with pytest.raises(UsageError) as refusal:
            folder.batch(*changed)
        assert reason in str(refusal.value)
        assert str(refusal.value).endswith("Name another folder for the changed plan, or change it back.")


def test_more_laps_and_more_runs_may_be_wanted_later(folder: Folder) -> None:
    record(folder.batch(Run(name="a", laps=1)), *Car().laps(2))
    batch = folder.batch(Run(name="new", laps=1), Run(name="a", laps=2, notes="more"))
    assert batch.message == "run 1 of 2 'new': 0 of 1 lap kept"
    record(batch, *Car().laps(3))
    assert batch.done
    assert [(run["name"], run["kept"]) for run in folder.manifest()["runs"]] == [("new", 1), ("a", 2)]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[" * 9000, "is not a manifest of a plan, or it is corrupt. Name another folder, or move it away."),
        ("", "is not a manifest of a plan, or it is corrupt. Name another folder, or move it away."),
        ("[]", "is not a manifest of a plan, or it is corrupt. Name another folder, or move it away."),
        ('{"format": 1, "plan": "plan", "runs": [{}]}', "is not a manifest of a plan, or it is corrupt."),
        ('{"format": 2, "version": "9"}', "was written by a newer ac-telemetry, 9; continue with that one."),
        ('{"format": 1, "plan": "x", "runs": []}', "holds the recordings of the plan 'x'. Name another folder."),
    ],
)
def test_a_folder_of_something_else_is_left_alone(folder: Folder, text: str, reason: str) -> None:
    path = folder.path / "manifest.json"
    path.write_text(text)
    with pytest.raises(UsageError) as refusal:
        folder.batch(Run(name="a", laps=1))
    assert reason in str(refusal.value)
    assert path.read_text() == text


def test_a_manifest_that_names_a_product_outside_is_refused(tmp_path: Path) -> None:
    plan = Plan(name="p", folder=tmp_path, template="{run}", suffix=".mcap", runs=(Run(name="one", laps=1),))
    manifest = Manifest(plan, tmp_path)
    product = ProductRecord(file="../a.ld", format=".ld", finished=True, bytes=1)
    manifest.runs[0].files["a.mcap"] = FileRecord(file="a.mcap", finished=True, products=(product,))
    manifest.save()
    with pytest.raises(
        UsageError, match=r"names the file '\.\./a\.ld', which may be outside of .*: it goes up with \.\."
    ):
        Manifest(plan, tmp_path)


@pytest.mark.parametrize("name", ["../outside.mcap", "{outside}", "x/../../outside.mcap"])
def test_a_manifest_that_names_a_file_outside_changes_nothing(tmp_path: Path, name: str) -> None:
    folder, outside = Folder(tmp_path / "drives"), tmp_path / "outside.mcap"
    runs = (Run(name="a", laps=1),)
    record(folder.batch(*runs), *Car().lap())
    outside.touch()
    values = folder.manifest()
    reached = name.format(outside=outside.as_posix())
    values["runs"][0]["files"].append({"file": reached, "finished": False})
    (folder.path / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(UsageError) as refusal:
        folder.batch(*runs)
    how = "it is absolute" if "{" in name else "it goes up with .."
    assert str(refusal.value) == (
        f"{folder.path / 'manifest.json'} names the file {reached!r}, which may be outside of {folder.path}: {how}. "
        "Nothing was changed. Remove its entry there, or name another folder."
    )
    assert outside.exists()


@pytest.mark.parametrize(
    ("key", "value"), [("finished", "no"), ("bytes", None), ("file", 3), ("steps", 1.5), ("more", 1)]
)
def test_a_manifest_with_values_of_other_types_is_corrupt(folder: Folder, key: str, value: Any) -> None:
    runs = (Run(name="a", laps=1),)
    record(folder.batch(*runs), *Car().lap())
    values = folder.manifest()
    values["runs"][0]["files"][0][key] = value
    (folder.path / "manifest.json").write_text(json.dumps(values))
    with pytest.raises(UsageError, match="is not a manifest of a plan, or it is corrupt"):
        folder.batch(*runs)


# --- as its users run it ----------------------------------------------------------------------------------------------

PLAN = """
name = "three"
[defaults]
laps = 1
car = "demo_gt3"
require = { aid_fuel_rate = 1.0 }
[[run]]
name = "first"
[[run]]
name = "second"
driver = "Ada"
tags = ["x", "y"]
max_time = "2:00.0"
[[run]]
name = "third"
"""


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A recording of the demo, three laps and more, ten times a second."""
    path = tmp_path_factory.mktemp("drive") / "drive.mcap"
    with create(path) as sink:
        for frame in frames_at("laps", 2, LONG_SECONDS, 10.0):
            pages = step_of(1).pages
            assert pages is not None
            pages = pages._replace(
                physics=frame.physics_bytes,
                graphics=frame.graphics_bytes,
                static=frame.static_bytes,
                timestamp=1.7e9 + frame.seconds,
            )
            sink.write(Step(State.LIVE, pages, frame.seconds))
    return path


def test_a_plan_of_three_runs_is_killed_and_completed_by_the_same_command(drive: Path, tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN)
    command: list[str | Path] = ["plan", "run", tmp_path / "plan.toml", "--source", drive, "--speed"]
    manifest = tmp_path / "three" / "manifest.json"
    process = start(*command, "40")
    try:
        wait_until(lambda: manifest.exists() and b'"kept": true' in manifest.read_bytes(), process.communicate)
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE)
    kept = [run["kept"] for run in json.loads(manifest.read_bytes())["runs"]]
    assert kept == [1, 0, 0]
    done = run(*command, "max")
    assert (done.returncode, "is complete" in done.stderr) == (0, True), done.stderr
    values = json.loads(manifest.read_bytes())
    assert [(run["name"], run["kept"], run["complete"]) for run in values["runs"]] == [
        ("first", 1, True),
        ("second", 1, True),
        ("third", 1, True),
    ]
    names = [entry["file"] for run in values["runs"] for entry in run["files"]]
    assert sorted(names) == sorted(
        path.relative_to(manifest.parent).as_posix() for path in manifest.parent.rglob("*.mcap")
    )
    for name in names:
        assert McapRecording(manifest.parent / name).complete
    second = values["runs"][1]["files"][-1]["file"]
    file_metadata = McapRecording(manifest.parent / second).metadata
    about = {"plan": "three", "run": "second", "driver": "Ada", "tags": "x, y"}
    assert {key: file_metadata[key] for key in about} == about
    quality = json.loads((manifest.parent / "quality.json").read_bytes())
    assert [entry["file"] for entry in quality["files"]] == names
    assert all(entry["report"]["finished"] for entry in quality["files"])
    text = (manifest.parent / "quality.md").read_text(encoding="utf-8")
    assert text.startswith(
        "# three\n\n| run | wanted | kept | refused | best |\n|---|---|---|---|---|\n| first | 1 | 1 |"
    )
    again = run(*command, "max", "--no-wait")
    assert (again.returncode, again.stdout) == (0, "")
    assert again.stderr.endswith(f"The plan 'three' is complete: {manifest.parent}.\n")


@pytest.mark.parametrize("command", [["plan", "run"], ["record", "--plan"]])
def test_a_source_that_ends_too_soon_is_an_exit_code_of_its_own(
    command: list[str], drive: Path, tmp_path: Path
) -> None:
    (tmp_path / "plan.toml").write_text("[[run]]\nname = 'many'\nlaps = 50\n")
    ended = run(*command, tmp_path / "plan.toml", tmp_path / "out", "--source", drive, "--speed", "max")
    assert ended.returncode == 4
    last = ended.stderr.splitlines()[-1]
    assert last == (
        "ac-telemetry: The plan 'plan' is not complete. Run 1 of 1 'many': 3 of 50 laps kept, 1 refused (1 unfinished)."
    )
    assert (tmp_path / "out" / "quality.md").exists()


def test_one_recording_at_a_time_works_in_a_folder(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("[[run]]\nname = 'a'\nlaps = 1")
    with closing(lock_plan_folder(tmp_path / "plan")):
        refused = run("record", "--plan", tmp_path / "plan.toml", "--source", "demo", "--speed", "max")
    assert refused.returncode == 1
    assert refused.stderr == f"ac-telemetry: Another recording works in {tmp_path / 'plan'} now.\n"


def test_a_plan_that_the_user_ends_says_how_it_goes_on(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("[[run]]\nname = 'a'\nlaps = 1")
    ended = run("plan", "run", tmp_path / "plan.toml", "--source", "demo", "--speed", "max", "--duration", "1s")
    assert ended.returncode == 4
    assert ended.stderr.splitlines()[-1] == (
        "ac-telemetry: The plan 'plan' is not complete. Run 1 of 1 'a': 0 of 1 lap kept. "
        "The same command goes on with it."
    )


@pytest.mark.parametrize("options", [[], ["--no-wait"]])
def test_the_demo_does_not_drive_for_ever_with_wrong_settings(options: list[str], tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text("[[run]]\nname = 'wet'\nlaps = 1\ncar = 'ks_ferrari'")
    refused = run("record", "--plan", tmp_path / "plan.toml", "--source", "demo", "--speed", "max", *options)
    assert refused.returncode == 4
    reason = "Run 'wet': the car must be ks_ferrari and is demo_gt3."
    assert refused.stderr.splitlines()[-1] == f"ac-telemetry: The plan 'plan' is not complete. {reason}"
    assert not list(tmp_path.rglob("*.mcap"))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--laps", "3"], "--laps and --plan contradict each other: the plan says what is recorded, and how."),
        (["--rate", "60"], "--rate and --plan contradict each other: the plan says what is recorded, and how."),
        ([sys.executable], f"{sys.executable} is a file; a plan needs a folder."),
        (["--source", "nowhere"], "There is no source 'nowhere'."),
    ],
)
def test_a_plan_that_cannot_be_recorded_leaves_nothing_behind(
    arguments: list[str], message: str, tmp_path: Path
) -> None:
    (tmp_path / "plan.toml").write_text(PLAN)
    refused = run("record", "--plan", tmp_path / "plan.toml", *arguments)
    assert refused.returncode == 2
    assert message in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["plan.toml"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows finds no such folder, and says it later")
def test_a_folder_whose_name_is_too_long_is_refused(tmp_path: Path) -> None:
    (tmp_path / "plan.toml").write_text(PLAN)
    with pytest.raises(UsageError, match=r"x is not a folder for a plan: File name too long\."):
        load_plan(tmp_path / "plan.toml", str(tmp_path / ("x" * 300)))


def test_a_mistake_in_a_plan_is_a_sentence_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "plan.toml"
    path.write_text(PLAN.replace("tags", "tag"))
    refused = run("record", "--plan", path)
    assert refused.returncode == 2
    assert refused.stderr == f"ac-telemetry: {path}, line 12, key tag: unknown key. Did you mean tags?\n"
