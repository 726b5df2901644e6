"""The running game, and page files in a directory: as a source, and as what a publisher writes."""

from telemetry.game.publisher import Publisher
from telemetry.game.source import WAIT_MESSAGE, LiveSource

__all__ = ["WAIT_MESSAGE", "LiveSource", "Publisher"]
