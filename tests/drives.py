"""Drives of the demo that tests share: the simulation is most of what they cost, so each is driven once in a run."""

from __future__ import annotations

import math
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import ac_native_memory as ac
from telemetry.base.units import STEP_S
from telemetry.demo import DemoGame
from telemetry.demo.circuit import layout_name
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Step
from telemetry.sources import open_page_sink
from tests.once import make_once

SEEDS = {"pit": 1}
"""Whose drives are not those of seed 0."""

SECONDS = {
    "laps": 95.0, "lockup": 91.0, "offtrack": 166.0, "crash": 130.0, "pit": 118.0, "pause": 106.0, "restart": 116.0,
    "worn": 225.0, "refused": 88.0,
}  # fmt: skip
"""How long each is driven: as long as somebody wants to see it."""


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
    def pages(self) -> ac.Pages:
        """The three of them, read 1.7e9 s after 1970 and so many seconds."""
        return ac.Pages(self.physics_bytes, self.graphics_bytes, self.static_bytes, 1.7e9 + self.seconds)

    @property
    def physics(self) -> ac.SPageFilePhysics:
        return ac.SPageFilePhysics.from_buffer_copy(self.physics_bytes)

    @property
    def graphic(self) -> ac.SPageFileGraphic:
        return ac.SPageFileGraphic.from_buffer_copy(self.graphics_bytes)

    @property
    def static(self) -> ac.SPageFileStatic:
        return ac.SPageFileStatic.from_buffer_copy(self.static_bytes)


class Drive(NamedTuple):
    """A drive, and every frame of it."""

    seconds: float
    all_frames: list[Frame]
    steps: list[bytes]
    """The physics page at every step from its first on; of the long drive alone, and of its first ``LAP_SECONDS``."""

    def frames(self, seconds: float) -> list[Frame]:
        """Its frames in so many seconds."""
        assert seconds <= self.seconds, "it did not go so far"
        last = int(seconds / STEP_S)
        return [frame for frame in self.all_frames if frame.step < last]


def drive(scenario: str, seed: int = 0) -> Drive:
    """The one drive of this scenario and seed."""
    return _drive(scenario, seed)


@cache  # which takes a default for another argument than the same said
def _drive(scenario: str, seed: int) -> Drive:
    return make_once(f"{scenario}-{seed}", lambda: _make_drive(scenario, seed))


def _make_drive(scenario: str, seed: int) -> Drive:
    long = (scenario, seed) == _LONG
    seconds = LONG_SECONDS if long else SECONDS[scenario]
    last, last_kept = int(seconds / STEP_S), int(LAP_SECONDS / STEP_S) if long else 0
    game = DemoGame(seed, scenario)
    drawn = game.graphics_page()
    frames, steps = [], []
    while game.steps < last - 1:
        game.step()
        if 300 <= game.steps < last_kept:
            steps.append(game.physics_page())
        if (page := game.graphics_page()) is not drawn:
            drawn = page
            frames.append(Frame(game.steps, game.physics_page(), drawn, game.static_page()))
    return Drive(seconds, frames, steps)


def record_long_drive(path: Path) -> Path:
    """A recording of it, twenty frames a second."""
    with open_page_sink(path) as sink:
        for frame in long_drive().all_frames[::3]:
            sink.write(Step(State.LIVE, frame.pages, frame.seconds))
    return path


_LONG = ("laps", 2)
LINES: Final = (0.03, 0.5, 0.8, 0.0003)
"""Where on the spline the timing line of a real circuit can lie; the last is a metre after the spline's origin."""
LONG_SECONDS = 300.0
LAP_SECONDS = 110.0


def long_drive() -> Drive:
    """Five minutes of clean laps; every step of the way to the line, the first lap and a part of the second."""
    return drive(*_LONG)


def with_line(frame: Frame, line: float) -> Frame:
    """The frame as the demo draws it where the timing line lies elsewhere on the spline: all that differs is here.

    A test compares it with what the demo draws, so that one drive serves for every line.
    """
    graphic, static = frame.graphic, frame.static
    graphic.normalizedCarPosition = (graphic.normalizedCarPosition + line) % 1.0
    layout = static.trackConfiguration
    layout[:] = type(layout).from_buffer_copy(ac.units_of(layout_name(line), len(layout)))
    return frame._replace(graphics_bytes=bytes(graphic), static_bytes=bytes(static))


def frames_at(scenario: str, seed: int, seconds: float, rate: float) -> list[Frame]:
    """The newest frame at each of ``rate`` moments in a second."""
    found: list[Frame] = []
    due = 0.0
    for frame in drive(scenario, seed).frames(seconds):
        if frame.seconds >= due:
            found.append(frame)
            due = math.floor(frame.seconds * rate + 1.0) / rate
    return found
