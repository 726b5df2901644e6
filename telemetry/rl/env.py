"""The Gymnasium environment: a specification, and a backend to drive in."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypedDict, Unpack

import gymnasium
import numpy as np

from telemetry.base.errors import TelemetryError, UsageError
from telemetry.base.typing import override
from telemetry.fields.derived import Sample
from telemetry.recording.interfaces import PageSink
from telemetry.rl.action import recorded_action, recorded_command, to_command
from telemetry.rl.actuators import Actuator
from telemetry.rl.backends import BackendOptions, open_backend
from telemetry.rl.episode import EpisodeState, advance, begin, check_end, info
from telemetry.rl.needed_fields import describe_lacking, needed_fields
from telemetry.rl.observation import ObservationValue, layout
from telemetry.rl.spaces import action_space, observation_space
from telemetry.rl.spec import Spec, as_spec
from telemetry.sources import open_page_sink
from telemetry.tracks.track import TrackMap
from telemetry.tracks.track_folder import TrackFolder

ActionValue = Any
"""The numbers of an action, as an array or any sequence."""


class SpecChanges(TypedDict, total=False):
    """Options of :class:`DriveEnv` that change single points of its specification; None changes nothing."""

    control_hz: float | None
    observation: str | None
    """``observation.shape``: ``flat`` or ``dict``."""
    mask: bool | None
    """``observation.mask``."""
    action: str | None
    """``action.pedals``: ``steer_pedal`` or ``steer_throttle_brake``."""
    delta: bool | None
    """``action.delta``."""
    reward: str | Mapping[str, float] | None
    """The name of a preset, or weights by term."""


class DriveOptions(SpecChanges, total=False):
    """Options of :class:`DriveEnv`: those of the specification, and those of the backend."""

    start: str
    """Demo: ``grid``, at rest ``anywhere`` on the racing line, or ``flying``: anywhere on it and in motion."""
    physics: str
    """Demo: what computes the car, with the same bits: ``python``, or ``numba``, which needs the extra of that name."""
    actuator: str | Actuator
    """Live: what carries the actions to the game."""
    restart_button: int | None
    """Live: the button of ``vjoy`` or ``uinput`` that a reset presses."""
    reset_timeout: float
    """Live: seconds that a reset waits for a car that is ready."""
    patience: float
    """The former name of ``reset_timeout``."""


class DriveEnv(gymnasium.Env[ObservationValue, ActionValue]):
    """Driving in a ``source``: ``demo``, ``demo:SCENARIO``, ``replay:FILE``, ``live``, a directory, ``ws://…``.

    ``specification`` is a :class:`Spec`, its values, or a file. ``track`` is the map of a track that is not known, and
    ``tracks`` a folder of track files with the roads of many, see :class:`telemetry.tracks.TrackFolder`.
    ``record`` names a file to which the complete run is recorded, together with the name of the ``policy``. The other
    options are those of :class:`DriveOptions`. Raises :class:`telemetry.TelemetryError`.

    Numbers of an action are clipped to -1..1. If commands do not move the car (a replay, or no actuator), the recorded
    action is in force: ``info["action"]`` holds it, and ``info["action_ignored"]`` is true.
    """

    metadata = {"render_modes": []}  # noqa: RUF012 - Gymnasium declares it as an instance attribute

    def __init__(
        self,
        source: str | Path = "demo",
        *,
        specification: Spec | Mapping[str, Any] | str | Path | None = None,
        track: TrackMap | None = None,
        tracks: str | Path | None = None,
        record: str | Path | None = None,
        policy: str = "",
        render_mode: str | None = None,
        **options: Unpack[DriveOptions],
    ) -> None:
        if render_mode is not None:
            raise UsageError(f"render_mode must be None, got {render_mode!r}: the environment cannot be rendered.")
        changes, backend_options = _split_options(options)
        self.specification = change_spec(as_spec(specification), changes)
        self._tracks = None if tracks is None else TrackFolder.read(Path(tracks))
        self.render_mode = None
        self.observation_space = observation_space(self.specification)
        self.action_space = action_space(self.specification)
        open_sink = None if record is None else partial(open_run_sink, record, policy, str(source), self.specification)
        backend_options = replace(backend_options, randomisation=self.specification.randomisation)
        self._backend = open_backend(str(source), self.specification.control_hz, backend_options, open_sink=open_sink)
        if lacking := describe_lacking(needed_fields(self.specification), self._backend.missing_fields):
            self._backend.close()
            raise UsageError(f"{self._backend.name} does not hold {lacking}, which the task needs.")
        self._track = track
        self._state: EpisodeState | None = None

    @property
    def observation_names(self) -> tuple[str, ...]:
        """The names of the numbers of a flat observation."""
        return layout(self.specification).names

    @property
    def sample(self) -> Sample:
        """The latest sample, with all its fields. Raises TelemetryError before the first reset."""
        return self._current_state.sample

    @override
    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[ObservationValue, dict[str, Any]]:
        """Begin a new episode; return its first observation and its info.

        ``options`` may hold ``start`` or ``position`` for the demo, and ``begin`` for a replay. With a seed a replay
        starts at its beginning again; without, it continues where the last episode ended. Raises TelemetryError.
        """
        super().reset(seed=seed)
        spec = self.specification

        def can_begin(sample: Sample) -> bool:
            return not check_end(spec, begin(spec, sample, self._find_track(sample))[0]).reason

        latest = self._state.sample if self._state else None
        sample = self._backend.reset(seed, self.np_random, options or {}, can_begin)
        self._state, observation = begin(spec, sample, self._find_track(sample), continued=sample is latest)
        no_reward = dict.fromkeys(spec.reward.weights, 0.0)
        return observation, self._info(sample, no_reward, "", [0.0] * spec.action.size, self._backend.info)

    @override
    def step(self, action: ActionValue) -> tuple[ObservationValue, float, bool, bool, dict[str, Any]]:
        """One control step: observation, reward, terminated, truncated and info.

        Raises UsageError for an action of the wrong length, and TelemetryError before the first reset.
        """
        spec, state, backend = self.specification, self._current_state, self._backend
        taken = _axes(action, spec.action.size)
        command = to_command(spec, taken, state.command)
        result = backend.advance(command)
        sample = state.sample if result.sample is None else result.sample
        if not backend.accepts_actions:
            taken, command = recorded_action(spec, state.sample, sample), recorded_command(sample)
        lost = result.sample is None and not result.paused
        self._state, outcome = advance(
            spec, state, sample, taken, command=command, lost=lost, paused=result.paused, last=result.last
        )
        ending = outcome.ending
        if ending.reason:
            backend.end_episode()
        info = self._info(sample, outcome.terms, ending.reason, taken, result.info)
        return outcome.observation, outcome.reward, ending.terminated, ending.truncated, info

    @override
    def close(self) -> None:
        """Release the source, the actuator and the recording; can be called more than once."""
        self._backend.close()
        self._state = None

    @property
    def _current_state(self) -> EpisodeState:
        if self._state is None:
            raise TelemetryError("No episode has begun: call reset() first.")
        return self._state

    def _find_track(self, sample: Sample) -> TrackMap | None:
        """The map that the user gave of the track of this sample; None: the known one, if there is any."""
        if self._track is not None or self._tracks is None:
            return self._track
        return self._tracks.find_map(sample.track, sample.track_configuration)

    def _info(
        self,
        sample: Sample,
        terms: dict[str, float],
        reason: str,
        action: Sequence[float],
        backend_info: Mapping[str, Any],
    ) -> dict[str, Any]:
        return {
            **info(sample),
            **backend_info,
            "reason": reason,
            "reward_terms": terms,
            "action": np.array(action, dtype=np.float32),
            "action_ignored": not self._backend.accepts_actions,
        }


def _split_options(options: Mapping[str, Any]) -> tuple[dict[str, Any], BackendOptions]:
    """The changes of the specification, and the options of the backend. TypeError for an unknown option."""
    unknown = [name for name in options if name not in DriveOptions.__optional_keys__]
    if unknown:
        raise TypeError(f"DriveEnv() got an unexpected keyword argument {unknown[0]!r}")
    changes = {name: value for name, value in options.items() if name in SpecChanges.__optional_keys__}
    others = {name: value for name, value in options.items() if name not in changes}
    if "patience" in others:
        others.setdefault("reset_timeout", others.pop("patience"))
    return changes, BackendOptions(**others)


def change_spec(spec: Spec, changes: Mapping[str, Any]) -> Spec:
    """The specification with all changes that are not None. Raises UsageError."""
    values = spec.to_dict()
    sections = {"observation": ("observation", "shape"), "mask": ("observation", "mask")}
    sections |= {"action": ("action", "pedals"), "delta": ("action", "delta")}
    for name, change in changes.items():
        if change is None:
            continue
        if name in sections:
            section, key = sections[name]
            values[section][key] = change
        else:
            values[name] = dict(change) if isinstance(change, Mapping) else change
    return Spec.from_dict(values)


def _axes(action: Any, size: int) -> tuple[float, ...]:
    """The numbers of an action, clipped to -1..1; NaN becomes 0."""
    axes = list(map(float, np.asarray(action).ravel().tolist()))
    if len(axes) != size:
        raise UsageError(f"An action must have {size} numbers here, got {len(axes)}.")
    return tuple([0.0 if math.isnan(value) else min(max(value, -1.0), 1.0) for value in axes])


def open_run_sink(record: str | Path, policy: str, source: str, spec: Spec) -> PageSink:
    """The recording of a run, with its source, policy and specification in the metadata. Raises TelemetryError."""
    metadata = {"source": source, "driver": policy, "policy": policy, "specification": spec.to_json()}
    return open_page_sink(Path(record), metadata={name: text for name, text in metadata.items() if text})
