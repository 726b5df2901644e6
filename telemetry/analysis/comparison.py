"""Two laps of one track compared: where the time goes, corner by corner, and what else differs between them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from telemetry.analysis.corner_measures import CORNER_FIELDS, CornerMeasure, measure, windows
from telemetry.analysis.known_tracks import FoundTrack
from telemetry.analysis.lap_clock import Array, Floats
from telemetry.analysis.lap_segments import SegmentDelta, segment_deltas, segments
from telemetry.analysis.recorded_laps import LapRecording, columns_of_laps, require_positions
from telemetry.analysis.traces import GRID_M, TRACE_FIELDS, Trace, align, delta, make_grid, make_trace
from telemetry.analysis.wording import describe_difference
from telemetry.base.errors import UsageError
from telemetry.base.text import format_count, format_measured_lap_time
from telemetry.laps.model import Lap
from telemetry.tracks.definition import Track

CONDITIONS: Final = ("fuel", "air_temp", "road_temp", "surface_grip", "ballast")
"""The raw fields that are told of the beginning of a lap."""

_TOLD: Final = {"fuel": (1.0, "fuel"), "air_temp": (1.0, "air temperature"), "road_temp": (1.0, "road temperature"),
                "surface_grip": (0.005, "grip of the track"), "ballast": (0.5, "ballast")}  # fmt: skip
"""By how much conditions must differ to be named, and their names."""

MIN_RATE_HZ: Final = 5.0
"""Samples a second below which nothing but times is said."""

MAX_LINE_DIFFERENCE_M: Final = 25.0
"""Metres by which the timing line of a lap may lie from that of its track."""

TOP: Final = 3
"""How many of the places where most is lost, and won, are told in words."""

MIN_TOLD_S: Final = 0.001
"""Seconds in a corner that are worth a word."""

NO_LENGTH: Final = "The game gives no length of this track: nothing is told in metres."
"""The warning for a track whose length is 0 or unknown."""

_EQUAL_POSITIONS: Final = 1001


@dataclass(frozen=True, eq=False)
class DrivenLap:
    """A lap with its trace, and the conditions at its beginning."""

    path: Path
    lap: Lap
    trace: Trace
    conditions: Mapping[str, float | None]
    """By :data:`CONDITIONS`; None for what the recording does not hold."""

    @property
    def name(self) -> str:
        """The lap for a person: its number and its file."""
        return f"lap {self.lap.number} of {self.path}"

    def to_dict(self) -> dict[str, Any]:
        """The lap as JSON values."""
        return {"file": str(self.path), **self.lap.to_dict(), "conditions": dict(self.conditions)}


def driven_fields(channels: Sequence[str] = ()) -> tuple[str, ...]:
    """The fields of its samples that :func:`driven_lap` needs for :data:`CORNER_FIELDS` and these channels."""
    return tuple(dict.fromkeys((*TRACE_FIELDS, *CORNER_FIELDS, *channels, *CONDITIONS)))


def driven_lap(
    path: Path, lap: Lap, columns: Mapping[str, Array], track: Track | None = None, channels: Sequence[str] = ()
) -> DrivenLap:
    """The lap of the recording ``path`` with these samples on its track; without a track on its own line.

    Its channels are :data:`CORNER_FIELDS` and these. Raises :class:`telemetry.UsageError` where it cannot be put on
    the track.
    """
    wanted = tuple(dict.fromkeys((*CORNER_FIELDS, *channels)))
    trace = make_trace(columns, lap, wanted, None if track is None else track.line_position)
    first = {name: float(columns[name][0]) for name in CONDITIONS}
    return DrivenLap(path, lap, trace, {name: value if np.isfinite(value) else None for name, value in first.items()})


def read_driven_laps(
    recording: LapRecording, laps: Iterable[Lap], track: Track | None = None, channels: Sequence[str] = ()
) -> Iterator[DrivenLap]:
    """Laps of a recording as :func:`driven_lap` makes them, in driving order.

    The recording is read once for all of them. Raises :class:`telemetry.UsageError` where one of them cannot be put on
    the track.
    """
    require_positions(recording)
    for lap, columns in columns_of_laps(recording, laps, driven_fields(channels)):
        yield driven_lap(recording.path, lap, columns, track, channels)


def read_driven_lap(
    recording: LapRecording, lap: Lap, track: Track | None = None, channels: Sequence[str] = ()
) -> DrivenLap:
    """One lap of a recording, as :func:`read_driven_laps` gives it."""
    (driven,) = read_driven_laps(recording, [lap], track, channels)
    return driven


@dataclass(frozen=True, slots=True)
class Part:
    """A segment of both laps."""

    delta: SegmentDelta
    lap: CornerMeasure | None
    """None where the segment has no corner."""
    reference: CornerMeasure | None


@dataclass(frozen=True, eq=False)
class Comparison:
    """A lap against a reference; deltas are + where the lap is slower."""

    lap: DrivenLap
    reference: DrivenLap
    found: FoundTrack | None
    """The track; None where the laps hold no course."""
    parts: tuple[Part, ...]
    grid: Floats
    """Places as fractions since the line, shape (k,)."""
    delta_s: Floats
    """Shape (k,); NaN where one of the laps does not cover the place."""
    differences: tuple[str, ...]
    """What differs between the laps besides the driving, for a person."""
    warnings: tuple[str, ...]

    @property
    def official_s(self) -> float | None:
        """The difference of the lap times; None where one of them has none."""
        a, b = self.lap.lap.time_ms, self.reference.lap.time_ms
        return None if not a or not b else (a - b) / 1e3

    @property
    def covered(self) -> float:
        """The share of the lap that both cover."""
        return float(np.isfinite(self.delta_s).mean())

    @property
    def unaccounted_s(self) -> float | None:
        """What of the official difference lies in no segment that both laps cover."""
        if self.official_s is None:
            return None
        return self.official_s - sum(part.delta.lost_s or 0.0 for part in self.parts)

    def most(self, *, lost: bool) -> list[Part]:
        """The parts in which most is lost, or won, at most :data:`TOP`."""
        sign = 1.0 if lost else -1.0
        known = [part for part in self.parts if sign * (part.delta.lost_s or 0.0) >= MIN_TOLD_S]
        return sorted(known, key=lambda part: -sign * (part.delta.lost_s or 0.0))[:TOP]

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON values."""
        length_m = self.lap.trace.length_m
        return {
            "lap": self.lap.to_dict(),
            "reference": self.reference.to_dict(),
            "track": None if self.found is None else _track_dict(self.found),
            "official_delta_s": self.official_s,
            "covered": self.covered,
            "unaccounted_s": self.unaccounted_s,
            "segments": [_part_dict(part, length_m) for part in self.parts],
            "most_lost": [_words_dict(part) for part in self.most(lost=True)],
            "most_won": [_words_dict(part) for part in self.most(lost=False)],
            "differences": list(self.differences),
            "warnings": list(self.warnings),
            "delta": {
                "fraction": self.grid.tolist(),
                "metres": _numbers(self.grid * length_m),
                "delta_s": _numbers(self.delta_s),
            },
        }


