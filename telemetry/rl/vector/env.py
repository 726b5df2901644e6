"""The vector environment: many demo cars in one step, each with the episode that it would have alone."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final, Unpack

import gymnasium
import numpy as np
from gymnasium.vector.utils import batch_space

from telemetry.base.errors import TelemetryError, UsageError
from telemetry.base.typing import override
from telemetry.demo.circuit import find_circuit
from telemetry.demo.fleet.fields import FleetBlock, StillFields
from telemetry.demo.fleet.fleet import NUMPY, PHYSICS, Fleet
from telemetry.demo.settings import DemoSettings
from telemetry.fields.blocks import Array
from telemetry.fields.derived import Sample
from telemetry.formats.table import recording_suffix, stem_of
from telemetry.rl.action import RELEASED, Commands, recorded_command, to_commands
from telemetry.rl.backends.demo import DemoBackend, physics_steps
from telemetry.rl.ending import Progress
from telemetry.rl.env import SpecChanges, change_spec, open_run_sink
from telemetry.rl.episode import begin, info, info_columns
from telemetry.rl.needed_fields import sample_fields
from telemetry.rl.observation import ObservationValue, layout, observer
from telemetry.rl.reward import Transitions, reward_columns
from telemetry.rl.spaces import action_space, observation_space
from telemetry.rl.spec import Spec, as_spec
from telemetry.rl.step_columns import StepColumns
from telemetry.rl.vector.infos import add_masks, join_infos, mask_infos, set_info
from telemetry.rl.vector.progress import ProgressColumns, find_endings
from telemetry.rl.vector.samples import FleetSamples, is_followed
from telemetry.tracks.track import TrackMap

NEXT_STEP, SAME_STEP, DISABLED = "NextStep", "SameStep", "Disabled"
"""Gymnasium's modes of starting the next episode by themselves; its 1.0 knows only the first, and has no names."""

_MODES: Final = (NEXT_STEP, SAME_STEP, DISABLED)
_PLAIN_SCENARIOS: Final = ("laps", "lockup", "offtrack", "worn")
"""The scenarios that change nothing but the car and what its own driver does."""


class VectorOptions(SpecChanges, total=False):
    """Options of :class:`DriveVectorEnv`: those of the specification, and where episodes begin."""

    start: str
    """``grid``, at rest ``anywhere`` on the racing line, or ``flying``: anywhere on it and in motion."""


