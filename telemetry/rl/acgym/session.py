"""A session with assetto_corsa_gym's client: a world's samples go to it as states, and its answers move the car."""

import json
from collections.abc import Callable
from enum import Enum, auto
from pathlib import Path
from threading import Condition
from typing import Final, NamedTuple

import numpy as np

from telemetry.base.clock import NAP_SECONDS, Clock
from telemetry.base.errors import NoGameError, SourceError, UsageError
from telemetry.fields.derived import Sample
from telemetry.fields.lap_changes import is_session_start
from telemetry.rl.acgym.columns import REQUIRED
from telemetry.rl.acgym.files import find_geometry
from telemetry.rl.acgym.messages import StateWriter, config_text, reply_to, static_text, track_text
from telemetry.rl.acgym.sockets import Address, PluginHandler, PluginSockets
from telemetry.rl.action import RELEASED, Command
from telemetry.rl.actuators import Actuator, ActuatorLease, Restart
from telemetry.rl.backends.base import Backend
from telemetry.tracks.geometry import Geometry

SILENCE_TIMEOUT_S: Final = 1.0
"""How long a client that drove may say nothing until its pedals are let go; a learner is quicker, or has vanished."""

RESET_TIMEOUT_S: Final = 5.0
"""How long a client may drive nothing at all, or a restart may take, until the user is told."""

_PLUGIN_FIELDS: Final = ("LapDist", "gap", "out_of_track", "out_of_track_calc", "sensors", "dist_to_border")
"""What it computes of the rest."""

REQUIRED_FIELDS: Final = (
    *(name for name in REQUIRED if name not in _PLUGIN_FIELDS),
    *("currentTime", "NormalizedSplinePosition", "numberOfTyresOut", "LapCount", "BestLap", "iLastTime"),
)
"""What its environment cannot do without."""

_OUT: Final = 2
"""Tyres off the track with which its environment lets an episode go on."""


class TimeBase(Enum):
    """What lets time pass."""

    WORLD = auto()
    """The world itself: a running game."""
    CLOCK = auto()
    """The clock, at the states' rate."""
    ANSWERS = auto()
    """The client's answers: lock-step."""


class Served(NamedTuple):
    """What went on."""

    states: int
    connections: int