def compare_laps(lap: DrivenLap, reference: DrivenLap, found: FoundTrack | None, grid_m: float = GRID_M) -> Comparison:
    """The lap against the reference, both on the same line of the track.

    Raises :class:`telemetry.UsageError` for laps of different tracks or layouts.
    """
    require_same_track(lap.lap, reference.lap)
    both = (lap.trace, reference.trace)
    if lap.trace.length_m > 0.0:
        grid = make_grid(both, grid_m)
    else:
        grid = np.linspace(0.0, min(trace.clock.end for trace in both), _EQUAL_POSITIONS)
    aligned = align(both, grid)
    track = None if found is None else found.track
    deltas = segment_deltas(*both, segments(track, float(grid[-1])))
    measured = [_measures(window, lap, reference) for window in windows(track)] if track and track.corners else []
    parts = [Part(one, *(measured[at] if measured else (None, None))) for at, one in enumerate(deltas)]
    comparison = Comparison(
        lap, reference, found, tuple(parts), grid, delta(*aligned), tuple(_differences(lap, reference)), ()
    )
    return Comparison(
        **{**_shallow(comparison), "warnings": tuple(_warnings(comparison))},
    )


def _shallow(comparison: Comparison) -> dict[str, Any]:
    return {name: getattr(comparison, name) for name in Comparison.__dataclass_fields__}


def require_same_track(a: Lap, b: Lap) -> None:
    """Raise :class:`telemetry.UsageError` unless both laps are of the same track and layout."""
    if (a.track, a.layout) != (b.track, b.layout):
        raise UsageError(
            f"Laps of different tracks cannot be compared: one is of {a.car_and_track.track_name}, the other of "
            f"{b.car_and_track.track_name}."
        )


def _measures(window: Any, lap: DrivenLap, reference: DrivenLap) -> tuple[CornerMeasure, CornerMeasure]:
    return measure(window, lap.trace, reference.trace), measure(window, reference.trace, reference.trace)


def _differences(a: DrivenLap, b: DrivenLap) -> Iterator[str]:
    for name, first, second in (
        ("car", a.lap.car, b.lap.car),
        ("tyres", a.lap.tyre_compound, b.lap.tyre_compound),
        ("session", a.lap.session, b.lap.session),
    ):
        if first != second:
            yield f"{name}: {first or 'unknown'} against {second or 'unknown'}"
    worn = [[tyre for tyre in one.lap.tyre_worn if tyre is not None] for one in (a, b)]
    if all(worn) and abs(max(worn[0]) - max(worn[1])) >= 0.02:
        yield f"tyres: {max(worn[0]):.0%} worn against {max(worn[1]):.0%}"
    units = {"fuel": " l", "air_temp": " °C", "road_temp": " °C", "ballast": " kg"}
    for name, (tolerance, words) in _TOLD.items():
        ours, theirs = a.conditions[name], b.conditions[name]
        if ours is not None and theirs is not None and abs(ours - theirs) >= tolerance:
            if name == "surface_grip":
                yield f"{words}: {ours:.1%} against {theirs:.1%}"
            else:
                yield f"{words}: {ours:.1f} against {theirs:.1f}{units[name]}"


