"""The built-in car and circuit: a simulated game that writes the same pages as Assetto Corsa.

``DemoGame(seed=1, scenario="lockup")`` is such a game; ``step()`` advances it by 3 ms; ``physics_page()``,
``graphics_page()`` and ``static_page()`` are its pages of 592, 304 and 684 bytes. ``DemoGame(line=0.8)`` drives the
circuit with its timing line at 0.80 of the spline, as the Nordschleife has it.
"""

from telemetry.demo.circuit import demo_track
from telemetry.demo.game import DemoGame
from telemetry.demo.physics.car import DriverInputs
from telemetry.demo.scenarios import SCENARIOS
from telemetry.demo.track import Track

__all__ = ["SCENARIOS", "DemoGame", "DriverInputs", "Track", "demo_track"]
