"""The state of the game, derived from its pages: whether it runs, and whether game time advances."""

from enum import IntEnum, StrEnum
from typing import Final

from ac_native_memory import Pages, check_game
from telemetry.fields.pages import read_car_model, read_menu_visible, read_packet_id, read_status, read_track

STALL_SECONDS: Final = 1.0
"""In a session that says it is live, physics may stand still for this long before the game counts as stalled."""

HOLD_SECONDS: Final = 0.2
"""How long a game is given, once found, to show that it moves."""


class GameStatus(IntEnum):
    """The values of the graphics page's ``status``."""

    OFF = 0
    REPLAY = 1
    LIVE = 2
    PAUSE = 3


class State(StrEnum):
    """The state of a source, and of the game behind it."""

    WAITING = "waiting"
    """There is no game yet."""
    LOADING = "loading"
    """The game runs, and its pages are not complete yet: it loads a session."""
    LIVE = "live"
    """The car drives: game time advances."""
    PAUSED = "paused"
    """The game is paused; game time stands still."""
    REPLAY = "replay"
    """The game shows a replay; its values belong to an earlier time."""
    MENU = "menu"
    """The escape menu is open; behind it the session goes on online, and stands still offline."""
    STALLED = "stalled"
    """The game says that it is live, but its physics has stood still for :data:`STALL_SECONDS`."""
    STILL = "still"
    """Page files in a directory that have never changed: a dump of the pages, which can be read all the same."""
    GONE = "gone"
    """The game was there and has left."""
    ENDED = "ended"
    """The source has ended, or recording has."""


def state_in_session(status: int, menu_visible: int) -> State:
    """The state that the graphics page's ``status`` and ``isEscMenuVisible`` mean while the session's pages are there.

    It is what a recorded moment shows. ``OFF`` counts as live then: the moment was recorded, so there was a session.
    """
    if status == GameStatus.REPLAY:
        return State.REPLAY
    if status == GameStatus.PAUSE:
        return State.PAUSED
    return State.MENU if menu_visible else State.LIVE


def is_advancing(state: State, *, moved: bool) -> bool:
    """Whether game time advances: while live, and also while the menu is open if physics has ``moved`` (online)."""
    return state is State.LIVE or (state is State.MENU and moved)


class GameStateDetector:
    """Follows the pages of one game. With ``dump``, static page files are accepted although they never change."""

    def __init__(self, *, dump: bool = False) -> None:
        self._dump = dump
        self._packet_id: int | None = None
        self._first_seen = 0.0
        self._moved_at: float | None = None
        self._static: bytes | None = None  # the page that the two flags below were read from
        self._is_our_game = self._names_car = False

    def update(self, pages: Pages, now: float) -> tuple[State, bool]:
        """The state at ``now`` (seconds of any one clock), and whether game time advanced since the last call.

        Raises :class:`ac_native_memory.WrongGame` for another game's pages.
        """
        if pages.static != self._static:
            self._is_our_game = check_game(pages.static)
            self._names_car = bool(read_car_model(pages.static) and read_track(pages.static))
            self._static = pages.static
        if not self._is_our_game:
            return (State.LOADING if any(pages.physics) else State.WAITING), False
        if not any(pages.physics) or not self._names_car:
            return State.LOADING, False

        packet_id = read_packet_id(pages.physics)
        moved = self._packet_id is not None and packet_id != self._packet_id
        if self._packet_id is None:
            self._first_seen = now
        if moved:
            self._moved_at = now
        self._packet_id = packet_id
        if self._moved_at is None and self._dump:
            return State.STILL, now == self._first_seen  # new once only: the same pages again are not

        status = read_status(pages.graphics)
        if status == GameStatus.OFF:
            return State.GONE, False
        state = state_in_session(status, read_menu_visible(pages.graphics))
        if state is not State.LIVE:
            return state, is_advancing(state, moved=moved)
        if self._moved_at is None:
            return (State.LOADING if now - self._first_seen < HOLD_SECONDS else State.STALLED), False
        if now - self._moved_at > STALL_SECONDS:
            return State.STALLED, False
        return State.LIVE, True
