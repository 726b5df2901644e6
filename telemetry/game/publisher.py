"""Publishing pages in the shared memory that the game uses."""

import sys
from pathlib import Path

from ac_native_memory import (
    PAGE_FILE_DIRECTORY,
    PAGES,
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
from telemetry.base.storage.lock import FileLock
from telemetry.base.typing import override
from telemetry.recording.game_state import HOLD_SECONDS, GameStateDetector, State
from telemetry.recording.interfaces import Closeable


class Publisher(Closeable):
    """Writes pages into real shared memory, where every reader of the game finds them.

    Raises :class:`telemetry.SinkError` where the pages cannot be created, or where another program is writing them.
    """

    def __init__(self, directory: Path | None = None, *, prefix: str = "") -> None:
        _refuse_pages_in_use(directory, prefix)
        self._lock: FileLock | None = None
        try:
            self._writer = PageWriter(directory, prefix=prefix)
        except PagesError as error:
            raise SinkError(str(error)) from error
        if directory is not None or sys.platform != "win32":
            folder = directory or PAGE_FILE_DIRECTORY
            try:  # of two that start at the same moment, neither sees the pages of the other move
                self._lock = FileLock(folder / f"{prefix}{next(iter(PAGES))}", _in_use(folder), must_exist=True)
            except SinkError:
                self._writer.close()
                raise
        self._graphics = self._static = b""

    def write(self, pages: Pages) -> None:
        """Publish the pages; graphics and static page only if they changed."""
        self._writer.write(
            pages.physics,
            None if pages.graphics == self._graphics else pages.graphics,
            None if pages.static == self._static else pages.static,
        )
        self._graphics, self._static = pages.graphics, pages.static

    @override
    def close(self) -> None:
        """End as the game does: write empty pages (status 0), then remove them; a bridge's files stay."""
        self._writer.write(*(bytes(size) for size in SIZES))
        if self._lock is not None:
            self._lock.close()  # Windows removes no open file
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
    # Pages that do not change belong to a bridge without a game, or a program that ended left their files. A named
    # mapping exists only as long as its program.
    held = sys.platform == "win32" and directory is None and state is not State.WAITING
    if held or state in (State.LIVE, State.MENU, State.PAUSED, State.REPLAY):
        raise SinkError(_in_use(directory or PAGE_FILE_DIRECTORY))


def _in_use(folder: Path) -> str:
    return f"The game's pages are being written already ({folder}), by the game or another publisher."
