"""How many messages of one client are read: a token bucket."""

from typing import Final

MESSAGES_PER_SECOND: Final = 20.0
"""Messages of one client that are read per second in the long run."""

MESSAGE_BURST: Final = 40.0
"""Messages of one client that may come at once."""
MARKER_MESSAGES: Final = 5
"""Messages that a marker counts as, because it is sent to all clients."""


class MessageBudget:
    """The messages that may be read of one peer; all times are seconds of one clock.

    :param now: the present time
    :param per_second: messages that are read per second in the long run
    :param burst: messages that may come at once
    """

    def __init__(self, now: float, per_second: float = MESSAGES_PER_SECOND, burst: float = MESSAGE_BURST) -> None:
        self._per_second = per_second
        self._burst = burst
        self._left = burst
        self._updated = now

    @property
    def is_recovered(self) -> bool:
        """Whether more than half of a burst may come at once again."""
        return self._left > self._burst / 2.0

    def charge(self, messages: float) -> None:
        """Count work that took as long as so many messages more; it delays the next ones."""
        self._left -= messages

    def spend(self, now: float) -> float:
        """Spend one message; returns the seconds to wait before it may be answered, 0 for none."""
        self._left = min(self._burst, self._left + (now - self._updated) * self._per_second)
        self._updated = now
        wait = max(0.0, (1.0 - self._left) / self._per_second)
        self._left -= 1.0
        return wait
