"""Looks at the physics page become physics steps: each once, in their order, and whole wherever looks can tell.

The game writes its page without a lock. A look may therefore find a page in the middle of being written: with the new
packetId and some words of the step before, where the id is written first, or with the old packetId and some words of
the step after, where it is written last. One look cannot tell such a page from a whole one; its neighbours can.
"""

from typing import Final, Generic, NamedTuple, TypeVar

from telemetry.fields.pages import mask_fields, read_packet_id

T = TypeVar("T")

PER_FRAME: Final = ("ride_height", "ers_recovery_level", "ers_power_level", "current_max_rpm")
"""Fields that belong to the drawn frame: that they change under one packetId is no sign of a torn page."""


CLEAR_MAJORITY: Final = 4
"""How many times as often neighbours must have told one kind of writer as the other, so that the kind is known."""

_without_frame: Final = mask_fields("physics", PER_FRAME)


class AssembledStep(NamedTuple, Generic[T]):
    """One physics step; ``first`` is what came with the first look at it.

    ``missing`` counts the steps right before it that no look found. ``repaired`` says that looks found several contents
    of it and its neighbours told the whole one, ``ambiguous`` that they could not: the page may be torn.
    """

    physics: bytes
    first: T
    missing: int = 0
    repaired: bool = False
    ambiguous: bool = False


class StepAssembler(Generic[T]):
    """Takes every look at the physics page and gives each step when the next appears, or when it is drained.

    Only contents that stood for two looks count as whole. A step of which every content was ``unconfirmed``, gone at
    the very next look, may be a mixture that nothing tells from a whole page: it is missing. ``steps``, ``missing``,
    ``repaired``, ``ambiguous`` and ``unconfirmed``, the steps that are missing for that reason, count over its whole
    life.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.missing = 0
        self.repaired = 0
        self.ambiguous = 0
        self.unconfirmed = 0
        self._look = b""
        self._packet_id: int | None = None
        self._step: AssembledStep[T] | None = None  # of this id, as it was first seen or as it was given
        self._given = False
        self._contents: list[bytes] = []  # of this id, oldest first
        self._stood: list[bool] = []  # whether each of them did for two looks
        self._before: tuple[int, bytes | None] | None = None  # the step before, None where its page is in doubt
        # How often neighbours told a writer that begins with the id from one that ends with it; every game is either.
        self._begins = self._ends = 0

    def add_copy(self, physics: bytes, first: T, *, unconfirmed: bool = False) -> AssembledStep[T] | None:
        """Take a look at the page; gives the step before where this is the first look at another."""
        if physics == self._look:
            if not unconfirmed:
                self._add(physics, confirmed=True)
            return None
        self._look = physics
        packet_id = read_packet_id(physics)
        step = None
        if packet_id != self._packet_id:
            step = self._finish_step(packet_id, physics)
            self._packet_id, self._step, self._given = packet_id, AssembledStep(physics, first), False
            self._contents, self._stood = [physics], [not unconfirmed]
        else:
            self._add(physics, confirmed=not unconfirmed)
        return step

    def flush(self) -> AssembledStep[T] | None:
        """The step that waits for the next one, which may be long in coming; it is not given again."""
        return self._give(self._step, None) if self._step and any(self._stood) and not self._given else None

    def reset(self) -> None:
        """Let another game begin: what follows is no neighbour of what was. A step that is still held is dropped."""
        self._look, self._packet_id, self._step, self._contents, self._before = b"", None, None, [], None

    def _add(self, physics: bytes, *, confirmed: bool) -> None:
        """Take another look at the present id's page."""
        step = _without_frame(physics)
        for index, content in enumerate(self._contents):
            if _without_frame(content) == step:
                self._contents[index] = physics  # the later frame wins
                self._stood[index] = self._stood[index] or confirmed
                return
        self._contents.append(physics)
        self._stood.append(confirmed)

    def _finish_step(self, packet_id: int, physics: bytes) -> AssembledStep[T] | None:
        """Be done with the present id, as this one follows; gives its step unless that was drained."""
        step = self._step
        if step is None or self._packet_id is None:
            return None
        if not any(self._stood):
            self.unconfirmed += 1
            return None
        following = physics if packet_id == self._packet_id + 1 else None
        if not self._given:
            step = given = self._give(step, following)
        else:
            given = None
            if len(self._contents) > 1:  # maybe not everything had been seen when it was given
                page, certain = self._choose_copy(following)
                if not certain or _without_frame(page) != _without_frame(step.physics):
                    self.ambiguous += not step.ambiguous
                    step = step._replace(physics=page, ambiguous=not certain)
        self._before = self._packet_id, None if step.ambiguous else step.physics
        return given

    def _give(self, step: AssembledStep[T], following: bytes | None) -> AssembledStep[T]:
        several = len(self._contents) > 1
        page, certain = self._choose_copy(following) if several else (self._contents[0], True)
        missing = 0
        if self._before is not None and self._packet_id is not None:  # an id that goes back is another session's
            missing = max(0, self._packet_id - self._before[0] - 1)
        step = AssembledStep(page, step.first, missing, several and certain, not certain)
        self.steps += 1
        self.missing += missing
        self.repaired += step.repaired
        self.ambiguous += step.ambiguous
        self._step, self._given = step, True
        return step

    def _choose_copy(self, following: bytes | None) -> tuple[bytes, bool]:
        """The whole one among the several contents of the present id, and whether it is certain to be.

        The neighbours are evidence, not proof: of the step after there is only a first look, and a writer that was
        suspended for long enough in the middle of a page left one that counts as whole. So once they have told how the
        writer works, that decides, and a content which they then contradict, or which was gone at the next look, is in
        doubt.
        """
        last = len(self._contents) - 1
        confirmed = [index for index, held in enumerate(self._stood) if held]
        consistent = self._consistent_copies(following)
        possible = [index for index in confirmed if index in consistent]
        begins, ends = self._begins, self._ends
        if len(consistent) == len(possible) == 1 and self._page_before() is not None:
            self._begins += possible == [last]
            self._ends += possible == [0]
        if begins > CLEAR_MAJORITY * ends or ends > CLEAR_MAJORITY * begins:
            choice = last if begins > ends else 0
            return self._contents[choice], choice in confirmed and (len(consistent) > 1 or consistent == [choice])
        return self._contents[(possible or confirmed)[0 if ends > begins else -1]], len(possible) == 1

    def _page_before(self) -> bytes | None:
        """The page of the step right before the present id's, where that is known to be whole."""
        return self._before[1] if self._before and self._before[0] + 1 == self._packet_id else None

    def _consistent_copies(self, following: bytes | None) -> list[int]:
        """Those of the contents which, if they are whole, explain all others by the steps around."""
        contents = [_without_frame(content) for content in self._contents]
        page_before = self._page_before()
        before = None if page_before is None else _without_frame(page_before)
        after = None if following is None else _without_frame(following)
        # Contents older than the whole one still hold words of the step before, newer ones already of the step after.
        return [
            index
            for index, whole in enumerate(contents)
            if all(_may_be_torn(content, whole, before) for content in contents[:index])
            and all(_may_be_torn(content, whole, after) for content in contents[index + 1 :])
        ]


def _may_be_torn(content: bytes, whole: bytes, neighbour: bytes | None) -> bool:
    """Whether ``content`` can be ``whole`` with some words of this neighbour; of one that is not known it may be."""
    if neighbour is None:
        return True
    words = zip(
        memoryview(content).cast("I"), memoryview(whole).cast("I"), memoryview(neighbour).cast("I"), strict=True
    )
    return all(word in (right, other) for word, right, other in words)
