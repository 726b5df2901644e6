"""The quality report of a recording: its figures as values, without any judgement."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

GAP_PERIODS: Final = 1.5
"""Below the full rate, an interval longer than this many sampling periods is a gap: a sample is missing in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OutOfRange:
    """The values of one field outside its declared ``valid_range``, in the field's unit."""

    count: int
    """Samples with such a value."""
    lowest: float
    highest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class BestLap:
    """The best lap of a recording with one car on one track and layout."""

    car: str
    track: str
    layout: str
    """The track's configuration, empty if it has only one."""
    lap: int
    """Its number."""
    run: int
    """The start that its number counts from."""
    time_ms: int
    """Its official time in milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LapCount:
    """The laps of a recording."""

    counted: int
    """Laps that the game counted."""
    valid: int
    """Valid laps among them."""
    ai_driven: int
    """Laps among them that the game's AI drove, or a part of them."""
    best: tuple[BestLap, ...]
    """The best valid lap of each car, track and layout, in the order in which they were driven."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gaps:
    """Where samples are missing although the game went on; pauses are not gaps.

    At the full rate ``missing`` counts physics steps, and ``share`` is their fraction of all physics steps. Below the
    full rate ``missing`` counts samples, and ``share`` is the fraction of intervals that are gaps.
    """

    count: int
    """Number of gaps."""
    missing: int
    """Physics steps (full rate) or samples (below it) that are missing."""
    share: float
    """A fraction from 0 to 1."""
    longest_s: float
    """The longest gap in seconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockStep:
    """A step of the time of day: the computer's clock was set, or it slept, or the recording was continued later.

    ``timestamp`` has it, ``elapsed`` has not.
    """

    at_s: float
    """Seconds from the first sample to the first one after the step."""
    seconds: float
    """By how much the time of day stepped: positive where it was set forward."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityReport:
    """The figures of one recording. An optional figure is None where the recording does not suffice to compute it."""

    file: str
    """The path as it was given."""
    format: str
    """The name of the file format, such as ``MCAP``."""
    format_version: str | None
    """The version of the format, where recordings have it in their metadata."""
    size: int
    """The size of the file in bytes."""
    finished: bool
    """Whether the recording was closed; a truncated file is read as far as it goes."""
    cars: tuple[str, ...]
    """Every car, in the order of appearance."""
    tracks: tuple[str, ...]
    """Every track with its layout, such as ``spa (short)``, in the order of appearance."""
    sessions: tuple[str, ...]
    """Every kind of session, such as ``practice``, in the order of appearance."""
    laps: LapCount
    samples: int
    """Number of samples, those of pauses included."""
    span_s: float
    """Seconds from the first sample to the last."""
    rate_hz: float | None
    """Samples per second as measured, without pauses."""
    full_rate: bool
    """Whether most samples are one physics step apart."""
    interval_p50_ms: float | None
    """The median time between two samples in milliseconds, without pauses."""
    interval_p99_ms: float | None
    """The 99th percentile of the time between two samples in milliseconds."""
    interval_max_ms: float | None
    """The longest time between two samples in milliseconds."""
    jitter_p50_ms: float | None
    """The median difference of an interval from the median interval in milliseconds."""
    jitter_p99_ms: float | None
    """The 99th percentile of that difference in milliseconds."""
    gaps: Gaps
    pauses: int
    """Number of pauses, replays included."""
    paused_s: float
    """Seconds spent in pauses and replays, or with a stalled game."""
    paused_share: float
    """``paused_s`` as a fraction of ``span_s``, from 0 to 1."""
    torn: int
    """Samples that may be torn (data of two physics steps), as the recording reports."""
    repaired: int
    """Physics steps of which a torn copy was seen as well, and the complete copy was kept."""
    duplicates: int
    """Samples of the same physics step as the sample before."""
    restarts: int
    """How often the number of the physics step fell, because the game restarted its physics."""
    time_backwards: int
    """How often the time of a sample was earlier than that of the sample before, and no clock had been set."""
    clock_steps: tuple[ClockStep, ...]
    """Steps of the time of day, found in the samples of any format."""
    events: Mapping[str, int]
    """Number of recorded events by kind; empty for formats without events."""
    missing_fields: tuple[str, ...]
    """Raw fields that the recording does not hold."""
    constant_fields: tuple[str, ...]
    """Fields of the physics and graphics pages that never changed; empty with fewer than two samples."""
    non_finite: Mapping[str, int]
    """Samples with NaN or an infinite value, by field; fields without any are left out."""
    out_of_range: Mapping[str, OutOfRange]
    """Finite values outside the declared range, by field; fields without any are left out."""
    top_speed_kmh: float | None
    """The highest speed in km/h."""
    empty_fields: tuple[str, ...] = ()
    """Fields of another program's table that are 0 in all samples, or so small that they are no floats: that program
    may have read another game's layout of the pages."""

    def to_dict(self) -> dict[str, Any]:
        """The report as nested dictionaries with the keys of the JSON output."""
        return asdict(self)
