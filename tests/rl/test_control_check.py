"""What is found where a game's axes are assigned as they should be, and where they are not."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from telemetry.base.clock import Clock
from telemetry.base.typing import override
from telemetry.game.doctor import DoctorFinding
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Reading, Source
from telemetry.rl.action import RELEASED, Command
from telemetry.rl.actuators import Actuator
from telemetry.rl.actuators.control_check import check_controls
from tests.conftest import main_in_process, snapshot_of

Wiring = Callable[[Command], Command]


class Game(Source, Actuator):
    """A game and the device in it: what the one is told the other shows, 20 ms later, as it is wired."""

    name = ""

    def __init__(self, wiring: Wiring, *, state: State = State.LIVE, speed_kmh: float = 0.0) -> None:
        self.wiring, self.state, self.speed_kmh = wiring, state, speed_kmh
        self.commands: list[Command] = []
        self.is_open = False

    @override
    def open(self) -> None:
        self.is_open = True

    @override
    def apply(self, command: Command) -> None:
        self.commands.append(command)

    @override
    def close(self) -> None:
        self.is_open = False

    @override
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        assert rate
        shown = [RELEASED]
        for _ in clock.ticks(rate):
            steer, throttle, brake = shown[0]
            controls = {"steer_angle": steer, "gas": throttle, "brake": brake}
            runs = self.state is State.LIVE
            yield Reading(self.state, snapshot_of(speed_kmh=self.speed_kmh, **controls), runs)
            shown = [*shown[-1:], self.wiring(self.commands[-1])]


def examine(wiring: Wiring = lambda command: command, **game: Any) -> tuple[list[DoctorFinding], Game]:
    played = Game(wiring, **game)
    findings = check_controls(played, played, Clock(math.inf))
    assert not played.is_open
    return findings, played


def table(findings: list[DoctorFinding]) -> list[tuple[str, str, str]]:
    return [(finding.topic, str(finding.status), finding.message) for finding in findings]


def test_controls_that_follow_are_ok_and_are_released_in_the_end() -> None:
    findings, game = examine()
    assert table(findings) == [
        ("released", "ok", "With all controls released the game shows steer 0.00, throttle 0.00, brake 0.00."),
        ("brake", "ok", "Asked for 0.6, and the game shows 0.60 after 20 ms."),
        ("steer right", "ok", "Asked for 0.25, and the game shows 0.25 after 20 ms."),
        ("steer left", "ok", "Asked for -0.25, and the game shows -0.25 after 20 ms."),
        ("throttle", "ok", "Asked for 0.3, and the game shows 0.30 after 20 ms."),
    ]
    assert game.commands[-1] == RELEASED
    assert all(command.brake == 0.6 for command in game.commands if command.throttle)


def test_a_game_that_does_not_hear_the_device_is_told_apart_from_one_that_is_wired_wrongly() -> None:
    findings, _ = examine(lambda _: RELEASED)
    assert [finding.message for finding in findings[1:]] == [
        f"Asked for {value:g}, and the game shows 0.00: it does not follow." for value in (0.6, 0.25, -0.25, 0.3)
    ]
    assert findings[1].advice.startswith(
        "Assign its axes in the game: X to steering, Y to the throttle, Z to the brake"
    )


def test_pedals_that_are_swapped_are_named() -> None:
    findings, _ = examine(lambda command: Command(command.steer, command.brake, command.throttle))
    assert table(findings)[1] == (
        "brake",
        "fail",
        "Asked for 0.6, and the game shows 0.00; the throttle moved instead.",
    )


def test_steering_that_is_inverted_is_named() -> None:
    findings, _ = examine(lambda command: command._replace(steer=-command.steer))
    assert table(findings)[2:4] == [
        ("steer right", "fail", "Asked for 0.25, and the game shows -0.25: the wrong way."),
        ("steer left", "fail", "Asked for -0.25, and the game shows 0.25: the wrong way."),
    ]


def test_steering_that_the_game_scales_is_a_warning() -> None:
    findings, _ = examine(lambda command: command._replace(steer=command.steer * 0.5))
    assert table(findings)[2] == ("steer right", "warn", "Asked for 0.25, and the game shows 0.12: not the same.")
    assert findings[2].facts == {"asked": 0.25, "shown": 0.125, "delay_ms": pytest.approx(20.0)}


def test_with_a_pedal_that_is_inverted_nothing_else_is_tried() -> None:
    findings, game = examine(lambda command: command._replace(throttle=1.0 - command.throttle))
    assert table(findings) == [
        ("released", "fail", "With all controls released the game shows steer 0.00, throttle 1.00, brake 0.00.")
    ]
    assert set(game.commands) == {RELEASED}


@pytest.mark.parametrize(
    ("game", "problem"),
    [({"speed_kmh": 80.0}, "The car drives at 80 km/h."), ({"state": State.PAUSED}, "The game is paused.")],
)
def test_a_car_that_does_not_stand_is_not_touched(game: dict[str, Any], problem: str) -> None:
    findings, played = examine(**game)
    assert table(findings) == [("controls", "fail", f"They could not be tried: {problem}")]
    assert set(played.commands) == {RELEASED}


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("none", "--actuator none moves nothing that could be checked."),
        ("wheel", "Unknown actuator 'wheel'; there are none, csp, uinput, vjoy."),
    ],
)
def test_an_actuator_that_cannot_be_checked_is_refused(name: str, sentence: str, tmp_path: Path) -> None:
    done = main_in_process("doctor", "--source", tmp_path, "--actuator", name)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", f"ac-telemetry: {sentence}\n")
