"""What an environment drives in: something that gives a sample for every command."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from telemetry.fields.derived import Sample
from telemetry.recording.interfaces import Closeable
from telemetry.rl.action import Command

Ready = Callable[[Sample], bool]
"""Whether an episode may begin with a sample."""


@dataclass(frozen=True, slots=True)
class StepResult:
    """What came of a command: the next sample, or None where there is no new one.

    ``last`` says that no sample can follow this one, ``paused`` that the game stands still, and ``info`` what else is
    to be known.
    """

    sample: Sample | None
    last: bool = False
    paused: bool = False
    info: Mapping[str, Any] = field(default_factory=dict)


class Backend(Closeable):
    """Where an episode is driven or watched. ``accepts_actions``: whether commands move the car."""

    name: str
    accepts_actions: bool

    @abstractmethod
    def reset(self, seed: int | None, rng: np.random.Generator, options: Mapping[str, Any], ready: Ready) -> Sample:
        """The sample with which a new episode begins.

        ``seed`` is that of the environment where it was given anew; all chance is drawn from ``rng``.
        """

    @abstractmethod
    def advance(self, command: Command) -> StepResult:
        """Hand over a command, let one control step pass, and see what is there."""

    @property
    def info(self) -> Mapping[str, Any]:
        """What :attr:`StepResult.info` holds when an episode begins."""
        return {}
