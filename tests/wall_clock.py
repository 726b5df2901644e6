"""The computer's clock, as a test sets it."""

import time

import pytest


class WallClock:
    """What ``time.time`` returns while a test runs: the real time, and as many seconds more as the clock was set.

    The performance counter goes on as ever. That is also what a suspend looks like on Linux, where that counter stands
    still meanwhile: in the program's own time, the clock is put forward in one step.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._ahead_s = 0.0
        real = time.time
        monkeypatch.setattr(time, "time", lambda: real() + self._ahead_s)

    def set(self, seconds: float) -> None:
        """Put the clock forward by so many seconds, or back by a negative number."""
        self._ahead_s += seconds


def stepped_program(program: str, seconds: float) -> str:
    """A program whose clock is put forward by so many seconds when the file that its first argument names appears.

    Its standard input would not do to tell it: where a thread waits for that on Windows, nothing else may ask about it.
    """
    return f"""
import os, sys, time
real, set_forward = time.time, sys.argv.pop(1)
time.time = lambda: real() + {seconds} * os.path.exists(set_forward)
{program}
"""
