"""Observations: a sample, the latest actions and the road ahead as numbers; a pure function of them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telemetry.fields.derived import Sample
from telemetry.rl.features import COMPUTED_FEATURES, SAMPLE_FIELDS
from telemetry.rl.spec import Spec
from telemetry.tracks.track import TrackMap

Floats = NDArray[np.float32]
ObservationValue = Floats | dict[str, Floats]
"""A flat observation, or one by name."""

Actions = tuple[tuple[float, ...], ...]
"""The latest actions, the newest first."""

ACTIONS: Final = "actions"
MASK: Final = "mask"

_WHEELS: Final = ("fl", "fr", "rl", "rr")
_ZONES: Final = ("front", "rear", "left", "right", "overall")
_PARTS: Final = {"lap_phase": ("sin", "cos"), "damage_level": _ZONES, "car_damage": _ZONES, "ride_height": _WHEELS[::2]}


@dataclass(frozen=True, slots=True)
class Layout:
    """What the numbers of a flat observation are: their names, and bounds and scale of each, all before scaling.

    ``names``, ``low``, ``high`` and ``scale`` cover fields, actions and mask in the order of the observation; ``parts``
    are the fields with their slices of it.
    """

    names: tuple[str, ...]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    scale: NDArray[np.float64]
    parts: tuple[tuple[str, slice], ...]
    fields: int
    """How many of the numbers are those of fields."""

    @property
    def size(self) -> int:
        """How many numbers an observation has."""
        return len(self.names)


@lru_cache(maxsize=32)
def layout(spec: Spec) -> Layout:
    """What the observations of a specification hold."""
    names: list[str] = []
    bounds: list[tuple[float, float, float]] = []
    parts: list[tuple[str, slice]] = []
    observation = spec.observation
    for channel in observation.fields:
        size = observation.size_of(channel.name)
        parts.append((channel.name, slice(len(names), len(names) + size)))
        names += _names_of(channel.name, size)
        bounds += [(channel.low, channel.high, channel.scale)] * size
    fields = len(names)
    if observation.action_history:
        own = [f"{axis}_{age}_ago" for age in range(1, observation.action_history + 1) for axis in spec.action.names]
        parts.append((ACTIONS, slice(fields, fields + len(own))))
        names += own
        bounds += [(-1.0, 1.0, 1.0)] * len(own)
    if observation.mask and fields:
        parts.append((MASK, slice(len(names), len(names) + fields)))
        names += [f"{name}_known" for name in names[:fields]]
        bounds += [(0.0, 1.0, 1.0)] * fields
    low, high, scale = (np.array(column, dtype=np.float64) for column in zip(*bounds, strict=True))
    return Layout(tuple(names), low, high, scale, tuple(parts), fields)


class Observer:
    """What makes the observations of one specification; the arrays that it gives are new at every call."""

    __slots__ = ("_fields", "_flat", "_history", "_mask", "_plan", "_takers")

    def __init__(self, spec: Spec) -> None:
        self._plan = layout(spec)
        self._takers = tuple(_taker(spec, channel.name) for channel in spec.observation.fields)
        self._fields = self._plan.fields
        self._history = spec.observation.action_history
        self._mask = spec.observation.mask and self._fields > 0
        self._flat = spec.observation.shape == "flat"

    def __call__(self, sample: Sample, history: Actions = (), track: TrackMap | None = None) -> ObservationValue:
        """See :func:`observe`."""
        plan, fields = self._plan, self._fields
        values: list[Any] = []
        for take in self._takers:
            take(values, sample, track)
        row = np.zeros(plan.size, dtype=np.float64)
        numbers = np.array(values, dtype=np.float64)  # None becomes NaN
        known = np.isfinite(numbers)
        np.copyto(row[:fields], numbers, where=known)
        at = fields
        for action in history[: self._history]:
            row[at : at + len(action)] = action
            at += len(action)
        if self._mask:
            row[-fields:] = known
        np.minimum(np.maximum(row, plan.low, out=row), plan.high, out=row)
        if self._flat:
            return (row / plan.scale).astype(np.float32)
        return {name: row[part].astype(np.float32) for name, part in plan.parts}


@lru_cache(maxsize=32)
def observer(spec: Spec) -> Observer:
    """What makes the observations of a specification."""
    return Observer(spec)


def observe(spec: Spec, sample: Sample, history: Actions = (), track: TrackMap | None = None) -> ObservationValue:
    """What there is to see: flat float32 numbers in scaled bounds, or float32 arrays by name in the fields' own units.

    ``history`` are the latest actions, the newest first, and ``track`` the map where there is one. Numbers beyond their
    bounds are cut; what is absent, no number or endless is 0, and 0 in the mask.
    """
    return observer(spec)(sample, history, track)


SampleColumns = Callable[[list[Any], Sample, TrackMap | None], None]


def _taker(spec: Spec, name: str) -> SampleColumns:
    if name in COMPUTED_FEATURES:
        return _computed(spec, name)
    get = Sample.getter(name)
    if SAMPLE_FIELDS[name].shape:
        return lambda values, sample, _: values.extend(get(sample))
    return lambda values, sample, _: values.append(get(sample))


def _computed(spec: Spec, name: str) -> SampleColumns:
    points, metres = spec.observation.curvature_points, spec.observation.curvature_metres

    def lap_phase(values: list[Any], sample: Sample, _: TrackMap | None) -> None:
        turn = math.tau * sample.normalized_position
        values += (math.sin(turn), math.cos(turn)) if math.isfinite(turn) else (math.nan, math.nan)

    def curvature_ahead(values: list[Any], sample: Sample, track: TrackMap | None) -> None:
        position = sample.normalized_position
        values += [math.nan] * points if track is None else track.curvature_ahead(position, points, metres)

    takers: dict[str, SampleColumns] = {
        "speed": lambda values, sample, _: values.append(sample.speed_kmh / 3.6),
        "lap_phase": lap_phase,
        "track_offset": lambda values, sample, track: values.append(track.place(sample).offset if track else None),
        "track_heading": lambda values, sample, track: values.append(track.place(sample).heading if track else None),
        "curvature_ahead": curvature_ahead,
    }
    return takers[name]


def _names_of(name: str, size: int) -> list[str]:
    if size == 1:
        return [name]
    parts: Sequence[object] = _PARTS.get(name) or (
        _WHEELS if size == len(_WHEELS) and name not in COMPUTED_FEATURES else ()
    )
    return [f"{name}_{part}" for part in parts or range(1, size + 1)]
