"""Converting a recording: to another format, to another rate, or only some of its laps."""

import math
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError, UsageError
from telemetry.base.storage.atomic import atomic_write, companions_of
from telemetry.fields.held import describe_missing, held_columns
from telemetry.fields.selection import ALL_COLUMNS, Column, field_names, select
from telemetry.fields.snapshot import Snapshot, encode
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.formats import (
    ChannelOptions,
    Format,
    PreparedChannels,
    all_formats,
    find_format,
    unsupported_file_type,
)
from telemetry.laps.assign import LAP_FIELDS
from telemetry.laps.choice import SampleRanges, choose_laps
from telemetry.laps.model import Lap, SampleRef, in_recorded_order
from telemetry.recording.game_state import state_in_session
from telemetry.recording.interfaces import PageSink, Source, Step
from telemetry.recording.recording_id import RECORDING_ID
from telemetry.recording.stop import LAP_TIME_DELAY_S
from telemetry.sources import open_source

if TYPE_CHECKING:
    from telemetry.fields.blocks import Array
    from telemetry.fields.columns import Columns

_KEPT_METADATA: Final = (RECORDING_ID, "driver", "notes", "tags")
"""What a format of samples keeps of what the recording says of itself, if it has a place for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConversionOptions:
    """What to write of a recording, and how."""

    rate: float | None = None
    """Samples per second, interpolated and not filtered; None for every sample as it was recorded."""
    columns: tuple[Column, ...] | None = None
    """The columns of a format that holds samples; None for all."""
    laps: Sequence[tuple[int, int]] | None = None
    """Ranges of lap numbers, both ends included; None for the whole recording."""
    valid_only: bool = False
    """Whether to leave out invalid laps, and everything outside of laps."""
    include_ai: bool = False
    """Whether laps that the game's AI drove can be valid."""
    include_paused: bool = False
    """Whether to keep samples of pauses, replays and menus; a format that keeps pages has them in any case."""
    units: bool = False
    """Whether to write a row of units."""
    decimal_comma: bool = False
    """Whether to write numbers like ``3,5``, for spreadsheets."""
    names: str | None = None
    """Whose names the channels of a MoTeC log have; None for its default."""
    gaps: str | None = None
    """What becomes of pauses and gaps in a MoTeC log; None for its default."""
    column_map: Path | None = None
    """The file by which the columns of a table of another program are known."""
    overwrite: bool = False
    """Whether to replace an existing file."""
    thresholds: Thresholds = DEFAULTS


class WrittenFile(NamedTuple):
    """A file that was written, by its name in the folder of the output, and its bytes."""

    name: str
    size: int


class ConversionResult(NamedTuple):
    """What was written."""

    samples: int
    span_s: float
    """Seconds from the first sample to the last."""
    size: int
    """Bytes of the file."""
    laps: tuple[Lap, ...]
    """The chosen laps."""
    left_out: tuple[str, ...]
    """The columns that were asked for and are not in the file, because the recording does not hold what they need."""
    notes: tuple[str, ...] = ()
    """What else a person should know about the file, in sentences."""
    files: tuple[WrittenFile, ...] = ()
    """The file, and behind it those that its format has beside it."""

    def to_dict(self) -> dict[str, Any]:
        """The result as JSON output has it: laps by their numbers, null where the whole recording was written."""
        numbers = [lap.number for lap in self.laps] or None
        return {"samples": self.samples, "span_s": self.span_s, "size": self.size, "laps": numbers}


class ConversionProgress(Protocol):
    """Is informed how far a conversion is, which reads the recording once or twice."""

    def start(self, description: str, source: Source, *, passes: int = 1, passes_done: int = 0) -> None:
        """Reading starts from the beginning, as one of several passes over the recording."""
        ...

    def update(self, elapsed_s: float, count: int = 1) -> None:
        """Reading has reached this time of the recording, with so many more samples."""
        ...


class _NoProgress:
    def start(self, description: str, source: Source, *, passes: int = 1, passes_done: int = 0) -> None:
        pass

    def update(self, elapsed_s: float, count: int = 1) -> None:
        pass


class _StoppedError(Exception):
    """The clock was stopped before the conversion was done."""


