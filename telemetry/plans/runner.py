"""Records the runs of a plan one after the other into its folder, until each has the laps that it needs."""

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telemetry.base.errors import SinkError
from telemetry.base.text import format_lap_time
from telemetry.base.typing import override
from telemetry.laps.model import Lap
from telemetry.laps.progress import LATE_JOIN_MS
from telemetry.plans.manifest import FileRecord, LapRecord, Manifest, RunProgress
from telemetry.plans.plan import Run
from telemetry.plans.step_count import CountingSink, StepCount
from telemetry.recording.filters import DecimatingSink
from telemetry.recording.game_state import GameStatus, State
from telemetry.recording.interfaces import Event, PageSink, Step
from telemetry.recording.lap_tracker import LapTracker, StepUpdate
from telemetry.recording.rotation import open_new_file
from telemetry.recording.step_writer import StepWriter
from telemetry.recording.stop import LAP_TIME_DELAY_S

OpenRunFile = Callable[[Path, Run], PageSink]
"""Opens a new file for a run; raises :class:`telemetry.SinkError`, caused by FileExistsError where the file exists."""

ReportMessage = Callable[[str], None]
"""Takes a sentence for a person; the runner calls it from the thread of the writer."""

RECENT_SECONDS: Final = 2.5
"""How long steps are kept in memory: a lap is final up to a second after the line, where the next run begins."""


@dataclass(slots=True)
class _RunFile:
    """A file of a run that is being written."""

    progress: RunProgress
    path: Path
    name: str
    """Its path in the plan's folder, as the manifest has it."""
    sink: PageSink
    count: StepCount
    tracker: LapTracker
    began_s: float
    """``elapsed`` of its first step."""
    until_s: float | None = None
    """``elapsed`` at which it ends, once its run is complete."""

    def write(self, step: Step) -> tuple[Lap, ...]:
        """Write one step, and return the laps that are final with it."""
        self.sink.write(step)
        update = self.tracker.update(step)
        return update.laps if update else ()


class _RecentSteps:
    """The steps of the last seconds: the file of the next run begins with those since the line."""

    def __init__(self) -> None:
        self._steps: deque[tuple[Step, StepUpdate | None]] = deque()

    def add(self, step: Step, update: StepUpdate | None) -> None:
        """Keep a step, and drop those that are too old or of another session."""
        steps = self._steps
        steps.append((step, update))
        while not step.elapsed - RECENT_SECONDS <= steps[0][0].elapsed <= step.elapsed:
            steps.popleft()

    def clear(self) -> None:
        """Drop all steps."""
        self._steps.clear()

    def latest_update(self) -> StepUpdate | None:
        """The newest update."""
        return next((update for _, update in reversed(self._steps) if update is not None), None)

    def since_line(self, line_s: float) -> tuple[StepUpdate | None, list[Step]]:
        """The steps since the lap clock showed the line that was crossed at ``line_s``, and the update of the first."""
        steps = list(self._steps)
        for index, (step, update) in enumerate(steps):
            # The tracker sees the line only when the lap clock restarts, even where the game counted the lap earlier.
            if step.elapsed > line_s and update is not None and 0 <= update.sample.current_time <= LATE_JOIN_MS:
                return update, [step for step, _ in steps[index:]]
        return None, []


