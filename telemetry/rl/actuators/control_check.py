"""Whether a game follows an actuator: each control is moved a little, and the game's pages say what it saw of that.

It is the first thing to try with the real game: axes that are not assigned, swapped, inverted or scaled show here, at a
standstill, rather than in the first corner.
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from telemetry.base.clock import Clock
from telemetry.game.doctor.report import DoctorFinding, DoctorStatus
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Reading, Source
from telemetry.rl.action import RELEASED, Command
from telemetry.rl.actuators.base import Actuator, ActuatorLease

RATE_HZ: Final = 100.0
"""How often the pages are looked at."""

WAIT_S: Final = 10.0
"""How long a car is waited for."""

HOLD_S: Final = 0.7
"""How long each command is held: several drawn frames, and less than the second after which commands are released."""

MAX_SPEED_KMH: Final = 5.0
"""A car that is quicker does not stand."""

TOLERANCE: Final = 0.1
"""Difference between what was asked for and what the game shows that counts as the same."""

_BRAKED: Final = Command(brake=0.6)
_TESTS: Final = (
    ("brake", 0.6, _BRAKED),
    ("steer", 0.25, _BRAKED._replace(steer=0.25)),
    ("steer", -0.25, _BRAKED._replace(steer=-0.25)),
    ("throttle", 0.3, _BRAKED._replace(throttle=0.3)),
)
"""The control, its value and the command: the brake first, which then holds the car."""

_AXES: Final = "Assign its axes in the game: X to steering, Y to the throttle, Z to the brake (docs/rl.md)."


class _Seen(NamedTuple):
    """What the game showed of a command."""

    command: Command
    """The controls in the end."""
    delay_ms: float | None
    """Until the control had made half of its way; None if it never did."""


def check_controls(source: Source, actuator: Actuator, clock: Clock) -> list[DoctorFinding]:
    """A finding for each movement of a control, with the car at rest; the controls are released in the end.

    Takes the actuator meanwhile. Raises :class:`telemetry.TelemetryError` if it cannot be taken, or the pages cannot be
    read.
    """
    with ActuatorLease(actuator):
        actuator.apply(RELEASED)
        readings = source.readings(clock, RATE_HZ)
        if (obstacle := _wait_for_car(readings, clock)) is not None:
            return [obstacle]
        findings = [_judge_released(_watch(readings, clock, "throttle", 0.0).command)]
        if findings[0].status is not DoctorStatus.OK:  # who knows what the car would do
            return findings
        for control, value, command in _TESTS:
            actuator.apply(command)
            findings.append(_judge(control, value, _watch(readings, clock, control, value)))
        actuator.apply(RELEASED)
        return findings


def _wait_for_car(readings: Iterator[Reading], clock: Clock) -> DoctorFinding | None:
    """The finding that nothing can be tried; None once a car stands in a live session."""
    end, problem = clock.now() + WAIT_S, ""
    for reading in readings:
        snapshot = reading.snapshot
        if reading.state is State.LIVE and reading.is_new_step and snapshot is not None:
            if snapshot.speed_kmh < MAX_SPEED_KMH:
                return None
            problem = f"The car drives at {snapshot.speed_kmh:.0f} km/h."
        else:
            problem = reading.message or f"The game is {reading.state}."
        if clock.now() > end:
            break
    advice = "Let the car stand, in a session that is not paused, and ask again."
    return DoctorFinding("controls", DoctorStatus.FAIL, f"They could not be tried: {problem}", advice)


def _watch(readings: Iterator[Reading], clock: Clock, control: str, value: float) -> _Seen:
    """What the game shows of a control that was just told to go to this value."""
    begun, delay_ms, seen = clock.now(), None, RELEASED
    before: float | None = None
    for reading in readings:
        if reading.snapshot is not None:
            seen = Command(reading.snapshot.steer_angle, reading.snapshot.gas, reading.snapshot.brake)
            now: float = getattr(seen, control)
            before = now if before is None else before
            if delay_ms is None and abs(now - value) <= abs(before - value) / 2.0:
                delay_ms = (clock.now() - begun) * 1e3
        if clock.now() - begun >= HOLD_S:
            break
    return _Seen(seen, delay_ms)


def _judge_released(shown: Command) -> DoctorFinding:
    """What to say about controls that were released."""
    values = ", ".join(f"{name} {value:.2f}" for name, value in shown._asdict().items())
    facts: dict[str, object] = {name: round(value, 3) for name, value in shown._asdict().items()}
    message = f"With all controls released the game shows {values}."
    if all(abs(value) <= TOLERANCE for value in shown):
        return DoctorFinding("released", DoctorStatus.OK, message, facts=facts)
    advice = f"{_AXES} Invert a pedal that shows 1, and take hands and feet off other devices. Nothing else was tried."
    return DoctorFinding("released", DoctorStatus.FAIL, message, advice, facts)


def _judge(control: str, value: float, seen: _Seen) -> DoctorFinding:
    """What to say about a control that was told to go to this value."""
    shown: float = getattr(seen.command, control)
    topic = {"steer": "steer right" if value > 0.0 else "steer left"}.get(control, control)
    facts: dict[str, object] = {"asked": value, "shown": round(shown, 3), "delay_ms": seen.delay_ms}
    message = f"Asked for {value:g}, and the game shows {shown:.2f}"
    if abs(shown - value) <= TOLERANCE:
        delay = "" if seen.delay_ms is None else f" after {seen.delay_ms:.0f} ms"
        return DoctorFinding(topic, DoctorStatus.OK, f"{message}{delay}.", facts=facts)
    if abs(shown) <= TOLERANCE:
        other = _moved_instead(control, value, seen.command)
        if other:
            return DoctorFinding(topic, DoctorStatus.FAIL, f"{message}; the {other} moved instead.", _AXES, facts)
        advice = f"{_AXES} The game must be in front, and for csp its Custom AI must be enabled."
        return DoctorFinding(topic, DoctorStatus.FAIL, f"{message}: it does not follow.", advice, facts)
    if shown * value < 0.0:
        advice = "Invert the axis in the game's controls."
        return DoctorFinding(topic, DoctorStatus.FAIL, f"{message}: the wrong way.", advice, facts)
    advice = (
        "Set the game's rotation to at most the car's lock, gamma to 1, and dead zone, filter and speed sensitivity to "
        "0: a policy learns, or has learnt, that controls do what it says."
    )
    return DoctorFinding(topic, DoctorStatus.WARN, f"{message}: not the same.", advice, facts)


def _moved_instead(control: str, value: float, seen: Command) -> str:
    """Another control that went where this one should have gone; empty if none did."""
    expected = RELEASED._replace(brake=0.0 if control == "brake" else _BRAKED.brake)
    for other in Command._fields:
        moved = abs(getattr(seen, other) - getattr(expected, other)) > TOLERANCE
        if other != control and moved and abs(abs(getattr(seen, other)) - abs(value)) <= TOLERANCE:
            return {"steer": "steering"}.get(other, other)
    return ""
