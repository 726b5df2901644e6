"""Publishing pages where the game would."""

import sys
from pathlib import Path

from ac_native_memory import (
    PAGE_FILE_DIRECTORY,
    SIZES,
    PageReader,
    Pages,
    PagesError,
    PagesMissing,
    PageWriter,
    WrongGame,
)
from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError
from telemetry.recording.game_state import HOLD_SECONDS, GameStateDetector, State
from telemetry.recording.interfaces import Closeable


class Publisher(Closeable):
    """Writes pages into real shared memory, where this program and every other reader find "the game".

    Raises :class:`telemetry.SinkError` where the pages cannot be created, or where another program is writing them.
    """

    def __init__(self, directory: Path | None = None, *, prefix: str = "") -> None:
        _refuse_pages_in_use(directory, prefix)
        try:
            self._writer = PageWriter(directory, prefix=prefix)
        except PagesError as error:
            raise SinkError(str(error)) from error
        self._graphics = self._static = b""

    def write(self, pages: Pages) -> None:
        """Publish the pages; those that did not change are not written again."""
        self._writer.write(
            pages.physics,
            None if pages.graphics == self._graphics else pages.graphics,
            None if pages.static == self._static else pages.static,
        )
        self._graphics, self._static = pages.graphics, pages.static

    def close(self) -> None:
        """Exit as the game does, with status 0 and then without pages; a bridge's files are left empty."""
        self._writer.write(*(bytes(size) for size in SIZES))
        self._writer.close()


def _refuse_pages_in_use(directory: Path | None, prefix: str) -> None:
    try:
        with PageReader(directory, prefix=prefix) as reader:
            detector = GameStateDetector()
            detector.update(reader.copy(), 0.0)
            Clock().sleep_until(HOLD_SECONDS / 2)
            state, _ = detector.update(reader.copy(), HOLD_SECONDS / 2)
    except PagesMissing:
        return
    except (PagesError, WrongGame) as error:
        raise SinkError(str(error)) from error
    # What does not move is a bridge without a game, or was left behind; a named mapping lives only with its game.
    held = sys.platform == "win32" and directory is None and state is not State.WAITING
    if held or state in (State.LIVE, State.MENU, State.PAUSED, State.REPLAY):
        where = directory or PAGE_FILE_DIRECTORY
        raise SinkError(f"The game's pages are being written already ({where}), by the game or another publisher.")
