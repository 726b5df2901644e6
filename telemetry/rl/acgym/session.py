"""A session with assetto_corsa_gym's client: it gets the samples of a backend as states, and its answers move the car.

The session drives the backend in its own thread. The client's messages arrive in the thread of the sockets and are
handled by :class:`telemetry.rl.acgym.client.ClientConnection`.
"""

import json
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from telemetry.base.clock import NAP_SECONDS, Clock
from telemetry.base.errors import NoGameError, SourceError
from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import is_session_start
from telemetry.rl.acgym.car_control import CarControl
from telemetry.rl.acgym.client import ClientConnection
from telemetry.rl.acgym.columns import REQUIRED
from telemetry.rl.acgym.messages import StateWriter, config_text
from telemetry.rl.acgym.queries import Queries
from telemetry.rl.acgym.sockets import PluginSockets
from telemetry.rl.actuators import Actuator, ActuatorLease
from telemetry.rl.backends.base import Backend

_COMPUTED_BY_CLIENT: Final = ("LapDist", "gap", "out_of_track", "out_of_track_calc", "sensors", "dist_to_border")
"""Columns that its environment computes from the others."""

REQUIRED_FIELDS: Final = (
    *(name for name in REQUIRED if name not in _COMPUTED_BY_CLIENT),
    *("currentTime", "NormalizedSplinePosition", "numberOfTyresOut", "LapCount", "BestLap", "iLastTime"),
)
"""Fields of a state that its environment needs."""

_MAX_TYRES_OUT: Final = 2
"""Tyres off the track with which its environment does not end an episode."""


class TimeBase(Enum):
    """What makes time pass."""

    WORLD = auto()
    """The backend itself: a running game."""
    CLOCK = auto()
    """The clock, at the rate of the states."""
    ANSWERS = auto()
    """The client's answers: lock-step."""


class Served(NamedTuple):
    """Counts of a finished session."""

    states: int
    connections: int


