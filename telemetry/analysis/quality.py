"""What a recording is worth: what gathers that from its samples, the report, and what speaks against a data set."""

import math
import operator
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any, Final, Literal

from telemetry.base.clock import Clock
from telemetry.base.histogram import DurationHistogram
from telemetry.base.text import format_count
from telemetry.base.units import STEP_S
from telemetry.fields.derived import Sample, derive
from telemetry.fields.pauses import paused_seconds
from telemetry.fields.schema import Range
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.formats import format_label
from telemetry.laps.detector import LapState, advance, finish
from telemetry.laps.model import Lap, best_lap
from telemetry.recording.interfaces import Event, Reading, Source

LATE: Final = 1.5
"""Periods of a recording below the full rate above which an interval is a gap: a sample is missing in it."""

MAX_GAP_SHARE: Final = 0.001
"""Share of physics steps that may be missing in a recording at the full rate."""

MAX_LATE_SHARE: Final = 0.01
"""Share of intervals that may be gaps in a recording below the full rate."""

MOVED_KMH: Final = 1.0
"""Speed that a car which stands still does not reach, however it rocks on its springs."""

ESSENTIAL: Final = (
    "packet_id", "gas", "brake", "gear", "steer_angle", "speed_kmh", "wheel_angular_speed", "tyre_wear", "car_damage",
    "number_of_tyres_out", "local_velocity_z", "status", "session", "completed_laps", "current_time", "tyre_compound",
    "normalized_position", "flag", "car_model", "track", "tyre_radius", "track_spline_length",
)  # fmt: skip
"""The raw fields that derived ones follow from, and the driver's inputs: no data set does without them."""

RANGES: Final[Mapping[str, Range]] = {
    field.name: field.valid_range for field in Snapshot.FIELDS if field.valid_range is not None and field.shape == ()
}
"""The valid range of single numbers: the game did not write a value outside, or the value is torn."""

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfRange:
    """The values of one field that lie beyond :data:`RANGES`: how many, and the ends of them."""

    count: int
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LapCount:
    """The laps of a recording: those that the game counted, the valid ones among them, and the best time of these."""

    counted: int
    valid: int
    best_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Where samples are missing while the game went on; pauses are none.

    At the full rate ``missing`` counts physics steps, and ``share`` is theirs of all that there should be; below it
    ``missing`` counts samples, and ``share`` is that of the intervals that are gaps.
    """

    count: int
    missing: int
    share: float
    longest_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """A recording in figures; times in seconds unless the name says otherwise, None where nothing can be said."""

    file: str
    format: str
    size: int
    finished: bool
    """Whether its writer came to an end; a file that was cut is read up to there."""
    cars: tuple[str, ...]
    tracks: tuple[str, ...]
    """Each with its layout, as in ``spa (short)``."""
    sessions: tuple[str, ...]
    laps: LapCount
    samples: int
    span_s: float
    """From the first sample to the last."""
    rate_hz: float | None
    """As measured, pauses left out."""
    full_rate: bool
    """Whether most samples are one physics step apart."""
    interval_p50_ms: float | None
    interval_p99_ms: float | None
    interval_max_ms: float | None
    jitter_p50_ms: float | None
    """How far intervals are from the median one."""
    jitter_p99_ms: float | None
    gaps: Gaps
    pauses: int
    paused_s: float
    paused_share: float
    """Of the span, in pauses, replays and where the game stood still."""
    torn: int
    """Pages that the recording says may mix two moments."""
    repaired: int
    """Steps that were seen torn too, and of which the whole one was kept."""
    duplicates: int
    """Samples of a physics step that was there already."""
    restarts: int
    """How often the count of physics steps began anew."""
    time_backwards: int
    """How often the world's time went back."""
    events: Mapping[str, int]
    """What happened, by kind, where the recording says so."""
    missing_fields: tuple[str, ...]
    constant_fields: tuple[str, ...]
    """Fields, other than those that are there for the whole session, which never changed."""
    non_finite: Mapping[str, int]
    """Samples in which a field holds what is no number, or endless, by field."""
    out_of_range: Mapping[str, OutOfRange]
    top_speed_kmh: float | None

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON knows it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class QualityFinding:
    """Something that a data set must not have (an error), or that its user should know (a warning)."""

    name: str
    severity: Severity
    message: str


@dataclass(slots=True)
class _Tally:
    count: int = 0
    lowest: float = math.inf
    highest: float = -math.inf


