"""A drive of short laps whose signs of the line, clock, count and position, come at any time and in any order."""

import math
from typing import NamedTuple

from telemetry.fields.snapshot import Snapshot
from tests.recorded import recorded_lap

LAP_S = 4.0
"""Seconds of a lap; three are completed, and a part of the fourth is driven."""
LAPS = 3
DRIVE_S = LAPS * LAP_S + 2.0
LENGTH_M = 400.0


class Line(NamedTuple):
    """When the signs of the line come, in seconds after the car has crossed it."""

    clock_s: float = 0.0
    count_s: float = 0.0
    frame_s: float = 1 / 60
    phase_s: float = 0.0
    """How far the frames are shifted."""
    position: float = 0.0
    """Where the line lies on the spline."""
    hitches: tuple[tuple[float, float], ...] = ()
    """Times from which to which nothing is drawn."""


def drive_laps(hz: float, line: Line, start_s: float = 0.0) -> list[Snapshot]:
    """Laps at a steady 100 m/s, of which so many samples a second are recorded.

    The speed is that of the physics, the rest is as old as the drawn frame.
    """
    base = recorded_lap()[200]
    found = []
    for number in range(round((DRIVE_S - start_s) * hz)):
        elapsed = start_s + number / hz
        shown = next((begin for begin, end in line.hitches if begin <= elapsed < end), elapsed)
        drawn = math.floor((shown - line.phase_s) / line.frame_s) * line.frame_s + line.phase_s
        driven = max(drawn, 0.0) / LAP_S
        clocked, counted = (
            max(math.floor((drawn - delay) / LAP_S + 1e-9), 0) for delay in (line.clock_s, line.count_s)
        )
        found.append(
            base.replace(
                elapsed=elapsed,
                timestamp=1.7e9 + elapsed,
                sequence=number,
                packet_id=1000 + round(elapsed / 0.003),
                graphics_packet_id=1 + 2 * round((drawn + 1.0) / line.frame_s),
                normalized_position=(driven + line.position) % 1.0,
                current_time=round((drawn - clocked * LAP_S) * 1000) if drawn > 0.0 else 0,
                completed_laps=counted,
                last_time=round(LAP_S * 1000) if counted else 0,
                distance_traveled=10.0 + driven * LENGTH_M,
                track_spline_length=LENGTH_M,
                speed_kmh=LENGTH_M / LAP_S * 3.6,
                velocity_x=-LENGTH_M / LAP_S * math.sin(math.tau * elapsed / LAP_S),
                velocity_z=LENGTH_M / LAP_S * math.cos(math.tau * elapsed / LAP_S),
                world_position_x=LENGTH_M / math.tau * math.cos(math.tau * driven),
                world_position_z=LENGTH_M / math.tau * math.sin(math.tau * driven),
                current_sector_index=0,
            )
        )
    return found
