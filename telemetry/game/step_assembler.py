"""Repeated copies of the physics page become physics steps: each once, in order, and untorn wherever that can be known.

The game writes its page without a lock. A copy may therefore be torn, taken while the page was being written: with the
new packetId and some words of the step before, where the id is written first, or with the old packetId and some words
of the step after, where it is written last. One copy alone does not show that; the steps before and after it do.
"""

from typing import Final, Generic, NamedTuple, TypeVar

from telemetry.fields.pages import mask_fields, read_packet_id

T = TypeVar("T")

PER_FRAME: Final = ("ride_height", "ers_recovery_level", "ers_power_level", "current_max_rpm")
"""Fields of the drawn frame: they change under one packetId without the page being torn."""


CLEAR_MAJORITY: Final = 4
"""How many times as often one write order must have been seen as the other before it counts as known."""

_without_frame: Final = mask_fields("physics", PER_FRAME)


class AssembledStep(NamedTuple, Generic[T]):
    """One physics step."""

    physics: bytes
    """Its page."""
    context: T
    """What was passed with the first copy of it."""
    missing: int = 0
    """Steps right before it that were never seen."""
    repaired: bool = False
    """Whether there were several versions of it, of which the steps around it showed the complete one."""
    ambiguous: bool = False
    """Whether there were several versions, and the steps around it did not decide: the page may be torn."""


