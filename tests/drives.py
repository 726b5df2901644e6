"""Drives of the demo that tests share: the simulation is most of what they cost, so each is driven once."""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import ac_native_memory as ac
from telemetry.base.units import STEP_S
from telemetry.demo import DemoGame

SEEDS = {"pit": 1}
"""Whose drives are not those of seed 0."""


class Frame(NamedTuple):
    """The pages as they stood when a frame had been drawn."""

    step: int
    physics_bytes: bytes
    graphics_bytes: bytes
    static_bytes: bytes

    @property
    def seconds(self) -> float:
        return self.step * STEP_S

    @property
    def physics(self) -> ac.SPageFilePhysics:
        return ac.SPageFilePhysics.from_buffer_copy(self.physics_bytes)

    @property
    def graphic(self) -> ac.SPageFileGraphic:
        return ac.SPageFileGraphic.from_buffer_copy(self.graphics_bytes)

    @property
    def static(self) -> ac.SPageFileStatic:
        return ac.SPageFileStatic.from_buffer_copy(self.static_bytes)


class Drive:
    """A game that is driven as far as somebody wants to see it, and every frame of it so far."""

    def __init__(self, scenario: str, seed: int) -> None:
        self._game = DemoGame(seed, scenario)
        self._drawn = self._game.graphics_page()
        self._frames: list[Frame] = []
        self.steps: list[bytes] = []
        """The physics page at every step of the first ``every_step`` seconds, from its first on."""

    def frames(self, seconds: float, *, every_step: float = 0.0) -> list[Frame]:
        """Its frames in so many seconds."""
        game, last = self._game, int(seconds / STEP_S)
        while game.steps < last - 1:
            game.step()
            if 300 <= game.steps < int(every_step / STEP_S):
                self.steps.append(game.physics_page())
            drawn = game.graphics_page()
            if drawn is not self._drawn:
                self._drawn = drawn
                self._frames.append(Frame(game.steps, game.physics_page(), drawn, game.static_page()))
        return [frame for frame in self._frames if frame.step < last]


def drive(scenario: str, seed: int = 0) -> Drive:
    """The one drive of this scenario and seed."""
    return _drive(scenario, seed)


@cache  # which takes a default for another argument than the same said
def _drive(scenario: str, seed: int) -> Drive:
    driven = Drive(scenario, seed)
    if (scenario, seed) == _LONG:  # whoever drives it first: its steps cannot be had later
        driven.frames(LAP_SECONDS, every_step=LAP_SECONDS)
    return driven


_LONG = ("laps", 2)
LONG_SECONDS = 300.0
LAP_SECONDS = 110.0


@cache
def long_drive() -> Drive:
    """Five minutes of clean laps; every step of the way to the line, the first lap and a part of the second."""
    driven = drive(*_LONG)
    driven.frames(LONG_SECONDS)
    return driven


def frames_at(scenario: str, seed: int, seconds: float, rate: float) -> list[Frame]:
    """The newest frame at each of ``rate`` moments in a second."""
    found: list[Frame] = []
    due = 0.0
    for frame in drive(scenario, seed).frames(seconds):
        if frame.seconds >= due:
            found.append(frame)
            due = math.floor(frame.seconds * rate + 1.0) / rate
    return found
