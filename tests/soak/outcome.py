"""Trials, what came of them, and the table that sums them up."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import NamedTuple

from tests.soak.workshop import Workshop


class TrialFailed(Exception):
    """What was promised did not hold; the text is a sentence for people."""


class Outcome(NamedTuple):
    """What one trial found, where nothing failed."""

    worst: float = 0.0
    """The figure that must be small, in the unit of the kind."""
    tried: int = 1
    """How often it was tried in this trial: a trial of fuzz is many inputs."""


Trial = Callable[[Workshop, Random], Outcome]
"""One try; raises :class:`TrialFailed`. All chance comes from the argument."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Topic:
    """Something that is tried, a row of the table."""

    name: str
    """The word for ``--only``."""
    what: str
    """What the table calls it."""
    worst: str
    """What the figure in the column ``worst`` is, with ``{}`` in place of the figure."""
    digits: int = 0
    """Digits after the point that the figure is shown with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind(Topic):
    """What is tried by trials, again and again."""

    trial: Trial


class Failure(NamedTuple):
    """A trial that failed."""

    kind: str
    seed: int
    sentence: str

    @property
    def again(self) -> str:
        """The command that runs this trial alone."""
        long = "--minutes 15" if self.kind.startswith("memory") else "--count 1"
        return f"scripts/soak --only {self.kind} --seed {self.seed} {long}"

    def __str__(self) -> str:
        return f"FAILED {self.kind}, seed {self.seed}: {self.sentence}\n  again: {self.again}"


@dataclass(slots=True)
class Row:
    """What came of all trials of a topic so far."""

    topic: Topic
    tried: int = 0
    failures: list[Failure] = field(default_factory=list)
    worst: float | None = None
    not_tried: str = ""
    """Why there was no trial, where there could be none."""

    def add(self, outcome: Outcome) -> None:
        """Count a trial in which nothing failed."""
        self.tried += outcome.tried
        self.worst = outcome.worst if self.worst is None else max(self.worst, outcome.worst)

    def fail(self, failure: Failure) -> None:
        """Count a trial that failed."""
        self.tried += 1
        self.failures.append(failure)

    def cells(self) -> tuple[str, str, str, str]:
        """The four cells of the table."""
        if self.worst is None:
            worst = self.not_tried or "-"
        else:
            worst = self.topic.worst.format(f"{self.worst:,.{self.topic.digits}f}")
        tried = "not tried" if self.not_tried else f"{self.tried:,}"
        return self.topic.what, tried, f"{len(self.failures):,}", worst


def format_table(rows: Sequence[Row]) -> str:
    """The table in Markdown, aligned for those who read it as text."""
    cells = [("what", "tried", "failed", "worst"), *(row.cells() for row in rows)]
    widths = [max(len(line[column]) for line in cells) for column in range(4)]

    def line(values: Sequence[str]) -> str:
        what, tried, failed, worst = values
        return f"| {what:{widths[0]}} | {tried:>{widths[1]}} | {failed:>{widths[2]}} | {worst:{widths[3]}} |"

    rule = f"|{'-' * (widths[0] + 2)}|{'-' * (widths[1] + 1)}:|{'-' * (widths[2] + 1)}:|{'-' * (widths[3] + 2)}|"
    return "\n".join([line(cells[0]), rule, *(line(values) for values in cells[1:])])
