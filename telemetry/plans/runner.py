"""A batch: the runs of a plan recorded one after the other into its folder, until each has the laps it wants."""

from collections import deque
from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telemetry.base.errors import SinkError
from telemetry.fields.pages import read_packet_id
from telemetry.laps.detector import LATE_JOIN_MS
from telemetry.laps.model import Lap
from telemetry.plans.manifest import FileRecord, LapRecord, Manifest, RunProgress
from telemetry.plans.plan import Plan, Run, lap_time_text
from telemetry.recording.file_names import Template
from telemetry.recording.filters import DecimatingSink, ForwardingSink
from telemetry.recording.game_state import GameStatus, State
from telemetry.recording.interfaces import Event, PageSink, Step
from telemetry.recording.lap_tracker import LapTracker, StepUpdate
from telemetry.recording.rotation import FolderWriter
from telemetry.recording.stop import LAP_TIME_DELAY_S

OpenRun = Callable[[Path, Run], PageSink]
"""Makes a new file for a run; raises :class:`telemetry.SinkError`, whose cause is FileExistsError where one is."""

Tell = Callable[[str], None]
"""Takes a sentence for a person; called from the writer's thread."""

RECENT_SECONDS: Final = 2.5
"""How long steps are kept in memory: a lap is settled up to a second after the line, at which the next run begins."""


def say_nothing(sentence: str) -> None:
    """Tell nobody."""


@dataclass(slots=True)
class Count:
    """Counts the physics steps of a file."""

    steps: int = 0
    missing: int = 0
    packet_id: int | None = None

    def add(self, step: Step) -> None:
        """Count one step."""
        if step.pages is None:
            return
        self.missing += step.missing
        packet_id = read_packet_id(step.pages.physics)
        self.steps += packet_id != self.packet_id
        self.packet_id = packet_id

    def record(self, name: str, path: Path) -> FileRecord:
        """What the manifest says of the finished file."""
        return FileRecord(file=name, finished=True, bytes=path.stat().st_size, steps=self.steps, missing=self.missing)


class _Counted(ForwardingSink):
    """Another sink, and what was written to it."""

    def __init__(self, sink: PageSink) -> None:
        super().__init__(sink)
        self.count = Count()

    def write(self, step: Step) -> None:
        """Take one step."""
        self.count.add(step)
        super().write(step)


@dataclass(slots=True)
class _Recording:
    """A file that is being written; it ends at ``until``, once its run is complete."""

    progress: RunProgress
    path: Path
    name: str
    sink: PageSink
    count: Count
    tracker: LapTracker
    began: float
    until: float | None = None

    def write(self, step: Step) -> tuple[Lap, ...]:
        """Write one step, and give the laps that it settled."""
        self.sink.write(step)
        update = self.tracker.update(step)
        return update.laps if update else ()


