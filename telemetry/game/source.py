"""The running game as a source of samples and of physics steps."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

from ac_native_memory import Pages, PagesError, PagesMissing, WrongGame
from telemetry.base.clock import Clock
from telemetry.base.errors import NoGameError, SourceError
from telemetry.base.typing import override
from telemetry.fields.snapshot import PageDecoder
from telemetry.game.page_connection import PageConnection
from telemetry.game.page_files import describe_waiting, missing_page_files
from telemetry.game.polling import (
    BATCH_SIZE,
    FULL_POLL_SECONDS,
    HEARTBEAT_SECONDS,
    WITHOUT_PAGES,
    PagePoller,
    PollResult,
    PollScheduler,
    StepContext,
    StepEmitter,
)
from telemetry.game.proton import Processes
from telemetry.game.step_assembler import StepAssembler
from telemetry.recording.game_state import GameStateDetector, State
from telemetry.recording.interfaces import Reading, Source, Step
from telemetry.recording.sample_recorder import DEFAULT_RATE

WAIT_MESSAGE: Final = "Waiting for Assetto Corsa: start a session in the game (its launcher alone has no telemetry)."
GONE_MESSAGE: Final = "The game has left; waiting for it to come back."
_MESSAGES: Final = {
    State.LOADING: "The game is loading its session.",
    State.PAUSED: "The game is paused.",
    State.REPLAY: "The game shows a replay.",
    State.MENU: "The escape menu is open.",
    State.STALLED: "The game has stopped writing: it is frozen or has crashed.",
    State.STILL: "The pages do not move.",
    State.GONE: GONE_MESSAGE,
}


class _Judgement(NamedTuple):
    """The state of the game at a poll, and what it was derived from.

    Until ``valid_until`` a car that drives, with the same graphics and static pages, is still driving.
    """

    state: State
    graphics: bytes = b""
    static: bytes = b""
    valid_until: float = 0.0


class LiveSource(Source):
    """The running game, or the page files in ``directory``.

    It waits for the game and picks up a restarted one by itself; with ``wait`` off it raises
    :class:`telemetry.NoGameError` without a game, and ends when the game does. With ``accept_static``, by default
    where a directory is named, pages that never change are read too. On Linux the pages of a bridge come first;
    if they are missing or never change, the pages of the game itself among ``processes``. Raises
    :class:`telemetry.SourceError` for another game's pages and for pages that cannot be read.
    """

    def __init__(
        self,
        directory: Path | None = None,
        *,
        wait: bool = True,
        prefix: str = "",
        processes: Processes | None = None,
        accept_static: bool | None = None,
    ) -> None:
        if directory is not None and not directory.is_dir():
            raise SourceError(f"There is no directory {directory}.")
        self.name = "live" if directory is None else str(directory)
        self.connection = PageConnection(directory, prefix, processes)
        self.assembler: StepAssembler[StepContext] = StepAssembler()
        """Counts the steps that :meth:`steps` gave, and those that were missing, repaired and ambiguous."""
        self._directory = directory
        self._prefix = prefix
        self._wait = wait
        self._accept_static = directory is not None if accept_static is None else accept_static
        self._decoder = PageDecoder()
        self._detector = GameStateDetector(dump=self._accept_static)
        self._was_seen = False

    @override
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        """What the pages hold, ``rate`` times per second; twice a second while there is no game."""
        for _ in self._open_repeatedly(clock):
            for missed in clock.ticks(rate or DEFAULT_RATE):
                reading = self._read(clock, missed)
                yield reading
                if self._is_over(reading.state):
                    break

    @override
    def steps(self, clock: Clock) -> Iterator[Step]:
        """Every physics step, once, when the next one has come or it is clear that none will for a while.

        While the car drives several come at once, the oldest some 50 ms old. While physics stands still, as in a
        pause, a change of the state comes at once and other changes at most ten times a second, with the physics page
        of the step before. A step without pages comes at least twice a second where there is nothing else to report.
        """
        for _ in self._open_repeatedly(clock):
            yield from self._steps_while_open(clock)

    @override
    def close(self) -> None:
        self.connection.close()

    @property
    def origin(self) -> str:
        """Where the open pages come from; empty where none are open."""
        return self.connection.origin

    @property
    def sizes(self) -> tuple[int, ...]:
        """Sizes of the open pages in bytes."""
        return self.connection.reader.sizes if self.connection.reader is not None else ()

    # --- what samples and steps share: opening, deriving the state, ending

    def _open_repeatedly(self, clock: Clock) -> Iterator[None]:
        """Open the pages, and again half a second after the caller is done with them, until there is no reason to."""
        while not clock.stopped:
            self._open(clock.now())
            yield
            if not self._wait and not clock.stopped:
                if self._was_seen:
                    return
                raise NoGameError(self.connection.hint or self._describe_no_game())
            clock.sleep_until(clock.now() + HEARTBEAT_SECONDS)

    def _open(self, now: float) -> None:
        if self.connection.open(now):
            self._detector = GameStateDetector(dump=self._accept_static)

    def _detect_state(self, pages: Pages, now: float) -> tuple[State, bool]:
        """The state of the game, and whether game time advanced; pages that stand still are reopened now and then."""
        connection = self.connection
        connection.last_physics = pages.physics
        try:
            state, is_new_step = self._detector.update(pages, now)
        except WrongGame as error:
            raise SourceError(str(error)) from error
        if state is State.WAITING or state is State.GONE:
            return self._absent_state(), False
        last_chance = state is State.STALLED and not self._was_seen and not self._wait
        if not is_new_step and (now - connection.opened_at > HEARTBEAT_SECONDS or last_chance):
            process_before = connection.process
            self._open(now)
            if connection.process != process_before:
                return (self._absent_state() if connection.reader is None else State.LOADING), False
        if state is not State.LOADING:
            self._was_seen = self._was_seen or state is not State.STALLED
        return state, is_new_step

    def _describe_no_game(self) -> str:
        where, lack = "the shared memory", ""
        if self._directory is not None:
            where = str(self._directory)
            missing = missing_page_files(self._directory, self._prefix)
            lack = f" and lacks {', '.join(missing)}" if missing else ""
        return (
            f"No game: {where} holds no running session of Assetto Corsa{lack}. Start one, or leave out --no-wait; "
            "--source demo needs no game."
        )

    def _absent_state(self) -> State:
        return State.GONE if self._was_seen else State.WAITING

    def _is_over(self, state: State) -> bool:
        """Whether the pages hold nothing until they are opened again."""
        is_leftover = state is State.STALLED and not self._was_seen
        return state is State.WAITING or state is State.GONE or (is_leftover and not self._wait)

    def _message(self, state: State) -> str:
        if state is State.WAITING:
            waiting = describe_waiting(self._directory, self._prefix) if self._directory else WAIT_MESSAGE
            return self.connection.hint or waiting
        return _MESSAGES.get(state, "")

    # --- samples

    def _read(self, clock: Clock, missed: int) -> Reading:
        connection = self.connection
        pages, state, is_new_step, now = None, self._absent_state(), False, clock.now()
        if connection.reader is not None:
            try:
                pages = connection.reader.copy()
            except PagesMissing:
                connection.close()
            except PagesError:  # never still for long enough; the next reading may be luckier
                state = State.LOADING
            else:
                now = clock.now()
                state, is_new_step = self._detect_state(pages, now)
        message, torn = self._message(state), connection.torn
        if pages is None or state in WITHOUT_PAGES:
            return Reading(state, torn=torn, message=message)
        pages = pages._replace(timestamp=clock.epoch() + now)  # on the clock of ``elapsed``
        return Reading(state, self._decoder.decode(pages, elapsed=now), is_new_step, missed, torn, message)

    # --- steps

    def _steps_while_open(self, clock: Clock) -> Iterator[Step]:
        """The steps of the open pages, and changes of the state, until the pages hold nothing any more.

        While the car drives, several polls are processed together: after the sleep between two steps the processor's
        caches are cold, so that many in a row cost a fraction of what they cost one at a time.
        """
        poller, scheduler = PagePoller(self.connection, clock), PollScheduler(clock.now())
        emitter = StepEmitter(clock, self.assembler, self._message)
        judgement = _Judgement(self._absent_state())
        batch: list[PollResult] = []
        deadline = clock.now()
        while clock.sleep_until(deadline):
            now = clock.now()
            result = poller.poll(now, driving=judgement.state is State.LIVE)
            deadline = scheduler.next_deadline(now, result.new_steps if result else 0)
            if result is None:
                continue
            batch.append(result)
            if result.can_wait and len(batch) < BATCH_SIZE:
                continue
            judgement, steps = self._process(batch, judgement, emitter)
            yield from steps
            if self._is_over(judgement.state):
                return
            batch.clear()
        _, steps = self._process(batch, judgement, emitter)
        yield from steps
        yield from emitter.flush()

    def _process(
        self, batch: list[PollResult], judgement: _Judgement, emitter: StepEmitter
    ) -> tuple[_Judgement, list[Step]]:
        """Derive the state at each poll, up to the first after which there is nothing, and collect the steps."""
        steps: list[Step] = []
        for result in batch:
            detector = self._detector
            judgement = self._judge(result, judgement)
            is_over = self._is_over(judgement.state)
            new_game = self._detector is not detector
            steps += emitter.emit(result, judgement.state, new_game=new_game, is_last=is_over)
            if is_over:
                break
        return judgement, steps

    def _judge(self, result: PollResult, before: _Judgement) -> _Judgement:
        if not result.physics_copies:
            return _Judgement(self._absent_state())
        if not result.complete:
            return _Judgement(State.LOADING)
        now, graphics, static = result.now, result.graphics, result.static
        still_valid = before.state is State.LIVE and result.new_steps and now < before.valid_until
        if still_valid and graphics == before.graphics and static == before.static:
            return before
        state, _ = self._detect_state(result.pages, now)
        return _Judgement(state, graphics, static, now + FULL_POLL_SECONDS)
