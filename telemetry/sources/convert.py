"""Converting a recording: to another format, to another rate, or only some of its laps."""

import math
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError, UsageError
from telemetry.base.storage.atomic import atomic_write
from telemetry.fields.derived import Sample, derive
from telemetry.fields.held import describe_missing, held_columns
from telemetry.fields.metrics.conversions import physics_steps
from telemetry.fields.resample import resample
from telemetry.fields.selection import ALL_COLUMNS, Column
from telemetry.fields.snapshot import Snapshot, encode
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.formats import Format, all_formats, find_format, unsupported_file_type
from telemetry.laps.assign import LAP_FIELDS, assign_laps
from telemetry.laps.model import Lap, in_recorded_order
from telemetry.recording.game_state import State, state_in_session
from telemetry.recording.interfaces import Event, PageSink, Sink, Source, Step
from telemetry.recording.recording_id import RECORDING_ID
from telemetry.recording.stop import LAP_TIME_DELAY_S
from telemetry.sources import open_source

if TYPE_CHECKING:
    from telemetry.fields.columns import Columns

_ROUNDING_S: Final = 1e-6

_RECREATED_EVENTS: Final = ("gap", "repaired")
"""Events that a page sink writes itself, from what each step says."""

_STATES_OF_PAGES: Final = (State.LIVE, State.MENU, State.PAUSED, State.REPLAY)
"""States that a page sink finds in the steps themselves."""

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
    overwrite: bool = False
    """Whether to replace an existing file."""
    thresholds: Thresholds = DEFAULTS


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
    clock = clock or Clock(math.inf)
    try:
        with ExitStack() as stack:
            unfinished = stack.enter_context(atomic_write(output, overwrite=options.overwrite))
            recording = stack.enter_context(open_source(source))
            conversion = _Conversion(recording, options, clock, progress or _NoProgress())
            chosen: tuple[Lap, ...] = ()
            is_part = options.laps is not None or options.valid_only
            if is_part or _needs_laps(target, options):
                conversion.find_laps()
            if is_part:
                # A recording of laps continues until the game has reported the last lap time; a table ends with a lap.
                chosen = conversion.choose_laps(source, tail_s=LAP_TIME_DELAY_S if target.is_recording else 0.0)
            count, span_s = conversion.write(unfinished, output, target)
            if not count:
                raise SourceError(f"{source} holds no sample to write; those of pauses need --include-paused.")
            left_out = conversion.left_out
            return ConversionResult(count, span_s, unfinished.stat().st_size, chosen, left_out)
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
    return target


