"""The running game as a source of samples and of steps."""

from collections.abc import Iterator
from itertools import chain
from pathlib import Path
from typing import Final

from ac_native_memory import Pages, PagesError, PagesMissing, WrongGame
from telemetry.base.clock import Clock
from telemetry.base.errors import NoGameError, SourceError
from telemetry.fields.snapshot import PageDecoder
from telemetry.game.page_connection import PageConnection
from telemetry.game.polling import (
    DRAIN_SECONDS,
    GLANCE_SECONDS,
    LOOK_SECONDS,
    WITHOUT_PAGES,
    PagePoller,
    StepContext,
    StepEmitter,
)
from telemetry.game.proton import Processes
from telemetry.game.step_assembler import StepAssembler
from telemetry.recording.game_state import HOLD_SECONDS, GameStateDetector, State
from telemetry.recording.interfaces import Reading, Source, Step
from telemetry.recording.sample_recorder import DEFAULT_RATE

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
        self._memory = PageConnection(directory, prefix, processes)
        self._decoder = PageDecoder()
        self._detector = GameStateDetector(dump=directory is not None)
        self._seen = False
        self._sorter: StepAssembler[StepContext] = StepAssembler()

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

        While the car drives a handful comes at once, the oldest some 50 ms old. Where physics stands still, as in a
        pause, a change of the state comes at once and other changes at most ten times a second, with the physics page
        of the step before. A step without pages comes at least twice a second where there is nothing else to tell.
        """
        for _ in self._openings(clock):
            yield from self._capture(clock)

    @property
    def assembler(self) -> "StepAssembler[StepContext]":
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
            self._detector = GameStateDetector(dump=self._directory is not None)

    def _judge(self, pages: Pages, now: float) -> tuple[State, bool]:
        """The state of the game and whether its car moved on; pages that stand still are opened anew now and then."""
        memory = self._memory
        memory.physics = pages.physics
        try:
            state, is_new_step = self._detector.update(pages, now)
        except WrongGame as error:
            raise SourceError(str(error)) from error
        if state is State.WAITING or state is State.GONE:
            return self._absent(), False
        last_chance = state is State.STALLED and not self._seen and not self._wait
        if not is_new_step and (now - memory.opened_at > LOOK_SECONDS or last_chance):
            before = memory.process
            self._open(now)
            if memory.process != before:
                return (self._absent() if memory.reader is None else State.LOADING), False
        if state is not State.LOADING:
            self._seen = self._seen or state is not State.STALLED
        return state, is_new_step

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
        pages, state, is_new_step, now = None, self._absent(), False, clock.now()
        if memory.reader is not None:
            try:
                pages = memory.reader.copy()
            except PagesMissing:
                memory.close()
            except PagesError:  # never still for long enough: the next look may have more luck
                state = State.LOADING
            else:
                now = clock.now()
                state, is_new_step = self._judge(pages, now)
        message = self._message(state)
        if pages is None or state in WITHOUT_PAGES:
            return Reading(state, torn=memory.torn, message=message)
        return Reading(state, self._decoder.decode(pages, elapsed=now), is_new_step, missed, memory.torn, message)

    # --- steps

    def _capture(self, clock: Clock) -> Iterator[Step]:
        """The steps of the pages that are open, and how things stand, until there is nothing to look at any more."""
        assembler, emitter = self._sorter, StepEmitter(clock, self._message)
        state, detector = self._absent(), self._detector
        since = moved_at = judge_at = clock.now()
        others = (b"", b"")
        sight = PagePoller(clock)
        for result in chain.from_iterable(sight.poll(self._memory)):
            now = result.now
            before, state = state, self._absent()
            moved_at = now if result.moved else moved_at
            if result.contents:
                seen, others = others, (result.graphics, result.static)
                if not result.whole:
                    state = State.LOADING
                elif before is State.LIVE and result.moved and now < judge_at and seen == others:
                    state = before
                else:
                    state, _ = self._judge(result.pages, now)
                    judge_at = now + GLANCE_SECONDS
            sight.driving = state is State.LIVE
            since = now if state is not before else since
            over = self._is_over(state)
            if over or self._detector is not detector:  # what comes next is no neighbour of what was
                yield from emitter.tell(assembler.flush())
                assembler.reset()
                detector = self._detector
            elif any(result.physics):  # a blank page is no step, nor is one that is being blanked
                for physics, first_seen in result.contents:
                    context = StepContext(state, result.graphics, result.static, first_seen)
                    step = assembler.add_copy(physics, context, unconfirmed=physics is not result.physics)
                    yield from emitter.tell(step)
            # A pause may end a moment before its first step: no reason to say that the game has stalled.
            settled = over or state is not State.STALLED or now - since >= HOLD_SECONDS
            if (settled and now > moved_at) or state in WITHOUT_PAGES:
                news = emitter.is_news(state, result)
                if news or now - moved_at >= DRAIN_SECONDS:
                    yield from emitter.tell(assembler.flush())
                if news or over:
                    yield from emitter.stand(state, result)
            if over:
                return
        yield from emitter.tell(assembler.flush())
