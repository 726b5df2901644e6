"""Going on with a plan that was stopped: its manifest and what is in its folder brought together."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path

from telemetry.base.errors import SourceError
from telemetry.laps.model import Lap
from telemetry.plans.manifest import FileRecord, Manifest, RunProgress
from telemetry.plans.plan import Run
from telemetry.plans.runner import Count, Tell, say_nothing
from telemetry.recording.interfaces import Step
from telemetry.recording.lap_tracker import LapTracker

Recover = Callable[[Path], Path]
"""Gives a recording that was cut its end, and says where the whole one is; raises :class:`telemetry.SourceError`."""

ReadSteps = Callable[[Path], Iterator[Step]]
"""The steps of a recording; raises :class:`telemetry.SourceError`."""


def resume(manifest: Manifest, recover: Recover, read_steps: ReadSteps, tell: Tell = say_nothing) -> None:
    """Bring a manifest and its folder together, after whatever ended the work on them.

    A file that was not finished is given its end and its laps are counted anew, from what it holds; a file that was
    taken away takes its laps along. What is found is told.
    """
    changed = False
    for progress in manifest.runs:
        for entry in list(progress.files.values()):
            path = manifest.folder / entry.file
            if not path.exists():
                gone = sum(lap.kept for lap in progress.forget(entry.file))
                if entry.finished:
                    lost = f", and with it {_laps_text(gone)} of run {progress.run.name!r}, to be driven again"
                    tell(f"{path} is gone{lost if gone else ''}.")
            elif entry.finished:
                continue
            else:
                _recount(manifest, progress, entry, recover, read_steps, tell)
            changed = True
    if changed:
        manifest.save()


def _recount(
    manifest: Manifest, progress: RunProgress, entry: FileRecord, recover: Recover, read_steps: ReadSteps, tell: Tell
) -> None:
    """Make a whole file of one that was cut, and count its laps."""
    path = manifest.folder / entry.file
    before = progress.forget(entry.file)
    if path.stat().st_size == 0:  # nothing had been written yet
        with suppress(OSError):
            path.unlink()
        return
    try:
        whole = recover(path)
        count, began, laps = _read_laps(read_steps(whole), progress.run)
    except SourceError as error:
        tell(f"{path} cannot be recovered, and stays as it is: {error}")
        return
    name = whole.resolve().relative_to(manifest.folder.resolve()).as_posix()
    if any(name in other.files for other in manifest.runs):  # what it holds must not count twice
        tell(f"{path} cannot be recovered, and stays as it is: {whole} is another file of the plan.")
        return
    progress.files[name] = count.record(name, whole)
    judged = progress.accept_laps(name, began, laps)
    tell(f"{path} was cut and is recovered: {count.steps:,} steps. Run {progress.run.name!r}: {progress.text()}.")
    if lost := sum(lap.kept for lap in before) - sum(lap.kept for lap in judged):
        tell(f"The end of {_laps_text(lost)} was cut off, to be driven again.")


def _laps_text(count: int) -> str:
    return f"{count} lap" if count == 1 else f"{count} laps"


def _read_laps(steps: Iterable[Step], run: Run) -> tuple[Count, float, list[Lap]]:
    """How much a file holds, when it began, and its laps."""
    count, tracker = Count(), LapTracker(run.thresholds)
    began: float | None = None
    laps: list[Lap] = []
    for step in steps:
        count.add(step)
        if began is None and step.pages is not None:
            began = step.elapsed
        turn = tracker.update(step)
        laps += turn.laps if turn else ()
    return count, began or 0.0, [*laps, *tracker.finish()]
