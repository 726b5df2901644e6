"""Polling the pages of a running game: when to read them, what a poll found, and the steps to emit."""

import math
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Final, NamedTuple

from ac_native_memory import ATTEMPTS, SETTLE_SECONDS, PageReader, Pages, PagesMissing
from telemetry.base.clock import Clock
from telemetry.fields.pages import read_packet_id
from telemetry.game.page_connection import PageConnection
from telemetry.game.step_assembler import AssembledStep, StepAssembler
from telemetry.recording.game_state import HOLD_SECONDS, State
from telemetry.recording.interfaces import Step

HEARTBEAT_SECONDS: Final = 0.5
"""How often a game is searched for, pages that stand still are reopened, and the state is reported at least."""

POLL_AFTER_STEP_SECONDS: Final = 2.98e-3
"""Time from a poll that found a step to the next one: a little less than the 3 ms of a step."""

POLL_AGAIN_SECONDS: Final = 0.5e-3
"""Time to the next poll after one that was too early."""

POLL_IDLE_SECONDS: Final = 1.5e-3
"""The same while physics stands still."""

EARLY_STEP_SECONDS: Final = 2.25e-3
"""A step found sooner than this after the one before is early: the game, or this program, was late before it."""

LATE_STEP_SECONDS: Final = 4.5e-3
"""A step found later than this after the one before may be the first of several early ones."""

FULL_POLL_SECONDS: Final = 0.01
"""How often all pages are read at least."""

BATCH_SIZE: Final = 16
"""Polls collected before they are assembled into steps while the car drives: 48 ms at the game's rate."""

CHANGE_REPORT_SECONDS: Final = 0.1
"""How often changes are reported while physics stands still; those of the game's state are reported at once."""

FLUSH_STEP_SECONDS: Final = 0.1
"""How long a step waits for the next one before it is emitted without it."""

WITHOUT_PAGES: Final = frozenset({State.WAITING, State.LOADING, State.GONE})
"""States in which the pages hold nothing worth reporting."""

STANDING_STILL: Final = frozenset({State.PAUSED, State.REPLAY, State.MENU, State.STILL})
"""States in which physics stands still, or may, while the other pages change."""


class StepContext(NamedTuple):
    """The state and the pages beside physics when a step was first seen, and the two times of that."""

    state: State
    graphics: bytes
    static: bytes
    elapsed: float
    timestamp: float


class PollResult(NamedTuple):
    """What one poll found."""

    now: float
    """Time of the poll in seconds of the clock."""
    epoch: float
    """The Unix time that belonged to 0 on the clock at the time of the poll."""
    physics_copies: Sequence[tuple[bytes, float]]
    """Versions of the physics page, oldest first, each with the time it was first seen; empty without pages.

    The last one may be torn.
    """
    new_steps: int
    """By how many steps physics has advanced since the poll before; 0 if its page is unchanged."""
    can_wait: bool
    """Whether assembling the step may wait for further polls: the car drives, and there is a new step."""
    physics: bytes
    """The latest version of the physics page; it may be torn."""
    graphics: bytes
    """The latest untorn graphics page; empty where none was seen yet."""
    static: bytes
    """The latest untorn static page; empty where none was seen yet."""

    @property
    def complete(self) -> bool:
        """Whether every page was seen untorn."""
        return bool(self.graphics and self.static)

    @property
    def pages(self) -> Pages:
        """The pages, without a time."""
        return Pages(self.physics, self.graphics, self.static, 0.0)


