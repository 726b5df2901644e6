"""The laps of the demo's car, at every physics step: what analysis calculates agrees with the car's own pages."""

import math
from collections.abc import Sequence
from functools import cache
from itertools import pairwise
from typing import Final

import numpy as np
import pytest

from telemetry.analysis.corner_measures import CORNER_FIELDS, measure_corners
from telemetry.analysis.grip import ENVELOPE_FIELDS, STANDARD_G, envelope, possible_lap
from telemetry.analysis.known_tracks import track_of
from telemetry.analysis.lap_clock import Array, Floats
from telemetry.analysis.lap_measures import measure_lap
from telemetry.analysis.lap_segments import segment_deltas, segments
from telemetry.analysis.traces import TRACE_FIELDS, Trace, align, delta, make_grid, make_trace
from telemetry.fields.blocks import PageBlock
from telemetry.fields.columns import Columns, derive_columns
from telemetry.laps.columns import DERIVED, laps_of_columns
from telemetry.laps.model import Lap
from telemetry.tracks.corners import find_corners
from telemetry.tracks.course import CoursePoints, make_course
from tests.drives import LINES, Frame, long_drive, with_line

VELOCITY: Final = ("local_velocity_x", "local_velocity_y", "local_velocity_z")
ACCELERATION: Final = ("acc_g_x", "acc_g_y", "acc_g_z")
CHANNELS: Final = tuple(
    dict.fromkeys((*CORNER_FIELDS, *ENVELOPE_FIELDS, *VELOCITY, *ACCELERATION, "angular_velocity_y"))
)


@cache
def driven(line: float | None = None, every: int = 1) -> tuple[Columns, tuple[Lap, ...]]:
    """The frames of five minutes of clean laps, or each so-manieth of them, and their laps."""
    frames: Sequence[Frame] = long_drive().all_frames[::every]
    if line is not None:
        frames = [with_line(frame, line) for frame in frames]
    block = PageBlock.from_pages([frame.pages for frame in frames], [frame.seconds for frame in frames])
    (columns,) = derive_columns([block], DERIVED)
    return columns, tuple(laps_of_columns([columns]))


@cache
def traces(line: float | None = None, every: int = 1) -> tuple[Trace, ...]:
    """Its complete laps from line to line."""
    columns, laps = driven(line, every)
    found: list[Trace] = []
    for lap in laps:
        if lap.start == "line" and lap.complete:
            rows = np.arange(lap.first_sequence, lap.last_sequence + 1)
            values: dict[str, Array] = {name: columns[name][rows] for name in (*CHANNELS, *TRACE_FIELDS)}
            found.append(make_trace(values, lap, CHANNELS, line or 0.0))
    return tuple(found)


def deltas(a: Trace, b: Trace) -> Floats:
    first, second = align([a, b], make_grid([a, b]))
    return delta(first, second)


def test_the_delta_at_the_line_is_the_official_difference() -> None:
    for a, b in pairwise(traces()):
        assert a.lap.time_ms is not None
        assert b.lap.time_ms is not None
        assert deltas(a, b)[-1] == (a.lap.time_ms - b.lap.time_ms) / 1e3


def test_deltas_of_driven_laps_are_antisymmetric_nothing_to_themselves_and_additive() -> None:
    three = [*traces()[:2], traces(every=2)[0]]
    a, b, c = align(three, make_grid(three))
    assert np.array_equal(delta(a, b), -delta(b, a))
    assert not delta(a, a).any()
    assert np.abs(delta(a, c) - (delta(a, b) + delta(b, c))).max() < 1e-9


@pytest.mark.parametrize("every", [2, 4])
def test_every_rate_gives_the_same_delta_within_a_frame(every: int) -> None:
    a, b = traces()[:2]
    thin_a, thin_b = traces(every=every)[:2]
    assert np.nanmax(np.abs(deltas(a, b) - deltas(thin_a, thin_b))) < 1 / 60


@pytest.mark.parametrize("line", LINES)
def test_a_line_anywhere_gives_the_same_delta(line: float) -> None:
    usual, moved = deltas(*traces()[:2]), deltas(*traces(line)[:2])
    assert np.abs(usual - moved).max() < 1e-3


def test_every_lap_has_the_same_corners() -> None:
    found = [find_corners(track_of(trace).course, trace.line_position) for trace in traces()]
    apexes = np.array([[corner.apex for corner in corners] for corners in found])
    assert np.ptp(apexes, axis=0).max() * traces()[0].length_m < 30.0
    assert len(apexes[0]) == 7


