"""``convert``: a recording in another format, at another rate, or some of its laps."""

import math
import re
import sys
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError, UsageError
from telemetry.base.storage.atomic import atomic_write
from telemetry.base.text import format_count, format_lap_time, format_size
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.fields.derived import DEFAULTS, Sample, Thresholds, derive
from telemetry.fields.metrics.conversions import physics_steps
from telemetry.fields.resample import resample
from telemetry.fields.selection import ALL_COLUMNS, select
from telemetry.fields.snapshot import Snapshot, encode
from telemetry.formats import csv, mcap, parquet
from telemetry.formats.mcap.layout import FILE_METADATA, QUALITY_METADATA
from telemetry.laps.detector import laps as laps_of
from telemetry.laps.model import Lap
from telemetry.recording.api import samples
from telemetry.recording.game_state import State, state_in_session
from telemetry.recording.interfaces import Event, PageSink, Sink, Source, Step
from telemetry.recording.stop import LAP_TIME_DELAY_S
from telemetry.sources import RECORDING_SUFFIXES, open_finished_sink, open_source

SUFFIXES: Final = (*RECORDING_SUFFIXES, *csv.SUFFIXES, *parquet.SUFFIXES)

_RECREATED: Final = ("gap", "repaired")
"""Events that a page sink writes itself, from what each step says."""

_OF_PAGES: Final = (State.LIVE, State.MENU, State.PAUSED, State.REPLAY)
"""States that a page sink finds in the steps themselves."""

_SHOW_EVERY: Final = 256
"""Readings between two looks at the progress bar."""


class _Ranges:
    """Sample numbers that are wanted, sorted, neither overlapping nor touching, each with a tail of some seconds."""

    def __init__(
        self, firsts: Sequence[int] = (0,), lasts: Sequence[int] = (sys.maxsize,), *, tail: float = 0.0
    ) -> None:
        self._firsts = firsts
        self._lasts = lasts
        self._tail = tail
        self._until: float | None = -math.inf

    def holds(self, number: int, elapsed: float) -> bool:
        """Whether this one is wanted; to be asked of one sample after the other."""
        place = bisect_right(self._firsts, number) - 1
        if place >= 0 and number <= self._lasts[place]:
            self._until = None
            return True
        if self._until is None:  # the tail begins here
            self._until = elapsed + self._tail
        return elapsed < self._until


class _Wanted(NamedTuple):
    """What is to be written of a recording."""

    ranges: _Ranges
    laps: tuple[Lap, ...] = ()


