"""How a capture looks at the pages: when, at what, and what it tells of that."""

import math
from collections.abc import Callable, Iterator, Sequence
from time import perf_counter
from typing import Final, NamedTuple

from ac_native_memory import ATTEMPTS, SETTLE_SECONDS, PageReader, Pages, PagesMissing
from telemetry.base.clock import Clock
from telemetry.fields.pages import read_packet_id
from telemetry.game.page_connection import PageConnection
from telemetry.game.step_assembler import AssembledStep
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Step

LOOK_SECONDS: Final = 0.5
"""How often the game is looked for, stalled pages are opened anew, and something is told at the least."""

FOLLOW_SECONDS: Final = 2.98e-3
"""How long after a look that found a step the next one comes: a little less than the 3 ms of a step."""

RETRY_SECONDS: Final = 0.5e-3
"""How long after a look that came too early the next one comes."""

IDLE_SECONDS: Final = 1.5e-3
"""The same where physics stands still."""

EARLY_SECONDS: Final = 2.25e-3
"""A step found so soon after the one before is one in haste: the game, or this program, was late."""

LATE_SECONDS: Final = 4.5e-3
"""A step found so long after the one before may be the first of several in haste."""

GLANCE_SECONDS: Final = 0.01
"""How often all pages are looked at at the least."""

BATCH_SIZE: Final = 16
"""Sightings of a car that drives that are gathered before they are sorted; 48 ms at the game's rate."""

CHANGE_SECONDS: Final = 0.1
"""How often changes are told while physics stands still; those of the game's state are told at once."""

DRAIN_SECONDS: Final = 0.1
"""How long a step waits for the next one before it is given without."""

WITHOUT_PAGES: Final = frozenset({State.WAITING, State.LOADING, State.GONE})
"""Where there is nothing worth telling in the pages."""

STANDING: Final = frozenset({State.PAUSED, State.REPLAY, State.MENU, State.STILL})
"""Where physics stands still, or may, and the other pages go on."""


class StepContext(NamedTuple):
    """What there was beside the physics page when a step was first seen, and when that was by the clock."""

    state: State
    graphics: bytes
    static: bytes
    elapsed: float


class PollResult(NamedTuple):
    """What one look, or several in a row until the pages held still, found; graphics and static are untorn.

    ``contents`` are those of the physics page, oldest first, each with the time at which it was first seen; none where
    there are no pages. The last one may be torn. ``moved`` says whether any is new.
    """

    now: float
    contents: Sequence[tuple[bytes, float]]
    moved: bool
    physics: bytes
    graphics: bytes
    static: bytes

    @property
    def whole(self) -> bool:
        """Whether every page has been seen whole."""
        return bool(self.graphics and self.static)

    @property
    def pages(self) -> Pages:
        """The pages for one who does not ask when."""
        return Pages(self.physics, self.graphics, self.static, 0.0)


class PagePoller:
    """Looks at the three pages; ``driving`` is to be said to it: whether, by the last sighting, the car drives."""

    def __init__(self, clock: Clock) -> None:
        self.driving = False
        self._clock = clock
        self._physics = self._graphics = self._static = b""

    def poll(self, memory: PageConnection) -> Iterator[list[PollResult]]:
        """What there is to see in the pages that are open, until the clock is stopped.

        While the car drives a handful of sightings comes at once: after the sleep between two steps little of this
        program is left in the processor's caches, so that what is done with many in a row costs a part of what it costs
        with one at a time.
        """
        gathered: list[PollResult] = []
        glance_at = -math.inf
        scheduler = PollScheduler(self._clock)
        for now in scheduler.ticks():
            reader = memory.reader
            gather = False
            if reader is None:
                gathered.append(self._nothing(now))
            else:
                try:
                    physics = reader.look(0)
                    moved = physics != self._physics
                    if not moved and now < glance_at:
                        continue
                    if moved:
                        scheduler.advanced = max(1, read_packet_id(physics) - read_packet_id(self._physics or physics))
                    gather = moved and self.driving
                    hasty = gather and now < glance_at
                    result = self._take(reader, physics, now, hasty=hasty)
                except PagesMissing:
                    memory.close()
                    gather = False
                    result = self._nothing(now)
                else:
                    if not hasty and result.whole:
                        glance_at = now + GLANCE_SECONDS
                gathered.append(result)
            if not gather or len(gathered) == BATCH_SIZE:
                yield gathered
                gathered = []
        if gathered:
            yield gathered

    def _nothing(self, now: float) -> PollResult:
        return PollResult(now, (), False, self._physics, self._graphics, self._static)

    def _take(self, reader: PageReader, physics: bytes, now: float, *, hasty: bool) -> PollResult:
        """Look until the pages hold still, as far as they do.

        In haste the static page, which a game writes once, is looked at only where another frame was drawn.
        """
        looked_at = perf_counter()
        found = [(physics, now)]
        contents = [physics, reader.look(1), self._static]
        settled = [self._physics, self._graphics, self._static]
        moved = physics != self._physics
        pending = [0] if moved else []
        if not hasty or contents[1] != self._graphics:
            contents[2] = reader.look(2)
            looked_at = perf_counter()
            pending += [index for index in (1, 2) if contents[index] != settled[index]]
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
                    found.append((again, self._clock.now()))
            pending = unsettled
        self._physics = contents[0]  # torn or not: the sorter knows better
        self._graphics, self._static = settled[1:]
        return PollResult(now, found, moved, self._physics, self._graphics, self._static)


