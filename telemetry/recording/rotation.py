"""Recording into many files: a new one for each session, stint, lap, size or time, or what a marker saves."""

import math
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, get_args

from telemetry.base.amounts import parse_positive_duration, parse_size
from telemetry.base.errors import SinkError, UsageError
from telemetry.base.storage.atomic import remove_file
from telemetry.base.storage.output_file import make_folder
from telemetry.base.typing import override
from telemetry.recording.file_names import Template, numbered_paths
from telemetry.recording.interfaces import Event, PageSink, Step
from telemetry.recording.lap_tracker import SegmentKind, StepUpdate
from telemetry.recording.step_writer import StepWriter
from telemetry.recording.stop import LAP_TIME_DELAY_S

OpenFile = Callable[[Path], PageSink]
"""Creates a file of this name; raises :class:`telemetry.SinkError`, caused by FileExistsError where it exists."""

FileFinished = Callable[[Path], None]
"""Called with every file once it is complete, before the next one is."""


@dataclass(frozen=True, slots=True)
class Split:
    """When a recording goes on in a new file; without any of these, never."""

    segment: SegmentKind | None = None
    """Where a session, stint or lap starts."""
    size: float | None = None
    """After so many bytes."""
    seconds: float | None = None
    """After so many seconds."""

    @classmethod
    def parse(cls, text: str) -> "Split":
        """Parse ``session``, ``stint``, ``lap``, ``size:200MB`` or ``time:10m``; UsageError for anything else."""
        for segment in get_args(SegmentKind):
            if text == segment:
                return cls(segment=segment)
        kind, _, amount = text.partition(":")
        if kind == "size":
            return cls(size=parse_size(amount))
        if kind == "time":
            return cls(seconds=parse_positive_duration(amount))
        raise UsageError(f"A recording cannot be split by {text!r}; use session, lap, stint, size:200MB or time:10m.")


def open_new_file(wanted: Path, suffix: str, open_file: OpenFile) -> tuple[Path, PageSink]:
    """Open a file of this name, or with the first number after it that is free; makes its folder.

    Raises :class:`telemetry.SinkError` where the folder or the file cannot be made.
    """
    make_folder(wanted.parent)
    for path in numbered_paths(wanted, suffix):
        if path.exists():
            continue
        try:
            return path, open_file(path)
        except SinkError as error:
            if not isinstance(error.__cause__ or error.__context__, FileExistsError):
                raise
    raise AssertionError("numbered_paths ended: it must go on until a name is free")


class RecordingFolder:
    """The files of one recording in a folder, named by a template; none is ever overwritten.

    ``files`` are those that are finished and hold something, in order, ``finished_size`` their bytes together.
    ``finished`` is called with each of them.
    """

    def __init__(
        self,
        path: Path,
        template: Template,
        suffix: str,
        open_file: OpenFile,
        finished: FileFinished | None = None,
    ) -> None:
        self.path = path
        self.files: list[Path] = []
        self.finished_size = 0
        self._template = template
        self._suffix = suffix
        self._open_file = open_file
        self._finished = finished
        self._parts = 0

    def open_next(self, update: StepUpdate) -> tuple[Path, PageSink]:
        """Open the file that begins with this update; raises :class:`telemetry.SinkError` where it cannot be made."""
        self._parts += 1
        wanted = self.path / self._template.path(update.sample, lap=update.lap, part=self._parts)
        return open_new_file(wanted, self._suffix, self._open_file)

    def finish(self, path: Path, sink: PageSink) -> None:
        """Close a file; one that held nothing has been removed by its sink, and is not counted."""
        sink.close()
        self.finished_size += sink.size
        if path.exists():
            self.files.append(path)
            if self._finished is not None:
                self._finished(path)


class _FolderWriter(StepWriter):
    """Writes into the files of a folder."""

    def __init__(self, folder: RecordingFolder) -> None:
        self.name = str(folder.path)
        self._folder = folder

    @property
    @override
    def files(self) -> Sequence[Path]:
        return self._folder.files

    @property
    def open_files(self) -> Sequence[Path]:
        """The files that are being written."""
        return []