def convert_recording(
    source: Path,
    output: Path,
    options: ConversionOptions,
    *,
    clock: Clock | None = None,
    progress: ConversionProgress | None = None,
) -> ConversionResult | None:
    """Write this recording, or the part of it that the options ask for, to a new file by the suffix of ``output``.

    The file appears when it is complete. None where the clock was stopped before that: then nothing was written. Raises
    :class:`telemetry.UsageError` for options that contradict each other or the files, :class:`telemetry.SourceError`
    for a recording that cannot be read, and :class:`telemetry.SinkError` for a file that cannot be written.
    """
    target = check_conversion(source, output, options)
    are_columns_chosen = options.columns is not None
    if target.prepare_channels is not None:
        target, options = _prepare_channels(target.prepare_channels, options)
    clock = clock or Clock(math.inf)
    try:
        with ExitStack() as stack:
            unfinished = stack.enter_context(atomic_write(output, overwrite=options.overwrite))
            recording = stack.enter_context(open_source(source, column_map=options.column_map))
            conversion = _Conversion(recording, options, clock, progress or _NoProgress())
            chosen: tuple[Lap, ...] = ()
            is_part = options.laps is not None or options.valid_only
            if is_part or _needs_laps(target, options):
                conversion.find_laps()
            if is_part:
                # A recording of laps, and a log, continue until the game has reported the last lap time, so that it is
                # in them; a table ends with a lap.
                goes_on = target.is_recording or target.prepare_channels is not None
                chosen = conversion.choose_laps(source, tail_s=LAP_TIME_DELAY_S if goes_on else 0.0)
            count, span_s = conversion.write(unfinished, output, target)
            if not count:
                raise SourceError(f"{source} holds no sample to write; those of pauses need --include-paused.")
            left_out = conversion.left_out if are_columns_chosen else ()
            paths = (unfinished, *companions_of(unfinished))
            files = tuple(WrittenFile(path.name, path.stat().st_size) for path in paths)
            return ConversionResult(count, span_s, files[0].size, chosen, left_out, conversion.notes, files)
    except _StoppedError:
        return None


def check_conversion(source: Path, output: Path, options: ConversionOptions) -> Format:
    """The format of the output; UsageError where the options do not fit it, or the files are not two files."""
    if not source.is_file():
        raise UsageError(f"There is no recording {source}.")
    target = find_format(output)
    if target is None:
        raise unsupported_file_type(output, tuple(suffix for known in all_formats() for suffix in known.suffixes))
    if output.exists() and output.samefile(source):
        raise UsageError(f"{output} is the recording itself; write to another file.")
    if options.columns is not None and target.keeps_pages:
        raise UsageError(f"--fields is not for {target.suffixes[0]}: it keeps the game's pages, which are complete.")
    if options.units and not target.has_units_row:
        able = ", ".join(known.name for known in all_formats() if known.has_units_row)
        raise UsageError(f"--units is for {able}; Parquet has units in its metadata, and 'fields' lists them.")
    if options.decimal_comma and target.open_decimal_comma_sink is None:
        able = ", ".join(known.name for known in all_formats() if known.open_decimal_comma_sink)
        raise UsageError(f"--decimal-comma is for {able}.")
    if (options.names or options.gaps) and target.prepare_channels is None:
        able = ", ".join(known.name for known in all_formats() if known.prepare_channels)
        raise UsageError(f"--names and --gaps are for {able}.")
    return target


def _prepare_channels(
    prepare: Callable[[ChannelOptions], PreparedChannels], options: ConversionOptions
) -> tuple[Format, ConversionOptions]:
    """The format with the options for its channels, and the options with the rate and the fields that it has."""
    prepared = prepare(ChannelOptions(rate=options.rate, names=options.names, gaps=options.gaps))
    columns = select(prepared.fields) if options.columns is None else options.columns
    return prepared.format, replace(options, rate=prepared.rate, columns=columns)


