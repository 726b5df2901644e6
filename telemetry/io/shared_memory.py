"""The running game, and page files in a directory: as a source, and as what a publisher writes."""

import math
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from typing import Final, NamedTuple

from ac_native_memory import (
    ATTEMPTS,
    PAGE_FILE_DIRECTORY,
    SETTLE_SECONDS,
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
from telemetry.recorder import DEFAULT_RATE, Closing, Reading, Source, State, Step
from telemetry.snapshot import decode
from telemetry.steps import SortedStep, StepSorter, packet_id_of

LOOK_SECONDS: Final = 0.5
"""How often the game is looked for, and stalled pages are opened anew."""

FOLLOW_SECONDS: Final = 2.95e-3
"""How long after a look that found a step the next one comes: a little less than the 3 ms of a step."""

RETRY_SECONDS: Final = 0.5e-3
"""How long after a look that came too early the next one comes."""

IDLE_SECONDS: Final = 1.5e-3
"""The same where physics stands still."""

EARLY_SECONDS: Final = 2.25e-3
"""A step found so soon after the one before is one in haste: the game, or this program, was late."""

LATE_SECONDS: Final = 4.5e-3
"""A step found so long after the one before may be the first of several in haste."""

HURRY_SECONDS: Final = 0.02
"""How long looks come often after such a step."""

GLANCE_SECONDS: Final = 0.01
"""How often all pages are looked at while physics stands still."""

CHANGE_SECONDS: Final = 0.1
"""How often changes are told while physics stands still; those of the game's state are told at once."""

DRAIN_SECONDS: Final = 0.1
"""How long a step waits for the next one before it is given without."""

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
    State.GONE: GONE_MESSAGE,
}
_WITHOUT_PAGES: Final = frozenset({State.WAITING, State.LOADING, State.GONE})
_STANDING: Final = frozenset({State.PAUSED, State.REPLAY, State.MENU, State.STILL})
"""Where physics stands still, or may, and the other pages go on."""


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
        self._memory = _Memory(directory, prefix, processes)
        self._presence = Presence(dump=directory is not None)
        self._seen = False
        self._sorter: StepSorter[StepContext] = StepSorter()

    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        """What the pages hold, ``rate`` times per second; twice a second while there is no game."""
        for _ in self._openings(clock):
            for missed in clock.ticks(rate or DEFAULT_RATE):
                reading = self._read(clock, missed)
                yield reading
                if self._is_over(reading.state):
                    break

    def steps(self, clock: Clock) -> Iterator[Step]:
        """Every physics step, once, when the next one has come or it is clear that none will for a while.

        Where physics stands still, as in a pause, a change of the state comes at once and other changes at most ten
        times a second, with the physics page of the step before. A step without pages comes at least twice a second
        where there is nothing else to tell.
        """
        for _ in self._openings(clock):
            yield from self._capture(clock)

    @property
    def sorter(self) -> "StepSorter[StepContext]":
        """What counts the steps that :meth:`steps` gave, and those that were missing, repaired and ambiguous."""
        return self._sorter

    def close(self) -> None:
        """Let go of the pages."""
        self._memory.close()

    @property
    def origin(self) -> str:
        """Where the pages that are open come from; empty where none are."""
        return self._memory.origin

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of the pages that are open."""
        return self._memory.reader.sizes if self._memory.reader is not None else ()

    # --- what samples and steps share: opening, judging, ending

    def _openings(self, clock: Clock) -> Iterator[None]:
        """Opens the pages, and again half a second after whoever looks at them is done, while there is reason to."""
        while not clock.stopped:
            self._open(clock.now())
            yield
            if not self._wait and not clock.stopped:
                if self._seen:
                    return
                raise NoGameError(
                    self._memory.hint
                    or f"No game: {self._where()} holds no running session of Assetto Corsa. Start one, or leave out "
                    "--no-wait; --source demo needs no game."
                )
            clock.sleep_until(clock.now() + LOOK_SECONDS)

    def _open(self, now: float) -> None:
        if self._memory.open(now):
            self._presence = Presence(dump=self._directory is not None)

    def _judge(self, pages: Pages, now: float) -> tuple[State, bool]:
        """The state of the game and whether its car moved on; pages that stand still are opened anew now and then."""
        memory = self._memory
        memory.physics = pages.physics
        try:
            state, fresh = self._presence.judge(pages, now)
        except WrongGame as error:
            raise SourceError(str(error)) from error
        if state is State.WAITING or state is State.GONE:
            return self._absent(), False
        last_chance = state is State.STALLED and not self._seen and not self._wait
        if not fresh and (now - memory.opened_at > LOOK_SECONDS or last_chance):
            before = memory.process
            self._open(now)
            if memory.process != before:
                return (self._absent() if memory.reader is None else State.LOADING), False
        if state is not State.LOADING:
            self._seen = self._seen or state is not State.STALLED
        return state, fresh

    def _absent(self) -> State:
        return State.GONE if self._seen else State.WAITING

    def _is_over(self, state: State) -> bool:
        """Whether there is nothing to look at any more until the pages are opened anew."""
        leftover = state is State.STALLED and not self._seen
        return state is State.WAITING or state is State.GONE or (leftover and not self._wait)

    def _message(self, state: State) -> str:
        if state is State.WAITING:
            waiting = WAIT_FOR_FILES_MESSAGE.format(self._directory) if self._directory else WAIT_MESSAGE
            return self._memory.hint or waiting
        return _MESSAGES.get(state, "")

    def _where(self) -> str:
        return "the shared memory" if self._directory is None else str(self._directory)

    # --- samples

    def _read(self, clock: Clock, missed: int) -> Reading:
        memory = self._memory
        pages, state, fresh, now = None, self._absent(), False, clock.now()
        if memory.reader is not None:
            try:
                pages = memory.reader.copy()
            except PagesMissing:
                memory.close()
            except PagesError:  # never still for long enough: the next look may have more luck
                state = State.LOADING
            else:
                now = clock.now()
                state, fresh = self._judge(pages, now)
        message = self._message(state)
        if pages is None or state in _WITHOUT_PAGES:
            return Reading(state, torn=memory.torn, message=message)
        return Reading(state, decode(pages, elapsed=now), fresh, missed, memory.torn, message)

    # --- steps

    def _capture(self, clock: Clock) -> Iterator[Step]:
        """The steps of the pages that are open, and how things stand, until there is nothing to look at any more."""
        sorter, memory = self._sorter, self._memory
        sight, teller = _Sight(clock), _Teller(clock, self._message)
        state, presence = self._absent(), self._presence
        since = moved_at = glance_at = clock.now()
        pace = _Pace(clock)
        for now in pace.looks():
            before, state = state, self._absent()
            looks: list[tuple[bytes, float]] = []
            if memory.reader is not None:
                try:
                    physics = memory.reader.look(0)
                    if physics == sight.physics and now < glance_at:
                        state = before
                        continue
                    others = sight.graphics, sight.static
                    if physics != sight.physics:
                        moved_at = now
                        pace.advanced = max(1, packet_id_of(physics) - packet_id_of(sight.physics or physics))
                    driving = before is State.LIVE and now < glance_at
                    looks = sight.take(memory.reader, physics, now, hasty=driving)
                except PagesMissing:
                    memory.close()
                else:
                    if not sight.whole:
                        state = State.LOADING
                    elif driving and others == (sight.graphics, sight.static):
                        state = before
                    else:
                        state, _ = self._judge(sight.pages, now)
                        glance_at = now + GLANCE_SECONDS
            since = now if state is not before else since
            over = self._is_over(state)
            if over or self._presence is not presence:  # what comes next is no neighbour of what was
                yield from teller.tell(sorter.drain())
                sorter.forget()
                presence = self._presence
            elif any(sight.physics):  # a blank page is no step, nor is one that is being blanked
                for physics, first_seen in looks:
                    context = StepContext(state, sight.graphics, sight.static, first_seen)
                    step = sorter.see(physics, context, fleeting=physics is not sight.physics)
                    yield from teller.tell(step)
            # A pause may end a moment before its first step: no reason to say that the game has stalled.
            settled = over or state is not State.STALLED or now - since >= HOLD_SECONDS
            if (settled and now > moved_at) or state in _WITHOUT_PAGES:
                news = teller.is_news(state, sight, now)
                if news or now - moved_at >= DRAIN_SECONDS:
                    yield from teller.tell(sorter.drain())
                if news or over:
                    yield from teller.stand(state, sight, now)
            if over:
                return
        yield from teller.tell(sorter.drain())


class StepContext(NamedTuple):
    """What there was beside the physics page when a step was first seen, and when that was by the clock."""

    state: State
    graphics: bytes
    static: bytes
    elapsed: float


class _Sight:
    """The three pages as they were looked at last, graphics and static untorn; :meth:`take` brings it up to date."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.physics = self.graphics = self.static = b""

    @property
    def whole(self) -> bool:
        """Whether every page has been seen whole."""
        return bool(self.graphics and self.static)

    @property
    def pages(self) -> Pages:
        """The pages for one who does not ask when."""
        return Pages(self.physics, self.graphics, self.static, 0.0)

    def take(self, reader: PageReader, physics: bytes, now: float, *, hasty: bool = False) -> list[tuple[bytes, float]]:
        """Look until the pages hold still, as far as they do; gives each content of the physics page and its time.

        In haste the static page, which a game writes once, is looked at only where another frame was drawn.
        """
        looked_at = perf_counter()
        looks = [(physics, now)]
        contents = [physics, reader.look(1), self.static]
        settled = [self.physics, self.graphics, self.static]
        if not hasty or contents[1] != self.graphics:
            contents[2] = reader.look(2)
            looked_at = perf_counter()
        pending = [index for index in range(3) if contents[index] != settled[index]]
        for _ in range(ATTEMPTS):
            if not pending:
                break
            while perf_counter() < looked_at + SETTLE_SECONDS:
                pass
            looked_at = perf_counter()
            unsettled = []
            for index in pending:
                again = reader.look(index)
                if again == contents[index]:
                    settled[index] = again
                    continue
                contents[index] = again
                unsettled.append(index)
                if index == 0:
                    looks.append((again, self._clock.now()))
            pending = unsettled
        self.physics = contents[0]  # torn or not: the sorter knows better
        self.graphics, self.static = settled[1:]
        return looks