class AcgymSession:
    """Serves one backend to one client at a time.

    Unless the backend is a running game, time stands still while nobody is connected. With an ``actuator`` the client's
    actions go straight to it. ``say`` shows the user a sentence. ``seed`` determines all games of a demo.
    """

    def __init__(
        self,
        backend: Backend,
        time_base: TimeBase,
        *,
        rate: float,
        clock: Clock,
        say: Callable[[str], None],
        actuator: Actuator | None = None,
        seed: int = 0,
        acgym: Path | None = None,
        ac_root: Path | None = None,
        steer_lock: float | None = None,
    ) -> None:
        self._backend, self._time_base, self._rate, self._clock = backend, time_base, rate, clock
        self._say, self._said = say, set[str]()
        self._actuator = actuator
        self._control = CarControl(actuator)
        self._rng = np.random.default_rng(seed)
        self._folders = (acgym, ac_root)
        self._writer = StateWriter(acgym, ac_root, steer_lock)
        self._sample: Sample | None = None
        self._ended_in: int | None = None
        """The number of the connection in which the episode has ended."""
        self._is_fresh = True
        """Whether the episode has had no step yet."""

    def run(self, sockets: PluginSockets, ready: Callable[[], None]) -> Served:
        """Serve until the clock is stopped; ``ready`` is called when a client can connect.

        Raises :class:`telemetry.TelemetryError` if the source ends or lacks required fields, and if the actuator cannot
        be taken.
        """
        try:
            self._read_first_sample()
        except NoGameError:
            if self._clock.stopped:
                return Served(0, 0)
            raise
        if self._actuator is None:
            return self._serve(sockets, ready)
        with ActuatorLease(self._actuator):
            return self._serve(sockets, ready)

    def _read_first_sample(self) -> None:
        """Read the first sample, and check that it has the required fields."""
        is_game = self._time_base is TimeBase.WORLD
        sample = self._sample = self._backend.reset(None, self._rng, {}, _is_any if is_game else _can_begin)
        state = json.loads(self._writer.write(sample, steps=0, out_of_sync=0, done=False))
        missing = [name for name in REQUIRED_FIELDS if name not in state]
        if missing:
            raise SourceError(f"{self._backend.name} has no {', '.join(missing)}; assetto_corsa_gym needs it.")
        car = self._writer.find_car(sample)
        if car.assumed:
            self._say(car.assumption(sample.car_model))

    def _serve(self, sockets: PluginSockets, ready: Callable[[], None]) -> Served:
        ignored_actions = self._ignored_actions()
        config = config_text(self._rate, sockets.port, sockets.management_port, active=not ignored_actions)
        acgym, ac_root = self._folders
        queries = Queries(lambda: self._sample, acgym, ac_root, config=config, warn=self._say, warn_once=self._say_once)
        connection = ClientConnection(
            sockets,
            self._control,
            queries.answer,
            self._clock,
            lock_step=self._time_base is TimeBase.ANSWERS,
            warn=self._say,
            warn_once=self._say_once,
            ignored_actions=ignored_actions,
        )
        sockets.start(connection)
        ready()
        states = 0
        try:
            ticks = self._clock.ticks(self._rate)
            while not self._clock.stopped and (self._time_base is not TimeBase.CLOCK or next(ticks, None) is not None):
                sockets.check()
                states += self._send_next_state(connection, sockets)
        finally:
            connection.close()
        return Served(states, connection.state.connections)

    def _send_next_state(self, connection: ClientConnection, sockets: PluginSockets) -> bool:
        """Do what is due: reset, make a step, send the state. Returns whether a state was sent."""
        turn = connection.take_turn(NAP_SECONDS)
        client = turn.client
        if turn.is_reset_due or self._ended_in not in (None, client.connections):
            self._reset()
        is_watched = turn.receives or self._time_base is TimeBase.WORLD
        if not turn.is_step_due or self._ended_in is not None or not is_watched:
            return False
        result = self._backend.advance(client.command)
        if result.sample is None:
            return False
        before, self._sample, self._is_fresh = self._sample, result.sample, False
        has_restarted = before is not None and is_session_start(result.sample, before)
        complaint = self._control.check_restart(self._clock.now(), has_restarted=has_restarted)
        if complaint:
            self._say_once(complaint)
        if result.last:
            self._ended_in = client.connections
        counted = connection.count_state(client.connections) if turn.receives else None
        if counted is None or counted.address is None:
            return False
        text = self._writer.write(result.sample, steps=counted.sent, out_of_sync=counted.out_of_sync, done=result.last)
        sockets.send(text, counted.address)
        return True

    def _reset(self) -> None:
        """Begin a new episode, as far as the backend can."""
        self._ended_in = None
        if self._time_base is not TimeBase.WORLD:
            if not self._is_fresh:
                self._is_fresh = True
                self._sample = self._backend.reset(None, self._rng, {}, _can_begin)
        elif not self._control.put_back(self._clock.now()):
            self._say_once(
                "The client asks for the car to be put back, which shared memory alone cannot do. Restart in the game, "
                "or use --actuator csp, or another actuator with a --restart-button."
            )

    def _ignored_actions(self) -> str:
        """The warning for a client whose actions move nothing; empty if they move the car."""
        if self._actuator is not None or self._backend.accepts_actions:
            return ""
        if self._time_base is TimeBase.WORLD:
            return "The client's actions are ignored: without an --actuator they cannot reach the game."
        return "The client's actions are ignored: a recording is replayed as it was driven."

    def _say_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._say(sentence)


def _is_any(sample: Sample) -> bool:  # noqa: ARG001 - a running game is shown in every state
    return True


def _can_begin(sample: Sample) -> bool:
    """Whether its environment would not end an episode at once that begins with this sample."""
    return sample.number_of_tyres_out <= _MAX_TYRES_OUT
