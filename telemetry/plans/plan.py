"""A plan: which runs to drive, how many laps of each, and which laps count."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from telemetry.base.sanitize import sanitize_filename
from telemetry.base.text import format_lap_time
from telemetry.fields.derived import Sample
from telemetry.fields.thresholds import Thresholds
from telemetry.laps.model import Lap
from telemetry.recording.file_names import DEFAULT_TEMPLATE, Template

PLAN_TEMPLATE: Final = "{run}/" + DEFAULT_TEMPLATE
"""Names of a plan's files; ``{run}`` is the name of the run."""

MAX_TYRES_OUT: Final = 2
"""Tyres that may be off the track at once in a valid lap: the game's own default rule."""

TOLERANCE: Final = 1e-4
"""Allowed difference from a required number, absolute or relative: pages hold numbers of 24 bits."""

Scalar = int | float | str
Required = Scalar | tuple[Scalar, ...]
"""The required value of a field of the game."""

RejectionKind = Literal["unfinished", "cut", "pit", "ai", "not whole", "untimed", "slow", "fast"]


class Rejection(NamedTuple):
    """Why a lap does not count: its kind, and the reason in words."""

    kind: RejectionKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a plan: what must be driven, which laps count, and how many of them are needed."""

    name: str
    laps: int
    driver: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    rate: float | None = None
    """Steps per second to keep; None for all."""
    valid: bool = True
    """Whether laps with more than ``max_tyres_out`` tyres off the track are refused."""
    pits: bool = False
    """Whether laps out of, into and through the pits count."""
    include_ai: bool = False
    """Whether laps that the game's AI drove count."""
    max_tyres_out: int = MAX_TYRES_OUT
    min_time_ms: int | None = None
    max_time_ms: int | None = None
    require: Mapping[str, Required] = field(default_factory=dict)
    """Required values of the game's fields, by wire name."""
    products: tuple[str, ...] = ()
    """Suffixes of the formats into which each recording is converted when it is finished, like ``.ld``."""

    @property
    def thresholds(self) -> Thresholds:
        """The thresholds of a valid lap in this run; 5 tyres are never out."""
        return Thresholds(tyres_out=self.max_tyres_out + 1 if self.valid else 5)

    @property
    def definition(self) -> dict[str, Any]:
        """The rules for laps of this run, as JSON knows them: laps under other rules cannot be counted together."""
        rules: dict[str, Any] = {
            "driver": self.driver,
            "rate": self.rate,
            "valid": self.valid,
            "pits": self.pits,
            "max_tyres_out": self.max_tyres_out,
            "min_time_ms": self.min_time_ms,
            "max_time_ms": self.max_time_ms,
            "require": {name: list(value) if isinstance(value, tuple) else value for name, value in self._required()},
        }
        # Only where it is set: folders of plans from before this rule go on.
        return {**rules, "include_ai": True} if self.include_ai else rules

    @property
    def hash(self) -> str:
        """A hash of the definition, in 16 hexadecimal digits."""
        return hashlib.sha256(json.dumps(self.definition, sort_keys=True).encode()).hexdigest()[:16]

    def rejection_reason(self, lap: Lap) -> Rejection | None:
        """Why a lap, tracked with :attr:`thresholds`, does not count; None if it does."""
        if self.include_ai:
            lap = lap.allow_ai()
        reasons = [reason for reason in lap.invalid_because if not (self.pits and reason == _IN_PITS)]
        if reasons:
            return Rejection(self._kind_of(lap), ", ".join(reasons))
        if lap.time_ms is None:
            return Rejection("untimed", "no official time")
        if self.max_time_ms is not None and lap.time_ms > self.max_time_ms:
            return Rejection("slow", f"slower than {format_lap_time(self.max_time_ms)}")
        if self.min_time_ms is not None and lap.time_ms < self.min_time_ms:
            return Rejection("fast", f"faster than {format_lap_time(self.min_time_ms)}")
        return None

    def settings_errors(self, sample: Sample) -> tuple[str, ...]:
        """The wrong settings of the game, each in words: ``the car must be a and is b``."""
        return tuple(
            f"{_WORDS.get(name, name)} must be {_value_text(wanted)} and is {_value_text(getattr(sample, name))}"
            for name, wanted in self._required()
            if not _is_alike(wanted, getattr(sample, name))
        )

    def _required(self) -> list[tuple[str, Required]]:
        return sorted(self.require.items(), key=lambda item: (item[0] not in _WORDS, item[0]))

    def _kind_of(self, lap: Lap) -> RejectionKind:
        if not lap.complete:
            return "unfinished"
        if lap.first_cut_position is not None:
            return "cut"
        if lap.in_pits and not self.pits:
            return "pit"
        return "ai" if lap.ai_driven and not self.include_ai else "not whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Runs to record one after the other into a folder; ``template`` and ``suffix`` name their files."""

    name: str
    folder: Path
    template: str
    suffix: str
    runs: tuple[Run, ...]

    def file_template(self, run: Run) -> Template:
        """The template of the file names of a run."""
        return Template(with_run(self.template, run.name))


_IN_PITS: Final = "in the pits"

SHORT_KEYS: Final = {"car": "car_model", "track": "track", "layout": "track_configuration", "session": "session_name"}
"""Keys of a run for required values, and the fields that they mean."""

_WORDS: Final = {name: f"the {key}" for key, name in SHORT_KEYS.items()}


def with_run(template: str, name: str) -> str:
    """The template of file names, with the name of a run for ``{run}``."""
    return template.replace("{run}", sanitize_filename(name).replace("{", "{{").replace("}", "}}"))


def _is_alike(wanted: Required, found: Any) -> bool:
    if isinstance(wanted, tuple):
        return len(wanted) == len(found) and all(map(_is_alike, wanted, found))
    if isinstance(wanted, str) or isinstance(found, str):
        return bool(wanted == found)
    return math.isclose(wanted, found, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def _value_text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value_text, value))}]"
    return f"{value:g}" if isinstance(value, float) else str(value) or "none"
