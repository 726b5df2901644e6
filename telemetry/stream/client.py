"""A stream as a source: what another machine reads, read here."""

import ssl
from collections.abc import Iterator
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
    InvalidURI,
    WebSocketException,
)
from websockets.sync.client import ClientConnection, connect

from telemetry.base.clock import Clock
from telemetry.base.errors import NoGameError, SourceError, UsageError
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.wire import snapshot_of
from telemetry.recording.game_state import State, state_in_session
from telemetry.recording.interfaces import Reading, Source

PAUSES: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between attempts to connect: each longer than the one before, and the last for good."""

OPEN_SECONDS: Final = 3.0
"""How long one attempt may take, and so the longest that a request to stop goes unnoticed."""

QUIET_SECONDS: Final = 0.25
"""How often readings come while nothing else does."""

STALL_SECONDS: Final = 2.0
"""Silence of a live stream after which it counts as stalled."""

_RETRIED: Final = (500, 502, 503, 504)
"""What a server or a proxy answers that may be better in a moment."""

_STANDING: Final = (State.REPLAY, State.PAUSED, State.MENU, State.STALLED, State.STILL)
"""The states in which the last sample is still how things stand."""


class WebSocketSource(Source):
    """The stream of another ``serve``, its derived fields computed anew.

    A connection that breaks is made again, after pauses that grow. Samples that did not come, as the numbers of the
    others show, count as missed. Raises :class:`UsageError` for what is no address and :class:`SourceError` for what is
    no such stream, or does not let us in.
    """

    def __init__(self, url: str, *, wait: bool = True) -> None:
        parts = urlsplit(url)
        try:
            proper = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
        except ValueError:
            proper = False
        if not proper:
            raise UsageError(f"{url} is no address of a stream; those look like ws://192.168.0.5:8765.")
        self.name = urlunsplit(parts._replace(query="", fragment=""))  # without the token
        self._url = url
        self._wait = wait
        self._place: tuple[float, int] | None = None
        """Timestamp and sequence of the last sample."""
        self._last: Snapshot | None = None
        self._shift = 0.0

    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        """The samples as they come; the server thins them out to ``rate`` per second."""
        url, thinned = _address(self._url, rate)
        attempt = 0
        while not clock.stopped:
            yield Reading(State.WAITING, message=f"Connecting to {self.name}.")
            came = False
            try:
                with connect(url, open_timeout=OPEN_SECONDS, close_timeout=0.3) as connection:
                    for reading in self._listen(connection, clock, thinned=thinned):
                        came = came or reading.snapshot is not None
                        yield reading
                if clock.stopped:
                    return
                problem = "the connection ended"
            except (OSError, WebSocketException) as error:
                problem = _why(error, self.name)
                if not self._wait and self._last is None:
                    raise NoGameError(f"No stream at {self.name}: {problem}.") from error
            attempt = 0 if came else attempt
            pause = PAUSES[min(attempt, len(PAUSES) - 1)]
            attempt += 1
            yield from self._rest(clock, pause, problem)

    def _rest(self, clock: Clock, seconds: float, problem: str) -> Iterator[Reading]:
        state = State.WAITING if self._last is None else State.GONE
        end = clock.now() + seconds
        message = f"No stream at {self.name}: {problem}. The next attempt comes after {seconds:g} s."
        while not clock.stopped and clock.now() < end:
            yield Reading(state, message=message)
            clock.sleep_until(min(end, clock.now() + QUIET_SECONDS))

    def _listen(self, connection: ClientConnection, clock: Clock, *, thinned: bool) -> Iterator[Reading]:
        state, message = State.WAITING, f"{self.name} has no sample yet."
        heard = clock.now()
        anew = True
        while not clock.stopped:
            try:
                text = connection.recv(timeout=QUIET_SECONDS)
            except TimeoutError:
                silent = clock.now() - heard
                if state is State.LIVE and silent > STALL_SECONDS:
                    yield Reading(State.STALLED, self._standing(State.STALLED), message="The stream is silent.")
                elif state is not State.LIVE:
                    yield Reading(state, self._standing(state), message=message)
                continue
            except ConnectionClosed as closed:
                if closed.rcvd is None:  # not with a goodbye
                    raise
                return
            heard = clock.now()
            values = _parse(text, self.name)
            if "type" in values:
                if values["type"] == "state":
                    state, message = _state_of(values)
                    if state is not State.LIVE:
                        yield Reading(state, self._standing(state), message=message)
                continue
            snapshot = _snapshot(text, self.name)
            place = snapshot.timestamp, snapshot.sequence
            if place == self._place:  # the newest sample, which we have had before we came back
                anew = False
                continue
            missed = 0
            if anew or self._last is None or snapshot.elapsed + self._shift < self._last.elapsed:
                self._shift = clock.now() - snapshot.elapsed
            elif not thinned and self._place:
                missed = max(0, snapshot.sequence - self._place[1] - 1)
            anew = False
            self._place = place
            self._last = snapshot.replace(elapsed=snapshot.elapsed + self._shift)
            told = state_in_session(snapshot.status, snapshot.is_esc_menu_visible)
            if told is State.LIVE and state in (State.MENU, State.STILL):
                told = state
            state = told
            yield Reading(told, self._last, told not in (State.PAUSED, State.REPLAY), missed)

    def _standing(self, state: State) -> Snapshot | None:
        return self._last if state in _STANDING else None


def _address(url: str, rate: float | None) -> tuple[str, bool]:
    """The address with what we need asked for, and whether fewer samples than all will come."""
    parts = urlsplit(url)
    asked = dict(parse_qsl(parts.query, keep_blank_values=True))
    asked |= {"events": "1", "format": "json"}
    if rate is not None:
        asked["rate"] = f"{rate:g}"
    return urlunsplit(parts._replace(path=parts.path or "/", query=urlencode(asked), fragment="")), "rate" in asked


def _why(error: Exception, name: str) -> str:
    """What went wrong, for the middle of a sentence; raises where another attempt would end no better."""
    match error:
        case InvalidURI():
            raise UsageError(f"{name} is no address of a stream; those look like ws://192.168.0.5:8765.") from error
        case InvalidStatus() if error.response.status_code in _RETRIED:
            return f"it answered {error.response.status_code}"
        case InvalidStatus():
            said = bytes(error.response.body).decode(errors="replace").strip()[:300] or error.response.reason_phrase
            raise SourceError(f"{name} does not let us in ({error.response.status_code}): {said}") from error
        case InvalidMessage():
            return "the answer broke off"  # it may be starting or ending
        case ssl.SSLCertVerificationError():
            raise SourceError(f"{name} cannot prove that it is who it says: {error.verify_message}.") from error
        case InvalidHandshake():
            raise SourceError(f"{name} is no stream of WebSocket messages: {error}.") from error
        case TimeoutError():
            return "there is no answer"
        case ConnectionRefusedError():
            return "nobody listens there"
        case OSError() if error.strerror:
            return error.strerror[:1].lower() + error.strerror[1:]
        case _:
            return "the connection broke"


def _parse(text: str | bytes, name: str) -> dict[str, Any]:
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SourceError(f"{name} sends something else than telemetry: this is not JSON.") from error
    if not isinstance(values, dict):
        raise SourceError(f"{name} sends something else than telemetry.")
    if values.get("type") == "error":
        raise SourceError(f"{name} says: {values.get('message')}")
    return values


def _snapshot(text: str | bytes, name: str) -> Snapshot:
    try:
        return snapshot_of(text)
    except ValueError as error:
        raise SourceError(f"{name} sends something else than telemetry: {error}.") from error


def _state_of(values: dict[str, Any]) -> tuple[State, str]:
    try:
        state = State(str(values.get("state")))
    except ValueError:
        state = State.WAITING
    return state, str(values.get("message", ""))
