"""The running lap against a lap out of a file, as :mod:`telemetry.analysis` compares two laps, while it is driven.

The game writes position and lap clock on the same page, so that each frame is a place and its time. A place that is
reached more than once counts when it is reached first; the time in which a car stands, or goes backwards and returns,
is lost at the place where it did. Nothing is told of places that were not seen.
"""

import math
from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import MAX_SPEED_MS, lap_length_m, spline_tolerance_m
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.laps.delta import NEAR_LINE, RESTART_MS, SETTLED_MS, LapDelta
from telemetry.laps.detector import LapState, advance
from telemetry.laps.lap_reference import GAP_INTERVALS, MIN_GAP_MS, LapReference
from telemetry.laps.model import Lap


class SegmentGain(NamedTuple):
    """What a segment of the running lap brought, when it is done."""

    lap: int
    """The number of the lap."""
    label: str
    corner: int | None
    """The number of its corner; None on a track whose corners are not known."""
    lost_s: float
    """Seconds lost in it against the reference, negative for a gain."""
    total_s: float
    """The delta at its end."""


class _Frame(NamedTuple):
    """Where the car was, as a fraction of the lap since its line, at a time of the lap."""

    place: float
    time_ms: float


class _RunningLap:
    """The lap in progress: the farthest place, the frame that was seen last, and the times at the edges of segments."""

    __slots__ = ("edges_ms", "farthest", "interval_ms", "is_from_line", "is_timed", "latest", "number", "was_gap")

    def __init__(self, edges: list[float], number: int, frame: _Frame, *, is_from_line: bool, is_timed: bool) -> None:
        self.number = number
        self.latest = frame
        self.interval_ms = 0.0
        self.is_from_line = is_from_line
        """Whether it began at the line: not in front of it, as on a grid, and not on the way."""
        self.is_timed = is_timed
        """Whether the clock belongs to this lap."""
        self.farthest = _Frame(0.0, 0.0) if is_from_line and frame.place <= 0.0 else frame
        self.was_gap = False
        """Whether frames are missing since the farthest place."""
        self.edges_ms: list[float | None] = [None] * bisect_left(edges, frame.place)
        """Lap times at the edges that were passed; None for those that were not seen."""
        if is_from_line:
            self.edges_ms = [0.0]

    def add(self, frame: _Frame, edges: list[float], length_m: float) -> None:
        """Add the next frame of this lap."""
        before, farthest = self.latest, self.farthest
        interval_ms = frame.time_ms - before.time_ms
        metres = (frame.place - before.place) * length_m
        is_jump = metres > MAX_SPEED_MS * interval_ms / 1e3 + spline_tolerance_m(length_m)
        self.was_gap |= is_jump or interval_ms > max(MIN_GAP_MS, GAP_INTERVALS * self.interval_ms)
        self.latest, self.interval_ms = frame, interval_ms
        if frame.place <= farthest.place:
            return
        if before != farthest and before.place >= 0.0:  # it stood, or came back
            share = (farthest.place - before.place) / (frame.place - before.place)
            farthest = _Frame(farthest.place, before.time_ms + share * interval_ms)
        while len(self.edges_ms) < len(edges) - 1 and edges[len(self.edges_ms)] <= frame.place:
            share = (edges[len(self.edges_ms)] - farthest.place) / (frame.place - farthest.place)
            time_ms = farthest.time_ms + share * (frame.time_ms - farthest.time_ms)
            self.edges_ms.append(None if self.was_gap else time_ms)
        self.farthest, self.was_gap = frame, False