class StepEmitter:
    """Makes steps to be told, and knows what was told last."""

    def __init__(self, clock: Clock, message: Callable[[State], str]) -> None:
        self._epoch = clock.unix() - clock.now()
        self._message = message
        self._physics = b""
        self._state: State | None = None
        self._others = (b"", b"")
        self._at = -math.inf

    def tell(self, step: AssembledStep[StepContext] | None) -> tuple[Step, ...]:
        """The step, where there is one and it has pages worth telling."""
        if step is None:
            return ()
        physics, first, missing, repaired, _ = step
        self._physics = physics
        state, graphics, static, elapsed = first
        if state in WITHOUT_PAGES:
            return ()
        self._note(state, graphics, static, elapsed)
        pages = Pages(physics, graphics, static, self._epoch + elapsed)
        return (Step(state, pages, elapsed, missing, repaired, self._message(state)),)

    def is_news(self, state: State, result: PollResult) -> bool:
        """Whether it is time to tell how things stand while physics does."""
        now = result.now
        if state is not self._state:
            return True
        changed = (
            state in STANDING
            and now - self._at >= CHANGE_SECONDS
            and self._others != _others(result.graphics, result.static)
        )
        return changed or now - self._at >= LOOK_SECONDS

    def stand(self, state: State, result: PollResult) -> Iterator[Step]:
        """How things stand: with pages where they have changed."""
        now = result.now
        told = (self._state, *self._others) == (state, *_others(result.graphics, result.static))
        if told and now - self._at < LOOK_SECONDS:
            return  # by the step that was held back
        pages = None
        if state not in WITHOUT_PAGES and not told and self._physics:
            pages = Pages(self._physics, result.graphics, result.static, self._epoch + now)
        self._note(state, result.graphics, result.static, now)
        yield Step(state, pages, now, message=self._message(state))

    def _note(self, state: State, graphics: bytes, static: bytes, now: float) -> None:
        self._state, self._others, self._at = state, _others(graphics, static), now


def _others(graphics: bytes, static: bytes) -> tuple[bytes, bytes]:
    """What counts as a change beside physics: not that a frame was drawn."""
    return graphics[4:], static


class PollScheduler:
    """When to look at the physics page: close behind each step, with few looks; ``advanced`` is said after each look.

    A look that finds a step is followed by one a little less than a step later. Thus looks come earlier and earlier
    after a step until one is too early; it is soon repeated. Where the game or this program was late, steps may follow
    closely: then looks come often until a step has come in its time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.advanced = 0  # steps since the look before

    def ticks(self) -> Iterator[float]:
        """The times by the clock, at deadlines that do not drift, until it is stopped."""
        sleep_until, now_by = self._clock.sleep_until, self._clock.now
        due = found_at = now_by()
        while sleep_until(due):
            now = now_by()
            self.advanced = 0
            yield now
            if self.advanced:
                in_time = self.advanced == 1 and EARLY_SECONDS <= now - found_at <= LATE_SECONDS
                due += FOLLOW_SECONDS if in_time else RETRY_SECONDS
                found_at = now
            else:
                due += RETRY_SECONDS if now - found_at < DRAIN_SECONDS else IDLE_SECONDS
            due = max(due, now)