def test_corners_are_the_same_driven_backwards() -> None:
    trace = traces()[0]
    inside = (trace.fraction >= 0.0) & (trace.fraction < 1.0)
    x, z, places = (column[inside] for column in (trace["world_position_x"], trace["world_position_z"], trace.fraction))
    forwards = find_corners(make_course(CoursePoints(x, z, places)))
    backwards = find_corners(make_course(CoursePoints(x[::-1], z[::-1], (1.0 - places[::-1]) % 1.0)))
    assert len(forwards) == len(backwards)
    mirrored = [1.0 - corner.apex for corner in reversed(backwards)]
    assert np.abs(np.array(mirrored) - [corner.apex for corner in forwards]).max() * trace.length_m < 30.0


def test_the_course_turns_once_and_bends_as_the_car_does() -> None:
    trace = traces()[0]
    course = track_of(trace).course
    assert math.degrees(course.turn_rad()) == pytest.approx(-360.0, abs=0.5)
    places = trace.position
    bend = np.interp(course.metres_at(places), course.metres, course.curvature)
    speed_ms = trace["speed_kmh"] / 3.6
    turns = (trace["speed_kmh"] > 60.0) & (np.abs(bend) > 1.0 / 150.0)
    by_yaw = trace["angular_velocity_y"] / speed_ms
    by_g = trace["acc_g_x"] * STANDARD_G / speed_ms**2
    assert np.median(by_yaw[turns] / bend[turns]) == pytest.approx(1.0, abs=0.05)
    assert np.median(by_g[turns] / bend[turns]) == pytest.approx(1.0, abs=0.05)


def test_acceleration_along_the_path_adds_up_to_the_change_of_energy() -> None:
    trace = traces()[0]
    speed_ms = trace["speed_kmh"] / 3.6
    power = sum(trace[force] * trace[motion] for force, motion in zip(ACCELERATION, VELOCITY, strict=True))
    along = power / speed_ms * STANDARD_G
    metres = np.concatenate([[0.0], np.cumsum(np.diff(trace.time_ms) / 1e3 * (speed_ms[1:] + speed_ms[:-1]) / 2.0)])
    slowest, fastest = int(speed_ms.argmin()), int(speed_ms.argmax())
    begin, end = sorted((slowest, fastest))
    work = float(np.sum((along[begin + 1 : end + 1] + along[begin:end]) / 2.0 * np.diff(metres[begin : end + 1])))
    energy = float(speed_ms[end] ** 2 - speed_ms[begin] ** 2) / 2.0
    assert work == pytest.approx(energy, rel=0.01)


def test_the_cars_own_envelope_allows_a_lap_that_is_a_little_faster() -> None:
    laps = traces()
    limits = envelope(laps)
    for trace in laps:
        assert trace.lap.time_ms is not None
        possible_s = possible_lap(trace, limits).time_s
        assert 0.94 * trace.lap.time_ms / 1e3 < possible_s <= trace.lap.time_ms / 1e3
    use = limits.use(laps[0])
    assert np.nanpercentile(use, 95) == pytest.approx(1.0, abs=0.05)


def test_segments_add_up_to_the_official_difference() -> None:
    a, b = traces()[:2]
    parts = segment_deltas(a, b, segments(track_of(b)))
    assert [part.segment.label for part in parts] == ["T1", "T2", "T3", "T4", "T5", "T6", "T7"]
    assert a.lap.time_ms is not None
    assert b.lap.time_ms is not None
    total = (a.lap.time_ms - b.lap.time_ms) / 1e3
    assert sum(part.lost_s or math.nan for part in parts) == pytest.approx(total, abs=1e-9)
    assert parts[-1].total_s == total
    equal = segment_deltas(a, b, segments(None))
    assert len(equal) == 20
    assert sum(part.lost_s or 0.0 for part in equal) == pytest.approx(total, abs=1e-9)


def test_a_lap_is_measured_by_time() -> None:
    trace = traces()[0]
    corners = measure_corners(track_of(trace), trace)
    found = measure_lap(trace, corners)
    assert found.lap_time_s == (trace.lap.time_ms or 0) / 1e3
    assert found.full_throttle_s is not None
    assert found.braking_s is not None
    assert found.lap_time_s > found.full_throttle_s + found.braking_s > 0.7 * found.lap_time_s
    assert found.top_kmh == trace["speed_kmh"].max()
    assert found.braking_m is not None
    assert all(corner.braking_m and corner.braking_m > 20.0 for corner in corners)
    thin = traces(every=4)[0]
    assert measure_lap(thin, measure_corners(track_of(thin), thin)).full_throttle_s == pytest.approx(
        found.full_throttle_s, abs=0.3
    )
