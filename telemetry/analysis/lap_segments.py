"""The stretches of a lap that a comparison is counted by: one around each corner, or twenty of equal length."""

from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np

from telemetry.analysis.corner_measures import windows
from telemetry.analysis.traces import Trace
from telemetry.tracks.corners import Corner
from telemetry.tracks.definition import Track

EQUAL_SEGMENTS: Final = 20
"""Segments of a lap on a track whose corners are not known."""


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a lap, as fractions since the line; together they are the whole lap."""

    label: str
    begin: float
    end: float
    corner: Corner | None = None


@dataclass(frozen=True, slots=True)
class SegmentDelta:
    """What one lap lost against another one in a segment."""

    segment: Segment
    lost_s: float | None
    """Seconds, + = lost; None where one of the laps does not cover it."""
    total_s: float | None
    """The delta at its end."""


def segments(track: Track | None, end: float = 1.0) -> list[Segment]:
    """The segments of a lap up to its end, each from the middle of the straight before a corner to that behind it."""
    found = windows(track) if track is not None else []
    if not found:
        edges = np.linspace(0.0, end, EQUAL_SEGMENTS + 1).tolist()
        return [Segment(f"{at + 1}", edges[at], edges[at + 1]) for at in range(EQUAL_SEGMENTS)]
    inner = [(before.end + after.begin) / 2.0 for before, after in pairwise(found)]
    edges = [0.0, *inner, end]
    return [Segment(one.corner.label, edges[at], edges[at + 1], one.corner) for at, one in enumerate(found)]


def segment_deltas(a: Trace, b: Trace, parts: list[Segment]) -> list[SegmentDelta]:
    """What the lap of ``a`` lost against that of ``b`` in each of these segments."""
    edges = np.array([parts[0].begin, *(part.end for part in parts)])
    found = (a.clock.time_at(edges) - b.clock.time_at(edges)) / 1e3
    lost = np.diff(found)
    return [
        SegmentDelta(part, None if np.isnan(lost[at]) else float(lost[at]), _known(found[at + 1]))
        for at, part in enumerate(parts)
    ]


def _known(value: float) -> float | None:
    return None if np.isnan(value) else float(value)