class StepAssembler(Generic[T]):
    """Takes every copy of the physics page, and returns a step when the next one is seen, or on :meth:`flush`.

    Only a version that two copies in a row show is confirmed as complete. A step without any confirmed version may be
    torn without a sign of it, and counts as missing. ``steps``, ``missing``, ``repaired``, ``ambiguous`` and
    ``unconfirmed`` (the steps that are missing for want of a confirmed version) count from the beginning on.
    """

    def __init__(self) -> None:
        self.steps = 0
        self.missing = 0
        self.repaired = 0
        self.ambiguous = 0
        self.unconfirmed = 0
        self._latest_copy = b""
        self._packet_id: int | None = None
        self._step: AssembledStep[T] | None = None  # of this id, as it was first seen or as it was emitted
        self._was_emitted = False
        self._versions: list[bytes] = []  # of this id, oldest first
        self._confirmed: list[bool] = []  # whether two copies in a row showed each of them
        self._before: tuple[int, bytes | None] | None = None  # the step before; its page is None if in doubt
        # How often the steps around showed that the game writes the id first, or last; every game does one of them.
        self._id_first_votes = self._id_last_votes = 0

    def add_copy(self, physics: bytes, context: T, *, unconfirmed: bool = False) -> AssembledStep[T] | None:
        """Add a copy of the page; returns the step before if this is the first copy of another one.

        ``unconfirmed`` says that the very next copy was different.
        """
        if physics == self._latest_copy:
            if not unconfirmed:
                self._add(physics, confirmed=True)
            return None
        self._latest_copy = physics
        packet_id = read_packet_id(physics)
        step = None
        if packet_id != self._packet_id:
            step = self._finish_step(packet_id, physics)
            self._packet_id, self._step, self._was_emitted = packet_id, AssembledStep(physics, context), False
            self._versions, self._confirmed = [physics], [not unconfirmed]
        else:
            self._add(physics, confirmed=not unconfirmed)
        return step

    def flush(self) -> AssembledStep[T] | None:
        """The step that still waits for the next one; it is not returned again."""
        return self._emit(self._step, None) if self._step and any(self._confirmed) and not self._was_emitted else None

    def reset(self) -> None:
        """Start again with another game: what follows is not a neighbour of what was. A waiting step is dropped."""
        self._latest_copy, self._packet_id, self._step, self._versions, self._before = b"", None, None, [], None

    def _add(self, physics: bytes, *, confirmed: bool) -> None:
        """Add another copy of the current step's page."""
        step = _without_frame(physics)
        for index, version in enumerate(self._versions):
            if _without_frame(version) == step:
                self._versions[index] = physics  # the later frame wins
                self._confirmed[index] = self._confirmed[index] or confirmed
                return
        self._versions.append(physics)
        self._confirmed.append(confirmed)

    def _finish_step(self, packet_id: int, physics: bytes) -> AssembledStep[T] | None:
        """Finish the current step, which this one follows, and return it unless it was flushed."""
        step = self._step
        if step is None or self._packet_id is None:
            return None
        if not any(self._confirmed):
            self.unconfirmed += 1
            return None
        following = physics if packet_id == self._packet_id + 1 else None
        if not self._was_emitted:
            step = emitted = self._emit(step, following)
        else:
            emitted = None
            if len(self._versions) > 1:  # a version may have come after the step was emitted
                page, certain = self._choose_copy(following)
                if not certain or _without_frame(page) != _without_frame(step.physics):
                    self.ambiguous += not step.ambiguous
                    step = step._replace(physics=page, ambiguous=not certain)
        self._before = self._packet_id, None if step.ambiguous else step.physics
        return emitted

    def _emit(self, step: AssembledStep[T], following: bytes | None) -> AssembledStep[T]:
        several = len(self._versions) > 1
        page, certain = self._choose_copy(following) if several else (self._versions[0], True)
        missing = 0
        if self._before is not None and self._packet_id is not None:  # an id that goes back is another session's
            missing = max(0, self._packet_id - self._before[0] - 1)
        step = AssembledStep(page, step.context, missing, several and certain, not certain)
        self.steps += 1
        self.missing += missing
        self.repaired += step.repaired
        self.ambiguous += step.ambiguous
        self._step, self._was_emitted = step, True
        return step

    def _choose_copy(self, following: bytes | None) -> tuple[bytes, bool]:
        """The complete version of the current step among several, and whether that is certain.

        The steps around are evidence, not proof: of the step after there is only a first copy, and a writer that was
        suspended for long enough in the middle of a page left a version that counts as confirmed. So once the game's
        write order is known, that decides, and a version that the steps around contradict, or that is not confirmed, is
        uncertain.
        """
        last = len(self._versions) - 1
        confirmed = [index for index, is_confirmed in enumerate(self._confirmed) if is_confirmed]
        consistent = self._consistent_copies(following)
        possible = [index for index in confirmed if index in consistent]
        id_first, id_last = self._id_first_votes, self._id_last_votes
        if len(consistent) == len(possible) == 1 and self._page_before() is not None:
            self._id_first_votes += possible == [last]
            self._id_last_votes += possible == [0]
        if id_first > CLEAR_MAJORITY * id_last or id_last > CLEAR_MAJORITY * id_first:
            choice = last if id_first > id_last else 0
            return self._versions[choice], choice in confirmed and (len(consistent) > 1 or consistent == [choice])
        return self._versions[(possible or confirmed)[0 if id_last > id_first else -1]], len(possible) == 1

    def _page_before(self) -> bytes | None:
        """The page of the step right before the current one, where that is known to be complete."""
        return self._before[1] if self._before and self._before[0] + 1 == self._packet_id else None

    def _consistent_copies(self, following: bytes | None) -> list[int]:
        """Indices of the versions that, if complete, explain all others as torn with the steps around."""
        versions = [_without_frame(version) for version in self._versions]
        page_before = self._page_before()
        before = None if page_before is None else _without_frame(page_before)
        after = None if following is None else _without_frame(following)
        # Versions older than the complete one still hold words of the step before, newer ones words of the step after.
        return [
            index
            for index, complete in enumerate(versions)
            if all(_may_be_torn(version, complete, before) for version in versions[:index])
            and all(_may_be_torn(version, complete, after) for version in versions[index + 1 :])
        ]


def _may_be_torn(version: bytes, complete: bytes, neighbour: bytes | None) -> bool:
    """Whether ``version`` can be ``complete`` with some words of this neighbour; yes if the neighbour is unknown."""
    if neighbour is None:
        return True
    words = zip(
        memoryview(version).cast("I"), memoryview(complete).cast("I"), memoryview(neighbour).cast("I"), strict=True
    )
    return all(word in (right, other) for word, right, other in words)
