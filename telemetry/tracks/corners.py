"""Corners: windows along a track, found by the curvature of its course and then the same for every lap."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

import numpy as np

from telemetry.tracks.course import Course
from telemetry.tracks.geometry import Floats

Direction = Literal["left", "right"]

ENTER_PER_M: Final = 1.0 / 220.0
"""Curvature that makes a bend a corner."""

STAY_PER_M: Final = 1.0 / 350.0
"""Curvature at which a corner begins and ends."""

MIN_BEND_DEG: Final = 12.0
"""Degrees of a bend that is looked at; smaller ones are corrections."""

MIN_CORNER_DEG: Final = 22.0
MAX_CORNER_DEG: Final = 300.0
"""Degrees by which a corner turns: fewer are a kink, more are a circle or a helix and no corner."""

MAX_GAP_M: Final = 40.0
"""Metres of straight between two bends of the same direction that are one corner."""

MAX_TURNING_GAP_M: Final = 90.0
"""The same where the road goes on turning that way in between."""

TURNING_PER_M: Final = 1.0 / 900.0
"""Mean curvature of a road that goes on turning."""

SMOOTHING_POINTS: Final = 5
"""Points over which curvature is averaged before corners are looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Corner:
    """A corner of a track. Places are ``normalized_position``, 0..1; the window may run over 1."""

    number: int
    """1-based in driving order from the timing line; the key by which corners of laps are joined."""
    name: str = ""
    direction: Direction
    begin: float
    apex: float
    """The centre of the bend, weighted by its curvature: where the point of lowest speed differs from lap to lap."""
    end: float

    @property
    def label(self) -> str:
        """The corner for a person, like ``T4`` or ``T4 Ascari``."""
        return f"T{self.number} {self.name}".rstrip()


class Bend(NamedTuple):
    """A stretch of a course that turns one way, in metres along the course; ``end_m`` may lie behind its length."""

    begin_m: float
    apex_m: float
    end_m: float
    turn_rad: float
    """+ = to the left."""


class _RawBend(NamedTuple):
    """A bend by the indices of its first point and of the one behind its last."""

    begin: int
    end: int
    turn_rad: float


def find_corners(course: Course, line_position: float = 0.0) -> tuple[Corner, ...]:
    """The corners of a course, numbered from the timing line at this ``normalized_position``."""
    return number_corners([_corner(course, bend) for bend in find_bends(course)], line_position)


def number_corners(corners: Sequence[Corner], line_position: float) -> tuple[Corner, ...]:
    """The corners in driving order from the timing line, numbered anew."""
    ordered = sorted(corners, key=lambda corner: (corner.apex - line_position) % 1.0)
    return tuple(
        Corner(
            number=number,
            name=corner.name,
            direction=corner.direction,
            begin=corner.begin,
            apex=corner.apex,
            end=corner.end,
        )
        for number, corner in enumerate(ordered, start=1)
    )


def find_bends(course: Course) -> list[Bend]:
    """The bends of a course that are corners, in the order of the course.

    A bend begins and ends where the curvature passes :data:`STAY_PER_M`, and must reach :data:`ENTER_PER_M`; an S is
    several. Bends of the same direction with hardly a straight between them are one.
    """
    curvature = _smoothed(course)
    first = _quietest(curvature) if course.is_closed else 0
    curvature = np.roll(curvature, -first)
    bends = _merged(list(_raw_bends(curvature, course.step_m)), course, first, curvature)
    low, high = np.radians(MIN_CORNER_DEG), np.radians(MAX_CORNER_DEG)
    kept = [bend for bend in bends if low <= abs(bend.turn_rad) <= high]
    return sorted(kept, key=lambda bend: bend.apex_m)


