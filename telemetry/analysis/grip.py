"""What a car can do: the envelope of its lateral and longitudinal acceleration by speed, and the lap that it allows.

The envelope is the car's own: the accelerations that it has shown, not a circle of 2 g. How much of its grip a car uses
is its distance to that envelope.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from telemetry.analysis.lap_clock import Floats
from telemetry.analysis.traces import Trace
from telemetry.base.errors import UsageError

ENVELOPE_FIELDS: Final = ("speed_kmh", "acc_g_x", "acc_g_z")
"""The channels that an envelope is made of."""

DIRECTIONS: Final = 24
"""Directions of the acceleration, 15 degrees each, from full to the left over braking."""

BAND_KMH: Final = 20.0
"""Width of a band of speed."""

PERCENTILE: Final = 95.0
"""Of the combined accelerations in one direction and band, the one that is the envelope."""

MIN_SAMPLES: Final = 20
"""Samples in a direction and band from which on they tell an envelope."""

MIN_KMH: Final = 30.0
"""Speed below which accelerations say nothing of grip."""

NEAR_LIMIT: Final = 0.9
"""Share of an envelope from which on a car is near its limit."""

STANDARD_G: Final = 9.80665
"""m/s² in one g."""

_PASS_STEP_M: Final = 2.0


@dataclass(frozen=True, eq=False)
class Envelope:
    """The most combined acceleration that a car has shown, in g."""

    speeds_kmh: Floats
    """The middle of each band of speed, shape (b,)."""
    limit_g: Floats
    """By band and direction, shape (b, 24); direction ``k`` points at ``15 k`` degrees from the left towards forward.

    NaN where the laps hold too few samples.
    """

    def limits(self, speed_kmh: Floats, lateral_g: Floats, forward_g: Floats) -> Floats:
        """The envelope at these speeds in the directions of these accelerations, in g, shape (n,); NaN for unknown."""
        is_known = np.isfinite(speed_kmh) & np.isfinite(lateral_g) & np.isfinite(forward_g)
        speed, lateral, forward = speed_kmh[is_known], lateral_g[is_known], forward_g[is_known]
        direction = np.round(np.arctan2(forward, lateral) / (2.0 * np.pi) * DIRECTIONS).astype(np.int64) % DIRECTIONS
        band = np.clip(np.round((speed - self.speeds_kmh[0]) / BAND_KMH), 0, len(self.speeds_kmh) - 1)
        limits: Floats = np.full(len(speed_kmh), np.nan)
        limits[is_known] = self.limit_g[band.astype(np.int64), direction]
        return limits

    def use(self, trace: Trace) -> Floats:
        """The share of the car's own envelope that a lap uses at each place, shape (n,); NaN where that is unknown."""
        lateral, forward = trace["acc_g_x"], trace["acc_g_z"]
        limits = self.limits(trace["speed_kmh"], lateral, forward)
        with np.errstate(divide="ignore", invalid="ignore"):
            share: Floats = np.hypot(lateral, forward) / limits
        return share


