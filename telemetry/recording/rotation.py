"""A capture into many files: cut by sessions, stints, laps, size or time, or what a marker asks for."""

import re
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final, get_args

from telemetry.base.errors import SinkError, UsageError
from telemetry.recording.file_names import Template, numbered_paths
from telemetry.recording.interfaces import Event, PageSink, Step
from telemetry.recording.lap_tracker import SegmentKind, StepUpdate
from telemetry.recording.step_writer import StepWriter
from telemetry.recording.stop import LAP_TIME_DELAY_S

OpenFile = Callable[[Path], PageSink]
"""Makes a new file of this name; raises :class:`telemetry.SinkError`, whose cause is FileExistsError where one is."""

Finished = Callable[[Path], None]
"""Is told of every file when it is whole, before the next one is."""


def ignore(path: Path) -> None:
    """Do nothing about a file that is whole."""


UNITS: Final = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "TB": 1e12, "s": 1.0, "m": 60.0, "h": 3600.0}

_AMOUNT: Final = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Z]*)\s*")


def parse_size(text: str) -> float:
    """Bytes from a text like ``200MB`` or ``20GB``; UsageError for another."""
    return _amount(text, ("kB", "MB", "GB", "TB"), "a size like 200MB")


def parse_duration(text: str) -> float:
    """Seconds from a text like ``120``, ``120s``, ``10m`` or ``2h``; UsageError for another."""
    return _amount(text if text[-1:].isalpha() else f"{text}s", ("s", "m", "h"), "a time like 120s, 10m or 2h")


def _amount(text: str, units: Sequence[str], wanted: str) -> float:
    match = _AMOUNT.fullmatch(text)
    unit = next((unit for unit in units if match and unit.lower() == match[2].lower()), None)
    value = float(match[1]) * UNITS[unit] if match and unit else 0.0
    if value <= 0.0:
        raise UsageError(f"{text!r} is not {wanted}.")
    return value


@dataclass(frozen=True, slots=True)
class Split:
    """Where a recording is cut; a :class:`Split` of nothing never."""

    part: SegmentKind | None = None
    size: float | None = None
    seconds: float | None = None

    @classmethod
    def parse(cls, text: str) -> "Split":
        """From ``session``, ``stint``, ``lap``, ``size:200MB`` or ``time:10m``; UsageError for another."""
        for part in get_args(SegmentKind):
            if text == part:
                return cls(part=part)
        kind, _, amount = text.partition(":")
        if kind == "size":
            return cls(size=parse_size(amount))
        if kind == "time":
            return cls(seconds=parse_duration(amount))
        raise UsageError(f"Nothing can be split by {text!r}; say session, lap, stint, size:200MB or time:10m.")


def open_new_file(wanted: Path, suffix: str, open_file: OpenFile) -> tuple[Path, PageSink]:
    """Open a file of this name, or with the first number behind it that makes it new; makes its folder.

    Raises :class:`telemetry.SinkError` where the folder or the file cannot be made.
    """
    try:
        wanted.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"The folder {wanted.parent} cannot be made: {error.strerror}.") from error
    for path in numbered_paths(wanted, suffix):
        if path.exists():
            continue
        try:
            return path, open_file(path)
        except SinkError as error:
            if not isinstance(error.__cause__ or error.__context__, FileExistsError):
                raise
    raise AssertionError("numbered_paths ended: it must go on until a name is free")


class FolderWriter(StepWriter):
    """Files in a folder, named by a template after what is in them and never over another."""

    def __init__(
        self, folder: Path, template: Template, suffix: str, open_file: OpenFile, finished: Finished = ignore
    ) -> None:
        self.name = str(folder)
        self._finished = finished
        self._folder = folder
        self._template = template
        self._suffix = suffix
        self._open_file = open_file
        self._parts = 0
        self._files: list[Path] = []
        self._finished_size = 0

    @property
    def files(self) -> Sequence[Path]:
        """The files that were finished and hold something, in order."""
        return self._files

    @property
    def open_files(self) -> Sequence[Path]:
        """The files that are being written."""
        return []

    def _open(self, update: StepUpdate) -> tuple[Path, PageSink]:
        self._parts += 1
        wanted = self._folder / self._template.path(update.sample, lap=update.lap, part=self._parts)
        return open_new_file(wanted, self._suffix, self._open_file)

    def _close(self, path: Path, sink: PageSink) -> None:
        sink.close()
        self._finished_size += sink.size
        if path.exists():
            self._files.append(path)
            self._finished(path)


