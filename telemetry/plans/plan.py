"""The plan of a batch of recordings: which runs to drive, how many laps of each, and which laps count."""

import hashlib
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

from telemetry.fields.derived import Sample, Thresholds
from telemetry.laps.model import Lap
from telemetry.recording.file_names import DEFAULT_TEMPLATE, Template, sanitize_filename

PLAN_TEMPLATE: Final = "{run}/" + DEFAULT_TEMPLATE
"""Names of a plan's files; ``{run}`` is the name of the run."""

MAX_TYRES_OUT: Final = 2
"""Tyres that may be off the track at once in a lap that counts: the game's own default rule."""

TOLERANCE: Final = 1e-4
"""How far a number may be from a required one, absolutely or as a share of it: pages hold 24 bits of a number."""

Scalar = int | float | str
Required = Scalar | tuple[Scalar, ...]
"""What a field of the game must hold."""

RejectionKind = Literal["unfinished", "cut", "pit", "not whole", "untimed", "slow", "fast"]


class Rejection(NamedTuple):
    """Why a lap does not count: in a word, and in the words of the lap."""

    kind: RejectionKind
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run of a plan: what must be driven, which laps count, and how many of them are wanted."""

    name: str
    laps: int
    driver: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    rate: float | None = None
    """Steps per second that are kept; None for all."""
    valid: bool = True
    """Whether a lap with more than ``max_tyres_out`` tyres off the track is refused."""
    pits: bool = False
    """Whether laps out of, into and through the pits count."""
    max_tyres_out: int = MAX_TYRES_OUT
    min_time_ms: int | None = None
    max_time_ms: int | None = None
    require: Mapping[str, Required] = field(default_factory=dict)
    """Fields of the game by wire name, and what they must hold."""

    @property
    def thresholds(self) -> Thresholds:
        """What spoils a lap in this run; 5 tyres are never out."""
        return Thresholds(tyres_out=self.max_tyres_out + 1 if self.valid else 5)

    @property
    def definition(self) -> dict[str, Any]:
        """What a lap of this run is, as JSON knows it: laps of another definition cannot be counted with them."""
        return {
            "driver": self.driver,
            "rate": self.rate,
            "valid": self.valid,
            "pits": self.pits,
            "max_tyres_out": self.max_tyres_out,
            "min_time_ms": self.min_time_ms,
            "max_time_ms": self.max_time_ms,
            "require": {name: list(value) if isinstance(value, tuple) else value for name, value in self._required()},
        }

    @property
    def hash(self) -> str:
        """A name for the definition, the same for the same one."""
        return hashlib.sha256(json.dumps(self.definition, sort_keys=True).encode()).hexdigest()[:16]

    def rejection_reason(self, lap: Lap) -> Rejection | None:
        """Why the lap, which was followed with :attr:`thresholds`, does not count; None for one that does."""
        reasons = [reason for reason in lap.invalid_because if not (self.pits and reason == _IN_PITS)]
        if reasons:
            return Rejection(self._kind_of(lap), ", ".join(reasons))
        if lap.time_ms is None:
            return Rejection("untimed", "no official time")
        if self.max_time_ms is not None and lap.time_ms > self.max_time_ms:
            return Rejection("slow", f"slower than {lap_time_text(self.max_time_ms)}")
        if self.min_time_ms is not None and lap.time_ms < self.min_time_ms:
            return Rejection("fast", f"faster than {lap_time_text(self.min_time_ms)}")
        return None

    def settings_errors(self, sample: Sample) -> tuple[str, ...]:
        """What the game has and must not have, each in words: ``the car must be a and is b``."""
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
        return "pit" if lap.in_pits and not self.pits else "not whole"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Runs to record one after the other into a folder."""

    name: str
    folder: Path
    template: str
    suffix: str
    runs: tuple[Run, ...]

    def template_of(self, run: Run) -> Template:
        """The names of the files of a run."""
        return Template(with_run(self.template, run.name))


def lap_time_text(milliseconds: int) -> str:
    """A lap time like 1:02.345."""
    return f"{milliseconds // 60_000}:{milliseconds // 1000 % 60:02}.{milliseconds % 1000:03}"


_IN_PITS: Final = "in the pits"

SHORT_KEYS: Final = {"car": "car_model", "track": "track", "layout": "track_configuration", "session": "session_name"}
"""The keys for what is required most often, and the fields that they are about."""

_WORDS: Final = {name: f"the {key}" for key, name in SHORT_KEYS.items()}


def with_run(template: str, name: str) -> str:
    """The template with the name of a run in it."""
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
