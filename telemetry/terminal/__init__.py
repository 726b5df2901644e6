"""The live view in a terminal, and the keys pressed there.

``panels/`` turns a sample into lines of text, pure functions for a terminal of any size; ``screen`` puts them on a
terminal, ``plain_lines`` writes a line a second where there is no terminal, ``view`` draws in a thread of its own.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.terminal.keyboard import Keyboard
    from telemetry.terminal.view import View
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__, {"Keyboard": "telemetry.terminal.keyboard", "View": "telemetry.terminal.view"}
    )

__all__ = ["Keyboard", "View"]
