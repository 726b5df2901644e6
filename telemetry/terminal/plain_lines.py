"""The view without a terminal: plain ASCII lines for a pipe or a file."""

from collections.abc import Callable
from time import monotonic
from typing import IO, TYPE_CHECKING, Final

from telemetry.base.sanitize import sanitize_terminal
from telemetry.fields.derived import Sample
from telemetry.laps.reference_delta import ReferenceFollower
from telemetry.recording.stats import LoopStats
from telemetry.terminal.panels.view_state import CURRENT_STATES, STATES_WITHOUT_CAR

if TYPE_CHECKING:
    from telemetry.recording.game_state import State

LINE_INTERVAL_S: Final = 1.0
"""Seconds between two plain lines."""


class PlainLines:
    """Writes a line each ``interval_s`` seconds of ``clock``, and at once when the state or its message changes."""

    def __init__(
        self,
        stream: IO[str],
        interval_s: float = LINE_INTERVAL_S,
        clock: Callable[[], float] = monotonic,
        follower: ReferenceFollower | None = None,
    ) -> None:
        self._stream = stream
        self._interval_s = interval_s
        self._clock = clock
        self._follower = follower
        self._last_state: tuple[State, str] | None = None
        self._next_line_at = 0.0

    def open(self) -> None:
        """Nothing is needed before the first line."""

    def close(self) -> None:
        """Nothing is left to restore."""

    def draw(self, sample: Sample | None, stats: LoopStats) -> None:
        """Write a line, where one is due."""
        now = self._clock()
        state, message = stats.state, stats.message
        has_changed = (state, message) != self._last_state
        is_current = sample is not None and state in CURRENT_STATES
        if not has_changed and not (is_current and now >= self._next_line_at):
            return
        self._last_state = (state, message)
        self._next_line_at = now + self._interval_s
        if sample is not None and is_current:
            from telemetry.terminal.panels.recorder import plain_line

            line = plain_line(sample, stats, self._follower)
        else:
            time_text = f"{sample.elapsed:8.1f} s  " if sample is not None and state not in STATES_WITHOUT_CAR else ""
            line = f"{time_text}{state:<7}  {sanitize_terminal(message)}".rstrip()
        if not line.isascii():
            from telemetry.terminal.draw import to_ascii

            line = to_ascii(line)
        print(line, file=self._stream, flush=True)