class RotatingWriter(_FolderWriter):
    """One file after the other, each from one split to the next.

    A file that ends with a lap goes on for a second into the next lap, whose own file begins at the line all the same:
    the game publishes a lap's time some frames late, and each file should hold the time of its laps.
    """

    def __init__(self, folder: RecordingFolder, split: Split | None = None) -> None:
        super().__init__(folder)
        self._split = split or Split()
        self._current: _OpenFile | None = None
        self._closing: _OpenFile | None = None  # the file of the lap before, which waits for its lap time
        self._early_events: list[Event] = []  # from before the first file

    @property
    @override
    def open_files(self) -> Sequence[Path]:
        return [file.path for file in self._open()]

    @property
    @override
    def size(self) -> int:
        return self._folder.finished_size + sum(file.sink.size for file in self._open())

    @override
    def write(self, step: Step, update: StepUpdate | None) -> None:
        current = self._current
        if current is None or (update is not None and self._is_split(current, step, update)):
            if update is None:
                return  # no game yet
            self._begin_file(step, update)
        closing = self._closing
        if closing is not None and (step.elapsed >= closing.until or step.pages is None):
            self._closing = None
            self._folder.finish(closing.path, closing.sink)
        for file in self._open():
            file.sink.write(step)

    @override
    def add_event(self, event: Event) -> None:
        """Write an event into every file that it falls into; before the first file it is kept for that."""
        if self._current is None:
            self._early_events.append(event)
        for file in self._open():
            file.sink.add_event(event)

    @override
    def flush(self) -> None:
        for file in self._open():
            file.sink.flush()

    @override
    def close(self) -> None:
        closing, self._closing = self._closing, None
        current, self._current = self._current, None
        if current is not None and closing is not None:  # all that it holds is in the file of the lap before too
            current.sink.close()
            with suppress(FileNotFoundError):  # nothing was written to it
                remove_file(current.path)
            current = None
        for file in (closing, current):
            if file is not None:
                self._folder.finish(file.path, file.sink)

    def _open(self) -> "list[_OpenFile]":
        return [file for file in (self._closing, self._current) if file is not None]

    def _is_split(self, current: "_OpenFile", step: Step, update: StepUpdate) -> bool:
        split = self._split
        if split.segment is not None:
            return split.segment in update.started
        if split.size is not None:
            return current.sink.size >= split.size
        return split.seconds is not None and step.elapsed - current.began >= split.seconds

    def _begin_file(self, step: Step, update: StepUpdate) -> None:
        before, self._current = self._current, None
        if before is not None and self._split.segment == "lap" and "session" not in update.started:
            if self._closing is not None:
                self._folder.finish(self._closing.path, self._closing.sink)
            self._closing = before._replace(until=step.elapsed + LAP_TIME_DELAY_S)
        elif before is not None:
            self._folder.finish(before.path, before.sink)
        path, sink = self._folder.open_next(update)
        self._current = _OpenFile(path, sink, step.elapsed)
        early, self._early_events = self._early_events, []
        for event in early:
            sink.add_event(event)


class _OpenFile(NamedTuple):
    """A file that is being written; ``began`` and ``until`` are in seconds of the source's clock."""

    path: Path
    sink: PageSink
    began: float
    until: float = math.inf


class RollingBuffer(_FolderWriter):
    """Keeps the last ``seconds`` in memory; every marker saves them to a file."""

    def __init__(self, folder: RecordingFolder, seconds: float) -> None:
        super().__init__(folder)
        self._seconds = seconds
        self._steps: deque[tuple[Step, StepUpdate | None]] = deque()  # each with the latest update up to it
        self._latest_update: StepUpdate | None = None

    @property
    @override
    def size(self) -> int:
        return self._folder.finished_size

    @property
    @override
    def message(self) -> str:
        return "" if self.files else "Waiting for a marker, which saves what was just driven."

    @override
    def write(self, step: Step, update: StepUpdate | None) -> None:
        """Keep one step and drop those that are too old."""
        if step.pages is None:
            return
        self._latest_update = update or self._latest_update
        steps = self._steps
        steps.append((step, self._latest_update))
        while steps[0][0].elapsed < step.elapsed - self._seconds:
            steps.popleft()

    @override
    def add_event(self, event: Event) -> None:
        """Save what is kept if the event is a marker."""
        if event.kind != "marker" or not self._steps:
            return
        update = self._steps[0][1]
        if update is None:
            return
        # The update can be much older than the step, as where the game was paused in between.
        first = self._steps[0][0].pages
        if first is not None:
            update = update._replace(sample=update.sample.replace(timestamp=first.timestamp))
        path, sink = self._folder.open_next(update)
        with sink:
            for step, _ in self._steps:
                sink.write(step)
            sink.add_event(event)
        self._folder.finish(path, sink)

    @override
    def flush(self) -> None:
        """Do nothing: what is kept in memory is not meant for a file yet."""
