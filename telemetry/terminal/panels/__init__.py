"""The content of the live view, as lines for a terminal of any size; writing them is the business of the screen."""

from telemetry.base.text import sanitize
from telemetry.terminal.draw import Line, to_ascii
from telemetry.terminal.panels.layout import render
from telemetry.terminal.panels.recorder import plain_line
from telemetry.terminal.panels.view_state import CURRENT_STATES, STATES_WITHOUT_CAR, History, ViewState

__all__ = [
    "CURRENT_STATES",
    "STATES_WITHOUT_CAR",
    "History",
    "Line",
    "ViewState",
    "plain_line",
    "render",
    "sanitize",
    "to_ascii",
]
