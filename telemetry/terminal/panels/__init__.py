"""The content of the live view, as lines for a terminal of any size; writing them is the business of the screen."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.terminal.draw import Line, to_ascii
    from telemetry.terminal.panels.layout import render
    from telemetry.terminal.panels.recorder import plain_line
    from telemetry.terminal.panels.view_state import CURRENT_STATES, STATES_WITHOUT_CAR, History, ViewState
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "CURRENT_STATES": "telemetry.terminal.panels.view_state",
            "STATES_WITHOUT_CAR": "telemetry.terminal.panels.view_state",
            "History": "telemetry.terminal.panels.view_state",
            "Line": "telemetry.terminal.draw",
            "ViewState": "telemetry.terminal.panels.view_state",
            "plain_line": "telemetry.terminal.panels.recorder",
            "render": "telemetry.terminal.panels.layout",
            "to_ascii": "telemetry.terminal.draw",
        },
    )

__all__ = [
    "CURRENT_STATES",
    "STATES_WITHOUT_CAR",
    "History",
    "Line",
    "ViewState",
    "plain_line",
    "render",
    "to_ascii",
]
