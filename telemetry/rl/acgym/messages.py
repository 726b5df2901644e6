"""What goes to and fro between assetto_corsa_gym's plugin and its client, as text.

Its client hands what it gets to Python's ``eval``. All that is said here is JSON and Python alike: there are no
``true``, ``false``, ``null`` and NaN in it.
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from telemetry.fields.derived import Sample
from telemetry.rl.acgym.columns import place_of_wheels, plugin_columns, static_info, wheel_slips
from telemetry.rl.acgym.files import CarMap, find_car
from telemetry.rl.action import Command
from telemetry.rl.datasets.columns import SampleColumns
from telemetry.tracks.geometry import Floats, Geometry

STANDING: Final = 1.0
"""m/s below which the car's place and its points of contact, which are not written together, fit together."""


class Reply(NamedTuple):
    """What a client answers to a state: what hands and feet are to do, and the ``steps`` of that state, if it says."""

    command: Command
    steps: int | None


def reply_to(data: bytes) -> Reply | None:
    """The answer in a datagram; None where it is none. Its axes are -1..1, and pedals are up at -1."""
    try:
        said = json.loads(data)
        steer, throttle, brake = (float(said[axis]) for axis in ("steer", "acc", "brake"))
        steps = said.get("server_steps")
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return None
    if not all(map(math.isfinite, (steer, throttle, brake))):
        return None
    command = Command(_cut(steer, -1.0), _cut(0.5 + 0.5 * throttle, 0.0), _cut(0.5 + 0.5 * brake, 0.0))
    return Reply(command, steps if isinstance(steps, int) else None)


class StateWriter:
    """Writes samples as the plugin's states.

    Where the wheels are from the centre of mass, which slip angles need, is learnt when the car stands; before that
    the centre is taken to be in their middle.
    """

    def __init__(self, acgym: Path | None, ac_root: Path | None, steer_lock: float | None) -> None:
        self._folders = {"acgym": acgym, "ac_root": ac_root, "steer_lock": steer_lock}
        self._model: str | None = None
        self._car: CarMap | None = None
        self._arms: Floats | None = None

    def car_of(self, sample: Sample) -> CarMap:
        """What is known of the sample's car."""
        if self._car is None or sample.car_model != self._model:
            self._car = find_car(sample.car_model, **self._folders)  # type: ignore[arg-type]
            self._model, self._arms = sample.car_model, None
        return self._car

    def write(self, sample: Sample, *, steps: int, out_of_sync: int, done: bool) -> str:
        """The state of a sample; numbers that the source does not have are left out.

        ``done`` is not the plugin's own: it ends the client's episode, and takes back that one was ended.
        """
        lock = self.car_of(sample).steer_lock
        take = SampleColumns((sample,))
        place, yaw = take("world_position_z", "world_position_x"), -take("heading")
        columns = plugin_columns(take, place, yaw, wheel_slips(take, yaw, self._arms_of(take, place, yaw)), lock)
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

    def _arms_of(self, take: SampleColumns, place: Floats, yaw: Floats) -> Floats:
        local: Floats = place_of_wheels(take, place, yaw)[0]
        if take("speed_kmh")[0] / 3.6 < STANDING:
            self._arms = local
        if self._arms is not None:
            return self._arms
        middle: Floats = local - local.mean(axis=0)
        return middle


def static_text(sample: Sample, length: float | None) -> str:
    """What its client asserts of track and car."""
    return _plain(static_info(sample, length))


def config_text(rate: float, port: int, management_port: int, *, active: bool) -> str:
    """The plugin's configuration, so far as it means something here."""
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
    """Borders and line of the track, to the millimetre; nothing of one that is not known."""
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


def _cut(value: float, low: float) -> float:
    return min(max(value, low), 1.0)
