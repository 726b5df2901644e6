"""Physical consistency checks on exported columns: signs, units and the time grid.

A loader that accepts a file proves only its schema. Here columns are compared with each other: for every driver, the
position of the car moves along its course, yaw changes with the yaw rate, and lateral g points out of a bend.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telemetry.tracks.geometry import RAY_METRES, Floats, Geometry

G: Final = 9.80665
"""Standard gravity in m/s²."""

MOVING_MS: Final = 10.0
"""Speed in m/s above which rows are used: courses and slips of a slow car mean little."""

MAX_DRIFT_RAD: Final = 0.5
"""Angle between course and yaw in radians above which a car counts as spinning, and its rows are not used."""

MAX_COURSE_ERROR_RAD: Final = 0.3
"""Angle between yaw and course in radians up to which they agree."""

MIN_ROWS: Final = 100
"""Number of rows that a check needs: four seconds."""

SLOPE: Final = (0.7, 1.3)
"""Limits of a slope that should be 1: g is not filtered, and differences at 25 Hz are smoothed."""

CHECKED_COLUMNS: Final = (
    "steps", "timestamp_env", "currentTime", "world_position_x", "world_position_y", "yaw", "speed",
    "local_velocity_x", "local_velocity_y", "velocity_x", "velocity_z", "angular_velocity_y", "accelX", "accelY",
    "steerAngle", "accStatus", "brakeStatus", "SlipAngle_fl", "SlipAngle_fr", "SlipAngle_rl", "SlipAngle_rr",
    "numberOfTyresOut", "LapDist", "rl_point", "gap", "sensors", "out_of_track_calc",
)  # fmt: skip
"""The columns of assetto_corsa_gym's states that are checked."""


@dataclass(frozen=True, slots=True)
class Check:
    """One check: its value, and the limits within which it passes."""

    name: str
    meaning: str
    low: float
    high: float
    value: float | None
    """None if the drive has too few suitable rows."""

    @property
    def failed(self) -> bool:
        """Whether there is a value, and it is outside of the limits."""
        return self.value is not None and not self.low <= self.value <= self.high

    @property
    def sentence(self) -> str:
        """The message of a failed check."""
        return f"{self.name}: {self.meaning} is {self.value:.3g}, and must be from {self.low:g} to {self.high:g}."

    def to_dict(self) -> dict[str, Any]:
        """The check as values of JSON."""
        return {**asdict(self), "failed": self.failed}


def check_columns(episodes: Sequence[Mapping[str, Any]], rate: float, geometry: Geometry) -> tuple[Check, ...]:
    """All checks on the columns of the episodes of a recording, computed with this geometry of the track."""
    columns = {name: np.concatenate([episode[name] for episode in episodes]) for name in CHECKED_COLUMNS}
    columns["episode"] = np.repeat(np.arange(len(episodes)), [len(episode["steps"]) for episode in episodes])
    rows = _Rows(columns, rate)
    return (*_check_car(rows), *_check_road(rows, geometry))


