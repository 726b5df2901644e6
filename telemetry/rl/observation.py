"""Observations: a sample, the latest actions and the road ahead as numbers, computed by a pure function.

The environment observes one sample after the other, and a dataset all samples of an episode at once.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from telemetry.fields.blocks import Array
from telemetry.fields.derived import Sample
from telemetry.rl.features import COMPUTED_FEATURES, SAMPLE_FIELDS
from telemetry.rl.sample_columns import SampleColumns
from telemetry.rl.spec import Spec
from telemetry.tracks.places import find_places
from telemetry.tracks.track import Place, TrackMap

Floats = NDArray[np.float32]
ObservationValue = Floats | dict[str, Floats]
"""A flat observation, or a dictionary of arrays."""

Actions = tuple[tuple[float, ...], ...]
"""The latest actions, the newest first."""

ACTIONS: Final = "actions"
"""Name of the latest actions in a dictionary of arrays."""
MASK: Final = "mask"
"""Name of the mask in a dictionary of arrays."""

_WHEELS: Final = ("fl", "fr", "rl", "rr")
_ZONES: Final = ("front", "rear", "left", "right", "overall")
_ELEMENTS: Final = {
    "lap_phase": ("sin", "cos"),
    "damage_level": _ZONES,
    "car_damage": _ZONES,
    "ride_height": _WHEELS[::2],
}
"""Names of the elements of arrays that are not one number per wheel."""


@dataclass(frozen=True, slots=True)
class Layout:
    """The numbers of a flat observation: fields, then actions, then mask; arrays are (n,), values before scaling."""

    names: tuple[str, ...]
    """The name of each number."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    scale: NDArray[np.float64]
    parts: tuple[tuple[str, slice], ...]
    """The fields, the actions and the mask, each with its slice of the numbers."""
    fields: int
    """How many of the numbers come from fields."""

    @property
    def size(self) -> int:
        """How many numbers an observation has."""
        return len(self.names)


@lru_cache(maxsize=32)
def layout(spec: Spec) -> Layout:
    """The layout of the observations of a specification."""
    names: list[str] = []
    bounds: list[tuple[float, float, float]] = []
    parts: list[tuple[str, slice]] = []
    observation = spec.observation
    for feature in observation.fields:
        size = observation.count_numbers(feature.name)
        parts.append((feature.name, slice(len(names), len(names) + size)))
        names += _number_names(feature.name, size)
        bounds += [(feature.low, feature.high, feature.scale)] * size
    fields = len(names)
    if observation.action_history:
        history = range(1, observation.action_history + 1)
        actions = [f"{axis}_{age}_ago" for age in history for axis in spec.action.names]
        parts.append((ACTIONS, slice(fields, fields + len(actions))))
        names += actions
        bounds += [(-1.0, 1.0, 1.0)] * len(actions)
    if observation.mask and fields:
        parts.append((MASK, slice(len(names), len(names) + fields)))
        names += [f"{name}_known" for name in names[:fields]]
        bounds += [(0.0, 1.0, 1.0)] * fields
    low, high, scale = (np.array(column, dtype=np.float64) for column in zip(*bounds, strict=True))
    return Layout(tuple(names), low, high, scale, tuple(parts), fields)


