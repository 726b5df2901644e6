"""The interfaces of recording: sources, sinks and listeners, and the values that pass between them."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol, Self

from ac_native_memory import Pages
from telemetry.base.clock import Clock
from telemetry.fields.derived import Sample
from telemetry.fields.snapshot import Snapshot, encode
from telemetry.recording.game_state import State
from telemetry.recording.stats import StatsT_contra

if TYPE_CHECKING:
    from telemetry.fields.blocks import Block
    from telemetry.fields.columns import Columns
    from telemetry.laps.model import Lap

FLUSH_SECONDS: Final = 0.25
"""How long a sample may wait before it is passed to the operating system.

A kill may cost a second: the rest of it is for a disk, and a processor, that others need too.
"""


class Reading(NamedTuple):
    """What a source yields at one time of sampling."""

    state: State
    """The state of the game."""
    snapshot: Snapshot | None = None
    """The values of its pages; None where there is nothing to decode."""
    is_new_step: bool = False
    """Whether game time has advanced since the reading before; not in a pause or replay, nor while the game stalls."""
    missed: int = 0
    """Sampling deadlines that passed unused since the reading before; of a stream, samples that never arrived."""
    torn: int = 0
    """Pages so far that never held still for long enough to be read complete."""
    message: str = ""
    """What a person should know about the state; empty for nothing."""


class Step(NamedTuple):
    """The game's pages after one physics step, or only the state of a game that has no pages.

    A step with the same physics page as the step before carries a change of the other pages alone, as in a pause.
    """

    state: State
    """The state of the game."""
    pages: Pages | None = None
    """The three pages, untorn; None where only the state is reported."""
    elapsed: float = 0.0
    """When the step was seen first, in seconds of the source's clock."""
    missing: int = 0
    """Physics steps right before this one that were never seen."""
    repaired: bool = False
    """Whether the step was seen in several versions, of which the neighbouring steps showed the complete one."""
    message: str = ""
    """What a person should know about the state; empty for nothing."""
    timestamp: float | None = None
    """When it was seen, in Unix seconds, for a step without pages: pages have a time of their own."""


class Moment(NamedTuple):
    """The times of a sample."""

    elapsed: float
    """Seconds of the source's clock."""
    timestamp: float
    """Unix seconds."""


class PlayedMoment(NamedTuple):
    """The sample of a recording that was played last, and by how much the clock that plays it is ahead of it."""

    elapsed: float
    timestamp: float
    lead: float
    """Seconds to subtract from the clock for the ``elapsed`` of the recording."""

    def now(self, clock: Clock) -> Moment:
        """The times of a sample that would be played now."""
        elapsed = clock.now() - self.lead
        return Moment(elapsed, self.timestamp + elapsed - self.elapsed)