class PagePoller:
    """Reads the pages of a connection, and remembers them to tell what is new."""

    def __init__(self, connection: PageConnection, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._next_full_poll = -math.inf
        self._physics = self._graphics = self._static = b""

    def poll(self, now: float, *, driving: bool) -> PollResult | None:
        """Read the pages once, or several times until they hold still; closes the connection where they have vanished.

        ``driving`` says whether the car drove at the poll before: then the static page, which a game writes once, is
        only read with a new frame or in a full poll. None: physics is unchanged, and no full poll is due.
        """
        reader = self._connection.reader
        if reader is None:
            return self._without_pages(now)
        try:
            physics = reader.look(0)
            full = now >= self._next_full_poll
            new_steps = 0
            if physics != self._physics:
                new_steps = max(1, read_packet_id(physics) - read_packet_id(self._physics or physics))
            elif not full:
                return None
            can_wait = driving and new_steps > 0
            copies = self._read_settled(reader, physics, now, skip_static=can_wait and not full)
        except PagesMissing:
            self._connection.close()
            return self._without_pages(now)
        epoch = self._clock.epoch()
        result = PollResult(now, epoch, copies, new_steps, can_wait, self._physics, self._graphics, self._static)
        if (full or not can_wait) and result.complete:
            self._next_full_poll = now + FULL_POLL_SECONDS
        return result

    def _without_pages(self, now: float) -> PollResult:
        return PollResult(now, self._clock.epoch(), (), 0, False, self._physics, self._graphics, self._static)

    def _read_settled(
        self, reader: PageReader, physics: bytes, now: float, *, skip_static: bool
    ) -> list[tuple[bytes, float]]:
        """Read the pages until they hold still, as far as they do; returns the versions of physics on the way."""
        read_at = perf_counter()
        copies = [(physics, now)]
        latest = [physics, reader.look(1), self._static]
        settled = [self._physics, self._graphics, self._static]
        pending = [0] if physics != self._physics else []
        if not skip_static or latest[1] != self._graphics:
            latest[2] = reader.look(2)
            read_at = perf_counter()
            pending += [index for index in (1, 2) if latest[index] != settled[index]]
        for _ in range(ATTEMPTS):
            if not pending:
                break
            while perf_counter() < read_at + SETTLE_SECONDS:
                pass
            read_at = perf_counter()
            unsettled = []
            for index in pending:
                again = reader.look(index)
                if again == latest[index]:
                    settled[index] = again
                    continue
                latest[index] = again
                unsettled.append(index)
                if index == 0:
                    copies.append((again, self._clock.now()))
            pending = unsettled
        self._physics = latest[0]  # torn or not: the assembler finds out
        self._graphics, self._static = settled[1:]
        return copies


class PollScheduler:
    """When to poll: close behind each step, with few polls.

    A poll that finds a step is followed by one a little less than a step later. So polls come earlier and earlier after
    a step, until one is too early and is soon repeated. Where the game or this program was late, steps may follow each
    other closely: then polls come often until a step has come on time.
    """

    def __init__(self, now: float) -> None:
        self._deadline = self._step_at = now

    def next_deadline(self, now: float, new_steps: int) -> float:
        """When the next poll is due, after one at ``now`` that found so many new steps; deadlines do not drift."""
        if new_steps:
            on_time = new_steps == 1 and EARLY_STEP_SECONDS <= now - self._step_at <= LATE_STEP_SECONDS
            pause = POLL_AFTER_STEP_SECONDS if on_time else POLL_AGAIN_SECONDS
            self._step_at = now
        else:
            pause = POLL_AGAIN_SECONDS if now - self._step_at < FLUSH_STEP_SECONDS else POLL_IDLE_SECONDS
        self._deadline = max(self._deadline + pause, now)
        return self._deadline


class StepEmitter:
    """Turns poll results into steps, and reports the state of the game while physics stands still.

    ``message`` gives the sentence for a person that goes with a state.
    """

    def __init__(self, clock: Clock, assembler: StepAssembler[StepContext], message: Callable[[State], str]) -> None:
        self._assembler = assembler
        self._message = message
        self._state: State | None = None
        self._state_since = self._moved_at = clock.now()
        # What was emitted last, and when:
        self._physics = b""
        self._emitted_state: State | None = None
        self._emitted_pages = (b"", b"")
        self._emitted_at = -math.inf

    def emit(self, result: PollResult, state: State, *, new_game: bool, is_last: bool) -> list[Step]:
        """The steps that are due after this poll.

        ``state`` is that of the game; ``new_game`` says that the pages may be another game's from here on, ``is_last``
        that no poll follows for a while.
        """
        now = result.now
        if result.new_steps:
            self._moved_at = now
        if state is not self._state:
            self._state, self._state_since = state, now
        steps: list[Step] = []
        if is_last or new_game:  # what comes next is not a neighbour of what was
            self._emit_step(self._assembler.flush(), steps)
            self._assembler.reset()
        elif any(result.physics):  # a blank page is not a step, nor is one that is being blanked
            for physics, first_seen in result.physics_copies:
                context = StepContext(state, result.graphics, result.static, first_seen, result.epoch + first_seen)
                is_latest = physics is result.physics
                self._emit_step(self._assembler.add_copy(physics, context, unconfirmed=not is_latest), steps)
        # A pause may end a moment before its first step: that is no reason to report a stall.
        settled = is_last or state is not State.STALLED or now - self._state_since >= HOLD_SECONDS
        if (settled and now > self._moved_at) or state in WITHOUT_PAGES:
            should_report = self._should_report(state, result)
            if should_report or now - self._moved_at >= FLUSH_STEP_SECONDS:
                self._emit_step(self._assembler.flush(), steps)
            if should_report or is_last:
                self._emit_state(state, result, steps)
        return steps

    def flush(self) -> list[Step]:
        """The step that still waits for the next one."""
        steps: list[Step] = []
        self._emit_step(self._assembler.flush(), steps)
        return steps

    def _emit_step(self, step: AssembledStep[StepContext] | None, steps: list[Step]) -> None:
        if step is None:
            return
        physics, context, missing, repaired, _ = step
        self._physics = physics
        state, graphics, static, elapsed, timestamp = context
        if state in WITHOUT_PAGES:
            return
        self._remember(state, graphics, static, elapsed)
        pages = Pages(physics, graphics, static, timestamp)
        steps.append(Step(state, pages, elapsed, missing, repaired, self._message(state)))

    def _emit_state(self, state: State, result: PollResult, steps: list[Step]) -> None:
        """Emit a step without new physics: with pages where these have changed."""
        now, timestamp = result.now, result.epoch + result.now
        known = (self._emitted_state, *self._emitted_pages) == (state, *_relevant(result.graphics, result.static))
        if known and now - self._emitted_at < HEARTBEAT_SECONDS:
            return  # the step that was flushed has reported it
        pages = None
        if state not in WITHOUT_PAGES and not known and self._physics:
            pages = Pages(self._physics, result.graphics, result.static, timestamp)
        self._remember(state, result.graphics, result.static, now)
        step = Step(state, pages, now, message=self._message(state))
        steps.append(step if pages is not None else step._replace(timestamp=timestamp))

    def _should_report(self, state: State, result: PollResult) -> bool:
        """Whether the state, or a change of the other pages, is to be reported now while physics stands still."""
        since_last = result.now - self._emitted_at
        if state is not self._emitted_state or since_last >= HEARTBEAT_SECONDS:
            return True
        return (
            state in STANDING_STILL
            and since_last >= CHANGE_REPORT_SECONDS
            and self._emitted_pages != _relevant(result.graphics, result.static)
        )

    def _remember(self, state: State, graphics: bytes, static: bytes, now: float) -> None:
        self._emitted_state, self._emitted_pages, self._emitted_at = state, _relevant(graphics, static), now


def _relevant(graphics: bytes, static: bytes) -> tuple[bytes, bytes]:
    """What counts as a change beside physics: all but the number of the drawn frame."""
    return graphics[4:], static