class _Ranges:
    """Ranges of sample numbers, sorted, neither overlapping nor touching, each with a tail of some seconds."""

    def __init__(
        self, firsts: Sequence[int] = (0,), lasts: Sequence[int] = (sys.maxsize,), *, tail_s: float = 0.0
    ) -> None:
        self._firsts = firsts
        self._lasts = lasts
        self._tail_s = tail_s
        self._tail_end: float | None = -math.inf

    def contain(self, number: int, elapsed: float) -> bool:
        """Whether this sample is wanted; to be asked of one sample after the other."""
        index = bisect_right(self._firsts, number) - 1
        if index >= 0 and number <= self._lasts[index]:
            self._tail_end = None
            return True
        if self._tail_end is None:  # the tail starts here
            self._tail_end = elapsed + self._tail_s
        return elapsed < self._tail_end


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
        self._ranges = _Ranges()
        self._laps: list[Lap] = []
        asked = ALL_COLUMNS if options.columns is None else options.columns
        self._columns = held_columns(asked, recording.missing_fields)
        held = set(self._columns)
        self.left_out = tuple(column.key for column in options.columns or () if column not in held)

    def find_laps(self) -> None:
        """Read the recording for its laps."""
        from telemetry.recording.recorded_laps import find_recorded_laps

        self._progress.start("Laps", self._recording, passes=2)

        def watch(blocks: "Iterable[Columns]") -> "Iterator[Columns]":
            for columns in blocks:
                self._check_stopped()
                self._progress.update(float(columns["elapsed"][-1]), len(columns))
                yield columns

        laps = list(find_recorded_laps(self._recording, thresholds=self._options.thresholds, watch=watch))
        self._laps = [lap.allow_ai() for lap in laps] if self._options.include_ai else laps
        self._passes_done = 1

    def choose_laps(self, source: Path, *, tail_s: float) -> tuple[Lap, ...]:
        """Limit what is written to the laps that the options ask for."""
        chosen = _choose_laps(self._laps, source, self._options)
        self._ranges = _ranges_of_laps(chosen, tail_s)
        return tuple(chosen)

    def write(self, path: Path, output: Path, target: Format) -> tuple[int, float]:
        """Write the file that will be ``output``; the number of samples, and the seconds from the first to the last."""
        options = self._options
        done = self._passes_done
        self._progress.start(output.name, self._recording, passes=1 + done, passes_done=done)
        snapshots = self._snapshots()
        if options.rate is not None:
            snapshots = resample(snapshots, options.rate)
        if target.open_step_sink is not None:
            metadata = {
                **self._recording.metadata,
                **describe_missing(self._recording.missing_fields),
                "converted_from": Path(self._recording.name).name,
            }
            with target.open_step_sink(path, metadata=metadata, overwrite=False) as pages:
                result = self._copy_steps(pages) if options.rate is None else self._write_pages(snapshots, pages)
        elif open_sink := target.open_decimal_comma_sink if options.decimal_comma else target.open_sample_sink:
            if not self._columns:
                raise UsageError(f"{self._recording.name} holds none of these fields: {', '.join(self.left_out)}.")
            with open_sink(path, self._columns, mode="new", units=options.units) as sink:
                about = self._recording.metadata
                kept = {key: about[key] for key in _KEPT_METADATA if key in about}
                sink.add_metadata({**kept, **describe_missing(self._recording.missing_fields)})
                result = self._write_samples(snapshots, sink)
        else:
            raise UsageError(f"{target.name} files can be read, but not written.")
        self._check_stopped()
        return result

    def _check_stopped(self) -> None:
        if self._clock.stopped:
            raise _StoppedError

    def _snapshots(self) -> Iterator[Snapshot]:
        """The recorded snapshots, each numbered among all of its recording, the pauses left out unless wanted."""
        number = 0
        for reading in self._recording.readings(self._clock, None):
            snapshot = reading.snapshot
            if snapshot is None:
                continue
            self._progress.update(snapshot.elapsed)
            if reading.is_new_step or self._options.include_paused:
                yield snapshot.replace(sequence=number)
            number += 1

    def _write_samples(self, snapshots: Iterable[Snapshot], sink: Sink) -> tuple[int, float]:
        count, first, last = 0, 0.0, 0.0
        for sample in self._derive(snapshots):
            last = sample.elapsed
            first = first if count else last
            count += 1
            sink.write(sample)
        return count, last - first

    def _derive(self, snapshots: Iterable[Snapshot]) -> Iterator[Sample]:
        """The wanted samples, numbered from 0; derived from all before them, written or not."""
        before: Sample | None = None
        latest: Sample | None = None
        count = 0

        def derived() -> Iterator[Sample]:
            nonlocal before
            for snapshot in snapshots:
                before = derive(snapshot, before, self._options.thresholds)
                yield before

        for sample in assign_laps(derived(), self._laps):
            if not self._ranges.contain(sample.sequence, sample.elapsed):
                continue
            # The steps since the sample before it in the new file.
            yield sample.replace(sequence=count, physics_steps=physics_steps(sample.packet_id, latest))
            latest = sample
            count += 1

    def _write_pages(self, snapshots: Iterable[Snapshot], sink: PageSink) -> tuple[int, float]:
        count, first, last = 0, 0.0, 0.0
        for snapshot in snapshots:
            if not self._ranges.contain(snapshot.sequence, snapshot.elapsed):
                continue
            last = snapshot.elapsed
            first = first if count else last
            count += 1
            state = state_in_session(snapshot.status, snapshot.is_esc_menu_visible)
            sink.write(Step(state, encode(snapshot), last))
        return count, last - first

    def _copy_steps(self, sink: PageSink) -> tuple[int, float]:
        """Copy the wanted steps with their pages as they are, and what happened between them."""
        events = self._recording.events()
        event = next(events, None)
        count, first, last = 0, 0.0, 0.0
        number = 0
        latest: Step | None = None  # the step before, if it was wanted
        for step in self._recording.steps(self._clock):
            if step.pages is None:
                continue
            while event is not None and _is_before(event, step):
                if latest is not None or not number:
                    _copy_event(event, latest, sink)
                event = next(events, None)
            self._progress.update(step.elapsed)
            is_continued = latest is not None
            latest = None
            if self._ranges.contain(number, step.elapsed):
                latest, last = step, step.elapsed
                first = first if count else last
                count += 1
                # A gap before the first step of a range belongs to what was left out.
                sink.write(step if is_continued or not number else step._replace(missing=0))
            number += 1
        while event is not None and latest is not None and not self._clock.stopped:
            _copy_event(event, latest, sink)
            event = next(events, None)
        return count, last - first