def convert(
    source: Annotated[Path, typer.Argument(metavar="IN", help="A recording, like [bold]drive.mcap[/].")],
    output: Annotated[
        Path,
        typer.Argument(metavar="OUT", help=f"The file to write; its suffix says the format: {', '.join(SUFFIXES)}."),
    ],
    rate: Annotated[
        float | None,
        typer.Option(
            min=0.1,
            max=333.0,
            metavar="HZ",
            help="Samples per second, interpolated, like 60. Default: every sample as it was recorded.",
        ),
    ] = None,
    fields: Annotated[
        str | None,
        typer.Option(
            metavar="LIST",
            help="What to write: names, SDK names, globs, groups, like [bold]timestamp,speed_kmh,tyre_*,derived[/].",
        ),
    ] = None,
    laps: Annotated[
        str | None, typer.Option(metavar="LIST", help="Only these laps, like [bold]3[/] or [bold]3,5,7-9[/].")
    ] = None,
    valid_only: Annotated[bool, typer.Option("--valid-only", help="Only valid laps.")] = False,
    include_paused: Annotated[
        bool,
        typer.Option("--include-paused", help="Write samples of pauses, replays and menus too; .mcap always has them."),
    ] = False,
    units: Annotated[bool, typer.Option("--units", help="Write a second row with the units, in CSV.")] = False,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a file that exists.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress and no summary.")] = False,
    tyres_out: Annotated[
        int, typer.Option(min=1, max=4, help="Tyres off the track that spoil a lap.")
    ] = DEFAULTS.tyres_out,
) -> None:
    """Convert a recording: another format or rate, or only some laps."""
    _check(source, output, fields=fields, units=units)
    columns = select(fields) if fields is not None else ALL_COLUMNS
    numbers = _parse_laps(laps) if laps is not None else None
    thresholds = Thresholds(tyres_out=tyres_out)
    # A recording of laps goes on until the game has told the last one's time; a table holds the laps and nothing else.
    tail = LAP_TIME_DELAY_S if output.name.endswith(RECORDING_SUFFIXES) else 0.0
    clock = Clock(math.inf)
    with ExitStack() as stack:
        stack.enter_context(stop_on_signal(clock))
        part = stack.enter_context(atomic_write(output, overwrite=overwrite))
        origin = stack.enter_context(open_source(source))
        watch = stack.enter_context(_progress(quiet=quiet))
        length = _length_of(origin)
        wanted = _Wanted(_Ranges())
        if numbers is not None or valid_only:
            watch.begin("Laps", length)
            recorded = samples(origin, include_paused=True, thresholds=thresholds, clock=clock)
            found, length = _find_laps(watch.samples(recorded))
            _check_stopped(clock, output)
            wanted = _choose(found, source, numbers, valid_only=valid_only, tail=tail)
        watch.begin(output.name, length)
        snapshots = _snapshots(origin, clock, watch, include_paused=include_paused)
        if rate is not None:
            snapshots = resample(snapshots, rate)
        if output.name.endswith(mcap.SUFFIXES):
            about = {**_about(origin), "converted_from": source.name}
            with mcap.create(part, metadata=about, overwrite=True) as pages:
                if rate is None:
                    count, span = _copy_steps(origin, clock, pages, wanted.ranges, watch)
                else:
                    kept = (
                        snapshot for snapshot in snapshots if wanted.ranges.holds(snapshot.sequence, snapshot.elapsed)
                    )
                    count, span = _write_pages(kept, pages)
        else:
            with open_finished_sink(part, columns=columns, units=units) as sink:
                count, span = _write_samples(_derived(snapshots, wanted.ranges, thresholds), sink)
        _check_stopped(clock, output)
        if not count:
            raise SourceError(f"{source} holds no sample to write; those of pauses need --include-paused.")
        size = part.stat().st_size
    if not quiet:
        print(_summary(output, count, span, size, wanted.laps), file=sys.stderr)


def _check(source: Path, output: Path, *, fields: str | None, units: bool) -> None:
    """Refuse what cannot be meant."""
    if not source.is_file():
        raise UsageError(f"There is no recording {source}.")
    if not output.name.endswith(SUFFIXES):
        raise UsageError(f"{output} is no format that can be written; those end in {', '.join(SUFFIXES)}.")
    if output.exists() and output.samefile(source):
        raise UsageError(f"{output} is the recording itself; write to another file.")
    if fields is not None and output.name.endswith(mcap.SUFFIXES):
        raise UsageError("--fields is not for .mcap: it holds the game's pages, and those are whole.")
    if units and not output.name.endswith(csv.SUFFIXES):
        raise UsageError("--units is for CSV; Parquet has them in its metadata, and 'fields' lists them.")


def _parse_laps(text: str) -> list[tuple[int, int]]:
    """The lap numbers of ``3,5,7-9`` as ranges."""
    ranges: list[tuple[int, int]] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", part)
        if match is None:
            raise UsageError(f"--laps {text}: {part.strip()!r} is no lap; say 3, or 3-7, or 3,5,7-9.")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last:
            raise UsageError(f"--laps {text}: there is nothing from {first} to {last}; laps count from 1.")
        ranges.append((first, last))
    return ranges


def _find_laps(recorded: Iterable[Sample]) -> tuple[list[Lap], float | None]:
    """The laps of a recording, and how long it is, in seconds."""
    first: float | None = None
    last = 0.0

    def timed() -> Iterator[Sample]:
        nonlocal first, last
        for sample in recorded:
            first, last = sample.elapsed if first is None else first, sample.elapsed
            yield sample

    return list(laps_of(timed())), None if first is None else last - first


