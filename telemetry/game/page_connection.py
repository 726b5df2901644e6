"""The connection to the game's pages, wherever they come from: files, the game's own memory, or named mappings."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ac_native_memory import PAGE_FILE_DIRECTORY, PageReader, PagesError, PagesMissing
from telemetry.base.errors import SourceError
from telemetry.base.typing import override
from telemetry.game.proton import GameHiddenBySandbox, GameLoading, GameMemory, MemoryAccessDenied, Processes


class OpenedPages(NamedTuple):
    """Pages that a provider has opened."""

    reader: PageReader
    origin: str
    """Where they come from, for a person."""
    process: tuple[int, str] | None = None
    """The number and start time of the process whose memory they are; None where they are no process's own."""


class PagesUnavailable(Exception):
    """A provider has no pages. ``hint`` says what the player could do; ``error`` is set where waiting cannot help."""

    def __init__(self, hint: str = "", error: PagesError | None = None) -> None:
        super().__init__(hint)
        self.hint = hint
        self.error = error


class PageProvider(ABC):
    """One way to the game's pages."""

    @abstractmethod
    def open(self) -> OpenedPages:
        """Open the pages; raises :class:`PagesUnavailable` if they do not exist."""

    def still_open(self) -> bool:
        """Whether opening the pages again would find the same ones; False where that is unknown."""
        return False


class _PageFiles(PageProvider):
    """Page files in a directory: a dump, or those of a bridge."""

    def __init__(self, directory: Path | None, prefix: str) -> None:
        self._directory = directory
        self._prefix = prefix

    @override
    def open(self) -> OpenedPages:
        reader = _open_reader(self._directory, self._prefix)
        return OpenedPages(reader, str(self._directory or PAGE_FILE_DIRECTORY))


class _NamedMappings(PageProvider):
    """The game's own named mappings, on Windows."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    @override
    def open(self) -> OpenedPages:
        return OpenedPages(_open_reader(None, self._prefix), "named shared memory")


class _ProtonMemory(PageProvider):
    """The memory of a game under Wine or Proton."""

    def __init__(self, processes: Processes) -> None:
        self._memory = GameMemory(processes)

    @override
    def open(self) -> OpenedPages:
        try:
            reader = self._memory.open_pages()
        except (GameLoading, GameHiddenBySandbox, MemoryAccessDenied) as error:
            raise PagesUnavailable(str(error)) from error
        except PagesMissing as error:
            raise PagesUnavailable from error
        except PagesError as error:
            raise PagesUnavailable(error=error) from error
        process = self._memory.current
        return OpenedPages(reader, f"the memory of process {process[0] if process else '?'}", process)

    @override
    def still_open(self) -> bool:
        return self._memory.still_runs()


def _open_reader(directory: Path | None, prefix: str) -> PageReader:
    try:
        return PageReader(directory, prefix=prefix)
    except PagesMissing as error:
        raise PagesUnavailable from error
    except PagesError as error:
        raise PagesUnavailable(error=error) from error


def _providers(directory: Path | None, prefix: str, processes: Processes | None) -> Sequence[PageProvider]:
    """The ways to the pages, in the order in which they are tried."""
    if directory is not None:
        return [_PageFiles(directory, prefix)]
    if sys.platform == "win32":
        return [_NamedMappings(prefix)]
    return [_PageFiles(None, prefix), _ProtonMemory(processes or Processes())]


class PageConnection:
    """The open pages: those of a directory, of a bridge, named ones, or those of the game itself under Wine.

    ``reader`` reads them, and ``process`` is the number and start time of the process whose memory they are; both are
    None without pages, ``process`` also where they are files. ``opened_at`` is when they were opened last,
    ``last_physics`` the physics page as the owner saw it last. ``hint`` says, while no pages are open, what the player
    could do about that.
    """

    def __init__(self, directory: Path | None, prefix: str, processes: Processes | None) -> None:
        self._providers = _providers(directory, prefix, processes)
        self._provider: PageProvider | None = None
        self._opened: OpenedPages | None = None
        self._torn = 0
        self.reader: PageReader | None = None
        self.process: tuple[int, str] | None = None
        self.opened_at = 0.0
        self.last_physics = b""
        self.hint = ""

    def open(self, now: float) -> bool:
        """Open the pages again: an old mapping goes on showing a game that has long gone.

        Returns whether they may now be another game's, or nobody's. Raises :class:`telemetry.SourceError` for pages
        that cannot be read.
        """
        self.opened_at = now
        if self.reader and self._provider and self._provider.still_open():
            return False
        self.close()
        self.hint = ""
        process_before, self.process = self.process, None
        self._open_first()
        if self._opened is None:
            return True
        self.reader, self.process = self._opened.reader, self._opened.process
        return self.process != process_before

    def close(self) -> None:
        """Close the pages."""
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
        """Where the open pages come from; empty where none are open."""
        return self._opened.origin if self.reader is not None and self._opened is not None else ""

    def _open_first(self) -> None:
        """Open the first pages that change, else the first that exist; note a hint where a provider had one."""
        self._provider = self._opened = None
        errors: list[PagesError] = []
        for provider in self._providers:
            try:
                opened = provider.open()
            except PagesUnavailable as problem:
                self.hint = self.hint or problem.hint
                if problem.error is not None:
                    errors.append(problem.error)
                continue
            is_last = provider is self._providers[-1]
            if is_last or not self._stands_still(opened.reader):
                if self._opened is not None:
                    self._opened.reader.close()
                self._provider, self._opened = provider, opened
                self.hint = ""
                return
            self._provider, self._opened = provider, opened
        if self._opened is None and errors:
            raise SourceError(str(errors[0])) from errors[0]

    def _stands_still(self, reader: PageReader) -> bool:
        """Whether these pages are a bridge's that shows no game, or a leftover of a game that has ended."""
        try:
            physics = reader.copy().physics
        except PagesError:
            return True
        return not any(physics) or physics == self.last_physics