class Batch(FolderWriter):
    """Records the runs of a plan: one file for each session of a run, laps counted and judged as they are driven.

    The first run that is not complete is driven. When it is, its file goes on for a second, so that it holds the
    official time of its last lap, and the file of the next run begins at the line. Laps are followed for each file
    anew, so that they are those which the file holds when it is read again. The manifest knows each file before it
    exists, and each lap once its steps are with the operating system. While the game's settings are not those of the
    run nothing is recorded, and :attr:`message` says why; unless ``wait``, that is the end.
    """

    def __init__(self, manifest: Manifest, open_run: OpenRun, *, wait: bool = True, tell: Tell = say_nothing) -> None:
        plan = manifest.plan
        super().__init__(manifest.folder, Template("recording"), plan.suffix, self._open_file)
        self.manifest = manifest
        self._plan: Plan = plan
        self._open_run = open_run
        self._wait = wait
        self._tell = tell
        self._current: _Recording | None = None
        self._tail: _Recording | None = None
        self._run_being_opened: RunProgress | None = None
        self._recent: deque[tuple[Step, StepUpdate | None]] = deque()
        self._told = self._message = ""
        self.mismatch = ""
        """What is wrong with the settings that the game has now; empty when nothing is."""
        self._update()

    @property
    def size(self) -> int:
        """Bytes written so far, of all files."""
        return self._finished_size + sum(recording.sink.size for recording in self._open_recordings())

    @property
    def done(self) -> bool:
        """Whether every run is complete and its last file finished, or the settings are wrong and nobody waits."""
        return not self._open_recordings() and (self.manifest.complete or bool(self.mismatch and not self._wait))

    @property
    def message(self) -> str:
        """What is wrong with the settings; else ``run 2 of 3 'quali': 4 of 10 laps kept, 2 refused (1 cut, 1 pit)``."""
        return self._message

    def write(self, step: Step, update: StepUpdate | None) -> None:
        """Write one step into the file of the run that is driven, if it may be."""
        if step.pages is None:
            for recording in self._open_recordings():
                recording.write(step)
            if step.state is State.GONE:
                self._finish_all()
                self._recent.clear()
            return
        self._remember(step, update)
        if self._tail is not None and self._tail.until is not None and step.elapsed >= self._tail.until:
            tail, self._tail = self._tail, None
            self._finish(tail)
        if update is not None:
            if "session" in update.started:
                self._finish_all()
            self._check(step, update)
        for recording in self._open_recordings():
            self._accept_laps(recording, recording.write(step))
        if self._current is not None and self._current.until is not None:
            self._start_next_run(update)

    def add_event(self, event: Event) -> None:
        """Write what happened."""
        if self._current is not None:
            self._current.sink.add_event(event)
        elif self._tail is not None:
            self._tail.sink.add_event(event)

    def flush(self) -> None:
        """Hand everything taken so far to the operating system."""
        for recording in self._open_recordings():
            recording.sink.flush()

    def close(self) -> None:
        """Finish the files."""
        self._finish_all()

    def _open_recordings(self) -> list[_Recording]:
        return [recording for recording in (self._tail, self._current) if recording is not None]

    def _next(self) -> RunProgress | None:
        """The run that is driven: the first that is not complete."""
        return next((progress for progress in self.manifest.runs if not progress.complete), None)

    def _title(self, progress: RunProgress) -> str:
        runs = self.manifest.runs
        return f"run {runs.index(progress) + 1} of {len(runs)} {progress.run.name!r}"

    def _remember(self, step: Step, update: StepUpdate | None) -> None:
        recent = self._recent
        recent.append((step, update))
        while not step.elapsed - RECENT_SECONDS <= recent[0][0].elapsed <= step.elapsed:
            recent.popleft()

    def _check(self, step: Step, update: StepUpdate) -> None:
        """End the file where the settings are not those of its run; begin one where they are and none is open."""
        progress = self._next() if self._current is None else self._current.progress
        sample = update.sample
        if progress is None or sample.status == GameStatus.OFF or not (sample.car_model and sample.track):
            return
        wrong = progress.run.settings_errors(sample)
        self.mismatch = f"run {progress.run.name!r}: {'; '.join(wrong)}" if wrong else ""
        self._update()
        if wrong:
            if self._current is not None:
                current, self._current = self._current, None
                self._finish(current)
            self._say(f"Nothing is recorded; {self.mismatch}")
        elif self._current is None and step.state is State.LIVE:
            self._current = self._begin(progress, step, update)

    def _begin(self, progress: RunProgress, step: Step, update: StepUpdate) -> _Recording:
        self._template = self._plan.template_of(progress.run)
        self._run_being_opened = progress
        run = progress.run
        path, opened = self._open(update)
        counted = _Counted(opened)
        sink = counted if run.rate is None else DecimatingSink(counted, run.rate)
        tracker = LapTracker(run.thresholds)
        recording = _Recording(progress, path, self._name_of(path), sink, counted.count, tracker, step.elapsed)
        self._say(f"{self._title(progress)}: {progress.text()}; recording {recording.name}")
        return recording

    def _open_file(self, path: Path) -> PageSink:
        """Open a file of which the manifest knows already: whatever happens then, its run is known."""
        progress = self._run_being_opened
        if progress is None:
            raise AssertionError
        name = self._name_of(path)
        progress.files[name] = FileRecord(file=name)
        self.manifest.save()
        try:
            return self._open_run(path, progress.run)
        except SinkError:
            del progress.files[name]
            self.manifest.save()
            raise

    def _name_of(self, path: Path) -> str:
        return path.relative_to(self._folder).as_posix()

    def _accept_laps(self, recording: _Recording, laps: Iterable[Lap]) -> None:
        """Count laps, once what is known of them cannot be lost."""
        judged = recording.progress.accept_laps(recording.name, recording.began, laps)
        if not judged:
            return
        recording.sink.flush()
        self.manifest.save()
        self._tell_verdicts(recording.progress, judged)
        if recording.progress.complete:
            last = judged[-1].last
            recording.until = recording.began + (last.elapsed if last else 0.0) + LAP_TIME_DELAY_S

    def _tell_verdicts(self, progress: RunProgress, judged: Iterable[LapRecord]) -> None:
        self._update()
        for lap in judged:
            self._say(f"{self._title(progress)}: lap {lap.number} {describe_lap(lap)}; {progress.text()}")

    def _start_next_run(self, update: StepUpdate | None) -> None:
        """Leave a file whose run is complete to its end, and begin that of the next run at the line."""
        before, self._current = self._current, None
        if before is None or before.until is None:
            return
        self._tail = before
        self._say(f"{self._title(before.progress)} is complete.")
        progress = self._next()
        latest = update or next((update for _, update in reversed(self._recent) if update is not None), None)
        if progress is None or latest is None or progress.run.settings_errors(latest.sample):
            return
        line = before.until - LAP_TIME_DELAY_S
        steps = list(self._recent)
        for place, (step, began) in enumerate(steps):
            # Until the lap's clock shows it the line is not seen to be crossed, even where the game has counted it.
            if step.elapsed > line and began is not None and 0 <= began.sample.current_time <= LATE_JOIN_MS:
                self._current = self._begin(progress, step, began)
                for late, _ in steps[place:]:
                    self._accept_laps(self._current, self._current.write(late))
                return

    def _finish_all(self) -> None:
        recordings = self._open_recordings()
        self._tail = self._current = None
        with ExitStack() as stack:  # one that cannot be finished keeps no other from it
            for recording in reversed(recordings):
                stack.callback(self._finish, recording)

    def _finish(self, recording: _Recording) -> None:
        """Close a file, count what is left in it, and tell the manifest."""
        progress, name = recording.progress, recording.name
        self._close(recording.path, recording.sink)
        judged: list[LapRecord] = []
        if recording.path.exists():
            judged = progress.accept_laps(name, recording.began, recording.tracker.finish())
            progress.files[name] = recording.count.record(name, recording.path)
        else:
            progress.forget(name)
        self.manifest.save()
        self._tell_verdicts(progress, judged)

    def _update(self) -> None:
        progress = self._next()
        done = "All runs are complete."
        self._message = self.mismatch or (f"{self._title(progress)}: {progress.text()}" if progress else done)

    def _say(self, sentence: str) -> None:
        if sentence != self._told:
            self._told = sentence
            self._tell(sentence)


def describe_lap(lap: LapRecord) -> str:
    """What became of a lap, in words."""
    time = lap.time_ms or lap.measured_ms
    timed = f" in {lap_time_text(time)}" if time else ""
    return f"kept{timed}" if lap.kept else f"refused{timed}: {lap.reason}"
