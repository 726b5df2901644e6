"""What a file format is: its name, its suffixes, and the functions that read and write its files."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from telemetry.base.storage.output_file import Mode
from telemetry.fields.selection import Column
from telemetry.recording.interfaces import PageSink, Sink, Source


class Recovered(NamedTuple):
    """The result of a recovery.

    ``path`` is the complete file, ``steps`` counts the physics steps in it, and ``discarded_bytes`` what could not be
    kept. ``was_complete`` says that the file had its end already. ``damage`` describes, in sentences, corrupt bytes
    in the middle and what they cost: then the original is where it was, and ``path`` is another file. ``lost_steps``
    counts the steps that the damage cost, as far as that can be known.
    """

    path: Path
    steps: int
    discarded_bytes: int
    was_complete: bool
    damage: str = ""
    lost_steps: int = 0


WatchShare = Callable[[float], None]
"""Is told the share of some work that is done, from 0 to 1."""


def ignore(_share: float) -> None:
    """Tell nobody."""


class OpenReader(Protocol):
    """Opens a recording as a source; raises :class:`telemetry.SourceError` for a file that cannot be read.

    ``begin`` and ``end`` limit it to a part, in seconds since the first sample; ``loop`` starts it again at its end.
    """

    def __call__(self, path: Path, *, loop: bool, begin: float | None, end: float | None) -> Source:
        """The source that plays this file."""
        ...


class OpenSampleSink(Protocol):
    """Opens a file for samples; raises :class:`telemetry.SinkError` for a file that cannot be written.

    ``units`` asks for a row of units, of formats that have one; the mode ``append`` is only for those that can append.
    """

    def __call__(self, path: Path, columns: Sequence[Column], *, mode: Mode, units: bool) -> Sink:
        """The sink that writes this file."""
        ...


class OpenStepSink(Protocol):
    """Opens a file for physics steps with the game's pages; raises :class:`telemetry.SinkError`.

    ``metadata`` is kept with the recording.
    """

    def __call__(self, path: Path, *, metadata: Mapping[str, str], overwrite: bool) -> PageSink:
        """The sink that writes this file."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ChannelOptions:
    """How a format of channels, whose samples are equidistant, is to be written; None for its own default."""

    rate: float | None = None
    """Samples per second."""
    names: str | None = None
    """Whose names the channels have."""
    gaps: str | None = None
    """What becomes of pauses and gaps."""


class PreparedChannels(NamedTuple):
    """A format for the options that were asked for, and what a conversion needs to know."""

    format: "Format"
    rate: float
    """Samples per second that its sink takes."""
    fields: tuple[str, ...]
    """The fields to write where none were chosen."""


class Recover(Protocol):
    """Completes a truncated file, or saves what is intact of a corrupt one.

    ``watch`` is told the share of the work that is done. Raises :class:`telemetry.SourceError` where there is nothing
    to keep, and :class:`telemetry.SinkError` where the result cannot be written.
    """

    def __call__(self, path: Path, watch: WatchShare = ignore) -> Recovered:
        """What became of this file."""
        ...


class StoreSummary(Protocol):
    """Stores a summary, values of JSON, in a closed recording; its reader gives it back (``Source.stored_summary``).

    Raises :class:`telemetry.SourceError` and :class:`telemetry.SinkError`; the file is not changed then.
    """

    def __call__(self, path: Path, values: Any) -> bool:
        """False where the file has no place for it, or holds one already."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """A file format, with a function for each thing that it can do; None where it cannot.

    The functions import what they need when they are called: a declaration must cost nothing. Raises
    :class:`TypeError` for an attribute of a wrong type, and :class:`ValueError` for attributes that contradict each
    other.
    """

    name: str
    """As a person says it, like ``JSON lines``."""
    suffixes: tuple[str, ...]
    """What its files end in, with the dot, like ``.jsonl.gz``; the first is the usual one."""
    open_reader: OpenReader | None = None
    open_sample_sink: OpenSampleSink | None = None
    open_decimal_comma_sink: OpenSampleSink | None = None
    """The same as open_sample_sink, with numbers like ``3,5``: for the spreadsheets of countries that write them so."""
    open_step_sink: OpenStepSink | None = None
    """For formats that keep the game's pages; one that has only a sink of samples is given the steps as samples."""
    survives_kill: bool = False
    """Whether a file can be read whose writer was killed: what a recording of a running game needs."""
    can_append: bool = False
    """Whether a sink of samples can continue a file."""
    has_units_row: bool = False
    """Whether a sink of samples can write the units of its columns as a row."""
    is_table: bool = False
    """Whether its files are tables that are made of recordings: they can be read back, but no drive is recorded so."""
    recover: Recover | None = None
    """For formats whose files have an end that can be missing."""
    store_summary: StoreSummary | None = None
    """For formats whose files have a place for what is known about them in the end."""
    name_columns: Callable[[Path], OpenReader] | None = None
    """For formats of tables: the reader that knows the columns of other programs by this file; raises
    :class:`telemetry.UsageError` for a file that names none."""
    is_log: Callable[[Path], bool] | None = None
    """For formats whose files are recordings only at times: whether this one is the log of a drive, and is meant where
    a folder with it is named. Never raises."""
    prepare_channels: Callable[[ChannelOptions], PreparedChannels] | None = None
    """For formats of equidistant samples; raises :class:`telemetry.UsageError` for options that it does not have."""

    def __post_init__(self) -> None:
        """Check the attributes: another distribution may declare a format without a type checker."""
        _check(isinstance(self.name, str), "name", "a text like 'JSON lines'", self.name)
        _check(
            isinstance(self.suffixes, tuple) and all(isinstance(suffix, str) for suffix in self.suffixes),
            "suffixes",
            "a tuple of texts like ('.jsonl', '.jsonl.gz')",
            self.suffixes,
        )
        functions = ("open_reader", "open_sample_sink", "open_decimal_comma_sink", "open_step_sink")
        for attribute in (*functions, "recover", "store_summary", "name_columns", "is_log", "prepare_channels"):
            value = getattr(self, attribute)
            _check(value is None or callable(value), attribute, "a function or None", value)
        for attribute in ("survives_kill", "can_append", "has_units_row", "is_table"):
            value = getattr(self, attribute)
            _check(isinstance(value, bool), attribute, "True or False", value)
        if not self.name:
            raise ValueError("The name of a Format must not be empty.")
        if not self.suffixes or not all(suffix.startswith(".") and len(suffix) > 1 for suffix in self.suffixes):
            raise ValueError(
                f"A Format needs at least one suffix, and each must be a dot and a text: got {self.suffixes!r}."
            )
        if self.open_reader is None and self.open_sample_sink is None and self.open_step_sink is None:
            raise ValueError("A Format must have open_reader, open_sample_sink or open_step_sink.")
        if self.open_sample_sink is None and (self.can_append or self.has_units_row):
            raise ValueError("A Format with can_append or has_units_row must have open_sample_sink.")

    @property
    def is_recording(self) -> bool:
        """Whether its files can be written while the game runs, and played again."""
        can_write = self.open_step_sink is not None or self.open_sample_sink is not None
        return self.open_reader is not None and self.survives_kill and can_write and not self.is_table

    @property
    def keeps_pages(self) -> bool:
        """Whether its files hold the game's pages byte for byte, and not selected fields."""
        return self.open_step_sink is not None


def _check(is_right: bool, attribute: str, expected: str, value: object) -> None:  # noqa: FBT001 - the result of a check
    if not is_right:
        raise TypeError(f"The {attribute} of a Format must be {expected}: got {value!r}.")
