"""What the pages say of the game itself: whether it runs, and whether its car moves on in time."""

from enum import StrEnum
from typing import Final

from ac_native_memory import Pages, check_game
from telemetry.fields.pages import read_car_model, read_menu_visible, read_packet_id, read_status, read_track

STALL_SECONDS: Final = 1.0
"""How long physics may stand still, in a session that says it is live, before the game counts as stalled."""

HOLD_SECONDS: Final = 0.2
"""How long a game is given, once found, to show that it moves."""

_OFF, _REPLAY, _PAUSE = 0, 1, 3


class State(StrEnum):
    """What a source can say of the game."""

    WAITING = "waiting"
    LOADING = "loading"
    LIVE = "live"
    PAUSED = "paused"
    REPLAY = "replay"
    MENU = "menu"
    STALLED = "stalled"
    STILL = "still"
    GONE = "gone"
    ENDED = "ended"


STATUS_STATES: Final = {1: State.REPLAY, 3: State.PAUSED}
"""What the graphics page's ``status`` says of a recorded moment; any other was live."""


def is_advancing(state: State, *, moved: bool) -> bool:
    """Whether the car moves on in time in this state, where its physics has moved: also behind the menu, online."""
    return state is State.LIVE or (state is State.MENU and moved)


class GameStateDetector:
    """Follows the pages of one game; a ``dump`` may stand still for ever and is worth reading all the same."""

    def __init__(self, *, dump: bool = False) -> None:
        self._dump = dump
        self._packet_id: int | None = None
        self._first_seen = 0.0
        self._moved_at: float | None = None
        self._static: bytes | None = None  # as it was judged last
        self._ours = self._filled = False

    def update(self, pages: Pages, now: float) -> tuple[State, bool]:
        """The state at ``now`` (seconds of any one clock) and whether the car moved on in time since it was last asked.

        Raises :class:`ac_native_memory.WrongGame` for another game's pages.
        """
        if pages.static != self._static:
            self._ours = check_game(pages.static)
            self._filled = _names_car_and_track(pages.static)
            self._static = pages.static
        if not self._ours:
            return (State.LOADING if any(pages.physics) else State.WAITING), False
        if not any(pages.physics) or not self._filled:
            return State.LOADING, False

        packet_id = read_packet_id(pages.physics)
        moved = self._packet_id is not None and packet_id != self._packet_id
        if self._packet_id is None:
            self._first_seen = now
        if moved:
            self._moved_at = now
        self._packet_id = packet_id
        if self._moved_at is None and self._dump:
            return State.STILL, now == self._first_seen  # once: the same again is no news

        status = read_status(pages.graphics)
        if status == _OFF:
            return State.GONE, False
        if status == _REPLAY:
            return State.REPLAY, False
        if status == _PAUSE:
            return State.PAUSED, False
        if read_menu_visible(pages.graphics):  # the session goes on behind the menu online, and stands still offline
            return State.MENU, moved
        if self._moved_at is None:
            return (State.LOADING if now - self._first_seen < HOLD_SECONDS else State.STALLED), False
        if now - self._moved_at > STALL_SECONDS:
            return State.STALLED, False
        return State.LIVE, True


def _names_car_and_track(static: bytes) -> bool:
    return bool(read_car_model(static) and read_track(static))
