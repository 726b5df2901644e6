"""Progress bars on standard error; nothing is shown where that is not a terminal, or with ``--quiet``."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from telemetry.base.text import format_lap_time
from telemetry.cli._shared.tables import to_markup
from telemetry.formats.format import WatchShare, ignore
from telemetry.recording.interfaces import Source

if TYPE_CHECKING:
    from telemetry.fields.columns import Columns

UPDATE_INTERVAL: Final = 256
"""Snapshots between two updates of a progress bar."""

_STEP: Final = 0.01
"""What a share must grow by to be shown at once."""


@contextmanager
def progress_bar(*, quiet: bool = False) -> Iterator[Progress | None]:
    """A bar for tasks with a field ``detail``, a short text. It disappears in the end; None where nothing is shown."""
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TextColumn("{task.fields[detail]}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as progress:
        yield progress


class ReadingProgress:
    """How far a recording has been read, by its bytes; one that is read twice is half done after the first time."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, visible=False, detail="") if progress else None
        self._source: Source | None = None
        self._passes_done = 0
        self._count = 0

    def start(self, description: str, source: Source, *, passes: int = 1, passes_done: int = 0) -> None:
        """Read a recording from its beginning, as one of several passes over it."""
        self._source, self._passes_done, self._count = source, passes_done, 0
        if self._progress is None or self._task is None:
            return
        text = to_markup(description)
        if passes_done == 0:
            total = None if source.read_share is None else passes
            self._progress.reset(self._task, total=total, description=text, visible=True, detail="")
        else:
            self._progress.update(self._task, completed=passes_done, description=text)

    def update(self, elapsed_s: float, count: int = 1) -> None:
        """Count so many more snapshots of the recording; ``elapsed_s`` is the time of the last one in seconds."""
        is_due = self._count % UPDATE_INTERVAL < count
        if is_due and self._progress is not None and self._task is not None:
            share = (self._source and self._source.read_share) or 0.0
            detail = format_lap_time(int(elapsed_s * 1e3) or 1)
            self._progress.update(self._task, completed=self._passes_done + share, detail=detail)
        self._count += count

    def watch(self, blocks: "Iterable[Columns]") -> "Iterator[Columns]":
        """The same blocks of samples, each counted on its way."""
        for columns in blocks:
            if len(columns):
                self.update(float(columns["elapsed"][-1]), len(columns))
            yield columns


@contextmanager
def reading_progress(*, quiet: bool = False) -> Iterator[ReadingProgress]:
    """Progress of reading recordings, one after the other."""
    with progress_bar(quiet=quiet) as progress:
        yield ReadingProgress(progress)


@contextmanager
def share_progress() -> Iterator[Callable[[str], WatchShare]]:
    """Begins work on something with a description, and gives what is to be told its share done, from 0 to 1."""
    with progress_bar() as progress:
        task = progress.add_task("", total=1, visible=False, detail="") if progress else None

        def start(description: str) -> WatchShare:
            if progress is None or task is None:
                return ignore
            progress.reset(task, total=1, description=to_markup(description), visible=True, detail="")
            count = 0

            def update(share: float) -> None:
                nonlocal count
                if count % UPDATE_INTERVAL == 0 or share - progress.tasks[0].completed >= _STEP:
                    progress.update(task, completed=share)
                count += 1

            return update

        yield start