def _needs_laps(target: Format, options: ConversionOptions) -> bool:
    """Whether the laps of the recording are written with its samples."""
    columns = ALL_COLUMNS if options.columns is None else options.columns
    return target.open_step_sink is None and any(
        field.name in LAP_FIELDS for column in columns for field in column.fields
    )


def _choose_laps(laps: Iterable[Lap], source: Path, options: ConversionOptions) -> list[Lap]:
    """The laps that the options select; UsageError if there are no such laps."""
    available = [lap for lap in laps if lap.first is not None and lap.last is not None]
    numbers = options.laps
    chosen = [
        lap
        for lap in available
        if (numbers is None or any(first <= lap.number <= last for first, last in numbers))
        and (lap.valid or not options.valid_only)
    ]
    if not chosen:
        kind = "valid lap" if options.valid_only else "lap"
        content = f"it has {describe_lap_numbers(available)}" if available else "it has none"
        raise UsageError(f"There is no such {kind} in {source}: {content}. The command 'laps' shows them.")
    return chosen


def _ranges_of_laps(laps: Iterable[Lap], tail_s: float) -> _Ranges:
    """The samples of these laps."""
    firsts: list[int] = []
    lasts: list[int] = []
    for lap in in_recorded_order(laps):
        # Neighbours are one range, so that resampling keeps what lies between two laps.
        if lasts and lap.first_sequence == lasts[-1] + 1:
            lasts[-1] = lap.last_sequence
        else:
            firsts.append(lap.first_sequence)
            lasts.append(lap.last_sequence)
    return _Ranges(firsts, lasts, tail_s=tail_s)


def describe_lap_numbers(laps: Iterable[Lap]) -> str:
    """The numbers of laps, for a person: ``lap 3``, ``laps 1 to 4``, ``laps 1, 3``."""
    numbers = list(dict.fromkeys(lap.number for lap in laps))
    if len(numbers) == 1:
        return f"lap {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"laps {numbers[0]} to {numbers[-1]}"
    return f"laps {', '.join(map(str, numbers))}"


def _copy_event(event: Event, latest: Step | None, sink: PageSink) -> None:
    """Forward an event, unless the sink writes it by itself."""
    if event.kind in _RECREATED_EVENTS:
        return
    if event.kind == "clock" and latest is not None and _is_at(event, latest):
        return  # the sink has found it in the step itself
    if event.kind != "state":
        sink.add_event(event)
        return
    state = event.values.get("state")
    if latest is None or latest.pages is None or state not in set(State) - set(_STATES_OF_PAGES):
        return
    if event.elapsed is not None:
        sink.write(Step(State(state), elapsed=max(event.elapsed, latest.elapsed), timestamp=event.timestamp))
    else:
        seconds = max(event.timestamp - latest.pages.timestamp, 0.0)
        sink.write(Step(State(state), elapsed=latest.elapsed + seconds))


def _is_before(event: Event, step: Step) -> bool:
    """Whether an event happened before a step, by the clock of the steps if possible: the time of day may step."""
    if event.elapsed is not None:
        return event.elapsed < step.elapsed
    return step.pages is not None and event.timestamp < step.pages.timestamp


def _is_at(event: Event, step: Step) -> bool:
    """Whether an event happened at this step, and not between it and another; times in files are rounded."""
    return event.elapsed is None or abs(event.elapsed - step.elapsed) <= _ROUNDING_S
