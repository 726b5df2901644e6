"""From an action to what hands and feet do, and back from what was recorded to the action that says it."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from telemetry.fields.derived import Sample
from telemetry.rl.spec import Action, Spec


class Command(NamedTuple):
    """What hands and feet do: ``steer`` -1..1, + right, as a share of the lock; ``throttle`` and ``brake`` 0..1."""

    steer: float = 0.0
    throttle: float = 0.0
    brake: float = 0.0


RELEASED: Final = Command()
"""Hands and feet off."""


def to_command(spec: Spec, action: Sequence[float], latest: Command = RELEASED) -> Command:
    """What an action asks for, after the ``latest`` command; numbers beyond -1..1 are cut, what is none counts as 0."""
    axes = [min(max(float(value), -1.0), 1.0) if value == value else 0.0 for value in action]  # noqa: PLR0124 - NaN
    if spec.action.delta:
        moved = zip(_axes(spec.action, latest), axes, _limits(spec), strict=True)
        axes = [min(max(value + change * limit, -1.0), 1.0) for value, change, limit in moved]
    if spec.action.pedals == "steer_pedal":
        steer, pedal = axes
        return Command(steer * spec.action.steer_range, max(pedal, 0.0), max(-pedal, 0.0))
    steer, throttle, brake = axes
    return Command(steer * spec.action.steer_range, 0.5 + 0.5 * throttle, 0.5 + 0.5 * brake)


def recorded_command(sample: Sample) -> Command:
    """What hands and feet did up to this sample."""
    return Command(
        _within(sample.steer_angle, -1.0),
        _within(sample.gas, 0.0),
        _within(sample.brake, 0.0),
    )


def recorded_action(spec: Spec, before: Sample, after: Sample) -> tuple[float, ...]:
    """The action in force from one sample to the next: the controls that the latter recorded, or their change.

    Steering beyond the specification's range, or a change faster than its rates, is as good as the action can say: 1.
    """
    axes = _axes(spec.action, recorded_command(after))
    if spec.action.delta:
        moved = zip(axes, _axes(spec.action, recorded_command(before)), _limits(spec), strict=True)
        return tuple(min(max((now - then) / limit, -1.0), 1.0) for now, then, limit in moved)
    return axes


def _axes(action: Action, command: Command) -> tuple[float, ...]:
    """Where the controls stand, each as -1..1."""
    steer = min(max(command.steer / action.steer_range, -1.0), 1.0)
    if action.pedals == "steer_pedal":
        return steer, command.throttle - command.brake
    return steer, 2.0 * command.throttle - 1.0, 2.0 * command.brake - 1.0


def _limits(spec: Spec) -> tuple[float, ...]:
    """How far each control moves in one step at most."""
    steer = spec.action.steer_rate / spec.action.steer_range / spec.control_hz
    pedal = spec.action.pedal_rate / spec.control_hz
    return (steer, *[pedal] * (spec.action.size - 1))


def _within(value: float, low: float) -> float:
    return min(max(value, low), 1.0) if value == value else 0.0  # noqa: PLR0124 - NaN