class DriveVectorEnv(gymnasium.vector.VectorEnv[Any, Any, Any]):
    """``num_envs`` cars of the demo, stepped together; each drives as it would alone in a :class:`DriveEnv`.

    Car ``i`` has the seed ``seed + i``, as in Gymnasium's own vector environments, and with it the same episode in a
    batch of any size. ``autoreset_mode`` is one of Gymnasium's, or its value: ``NextStep``, ``SameStep`` or
    ``Disabled``.

    ``record`` is where the complete runs of the ``recorded_cars`` are recorded, each in a file of its own, together
    with the name of the ``policy``: a file for one car, ``run.mcap``, which for several becomes ``run_0.mcap`` and
    ``run_5.mcap``; or a folder, in which the files are called ``car_0.mcap``.

    ``physics`` is what computes the cars, with the same bits: ``numpy``, or ``numba``, which needs the extra of that
    name, compiles them for some ten seconds, and is then faster, the more so the fewer cars there are. Raises
    :class:`telemetry.TelemetryError`.
    """

    metadata: dict[str, Any] = {"render_modes": [], "autoreset_mode": NEXT_STEP}  # noqa: RUF012 - as Gymnasium has it

    def __init__(
        self,
        num_envs: int = 1,
        source: str = "demo",
        *,
        specification: Spec | Mapping[str, Any] | str | Path | None = None,
        track: TrackMap | None = None,
        autoreset_mode: Any = NEXT_STEP,
        record: str | Path | None = None,
        recorded_cars: Sequence[int] = (0,),
        policy: str = "",
        physics: str = NUMPY,
        render_mode: str | None = None,
        **options: Unpack[VectorOptions],
    ) -> None:
        # What `close` needs comes first: Gymnasium calls it for an environment whose options were refused, too.
        self._begun = np.zeros(0, bool)
        self._closing = ExitStack()
        self._recorded: dict[int, DemoBackend] = {}
        if render_mode is not None:
            raise UsageError(f"render_mode must be None, got {render_mode!r}: the environment cannot be rendered.")
        if type(num_envs) is not int or num_envs < 1:
            raise UsageError(f"num_envs must be an integer from 1 on, got {num_envs!r}.")
        if physics not in PHYSICS:
            raise UsageError(f"physics must be {' or '.join(PHYSICS)}, got {physics!r}.")
        start = options.pop("start", "grid")
        spec = change_spec(as_spec(specification), options)
        self.specification = spec
        self.num_envs = num_envs
        self._mode = _mode_value(autoreset_mode)
        self.autoreset_mode = _mode_of(self._mode)  # where Gymnasium's own have it, which TorchRL reads
        self.metadata = {**self.metadata, "autoreset_mode": self.autoreset_mode}
        self.single_observation_space, self.single_action_space = observation_space(spec), action_space(spec)
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        settings = _demo_settings(source)
        fields = sample_fields(spec)
        if odd := [name for name in fields if not is_followed(name)]:
            raise UsageError(
                f"{', '.join(sorted(odd))} cannot be observed in a vector environment; use vectorization_mode='sync'."
            )
        self._track = track
        self._maps: list[TrackMap | None] = [track] * num_envs
        self._cars_by_map: list[tuple[TrackMap | None, Array]] = []
        self._backend = DemoBackend(settings, spec.control_hz, start, randomisation=spec.randomisation)
        numbers = range(1, spec.randomisation.circuits + 1) if spec.randomisation.circuits else [settings.circuit]
        self._fleet = Fleet([find_circuit(number).track for number in numbers], num_envs, physics)
        self._still = StillFields(num_envs)
        self._samples = FleetSamples(fields, num_envs)
        self._progress = ProgressColumns.empty(num_envs)
        self._rngs: list[np.random.Generator | None] = [None] * num_envs
        self._ticks = np.zeros(num_envs, np.int64)
        self._first_step = np.zeros(num_envs, np.int64)
        self._commands = Commands(*np.zeros((3, num_envs)))
        ages, axes = spec.observation.action_history, spec.action.size
        self._history = np.zeros((num_envs, ages, axes))
        self._previous = np.full((num_envs, axes), np.nan)
        self._ended = np.zeros(num_envs, bool)
        self._begun = np.zeros(num_envs, bool)
        if record is not None:
            with ExitStack() as opened:
                for index, path in _recordings(record, recorded_cars, num_envs).items():
                    sink = opened.enter_context(open_run_sink(path, policy, str(source), spec))
                    self._recorded[index] = DemoBackend(settings, spec.control_hz, start, sink, spec.randomisation)
                self._closing = opened.pop_all()

    @property
    def observation_names(self) -> tuple[str, ...]:
        """The names of the numbers of a flat observation."""
        return layout(self.specification).names

    @override
    def reset(
        self, *, seed: int | Sequence[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin new episodes; return the first observations and infos.

        ``seed`` is that of the first car and one more for each of the others, or a list of seeds. ``options`` may hold
        ``start`` or ``position``, as for a single car, and ``reset_mask``, which cars to reset: (num_envs,) of bool.
        """
        options = dict(options or {})
        mask = _reset_mask(options.pop("reset_mask", None), self.num_envs)
        if not (mask | self._begun).all():
            raise UsageError("reset_mask: the first reset must be of all cars.")
        seeds = _seeds(seed, self.num_envs)
        observations, infos = self._begin(np.flatnonzero(mask), seeds, options)
        rows = self._observe()
        for index, observation in observations.items():
            _set_row(rows, index, observation)
        return rows, mask_infos(join_infos(infos, self.num_envs), mask)

    @override
    def step(self, actions: Any) -> tuple[Any, Array, Array, Array, dict[str, Any]]:
        """One control step of all cars: observations, rewards, terminated, truncated and infos.

        Raises UsageError for actions of the wrong shape, and TelemetryError for a car whose episode has not begun, or
        has ended and is not reset by itself.
        """
        if not self._begun.all():
            raise TelemetryError("No episode has begun: call reset() first.")
        if self._mode == DISABLED and self._ended.any():
            raise TelemetryError(
                f"The episode of car {int(np.argmax(self._ended))} has ended: reset it with "
                "options={'reset_mask': ...} before the next step."
            )
        resting = self._ended.copy() if self._mode == NEXT_STEP else np.zeros(self.num_envs, bool)
        observations, rewards, ending, infos = self._drive(self._axes(actions))
        terminated, truncated = ending.terminated & ~resting, ending.truncated & ~resting
        rewards[resting] = 0.0
        self._ended = terminated | truncated
        for index in self._recorded:
            if self._ended[index]:
                self._fleet.unfollow(index)
        again = {NEXT_STEP: resting, SAME_STEP: self._ended.copy()}.get(self._mode, np.zeros(self.num_envs, bool))
        if again.any():
            cars = np.flatnonzero(again)
            if self._mode == SAME_STEP:
                finals = np.full(self.num_envs, None, dtype=object)
                for index in cars.tolist():
                    finals[index] = _row(observations, index)
                final_info = mask_infos(infos, again)
            first, own = self._begin(cars, [None] * self.num_envs, {})
            for index, observation in first.items():
                _set_row(observations, index, observation)
                set_info(infos, index, own[index])
            if self._mode == SAME_STEP:
                infos |= {"final_obs": finals, "_final_obs": again.copy()}
                infos |= {"final_info": final_info, "_final_info": again.copy()}
        return observations, rewards, terminated, truncated, infos

    @override
    def close_extras(self, **kwargs: Any) -> None:
        """Finish the recordings; Gymnasium calls this from ``close``. Raises SinkError."""
        self._begun[:] = False
        for index in self._recorded:
            self._fleet.unfollow(index)
        self._recorded = {}
        self._closing.close()

    # --- a step

    def _drive(self, axes: Array) -> tuple[Any, Array, Any, dict[str, Any]]:
        """One control step of all cars, whether their episodes have ended or not."""
        spec, fleet = self.specification, self._fleet
        self._commands = to_commands(spec, axes, self._commands)
        self._ticks += 1
        due = self._first_step + np.floor(physics_steps(self._ticks, spec.control_hz)).astype(np.int64)
        fleet.run(due - fleet.steps, *self._commands)
        before = self._samples.columns
        self._samples.advance(self._block())
        after = self._samples.columns
        steps = StepColumns(before, after)
        progress = self._progress.add(spec.end, after("elapsed"), steps)
        laps = progress.laps - self._progress.laps
        self._progress = progress
        transitions = Transitions(before, after, steps, spec.step_seconds, axes, self._previous, self._maps, laps)
        rewards, terms = reward_columns(spec, transitions)
        self._previous = axes
        if self._history.size:
            self._history = np.concatenate([axes[:, np.newaxis], self._history[:, :-1]], axis=1)
        ending = find_endings(spec, after, progress)
        infos = {
            **info_columns(after),
            "reason": ending.reason,
            "reward_terms": terms,
            "action": axes.astype(np.float32),
            "action_ignored": np.zeros(self.num_envs, bool),
        }
        return self._observe(), rewards, ending, add_masks(infos, self.num_envs)

    def _observe(self) -> Any:
        """The observations of all cars."""
        observe, samples, groups = observer(self.specification).rows, self._samples.columns, self._cars_by_map
        if len(groups) == 1:
            return observe(samples, self._history, groups[0][0])
        parts: list[Any] = [observe(samples.select(cars), self._history[cars], track) for track, cars in groups]
        order = np.argsort(np.concatenate([cars for _, cars in groups]))
        if self.specification.observation.shape == "flat":
            return np.concatenate(parts)[order]
        return {name: np.concatenate([part[name] for part in parts])[order] for name in parts[0]}

    def _block(self) -> FleetBlock:
        return FleetBlock(self._fleet, self._ticks / self.specification.control_hz, self._ticks.copy(), self._still)

    def _axes(self, actions: Any) -> Array:
        """The numbers of the actions, clipped to -1..1; NaN becomes 0."""
        axes = np.asarray(actions, dtype=np.float64)
        shape = (self.num_envs, self.specification.action.size)
        if axes.shape != shape:
            raise UsageError(f"Actions must have the shape {shape} here, got {axes.shape}.")
        axes = np.where(np.isnan(axes), 0.0, axes)
        axes = np.where(axes < -1.0, -1.0, axes)  # which leaves -0.0 as it is, like a single car
        return np.where(axes > 1.0, 1.0, axes)

    # --- beginning an episode

    def _begin(
        self, cars: Array, seeds: Sequence[int | None], options: Mapping[str, Any]
    ) -> tuple[dict[int, ObservationValue], dict[int, dict[str, Any]]]:
        """Begin an episode of each of these cars; return their observations and infos by car."""
        spec = self.specification
        observations, infos = {}, {}
        no_reward = dict.fromkeys(spec.reward.weights, 0.0)
        for index in cars.tolist():
            backend = self._recorded.get(index, self._backend)
            sample = backend.reset(None, self._rng(index, seeds[index]), options, lambda _: True)
            state, observations[index] = begin(spec, sample, self._track)
            self._maps[index] = state.track
            self._take(index, backend, sample, state.progress)
            infos[index] = {
                **info(sample),
                "reason": "",
                "reward_terms": dict(no_reward),
                "action": np.zeros(spec.action.size, np.float32),
                "action_ignored": False,
            }
        self._ended[cars], self._begun[cars] = False, True
        self._cars_by_map = _group_by_map(self._maps)
        return observations, infos

    def _take(self, index: int, backend: DemoBackend, sample: Sample, progress: Progress) -> None:
        """Let the car of the backend's game go on as one of the fleet."""
        game = backend.game
        self._ticks[index], self._first_step[index] = 0, game.steps
        self._fleet.take(index, game, sample, backend.record if index in self._recorded else None)
        self._still.take(index, sample)
        self._samples.take(index, sample, self._block())
        self._progress.take(index, progress)
        command = recorded_command(sample) if self.specification.action.delta else RELEASED
        for column, value in zip(self._commands, command, strict=True):
            column[index] = value
        self._history[index], self._previous[index] = 0.0, np.nan

    def _rng(self, index: int, seed: int | None) -> np.random.Generator:
        """The generator of one car's episodes, begun anew with a seed."""
        rng = self._rngs[index]
        if rng is None or seed is not None:
            rng, _ = gymnasium.utils.seeding.np_random(seed)
            self._rngs[index] = rng
        return rng


def _demo_settings(source: str) -> DemoSettings:
    """The settings of a source that can be stepped together. Raises UsageError."""
    name, _, rest = str(source).partition(":")
    if name != "demo":
        raise UsageError(f"Only the demo can be stepped together, not {source}: use vectorization_mode='sync'.")
    settings = DemoSettings.parse(rest)
    if settings.scenario not in _PLAIN_SCENARIOS:
        raise UsageError(
            f"The scenario {settings.scenario!r} is driven one car at a time: use vectorization_mode='sync', or one of "
            f"{', '.join(_PLAIN_SCENARIOS)}."
        )
    return settings


def _recordings(record: str | Path, cars: Sequence[int], count: int) -> dict[int, Path]:
    """The file in which each of these cars is recorded. Raises UsageError for cars that there are not."""
    cars = list(cars)
    if not cars or len(set(cars)) < len(cars) or not all(index in range(count) for index in cars):
        raise UsageError(f"recorded_cars must be different numbers from 0 to {count - 1}, at least one, got {cars}.")
    path = Path(record)
    if path.is_dir() or not path.suffix:
        return {index: path / f"car_{index}.mcap" for index in cars}
    if len(cars) == 1:
        return {cars[0]: path}
    suffix = recording_suffix(path) or path.suffix  # of no recording: refused when it is opened
    return {index: path.with_name(f"{stem_of(path)}_{index}{suffix}") for index in cars}


def _group_by_map(maps: Sequence[TrackMap | None]) -> list[tuple[TrackMap | None, Array]]:
    """The cars that drive on each map, of the map of each car; maps are told apart by which object they are."""
    cars: dict[int, list[int]] = {}
    for index, track in enumerate(maps):
        cars.setdefault(id(track), []).append(index)
    return [(maps[own[0]], np.array(own)) for own in cars.values()]


def _mode_value(mode: Any) -> str:
    """The value of one of Gymnasium's autoreset modes, given as such or by its value. Raises UsageError."""
    value = getattr(mode, "value", mode)
    if value not in _MODES:
        raise UsageError(f"autoreset_mode must be one of {', '.join(_MODES)}, got {mode!r}.")
    return str(value)


def _mode_of(value: str) -> Any:
    """Gymnasium's autoreset mode of this value; the value itself where Gymnasium has no modes, before 1.1."""
    modes = getattr(gymnasium.vector, "AutoresetMode", None)
    return value if modes is None else modes(value)


def _reset_mask(mask: Any, count: int) -> Array:
    """Which cars to reset; all without a mask. Raises UsageError."""
    if mask is None:
        return np.ones(count, bool)
    if not isinstance(mask, np.ndarray) or mask.shape != (count,) or mask.dtype != np.bool_ or not mask.any():
        raise UsageError(f"options: reset_mask must be a numpy array of {count} bools, at least one of them True.")
    return mask.copy()


def _seeds(seed: int | Sequence[int | None] | None, count: int) -> Sequence[int | None]:
    """The seed of each car. Raises UsageError."""
    if seed is None:
        return [None] * count
    if isinstance(seed, int | np.integer):
        return [int(seed) + index for index in range(count)]
    if len(seed) != count:
        raise UsageError(f"seed: {count} seeds are needed, got {len(seed)}.")
    return list(seed)


def _row(observations: Any, index: int) -> Any:
    if isinstance(observations, dict):
        return {name: values[index].copy() for name, values in observations.items()}
    return observations[index].copy()


def _set_row(observations: Any, index: int, observation: Any) -> None:
    if isinstance(observations, dict):
        for name, values in observations.items():
            values[index] = observation[name]
    else:
        observations[index] = observation
