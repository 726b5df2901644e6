"""The interface of a backend: what an environment drives in. It gives a sample for every command."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from telemetry.fields.derived import Sample
from telemetry.recording.interfaces import Closeable
from telemetry.rl.action import Command

Ready = Callable[[Sample], bool]
"""Whether an episode can begin with a sample."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of a control step."""

    sample: Sample | None
    """The next sample; None if there is no new one."""
    last: bool = False
    """Whether no sample can follow this one."""
    paused: bool = False
    """Whether the game is paused."""
    info: Mapping[str, Any] = field(default_factory=dict)
    """Further entries for the ``info`` of the environment."""


class Backend(Closeable):
    """Where an episode is driven or replayed."""

    name: str
    """The source, for people."""
    accepts_actions: bool
    """Whether commands move the car."""

    @abstractmethod
    def reset(self, seed: int | None, rng: np.random.Generator, options: Mapping[str, Any], ready: Ready) -> Sample:
        """Begin a new episode and return its first sample, one for which ``ready`` is true.

        ``seed`` is the seed that this reset was given, if any; all random numbers are drawn from ``rng``. Raises
        :class:`telemetry.TelemetryError` when no episode can begin.
        """

    @abstractmethod
    def advance(self, command: Command) -> StepResult:
        """Apply a command, wait for one control step, and return the result."""

    def end_episode(self) -> None:
        """Let go of the controls, if this backend does not wait: nobody drives until the next reset."""

    @property
    def missing_fields(self) -> frozenset[str]:
        """The raw fields that its samples do not hold, as in a recording of some fields."""
        return frozenset()

    @property
    def info(self) -> Mapping[str, Any]:
        """What :attr:`StepResult.info` holds at the beginning of an episode."""
        return {}
