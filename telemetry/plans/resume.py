"""Continuing a plan that was stopped: its manifest is brought up to date with the files of its folder."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from telemetry.base.errors import SourceError
from telemetry.base.storage.atomic import remove_file
from telemetry.base.text import format_count
from telemetry.laps.model import Lap
from telemetry.plans.manifest import FileRecord, Manifest, RunProgress
from telemetry.plans.plan import Run
from telemetry.plans.runner import ReportMessage
from telemetry.plans.step_count import StepCount
from telemetry.recording.interfaces import Step
from telemetry.recording.lap_tracker import LapTracker

Recover = Callable[[Path], Path]
"""Recovers a truncated recording, and returns the path of the complete one; raises :class:`telemetry.SourceError`."""

ReadSteps = Callable[[Path], Iterator[Step]]
"""Reads the steps of a recording; raises :class:`telemetry.SourceError`."""


def resume(manifest: Manifest, recover: Recover, read_steps: ReadSteps, report: ReportMessage | None = None) -> None:
    """Bring a manifest up to date with its folder, after a crash or after files were deleted.

    A file that was not finished is recovered, and its laps are counted again from what it holds; the laps of a file
    that was deleted are removed. ``report`` gets a sentence for each change. Raises :class:`telemetry.SinkError` where
    the manifest cannot be written.
    """
    resuming = _Resume(manifest, recover, read_steps, report)
    changed = False
    for progress in manifest.runs:
        for entry in list(progress.files.values()):
            if not (manifest.folder / entry.file).exists():
                resuming.remove_deleted_file(progress, entry)
            elif entry.finished:
                continue
            else:
                resuming.recover_file(progress, entry)
            changed = True
    if changed:
        manifest.save()


@dataclass(frozen=True, slots=True)
class _Resume:
    """Brings the files of a manifest up to date, one by one."""

    manifest: Manifest
    recover: Recover
    read_steps: ReadSteps
    report: ReportMessage | None

    def remove_deleted_file(self, progress: RunProgress, entry: FileRecord) -> None:
        """Remove a file that no longer exists, and its laps."""
        lost = sum(lap.kept for lap in progress.remove_file(entry.file))
        if entry.finished:
            laps = f", and with it {format_count(lost, 'lap')} of run {progress.run.name!r}, to be driven again"
            self._report(f"{self.manifest.folder / entry.file} was deleted{laps if lost else ''}.")

    def recover_file(self, progress: RunProgress, entry: FileRecord) -> None:
        """Complete a truncated file, and count its laps again."""
        path = self.manifest.folder / entry.file
        before = progress.remove_file(entry.file)
        if path.stat().st_size == 0:  # nothing had been written yet
            with suppress(OSError):
                remove_file(path)
            return
        try:
            complete = self.recover(path)
            count, began_s, laps = _read_laps(self.read_steps(complete), progress.run)
        except SourceError as error:
            self._report(f"{path} cannot be recovered, and stays as it is: {error}")
            return
        name = complete.resolve().relative_to(self.manifest.folder.resolve()).as_posix()
        if any(name in other.files for other in self.manifest.runs):  # its laps must not count twice
            reason = f"{complete} is another file of the plan."
            self._report(f"{path} cannot be recovered, and stays as it is: {reason}")
            return
        progress.files[name] = count.file_record(name, complete)
        records = progress.add_laps(name, began_s, laps)
        summary = f"Run {progress.run.name!r}: {progress.summary()}."
        self._report(f"{path} was truncated and is recovered: {count.steps:,} steps. {summary}")
        if lost := sum(lap.kept for lap in before) - sum(lap.kept for lap in records):
            self._report(f"The end of {format_count(lost, 'lap')} was lost, to be driven again.")

    def _report(self, message: str) -> None:
        if self.report is not None:
            self.report(message)


def _read_laps(steps: Iterable[Step], run: Run) -> tuple[StepCount, float, list[Lap]]:
    """The steps that a file holds, ``elapsed`` of the first in seconds, and its laps."""
    count, tracker = StepCount(), LapTracker(run.thresholds)
    began_s: float | None = None
    laps: list[Lap] = []
    for step in steps:
        count.add(step)
        if began_s is None and step.pages is not None:
            began_s = step.elapsed
        update = tracker.update(step)
        laps += update.laps if update else ()
    return count, began_s or 0.0, [*laps, *tracker.finish()]