class Observer:
    """Computes the observations of one specification; every call returns new arrays."""

    __slots__ = ("_fields", "_flat", "_getters", "_history", "_layout", "_mask", "_sees_place", "_spec")

    def __init__(self, spec: Spec) -> None:
        self._spec = spec
        self._layout = layout(spec)
        names = [feature.name for feature in spec.observation.fields]
        self._getters = _make_getters(spec, names)
        self._sees_place = not _PLACED.isdisjoint(names)
        self._fields = self._layout.fields
        self._history = spec.observation.action_history
        self._mask = spec.observation.mask and self._fields > 0
        self._flat = spec.observation.shape == "flat"

    def __call__(self, sample: Sample, history: Actions = (), track: TrackMap | None = None) -> ObservationValue:
        """See :func:`observe`."""
        plan, fields = self._layout, self._fields
        place = track.place(sample) if track and self._sees_place else _NO_PLACE
        values: list[Any] = []
        for append_values in self._getters:
            append_values(values, sample, track, place)
        for action in history[: self._history]:
            values += action
        values += [0.0] * (plan.size - len(values))
        row = np.array(values, dtype=np.float64)  # None becomes NaN
        known = np.isfinite(row[:fields])
        if np.count_nonzero(known) < fields:
            np.copyto(row[:fields], 0.0, where=~known)
        if self._mask:
            row[-fields:] = known
        np.minimum(np.maximum(row, plan.low, out=row), plan.high, out=row)
        if self._flat:
            return (row / plan.scale).astype(np.float32)
        return {name: row[index].astype(np.float32) for name, index in plan.parts}

    def columns(self, samples: SampleColumns, actions: Array, track: TrackMap | None = None) -> ObservationValue:
        """The observations of ``n`` consecutive samples, the first one of an episode and those after it: (n, k).

        Each is that of the sample alone: ``actions`` (n - 1, axes) led from one sample to the next.
        """
        history = np.zeros((len(samples), self._history, actions.shape[1]))
        for age in range(1, self._history + 1):
            history[age:, age - 1] = actions[: max(len(samples) - age, 0)]
        return self.rows(samples, history, track)

    def rows(self, samples: SampleColumns, history: Array, track: TrackMap | None = None) -> ObservationValue:
        """The observations of any ``n`` samples, each with its latest actions: (n, age, axes), the newest first."""
        plan, fields = self._layout, self._fields
        rows = np.zeros((len(samples), plan.size), dtype=np.float64)
        if fields:
            features = self._spec.observation.fields
            if self._sees_place:
                samples = samples.add({_PLACES: _places_columns(samples, track)})
            columns = [_feature_columns(self._spec, feature.name, samples, track) for feature in features]
            numbers = np.concatenate([column.reshape(len(samples), -1) for column in columns], axis=1)
            known = np.isfinite(numbers)
            np.copyto(rows[:, :fields], numbers, where=known)
            if self._mask:
                rows[:, -fields:] = known
        if self._history:
            rows[:, fields : fields + history[0].size] = history.reshape(len(samples), -1)
        np.minimum(np.maximum(rows, plan.low, out=rows), plan.high, out=rows)
        if self._flat:
            return (rows / plan.scale).astype(np.float32)
        return {name: rows[:, index].astype(np.float32) for name, index in plan.parts}


@lru_cache(maxsize=32)
def observer(spec: Spec) -> Observer:
    """The observer of a specification, made once."""
    return Observer(spec)


def observe(spec: Spec, sample: Sample, history: Actions = (), track: TrackMap | None = None) -> ObservationValue:
    """The observation of a sample: scaled float32 numbers (n,), or float32 arrays by name in the units of the fields.

    ``history`` holds the latest actions, the newest first; ``track`` is the map of the track, if there is one. Numbers
    are clipped to their bounds. Missing values, NaN and infinity become 0, and 0 in the mask.
    """
    return observer(spec)(sample, history, track)


_PLACED: Final = frozenset({"track_offset", "track_heading"})
"""The features that are found together."""
_NO_PLACE: Final = Place(math.nan, math.nan)

_Getter = Callable[[list[Any], Sample, TrackMap | None, Place], None]
"""Appends the numbers of one feature, or of several that follow each other, to a list."""


def _make_getters(spec: Spec, names: Sequence[str]) -> tuple[_Getter, ...]:
    """The getters of these features; single fields of a sample that follow each other are taken in one call."""
    getters: list[_Getter] = []
    for is_single, group in groupby(names, _is_single_field):
        if is_single:
            getters.append(_make_field_getter(*group))
        else:
            getters += [_make_getter(spec, name) for name in group]
    return tuple(getters)


def _is_single_field(name: str) -> bool:
    return name not in COMPUTED_FEATURES and not SAMPLE_FIELDS[name].shape


def _make_field_getter(*names: str) -> _Getter:
    get = Sample.getter(*names)
    if len(names) == 1:
        return lambda values, sample, *_: values.append(get(sample))
    return lambda values, sample, *_: values.extend(get(sample))


