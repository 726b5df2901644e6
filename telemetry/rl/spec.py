"""The specification of a task: what is observed, what is done, what is rewarded, and what ends an episode.

One :class:`Spec` is shared by the live environment, the replay, the demo and every exporter of data sets, so that
what is learnt from recordings means the same when it drives. It is data alone; what it asks for is done by the pure
functions of ``observation``, ``action``, ``reward`` and ``episode``.
"""

import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Literal, Self, get_args

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

Shape = Literal["flat", "dict"]
"""How observations come: one float32 box of scaled numbers, or a dictionary of boxes in the fields' own units."""

Pedals = Literal["steer_pedal", "steer_throttle_brake"]
"""What an action holds: steering and one pedal axis (+ throttle, - brake), or steering, throttle and brake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What is observed, in which order; see :class:`telemetry.rl.features.Feature` for scales and bounds."""

    shape: Shape = "flat"
    fields: tuple[Feature, ...] = tuple(FEATURES[name] for name in DEFAULT_FIELDS)
    action_history: int = 3
    """How many of the latest actions are observed, the newest first; zeros before there were so many."""
    mask: bool = False
    """Whether a number of 0 or 1 for every number of the fields tells if the game said it; what it did not say is 0."""
    curvature_points: int = 12
    """How many places ahead ``curvature_ahead`` has."""
    curvature_metres: float = 300.0
    """How far ahead the last of them is."""

    def __post_init__(self) -> None:
        check_choice("observation.shape", self.shape, get_args(Shape))
        check_whole("observation.action_history", self.action_history, 0, 100)
        check_whole("observation.curvature_points", self.curvature_points, 1, 1000)
        check_positive("observation.curvature_metres", self.curvature_metres)
        check_flag("observation.mask", self.mask)
        names: set[str] = set()
        for index, channel in enumerate(self.fields):
            check_feature(f"observation.fields[{index}]", channel)
            if channel.name in names:
                raise UsageError(f"observation.fields[{index}]: {channel.name} stands there a second time.")
            names.add(channel.name)
        if not names and not self.action_history:
            raise UsageError("observation.fields: nothing is observed at all.")

    def size_of(self, name: str) -> int:
        """How many numbers the field of this name has."""
        quantity = feature_info(name)
        return (quantity.size if quantity else 1) or self.curvature_points


