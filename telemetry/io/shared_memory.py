"""The running game, and page files in a directory: as a source, and as what a publisher writes."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

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
from telemetry.clock import Clock
from telemetry.errors import NoGameError, SinkError, SourceError
from telemetry.io.proton import NotAllowed, NotYet, OutOfSight, Processes
from telemetry.presence import HOLD_SECONDS, Presence
from telemetry.recorder import DEFAULT_RATE, Closing, Reading, Source, State
from telemetry.snapshot import decode

LOOK_SECONDS: Final = 0.5
"""How often the game is looked for, and stalled pages are opened anew."""

WAIT_MESSAGE: Final = "Waiting for Assetto Corsa: start a session in the game (its launcher alone has no telemetry)."
WAIT_FOR_FILES_MESSAGE: Final = "Waiting for the page files of a running game in {}."
GONE_MESSAGE: Final = "The game has left; waiting for it to come back."
_MESSAGES: Final = {
    State.LOADING: "The game is loading its session.",
    State.PAUSED: "The game is paused.",
    State.REPLAY: "The game shows a replay.",
    State.MENU: "The escape menu is open.",
    State.STALLED: "The game has stopped writing: it hangs, or it ended without a word.",
    State.STILL: "The pages do not move.",
}


class LiveSource(Source):
    """The running game, or the page files in ``directory``, of which it says honestly how they are.

    It waits for the game and picks up a restarted one by itself; with ``wait`` off it raises
    :class:`telemetry.NoGameError` when there is none, and ends when the game does. A named directory may hold pages
    that never move: they are read all the same. On Linux the pages of a bridge come first and then, where there are
    none that move, those of the game itself among ``processes``. Raises :class:`telemetry.SourceError` for another
    game's pages and for pages that cannot be read.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        wait: bool = True,
        prefix: str = "",
        processes: Processes | None = None,
    ) -> None:
        if directory is not None and not directory.is_dir():
            raise SourceError(f"There is no directory {directory}.")
        self.name = "live" if directory is None else str(directory)
        self._directory = directory
        self._prefix = prefix
        self._wait = wait
        self._reader: PageReader | None = None
        self._presence = Presence(dump=directory is not None)
        self._seen = False
        self._opened_at = 0.0
        self._torn = 0
        if processes is None and sys.platform != "win32":
            processes = Processes()
        self._processes = processes if directory is None else None
        self._process: tuple[int, str] | None = None  # whose pages are open; None where they are files
        self._physics = b""
        self._hint = ""

    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        """What the pages hold, ``rate`` times per second; twice a second while there is no game."""
        while not clock.stopped:
            self._reopen(clock.now())
            for missed in clock.ticks(rate or DEFAULT_RATE):
                reading = self._look(clock, missed)
                yield reading
                leftover = reading.state is State.STALLED and not self._seen
                if reading.state in (State.WAITING, State.GONE) or (leftover and not self._wait):
                    break
            if not self._wait and not clock.stopped:
                if self._seen:
                    return
                raise NoGameError(
                    self._hint
                    or f"No game: {self._where()} holds no running session of Assetto Corsa. Start one, or leave out "
                    "--no-wait; --source demo needs no game."
                )
            clock.sleep_until(clock.now() + LOOK_SECONDS)

    def close(self) -> None:
        """Let go of the pages."""
        if self._reader is not None:
            self._torn += self._reader.torn
            self._reader.close()
            self._reader = None

    @property
    def origin(self) -> str:
        """Where the pages that are open come from; empty where none are."""
        if self._reader is None:
            return ""
        if self._process is not None:
            return f"the memory of process {self._process[0]}"
        if self._directory is None and sys.platform == "win32":
            return "named shared memory"
        return str(self._directory or PAGE_FILE_DIRECTORY)

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of the pages that are open."""
        return self._reader.sizes if self._reader is not None else ()

    def _reopen(self, now: float) -> None:
        """Open the pages anew: an old mapping goes on showing a game that has long gone."""
        self._opened_at = now
        if self._reader and self._process and self._processes and self._processes.still_runs():
            return
        self.close()
        self._hint = ""
        before, self._process = self._process, None
        try:
            self._reader = self._open()
        except (PagesMissing, NotAllowed) as error:
            self._hint = _hint_of(error)
            self._presence = Presence(dump=self._directory is not None)
        except PagesError as error:
            raise SourceError(str(error)) from error
        else:
            if self._process != before:
                self._presence = Presence(dump=self._directory is not None)

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
        except (PagesError, NotAllowed) as error:
            if files is not None:
                self._hint = _hint_of(error)
                return files
            if problem is not None and not isinstance(problem, PagesMissing):
                raise problem from None
            raise
        if files is not None:
            files.close()
        self._process = self._processes.current
        return reader

    def _stands_still(self, files: PageReader) -> bool:
        """Whether these pages are a bridge's that shows no game, or what one left behind that has ended."""
        physics = files.copy().physics
        return not any(physics) or physics == self._physics

    def _look(self, clock: Clock, missed: int) -> Reading:
        if self._reader is None:
            return self._absent()
        try:
            pages = self._reader.copy()
            now = clock.now()
            self._physics = pages.physics
            state, fresh = self._presence.judge(pages, now)
        except WrongGame as error:
            raise SourceError(str(error)) from error
        except PagesMissing:
            self.close()
            return self._absent()
        except PagesError:  # never still for long enough: the next look may have more luck
            return Reading(State.LOADING, torn=self._torn + self._reader.torn, message=_MESSAGES[State.LOADING])
        torn = self._torn + self._reader.torn
        if state is State.WAITING or state is State.GONE:
            return self._absent()
        last_chance = state is State.STALLED and not self._seen and not self._wait
        if not fresh and (now - self._opened_at > LOOK_SECONDS or last_chance):
            before = self._process
            self._reopen(now)
            if self._process != before and self._reader is None:
                return self._absent()
            if self._process != before:
                return Reading(State.LOADING, torn=torn, message=_MESSAGES[State.LOADING])
        message = _MESSAGES.get(state, "")
        if state is State.LOADING:
            return Reading(state, torn=torn, message=message)
        self._seen = self._seen or state is not State.STALLED
        return Reading(state, decode(pages, elapsed=now), fresh, missed, torn, message)

    def _absent(self) -> Reading:
        if self._seen:
            return Reading(State.GONE, torn=self._torn, message=GONE_MESSAGE)
        waiting = WAIT_FOR_FILES_MESSAGE.format(self._directory) if self._directory else WAIT_MESSAGE
        return Reading(State.WAITING, torn=self._torn, message=self._hint or waiting)

    def _where(self) -> str:
        return "the shared memory" if self._directory is None else str(self._directory)


