"""What a recording is made of: sources and sinks, and the values that pass between them."""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Final, NamedTuple, Protocol, Self

from ac_native_memory import Pages
from telemetry.base.clock import Clock
from telemetry.fields.derived import Sample
from telemetry.fields.snapshot import Snapshot, encode
from telemetry.recording.game_state import State
from telemetry.recording.stats import RecordingStats

FLUSH_SECONDS: Final = 0.5
"""How long a written sample may wait on its way to the operating system."""


class Reading(NamedTuple):
    """What a source saw at one moment; ``snapshot`` is None where there is nothing to decode.

    ``is_new_step`` is false where the car does not move on in time: in pause, in a replay, when the game stalls.
    ``missed`` counts the deadlines dropped since the reading before, ``torn`` the torn pages so far.
    """

    state: State
    snapshot: Snapshot | None = None
    is_new_step: bool = False
    missed: int = 0
    torn: int = 0
    message: str = ""


class Step(NamedTuple):
    """The game's pages after one physics step, or, without ``pages``, how things stand while there are none.

    ``elapsed`` is in seconds of the source's clock. ``missing`` counts the physics steps right before this one that
    could not be seen; ``repaired`` says that another content of the same step was seen too, and which one is whole was
    told by its neighbours. A step whose physics page equals that of the step before carries a change of the other pages
    alone, as in a pause.
    """

    state: State
    pages: Pages | None = None
    elapsed: float = 0.0
    missing: int = 0
    repaired: bool = False
    message: str = ""


class Closeable:
    """What is closed when its ``with`` block ends."""

    def close(self) -> None:
        """Let go of what is held; harmless when done twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Source(Closeable, ABC):
    """Where snapshots come from; ``name`` says to a person what it is."""

    name: str

    @abstractmethod
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        """What is there, ``rate`` times per second (None: the source's own pace), until it ends or the clock stops."""

    def steps(self, clock: Clock) -> Iterator[Step]:
        """Every physics step that the source can give, each once; a source of samples gives those that it has."""
        for reading in self.readings(clock, None):
            snapshot = reading.snapshot
            if snapshot is None:
                yield Step(reading.state, message=reading.message)
            else:
                yield Step(reading.state, encode(snapshot), snapshot.elapsed, message=reading.message)


class Sink(Closeable, ABC):
    """Where samples go; ``name`` says to a person what it is. Raises :class:`telemetry.SinkError` when it must end."""

    name: str

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes written so far."""

    @abstractmethod
    def write(self, sample: Sample) -> None:
        """Take one sample."""

    @abstractmethod
    def flush(self) -> None:
        """Hand everything taken so far to the operating system."""


class Event(NamedTuple):
    """Something that happened at a moment of a recording: a gap, a marker, a pause.

    ``timestamp`` is in Unix seconds; ``values`` holds what else there is to say, as JSON knows it.
    """

    kind: str
    timestamp: float
    values: Mapping[str, Any]


class PageSink(Closeable, ABC):
    """Where steps go with their pages as they are; ``name`` says to a person what it is.

    Raises :class:`telemetry.SinkError` when it must end.
    """

    name: str

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes written so far."""

    @abstractmethod
    def write(self, step: Step) -> None:
        """Take one step; one without pages tells of a state alone."""

    @abstractmethod
    def add_event(self, event: Event) -> None:
        """Take what happened."""

    @abstractmethod
    def flush(self) -> None:
        """Hand everything taken so far to the operating system, so that it outlives this process."""


class Listener(Protocol):
    """Something that looks on, like a view: it is shown every reading, kept or not, and must not hold up the loop."""

    def on_reading(self, sample: Sample | None, stats: RecordingStats) -> None:
        """Take note of the newest sample (None where there is none) and of how the recording goes."""
        ...