class Batch(StepWriter):
    """Records the runs of a plan: one file for each session of a run, laps counted as they are driven.

    The first run that is not complete is driven. When it is complete, its file goes on for a second, so that it holds
    the official time of its last lap, and the file of the next run begins at the line. Each file has a lap tracker of
    its own, so that its laps are those which the file holds when it is read again. The manifest knows each file before
    it exists, and each lap once its steps are with the operating system. While the game's settings are not those of
    the run, nothing is recorded and :attr:`message` says why; without ``wait`` the recording ends there. It also ends
    after ``max_refused`` refused laps in a row, for a source that drives the same laps for ever; None: never.

    ``report`` gets a sentence for each file, lap and change of the settings; ``missing`` names the raw fields that the
    source of the steps does not hold. Methods raise
    :class:`telemetry.SinkError` where a file or the manifest cannot be written.
    """

    def __init__(
        self,
        manifest: Manifest,
        open_run_file: OpenRunFile,
        *,
        wait: bool = True,
        max_refused: int | None = None,
        report: ReportMessage | None = None,
        missing: frozenset[str] = frozenset(),
    ) -> None:
        self.name = str(manifest.folder)
        self._missing = missing
        self._max_refused = max_refused
        self._refused_in_row = 0
        self.manifest = manifest
        self._open_run_file = open_run_file
        self._wait = wait
        self._report = report
        self._last_report = ""
        self._current: _RunFile | None = None
        self._closing: list[_RunFile] = []
        self._recent = _RecentSteps()
        self._parts = 0
        self._files: list[Path] = []
        self._finished_bytes = 0
        self._mismatch = ""
        self._message = ""
        self._update_message()

    @property
    @override
    def size(self) -> int:
        return self._finished_bytes + sum(file.sink.size for file in self._open_files())

    @property
    @override
    def files(self) -> Sequence[Path]:
        return self._files

    @property
    @override
    def done(self) -> bool:
        if self._is_hopeless:
            return True
        return not self._open_files() and (self.manifest.complete or bool(self._mismatch and not self._wait))

    @property
    @override
    def message(self) -> str:
        """What is wrong with the settings; else ``run 2 of 3 'quali': 4 of 10 laps kept, 2 refused (1 cut, 1 pit)``."""
        return self._message

    @override
    def write(self, step: Step, update: StepUpdate | None) -> None:
        if step.pages is None:
            self._write_state(step)
            return
        self._recent.add(step, update)
        self._finish_closing(step.elapsed)
        if update is not None:
            if "session" in update.started:
                self._finish_all()
            self._check_settings(step, update)
        for file in self._open_files():
            self._count_laps(file, file.write(step))
        if self._current is not None and self._current.until_s is not None:
            self._start_next_run(self._current, self._current.until_s, update)

    @override
    def add_event(self, event: Event) -> None:
        files = self._open_files()
        if files:
            files[-1].sink.add_event(event)

    @override
    def flush(self) -> None:
        for file in self._open_files():
            file.sink.flush()

    @override
    def close(self) -> None:
        self._finish_all()

    @property
    def _is_hopeless(self) -> bool:
        """Whether so many laps in a row were refused that no more are to be expected from this source."""
        return self._max_refused is not None and self._refused_in_row >= self._max_refused

    def _open_files(self) -> list[_RunFile]:
        return [*self._closing, *([self._current] if self._current is not None else [])]

    def _next_run(self) -> RunProgress | None:
        """The run that is driven: the first that is not complete."""
        return next((progress for progress in self.manifest.runs if not progress.complete), None)

    def _title(self, progress: RunProgress) -> str:
        runs = self.manifest.runs
        return f"run {runs.index(progress) + 1} of {len(runs)} {progress.run.name!r}"

    def _write_state(self, step: Step) -> None:
        """Write a step without pages; a game that is gone ends the files."""
        for file in self._open_files():
            file.write(step)
        if step.state is State.GONE:
            self._finish_all()
            self._recent.clear()

    def _check_settings(self, step: Step, update: StepUpdate) -> None:
        """End the file where the settings are not those of its run; begin one where they are and none is open."""
        progress = self._next_run() if self._current is None else self._current.progress
        sample = update.sample
        if progress is None or sample.status == GameStatus.OFF or not (sample.car_model and sample.track):
            return
        errors = progress.run.settings_errors(sample)
        self._mismatch = f"run {progress.run.name!r}: {'; '.join(errors)}" if errors else ""
        self._update_message()
        if errors:
            if self._current is not None:
                current, self._current = self._current, None
                self._finish(current)
            self._send_report(f"Nothing is recorded; {self._mismatch}")
        elif self._current is None and step.state is State.LIVE:
            self._current = self._open_file(progress, step, update)

    def _open_file(self, progress: RunProgress, step: Step, update: StepUpdate) -> _RunFile:
        """Open the file of a run that begins with this step."""
        run, plan = progress.run, self.manifest.plan
        self._parts += 1
        relative = plan.file_template(run).path(update.sample, lap=update.lap, part=self._parts)

        def open_listed(path: Path) -> PageSink:
            return self._open_listed_file(path, progress)

        path, opened = open_new_file(self.manifest.folder / relative, plan.suffix, open_listed)
        counting = CountingSink(opened)
        file = _RunFile(
            progress=progress,
            path=path,
            name=self._relative_name(path),
            sink=counting if run.rate is None else DecimatingSink(counting, run.rate),
            count=counting.count,
            tracker=LapTracker(run.thresholds, self._missing),
            began_s=step.elapsed,
        )
        self._send_report(f"{self._title(progress)}: {progress.summary()}; recording {file.name}")
        return file

    def _open_listed_file(self, path: Path, progress: RunProgress) -> PageSink:
        """List a file in the manifest and then open it, so that after any crash it is known whose file it is."""
        name = self._relative_name(path)
        progress.files[name] = FileRecord(file=name)
        self.manifest.save()
        try:
            return self._open_run_file(path, progress.run)
        except SinkError:
            del progress.files[name]
            self.manifest.save()
            raise

    def _relative_name(self, path: Path) -> str:
        return path.relative_to(self.manifest.folder).as_posix()

    def _count_laps(self, file: _RunFile, laps: Iterable[Lap]) -> None:
        """Count laps, once their steps cannot be lost."""
        progress = file.progress
        records = progress.add_laps(file.name, file.began_s, laps)
        if not records:
            return
        file.sink.flush()
        self.manifest.save()
        self._report_laps(progress, records)
        if progress.complete:
            last = records[-1].last
            file.until_s = file.began_s + (last.elapsed if last else 0.0) + LAP_TIME_DELAY_S

    def _start_next_run(self, file: _RunFile, until_s: float, update: StepUpdate | None) -> None:
        """Let the file of a complete run end later, and begin the file of the next run at the line."""
        self._closing.append(file)
        self._current = None
        self._send_report(f"{self._title(file.progress)} is complete.")
        progress = self._next_run()
        latest = update or self._recent.latest_update()
        if progress is None or latest is None or progress.run.settings_errors(latest.sample):
            return
        first_update, steps = self._recent.since_line(until_s - LAP_TIME_DELAY_S)
        if first_update is None:
            return
        self._current = next_file = self._open_file(progress, steps[0], first_update)
        for step in steps:
            self._count_laps(next_file, next_file.write(step))

    def _finish_closing(self, elapsed_s: float) -> None:
        """Finish the files of complete runs whose time is over."""
        for file in [file for file in self._closing if file.until_s is not None and elapsed_s >= file.until_s]:
            self._closing.remove(file)
            self._finish(file)

    def _finish_all(self) -> None:
        files = self._open_files()
        self._closing, self._current = [], None
        with ExitStack() as stack:  # an error of one file must not keep the others open
            for file in reversed(files):
                stack.callback(self._finish, file)

    def _finish(self, file: _RunFile) -> None:
        """Close a file, count its remaining laps, and update the manifest."""
        progress = file.progress
        file.sink.close()
        self._finished_bytes += file.sink.size
        records: list[LapRecord] = []
        if file.path.exists():
            self._files.append(file.path)
            records = progress.add_laps(file.name, file.began_s, file.tracker.finish())
            progress.files[file.name] = file.count.file_record(file.name, file.path)
        else:
            progress.remove_file(file.name)
        self.manifest.save()
        self._report_laps(progress, records)

    def _update_message(self) -> None:
        progress = self._next_run()
        summary = f"{self._title(progress)}: {progress.summary()}" if progress else "All runs are complete."
        if self._is_hopeless:
            summary += f"; the last {self._refused_in_row} laps were refused, and the source drives on like that"
        self._message = self._mismatch or summary

    def _report_laps(self, progress: RunProgress, records: Sequence[LapRecord]) -> None:
        for lap in records:
            self._refused_in_row = 0 if lap.kept else self._refused_in_row + 1
        self._update_message()
        for lap in records:
            self._send_report(f"{self._title(progress)}: lap {lap.number} {describe_lap(lap)}; {progress.summary()}")

    def _send_report(self, message: str) -> None:
        """Report a sentence, unless it is the same as the last one."""
        if message != self._last_report:
            self._last_report = message
            if self._report is not None:
                self._report(message)


def describe_lap(lap: LapRecord) -> str:
    """Whether a lap is kept, in words: ``kept in 2:05.123`` or ``refused in 2:05.123: 3 tyres out at 1,500 m``."""
    time_ms = lap.time_ms or lap.measured_ms
    timed = f" in {format_lap_time(time_ms)}" if time_ms else ""
    return f"kept{timed}" if lap.kept else f"refused{timed}: {lap.reason}"
