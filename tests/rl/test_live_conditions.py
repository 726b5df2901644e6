"""What a live environment does when the game hangs, pauses, restarts or dies, on a game that follows a script.

The clock is one that jumps, so that nothing here depends on how quick the machine is.
"""

import gc
import math
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from telemetry.base.clock import Clock
from telemetry.base.errors import NoGameError, SinkError
from telemetry.base.typing import override
from telemetry.fields.snapshot import Snapshot
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Reading, Source
from telemetry.rl import Spec, advance, begin
from telemetry.rl.action import RELEASED, Command
from telemetry.rl.actuators import Actuator, ActuatorLease, NoActuator, Restart, VirtualWheel, WatchedActuator
from telemetry.rl.backends.base import StepResult
from telemetry.rl.backends.live import LiveBackend
from telemetry.rl.ending import Ending, Reason
from tests.conftest import PATIENCE, REPOSITORY, snapshot_of, wait_until

RATE = 16.0  # so that times are exact
STEP_M = 1.25
"""Metres that the car drives in a control step."""

FULL = Command(throttle=1.0)


class Hands(Actuator):
    """Notes what it is told to do."""

    def __init__(self, *, restarts: bool = False) -> None:
        self.commands: list[Command] = []
        self.is_open = False
        self._restarts = restarts

    @override
    def open(self) -> None:
        self.is_open = True

    @override
    def apply(self, command: Command) -> None:
        self.commands.append(command)

    @override
    def restart(self) -> Restart | None:
        return Restart(0.1) if self._restarts else None

    @override
    def close(self) -> None:
        self.is_open = False


class ScriptedGame(Source):
    """A car at 20 m/s, one reading per control step; a test sets the state and what else is different."""

    name = "script"

    def __init__(self) -> None:
        self.condition = (State.LIVE, True)
        """The state, and whether physics advances."""
        self.next_conditions: deque[tuple[State, bool]] = deque()
        """Those of the next readings, before that one counts again."""
        self.missed = 0
        """Deadlines missed before the next reading."""
        self.packet_id = 1000
        self.changes: dict[str, object] = {}
        """Values of fields, until they are removed."""
        self._metres = 100.0

    @override
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        assert rate
        while True:
            missed, self.missed = self.missed, 0
            clock.sleep_until(clock.now() + (1 + missed) / rate)
            state, runs = self.next_conditions.popleft() if self.next_conditions else self.condition
            if runs:
                self.packet_id += 21 * (1 + missed)
                self._metres += STEP_M * (1 + missed)
            if state in (State.LOADING, State.GONE):
                yield Reading(state, message=f"It is {state}.")
            else:
                yield Reading(state, self._snapshot(clock), runs, missed, message="" if runs else f"It is {state}.")

    def _snapshot(self, clock: Clock) -> Snapshot:
        place = {"world_position_x": self._metres, "normalized_position": self._metres / 3000.0 % 1.0}
        common = {"packet_id": self.packet_id, "elapsed": clock.now(), "speed_kmh": 72.0}
        return snapshot_of(**{**common, "distance_traveled": self._metres, **place, **self.changes})


class Drive:
    """An episode in such a game, by the same functions as the environment's."""

    def __init__(self, actuator: Actuator | None = None, *, reset_timeout: float = 5.0, **spec: float) -> None:
        self.game = ScriptedGame()
        self.hands = Hands() if actuator is None else actuator
        self.clock = Clock(math.inf)
        self.spec = Spec.from_dict({"control_hz": RATE, "reward": {"progress": 1.0}, "end": spec})
        self.backend = LiveBackend(self.game, RATE, self.hands, clock=self.clock, reset_timeout=reset_timeout)

    def reset(self) -> None:
        sample = self.backend.reset(None, np.random.default_rng(), {}, lambda sample: not sample.number_of_tyres_out)
        self.state, _ = begin(self.spec, sample)

    def step(self, command: Command = FULL) -> tuple[StepResult, float, Ending]:
        """The result, the reward and the end of one more step."""
        result = self.backend.advance(command)
        sample = result.sample or self.state.sample
        lost = result.sample is None and not result.paused
        self.state, outcome = advance(
            self.spec, self.state, sample, (0.0, 1.0), lost=lost, paused=result.paused, last=result.last
        )
        return result, round(outcome.reward, 6), outcome.ending


@pytest.fixture
def drive() -> Iterator[Drive]:
    drive = Drive()
    drive.reset()
    yield drive
    drive.backend.close()


