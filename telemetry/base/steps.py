"""Work that is done in steps, so that an event loop can do other things between them."""

from collections.abc import Generator
from typing import TypeVar

_Result = TypeVar("_Result")

Steps = Generator[None, None, _Result]
"""Work that yields after each of its steps, which take about a millisecond at most, and returns its result."""


def finish(steps: Steps[_Result]) -> _Result:
    """Do all steps at once; returns the result."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: _Result = end.value
            return result