def _hint_of(error: Exception) -> str:
    return str(error) if isinstance(error, NotYet | NotAllowed | OutOfSight) else ""


class Publisher(Closing):
    """Puts pages into real shared memory, where this tool and every other reader find "the game".

    Raises :class:`telemetry.SinkError` where the pages cannot be made, or where somebody else is writing them.
    """

    def __init__(self, directory: Path | None = None, *, prefix: str = "") -> None:
        _refuse_pages_in_use(directory, prefix)
        try:
            self._writer = PageWriter(directory, prefix=prefix)
        except PagesError as error:
            raise SinkError(str(error)) from error
        self._graphics = self._static = b""

    def write(self, pages: Pages) -> None:
        """Publish the pages; those that did not change are left alone."""
        self._writer.write(
            pages.physics,
            None if pages.graphics == self._graphics else pages.graphics,
            None if pages.static == self._static else pages.static,
        )
        self._graphics, self._static = pages.graphics, pages.static

    def close(self) -> None:
        """Leave as the game does, with status 0 and then without pages; a bridge's files are left empty."""
        self._writer.write(*(bytes(size) for size in SIZES))
        self._writer.close()


def _refuse_pages_in_use(directory: Path | None, prefix: str) -> None:
    try:
        with PageReader(directory, prefix=prefix) as reader:
            presence = Presence()
            presence.judge(reader.copy(), 0.0)
            Clock().sleep_until(HOLD_SECONDS / 2)
            state, _ = presence.judge(reader.copy(), HOLD_SECONDS / 2)
    except PagesMissing:
        return
    except (PagesError, WrongGame) as error:
        raise SinkError(str(error)) from error
    # What does not move is a bridge without a game, or was left behind; a named mapping lives only with its game.
    held = sys.platform == "win32" and directory is None and state is not State.WAITING
    if held or state in (State.LIVE, State.MENU, State.PAUSED, State.REPLAY):
        where = directory or PAGE_FILE_DIRECTORY
        raise SinkError(f"Somebody is writing the game's pages already ({where}): the game or another publisher.")
