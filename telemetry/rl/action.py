"""Conversion of actions to driver inputs, and of recorded driver inputs to actions."""

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np

from telemetry.fields.blocks import Array
from telemetry.fields.derived import Sample
from telemetry.rl.sample_columns import SampleColumns
from telemetry.rl.spec import Action, Spec


class Command(NamedTuple):
    """Driver inputs: ``steer`` -1..1, + right, as a fraction of the lock; ``throttle`` and ``brake`` 0..1."""

    steer: float = 0.0
    throttle: float = 0.0
    brake: float = 0.0


RELEASED: Final = Command()
"""Wheel straight, pedals released."""


def to_command(spec: Spec, action: Sequence[float], latest: Command = RELEASED) -> Command:
    """The command of an action that follows the ``latest`` command; numbers are clipped to -1..1, NaN counts as 0."""
    axes = [_clip(float(value), -1.0) for value in action]
    if spec.action.delta:
        moved = zip(_axes(spec.action, latest), axes, _limits(spec), strict=True)
        axes = [min(max(value + change * limit, -1.0), 1.0) for value, change, limit in moved]
    if spec.action.pedals == "steer_pedal":
        steer, pedal = axes
        return Command(steer * spec.action.steer_range, max(pedal, 0.0), max(-pedal, 0.0))
    steer, throttle, brake = axes
    return Command(steer * spec.action.steer_range, 0.5 + 0.5 * throttle, 0.5 + 0.5 * brake)


class Commands(NamedTuple):
    """A :class:`Command` for each of many cars: (n,) each."""

    steer: Array
    throttle: Array
    brake: Array


def to_commands(spec: Spec, actions: Array, latest: Commands) -> Commands:
    """:func:`to_command` of each row of actions: (n, axes)."""
    axes = _clip_columns(np.nan_to_num(actions.astype(np.float64), nan=0.0, posinf=np.inf, neginf=-np.inf), -1.0)
    if spec.action.delta:
        held = np.clip(latest.steer / spec.action.steer_range, -1.0, 1.0)
        if spec.action.pedals == "steer_pedal":
            controls = np.stack([held, latest.throttle - latest.brake], axis=1)
        else:
            controls = np.stack([held, 2.0 * latest.throttle - 1.0, 2.0 * latest.brake - 1.0], axis=1)
        axes = _clip_columns(controls + axes * np.array(_limits(spec)), -1.0)
    steer = axes[:, 0] * spec.action.steer_range
    if spec.action.pedals == "steer_pedal":
        return Commands(steer, np.maximum(axes[:, 1], 0.0), np.maximum(-axes[:, 1], 0.0))
    return Commands(steer, 0.5 + 0.5 * axes[:, 1], 0.5 + 0.5 * axes[:, 2])


def recorded_command(sample: Sample) -> Command:
    """The driver inputs recorded in a sample."""
    return Command(_clip(sample.steer_angle, -1.0), _clip(sample.gas, 0.0), _clip(sample.brake, 0.0))


def recorded_action(spec: Spec, before: Sample, after: Sample) -> tuple[float, ...]:
    """The action from one sample to the next: the controls recorded in the second one, or their change.

    Steering outside the specification's range, and changes faster than its rates, are clipped to -1..1.
    """
    axes = _axes(spec.action, recorded_command(after))
    if spec.action.delta:
        changes = zip(axes, _axes(spec.action, recorded_command(before)), _limits(spec), strict=True)
        return tuple(min(max((new - old) / limit, -1.0), 1.0) for new, old, limit in changes)
    return axes


def recorded_action_columns(spec: Spec, samples: SampleColumns) -> Array:
    """:func:`recorded_action` of each sample and the one after it, as float64: (n - 1, k) for n samples."""
    steer, gas, brake = (
        _clip_columns(np.nan_to_num(samples(name), nan=0.0, posinf=np.inf, neginf=-np.inf), low)
        for name, low in (("steer_angle", -1.0), ("gas", 0.0), ("brake", 0.0))
    )
    steer = _clip_columns(steer / spec.action.steer_range, -1.0)
    if spec.action.pedals == "steer_pedal":
        axes = np.stack([steer, gas - brake], axis=1)
    else:
        axes = np.stack([steer, 2.0 * gas - 1.0, 2.0 * brake - 1.0], axis=1)
    return _clip_columns(np.diff(axes, axis=0) / np.array(_limits(spec)), -1.0) if spec.action.delta else axes[1:]


def _axes(action: Action, command: Command) -> tuple[float, ...]:
    """The positions of the controls, each as -1..1."""
    steer = min(max(command.steer / action.steer_range, -1.0), 1.0)
    if action.pedals == "steer_pedal":
        return steer, command.throttle - command.brake
    return steer, 2.0 * command.throttle - 1.0, 2.0 * command.brake - 1.0


def _limits(spec: Spec) -> tuple[float, ...]:
    """The largest movement of each control in one step."""
    steer = spec.action.steer_rate / spec.action.steer_range / spec.control_hz
    pedal = spec.action.pedal_rate / spec.control_hz
    return (steer, *[pedal] * (spec.action.size - 1))


def _clip(value: float, low: float) -> float:
    return 0.0 if math.isnan(value) else min(max(value, low), 1.0)


def _clip_columns(values: Array, low: float) -> Array:
    values = np.where(values < low, low, values)  # which leaves -0.0 as it is, like the functions of Python
    return np.where(values > 1.0, 1.0, values)
