"""Whether the columns of an export mean what they should: signs, slopes and the grid of time.

A loader that accepts a file proves its schema and no more. Here the columns are held against one another: whoever
drove, a car moves to where its course points, turns the way that its yaw rate says, and is thrown out of a bend.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telemetry.tracks.geometry import RAY_METRES, Floats, Geometry

G: Final = 9.80665

MOVING_MS: Final = 10.0
"""m/s from which on courses and slips are those of a car that drives."""

MAX_TURN_DEG: Final = 0.5
"""Radians between course and yaw beyond which a car is spinning, and no example for others."""

NEAR_COURSE: Final = 0.3
"""Radians from yaw to the course up to which a car goes where it points."""

MIN_ROWS: Final = 100
"""Rows that a check needs: four seconds."""

SLOPE: Final = (0.7, 1.3)
"""What a slope that should be 1 may be: g is not filtered, and 25 Hz smoothes what it is held against."""


_LOOKED_AT: Final = (
    "steps", "timestamp_env", "currentTime", "world_position_x", "world_position_y", "yaw", "speed",
    "local_velocity_x", "local_velocity_y", "velocity_x", "velocity_z", "angular_velocity_y", "accelX", "accelY",
    "steerAngle", "accStatus", "brakeStatus", "SlipAngle_fl", "SlipAngle_fr", "SlipAngle_rl", "SlipAngle_rr",
    "numberOfTyresOut", "LapDist", "rl_point", "gap", "sensors", "out_of_track_calc",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Check:
    """One check: what it looks at, what it found, and within which limits it passes."""

    name: str
    meaning: str
    low: float
    high: float
    value: float | None
    """None where the car did not do what would show it."""

    @property
    def failed(self) -> bool:
        """Whether something was found, and it is wrong."""
        return self.value is not None and not self.low <= self.value <= self.high

    @property
    def sentence(self) -> str:
        """What is wrong."""
        return f"{self.name}: {self.meaning} is {self.value:.3g}, and has to be {self.low:g} to {self.high:g}."

    def to_dict(self) -> dict[str, Any]:
        """The check as JSON knows it."""
        return {**asdict(self), "failed": self.failed}


def check_columns(episodes: Sequence[Mapping[str, Any]], rate: float, geometry: Geometry) -> tuple[Check, ...]:
    """All checks on the columns of a recording's episodes, which were made with this geometry of the track."""
    columns = {name: np.concatenate([one[name] for one in episodes]) for name in _LOOKED_AT}
    columns["episode"] = np.repeat(np.arange(len(episodes)), [len(one["steps"]) for one in episodes])
    rows = _Rows(columns, rate)
    return (*_checks_of_car(rows), *_checks_of_road(rows, geometry))


class _Rows:
    """Columns by name, and their changes from row to row; what a car that drives does, between neighbouring rows."""

    def __init__(self, columns: Mapping[str, Any], rate: float) -> None:
        self._columns = columns
        self.rate = rate
        self.neighbours = np.diff(columns["episode"]) == 0
        self.turn = _wrapped(np.diff(columns["yaw"]))
        self.course = np.arctan2(np.diff(columns["world_position_y"]), np.diff(columns["world_position_x"]))
        self.way = np.hypot(np.diff(columns["world_position_x"]), np.diff(columns["world_position_y"])) * rate
        self.drives = self.neighbours & (np.abs(self.mean("speed")) > MOVING_MS)
        # A car in a spin, off the road or against a wall tells nothing of signs.
        drift = np.arctan2(self.mean("local_velocity_y"), np.abs(self.mean("local_velocity_x")) + 1e-9)
        self.drives &= (np.abs(drift) < MAX_TURN_DEG) & (self.mean("numberOfTyresOut") == 0.0)

    def __getitem__(self, name: str) -> Any:
        return self._columns[name]

    def mean(self, name: str) -> Any:
        """The column half way between rows."""
        return _mean(self._columns[name])

    def change(self, name: str) -> Any:
        """The column's change a second."""
        return np.diff(self._columns[name]) * self.rate

    def slope(self, cause: Floats, effect: Floats, least: float) -> float | None:
        """How much the effect changes with the cause; None where the cause hardly does: less than ``least``."""
        x, y = self._both(cause, effect)
        if len(x) < MIN_ROWS or np.std(x) < least:
            return None
        away = x - x.mean()
        return float((away * (y - y.mean())).sum() / np.square(away).sum())

    def correlation(self, cause: Floats, effect: Floats, least: float) -> float | None:
        """The correlation of both; None where the cause hardly changes, and 0 where the effect does not at all."""
        x, y = self._both(cause, effect)
        if len(x) < MIN_ROWS or np.std(x) < least:
            return None
        return float(np.corrcoef(x, y)[0, 1]) if np.std(y) > 0.0 else 0.0

    def median(self, values: Floats) -> float | None:
        """The median while the car drives."""
        chosen = values[self.drives & np.isfinite(values)]
        return float(np.median(chosen)) if len(chosen) >= MIN_ROWS else None

    def _both(self, cause: Floats, effect: Floats) -> tuple[Floats, Floats]:
        chosen = self.drives & np.isfinite(cause) & np.isfinite(effect)
        return cause[chosen], effect[chosen]