class _Conversion:
    """The passes over one recording: choosing laps, and writing."""

    def __init__(
        self, recording: Source, options: ConversionOptions, clock: Clock, progress: ConversionProgress
    ) -> None:
        self._recording = recording
        self._options = options
        self._clock = clock
        self._progress = progress
        self._passes_done = 0
        self._ranges = SampleRanges()
        self._first: SampleRef | None = None
        self._laps: list[Lap] = []
        self.notes: tuple[str, ...] = ()
        asked = ALL_COLUMNS if options.columns is None else options.columns
        self._columns = held_columns(asked, recording.missing_fields)
        held = set(self._columns)
        self.left_out = tuple(column.key for column in options.columns or () if column not in held)

    def find_laps(self) -> None:
        """Find the laps of the recording, reading it if it does not hold them."""
        from telemetry.recording.recorded_laps import find_recorded_laps, recall_laps

        def watch(blocks: "Iterable[Columns]") -> "Iterator[Columns]":
            for columns in blocks:
                self._watch(columns["elapsed"])
                yield columns

        thresholds = self._options.thresholds
        laps = recall_laps(self._recording, thresholds)
        if laps is None:
            self._progress.start("Laps", self._recording, passes=2)
            laps = tuple(find_recorded_laps(self._recording, thresholds=thresholds, watch=watch))
            self._passes_done = 1
        self._laps = [lap.allow_ai() if self._options.include_ai else lap for lap in laps]

    def choose_laps(self, source: Path, *, tail_s: float) -> tuple[Lap, ...]:
        """Limit what is written to the laps that the options ask for."""
        options = self._options
        chosen = choose_laps(self._laps, str(source), options.laps, valid_only=options.valid_only)
        self._ranges = SampleRanges.of_laps(chosen, tail_s=tail_s)
        self._first = in_recorded_order(chosen)[0].first
        return chosen

    def write(self, path: Path, output: Path, target: Format) -> tuple[int, float]:
        """Write the file that will be ``output``; the number of samples, and the seconds from the first to the last."""
        options = self._options
        done = self._passes_done
        self._progress.start(output.name, self._recording, passes=1 + done, passes_done=done)
        if target.open_step_sink is not None:
            metadata = {
                **self._recording.metadata,
                **describe_missing(self._recording.missing_fields),
                "converted_from": Path(self._recording.name).name,
            }
            with target.open_step_sink(path, metadata=metadata, overwrite=False) as pages:
                result = self._copy_steps(pages) if options.rate is None else self._write_pages(pages)
        elif open_sink := target.open_decimal_comma_sink if options.decimal_comma else target.open_sample_sink:
            if not self._columns:
                raise UsageError(f"{self._recording.name} holds none of these fields: {', '.join(self.left_out)}.")
            with open_sink(path, self._columns, mode="new", units=options.units) as sink:
                about = self._recording.metadata
                kept = {key: about[key] for key in _KEPT_METADATA if key in about}
                sink.add_metadata({**kept, **describe_missing(self._recording.missing_fields)})
                sink.add_laps(self._laps)
                fields = None if options.columns is None else {*field_names(self._columns), *sink.needed_fields}
                result = _write_blocks(self._select(fields), sink.write_columns)
            self.notes = sink.notes
        else:
            raise UsageError(f"{target.name} files can be read, but not written.")
        self._check_stopped()
        return result

    def _check_stopped(self) -> None:
        if self._clock.stopped:
            raise _StoppedError

    def _watch(self, elapsed: "Array") -> None:
        self._check_stopped()
        if len(elapsed):
            self._progress.update(float(elapsed[-1]), len(elapsed))

    def _select(self, fields: Collection[str] | None) -> "Iterator[Columns]":
        """The wanted samples, with these fields."""
        from telemetry.recording.selection import Selection, select_columns

        options = self._options
        selection = Selection(
            fields=fields,
            rate=options.rate,
            include_paused=options.include_paused,
            ranges=self._ranges,
            first=self._first,
            laps=self._laps,
            thresholds=options.thresholds,
        )
        return select_columns(self._recording, selection, lambda block: self._watch(block.array("elapsed")))

    def _write_pages(self, sink: PageSink) -> tuple[int, float]:
        def write(columns: "Columns") -> None:
            for index in range(len(columns)):
                snapshot = columns.snapshot(index)
                state = state_in_session(snapshot.status, snapshot.is_esc_menu_visible)
                sink.write(Step(state, encode(snapshot), snapshot.elapsed))

        return _write_blocks(self._select(Snapshot.NAMES), write)

    def _copy_steps(self, sink: PageSink) -> tuple[int, float]:
        from telemetry.sources.copy_steps import copy_steps

        return copy_steps(self._recording, self._ranges, sink, clock=self._clock, watch=self._progress.update)


def _write_blocks(blocks: "Iterable[Columns]", write: "Callable[[Columns], None]") -> tuple[int, float]:
    """Write all of the samples; returns their number, and the seconds from the first to the last."""
    count, first, last = 0, 0.0, 0.0
    for columns in blocks:
        elapsed = columns["elapsed"]
        first = first if count else float(elapsed[0])
        last = float(elapsed[-1])
        count += len(columns)
        write(columns)
    return count, last - first


def _needs_laps(target: Format, options: ConversionOptions) -> bool:
    """Whether the laps of the recording are written with its samples."""
    columns = ALL_COLUMNS if options.columns is None else options.columns
    return target.open_step_sink is None and any(
        field.name in LAP_FIELDS for column in columns for field in column.fields
    )