class _Teller:
    """Makes steps to be told, and knows what was told last."""

    def __init__(self, clock: Clock, message: Callable[[State], str]) -> None:
        self._epoch = clock.unix() - clock.now()
        self._message = message
        self._physics = b""
        self._state: State | None = None
        self._others = (b"", b"")
        self._at = -math.inf

    def tell(self, step: SortedStep[StepContext] | None) -> tuple[Step, ...]:
        """The step, where there is one and it has pages worth telling."""
        if step is None:
            return ()
        physics, first, missing, repaired, _ = step
        self._physics = physics
        state, graphics, static, elapsed = first
        if state in _WITHOUT_PAGES:
            return ()
        self._note(state, graphics, static, elapsed)
        pages = Pages(physics, graphics, static, self._epoch + elapsed)
        return (Step(state, pages, elapsed, missing, repaired, self._message(state)),)

    def is_news(self, state: State, sight: _Sight, now: float) -> bool:
        """Whether it is time to tell how things stand while physics does."""
        if state is not self._state:
            return True
        changed = (
            state in _STANDING
            and now - self._at >= CHANGE_SECONDS
            and self._others != _others(sight.graphics, sight.static)
        )
        return changed or now - self._at >= LOOK_SECONDS

    def stand(self, state: State, sight: _Sight, now: float) -> Iterator[Step]:
        """How things stand: with pages where they have changed."""
        told = (self._state, *self._others) == (state, *_others(sight.graphics, sight.static))
        if told and now - self._at < LOOK_SECONDS:
            return  # by the step that was held back
        pages = None
        if state not in _WITHOUT_PAGES and not told and self._physics:
            pages = Pages(self._physics, sight.graphics, sight.static, self._epoch + now)
        self._note(state, sight.graphics, sight.static, now)
        yield Step(state, pages, now, message=self._message(state))

    def _note(self, state: State, graphics: bytes, static: bytes, now: float) -> None:
        self._state, self._others, self._at = state, _others(graphics, static), now