_NUMBERS: Final = [place for place, one in enumerate(Snapshot.FIELDS) if one.dtype == "number" and one.shape == ()]
_ARRAYS: Final = [place for place, one in enumerate(Snapshot.FIELDS) if len(one.shape) == 1]
_VECTORS: Final = [place for place, one in enumerate(Snapshot.FIELDS) if len(one.shape) == 2]
_RANGED: Final = tuple((Snapshot.INDEX[name], low, high) for name, (low, high) in RANGES.items())
_pick_ranged: Final = operator.itemgetter(*(place for place, _, _ in _RANGED))
_LIMITS: Final = [(low, high) for _, low, high in _RANGED]


class QualityAnalyzer:
    """Gathers what a report is made of, in constant memory; it takes every sample of a recording in order.

    It knows nothing of files: ``absent`` names the raw fields that the recording does not hold.
    """

    def __init__(self, absent: Iterable[str] = ()) -> None:
        self.samples = 0
        self._absent = frozenset(absent)
        self._first: Sample | None = None
        self._before: Sample | None = None
        self._was_fresh = True
        self._about: tuple[str, ...] = ()
        self._cars: dict[str, None] = {}
        self._tracks: dict[str, None] = {}
        self._sessions: dict[str, None] = {}
        self._state = LapState()
        self._laps: list[Lap] = []
        self._intervals = DurationHistogram()
        self._steps: Counter[int] = Counter()
        self._pauses = 0
        self._paused_s = 0.0
        self.torn = 0
        self._restarts = 0
        self._backwards = 0
        self._events: Counter[str] = Counter()
        self._non_finite: Counter[str] = Counter()
        self._strays: dict[str, _Tally] = {}
        self._top_speed: float | None = None
        self._still = [
            place
            for place, one in enumerate(Snapshot.FIELDS)
            if one.group in ("physics", "graphics") and one.name not in self._absent
        ]
        self._non_finite_fields: list[int] = []
        self._arrange()

    def add(self, sample: Sample, *, is_new_step: bool = True) -> None:
        """Take one sample; ``is_new_step`` is false where the car does not move on in time."""
        before = self._before
        self.samples += 1
        if before is None:
            self._first = sample
        else:
            self._take_interval(before, sample, is_new_step=is_new_step and self._was_fresh)
        about = (sample.car_model, sample.track, sample.track_configuration, sample.session_name)
        if about != self._about:
            self._about = about
            self._take_names(*about)
        self._state, done = advance(self._state, sample)
        self._laps += done
        self._take_values(sample)
        if sample.speed_kmh > (self._top_speed or -1.0):
            self._top_speed = sample.speed_kmh
        self._before, self._was_fresh = sample, is_new_step

    def add_event(self, event: Event) -> None:
        """Take note of what the recording says to have happened."""
        self._events[event.kind] += 1

    @property
    def laps(self) -> list[Lap]:
        """Those that were driven so far, the one under way too."""
        return [*self._laps, *finish(self._state)]

    def report(self, *, file: str, file_format: str, size: int, finished: bool) -> QualityReport:
        """What was gathered so far."""
        laps = self.laps
        best = best_lap(laps)
        first, last = self._first, self._before
        span = last.elapsed - first.elapsed if first and last else 0.0
        median = self._intervals.quantile(0.5)
        jitter = DurationHistogram() if median is None else self._intervals.distances(median)
        full = self._is_full_rate()
        return QualityReport(
            file=file,
            format=file_format,
            size=size,
            finished=finished,
            cars=tuple(self._cars),
            tracks=tuple(self._tracks),
            sessions=tuple(self._sessions),
            laps=LapCount(
                counted=sum(lap.complete for lap in laps),
                valid=sum(lap.valid for lap in laps),
                best_ms=best.time_ms if best else None,
            ),
            samples=self.samples,
            span_s=span,
            rate_hz=self._intervals.count / self._intervals.sum * 1e3 if self._intervals.sum else None,
            full_rate=full,
            interval_p50_ms=median,
            interval_p99_ms=self._intervals.quantile(0.99),
            interval_max_ms=self._intervals.longest,
            jitter_p50_ms=jitter.quantile(0.5),
            jitter_p99_ms=jitter.quantile(0.99),
            gaps=self._gaps(full=full),
            pauses=self._pauses,
            paused_s=self._paused_s,
            paused_share=self._paused_s / span if span > 0.0 else 0.0,
            torn=self.torn,
            repaired=self._events["repaired"],
            duplicates=0 if "packet_id" in self._absent else self._steps[0],
            restarts=self._restarts,
            time_backwards=self._backwards,
            events=dict(self._events),
            missing_fields=tuple(name for name in Snapshot.NAMES if name in self._absent),
            constant_fields=tuple(Snapshot.NAMES[place] for place in self._still) if self.samples > 1 else (),
            non_finite=dict(self._non_finite),
            out_of_range={
                name: OutOfRange(count=tally.count, lowest=tally.lowest, highest=tally.highest)
                for name, tally in self._strays.items()
            },
            top_speed_kmh=self._top_speed,
        )

    def _take_names(self, car: str, track: str, layout: str, session: str) -> None:
        if car:
            self._cars[car] = None
        if track:
            self._tracks[f"{track} ({layout})" if layout else track] = None
        if "session" not in self._absent:
            self._sessions[session] = None

    def _take_interval(self, before: Sample, now: Sample, *, is_new_step: bool) -> None:
        seconds = now.elapsed - before.elapsed
        if now.timestamp < before.timestamp:
            self._backwards += 1
        steps = now.physics_steps
        if steps is None:
            self._restarts += 1
            return
        paused_s = max(seconds, 0.0) if not is_new_step else paused_seconds(seconds, steps)
        if not is_new_step or paused_s:
            self._pauses += self._was_fresh
            self._paused_s += paused_s
            return
        self._steps[steps] += 1
        self._intervals.add(seconds * 1e3)

    def _is_full_rate(self) -> bool:
        total = self._steps.total()
        return total > 0 and 2 * self._steps[1] > total

    def _gaps(self, *, full: bool) -> Gaps:
        if full:
            lost = {steps - 1: count for steps, count in self._steps.items() if steps > 1}
            missing = sum(steps * count for steps, count in lost.items())
            there = self._steps.total() - self._steps[0]
            return Gaps(
                count=sum(lost.values()),
                missing=missing,
                share=missing / (missing + there) if missing else 0.0,
                longest_s=max(lost, default=0) * STEP_S,
            )
        return self._late()

    def _late(self) -> Gaps:
        period = self._intervals.quantile(0.5)
        late = self._intervals.above(LATE * period) if period else []
        if not period or not late:
            return Gaps(count=0, missing=0, share=0.0, longest_s=0.0)
        count = sum(times for _, times in late)
        return Gaps(
            count=count,
            missing=sum((round(interval / period) - 1) * times for interval, times in late),
            share=count / self._intervals.count,
            longest_s=max(interval for interval, _ in late) / 1e3,
        )

    def _arrange(self) -> None:
        """Sort fields by how they are looked at: those that never changed, and those that never were no numbers."""
        self._pick_still = _picker(self._still)
        suspects = set(self._non_finite_fields) | {Snapshot.INDEX[name] for name in self._absent}
        self._pick_numbers = _picker([place for place in _NUMBERS if place not in suspects])
        self._pick_arrays = _picker([place for place in _ARRAYS if place not in suspects])
        self._pick_vectors = _picker([place for place in _VECTORS if place not in suspects])

    def _take_values(self, sample: Sample) -> None:
        first = self._first
        if first is not None and self._pick_still(sample) != self._pick_still(first):
            self._still = [place for place in self._still if sample[place] == first[place]]
            self._arrange()
        for place in self._non_finite_fields:
            self._count_if_not_finite(place, sample)
        total = (
            sum(self._pick_numbers(sample))
            + sum(chain.from_iterable(self._pick_arrays(sample)))
            + sum(chain.from_iterable(chain.from_iterable(self._pick_vectors(sample))))
        )
        if not math.isfinite(total):  # a sum is the quickest look at many numbers
            for place in (*_NUMBERS, *_ARRAYS, *_VECTORS):
                unlike = place not in self._non_finite_fields and Snapshot.NAMES[place] not in self._absent
                if unlike and self._count_if_not_finite(place, sample):
                    self._non_finite_fields.append(place)
            self._arrange()
        for value, (low, high) in zip(_pick_ranged(sample), _LIMITS, strict=True):
            if not low <= value <= high:
                self._take_strays(sample)
                break

    def _count_if_not_finite(self, place: int, sample: Sample) -> bool:
        values: Any = sample[place]
        for _ in Snapshot.FIELDS[place].shape[1:]:
            values = chain.from_iterable(values)
        odd = not all(map(math.isfinite, values if Snapshot.FIELDS[place].shape else (values,)))
        if odd:
            self._non_finite[Snapshot.NAMES[place]] += 1
        return odd

    def _take_strays(self, sample: Sample) -> None:
        for place, low, high in _RANGED:
            value = sample[place]
            if not low <= value <= high and math.isfinite(value):
                tally = self._strays.setdefault(Snapshot.NAMES[place], _Tally())
                tally.count += 1
                tally.lowest, tally.highest = min(tally.lowest, value), max(tally.highest, value)


