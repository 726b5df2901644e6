"""What the live view shows, as lines for a terminal of any size; how they get onto the terminal is no matter here."""

from telemetry.io.console_panels.layout import frame
from telemetry.io.console_panels.recorder import plain_line
from telemetry.io.console_panels.scene import CURRENT_STATES, EMPTY_STATES, History, ViewState
from telemetry.io.console_panels.text import Line, sanitize, to_ascii

__all__ = [
    "CURRENT_STATES",
    "EMPTY_STATES",
    "History",
    "Line",
    "ViewState",
    "frame",
    "plain_line",
    "sanitize",
    "to_ascii",
]