def hands_of(drive: Drive) -> Hands:
    assert isinstance(drive.hands, Hands)
    return drive.hands


def test_a_step_without_new_physics_gives_the_same_sample_and_says_how_old_it_is(drive: Drive) -> None:
    first, reward, _ = drive.step()
    assert first.sample
    assert (reward, first.info["frame_age_ms"], first.info["physics_steps"]) == (STEP_M, 0.0, 21)
    drive.game.condition = (State.LIVE, False)
    for number in range(1, 4):
        result, reward, ending = drive.step()
        assert result.sample
        assert (result.sample.packet_id, reward, ending) == (first.sample.packet_id, 0.0, Ending())
        assert result.info["frame_age_ms"] == 62.5 * number
        assert result.info["frames_skipped"] == 0
    drive.game.condition = (State.LIVE, True)
    result, reward, _ = drive.step()
    assert (reward, result.info["frame_age_ms"]) == (STEP_M, 0.0)


def test_deadlines_that_passed_while_the_learner_was_slow_are_counted_and_their_metres_are_paid(drive: Drive) -> None:
    drive.step()
    drive.game.missed = 3
    result, reward, ending = drive.step()
    assert (result.info["frames_skipped"], result.info["physics_steps"]) == (3, 84)
    assert reward == 4 * STEP_M
    assert ending == Ending()


def test_a_page_that_could_not_be_read_costs_a_deadline_and_not_the_episode(drive: Drive) -> None:
    drive.step()
    drive.game.next_conditions.append((State.LOADING, True))
    result, reward, ending = drive.step()
    assert (result.info["frames_skipped"], reward, ending) == (1, 2 * STEP_M, Ending())


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        (State.PAUSED, "paused"),
        (State.REPLAY, "paused"),
        (State.MENU, "paused"),  # of a session without other players, which stands still behind it
        (State.STALLED, "source_lost"),  # a game that froze, crashed or was killed leaves its pages behind
        (State.GONE, "source_lost"),
    ],
)
def test_a_game_that_stands_still_truncates_after_a_second_and_the_controls_are_released(
    drive: Drive, state: State, reason: Reason
) -> None:
    drive.step()
    drive.game.condition = (state, False)
    before = drive.clock.now()
    result, reward, ending = drive.step()
    assert (result.sample, reward, ending) == (None, 0.0, Ending(truncated=True, reason=reason))
    assert drive.clock.now() - before == 1.0625
    assert result.info["frames_skipped"] == 17
    assert result.info["frame_age_ms"] == 1062.5
    assert hands_of(drive).commands[-2:] == [FULL, RELEASED]
    with pytest.raises(
        NoGameError, match=rf"^No episode can begin: script had no car that is ready\. It is {state}\.$"
    ):
        drive.reset()
    drive.game.condition = (State.LIVE, True)
    drive.reset()
    assert drive.step()[2] == Ending()


def test_a_pause_that_is_shorter_than_that_is_only_a_late_step(drive: Drive) -> None:
    drive.step()
    drive.game.next_conditions.extend([(State.PAUSED, False)] * 8)
    result, reward, ending = drive.step()
    assert (reward, ending, result.info["frames_skipped"]) == (STEP_M, Ending(), 8)
    assert hands_of(drive).commands[-1] == FULL


def test_behind_the_menu_of_an_online_session_the_episode_goes_on(drive: Drive) -> None:
    drive.game.condition, drive.game.changes = (State.MENU, True), {"is_esc_menu_visible": 1}
    for _ in range(3):
        result, reward, ending = drive.step()
        assert (result.info["frames_skipped"], reward, ending) == (0, STEP_M, Ending())


def test_a_restart_truncates_with_the_first_sample_of_the_new_session_and_pays_no_jump(drive: Drive) -> None:
    drive.step()
    drive.game.packet_id = 0
    result, reward, ending = drive.step()
    assert result.sample
    assert (result.sample.packet_id, reward, ending) == (21, 0.0, Ending(truncated=True, reason="restarted"))
    drive.reset()
    assert drive.step()[1:] == (STEP_M, Ending())