def find_apex(course: Course, begin_m: float, end_m: float) -> tuple[float, float]:
    """The apex between two places in metres along a course, and the angle turned between them, in metres and radians.

    The apex is the centroid of the curvature; the middle where there is none.
    """
    count = max(round((end_m - begin_m) / course.step_m), 1)
    number = round(begin_m / course.step_m) + np.arange(count + 1)
    curvature = course.curvature[number % len(course.curvature)]
    turn = float(curvature.sum() * course.step_m)
    weight = np.clip(curvature * np.sign(turn), 0.0, None)
    total = float(weight.sum())
    apex_m = float((weight * number).sum() / total * course.step_m) if total > 0.0 else (begin_m + end_m) / 2.0
    return apex_m, turn


def corner_between(course: Course, begin_m: float, end_m: float, name: str = "") -> Corner:
    """The corner, without its number, between two places in metres along a course."""
    apex_m, turn = find_apex(course, begin_m, end_m)
    begin, apex, end = course.position_at(np.array([begin_m, apex_m, end_m])).tolist()
    return Corner(number=0, name=name, direction="left" if turn > 0.0 else "right", begin=begin, apex=apex, end=end)


def _corner(course: Course, bend: Bend) -> Corner:
    begin, apex, end = course.position_at(np.array([bend.begin_m, bend.apex_m, bend.end_m])).tolist()
    return Corner(number=0, direction="left" if bend.turn_rad > 0.0 else "right", begin=begin, apex=apex, end=end)


def _smoothed(course: Course) -> Floats:
    half = SMOOTHING_POINTS // 2
    around = np.concatenate([course.curvature[-half:], course.curvature, course.curvature[:half]])
    smoothed: Floats = np.convolve(around, np.full(SMOOTHING_POINTS, 1.0 / SMOOTHING_POINTS), mode="valid")
    return smoothed


def _quietest(curvature: Floats) -> int:
    """The middle of the longest stretch without a corner: where a closed course may be cut."""
    bent = np.flatnonzero(np.abs(curvature) > STAY_PER_M)
    if not len(bent):
        return 0
    gaps = np.diff(np.append(bent, bent[0] + len(curvature)))
    longest = int(np.argmax(gaps))
    return int(bent[longest] + gaps[longest] // 2) % len(curvature)


def _raw_bends(curvature: Floats, step_m: float) -> Iterator[_RawBend]:
    """Each bend that is more than a correction."""
    side = np.where(curvature > STAY_PER_M, 1, np.where(curvature < -STAY_PER_M, -1, 0))
    edges = np.flatnonzero(np.diff(side)) + 1
    for begin, end in zip([0, *edges.tolist()], [*edges.tolist(), len(side)], strict=True):
        if side[begin] == 0 or np.abs(curvature[begin:end]).max() < ENTER_PER_M:
            continue
        turn = float(curvature[begin:end].sum() * step_m)
        if abs(turn) >= np.radians(MIN_BEND_DEG):
            yield _RawBend(begin, end, turn)


def _merged(raw: list[_RawBend], course: Course, first: int, curvature: Floats) -> Iterator[Bend]:
    """The bends, neighbours of one corner merged. Indices count from ``first`` in the course, curvature too."""
    merged: list[_RawBend] = []
    for bend in raw:
        if merged and _is_same_corner(merged[-1], bend, curvature, course.step_m):
            merged[-1] = _RawBend(merged[-1].begin, bend.end, merged[-1].turn_rad + bend.turn_rad)
        else:
            merged.append(bend)
    for bend in merged:
        begin_m, end_m = (bend.begin + first) * course.step_m, (bend.end + first) * course.step_m
        apex_m, turn_rad = find_apex(course, begin_m, end_m)
        turns_m = course.length_m if course.is_closed and apex_m >= course.length_m else 0.0
        yield Bend(begin_m - turns_m, apex_m - turns_m, end_m - turns_m, turn_rad)


def _is_same_corner(before: _RawBend, bend: _RawBend, curvature: Floats, step_m: float) -> bool:
    """Whether a bend continues the one before it."""
    if before.turn_rad * bend.turn_rad <= 0.0:
        return False
    between = curvature[before.end : bend.begin]
    gap_m = len(between) * step_m
    if gap_m <= MAX_GAP_M:
        return True
    return gap_m <= MAX_TURNING_GAP_M and float(between.mean() * np.sign(bend.turn_rad)) >= TURNING_PER_M
