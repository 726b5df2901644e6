"""Where the steps of a recording go, and into which files."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from telemetry.base.typing import override
from telemetry.recording.interfaces import Closeable, Event, PageSink, Step
from telemetry.recording.lap_tracker import StepUpdate


class StepWriter(Closeable, ABC):
    """Writes the steps of a recording into files; it is called from a thread of its own.

    Raises :class:`telemetry.SinkError` when it cannot go on.
    """

    name: str

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes written so far, of all files."""

    @property
    @abstractmethod
    def files(self) -> Sequence[Path]:
        """The files that are finished and hold something, in order."""

    @property
    def done(self) -> bool:
        """Whether everything that was asked for is written."""
        return False

    @property
    def message(self) -> str:
        """What a person should know now; empty for nothing."""
        return ""

    @abstractmethod
    def write(self, step: Step, update: StepUpdate | None) -> None:
        """Write one step; ``update`` says what changed with it, None where nothing did."""

    @abstractmethod
    def add_event(self, event: Event) -> None:
        """Write an event."""

    @abstractmethod
    def flush(self) -> None:
        """Pass everything written so far to the operating system."""


class SingleFileWriter(StepWriter):
    """Writes all steps into one file."""

    def __init__(self, sink: PageSink, path: Path) -> None:
        self.name = sink.name
        self._sink = sink
        self._path = path

    @property
    @override
    def size(self) -> int:
        return self._sink.size

    @property
    @override
    def files(self) -> Sequence[Path]:
        return [self._path] if self._path.exists() else []

    @override
    def write(self, step: Step, update: StepUpdate | None) -> None:
        self._sink.write(step)

    @override
    def add_event(self, event: Event) -> None:
        self._sink.add_event(event)

    @override
    def flush(self) -> None:
        self._sink.flush()

    @override
    def close(self) -> None:
        self._sink.close()