class _Rows:
    """Columns by name, their changes between neighbouring rows, and statistics of the rows with a driving car."""

    def __init__(self, columns: Mapping[str, Any], rate: float) -> None:
        self._columns = columns
        self.rate = rate
        self.neighbours = np.diff(columns["episode"]) == 0
        self.yaw_change = _wrap_angle(np.diff(columns["yaw"]))
        self.course = np.arctan2(np.diff(columns["world_position_y"]), np.diff(columns["world_position_x"]))
        self.position_speed = (
            np.hypot(np.diff(columns["world_position_x"]), np.diff(columns["world_position_y"])) * rate
        )
        self.drives = self.neighbours & (np.abs(self.mean("speed")) > MOVING_MS)
        # A car that spins, is off the road or touches a wall shows nothing about signs.
        drift = np.arctan2(self.mean("local_velocity_y"), np.abs(self.mean("local_velocity_x")) + 1e-9)
        self.drives &= (np.abs(drift) < MAX_DRIFT_RAD) & (self.mean("numberOfTyresOut") == 0.0)

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def mean(self, name: str) -> Any:
        """The column half way between neighbouring rows."""
        return _mean(self._columns[name])

    def change(self, name: str) -> Any:
        """The change of the column per second."""
        return np.diff(self._columns[name]) * self.rate

    def slope(self, cause: Floats, effect: Floats, min_deviation: float) -> float | None:
        """Slope of the effect over the cause; None if the cause varies less than ``min_deviation`` (standard)."""
        x, y = self._driving(cause, effect)
        if len(x) < MIN_ROWS or np.std(x) < min_deviation:
            return None
        deviation = x - x.mean()
        return float((deviation * (y - y.mean())).sum() / np.square(deviation).sum())

    def correlation(self, cause: Floats, effect: Floats, min_deviation: float) -> float | None:
        """The correlation of both; None like :meth:`slope`, and 0 for a constant effect."""
        x, y = self._driving(cause, effect)
        if len(x) < MIN_ROWS or np.std(x) < min_deviation:
            return None
        return float(np.corrcoef(x, y)[0, 1]) if np.std(y) > 0.0 else 0.0

    def median(self, values: Floats) -> float | None:
        """The median while the car drives."""
        chosen = values[self.drives & np.isfinite(values)]
        return float(np.median(chosen)) if len(chosen) >= MIN_ROWS else None

    def _driving(self, cause: Floats, effect: Floats) -> tuple[Floats, Floats]:
        chosen = self.drives & np.isfinite(cause) & np.isfinite(effect)
        return cause[chosen], effect[chosen]


def _check_car(rows: _Rows) -> Iterator[Check]:
    steps = np.diff(rows["timestamp_env"])
    off = np.abs(steps * rows.rate - np.diff(rows["steps"]))[rows.neighbours]
    off_grid = float(off.max()) if len(off) else None
    yield Check(
        "grid", f"the largest distance of a row from the grid of {rows.rate:g} Hz, in rows", 0.0, 1e-4, off_grid
    )
    clock = rows.change("currentTime")
    yield Check("lap clock", "the lap clock in seconds per second", 0.9, 1.1, rows.median(clock))
    yield Check("speed", "the speed of the position relative to the speed", *SLOPE, _ratio(rows))
    aside = np.abs(_wrap_angle(rows.course - rows["yaw"][:-1] - rows.yaw_change / 2.0))
    yield Check(
        "course", "the fraction of rows in which the position moves in the direction of yaw", 0.9, 1.0,
        _fraction(rows, (aside < MAX_COURSE_ERROR_RAD).astype(np.float64)),
    )  # fmt: skip
    rate = rows.mean("angular_velocity_y")
    yield Check(
        "yaw rate",
        "the change of yaw relative to the yaw rate",
        *SLOPE,
        rows.slope(rate, rows.yaw_change * rows.rate, 0.05),
    )
    forward, left = rows.mean("local_velocity_x"), rows.mean("local_velocity_y")
    yield Check(
        "forward speed",
        "the forward speed relative to the speed",
        *SLOPE,
        rows.slope(rows.mean("speed"), forward, 1.0),
    )
    yaw = rows["yaw"][:-1] + rows.yaw_change / 2.0
    sideways = -np.sin(yaw) * rows.mean("velocity_z") + np.cos(yaw) * rows.mean("velocity_x")
    yield Check(
        "side speed",
        "the speed to the left relative to that of the world's velocity",
        *SLOPE,
        rows.slope(sideways, left, 0.05),
    )
    yield Check(
        "longitudinal g", "the g forward relative to the change of speed", *SLOPE,
        rows.slope((rows.change("local_velocity_x") - rate * left) / G, rows.mean("accelY"), 0.1),
    )  # fmt: skip
    yield Check(
        "lateral g", "the g to the left relative to that of the bend", *SLOPE,
        rows.slope(rate * forward / G, rows.mean("accelX"), 0.1),
    )  # fmt: skip
    yield Check(
        "steering", "the correlation of steering, + right, with the yaw rate, + left", -1.0, -0.5,
        rows.correlation(rows.mean("steerAngle"), rate, 1.0),
    )  # fmt: skip
    slip = sum(rows.mean(f"SlipAngle_{wheel}") for wheel in ("fl", "fr", "rl", "rr")) / 4.0
    yield Check(
        "slip angle", "the correlation of the slip angles with the g to the left", 0.5, 1.0,
        rows.correlation(rows.mean("accelX"), slip, 0.1),
    )  # fmt: skip
    yield Check(
        "brake", "the correlation of the brake with the g forward", -1.0, -0.3,
        rows.correlation(rows.mean("brakeStatus"), rows.mean("accelY"), 0.1),
    )  # fmt: skip
    yield Check(
        "throttle", "the correlation of the throttle with the g forward", 0.3, 1.0,
        rows.correlation(rows.mean("accStatus"), rows.mean("accelY"), 0.2),
    )  # fmt: skip