def _others(graphics: bytes, static: bytes) -> tuple[bytes, bytes]:
    """What counts as a change beside physics: not that a frame was drawn."""
    return graphics[4:], static


class _Pace:
    """When to look at the physics page: close behind each step, with few looks; ``advanced`` is said after each look.

    A look that finds a step is followed by one a little less than a step later. Thus looks come earlier and earlier
    after a step until one is too early; it is soon repeated. Where the game or this program was late, steps may follow
    closely: then looks come often for a moment.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.advanced = 0  # steps since the look before

    def looks(self) -> Iterator[float]:
        """The times by the clock, at deadlines that do not drift, until it is stopped."""
        sleep_until, now_by = self._clock.sleep_until, self._clock.now
        due = found_at = now_by()
        hurry_until = due + HURRY_SECONDS
        while sleep_until(due):
            now = now_by()
            self.advanced = 0
            yield now
            if self.advanced > 1 or (self.advanced and not EARLY_SECONDS <= now - found_at <= LATE_SECONDS):
                hurry_until = now + HURRY_SECONDS
            found_at = now if self.advanced else found_at
            if self.advanced and now >= hurry_until:
                due += FOLLOW_SECONDS
            elif now - found_at < DRAIN_SECONDS:
                due += RETRY_SECONDS
            else:
                due += IDLE_SECONDS
            due = max(due, now)


class _Memory:
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
        except (PagesMissing, NotAllowed) as error:
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
        except (PagesError, NotAllowed) as error:
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
