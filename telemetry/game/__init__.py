"""The running game as a source, and pages published in its place.

:class:`LiveSource` reads the shared memory of the game, or page files in a directory; :class:`Publisher` writes such
pages. On Linux the game runs under Wine or Proton: :class:`Bridge` shows its pages as files, and ``proton`` finds them
in the game's own processes. ``page_connection`` opens the pages, ``polling`` reads them and ``step_assembler`` makes
complete physics steps of the copies.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.game.bridge import Bridge
    from telemetry.game.publisher import Publisher
    from telemetry.game.source import WAIT_MESSAGE, LiveSource
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "WAIT_MESSAGE": "telemetry.game.source",
            "Bridge": "telemetry.game.bridge",
            "LiveSource": "telemetry.game.source",
            "Publisher": "telemetry.game.publisher",
        },
    )

__all__ = ["WAIT_MESSAGE", "Bridge", "LiveSource", "Publisher"]