class ReferenceComparison:
    """Compares the running lap with a reference.

    Call :meth:`update` with every sample of its track, and :meth:`complete_lap` with each lap that
    :func:`telemetry.laps.detector.advance` returns, which may be some samples after the line.
    """

    def __init__(self, reference: LapReference) -> None:
        self.reference = reference
        self._edges = [reference.segments[0].begin, *(segment.end for segment in reference.segments)]
        edges_ms = [reference.time_at(edge) for edge in self._edges]
        self._reference_ms: list[float | None] = [*edges_ms[:-1], reference.times_ms[-1]]
        self._running: _RunningLap | None = None
        self._finished: _RunningLap | None = None
        """The lap before, until its official time is known."""
        self._delta_s: float | None = None
        self._is_in_box = False

    def update(self, sample: Sample) -> list[SegmentGain]:
        """Add the next sample; the segments that are done with it."""
        self._is_in_box = bool(sample.is_in_pit)
        fraction, time_ms = (sample.normalized_position - self.reference.line_position) % 1.0, sample.current_time
        running = self._running
        if not math.isfinite(fraction):
            return []
        if (
            running is None
            or time_ms < running.latest.time_ms - RESTART_MS
            or sample.completed_laps < running.number - 1
        ):
            self._finished = running
            self._running = running = self._begin(sample, fraction)
            self._compare(running)
            return []
        place, passed = _unwrap(fraction, running, time_ms), len(running.edges_ms)
        if place > 1.0 + NEAR_LINE:  # behind a line where the clock went on
            self._running = running = self._join(sample, fraction, is_timed=False)
        elif place < 0.0 and running.is_from_line and time_ms >= SETTLED_MS:  # on the grid, in front of the line
            self._running = running = self._join(sample, place, is_timed=True)
        else:
            running.add(_Frame(place, time_ms), self._edges, lap_length_m(sample))
            if NEAR_LINE < place < 1.0 - NEAR_LINE:
                running.number = sample.completed_laps + 1
        self._compare(running)
        gains = (self._gain(running, edge) for edge in range(passed, len(running.edges_ms)))
        return [gain for gain in gains if gain is not None]

    def complete_lap(self, lap: Lap) -> list[SegmentGain]:
        """The last segment of this lap, whose official time is known only now."""
        finished, self._finished = self._finished, None
        time_ms = lap.time_ms or lap.measured_ms
        if finished is None or finished.number != lap.number or not lap.complete or not time_ms:
            return []
        if len(finished.edges_ms) != len(self._edges) - 1:
            return []
        finished.edges_ms.append(float(time_ms))
        gain = self._gain(finished, len(self._edges) - 1)
        return [] if gain is None else [gain]

    def delta(self) -> LapDelta:
        """The running lap compared with the reference, at the newest sample."""
        running, reference = self._running, self.reference
        if running is None or self._delta_s is None or self._is_in_box:
            return LapDelta(reference_ms=reference.time_ms)
        at = reference.fraction_at(running.latest.time_ms)
        position = None if at is None else round((at + reference.line_position) % 1.0, 5)
        return LapDelta(round(self._delta_s, 3), reference.time_ms, position)

    def _begin(self, sample: Sample, fraction: float) -> _RunningLap:
        is_near = not NEAR_LINE <= fraction <= 1.0 - NEAR_LINE
        if sample.current_time >= SETTLED_MS or not is_near:
            return self._join(sample, fraction, is_timed=sample.current_time >= SETTLED_MS)
        place = fraction - 1.0 if fraction > 0.5 else fraction
        frame = _Frame(place, sample.current_time)
        return _RunningLap(self._edges, sample.completed_laps + 1, frame, is_from_line=True, is_timed=True)

    def _join(self, sample: Sample, place: float, *, is_timed: bool) -> _RunningLap:
        frame = _Frame(place, sample.current_time)
        return _RunningLap(self._edges, sample.completed_laps + 1, frame, is_from_line=False, is_timed=is_timed)

    def _compare(self, running: _RunningLap) -> None:
        """Remember the delta at the farthest place; behind the line, until the clock starts again, it stays."""
        place = running.farthest.place
        if not running.is_timed:
            self._delta_s = None
        elif running.is_from_line and place == 0.0:
            self._delta_s = 0.0
        elif place <= self._edges[-1]:
            theirs_ms = self.reference.time_at(place)
            self._delta_s = None if theirs_ms is None else (running.latest.time_ms - theirs_ms) / 1e3

    def _gain(self, lap: _RunningLap, edge: int) -> SegmentGain | None:
        """What the segment that ends at this edge brought; None where one of the laps does not show it."""
        if edge == 0 or not lap.is_timed:
            return None
        before_s, total_s = self._delta_at(lap, edge - 1), self._delta_at(lap, edge)
        if before_s is None or total_s is None:
            return None
        segment = self.reference.segments[edge - 1]
        return SegmentGain(lap.number, segment.label, segment.corner, round(total_s - before_s, 3), round(total_s, 3))

    def _delta_at(self, lap: _RunningLap, edge: int) -> float | None:
        ours_ms, theirs_ms = lap.edges_ms[edge], self._reference_ms[edge]
        return None if ours_ms is None or theirs_ms is None else (ours_ms - theirs_ms) / 1e3


def _unwrap(fraction: float, running: _RunningLap, time_ms: float) -> float:
    """The place since the line: the shorter way round from the frame before, and forward where frames are missing."""
    place, before_ms = running.latest
    change = (fraction - place) % 1.0
    return place + (change if change <= 0.5 or time_ms - before_ms > MIN_GAP_MS else change - 1.0)


class ReferenceFollower:
    """Follows a drive for a display: the delta to the reference of its car and track, and the segment done last.

    :param find: gives the reference of a car and track, or None; it may take as long as reading a file does
    """

    def __init__(self, find: Callable[[CarAndTrack], LapReference | None]) -> None:
        self._find = find
        self._car_and_track: CarAndTrack | None = None
        self._comparison: ReferenceComparison | None = None
        self._lap_state = LapState()
        self.gain: SegmentGain | None = None
        """The segment that was done last."""

    @property
    def reference(self) -> LapReference | None:
        """The reference of the car and track that are driven."""
        return None if self._comparison is None else self._comparison.reference

    @property
    def delta(self) -> LapDelta:
        """The running lap compared with it."""
        return LapDelta() if self._comparison is None else self._comparison.delta()

    def add(self, sample: Sample) -> None:
        """Add the next sample."""
        car_and_track = CarAndTrack(sample.car_model, sample.track, sample.track_configuration)
        if car_and_track != self._car_and_track:
            self._car_and_track, self.gain = car_and_track, None
            reference = self._find(car_and_track)
            self._comparison = None if reference is None else ReferenceComparison(reference)
        self._lap_state, laps = advance(self._lap_state, sample)
        if self._comparison is None:
            return
        gains = self._comparison.update(sample)
        gains += [gain for lap in laps for gain in self._comparison.complete_lap(lap)]
        if gains:
            self.gain = gains[-1]
