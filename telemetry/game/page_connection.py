"""The pages that are open, wherever they come from."""

import sys
from pathlib import Path

from ac_native_memory import PAGE_FILE_DIRECTORY, PageReader, PagesError, PagesMissing
from telemetry.base.errors import SourceError
from telemetry.game.proton import GameHiddenBySandbox, GameLoading, MemoryAccessDenied, Processes


class PageConnection:
    """The pages that are open: a directory's, a bridge's, named ones, or those of the game itself under Wine.

    ``hint`` says, where none are open, what the player could do about that.
    """

    def __init__(self, directory: Path | None, prefix: str, processes: Processes | None) -> None:
        if processes is None and sys.platform != "win32":
            processes = Processes()
        self._directory = directory
        self._prefix = prefix
        self._processes = processes if directory is None else None
        self._torn = 0
        self.reader: PageReader | None = None
        self.process: tuple[int, str] | None = None  # whose pages are open; None where they are files
        self.opened_at = 0.0
        self.physics = b""  # as last seen
        self.hint = ""

    def open(self, now: float) -> bool:
        """Open the pages anew: an old mapping goes on showing a game that has long gone.

        Tells whether they may now be another game's, or nobody's. Raises :class:`telemetry.SourceError` for pages that
        cannot be read.
        """
        self.opened_at = now
        if self.reader and self.process and self._processes and self._processes.still_runs():
            return False
        self.close()
        self.hint = ""
        before, self.process = self.process, None
        try:
            self.reader = self._open()
        except (PagesMissing, MemoryAccessDenied) as error:
            self.hint = _hint_of(error)
            return True
        except PagesError as error:
            raise SourceError(str(error)) from error
        return self.process != before

    def close(self) -> None:
        """Let go of the pages."""
        if self.reader is not None:
            self._torn += self.reader.torn
            self.reader.close()
            self.reader = None

    @property
    def torn(self) -> int:
        """Torn pages so far."""
        return self._torn + (self.reader.torn if self.reader is not None else 0)

    @property
    def origin(self) -> str:
        """Where the pages that are open come from; empty where none are."""
        if self.reader is None:
            return ""
        if self.process is not None:
            return f"the memory of process {self.process[0]}"
        if self._directory is None and sys.platform == "win32":
            return "named shared memory"
        return str(self._directory or PAGE_FILE_DIRECTORY)

    def _open(self) -> PageReader:
        if self._processes is None:
            return PageReader(self._directory, prefix=self._prefix)
        files = problem = None
        try:
            files = PageReader(prefix=self._prefix)
            if not self._stands_still(files):
                return files
        except PagesError as error:
            problem = error
        try:
            reader = self._processes.open_pages()
        except (PagesError, MemoryAccessDenied) as error:
            if files is not None:
                self.hint = _hint_of(error)
                return files
            if problem is not None and not isinstance(problem, PagesMissing):
                raise problem from None
            raise
        if files is not None:
            files.close()
        self.process = self._processes.current
        return reader

    def _stands_still(self, files: PageReader) -> bool:
        """Whether these pages are a bridge's that shows no game, or what one left behind that has ended."""
        physics = files.copy().physics
        return not any(physics) or physics == self.physics


def _hint_of(error: Exception) -> str:
    return str(error) if isinstance(error, GameLoading | MemoryAccessDenied | GameHiddenBySandbox) else ""
