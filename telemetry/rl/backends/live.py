"""The running game, or a stream of it, as a world: it waits for nobody, so steps keep absolute deadlines."""

import math
from collections.abc import Iterator, Mapping
from threading import Condition, Thread
from typing import Any, Final

import numpy as np

from telemetry.base.clock import Clock
from telemetry.base.errors import NoGameError, TelemetryError
from telemetry.fields.derived import Sample, derive
from telemetry.fields.lap_changes import is_session_start
from telemetry.fields.snapshot import Snapshot, encode, warm_up
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import PageSink, Reading, Source, Step
from telemetry.rl.action import RELEASED, Command
from telemetry.rl.actuators import Actuator, ActuatorLease
from telemetry.rl.backends.base import Backend, Ready, StepResult

RESET_TIMEOUT_S: Final = 60.0
"""How long a reset waits for a car that is ready to drive."""

PAUSE_TIMEOUT_S: Final = 1.0
"""How long a step waits for a game that does not go on."""

_PAUSED: Final = (State.PAUSED, State.REPLAY, State.MENU)
_POLL_S: Final = 0.05


class LiveBackend(Backend):
    """A game that runs by itself. Its actuator is taken by the first reset, and what it reads there is the newest.

    Deadlines lie a control step apart from the first on and cannot drift; those that were missed are dropped and told
    as ``frames_skipped``. ``lateness_ms`` is how long after its deadline the sample was taken, and ``frame_age_ms`` for
    how long the car's physics had not moved then.
    """

    def __init__(
        self,
        source: Source,
        control_hz: float,
        actuator: Actuator,
        *,
        clock: Clock | None = None,
        reset_timeout: float = RESET_TIMEOUT_S,
        sink: PageSink | None = None,
    ) -> None:
        warm_up()
        self.name = source.name
        self.accepts_actions = actuator.active
        self._source = source
        self._hz = control_hz
        self._actuator = actuator
        self._clock = clock or Clock()
        self._patience = reset_timeout
        self._sink = sink
        self._readings: Iterator[Reading] | None = None
        self._controls: ActuatorLease | None = None
        self._sample: Sample | None = None
        self._due: float | None = None
        self._moved_at = 0.0
        self._facts: dict[str, Any] = {}

    def reset(self, seed: int | None, rng: np.random.Generator, options: Mapping[str, Any], ready: Ready) -> Sample:  # noqa: ARG002 - there is no seed to the world outside
        """Have the actuator put the car back, where it can, and wait for a car that may begin.

        Raises SinkError where another environment drives already, NoGameError where no car was ready in time.
        """
        if self._readings is None:
            self._controls = ActuatorLease(self._actuator)
            self._readings = self._source.readings(self._clock, self._hz)
        end, message = self._clock.now() + self._patience, ""
        restart, asked_at = None, math.nan
        for reading in self._readings:
            before, sample, now = self._sample, self._take(reading), self._clock.now()
            if sample is not None and math.isnan(asked_at):  # nobody listens before there is a game
                restart, asked_at = self._actuator.restart(), now
                continue
            began_anew = sample is not None and before is not None and is_session_start(sample, before)
            if restart is not None and not began_anew and now < asked_at + restart.seconds:
                continue
            self._actuator.apply(RELEASED)
            if restart is not None and (began_anew or not restart.complaint):
                restart = None
            # After a load the game is silent for most of a second; the car that is seen then is that of before.
            moves = sample is not None and before is not None and sample.packet_id > before.packet_id
            if sample is not None and moves and restart is None and ready(sample):
                return sample
            message = reading.message or (
                f"The game is {reading.state}."
                if sample is None
                else "The car is not fit to begin with."
                if restart is None
                else restart.complaint
            )
            if self._clock.now() > end:
                break
        raise NoGameError(f"No episode can begin: {self.name} has had no car that is ready to drive. {message}")

    def advance(self, command: Command) -> StepResult:
        """Hand over the command, wait for the next deadline, and take the newest sample."""
        if self._readings is None:
            raise TelemetryError("An episode begins with reset().")
        self._actuator.apply(command)
        end, paused = self._clock.now() + PAUSE_TIMEOUT_S, False
        for reading in self._readings:
            sample = self._take(reading)
            if sample is not None:
                return StepResult(sample, info=self._facts)
            paused = reading.state in _PAUSED
            if self._clock.now() > end:
                break
        self._actuator.apply(RELEASED)
        return StepResult(None, paused=paused, info=self._facts)

    @property
    def info(self) -> Mapping[str, Any]:
        """Lateness, frames skipped and age of the latest sample."""
        return self._facts

    def close(self) -> None:
        """Let go of the car and of the game."""
        if self._controls is not None:
            self._controls.close()
        self._clock.stop()
        if self._readings is not None and hasattr(self._readings, "close"):
            self._readings.close()
        self._source.close()
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def _take(self, reading: Reading) -> Sample | None:
        """The sample of a reading, where the car moves on in time."""
        snapshot = reading.snapshot
        if snapshot is None or not (reading.is_new_step or reading.state is State.LIVE):
            self._due = None
            return None
        before, period = self._sample, 1.0 / self._hz
        sample = self._sample = derive(snapshot, before)
        if before is None or sample.packet_id != before.packet_id:
            self._moved_at = sample.elapsed
        now = self._clock.now()
        due = now if self._due is None else self._due + (1 + reading.missed) * period
        if now < due or now - due > period:  # none is early: so the first was late, or the source began them anew
            due = now
        self._due = due
        self._facts = {
            "lateness_ms": max(now - due, 0.0) * 1e3,
            "frames_skipped": reading.missed,
            "frame_age_ms": max(now - self._moved_at, 0.0) * 1e3,
            "physics_steps": sample.physics_steps or 0,
        }
        if self._sink is not None and (before is None or sample.packet_id != before.packet_id):
            self._sink.write(Step(reading.state, encode(snapshot), sample.elapsed))
        return sample


class NewestSource(Source):
    """A source whose readings come when they come, made one that gives the newest at each deadline.

    It reads the other in a thread, so that none grows old in a queue; what came in between is skipped.
    """

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self._source = source
        self._clock = Clock()
        self._news = Condition()
        self._latest: Reading | None = None
        self._error: Exception | None = None
        self._thread: Thread | None = None

    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        """The newest reading, ``rate`` times per second; not fresh where none came since the one before."""
        if self._thread is None:
            self._clock = clock
            # A daemon: a script that forgets to close its environment must end all the same.
            self._thread = Thread(target=self._read, args=(clock, rate), name=f"reader {self.name}", daemon=True)
            self._thread.start()
        before: Snapshot | None = None
        for missed in clock.ticks(rate or 1.0 / _POLL_S):
            with self._news:
                reading, error = self._latest, self._error
            if error is not None:
                raise error
            if reading is None:
                yield Reading(State.WAITING, missed=missed)
                continue
            is_new_step = reading.is_new_step and reading.snapshot is not before
            before = reading.snapshot
            yield reading._replace(is_new_step=is_new_step, missed=missed)

    def close(self) -> None:
        """End the thread and let go of the source."""
        self._clock.stop()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
            self._thread = None
        self._source.close()

    def _read(self, clock: Clock, rate: float | None) -> None:
        try:
            for reading in self._source.readings(clock, rate):
                with self._news:
                    self._latest = reading
        except Exception as error:  # noqa: BLE001 - raised again where it is asked for
            with self._news:
                self._error = error