def _picker(places: list[int]) -> Callable[[Sample], tuple[Any, ...]]:
    """Takes what is in these places, as a tuple however many they are."""
    if len(places) > 1:
        return operator.itemgetter(*places)
    return lambda sample: tuple(sample[place] for place in places)


def report_of(
    source: Source,
    path: Path,
    *,
    clock: Clock | None = None,
    thresholds: Thresholds = DEFAULTS,
    watch: Callable[[Reading], None] | None = None,
) -> QualityReport:
    """The report on the recording in this file, which the source plays; reads all of it.

    ``watch`` is shown every reading on the way. Where the clock is stopped, the report covers what was read until then.
    """
    return analyze_recording(source, path, clock=clock, thresholds=thresholds, watch=watch)[0]


def analyze_recording(
    source: Source,
    path: Path,
    *,
    clock: Clock | None = None,
    thresholds: Thresholds = DEFAULTS,
    watch: Callable[[Reading], None] | None = None,
) -> tuple[QualityReport, tuple[Lap, ...]]:
    """The same, and the laps, whose moments count the snapshots of the recording from 0 in their ``sequence``."""
    clock = clock or Clock(math.inf)
    quality = QualityAnalyzer(source.missing_fields)
    before: Sample | None = None
    for reading in source.readings(clock, None):
        quality.torn = reading.torn
        if watch:
            watch(reading)
        if reading.snapshot is not None:
            before = derive(reading.snapshot.replace(sequence=quality.samples), before, thresholds)
            quality.add(before, is_new_step=reading.is_new_step)
    for event in source.events():
        quality.add_event(event)
    report = quality.report(
        file=str(path), file_format=format_label(path), size=path.stat().st_size, finished=source.complete
    )
    return report, tuple(quality.laps)


