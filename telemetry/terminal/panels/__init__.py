"""What the live view shows, as lines for a terminal of any size; how they get onto the terminal is no matter here."""

from telemetry.base.text import sanitize
from telemetry.terminal.draw import Line, to_ascii
from telemetry.terminal.panels.layout import frame
from telemetry.terminal.panels.recorder import plain_line
from telemetry.terminal.panels.view_state import CURRENT_STATES, EMPTY_STATES, History, ViewState

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
