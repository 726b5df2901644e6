"""Where the steps of a recording go, and into which files."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path

from telemetry.recording.filters import _Onward
from telemetry.recording.interfaces import (
    Closeable,
    Event,
    PageSink,
    Step,
)
from telemetry.recording.lap_tracker import StepUpdate


class StepWriter(Closeable, ABC):
    """Where the steps of a capture go, and into which files; it is called from a thread of its own."""

    name: str

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes written so far, of all files."""

    @property
    @abstractmethod
    def files(self) -> Sequence[Path]:
        """The files that were finished and hold something, in order."""

    @property
    def done(self) -> bool:
        """Whether all that was wanted is written."""
        return False

    @property
    def message(self) -> str:
        """What a person should know of it now; empty for nothing."""
        return ""

    @abstractmethod
    def write(self, step: Step, update: StepUpdate | None) -> None:
        """Write one step; ``update`` says what it brought."""

    @abstractmethod
    def add_event(self, event: Event) -> None:
        """Write what happened."""

    @abstractmethod
    def flush(self) -> None:
        """Hand everything taken so far to the operating system."""


class SingleFileWriter(_Onward, StepWriter):
    """All steps into one file."""

    def __init__(self, sink: PageSink, path: Path) -> None:
        super().__init__(sink)
        self._path = path

    @property
    def files(self) -> Sequence[Path]:
        """The file, once it was closed and holds something."""
        return [self._path] if self._path.exists() else []

    def write(self, step: Step, update: StepUpdate | None) -> None:  # noqa: ARG002 - nothing happens at a turn
        """Write one step."""
        self._sink.write(step)