class AcgymSession(PluginHandler):
    """One world for one client at a time.

    Where the pace is not the world's, time stands still while nobody is connected. With an ``actuator`` answers go
    straight to it, but for the time in which it has the car put back. ``say`` is told, in a sentence, what the user
    should know. ``seed`` makes all of a demo's games.
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
        self._backend, self._pace, self._rate, self._clock, self._say = backend, time_base, rate, clock, say
        self._actuator = actuator
        self._drives = backend.accepts_actions or actuator is not None
        self._rng = np.random.default_rng(seed)
        self._acgym, self._ac_root = acgym, ac_root
        self._writer = StateWriter(acgym, ac_root, steer_lock)
        self._places: dict[tuple[str, str], Geometry | None] = {}
        self._said: set[str] = set()
        self._sockets: PluginSockets | None = None
        self._sample: Sample | None = None
        self._over_since: int | None = None  # the connection that saw the end
        self._began = True  # an episode, of which nothing has passed
        self._states = 0
        self._restart: Restart | None = None  # that was asked for and has not come about yet
        self._restart_at = 0.0
        # What the sockets' thread and this one share.
        self._news = Condition()
        self._client: Address | None = None
        self._connections = 0
        self._connected_at = 0.0
        self._steps = 0
        self._answered = 0
        self._answered_at: float | None = None
        self._out_of_sync = 0
        self._command = RELEASED
        self._putting_back = False  # by the actuator, which takes no commands meanwhile
        self._turn = False
        self._reset_asked = False

    def run(self, sockets: PluginSockets, ready: Callable[[], None]) -> Served:
        """Serve until the clock is stopped; ``ready`` is called when the first client may come.

        Raises :class:`telemetry.TelemetryError` where the source ends, or lacks what the client needs, and where the
        actuator cannot be had.
        """
        try:
            self._begin()
        except NoGameError:
            if self._clock.stopped:
                return Served(0, 0)
            raise
        if self._actuator is None:
            self._serve(sockets, ready)
        else:
            with ActuatorLease(self._actuator):
                self._serve(sockets, ready)
        return Served(self._states, self._connections)

    # --- in the thread of the world

    def _serve(self, sockets: PluginSockets, ready: Callable[[], None]) -> None:
        self._sockets = sockets
        sockets.start(self)
        ready()
        try:
            ticks = self._clock.ticks(self._rate)
            while not self._clock.stopped and (self._pace is not TimeBase.CLOCK or next(ticks, None) is not None):
                sockets.check()
                self._send_state(sockets)
        finally:
            with self._news:
                client, self._client = self._client, None
            if client is not None:
                sockets.send("disconnect", client)

    def _begin(self) -> None:
        """See the first sample, and whether it says enough."""
        live = self._pace is TimeBase.WORLD
        sample = self._sample = self._backend.reset(None, self._rng, {}, _any if live else _fit)
        state = json.loads(self._writer.write(sample, steps=0, out_of_sync=0, done=False))
        missing = [name for name in REQUIRED_FIELDS if name not in state]
        if missing:
            raise SourceError(f"{self._backend.name} has no {', '.join(missing)}, and assetto_corsa_gym needs it.")
        car = self._writer.car_of(sample)
        if car.assumed:
            self._say(
                f"The steering lock of {sample.car_model} is not known and was taken for {car.steer_lock:g} degrees, "
                "with which steerAngle is scaled; state it with --steer-lock, or name a checkout with --acgym."
            )

    def _send_state(self, sockets: PluginSockets) -> None:
        """Do what was asked for, let one step pass where it is due, and send the state."""
        with self._news:
            if self._pace is TimeBase.ANSWERS:
                self._news.wait_for(lambda: self._turn or self._reset_asked, NAP_SECONDS)
            turn, self._turn = self._turn or self._pace is not TimeBase.ANSWERS, False
            reset, self._reset_asked = self._reset_asked, False
            connected, connection = self._client is not None, self._connections
            command = self._apply_controls()
        if reset or self._over_since not in (None, connection):
            self._put_back()
        if not turn or self._over_since is not None or not (connected or self._pace is TimeBase.WORLD):
            return
        moment = self._backend.advance(command)
        if moment.sample is None:
            return
        before, self._sample, self._began = self._sample, moment.sample, False
        self._follow_restart(before, moment.sample)
        if moment.last:
            self._over_since = connection
        with self._news:
            if self._client is None or connection != self._connections:
                return
            client = self._client
            self._steps += 1
            steps, out_of_sync = self._steps, self._out_of_sync
        sockets.send(self._writer.write(moment.sample, steps=steps, out_of_sync=out_of_sync, done=moment.last), client)
        self._states += 1

    def _apply_controls(self) -> Command:
        """What is in force; nothing where the client fell silent."""
        now = self._clock.now()
        if self._answered_at is None:
            if self._client is not None and self._drives and now - self._connected_at > RESET_TIMEOUT_S:
                self._print_once(
                    "The client sends no actions, and nothing else drives the car: its config.yml must have "
                    "vjoy_executed_by_server: True."
                )
        elif self._pace is not TimeBase.ANSWERS and now - self._answered_at > SILENCE_TIMEOUT_S:
            self._release()
        return self._command

    def _release(self) -> None:
        if self._command != RELEASED:
            self._command = RELEASED
            if self._actuator is not None and not self._putting_back:
                self._actuator.apply(RELEASED)

    def _put_back(self) -> None:
        """Begin anew, so far as the world can."""
        self._over_since = None
        if self._pace is not TimeBase.WORLD:
            if self._began:  # nothing of it has passed
                return
            self._began = True
            self._sample = self._backend.reset(None, self._rng, {}, _fit)
            return
        with self._news:
            self._restart = None if self._actuator is None else self._actuator.restart()
            self._restart_at = self._clock.now()
            self._putting_back = self._restart is not None
        if self._restart is None:
            self._print_once(
                "The client asks for the car to be put back, which shared memory alone cannot do. Restart in the game, "
                "or let --actuator csp do it, or the --restart-button of another."
            )

    def _follow_restart(self, before: Sample | None, sample: Sample) -> None:
        """Let go of what has the car put back once it stood for long enough, and say where it did nothing."""
        restart = self._restart
        if restart is None:
            return
        passed = self._clock.now() - self._restart_at
        began_anew = before is not None and is_session_start(sample, before)
        if passed < restart.seconds and not began_anew:
            return
        with self._news:
            if self._putting_back and self._actuator is not None:
                self._actuator.apply(RELEASED)
            self._putting_back = False
        if began_anew or not restart.complaint:
            self._restart = None
        elif passed > restart.seconds + RESET_TIMEOUT_S:
            self._restart = None
            self._print_once(restart.complaint)

    # --- in the sockets' thread

    def on_command(self, data: bytes, address: Address) -> None:
        """Follow who is connected, and what hands and feet are to do."""
        with self._news:
            if data == b"connect":
                self._connect(address)
            elif address != self._client:
                return  # who was replaced has no say any more
            elif data == b"disconnect":
                self._client, self._turn, self._out_of_sync = None, False, 0
                self._release()
            else:
                self._answer(data)
            self._news.notify()

    def on_request(self, request: str) -> str | None:
        """Answer a question; a reset is done in the thread of the world, and nothing is said to it."""
        sample, sockets = self._sample, self._sockets
        if sample is None or sockets is None:
            return None
        if request == "reset":
            with self._news:
                self._reset_asked = True
                self._release()
                self._news.notify()
        elif request == "get_static_info":
            place = None if sample.track_spline_length else self._place_of(sample)
            return static_text(sample, None if place is None else place.length)
        elif request == "get_config":
            return config_text(self._rate, sockets.port, sockets.management_port, active=self._drives)
        elif request == "get_track_info":
            return track_text(self._place_of(sample))
        else:
            self._print_once("Somebody asked for what assetto_corsa_gym's plugin does not know; nothing was answered.")
        return None

    def _connect(self, address: Address) -> None:
        before = self._client
        if before is not None and before != address:
            self._say(f"The client at {address[0]}:{address[1]} took over from {before[0]}:{before[1]}.")
        self._client = address
        self._connections += 1
        self._connected_at = self._clock.now()
        self._steps, self._answered, self._answered_at, self._out_of_sync = 0, 0, None, 0
        self._release()
        self._turn = True
        if self._sockets is not None:
            self._sockets.send("identified", address)

    def _answer(self, data: bytes) -> None:
        answer = reply_to(data)
        if answer is None:
            self._print_once("A datagram that is no answer of assetto_corsa_gym's client was ignored.")
            return
        self._answered_at = self._clock.now()
        if answer.steps not in (None, self._steps):
            self._out_of_sync += 1
        if self._pace is TimeBase.ANSWERS:
            if answer.steps not in (None, self._steps) or self._answered == self._steps:
                return
            self._answered = self._steps
            self._turn = True
        if self._actuator is not None:
            if not self._putting_back:
                self._actuator.apply(answer.command)
        elif not self._backend.accepts_actions:
            self._print_once(
                "The client sends its actions, and no --actuator carries them to the game: they are ignored."
                if self._pace is TimeBase.WORLD
                else "The client sends its actions; a recording goes by as it was driven, and they are ignored."
            )
        self._command = answer.command

    def _place_of(self, sample: Sample) -> Geometry | None:
        """The geometry of the sample's track, where it is known."""
        where = (sample.track, sample.track_configuration)
        if where not in self._places:
            self._places[where] = None
            try:
                self._places[where] = find_geometry(*where, acgym=self._acgym, ac_root=self._ac_root)
            except (SourceError, UsageError) as error:
                self._say(str(error))
        return self._places[where]

    def _print_once(self, sentence: str) -> None:
        if sentence not in self._said:
            self._said.add(sentence)
            self._say(sentence)


def _any(sample: Sample) -> bool:  # noqa: ARG001 - whatever the game does is shown
    return True


def _fit(sample: Sample) -> bool:
    """Whether its environment would not end an episode that begins so."""
    return sample.number_of_tyres_out <= _OUT