def _checks_of_car(rows: _Rows) -> Iterator[Check]:
    steps = np.diff(rows["timestamp_env"])
    off = np.abs(steps * rows.rate - np.diff(rows["steps"]))[rows.neighbours]
    off_grid = float(off.max()) if len(off) else None
    yield Check("grid", f"the furthest that a row is off the grid of {rows.rate:g} Hz, in rows", 0.0, 1e-4, off_grid)
    clock = rows.change("currentTime")
    yield Check("lap clock", "the lap's clock in seconds a second", 0.9, 1.1, rows.median(clock))
    yield Check("speed", "metres a second that the place moves for each of speed", *SLOPE, _ratio(rows))
    aside = np.abs(_wrapped(rows.course - rows["yaw"][:-1] - rows.turn / 2.0))
    yield Check(
        "course", "the share of rows in which the place moves to where yaw points", 0.9, 1.0,
        _share(rows, (aside < NEAR_COURSE).astype(np.float64)),
    )  # fmt: skip
    rate = rows.mean("angular_velocity_y")
    yield Check(
        "yaw rate",
        "the change of yaw for each rad/s of yaw rate",
        *SLOPE,
        rows.slope(rate, rows.turn * rows.rate, 0.05),
    )
    forward, left = rows.mean("local_velocity_x"), rows.mean("local_velocity_y")
    yield Check(
        "forward speed",
        "metres a second forward for each of speed",
        *SLOPE,
        rows.slope(rows.mean("speed"), forward, 1.0),
    )
    yaw = rows["yaw"][:-1] + rows.turn / 2.0
    sideways = -np.sin(yaw) * rows.mean("velocity_z") + np.cos(yaw) * rows.mean("velocity_x")
    yield Check(
        "side speed",
        "metres a second to the left for each of the world's velocity",
        *SLOPE,
        rows.slope(sideways, left, 0.05),
    )
    yield Check(
        "longitudinal g", "g forward for each that the speed changes by", *SLOPE,
        rows.slope((rows.change("local_velocity_x") - rate * left) / G, rows.mean("accelY"), 0.1),
    )  # fmt: skip
    yield Check(
        "lateral g", "g to the left for each that the bend needs", *SLOPE,
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


def _checks_of_road(rows: _Rows, geometry: Geometry) -> Iterator[Check]:
    off = rows.mean("out_of_track_calc")
    yield Check(
        "road",
        "the share of rows off the road by its borders, and with no tyre out by the game",
        0.0,
        0.1,
        _share(rows, off),
    )
    points, metres = np.diff(rows["rl_point"]), np.diff(rows["LapDist"])
    near = (np.abs(points) < 100) & (np.abs(metres) < 50.0)
    yield Check(
        "direction of the line", "the share of rows in which the reference line runs with the lap", 0.9, 1.0,
        _share(rows, (points * metres >= 0.0).astype(np.float64), near),
    )  # fmt: skip
    place = np.stack([rows["world_position_x"], rows["world_position_y"]], axis=1)
    yaw, rays = rows["yaw"], rows["sensors"]
    to_right = np.stack([np.sin(yaw), -np.cos(yaw)], axis=1)
    beside = ((place - geometry.line[rows["rl_point"]]) * to_right).sum(axis=1)
    yield Check(
        "gap", "the correlation of the gap with how far to the right of the line the car is", 0.5, 1.0,
        rows.correlation(_mean(beside), rows.mean("gap"), 0.05),
    )  # fmt: skip
    chosen = np.flatnonzero(rows.drives & (rays[:-1, 0] < RAY_METRES))[::5]
    end = place[chosen] + to_right[chosen] * rays[chosen, :1]
    nearer = _nearest(end, geometry.right[::3]) <= _nearest(end, geometry.left[::3])
    yield Check(
        "rays", "the share of rows whose first ray ends at the right border", 0.9, 1.0,
        float(nearer.mean()) if len(chosen) >= MIN_ROWS // 5 else None,
    )  # fmt: skip


def _nearest(places: Floats, line: Floats) -> Floats:
    """Squared distance from each place to the nearest point of the line."""
    found = [
        np.square(places[at : at + 256, None, :] - line).sum(axis=-1).min(axis=1) for at in range(0, len(places), 256)
    ]
    return np.concatenate(found) if found else np.empty(0)


def _ratio(rows: _Rows) -> float | None:
    """The place's speed over the car's, both as sums, which the frames of a drawn place do not disturb."""
    chosen = rows.drives
    return float(rows.way[chosen].sum() / rows.mean("speed")[chosen].sum()) if chosen.sum() >= MIN_ROWS else None


def _share(rows: _Rows, values: Floats, where: NDArray[np.bool_] | None = None) -> float | None:
    chosen = rows.drives if where is None else rows.drives & where
    return float(values[chosen].mean()) if chosen.sum() >= MIN_ROWS else None


def _mean(values: Any) -> Any:
    return (values[1:] + values[:-1]) / 2.0


def _wrapped(angle: Floats) -> Floats:
    return np.asarray((angle + np.pi) % (2.0 * np.pi) - np.pi)