def _make_getter(spec: Spec, name: str) -> _Getter:
    if name in COMPUTED_FEATURES:
        return _make_computed_getter(spec, name)
    get = Sample.getter(name)
    return lambda values, sample, *_: values.extend(get(sample))


def _make_computed_getter(spec: Spec, name: str) -> _Getter:
    points, metres = spec.observation.curvature_points, spec.observation.curvature_metres

    def lap_phase(values: list[Any], sample: Sample, *_: object) -> None:
        angle = math.tau * sample.normalized_position
        is_known = math.isfinite(angle) and (angle != 0.0 or sample.lap_distance is not None)
        values += (math.sin(angle), math.cos(angle)) if is_known else (math.nan, math.nan)

    def curvature_ahead(values: list[Any], sample: Sample, track: TrackMap | None, _: Place) -> None:
        position = sample.normalized_position
        values += [math.nan] * points if track is None else track.curvature_ahead(position, points, metres)

    getters: dict[str, _Getter] = {
        "speed": lambda values, sample, *_: values.append(sample.speed_kmh / 3.6),
        "lap_phase": lap_phase,
        "track_offset": lambda values, _, __, place: values.append(place.offset),
        "track_heading": lambda values, _, __, place: values.append(place.heading),
        "curvature_ahead": curvature_ahead,
    }
    return getters[name]


def _feature_columns(spec: Spec, name: str, samples: SampleColumns, track: TrackMap | None) -> Array:
    """The numbers of one feature of all samples, NaN for what is missing: (n,) or (n, k)."""
    if name in COMPUTED_FEATURES:
        return _COMPUTED_COLUMNS[name](spec, samples, track)
    return samples(name)


def _lap_phase_columns(_: Spec, samples: SampleColumns, __: TrackMap | None) -> Array:
    angle = math.tau * samples("normalized_position")
    is_known = np.isfinite(angle) & ((angle != 0.0) | ~np.isnan(samples("lap_distance")))
    known = angle[is_known].tolist()
    phase = np.full((len(angle), 2), np.nan)
    # Not by numpy, whose sine is not always rounded alike.
    phase[is_known] = np.array([list(map(math.sin, known)), list(map(math.cos, known))]).T
    return phase


_PLACES: Final = "places"
"""Offset and heading on the track, as a column of its own: both are found at once."""


def _places_columns(samples: SampleColumns, track: TrackMap | None) -> Array:
    """Offset and heading on the track: (n, 2)."""
    if track is None:
        return np.full((len(samples), 2), np.nan)
    values = [samples(name) for name in ("normalized_position", "world_position_x", "world_position_z", "heading")]
    return find_places(track, *values)


def _curvature_columns(spec: Spec, samples: SampleColumns, track: TrackMap | None) -> Array:
    points, metres = spec.observation.curvature_points, spec.observation.curvature_metres
    position = samples("normalized_position")
    curvature = np.full((len(position), points), np.nan)
    if track is not None:
        nodes = len(track.curvature)
        stride = metres / points * nodes / track.length
        is_known = np.isfinite(position)
        start = (position[is_known] - track.first_position) % 1.0 * nodes
        ahead = (start[:, np.newaxis] + stride * np.arange(1, points + 1)).astype(np.int64) % nodes
        curvature[is_known] = np.array(track.curvature)[ahead]
    return curvature


_COMPUTED_COLUMNS: Final[dict[str, Callable[[Spec, SampleColumns, TrackMap | None], Array]]] = {
    "speed": lambda _, samples, __: samples("speed_kmh") / 3.6,
    "lap_phase": _lap_phase_columns,
    "track_offset": lambda _, samples, __: samples(_PLACES)[:, 0],
    "track_heading": lambda _, samples, __: samples(_PLACES)[:, 1],
    "curvature_ahead": _curvature_columns,
}


def _number_names(name: str, size: int) -> list[str]:
    """A name for each number of a feature: ``speed``, ``wheel_slip_fl``, ``curvature_ahead_1``."""
    if size == 1:
        return [name]
    elements: Sequence[object] = _ELEMENTS.get(name) or (
        _WHEELS if size == len(_WHEELS) and name not in COMPUTED_FEATURES else ()
    )
    return [f"{name}_{element}" for element in elements or range(1, size + 1)]
