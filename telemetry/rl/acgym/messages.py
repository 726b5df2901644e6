"""The messages between assetto_corsa_gym's plugin and its client, as text.

The client passes every message to Python's ``eval``. All texts made here are both JSON and Python: they have no
``true``, ``false``, ``null`` or NaN.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from telemetry.fields.derived import Sample
from telemetry.rl.acgym.columns import SAMPLE_FIELDS, plugin_columns, static_info, wheel_positions, wheel_slips
from telemetry.rl.acgym.files import CarMap, find_car
from telemetry.rl.action import Command
from telemetry.rl.sample_columns import SampleColumns
from telemetry.tracks.geometry import Floats, Geometry

STANDING_MS: Final = 1.0
"""Below this speed in m/s the car's position and its contact points, which the game does not write together, agree."""


class Reply(NamedTuple):
    """A client's answer to a state."""

    command: Command
    steps: int | None
    """The ``steps`` of that state; None if the client does not send it."""


def parse_reply(data: bytes) -> Reply | None:
    """The answer in a datagram; None if it is not one. Its axes are -1..1; -1 is a released pedal."""
    try:
        values = json.loads(data)
        steer, throttle, brake = (float(values[axis]) for axis in ("steer", "acc", "brake"))
        steps = values.get("server_steps")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    if not all(map(math.isfinite, (steer, throttle, brake))):
        return None
    command = Command(_clip(steer, -1.0), _clip(0.5 + 0.5 * throttle, 0.0), _clip(0.5 + 0.5 * brake, 0.0))
    return Reply(command, steps if isinstance(steps, int) else None)


class StateWriter:
    """Writes samples as states of the plugin.

    Slip angles need the positions of the wheels relative to the centre of mass. They are measured while the car stands
    still; before that the centre of mass is assumed to be in the middle of the wheels.
    """

    def __init__(self, acgym: Path | None, ac_root: Path | None, steer_lock: float | None) -> None:
        self._folders = {"acgym": acgym, "ac_root": ac_root, "steer_lock": steer_lock}
        self._model: str | None = None
        self._car: CarMap | None = None
        self._arms: Floats | None = None

    def find_car(self, sample: Sample) -> CarMap:
        """The known values of the sample's car. Raises SourceError or UsageError for unreadable files."""
        if self._car is None or sample.car_model != self._model:
            self._car = find_car(sample.car_model, **self._folders)  # type: ignore[arg-type]
            self._model, self._arms = sample.car_model, None
        return self._car

    def write(self, sample: Sample, *, steps: int, out_of_sync: int, done: bool) -> str:
        """The state of a sample; numbers that the source does not have are omitted.

        ``done``, which the plugin does not send, is 1 at the end of an episode and 0 otherwise, for the client's
        environment.
        """
        lock = self.find_car(sample).steer_lock
        take = SampleColumns.of_sample(sample, SAMPLE_FIELDS)
        position, yaw = take("world_position_z", "world_position_x"), -take("heading")
        columns = plugin_columns(
            take, position, yaw, wheel_slips(take, yaw, self._find_arms(take, position, yaw)), lock
        )
        return _plain(
            {
                "steps": steps,
                "timestamp_ac": sample.elapsed,
                "total_errors_out_of_sync": out_of_sync,
                "packetId": sample.graphics_packet_id,
                "currentTime": sample.current_time,
                **{name: values[0].tolist() for name, values in columns.items()},
                "done": int(done),
            }
        )

    def _find_arms(self, take: SampleColumns, position: Floats, yaw: Floats) -> Floats:
        """The positions of the wheels relative to the centre of mass, ahead and left in m: (4, 2)."""
        local: Floats = wheel_positions(take, position, yaw)[0]
        if take("speed_kmh")[0] / 3.6 < STANDING_MS:
            self._arms = local
        if self._arms is not None:
            return self._arms
        middle: Floats = local - local.mean(axis=0)
        return middle


def static_text(sample: Sample, length: float | None) -> str:
    """The static info of track and car; ``length`` is that of a lap in m, used if the sample has none."""
    return _plain(static_info(SampleColumns.of_sample(sample, SAMPLE_FIELDS), length))


def config_text(rate: float, port: int, management_port: int, *, active: bool) -> str:
    """The entries of the plugin's configuration that apply here; ``active``: whether the client's actions are used."""
    hertz = int(rate) if rate == int(rate) else rate
    return _plain(
        {
            "version": "ac-telemetry",
            "sampling_freq": hertz,
            "ego_sampling_freq": hertz,
            "telemetry_sampling_freq": 0,
            "ego_server_port": port,
            "simulation_management_server_port": management_port,
            "vjoy_executed_by_server": int(active),
            "screen_capture_enable": 0,
        }
    )


def track_text(geometry: Geometry | None) -> str:
    """Borders and reference line of the track, to the millimetre; empty if the track is not known."""
    if geometry is None:
        return "{}"
    lanes = {"left_lane": geometry.left, "right_lane": geometry.right, "fast_lane": geometry.line}
    return _plain({name: np.round(points, 3).tolist() for name, points in lanes.items()})


def _plain(values: Mapping[str, Any]) -> str:
    return json.dumps({name: value for name, value in values.items() if _is_known(value)})


def _is_known(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_known, value))
    return value is not None and not (isinstance(value, float) and not math.isfinite(value))


def _clip(value: float, low: float) -> float:
    return min(max(value, low), 1.0)