def _choose(
    found: list[Lap], source: Path, numbers: list[tuple[int, int]] | None, *, valid_only: bool, tail: float
) -> _Wanted:
    """The laps that were asked for, as ranges of samples."""
    there = [lap for lap in found if lap.first is not None and lap.last is not None]
    chosen = [
        lap
        for lap in there
        if (numbers is None or any(first <= lap.number <= last for first, last in numbers))
        and (lap.valid or not valid_only)
    ]
    if not chosen:
        kind = "valid lap" if valid_only else "lap"
        has = f"it has {_enumerate(there)}" if there else "it has none"
        raise UsageError(f"There is no such {kind} in {source}: {has}. The command 'laps' shows them.")
    firsts: list[int] = []
    lasts: list[int] = []
    for lap in sorted(chosen, key=lambda lap: lap.first or ()):
        first, last = lap.first, lap.last
        if first is None or last is None:
            continue
        if lasts and first.sequence == lasts[-1] + 1:  # so that what lies between two laps, at another rate, stays
            lasts[-1] = last.sequence
        else:
            firsts.append(first.sequence)
            lasts.append(last.sequence)
    return _Wanted(_Ranges(firsts, lasts, tail=tail), tuple(chosen))


def _enumerate(laps: Iterable[Lap]) -> str:
    numbers = list(dict.fromkeys(lap.number for lap in laps))
    if len(numbers) == 1:
        return f"lap {numbers[0]}"
    if numbers == list(range(numbers[0], numbers[0] + len(numbers))):
        return f"laps {numbers[0]} to {numbers[-1]}"
    return f"laps {', '.join(map(str, numbers))}"


class _Watch:
    """The progress bar, or nothing where there is none."""

    def __init__(self, progress: Progress | None) -> None:
        self._progress = progress
        self._task = progress.add_task("", total=None, visible=False) if progress else None
        self._seen = 0
        self._first = 0.0

    def begin(self, what: str, length: float | None) -> None:
        """Another way through the recording begins; ``length`` is in its seconds, where that is known."""
        self._seen = 0
        if self._progress is not None and self._task is not None:
            self._progress.reset(self._task, total=length, description=what, visible=True, driven="0:00.000")

    def see(self, elapsed: float) -> None:
        """Take note of a moment of the recording."""
        if self._seen == 0:
            self._first = elapsed
        if self._seen % _SHOW_EVERY == 0 and self._progress is not None and self._task is not None:
            seconds = elapsed - self._first
            self._progress.update(self._task, completed=seconds, driven=format_lap_time(int(seconds * 1e3)))
        self._seen += 1

    def samples(self, recorded: Iterable[Sample]) -> Iterator[Sample]:
        """The samples as they are, seen as they pass."""
        for sample in recorded:
            self.see(sample.elapsed)
            yield sample


@contextmanager
def _progress(*, quiet: bool) -> Iterator[_Watch]:
    console = Console(stderr=True)
    if quiet or not console.is_terminal:
        yield _Watch(None)
        return
    columns = (
        TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[driven]}"), TimeRemainingColumn()
    )  # fmt: skip
    with Progress(*columns, console=console, transient=True) as progress:
        yield _Watch(progress)


def _length_of(source: Source) -> float | None:
    """Seconds of a recording that says how long it is; None where only reading it would tell."""
    if not isinstance(source, mcap.McapRecording):
        return None
    try:
        return float(source.metadata[QUALITY_METADATA]["elapsed_seconds"])
    except (KeyError, ValueError):
        return None


def _about(source: Source) -> dict[str, str]:
    """What the metadata of a recording of pages says of it."""
    return source.metadata.get(FILE_METADATA, {}) if isinstance(source, mcap.McapRecording) else {}