def envelope(traces: Iterable[Trace]) -> Envelope:
    """The envelope of the car that drove these laps, with :data:`ENVELOPE_FIELDS`.

    Raises :class:`telemetry.UsageError` where they hold no acceleration at speed.
    """
    channels = [np.stack([trace[name] for name in ENVELOPE_FIELDS]) for trace in traces]
    speed, lateral, forward = np.concatenate(channels, axis=1) if channels else np.zeros((3, 0))
    is_known = np.isfinite(speed) & np.isfinite(lateral) & np.isfinite(forward) & (speed >= MIN_KMH)
    speed, lateral, forward = speed[is_known], lateral[is_known], forward[is_known]
    if not len(speed):
        raise UsageError("These laps hold no accelerations above 30 km/h, so nothing is known of the car's grip.")
    bands = int(np.ceil((speed.max() - MIN_KMH) / BAND_KMH + 1e-9))
    band = np.minimum(((speed - MIN_KMH) / BAND_KMH).astype(np.int64), bands - 1)
    direction = np.round(np.arctan2(forward, lateral) / (2.0 * np.pi) * DIRECTIONS).astype(np.int64) % DIRECTIONS
    combined = np.hypot(lateral, forward)
    limit_g = np.full((bands, DIRECTIONS), np.nan)
    # A car turns as well to the one side as to the other: both are in the group of the lower number.
    mirrored = (DIRECTIONS // 2 - direction) % DIRECTIONS
    group = band * DIRECTIONS + np.minimum(direction, mirrored)
    order = np.argsort(group, kind="stable")
    found, begins = np.unique(group[order], return_index=True)
    for one, own in zip(found.tolist(), np.split(combined[order], begins[1:]), strict=True):
        if len(own) >= MIN_SAMPLES:
            at, way = divmod(one, DIRECTIONS)
            limit_g[at, [way, (DIRECTIONS // 2 - way) % DIRECTIONS]] = np.percentile(own, PERCENTILE)
    middles: Floats = MIN_KMH + BAND_KMH * (np.arange(bands, dtype=np.float64) + 0.5)
    return Envelope(middles, limit_g)


@dataclass(frozen=True, slots=True)
class GripUse:
    """How much of an envelope a lap uses, by time, where the envelope is known."""

    mean: float
    """The mean share."""
    above_s: float
    """Seconds at :data:`NEAR_LIMIT` of it and more."""


def grip_use(trace: Trace, limits: Envelope) -> GripUse | None:
    """How much of the envelope a lap uses; None where nothing of it is known."""
    share = limits.use(trace)
    known_ms = np.where(np.isfinite(share), trace.duration_ms, 0.0)
    total_ms = float(known_ms.sum())
    if not total_ms > 0.0:
        return None
    share = np.nan_to_num(share)
    return GripUse(float((share * known_ms).sum()) / total_ms, float(known_ms[share >= NEAR_LIMIT].sum()) / 1e3)


@dataclass(frozen=True, eq=False)
class PossibleLap:
    """The lap that an envelope allows on a line that was driven."""

    metres: Floats
    """Places along the line, shape (k,)."""
    speed_kmh: Floats
    """The highest speed at each of them, shape (k,)."""
    time_s: float


def possible_lap(trace: Trace, limits: Envelope) -> PossibleLap:
    """The fastest lap within the envelope on the line of this lap: a forward and a backward pass over its bends.

    How the line bends is told by the lateral acceleration and the speed of the lap itself. Raises
    :class:`telemetry.UsageError` where the lap is not covered from line to line.
    """
    speed_ms, lateral = trace["speed_kmh"] / 3.6, trace["acc_g_x"]
    driven_m = np.concatenate([[0.0], np.cumsum(np.diff(trace.time_ms) / 1e3 * (speed_ms[1:] + speed_ms[:-1]) / 2.0)])
    if trace.is_gap.any() or not np.isfinite(driven_m).all():
        raise UsageError(f"Lap {trace.lap.number} has gaps, so the lap that its car could drive cannot be calculated.")
    count = max(int(driven_m[-1] / _PASS_STEP_M), 2)
    metres = np.linspace(0.0, driven_m[-1], count + 1)
    step_m = metres[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        bend = np.where(speed_ms > MIN_KMH / 3.6, np.abs(lateral) * STANDARD_G / speed_ms**2, np.nan)
    known = np.isfinite(bend)
    bend = np.interp(metres, driven_m[known], bend[known])
    driven = np.interp(metres, driven_m, speed_ms)
    grip = _Grip(limits)
    top = _corner_speeds(bend, grip, float(driven.max()))
    forwards = _pass(top, bend, grip, step_m, accelerating=True, first=float(driven[0]))
    speeds = _pass(forwards[::-1], bend[::-1], grip, step_m, accelerating=False, first=float(forwards[-1]))[::-1]
    time_s = float(np.sum(2.0 * step_m / (speeds[1:] + speeds[:-1])))
    return PossibleLap(metres, speeds * 3.6, time_s)


class _Grip:
    """An envelope as limits of longitudinal acceleration at a speed and a lateral acceleration."""

    def __init__(self, limits: Envelope) -> None:
        self._first_kmh = float(limits.speeds_kmh[0])
        quarter = DIRECTIONS // 4
        angles = np.arange(quarter + 1) * 2.0 * np.pi / DIRECTIONS
        filled = _filled(limits.limit_g)
        sides = (filled[:, : quarter + 1], filled[:, -np.arange(quarter + 1) % DIRECTIONS])  # forwards, backwards
        self._lateral = tuple(_falling(side * np.cos(angles)) for side in sides)
        self._along = tuple(side * np.sin(angles) for side in sides)
        self.sideways = np.maximum(self._lateral[0][:, 0], self._lateral[1][:, 0])

    def band(self, speed_ms: float) -> int:
        at = int((speed_ms * 3.6 - self._first_kmh) / BAND_KMH + 0.5)
        return min(max(at, 0), len(self.sideways) - 1)

    def along(self, speed_ms: float, lateral_g: float, *, accelerating: bool) -> float:
        """The acceleration forwards, or backwards, in g that is left at this lateral one."""
        band, side = self.band(speed_ms), 0 if accelerating else 1
        lateral, along = self._lateral[side][band], self._along[side][band]
        return float(np.interp(lateral_g, lateral[::-1], along[::-1], right=0.0))


def _falling(lateral_g: Floats) -> Floats:
    """Lateral g by direction, from the side to straight ahead, made to fall: more along is never more sideways."""
    falling: Floats = np.maximum.accumulate(lateral_g[:, ::-1], axis=1)[:, ::-1]
    return falling


def _filled(limit_g: Floats) -> Floats:
    """The envelope with unknown directions as in the nearest band that knows them, and 0 where none does."""
    filled = limit_g.copy()
    bands = np.arange(len(limit_g))
    for way in range(limit_g.shape[1]):
        known = np.isfinite(limit_g[:, way])
        filled[:, way] = np.interp(bands, bands[known], limit_g[known, way]) if known.any() else 0.0
    return filled


def _corner_speeds(bend: Floats, grip: _Grip, top_ms: float) -> Floats:
    """The highest speed in m/s at each place by lateral grip alone; the higher the speed, the more the car may have."""
    candidates = np.linspace(MIN_KMH / 3.6, top_ms, 200)
    sideways = np.array([grip.sideways[grip.band(speed)] for speed in candidates])
    needed = np.square(candidates)[:, None] * bend[None, :] / STANDARD_G
    allowed = needed <= sideways[:, None]
    highest = np.where(allowed, candidates[:, None], 0.0).max(axis=0)
    speeds: Floats = np.where(highest > 0.0, highest, candidates[0])
    return speeds


def _pass(top: Floats, bend: Floats, grip: _Grip, step_m: float, *, accelerating: bool, first: float) -> Floats:
    """Speeds in m/s that are reached place by place without more acceleration than there is grip for."""
    speeds = top.copy()
    speeds[0] = min(first, top[0])
    for at in range(1, len(top)):
        before = float(speeds[at - 1])
        along_g = grip.along(before, before**2 * float(bend[at - 1]) / STANDARD_G, accelerating=accelerating)
        reached = np.sqrt(before**2 + 2.0 * max(along_g, 0.0) * STANDARD_G * step_m)
        speeds[at] = min(top[at], reached)
    return speeds