def _check_road(rows: _Rows, geometry: Geometry) -> Iterator[Check]:
    off = rows.mean("out_of_track_calc")
    yield Check(
        "road",
        "the fraction of rows that are off the road by its borders while the game has no tyre out",
        0.0,
        0.1,
        _fraction(rows, off),
    )
    points, metres = np.diff(rows["rl_point"]), np.diff(rows["LapDist"])
    near = (np.abs(points) < 100) & (np.abs(metres) < 50.0)
    yield Check(
        "direction of the line", "the fraction of rows in which the reference line runs with the lap", 0.9, 1.0,
        _fraction(rows, (points * metres >= 0.0).astype(np.float64), near),
    )  # fmt: skip
    position = np.stack([rows["world_position_x"], rows["world_position_y"]], axis=1)
    yaw, rays = rows["yaw"], rows["sensors"]
    to_right = np.stack([np.sin(yaw), -np.cos(yaw)], axis=1)
    beside = ((position - geometry.line[rows["rl_point"]]) * to_right).sum(axis=1)
    yield Check(
        "gap", "the correlation of the gap with the car's distance to the right of the line", 0.5, 1.0,
        rows.correlation(_mean(beside), rows.mean("gap"), 0.05),
    )  # fmt: skip
    chosen = np.flatnonzero(rows.drives & (rays[:-1, 0] < RAY_METRES))[::5]
    end = position[chosen] + to_right[chosen] * rays[chosen, :1]
    nearer = _nearest(end, geometry.right[::3]) <= _nearest(end, geometry.left[::3])
    yield Check(
        "rays", "the fraction of rows whose first ray ends at the right border", 0.9, 1.0,
        float(nearer.mean()) if len(chosen) >= MIN_ROWS // 5 else None,
    )  # fmt: skip


def _nearest(points: Floats, line: Floats) -> Floats:
    """Squared distance from each point (n, 2) to the nearest point of the line (k, 2): (n,)."""
    distances = [
        np.square(points[at : at + 256, None, :] - line).sum(axis=-1).min(axis=1) for at in range(0, len(points), 256)
    ]
    return np.concatenate(distances) if distances else np.empty(0)


def _ratio(rows: _Rows) -> float | None:
    """The mean speed of the position divided by that of the car; means hide that positions are written per frame."""
    chosen = rows.drives
    return (
        float(rows.position_speed[chosen].sum() / rows.mean("speed")[chosen].sum())
        if chosen.sum() >= MIN_ROWS
        else None
    )


def _fraction(rows: _Rows, values: Floats, where: NDArray[np.bool_] | None = None) -> float | None:
    """The mean of flags 0 and 1 while the car drives; None for too few rows."""
    chosen = rows.drives if where is None else rows.drives & where
    return float(values[chosen].mean()) if chosen.sum() >= MIN_ROWS else None


def _mean(values: Any) -> Any:
    return (values[1:] + values[:-1]) / 2.0


def _wrap_angle(angle: Floats) -> Floats:
    return np.asarray((angle + np.pi) % (2.0 * np.pi) - np.pi)
