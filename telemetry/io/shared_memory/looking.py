"""How a capture looks at the pages: when, at what, and what it tells of that."""

import math
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Final, NamedTuple

from ac_native_memory import ATTEMPTS, SETTLE_SECONDS, PageReader, Pages
from telemetry.clock import Clock
from telemetry.recorder import State, Step
from telemetry.steps import SortedStep

LOOK_SECONDS: Final = 0.5
"""How often the game is looked for, stalled pages are opened anew, and something is told at the least."""

FOLLOW_SECONDS: Final = 2.97e-3
"""How long after a look that found a step the next one comes: a little less than the 3 ms of a step."""

RETRY_SECONDS: Final = 0.5e-3
"""How long after a look that came too early the next one comes."""

IDLE_SECONDS: Final = 1.5e-3
"""The same where physics stands still."""

EARLY_SECONDS: Final = 2.25e-3
"""A step found so soon after the one before is one in haste: the game, or this program, was late."""

LATE_SECONDS: Final = 4.5e-3
"""A step found so long after the one before may be the first of several in haste."""

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


class Sight:
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


class Teller:
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
        if state in WITHOUT_PAGES:
            return ()
        self._note(state, graphics, static, elapsed)
        pages = Pages(physics, graphics, static, self._epoch + elapsed)
        return (Step(state, pages, elapsed, missing, repaired, self._message(state)),)

    def is_news(self, state: State, sight: Sight, now: float) -> bool:
        """Whether it is time to tell how things stand while physics does."""
        if state is not self._state:
            return True
        changed = (
            state in STANDING
            and now - self._at >= CHANGE_SECONDS
            and self._others != _others(sight.graphics, sight.static)
        )
        return changed or now - self._at >= LOOK_SECONDS

    def stand(self, state: State, sight: Sight, now: float) -> Iterator[Step]:
        """How things stand: with pages where they have changed."""
        told = (self._state, *self._others) == (state, *_others(sight.graphics, sight.static))
        if told and now - self._at < LOOK_SECONDS:
            return  # by the step that was held back
        pages = None
        if state not in WITHOUT_PAGES and not told and self._physics:
            pages = Pages(self._physics, sight.graphics, sight.static, self._epoch + now)
        self._note(state, sight.graphics, sight.static, now)
        yield Step(state, pages, now, message=self._message(state))

    def _note(self, state: State, graphics: bytes, static: bytes, now: float) -> None:
        self._state, self._others, self._at = state, _others(graphics, static), now


def _others(graphics: bytes, static: bytes) -> tuple[bytes, bytes]:
    """What counts as a change beside physics: not that a frame was drawn."""
    return graphics[4:], static


class Pace:
    """When to look at the physics page: close behind each step, with few looks; ``advanced`` is said after each look.

    A look that finds a step is followed by one a little less than a step later. Thus looks come earlier and earlier
    after a step until one is too early; it is soon repeated. Where the game or this program was late, steps may follow
    closely: then looks come often until a step has come in its time.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.advanced = 0  # steps since the look before

    def looks(self) -> Iterator[float]:
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
