"""Progress bars on standard error; nothing is shown where that is not a terminal, or with ``--quiet``."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from telemetry.base.text import format_lap_time
from telemetry.cli._shared.tables import to_markup

UPDATE_INTERVAL: Final = 256
"""Snapshots between two updates of a progress bar."""


@contextmanager
def progress_bar(*, quiet: bool = False, with_count: bool = False) -> Iterator[Progress | None]:
    """A bar for tasks with a field ``detail``, a short text. It disappears in the end; None where nothing is shown."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    count = (MofNCompleteColumn(),) if with_count else ()
    columns = (TextColumn("{task.description}"), BarColumn(), *count, TextColumn("{task.fields[detail]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        yield progress


class ReadingProgress:
    """How far a recording has been read, in its own time."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, visible=False, detail="") if progress else None
        self._count = 0
        self._first_s = 0.0

    def start(self, description: str, length_s: float | None = None) -> None:
        """Read a recording from its beginning; ``length_s`` is its length in seconds, where that is known."""
        self._count = 0
        if self._progress is not None and self._task is not None:
            text = to_markup(description)
            self._progress.reset(self._task, total=length_s, description=text, visible=True, detail="")

    def update(self, elapsed_s: float) -> None:
        """Count a snapshot of the recording; ``elapsed_s`` is its time in seconds."""
        if self._count == 0:
            self._first_s = elapsed_s
        if self._count % UPDATE_INTERVAL == 0 and self._progress is not None and self._task is not None:
            seconds = elapsed_s - self._first_s
            self._progress.update(self._task, completed=seconds, detail=format_lap_time(int(seconds * 1e3) or 1))
        self._count += 1


@contextmanager
def reading_progress(*, quiet: bool = False) -> Iterator[ReadingProgress]:
    """Progress of reading recordings, one after the other."""
    with progress_bar(quiet=quiet) as progress:
        yield ReadingProgress(progress)
