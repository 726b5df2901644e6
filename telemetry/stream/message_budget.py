"""How many messages of one client are read: a token bucket."""

from typing import Final

MESSAGES_PER_SECOND: Final = 20.0
"""Messages of one client that are read per second in the long run."""

MESSAGE_BURST: Final = 40.0
"""Messages of one client that may come at once."""


MARKER_MESSAGES: Final = 5
"""Messages that a marker counts as, because it is sent to all clients."""


class MessageBudget:
    """The messages that may be read of one client; all times are seconds of one clock."""

    def __init__(self, now: float) -> None:
        self._left = MESSAGE_BURST
        self._updated = now

    @property
    def is_recovered(self) -> bool:
        """Whether more than half of a burst may come at once again."""
        return self._left > MESSAGE_BURST / 2.0

    def charge(self, messages: int) -> None:
        """Count work that took as long as so many messages more; it delays the next ones."""
        self._left -= messages

    def spend(self, now: float) -> float:
        """Spend one message; returns the seconds to wait before it may be answered, 0 for none."""
        self._left = min(MESSAGE_BURST, self._left + (now - self._updated) * MESSAGES_PER_SECOND)
        self._updated = now
        wait = max(0.0, (1.0 - self._left) / MESSAGES_PER_SECOND)
        self._left -= 1.0
        return wait