def _warnings(comparison: Comparison) -> Iterator[str]:
    a, b = comparison.lap, comparison.reference
    if a.lap.car != b.lap.car:
        yield "The laps were driven with different cars."
    for one in (a, b):
        if one.lap.invalid_because:
            yield f"{_capital(one.name)} is not valid: {', '.join(one.lap.invalid_because)}."
        yield from lap_warnings(one)
    if not a.trace.length_m > 0.0:
        yield NO_LENGTH
    if comparison.covered < 0.999:
        yield f"Both laps cover {comparison.covered:.1%} of the lap; nothing is said about the rest."
    found = comparison.found
    if found is None or not found.track.corners:
        yield "No corners of this track are known: the lap is told in equal segments."
    if found is not None and found.problem:
        yield f"The track could not be kept: {found.problem}"


def lap_warnings(one: DrivenLap) -> Iterator[str]:
    """What cannot be said of a lap and why, as sentences."""
    if one.lap.complete and not one.lap.time_ms:
        yield f"{_capital(one.name)} has no official time; its measured one stands for it."
    yield from rate_warnings(one)
    unknown = [name for name in CORNER_FIELDS if not np.isfinite(one.trace[name]).any()]
    if unknown:
        yield f"{_capital(one.name)} does not hold {', '.join(unknown)}: what follows from it is not told."


def rate_warnings(one: DrivenLap) -> Iterator[str]:
    """What cannot be said of a lap because it has too few samples, as a sentence; nothing where it has enough."""
    if one.trace.rate_hz < MIN_RATE_HZ:
        yield (
            f"{_capital(one.name)} was recorded at {one.trace.rate_hz:.2g} Hz: too few samples to tell speeds, pedals "
            "and braking points. Times between samples are in a straight line."
        )


def common_warnings(
    laps: Sequence[DrivenLap], warnings: Callable[[DrivenLap], Iterable[str]] = lap_warnings
) -> list[str]:
    """The ``warnings`` of these laps, each told of the first lap that it holds for, and how many it does."""
    found: dict[str, list[str]] = {}
    for one in laps:
        for text in warnings(one):
            found.setdefault(text.removeprefix(_capital(one.name)), []).append(text)
    return [
        texts[0] + (f" It is the same for {format_count(len(texts) - 1, 'other lap')}." if texts[1:] else "")
        for texts in found.values()
    ]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _part_dict(part: Part, length_m: float) -> dict[str, Any]:
    segment = part.delta.segment
    has_metres = length_m > 0.0
    return {
        "label": segment.label,
        "corner": None if segment.corner is None else segment.corner.number,
        "begin_m": segment.begin * length_m if has_metres else None,
        "end_m": segment.end * length_m if has_metres else None,
        "lost_s": part.delta.lost_s,
        "total_s": part.delta.total_s,
        "lap": None if part.lap is None else asdict(part.lap),
        "reference": None if part.reference is None else asdict(part.reference),
    }


def _words_dict(part: Part) -> dict[str, Any]:
    return {"label": part.delta.segment.label, "lost_s": part.delta.lost_s, "words": words_of(part)}


def words_of(part: Part) -> list[str]:
    """What the lap did otherwise than the reference in a part, in words."""
    if part.lap is None or part.reference is None:
        return []
    return describe_difference(part.lap, part.reference)


def has_causes(part: Part) -> bool:
    """Whether both laps show what was done in a part, so that a cause without words is none."""
    return all(
        one is not None and one.apex_kmh is not None and one.gear is not None for one in (part.lap, part.reference)
    )


def _track_dict(found: FoundTrack) -> dict[str, Any]:
    track = found.track
    return {
        "track": track.track,
        "layout": track.layout,
        "length_m": track.length_m,
        "line_position": track.line_position,
        "corners": [asdict(corner) for corner in track.corners],
        "file": None if found.path is None else str(found.path),
        "origin": track.origin,
    }


def _numbers(column: Floats) -> list[float | None]:
    return [value if np.isfinite(value) else None for value in column.tolist()]


def describe_lap(driven: DrivenLap) -> str:
    """The lap for a person in one line: time, file, car, tyres, fuel."""
    lap = driven.lap
    time = format_measured_lap_time(lap.time_ms, lap.measured_ms if lap.complete else None) or "no time"
    parts = [time, driven.name, lap.car or "unknown car"]
    if lap.tyre_compound:
        parts.append(lap.tyre_compound)
    if driven.conditions["fuel"] is not None:
        parts.append(f"{driven.conditions['fuel']:.1f} l")
    if driven.conditions["road_temp"]:
        parts.append(f"road {driven.conditions['road_temp']:.0f} °C")
    return ", ".join(parts)
