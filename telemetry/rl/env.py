"""The environment: a specification, and a world to drive in, by the rules of Gymnasium."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np

from telemetry.base.errors import TelemetryError, UsageError
from telemetry.fields.derived import Sample
from telemetry.recording.interfaces import PageSink
from telemetry.rl.action import recorded_action, recorded_command, to_command
from telemetry.rl.actuators import Actuator
from telemetry.rl.backends import open_backend
from telemetry.rl.backends.live import RESET_TIMEOUT_S
from telemetry.rl.episode import EpisodeState, advance, begin, check_end, info
from telemetry.rl.observation import ObservationValue, layout
from telemetry.rl.spaces import action_space, observation_space
from telemetry.rl.spec import Spec, as_spec
from telemetry.sources import open_page_sink
from telemetry.tracks.track import TrackMap

ActionValue = Any
"""Numbers, as an array or in any sequence."""


class DriveEnv(gymnasium.Env[ObservationValue, ActionValue]):
    """Driving, or looking on, in a ``source``: ``demo``, ``demo:SCENARIO``, ``replay:FILE``, ``live``, DIR, ``ws://…``.

    ``specification`` is a :class:`Spec`, its values, or its file; ``control_hz``, ``observation`` (flat or dict),
    ``mask``, ``action`` (steer_pedal or steer_throttle_brake), ``delta`` and ``reward`` (a preset or weights) change
    single points of it. ``track`` is the map of a track that is not known by itself. ``start`` is about the demo, the
    ``grid`` or ``anywhere``; ``actuator``, ``restart_button`` (of vjoy and uinput, pressed by a reset) and
    ``reset_timeout`` (seconds that a reset waits for a car) are about a live source. ``record`` names a recording of
    the whole run, which is marked with the name of the ``policy``. Raises :class:`telemetry.TelemetryError`.

    Numbers of an action beyond -1..1 are cut. Where commands move nothing (a replay, or no actuator), the action in
    force is the one that was recorded: it is in ``info["action"]``, and ``info["action_ignored"]`` is true.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium's own declaration

    def __init__(
        self,
        source: str | Path = "demo",
        *,
        specification: Spec | Mapping[str, Any] | str | Path | None = None,
        control_hz: float | None = None,
        observation: str | None = None,
        mask: bool | None = None,
        action: str | None = None,
        delta: bool | None = None,
        reward: str | Mapping[str, float] | None = None,
        track: TrackMap | None = None,
        start: str = "grid",
        actuator: str | Actuator = "none",
        restart_button: int | None = None,
        reset_timeout: float = RESET_TIMEOUT_S,
        record: str | Path | None = None,
        policy: str = "",
        render_mode: str | None = None,
    ) -> None:
        if render_mode is not None:
            raise UsageError(f"render_mode: {render_mode!r} is none; there is nothing to be rendered.")
        changes = {
            "control_hz": control_hz,
            "observation": {"shape": observation, "mask": mask},
            "action": {"pedals": action, "delta": delta},
            "reward": reward,
        }
        self.specification = _changed(as_spec(specification), changes)
        self.render_mode = None
        self.observation_space = observation_space(self.specification)
        self.action_space = action_space(self.specification)
        self._backend = open_backend(
            str(source),
            self.specification.control_hz,
            start=start,
            actuator=actuator,
            restart_button=restart_button,
            reset_timeout=reset_timeout,
            sink=None if record is None else partial(_sink, record, policy, str(source), self.specification),
        )
        self._track = track
        self._memory: EpisodeState | None = None

    @property
    def observation_names(self) -> tuple[str, ...]:
        """What the numbers of a flat observation are."""
        return layout(self.specification).names

    @property
    def sample(self) -> Sample:
        """The latest sample, whole."""
        return self._running.sample

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObservationValue, dict[str, Any]]:
        """A new episode: its first observation, and what is to be known of it.

        On the demo ``options`` may hold ``start`` or ``position``, on a replay ``begin``. With a seed a replay goes
        back to its beginning; without, it goes on where the last episode ended.
        """
        super().reset(seed=seed)
        spec = self.specification

        def ready(sample: Sample) -> bool:
            return not check_end(spec, begin(spec, sample, self._track)[0]).reason

        sample = self._backend.reset(seed, self.np_random, options or {}, ready)
        self._memory, observation = begin(spec, sample, self._track)
        nothing = dict.fromkeys(spec.reward.weights, 0.0)
        return observation, self._info(sample, nothing, "", [0.0] * spec.action.size, self._backend.info)

    def step(self, action: ActionValue) -> tuple[ObservationValue, float, bool, bool, dict[str, Any]]:
        """One control step: observation, reward, terminated, truncated, and what is to be known of it."""
        spec, memory, backend = self.specification, self._running, self._backend
        done = _axes(action, spec.action.size)
        moment = backend.advance(to_command(spec, done, memory.command))
        sample = memory.sample if moment.sample is None else moment.sample
        if not backend.accepts_actions:
            done = recorded_action(spec, memory.sample, sample)
        lost = moment.sample is None and not moment.paused
        now, outcome = advance(spec, memory, sample, done, lost=lost, paused=moment.paused, last=moment.last)
        self._memory = now if backend.accepts_actions else replace(now, command=recorded_command(sample))
        ending = outcome.ending
        info = self._info(sample, outcome.terms, ending.reason, done, moment.info)
        return outcome.observation, outcome.reward, ending.terminated, ending.truncated, info

    def close(self) -> None:
        """Let go of the source, the car and the recording; harmless when done twice."""
        self._backend.close()
        self._memory = None

    @property
    def _running(self) -> EpisodeState:
        if self._memory is None:
            raise TelemetryError("An episode begins with reset().")
        return self._memory

    def _info(
        self,
        sample: Sample,
        terms: Mapping[str, float],
        reason: str,
        action: Sequence[float],
        more: Mapping[str, Any],
    ) -> dict[str, Any]:
        return {
            **info(sample),
            **more,
            "reason": reason,
            "reward_terms": dict(terms),
            "action": np.array(action, dtype=np.float32),
            "action_ignored": not self._backend.accepts_actions,
        }


def _changed(spec: Spec, changes: Mapping[str, Any]) -> Spec:
    """The specification with what is not None in its place."""
    values = spec.to_dict()
    for key, change in changes.items():
        if key == "reward" and isinstance(change, Mapping):
            values[key] = dict(change)
        elif isinstance(change, Mapping):
            values[key] |= {name: value for name, value in change.items() if value is not None}
        elif change is not None:
            values[key] = change
    return Spec.from_dict(values)


def _axes(action: Any, size: int) -> tuple[float, ...]:
    axes = [float(value) for value in np.asarray(action).ravel()]
    if len(axes) != size:
        raise UsageError(f"An action has {size} numbers here, and this one {len(axes)}.")
    return tuple([min(max(value, -1.0), 1.0) if value == value else 0.0 for value in axes])  # noqa: PLR0124 - NaN


def _sink(record: str | Path, policy: str, source: str, spec: Spec) -> PageSink:
    marks = {"source": source, "driver": policy, "policy": policy, "specification": spec.to_json()}
    return open_page_sink(Path(record), metadata={name: text for name, text in marks.items() if text})