def findings_of(report: QualityReport, *, max_gap_share: float = MAX_GAP_SHARE) -> tuple[QualityFinding, ...]:
    """What speaks against using the recording as a data set: errors first, then warnings."""
    if report.samples == 0:
        return (QualityFinding("no_samples", "error", "There is no sample in it."),)
    found = [*_errors(report, max_gap_share), *_warnings(report)]
    return tuple(found)


def _errors(report: QualityReport, max_gap_share: float) -> Iterator[QualityFinding]:
    def error(name: str, message: str) -> QualityFinding:
        return QualityFinding(name, "error", message)

    if not report.finished:
        yield error("cut", "The file is cut: its writer did not come to an end.")
    gaps = report.gaps
    if report.full_rate and gaps.share > max_gap_share:
        yield error(
            "gaps",
            f"{gaps.share:.3%} of the physics steps are missing "
            f"({gaps.missing:,} in {format_count(gaps.count, 'gap')}); {max_gap_share:.3%} may be.",
        )
    if not report.full_rate and gaps.share > MAX_LATE_SHARE:
        yield error(
            "gaps",
            f"{gaps.share:.1%} of the intervals are longer than {LATE:g} periods, up to {gaps.longest_s:.3g} s; "
            f"{MAX_LATE_SHARE:.0%} may be.",
        )
    if report.torn:
        yield error(
            "torn", f"{format_count(report.torn, 'sample')} may mix two moments: a page was torn or had to be repaired."
        )
    if report.time_backwards:
        yield error("time_backwards", f"Time goes back {format_count(report.time_backwards, 'time')}.")
    if missing := [name for name in ESSENTIAL if name in report.missing_fields]:
        yield error("missing_fields", f"Fields that others follow from are missing: {', '.join(missing)}.")
    if broken := [name for name in ESSENTIAL if name in report.non_finite]:
        counts = ", ".join(f"{name} ({report.non_finite[name]:,})" for name in broken)
        yield error("non_finite", f"Numbers that are none, or endless: {counts}.")
    if "speed_kmh" not in report.missing_fields and not (report.top_speed_kmh or 0.0) > MOVED_KMH:
        yield error("never_moved", "The car never moved.")


def _warnings(report: QualityReport) -> Iterator[QualityFinding]:
    def warning(name: str, message: str) -> QualityFinding:
        return QualityFinding(name, "warning", message)

    if len(report.cars) > 1:
        yield warning("several_cars", f"It holds {len(report.cars)} cars: {', '.join(report.cars)}.")
    if len(report.tracks) > 1:
        yield warning("several_tracks", f"It holds {len(report.tracks)} tracks: {', '.join(report.tracks)}.")
    if not report.laps.counted:
        yield warning("no_lap", "No lap was completed.")
    if report.out_of_range:
        parts = [
            f"{name} ({strays.lowest:g} to {strays.highest:g}, {format_count(strays.count, 'sample')})"
            for name, strays in report.out_of_range.items()
        ]
        yield warning("out_of_range", f"Values that the game does not write: {', '.join(parts)}.")