@dataclass(frozen=True, slots=True, kw_only=True)
class Action:
    """What an action is: a box of -1..1, steering first, + right; see :data:`Pedals`.

    Throttle and brake of three-dimensional actions are -1 released .. 1 pressed. With ``delta`` an action says how the
    controls move: 1 is ``steer_rate`` or ``pedal_rate`` units a second, of controls that go from -1 to 1.
    """

    pedals: Pedals = "steer_pedal"
    steer_range: float = 1.0
    """Share of the steering lock that 1 stands for; a fast car's tyres take little of it."""
    delta: bool = False
    steer_rate: float = 2.0
    """Units per second, of the whole lock: as assetto_corsa_gym's limit of 900 degrees a second of a lock of 450."""
    pedal_rate: float = 12.0
    """Units per second: as assetto_corsa_gym's 0.48 in a step of 40 ms."""

    def __post_init__(self) -> None:
        check_choice("action.pedals", self.pedals, get_args(Pedals))
        check_positive("action.steer_range", self.steer_range)
        if self.steer_range > 1.0:
            raise UsageError(f"action.steer_range: {self.steer_range:g} is more than the whole lock, 1.")
        check_flag("action.delta", self.delta)
        check_positive("action.steer_rate", self.steer_rate)
        check_positive("action.pedal_rate", self.pedal_rate)

    @property
    def names(self) -> tuple[str, ...]:
        """The axes of an action."""
        return ("steer", "pedal") if self.pedals == "steer_pedal" else ("steer", "throttle", "brake")

    @property
    def size(self) -> int:
        """How many axes an action has."""
        return len(self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reward:
    """The weights of the reward's terms, 0 for a term that does not count.

    No weight is negative: the terms that tell of harm (``tyres_out`` and what follows it) count against by themselves.
    """

    progress: float = 0.02
    """Per metre along the lap, through the line; backwards counts against. Nothing without a length of the lap."""
    lap_time: float = 1.0
    """Per second by which the best lap was improved, when the game says so."""
    lap_completed: float = 0.0
    """Per lap that the game counted."""
    tyres_out: float = 0.5
    """Per tyre and second off the valid surface."""
    wheel_lock: float = 0.25
    """Per wheel and second that a wheel is locked under braking."""
    slip: float = 0.1
    """Per wheel and second, for each unit of ``wheel_slip`` beyond the peak of grip, 1, up to 10."""
    damage: float = 10.0
    """For what the worst ``damage_level`` grew by: 1 is what the game calls full."""
    wear: float = 10.0
    """For what ``tyre_worn`` grew by, mean of the tyres: 1 is a set."""
    steering_rate: float = 0.02
    """For the way of the steering, in locks."""
    acgym: float = 0.0
    """assetto_corsa_gym's reward of a step: km/h x (1 - |metres from the reference line| / 12) / 300."""
    acgym_speed: float = 0.0
    """The same without the reference line, as with its ``use_reference_line_in_reward`` off: km/h / 300."""
    acgym_action_change: float = 0.0
    """The Euclidean norm of the change of the action against the one before; its ``penalize_actions_diff`` has 0.1."""

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if not is_number(value) or value < 0.0:
                raise UsageError(
                    f"reward.{entry.name}: {value!r} is no weight; that is a number from 0 on (what harms counts "
                    "against by itself)."
                )

    @classmethod
    def preset(cls, name: str) -> Self:
        """The weights known by this name: ``default``, or ``acgym``, assetto_corsa_gym's reward and nothing else."""
        if name == "default":
            return cls()
        if name == "acgym":
            return cls(**{entry.name: 1.0 if entry.name == "acgym" else 0.0 for entry in fields(cls)})
        raise UsageError(f"reward: there are no weights named {name!r}; there are acgym, default.")

    @property
    def weights(self) -> dict[str, float]:
        """The weights that are not 0, by term."""
        return {entry.name: weight for entry in fields(self) if (weight := getattr(self, entry.name))}


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """What ends an episode; 0 or false takes a rule out. That the source is lost or the game paused always does."""

    bodywork_critical: bool = True
    """Terminates with damage above half of what the game calls full (``bodywork_critical``)."""
    tyre_critical: bool = True
    """Terminates when a tyre is at its end (``tyre_critical``)."""
    tyres_out: int = 4
    """Terminates with so many tyres off the valid surface."""
    backwards_metres: float = 20.0
    """Terminates so far behind the furthest place reached in the episode."""
    no_progress_seconds: float = 10.0
    """Terminates when so many seconds brought less than :attr:`no_progress_metres`."""
    no_progress_metres: float = 10.0
    """Metres along the lap that count as progress."""
    seconds: float = 600.0
    """Truncates after so many seconds of control steps."""
    lap_seconds: float = 0.0
    """Truncates in a lap that takes longer."""
    laps: int = 0
    """Truncates after so many laps that the game counted."""

    def __post_init__(self) -> None:
        check_flag("end.bodywork_critical", self.bodywork_critical)
        check_flag("end.tyre_critical", self.tyre_critical)
        check_whole("end.tyres_out", self.tyres_out, 0, 4)
        check_whole("end.laps", self.laps, 0, 1_000_000)
        for name in ("backwards_metres", "no_progress_seconds", "no_progress_metres", "seconds", "lap_seconds"):
            value = getattr(self, name)
            if not is_number(value) or value < 0.0:
                raise UsageError(f"end.{name} must be 0 (never) or a greater number, got {value!r}.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Spec:
    """A task as a whole. Hashable, so that what follows from it is worked out once. Raises UsageError, with the key."""

    control_hz: float = 25.0
    """Steps per second: observations, actions and rewards."""
    observation: Observation = field(default_factory=Observation)
    action: Action = field(default_factory=Action)
    reward: Reward = field(default_factory=Reward)
    end: End = field(default_factory=End)

    def __post_init__(self) -> None:
        if not is_number(self.control_hz) or not 0.0 < self.control_hz <= STEPS_PER_SECOND:
            raise UsageError(f"control_hz must be greater than 0 and at most 333, got {self.control_hz!r}.")

    @property
    def step_seconds(self) -> float:
        """Seconds from one step to the next."""
        return 1.0 / self.control_hz

    def to_dict(self) -> dict[str, Any]:
        """The specification as JSON and TOML know it, complete: what :meth:`from_dict` makes the same of."""
        values = asdict(self)
        values["observation"]["fields"] = [asdict(channel) for channel in self.observation.fields]
        return values

    def to_json(self) -> str:
        """:meth:`to_dict` as a line of JSON."""
        return json.dumps(self.to_dict())

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> "Spec":
        """The specification that these values make; what is left out has its default. UsageError names the key."""
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
            preset = isinstance(values["reward"], str)
            settings["reward"] = (
                Reward.preset(values["reward"]) if preset else Reward(**_table(values, "reward", Reward))
            )
        if "end" in values:
            settings["end"] = End(**_table(values, "end", End))
        return cls(**settings)

    @classmethod
    def from_json(cls, text: str) -> "Spec":
        """The specification in a text of JSON."""
        try:
            values = json.loads(text)
        except ValueError as error:
            raise UsageError(f"A specification cannot be read: this is no JSON: {error}.") from None
        if not isinstance(values, dict):
            raise UsageError("A specification is a JSON object.")
        return cls.from_dict(values)


def load_spec(path: str | Path) -> Spec:
    """The specification in this file, JSON where its name ends in .json and TOML otherwise. Raises UsageError."""
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is no text in UTF-8"
        raise UsageError(f"The specification {path} cannot be read: {reason}.") from error
    try:
        if path.suffix == ".json":
            return Spec.from_json(text)
        return Spec.from_dict(tomllib.loads(text))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: this is no TOML: {error}.") from None
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def as_spec(what: Spec | Mapping[str, Any] | str | Path | None) -> Spec:
    """The specification itself, of its values, of its file, or, for None, the default one."""
    match what:
        case None:
            return Spec()
        case Spec():
            return what
        case Mapping():
            return Spec.from_dict(what)
        case _:
            return load_spec(what)


def _table(values: Mapping[str, Any], key: str, kind: type) -> dict[str, Any]:
    table = values[key]
    if not isinstance(table, Mapping):
        raise UsageError(f"{key}: {table!r} is no table.")
    _check_keys(table, kind, f"{key}.")
    return dict(table)


def _check_keys(values: Mapping[str, Any], kind: type, prefix: str) -> None:
    known = [entry.name for entry in fields(kind)]
    for key in values:
        if key not in known:
            raise UsageError(f"{prefix}{key}: there is no such key{suggest(str(key), known)}")


def _features(entries: Any) -> tuple[Feature, ...]:
    if not isinstance(entries, Sequence) or isinstance(entries, str):
        raise UsageError(f"observation.fields: {entries!r} is no list.")
    return tuple(_feature(f"observation.fields[{index}]", entry) for index, entry in enumerate(entries))


def _feature(key: str, entry: Any) -> Feature:
    """A channel out of its name alone, or of its name and what differs from the one known by it."""
    if isinstance(entry, Feature):
        return entry
    values = {"name": entry} if isinstance(entry, str) else entry
    if not isinstance(values, Mapping) or not isinstance(values.get("name"), str):
        raise UsageError(f"{key}: {entry!r} is neither a field's name nor a table with one.")
    _check_keys(values, Feature, f"{key}.")
    name = values["name"]
    check_name(key, name)
    known = asdict(FEATURES[name]) if name in FEATURES else {}
    complete = {**known, **values}
    missing = [entry.name for entry in fields(Feature) if entry.name not in complete]
    if missing:
        raise UsageError(f"{key}: {name} has no scale and bounds of its own; say {', '.join(missing)}.")
    return Feature(**complete)
