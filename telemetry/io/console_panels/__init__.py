"""What the live view shows, as lines for a terminal of any size; how they get onto the terminal is no matter here."""

from telemetry.io.console_panels.layout import frame
from telemetry.io.console_panels.recorder import plain_line
from telemetry.io.console_panels.scene import EMPTY_STATES, LIVELY_STATES, History, Scene
from telemetry.io.console_panels.text import Line, clean, to_ascii

__all__ = ["EMPTY_STATES", "LIVELY_STATES", "History", "Line", "Scene", "clean", "frame", "plain_line", "to_ascii"]
