"""The specification of a task: what is observed, what is done, what is rewarded, and what ends an episode.

One :class:`Spec` is shared by the live environment, the replay, the demo and every dataset exporter, so that numbers
learnt from recordings mean the same when a policy drives. It is plain data; the pure functions of ``observation``,
``action``, ``reward`` and ``episode`` apply it.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, get_args

from telemetry.base.documents import DocumentError, parse_json, parse_toml, read_document
from telemetry.base.errors import UsageError
from telemetry.base.units import STEPS_PER_SECOND
from telemetry.rl.checks import (
    check_choice,
    check_feature,
    check_flag,
    check_name,
    check_positive,
    check_whole,
    is_number,
    suggest,
)
from telemetry.rl.features import DEFAULT_FIELDS, FEATURES, Feature, feature_info
from telemetry.rl.randomisation import NOTHING_DRAWN, Randomisation, as_values
from telemetry.rl.reward import Reward

__all__ = ["Action", "End", "Observation", "Pedals", "Randomisation", "Reward", "Shape", "Spec", "as_spec", "load_spec"]

Shape = Literal["flat", "dict"]
"""The shape of observations: one float32 box of scaled numbers, or a dictionary of boxes in the units of the fields."""

Pedals = Literal["steer_pedal", "steer_throttle_brake"]
"""The axes of an action: steering and one pedal axis (+ throttle, - brake), or steering, throttle and brake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is observed, in which order; see :class:`telemetry.rl.features.Feature` for scales and bounds.

    Raises UsageError, with the key.
    """

    shape: Shape = "flat"
    fields: tuple[Feature, ...] = tuple(FEATURES[name] for name in DEFAULT_FIELDS)
    action_history: int = 3
    """Number of the latest actions that are observed, the newest first; zeros at the beginning of an episode."""
    mask: bool = False
    """Whether the observation has a flag for every number of the fields: 1 for a known value, 0 for a missing one."""
    curvature_points: int = 12
    """Number of points ahead in ``curvature_ahead``."""
    curvature_metres: float = 300.0
    """Distance to the last of them."""

    def __post_init__(self) -> None:
        check_choice("observation.shape", self.shape, get_args(Shape))
        check_whole("observation.action_history", self.action_history, 0, 100)
        check_whole("observation.curvature_points", self.curvature_points, 1, 1000)
        check_positive("observation.curvature_metres", self.curvature_metres)
        check_flag("observation.mask", self.mask)
        names: set[str] = set()
        for index, feature in enumerate(self.fields):
            check_feature(f"observation.fields[{index}]", feature)
            if feature.name in names:
                raise UsageError(f"observation.fields[{index}]: duplicate field {feature.name}.")
            names.add(feature.name)
        if not names and not self.action_history:
            raise UsageError("observation.fields: the observation is empty; name a field, or set action_history.")

    def count_numbers(self, name: str) -> int:
        """How many numbers the field of this name has in an observation."""
        info = feature_info(name)
        return (info.size if info else 1) or self.curvature_points


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What an action is: a box of -1..1, steering first, + right; see :data:`Pedals`.

    Throttle and brake of three-dimensional actions go from -1 released to 1 pressed. With ``delta`` an action is a
    change of the controls: 1 is ``steer_rate`` or ``pedal_rate`` units per second, for controls from -1 to 1. Raises
    UsageError, with the key.
    """

    pedals: Pedals = "steer_pedal"
    steer_range: float = 1.0
    """Fraction of the steering lock at an action of 1; at speed the tyres can use only a small part of the lock."""
    delta: bool = False
    steer_rate: float = 2.0
    """Units per second, of the full lock: assetto_corsa_gym's limit of 900 degrees per second with a lock of 450."""
    pedal_rate: float = 12.0
    """Units per second: assetto_corsa_gym's limit of 0.48 in a step of 40 ms."""

    def __post_init__(self) -> None:
        check_choice("action.pedals", self.pedals, get_args(Pedals))
        check_positive("action.steer_range", self.steer_range)
        if self.steer_range > 1.0:
            raise UsageError(f"action.steer_range must be at most 1, the full lock, got {self.steer_range:g}.")
        check_flag("action.delta", self.delta)
        check_positive("action.steer_rate", self.steer_rate)
        check_positive("action.pedal_rate", self.pedal_rate)

    @property
    def names(self) -> tuple[str, ...]:
        """The axes of an action."""
        return ("steer", "pedal") if self.pedals == "steer_pedal" else ("steer", "throttle", "brake")

    @property
    def size(self) -> int:
        """The number of axes of an action."""
        return len(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What ends an episode; 0 or false switches a rule off. A lost source and a paused game always end it.

    Raises UsageError, with the key.
    """

    bodywork_critical: bool = True
    """Terminates at more than half of the damage that the game calls full (``bodywork_critical``)."""
    tyre_critical: bool = True
    """Terminates when a tyre is worn out (``tyre_critical``)."""
    tyres_out: int = 4
    """Terminates with this many tyres off the valid surface."""
    backwards_metres: float = 20.0
    """Terminates this far behind the furthest position of the episode."""
    no_progress_seconds: float = 10.0
    """Terminates after this time without :attr:`no_progress_metres` of progress."""
    no_progress_metres: float = 10.0
    """Metres along the lap that count as progress."""
    seconds: float = 600.0
    """Truncates after this time, counted in control steps."""
    lap_seconds: float = 0.0
    """Truncates when a lap takes longer."""
    laps: int = 0
    """Truncates after this many laps counted by the game."""

    def __post_init__(self) -> None:
        check_flag("end.bodywork_critical", self.bodywork_critical)
        check_flag("end.tyre_critical", self.tyre_critical)
        check_whole("end.tyres_out", self.tyres_out, 0, 4)
        check_whole("end.laps", self.laps, 0, 1_000_000)
        for name in ("backwards_metres", "no_progress_seconds", "no_progress_metres", "seconds", "lap_seconds"):
            value = getattr(self, name)
            if not is_number(value) or value < 0.0:
                raise UsageError(f"end.{name} must be a number from 0 on, got {value!r}; 0 switches the rule off.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A complete task. Hashable, so that what is computed from it can be cached. Raises UsageError, with the key."""

    control_hz: float = 25.0
    """Steps per second: observations, actions and rewards."""
    observation: Observation = field(default_factory=Observation)
    action: Action = field(default_factory=Action)
    reward: Reward = field(default_factory=Reward)
    end: End = field(default_factory=End)
    randomisation: Randomisation = NOTHING_DRAWN
    """What each episode of the demo draws anew."""

    def __post_init__(self) -> None:
        if not is_number(self.control_hz) or not 0.0 < self.control_hz <= STEPS_PER_SECOND:
            raise UsageError(f"control_hz must be greater than 0 and at most 333, got {self.control_hz!r}.")

    @property
    def step_seconds(self) -> float:
        """Seconds from one step to the next."""
        return 1.0 / self.control_hz

    def to_dict(self) -> dict[str, Any]:
        """The complete specification as values of JSON; :meth:`from_dict` makes the same specification of them."""
        values = asdict(self)
        values["observation"]["fields"] = [asdict(feature) for feature in self.observation.fields]
        del values["randomisation"]
        if self.randomisation != NOTHING_DRAWN:  # so that the values of all other tasks are what they were
            values["randomisation"] = as_values(self.randomisation)
        return values

    def to_json(self) -> str:
        """:meth:`to_dict` as a line of JSON."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Spec":
        """The specification of these values; missing keys have their defaults. Raises UsageError, with the key."""
        _check_keys(values, cls, "")
        settings: dict[str, Any] = dict(values)
        if "observation" in values:
            entries = _table(values, "observation", Observation)
            if "fields" in entries:
                entries["fields"] = _features(entries["fields"])
            settings["observation"] = Observation(**entries)
        if "action" in values:
            settings["action"] = Action(**_table(values, "action", Action))
        if "reward" in values:
            is_preset = isinstance(values["reward"], str)
            settings["reward"] = (
                Reward.preset(values["reward"]) if is_preset else Reward(**_table(values, "reward", Reward))
            )
        if "end" in values:
            settings["end"] = End(**_table(values, "end", End))
        if "randomisation" in values:
            settings["randomisation"] = Randomisation(**_table(values, "randomisation", Randomisation))
        return cls(**settings)

    @classmethod
    def from_json(cls, text: str) -> "Spec":
        """The specification in a JSON text. Raises UsageError."""
        try:
            values = parse_json(text)
        except DocumentError as error:
            raise UsageError(f"The specification cannot be read: {error}.") from None
        return cls.from_dict(_object(values))


def load_spec(path: str | Path) -> Spec:
    """The specification in a file: JSON if its name ends in .json, otherwise TOML. Raises UsageError."""
    path = Path(path)
    try:
        text = read_document(path)
        values = parse_json(text) if path.suffix == ".json" else parse_toml(text)
        return Spec.from_dict(_object(values))
    except OSError as error:
        raise UsageError(f"The specification {path} cannot be read: {error.strerror}.") from error
    except DocumentError as error:
        raise UsageError(error.sentence(path)) from None
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def as_spec(value: Spec | Mapping[str, Any] | str | Path | None) -> Spec:
    """The specification given as such, as its values, as a file, or as None, the default one. Raises UsageError."""
    match value:
        case None:
            return Spec()
        case Spec():
            return value
        case Mapping():
            return Spec.from_dict(value)
        case _:
            return load_spec(value)


def _object(values: Any) -> dict[str, Any]:
    if not isinstance(values, dict):
        raise UsageError("The specification must be a JSON object.")
    return values


def _table(values: Mapping[str, Any], key: str, kind: type) -> dict[str, Any]:
    table = values[key]
    if not isinstance(table, Mapping):
        raise UsageError(f"{key} must be a table, got {table!r}.")
    _check_keys(table, kind, f"{key}.")
    return dict(table)


def _check_keys(values: Mapping[str, Any], kind: type, prefix: str) -> None:
    known = [entry.name for entry in fields(kind)]
    for key in values:
        if key not in known:
            raise UsageError(f"{prefix}{key}: unknown key{suggest(str(key), known)}")


def _features(entries: Any) -> tuple[Feature, ...]:
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise UsageError(f"observation.fields must be a list, got {entries!r}.")
    return tuple(_feature(f"observation.fields[{index}]", entry) for index, entry in enumerate(entries))


def _feature(key: str, entry: Any) -> Feature:
    """A feature given by its name, or by a table of its name and the values that differ from the known feature."""
    if isinstance(entry, Feature):
        return entry
    values = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(values, Mapping) or not isinstance(values.get("name"), str):
        raise UsageError(f"{key} must be the name of a field, or a table with a name, got {entry!r}.")
    _check_keys(values, Feature, f"{key}.")
    name = values["name"]
    check_name(key, name)
    known = asdict(FEATURES[name]) if name in FEATURES else {}
    complete = {**known, **values}
    missing = [entry.name for entry in fields(Feature) if entry.name not in complete]
    if missing:
        raise UsageError(f"{key}: {name} has no default scale and bounds; add {', '.join(missing)}.")
    return Feature(**complete)