class Closeable:
    """Base of everything that is closed at the end of its ``with`` block."""

    def close(self) -> None:
        """Release what is held; harmless when called twice."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class Source(Closeable, ABC):
    """Where snapshots come from; ``name`` says to a person what it is."""

    name: str

    @property
    def metadata(self) -> Mapping[str, str]:
        """What a recording says of itself, like ``driver`` and ``notes``; empty for everything else."""
        return {}

    @property
    def complete(self) -> bool:
        """Whether a recording has its end; true for everything else. Finding out can mean reading all of the file."""
        return True

    @property
    def duration_s(self) -> float | None:
        """The length of a recording in seconds; None where only reading all of it would tell."""
        return None

    @property
    def read_share(self) -> float | None:
        """The share of a recording's bytes that its latest pass has read, from 0 to 1; None for everything else."""
        return None

    @property
    def missing_fields(self) -> frozenset[str]:
        """Names of the raw fields that a recording does not hold.

        They read as 0, NaN, the empty text, or what other fields tell in their place, and must not be written:
        :mod:`telemetry.fields.held` says which columns are left.
        """
        return frozenset()

    @property
    def foreign_fields(self) -> frozenset[str]:
        """Names of the raw fields that another program wrote: what is 0 in all samples may be what it did not know."""
        return frozenset()

    def stored_summary(self) -> Any:
        """What was stored about all of a recording when it was closed, if it has not changed since; else None.

        These are values of JSON, which are not checked any further.
        """
        return None

    def moment(self, clock: Clock) -> Moment:
        """The times that a sample taken now would have; of a recording, those of the place that is being played."""
        return Moment(clock.now(), clock.unix())

    def events(self) -> Iterator["Event"]:
        """What happened in a recording, in the order in which it was recorded; nothing for everything else."""
        return iter(())

    @abstractmethod
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        """What is there, ``rate`` times per second (None: the source's own pace), until it ends or the clock stops."""

    def blocks(
        self,
        rate: float | None = None,  # noqa: ARG002 - for those that can
        fields: Collection[str] | None = None,  # noqa: ARG002 - for those that can
    ) -> "Iterator[Block] | None":
        """The moments of a recording in blocks of arrays, as fast as they can be read; None if readings are all it has.

        They are those of :meth:`readings` with this rate. ``fields`` names the raw fields that will be asked for, None
        for all: a format that must decode each of them leaves the others out, until they are asked for all the same.
        Raises :class:`telemetry.SourceError` where the file is corrupt, behind what is intact.
        :func:`telemetry.recording.blocks.read_blocks` takes any source.
        """
        return None

    def part(self, begin: float) -> "Source | None":  # noqa: ARG002 - for those that can
        """The same recording from this time on, in seconds since its first sample; None where all of it must be read.

        It numbers its samples from 0.
        """
        return None

    def steps(self, clock: Clock) -> Iterator[Step]:
        """Every physics step that the source can give, each once; a source of samples gives those that it has."""
        for reading in self.readings(clock, None):
            snapshot = reading.snapshot
            if snapshot is None:
                yield Step(reading.state, message=reading.message)
            else:
                yield Step(reading.state, encode(snapshot), snapshot.elapsed, message=reading.message)


class Sink(Closeable, ABC):
    """Takes samples; ``name`` is for a person. Its methods raise :class:`telemetry.SinkError` if it cannot go on."""

    name: str

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes written so far."""

    @property
    def needed_fields(self) -> frozenset[str]:
        """Fields that it reads besides those that it was opened for."""
        return frozenset()

    @property
    def notes(self) -> tuple[str, ...]:
        """What a person should know about what was written, in sentences; complete when it is closed."""
        return ()

    def add_metadata(self, metadata: Mapping[str, str]) -> None:
        """Keep this with the samples if the format has a place for it; to be called before the first sample."""

    def add_laps(self, laps: "Sequence[Lap]") -> None:
        """Mark these laps if the format has a place for them; to be called before the first sample."""

    @abstractmethod
    def write(self, sample: Sample) -> None:
        """Write one sample."""

    def write_columns(self, columns: "Columns") -> None:
        """Write consecutive samples, of which only the fields that this sink writes need to be right.

        A sink that can take whole columns does so; this goes from one sample to the next.
        """
        for index in range(len(columns)):
            self.write(columns.sample(index))

    @abstractmethod
    def flush(self) -> None:
        """Pass everything written so far to the operating system."""


class Event(NamedTuple):
    """Something that happened during a recording: a gap, a marker, a change of the state."""

    kind: str
    """``marker``, ``gap``, ``repaired``, ``state``, ``clock`` and the like."""
    timestamp: float
    """When it happened, in Unix seconds."""
    values: Mapping[str, Any]
    """Further facts, JSON-compatible."""
    elapsed: float | None = None
    """When it happened, in seconds of the clock of the steps around it; None where that is not known."""


class PageSink(Closeable, ABC):
    """Takes steps with their pages unchanged; ``name`` is for a person.

    Its methods raise :class:`telemetry.SinkError` if it cannot go on.
    """

    name: str

    @property
    @abstractmethod
    def size(self) -> int:
        """Bytes written so far."""

    @abstractmethod
    def write(self, step: Step) -> None:
        """Write one step; one without pages only reports a state."""

    @abstractmethod
    def add_event(self, event: Event) -> None:
        """Write an event."""

    @abstractmethod
    def flush(self) -> None:
        """Pass everything written so far to the operating system, so that it survives the end of this process."""


class Listener(Protocol[StatsT_contra]):
    """Observes a loop, like a view: it gets every reading, kept or not, and must return at once.

    A listener for :class:`telemetry.recording.stats.LoopStats` can observe both loops.
    """

    def on_reading(self, sample: Sample | None, stats: StatsT_contra) -> None:
        """Receive the latest sample (None if there is no sample) and the counters of the loop."""
        ...
