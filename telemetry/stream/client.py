"""The stream of another machine as a source."""

from collections.abc import Iterator
from typing import Final

from websockets.exceptions import (
    ConnectionClosed,
    WebSocketException,
)
from websockets.sync.client import ClientConnection, connect

from telemetry.base.clock import Clock
from telemetry.base.errors import NoGameError, SourceError, UsageError
from telemetry.base.typing import override
from telemetry.fields.snapshot import Snapshot
from telemetry.recording.game_state import State, state_in_session
from telemetry.recording.interfaces import Moment, Reading, Source
from telemetry.stream.protocol import describe_collector
from telemetry.stream.upstream import (
    CONNECT_TIMEOUT_S,
    RECONNECT_PAUSES_S,
    STALL_TIMEOUT_S,
    describe_error,
    invalid_address,
    name_address,
    parse_message,
    parse_sample,
    parse_state,
    subscription_url,
)

IDLE_INTERVAL_S: Final = 0.25
"""Seconds between readings while no sample arrives."""

_STATES_WITH_SAMPLE: Final = (State.REPLAY, State.PAUSED, State.MENU, State.STALLED, State.STILL)
"""States without new samples in which the last sample still holds."""


class WebSocketSource(Source):
    """The stream of another ``serve``, with derived fields computed again.

    It connects again when the connection is lost, after pauses that grow. Samples that never arrived, by the
    ``sequence`` of the others, count as missed, also those of a time without a connection; where the server was started
    again (``restarts``), its ``sequence`` begins again and nothing was missed.

    Raises :class:`telemetry.UsageError` for an invalid address. Reading raises :class:`telemetry.SourceError` when the
    server refuses the connection or does not send telemetry, and :class:`telemetry.NoGameError` when there is no server
    and ``wait`` is false.
    """

    def __init__(self, url: str, *, wait: bool = True) -> None:
        self.name = name_address(url)
        self.stream_id: str | None = None
        """What tells one start of the server from the next; None before the first connection."""
        self.restarts = 0
        """How often the server was found to be another start of it than at the connection before."""
        self._url = url
        self._wait = wait
        self._last: Snapshot | None = None
        self._last_key: tuple[float, int] | None = None
        """``timestamp`` and ``sequence`` of the last sample."""
        self._elapsed_offset_s = 0.0
        """What is added to ``elapsed``, so that it counts on this machine's clock."""

    @override
    def moment(self, clock: Clock) -> Moment:
        """The times of a sample that would arrive now; the Unix time is by the clock of the server's machine."""
        now, last = clock.now(), self._last
        return super().moment(clock) if last is None else Moment(now, last.timestamp + now - last.elapsed)

    @override
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        url, is_decimated = subscription_url(self._url, rate)
        attempt = 0
        while not clock.stopped:
            yield Reading(State.WAITING, message=f"Connecting to {self.name}.")
            received_sample = False
            try:
                with connect(url, open_timeout=CONNECT_TIMEOUT_S, close_timeout=0.3) as connection:
                    for reading in self._receive(connection, clock, is_decimated=is_decimated):
                        received_sample = received_sample or reading.snapshot is not None
                        yield reading
                if clock.stopped:
                    return
                problem = "the server closed the connection"
            except UnicodeError as error:  # in the encoding of the host's name
                raise UsageError(invalid_address(self.name)) from error
            except (OSError, WebSocketException) as error:
                problem = describe_error(error, self.name)
                if not self._wait and self._last is None:
                    raise NoGameError(f"No stream at {self.name}: {problem}.") from error
            attempt = 0 if received_sample else attempt
            pause_s = RECONNECT_PAUSES_S[min(attempt, len(RECONNECT_PAUSES_S) - 1)]
            attempt += 1
            yield from self._pause(clock, pause_s, problem)

    def _pause(self, clock: Clock, seconds: float, problem: str) -> Iterator[Reading]:
        state = State.WAITING if self._last is None else State.GONE
        end = clock.now() + seconds
        message = f"No stream at {self.name}: {problem}. The next attempt is in {seconds:g} s."
        while not clock.stopped and clock.now() < end:
            yield Reading(state, message=message)
            clock.sleep_until(min(end, clock.now() + IDLE_INTERVAL_S))

    def _receive(self, connection: ClientConnection, clock: Clock, *, is_decimated: bool) -> Iterator[Reading]:
        """The readings of one connection, until it ends."""
        state, message = State.WAITING, f"{self.name} has no sample yet."
        last_message = clock.now()
        reconnected = True  # what is known of the server's clock and numbers may be that of another start of it
        while not clock.stopped:
            try:
                text = connection.recv(timeout=IDLE_INTERVAL_S)
            except TimeoutError:
                silence_s = clock.now() - last_message
                if state is State.LIVE and silence_s > STALL_TIMEOUT_S:
                    yield Reading(State.STALLED, self._last_in(State.STALLED), message="The stream sends nothing.")
                elif state is not State.LIVE:
                    yield Reading(state, self._last_in(state), message=message)
                continue
            except ConnectionClosed as closed:
                if closed.rcvd is None:  # without a close frame
                    raise
                return
            last_message = clock.now()
            values = parse_message(text, self.name)
            if values.get("type") == "error":
                raise SourceError(f"{self.name} reports an error: {values.get('message')}")
            if "type" in values:
                if values["type"] == "hello" and isinstance(rigs := values.get("rigs"), list):
                    raise SourceError(describe_collector(self.name, rigs))
                if values["type"] == "hello":
                    reconnected = not self._is_same_stream(values.get("stream_id"))
                elif values["type"] == "state":
                    state, message = parse_state(values)
                    if state is not State.LIVE:
                        yield Reading(state, self._last_in(state), message=message)
                continue
            snapshot = parse_sample(text, self.name)
            key = snapshot.timestamp, snapshot.sequence
            if key == self._last_key:  # the server's newest sample, which came before the connection was lost
                reconnected = False
                continue
            missed = 0
            if reconnected or self._last is None or snapshot.elapsed + self._elapsed_offset_s < self._last.elapsed:
                self._elapsed_offset_s = clock.now() - snapshot.elapsed
            elif not is_decimated and self._last_key:
                missed = max(0, snapshot.sequence - self._last_key[1] - 1)
            reconnected = False
            self._last_key = key
            self._last = snapshot.replace(elapsed=snapshot.elapsed + self._elapsed_offset_s)
            sample_state = state_in_session(snapshot.status, snapshot.is_esc_menu_visible)
            if sample_state is State.LIVE and state in (State.MENU, State.STILL):
                sample_state = state
            state = sample_state
            yield Reading(state, self._last, state not in (State.PAUSED, State.REPLAY), missed)

    def _is_same_stream(self, stream_id: str | None) -> bool:
        """Whether this is the stream of the connection before; its id is remembered."""
        before, self.stream_id = self.stream_id, stream_id
        is_same = before is not None and stream_id == before
        self.restarts += before is not None and not is_same
        return is_same

    def _last_in(self, state: State) -> Snapshot | None:
        """The last sample, where it still holds in this state."""
        return self._last if state in _STATES_WITH_SAMPLE else None