class RotatingWriter(FolderWriter):
    """One file after the other, each from one cut to the next.

    A file that ends with a lap goes on for a second into the next one, whose own file begins at the line all the same:
    the game publishes a lap's time some frames late, and each file shall hold that of its laps.
    """

    def __init__(
        self,
        folder: Path,
        template: Template,
        suffix: str,
        open_file: OpenFile,
        split: Split | None = None,
        finished: Finished = ignore,
    ) -> None:
        super().__init__(folder, template, suffix, open_file, finished)
        self._split = split or Split()
        self._sink: PageSink | None = None
        self._path = Path()
        self._began = 0.0
        self._closing_file: tuple[Path, PageSink, float] | None = None
        self._early: list[Event] = []

    @property
    def open_files(self) -> Sequence[Path]:
        """The files that are being written."""
        tail = [self._closing_file[0]] if self._closing_file else []
        return [*tail, self._path] if self._sink else tail

    @property
    def size(self) -> int:
        """Bytes written so far, of all files."""
        tail = self._closing_file[1].size if self._closing_file else 0
        return self._finished_size + tail + (self._sink.size if self._sink else 0)

    def write(self, step: Step, update: StepUpdate | None) -> None:
        """Write one step, into a new file where one begins with it."""
        if self._sink is None or (update is not None and self._is_cut(step, update)):
            if update is None:
                return  # no game yet
            self._begin(step, update)
        if self._closing_file is not None:
            path, sink, until = self._closing_file
            if step.elapsed >= until or step.pages is None:
                self._closing_file = None
                self._close(path, sink)
            else:
                sink.write(step)
        if self._sink is not None:
            self._sink.write(step)

    def add_event(self, event: Event) -> None:
        """Write what happened, into every file that it falls into."""
        if self._sink is None:
            self._early.append(event)
            return
        if self._closing_file is not None:
            self._closing_file[1].add_event(event)
        self._sink.add_event(event)

    def flush(self) -> None:
        """Hand everything taken so far to the operating system."""
        if self._closing_file is not None:
            self._closing_file[1].flush()
        if self._sink is not None:
            self._sink.flush()

    def close(self) -> None:
        """Finish the files."""
        tail, self._closing_file = self._closing_file, None
        sink, self._sink = self._sink, None
        if sink is not None and tail is not None:  # all that it holds is in the tail of the lap before
            sink.close()
            self._path.unlink(missing_ok=True)
            sink = None
        if tail is not None:
            self._close(tail[0], tail[1])
        if sink is not None:
            self._close(self._path, sink)

    def _is_cut(self, step: Step, update: StepUpdate) -> bool:
        split = self._split
        if split.part is not None:
            return split.part in update.started
        if split.size is not None:
            return self._sink is not None and self._sink.size >= split.size
        return split.seconds is not None and step.elapsed - self._began >= split.seconds

    def _begin(self, step: Step, update: StepUpdate) -> None:
        before = self._sink
        if before is not None:
            self._sink = None
            if self._split.part == "lap" and "session" not in update.started:
                if self._closing_file is not None:
                    self._close(*self._closing_file[:2])
                self._closing_file = (self._path, before, step.elapsed + LAP_TIME_DELAY_S)
            else:
                self._close(self._path, before)
        self._path, self._sink = self._open(update)
        self._began = step.elapsed
        early, self._early = self._early, []
        for event in early:
            self._sink.add_event(event)


class RollingBuffer(FolderWriter):
    """The last so many seconds in memory, of which every marker makes a file."""

    def __init__(
        self,
        folder: Path,
        template: Template,
        suffix: str,
        open_file: OpenFile,
        seconds: float,
        finished: Finished = ignore,
    ) -> None:
        super().__init__(folder, template, suffix, open_file, finished)
        self._seconds = seconds
        self._steps: deque[tuple[Step, StepUpdate | None]] = deque()
        self._turn: StepUpdate | None = None

    @property
    def size(self) -> int:
        """Bytes written so far, of all files."""
        return self._finished_size

    @property
    def message(self) -> str:
        """How much is kept, and how to save it."""
        return "" if self._files else "Waiting for a marker, which saves what was just driven."

    def write(self, step: Step, update: StepUpdate | None) -> None:
        """Keep one step and forget those that are too old."""
        if step.pages is None:
            return
        self._turn = update or self._turn
        steps = self._steps
        steps.append((step, self._turn))
        while steps[0][0].elapsed < step.elapsed - self._seconds:
            steps.popleft()

    def add_event(self, event: Event) -> None:
        """Save what is kept when it is a marker."""
        if event.kind != "marker" or not self._steps:
            return
        update = self._steps[0][1]
        if update is None:
            return
        path, sink = self._open(update)
        with sink:
            for step, _ in self._steps:
                sink.write(step)
            sink.add_event(event)
        self._close(path, sink)

    def flush(self) -> None:
        """There is nothing to hand on: what is kept is meant to be forgotten."""