def test_a_car_that_is_put_into_the_pits_gets_nothing_for_the_jump_and_ends_for_want_of_progress() -> None:
    drive = Drive(no_progress_seconds=0.5)
    drive.reset()
    drive.step()
    standing = {"normalized_position": 0.9, "world_position_x": -900.0, "speed_kmh": 0.0, "distance_traveled": 5000.0}
    drive.game.changes = {**standing, "is_in_pit": 1, "is_in_pit_lane": 1}
    steps = [drive.step() for _ in range(7)]
    assert [reward for _, reward, _ in steps] == [0.0] * 7
    assert [ending for *_, ending in steps[:-1]] == [Ending()] * 6
    assert steps[-1][2] == Ending(terminated=True, reason="no_progress")
    drive.backend.close()


# --- what is sent, and when it ends


@pytest.mark.parametrize("actuator", [NoActuator(), Hands()])
def test_info_has_the_command_whether_it_is_sent_or_not(actuator: Actuator) -> None:
    drive = Drive(actuator)
    drive.reset()
    assert drive.backend.info["command"].tolist() == [0.0, 0.0, 0.0]
    first, _, _ = drive.step(Command(-0.25, 0.5, 0.125))
    second, _, _ = drive.step(Command(-0.25, 0.5, 0.125))
    assert first.info["command"].tolist() == second.info["command"].tolist() == [-0.25, 0.5, 0.125]
    assert first.info["command"] is not second.info["command"]
    assert drive.backend.accepts_actions == isinstance(actuator, Hands)
    drive.backend.close()


def test_the_end_of_an_episode_releases_the_controls() -> None:
    drive = Drive()
    drive.backend.end_episode()  # before the first there is nothing to let go of
    assert hands_of(drive).commands == []
    drive.reset()
    drive.step()
    drive.backend.end_episode()
    assert hands_of(drive).commands[-2:] == [FULL, RELEASED]
    drive.backend.close()
    assert not hands_of(drive).is_open


def test_a_command_that_no_other_follows_is_released(drive: Drive) -> None:
    hands = Hands()
    with ActuatorLease(watched := WatchedActuator(hands, timeout_s=0.02)):
        watched.apply(FULL)
        wait_until(lambda: len(hands.commands) == 2)
        watched.apply(FULL)
        wait_until(lambda: len(hands.commands) == 4)
    assert hands.commands == [FULL, RELEASED] * 2
    assert not hands.is_open


def test_an_actuator_that_puts_the_car_back_is_left_to_it() -> None:
    hands = Hands(restarts=True)
    watched = WatchedActuator(hands, timeout_s=PATIENCE)
    watched.open()
    watched.apply(FULL)
    assert watched.restart() == Restart(0.1)
    watched.close()
    assert hands.commands == [FULL]


def test_an_environment_that_nobody_closes_lets_go_when_it_is_forgotten() -> None:
    drive = Drive()
    drive.reset()
    drive.step()
    hands = hands_of(drive)
    assert hands.is_open
    del drive
    gc.collect()
    assert not hands.is_open


FAILING = """
import sys
from pathlib import Path
from telemetry.rl.action import Command
from telemetry.rl.actuators import ActuatorLease, CustomAi, WatchedActuator
actuator = WatchedActuator(CustomAi(Path(sys.argv[1])))
lease = ActuatorLease(actuator)
actuator.apply(Command(throttle=1.0))
raise SystemExit(f"{len(list(Path(sys.argv[1]).iterdir()))} mapping")
"""


def test_a_script_that_fails_leaves_no_controls_behind(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FAILING, str(tmp_path)], cwd=REPOSITORY, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr.splitlines()) == (1, ["1 mapping"])
    assert sys.platform == "win32" or list(tmp_path.iterdir()) == []


class GoneDevice:
    """A stand-in for evdev whose device the kernel has removed."""

    class ecodes:  # noqa: N801 - the library's name
        EV_ABS, EV_KEY, ABS_X, ABS_Y, ABS_Z, BTN_JOYSTICK = range(6)

    def AbsInfo(self, **_values: int) -> None:  # noqa: N802 - the library's name
        pass

    def UInput(self, _events: object, *, name: str) -> "GoneDevice":  # noqa: N802 - the library's name
        assert name
        return self

    def write(self, *_event: int) -> None:
        raise OSError(19, "No such device")


def test_a_wheel_that_is_gone_is_said_in_a_sentence() -> None:
    wheel = VirtualWheel(GoneDevice())
    wheel.open()
    with pytest.raises(SinkError) as caught:
        wheel.apply(FULL)
    assert str(caught.value) == "The virtual wheel takes no commands any more: No such device."
