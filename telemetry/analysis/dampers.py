"""How fast the suspension moves: shares of time by damper speed, in bump and in rebound.

``suspension_travel`` grows where the wheel moves up, which is bump. What is measured is the speed of the wheel in the
suspension; how much of it is the damper's own depends on a lever that the pages do not tell.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from telemetry.analysis.lap_clock import Array, Floats
from telemetry.analysis.traces import Trace

DAMPER_FIELDS: Final = ("suspension_travel",)
"""The channels that dampers are measured by."""

EDGES_MM_S: Final = (0.0, 5.0, 10.0, 25.0, 50.0, 75.0, 100.0, 150.0, 250.0)
"""Where the bins of the histogram begin, in mm/s; the last one is open."""

MIN_RATE_HZ: Final = 150.0
"""Samples a second below which the movements of a damper fall between them: 60 show the body, not the wheel."""

MAX_INTERVALS: Final = 3.0
"""Usual intervals between two samples up to which they tell a speed."""


@dataclass(frozen=True, eq=False)
class DamperHistogram:
    """Shares of time by wheel (front left, front right, rear left, rear right) and speed, bins of :data:`EDGES_MM_S`.

    All shares of a wheel add up to 1. A wheel whose travel is unknown has NaN.
    """

    bump: Floats
    """Wheel moving up, shape (4, 9)."""
    rebound: Floats
    """Wheel moving down, shape (4, 9)."""
    seconds: float
    """The driving that it is made of."""

    @property
    def bump_share(self) -> Floats:
        """The share of time in bump, shape (4,)."""
        share: Floats = self.bump.sum(axis=1)
        return share

    def share_above(self, mm_s: float) -> Floats:
        """The share of time in bump and in rebound at this edge and above, shape (4, 2)."""
        first = EDGES_MM_S.index(mm_s)
        return np.stack([self.bump[:, first:].sum(axis=1), self.rebound[:, first:].sum(axis=1)], axis=1)


def damper_speeds(time_ms: Floats, travel_m: Array) -> Floats:
    """The speed between each sample and the next in mm/s, + = bump, shape (n - 1, 4); NaN where time stands or jumps.

    ``time_ms`` has the shape (n,), ``travel_m`` (n, 4).
    """
    intervals = np.diff(time_ms)
    usual = np.median(intervals[intervals > 0.0]) if (intervals > 0.0).any() else np.nan
    is_known = (intervals > 0.0) & (intervals <= MAX_INTERVALS * usual)
    speeds = np.diff(travel_m.astype(np.float64), axis=0) * 1e6 / np.where(is_known, intervals, np.nan)[:, None]
    return np.asarray(speeds, dtype=np.float64)


def damper_histogram(speeds_mm_s: Floats, duration_ms: Floats) -> DamperHistogram:
    """The histogram of speeds of shape (n, 4) that last so long, shape (n,)."""
    shares = np.full((2, speeds_mm_s.shape[1], len(EDGES_MM_S)), np.nan)
    longest_ms = 0.0
    for wheel, speeds in enumerate(speeds_mm_s.T):
        is_known = np.isfinite(speeds)
        known, weights = speeds[is_known], duration_ms[is_known]
        total_ms = float(weights.sum())
        longest_ms = max(longest_ms, total_ms)
        if not total_ms > 0.0:
            continue
        bins = np.searchsorted(EDGES_MM_S, np.abs(known), side="right") - 1
        at_rest = np.bincount(bins, weights * (known == 0.0), len(EDGES_MM_S)) / 2.0  # neither: half for either
        for row, moving in enumerate((known > 0.0, known < 0.0)):
            shares[row, wheel] = (np.bincount(bins, weights * moving, len(EDGES_MM_S)) + at_rest) / total_ms
    return DamperHistogram(shares[0], shares[1], longest_ms / 1e3)


def join_histograms(histograms: Iterable[DamperHistogram]) -> DamperHistogram | None:
    """The histogram of the driving of all of these together; None without any."""
    every = [one for one in histograms if one.seconds > 0.0]
    if not every:
        return None
    weights = np.array([one.seconds for one in every])
    weights /= weights.sum()
    bump, rebound = (
        np.einsum("l,lwb->wb", weights, np.stack([getattr(one, name) for one in every])) for name in ("bump", "rebound")
    )
    return DamperHistogram(bump, rebound, sum(one.seconds for one in every))


def measure_dampers(traces: Iterable[Trace]) -> DamperHistogram | None:
    """The histogram of laps with :data:`DAMPER_FIELDS`.

    None where all of them were recorded at less than :data:`MIN_RATE_HZ`, or hold no travel that moves.
    """
    speeds: list[Floats] = []
    durations: list[Floats] = []
    for trace in traces:
        if trace.rate_hz < MIN_RATE_HZ:
            continue
        found = damper_speeds(trace.time_ms, trace["suspension_travel"])
        found[trace.is_gap] = np.nan
        speeds.append(found)
        durations.append(trace.duration_ms[:-1])
    if not speeds:
        return None
    every = np.concatenate(speeds)
    if not _moves(every).any():
        return None
    return damper_histogram(np.where(_moves(every), every, np.nan), np.concatenate(durations))


def _moves(speeds: Floats) -> NDArray[np.bool_]:
    """Whether a wheel moves in the suspension at all, shape (1, 4): a car without this channel shows 0."""
    is_moving: NDArray[np.bool_] = (np.nan_to_num(speeds) != 0.0).any(axis=0, keepdims=True)
    return is_moving
