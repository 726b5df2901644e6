"""The running game, or a stream of it, as a backend: it does not wait, so control steps have absolute deadlines."""

import math
from collections.abc import Iterator, Mapping
from threading import Lock, Thread
from typing import Any, Final

import numpy as np

from telemetry.base.clock import Clock
from telemetry.base.errors import NoGameError, TelemetryError
from telemetry.base.typing import override
from telemetry.fields.derived import Sample, derive
from telemetry.fields.lap_changes import is_session_start
from telemetry.fields.snapshot import Snapshot, encode, warm_up
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import PageSink, Reading, Source, Step
from telemetry.rl.action import RELEASED, Command
from telemetry.rl.actuators import Actuator, ActuatorLease, WatchedActuator
from telemetry.rl.backends.base import Backend, Ready, StepResult

RESET_TIMEOUT_S: Final = 60.0
"""How long a reset waits for a car that is ready."""

PAUSE_TIMEOUT_S: Final = 1.0
"""How long a step waits for a game in which time stands still."""

_PAUSED: Final = (State.PAUSED, State.REPLAY, State.MENU)
_POLL_S: Final = 0.05


class LiveBackend(Backend):
    """A game that runs by itself. The first reset takes the actuator; every sample is the newest at its deadline.

    Deadlines are one control step apart and do not drift; late ones are dropped and counted in ``frames_skipped``.
    ``lateness_ms`` is the time from the deadline to the sample, ``frame_age_ms`` the time since the physics of the car
    last advanced, and ``command`` what the latest action asked for: steering, throttle and brake, also where there is
    no actuator to do it. A command without a successor is released, see :class:`WatchedActuator`.
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
        self._actuator = WatchedActuator(actuator) if actuator.active else actuator
        self._clock = clock or Clock()
        self._reset_timeout = reset_timeout
        self._sink = sink
        self._readings: Iterator[Reading] | None = None
        self._lease: ActuatorLease | None = None
        self._sample: Sample | None = None
        self._deadline: float | None = None
        self._advanced_at = 0.0
        self._command = RELEASED
        self._info: dict[str, Any] = {}

    @override
    def reset(self, seed: int | None, rng: np.random.Generator, options: Mapping[str, Any], ready: Ready) -> Sample:
        """Let the actuator put the car back, if it can, and wait for a sample that is ready.

        Raises SinkError if another environment holds the actuator, and NoGameError if no sample was ready in time.
        """
        if self._readings is None:
            self._lease = ActuatorLease(self._actuator)
            self._readings = self._source.readings(self._clock, self._hz)
        self._command = RELEASED
        end, message = self._clock.now() + self._reset_timeout, ""
        restart, requested_at = None, math.nan
        for reading in self._readings:
            before, sample, now = self._sample, self._take(reading), self._clock.now()
            if sample is not None and math.isnan(requested_at):  # without a game nothing would react
                restart, requested_at = self._actuator.restart(), now
                continue
            has_restarted = sample is not None and before is not None and is_session_start(sample, before)
            if restart is not None and not has_restarted and now < requested_at + restart.seconds:
                continue
            self._actuator.apply(RELEASED)
            if restart is not None and (has_restarted or not restart.complaint):
                restart = None
            # While it loads the game does not write for most of a second: until then the pages show the old car.
            advances = sample is not None and before is not None and sample.packet_id > before.packet_id
            if sample is not None and advances and restart is None and ready(sample):
                return sample
            message = reading.message or (
                f"The game is {reading.state}."
                if sample is None
                else "The car already violates an end rule (tyres out, damage)."
                if restart is None
                else restart.complaint
            )
            if self._clock.now() > end:
                break
        raise NoGameError(f"No episode can begin: {self.name} had no car that is ready. {message}")

    @override
    def advance(self, command: Command) -> StepResult:
        """Apply the command, wait for the next deadline, and take the newest sample.

        Raises TelemetryError before the first reset.
        """
        if self._readings is None:
            raise TelemetryError("No episode has begun: call reset() first.")
        self._actuator.apply(command)
        self._command = command
        end, paused, unused = self._clock.now() + PAUSE_TIMEOUT_S, False, 0
        for reading in self._readings:
            sample = self._take(reading, unused)
            if sample is not None:
                return StepResult(sample, info=self._info)
            paused = reading.state in _PAUSED
            unused += 1 + reading.missed
            if self._clock.now() > end:
                break
        self.end_episode()
        age_ms = (self._clock.now() - self._advanced_at) * 1e3
        info = {"frames_skipped": unused, "frame_age_ms": age_ms, "command": np.array(command, dtype=np.float32)}
        return StepResult(None, paused=paused, info={**self._info, **info})

    @override
    def end_episode(self) -> None:
        if self._lease is not None:
            self._actuator.apply(RELEASED)

    @property
    @override
    def info(self) -> Mapping[str, Any]:
        """Lateness, skipped deadlines and age of the latest sample."""
        return self._info

    @override
    def close(self) -> None:
        if self._lease is not None:
            self._lease.close()
        self._clock.stop()
        if self._readings is not None and hasattr(self._readings, "close"):
            self._readings.close()
        self._source.close()
        if self._sink is not None:
            self._sink.close()
            self._sink = None

    def _take(self, reading: Reading, unused: int = 0) -> Sample | None:
        """The sample of a reading after so many ``unused`` deadlines; None while game time does not advance."""
        snapshot = reading.snapshot
        if snapshot is None or not (reading.is_new_step or reading.state is State.LIVE):
            self._deadline = None
            return None
        before, period = self._sample, 1.0 / self._hz
        sample = self._sample = derive(snapshot, before)
        if before is None or sample.packet_id != before.packet_id:
            self._advanced_at = sample.elapsed
        now = self._clock.now()
        deadline = now if self._deadline is None else self._deadline + (1 + reading.missed) * period
        # A sample is never early: the first one was late, or the source has restarted its deadlines.
        if now < deadline or now - deadline > period:
            deadline = now
        self._deadline = deadline
        self._info = {
            "lateness_ms": max(now - deadline, 0.0) * 1e3,
            "frames_skipped": unused + reading.missed,
            "frame_age_ms": max(now - self._advanced_at, 0.0) * 1e3,
            "physics_steps": sample.physics_steps or 0,
            "command": np.array(self._command, dtype=np.float32),
        }
        if self._sink is not None and (before is None or sample.packet_id != before.packet_id):
            self._sink.write(Step(reading.state, encode(snapshot), sample.elapsed))
        return sample


class NewestSource(Source):
    """Gives the newest reading of another source at each deadline.

    A thread reads the other source, so that no reading waits in a queue; readings between two deadlines are skipped.
    """

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self._source = source
        self._clock = Clock()
        self._lock = Lock()
        self._latest: Reading | None = None
        self._error: Exception | None = None
        self._thread: Thread | None = None

    @override
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        """The newest reading, ``rate`` times per second; not a new step if none has come since the previous one.

        Raises the error of the other source.
        """
        if self._thread is None:
            self._clock = clock
            # A daemon thread, so that a script that forgets to close its environment can end.
            self._thread = Thread(target=self._read, args=(clock, rate), name=f"reader {self.name}", daemon=True)
            self._thread.start()
        before: Snapshot | None = None
        for missed in clock.ticks(rate or 1.0 / _POLL_S):
            with self._lock:
                reading, error = self._latest, self._error
            if error is not None:
                raise error
            if reading is None:
                yield Reading(State.WAITING, missed=missed)
                continue
            is_new_step = reading.is_new_step and reading.snapshot is not before
            before = reading.snapshot
            yield reading._replace(is_new_step=is_new_step, missed=missed)

    @override
    def close(self) -> None:
        self._clock.stop()
        if self._thread is not None:
            self._thread.join(timeout=5.0)
            self._thread = None
        self._source.close()

    def _read(self, clock: Clock, rate: float | None) -> None:
        try:
            for reading in self._source.readings(clock, rate):
                with self._lock:
                    self._latest = reading
        except Exception as error:  # noqa: BLE001 - raised again in readings()
            with self._lock:
                self._error = error
