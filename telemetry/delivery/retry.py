"""How long to wait before a target is tried again."""

import random
from typing import Final

FIRST_S: Final = 2.0
LONGEST_S: Final = 300.0
"""A store that comes back is found within so many seconds, and one that is gone costs a request in each."""


class Backoff:
    """Waits that grow from :data:`FIRST_S` to :data:`LONGEST_S` while a target fails; ``usual_s`` where it does not.

    They are spread by a quarter: rigs whose store comes back must not all ask in the same second.
    """

    def __init__(self, usual_s: float) -> None:
        self._usual_s = usual_s
        self._failures = 0

    def after(self, *, failed: bool) -> float:
        """Seconds to wait after an attempt."""
        if not failed:
            self._failures = 0
            return self._usual_s
        wait_s = min(FIRST_S * 2.0**self._failures, LONGEST_S)
        self._failures = min(self._failures + 1, 16)
        return wait_s * random.uniform(0.75, 1.0)  # noqa: S311 - spreads requests, and hides nothing
