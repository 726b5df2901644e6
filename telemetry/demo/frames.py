"""When the demo draws its frames: 60 a second, each a little early or late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Protocol

if TYPE_CHECKING:
    from random import Random

FRAME_STEPS: Final = 50.0 / 9.0
"""Steps between two frames: 60 frames per second."""
FRAME_JITTER_STEPS: Final = 0.7
"""Steps by which a frame may be early or late."""


class Draws(Protocol):
    """Where random numbers come from: a :class:`random.Random`, or one whose numbers were drawn ahead."""

    def random(self) -> float:
        """The next number, from 0 to below 1."""
        ...


def frame_time(drawn: Any, number: Any) -> Any:
    """When the frame comes that follows so many, in steps: floats, or arrays of them; `number` is a random number."""
    return (drawn + 1) * FRAME_STEPS + FRAME_JITTER_STEPS * (2.0 * number - 1.0)


class Frames:
    """The frames of a game: how many there were, and the step of the next."""

    __slots__ = ("drawn", "next_step", "rng", "written")

    def __init__(self, rng: Random) -> None:
        self.rng: Draws = rng
        self.drawn = 0  # since the first step
        self.written = 0  # as graphics pages
        self.next_step = 0

    def draw(self) -> None:
        """Count a frame, and draw the step of the one after it."""
        self.drawn += 1
        self.next_step = int(frame_time(self.drawn, self.rng.random()))

    @property
    def packet_id(self) -> int:
        """The number on the graphics page written last; each drawn frame raises it by 2."""
        return 2 * self.written - 1