def _snapshots(source: Source, clock: Clock, watch: _Watch, *, include_paused: bool) -> Iterator[Snapshot]:
    """The recorded snapshots, each numbered among all of its recording, the pauses left out unless wanted."""
    number = 0
    for reading in source.readings(clock, None):
        snapshot = reading.snapshot
        if snapshot is None:
            continue
        watch.see(snapshot.elapsed)
        if reading.is_new_step or include_paused:
            yield snapshot.replace(sequence=number)
        number += 1


def _derived(snapshots: Iterable[Snapshot], ranges: _Ranges, thresholds: Thresholds) -> Iterator[Sample]:
    """The samples in these ranges, numbered anew; derived from all before them, written or not."""
    before: Sample | None = None
    latest: Sample | None = None
    count = 0
    for snapshot in snapshots:
        before = sample = derive(snapshot, before, thresholds)
        if not ranges.holds(snapshot.sequence, snapshot.elapsed):
            continue
        # physics_steps counts since the sample before it in the new file
        yield sample.replace(sequence=count, physics_steps=physics_steps(sample.packet_id, latest))
        latest = sample
        count += 1


def _write_samples(written: Iterable[Sample], sink: Sink) -> tuple[int, float]:
    """How many samples were written, and the seconds from the first to the last."""
    count, first, last = 0, 0.0, 0.0
    for sample in written:
        last = sample.elapsed
        first = first if count else last
        count += 1
        sink.write(sample)
    return count, last - first


def _write_pages(snapshots: Iterable[Snapshot], sink: PageSink) -> tuple[int, float]:
    count, first, last = 0, 0.0, 0.0
    for snapshot in snapshots:
        last = snapshot.elapsed
        first = first if count else last
        count += 1
        state = state_in_session(snapshot.status, snapshot.is_esc_menu_visible)
        sink.write(Step(state, encode(snapshot), last))
    return count, last - first


def _copy_steps(source: Source, clock: Clock, sink: PageSink, ranges: _Ranges, watch: _Watch) -> tuple[int, float]:
    """Copy the steps in these ranges with their pages as they are, and what happened between them."""
    events = source.events() if isinstance(source, mcap.McapRecording) else iter(())
    event = next(events, None)
    count, first, last = 0, 0.0, 0.0
    number = 0
    latest: Step | None = None  # the last step, where it was wanted
    for step in source.steps(clock):
        if step.pages is None:
            continue
        while event is not None and event.timestamp < step.pages.timestamp:
            if latest is not None or not number:
                _copy_event(event, latest, sink)
            event = next(events, None)
        watch.see(step.elapsed)
        joined = latest is not None
        latest = None
        if ranges.holds(number, step.elapsed):
            latest, last = step, step.elapsed
            first = first if count else last
            count += 1
            # What is missing before a part belongs to the part before.
            sink.write(step if joined or not number else step._replace(missing=0))
        number += 1
    while event is not None and latest is not None and not clock.stopped:
        _copy_event(event, latest, sink)
        event = next(events, None)
    return count, last - first


def _copy_event(event: Event, latest: Step | None, sink: PageSink) -> None:
    """Hand an event on, unless the sink tells of it by itself."""
    if event.kind in _RECREATED:
        return
    if event.kind != "state":
        sink.add_event(event)
        return
    state = event.values.get("state")
    if latest is not None and latest.pages is not None and state in set(State) - set(_OF_PAGES):
        seconds = max(event.timestamp - latest.pages.timestamp, 0.0)
        sink.write(Step(State(state), elapsed=latest.elapsed + seconds))


def _check_stopped(clock: Clock, output: Path) -> None:
    if clock.stopped:
        raise Interrupted(f"Stopped before it was done: {output} was not written.")


def _summary(output: Path, count: int, span: float, size: int, laps: tuple[Lap, ...]) -> str:
    """What was made, for a person."""
    chosen = f", {_enumerate(laps)}" if laps else ""
    return f"{output}: {format_count(count, 'sample')} in {span:.1f} s{chosen}, {format_size(size)}."
