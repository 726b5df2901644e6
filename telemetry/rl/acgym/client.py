"""The client of assetto_corsa_gym: its protocol state as a value, and the connection that updates it."""

import ipaddress
from collections.abc import Callable
from dataclasses import dataclass, replace
from threading import Condition
from typing import Final, NamedTuple

from telemetry.base.clock import Clock
from telemetry.base.typing import override
from telemetry.rl.acgym.car_control import CarControl
from telemetry.rl.acgym.messages import Reply, parse_reply
from telemetry.rl.acgym.sockets import Address, PluginHandler, PluginSockets
from telemetry.rl.action import RELEASED, Command

SILENCE_TIMEOUT_S: Final = 1.0
"""How long a client that has driven may be silent until its controls are released; a running learner is faster."""

PAUSE_AFTER_S: Final = 10.0
"""Outside lock-step: how long a client may say nothing until it gets no states, which its next answer brings back."""

QUIET_EPISODE_S: Final = 900.0
"""The same for a client that never answers, because it drives by itself, and whose computer has asked by TCP.

Its episodes take 600 s by default, and each begins with a ``connect``.
"""

MAX_HOSTS: Final = 64
"""Computers that are remembered because they have asked by TCP; the one that asked first is forgotten first."""

FIRST_ANSWER_TIMEOUT_S: Final = 5.0
"""How long a client may send no action at all until the user gets a message."""

Warn = Callable[[str], None]
"""Shows the user a sentence."""

Query = Callable[[str], str | None]
"""The answer to a query by TCP; None: no answer."""


@dataclass(frozen=True, slots=True)
class ClientState:
    """What is known of the client; each method returns the state after an event."""

    address: Address | None = None
    """None while nobody is connected."""
    connections: int = 0
    """Connections so far."""
    connected_at: float = 0.0
    """Time of the clock at the last connection."""
    has_asked: bool = False
    """Whether its computer has asked by TCP, and so receives what is sent to its address."""
    sent: int = 0
    """States sent in this connection."""
    answered: int = 0
    """Number of the last state that was answered in lock-step."""
    answered_at: float | None = None
    """Time of the clock at the last answer; None before the first one."""
    out_of_sync: int = 0
    """Answers to another state than the last one."""
    command: Command = RELEASED
    """The driver inputs of the last answer."""
    is_step_due: bool = False
    """In lock-step: whether the client waits for the next state."""
    is_reset_due: bool = False
    """Whether the client has asked for a reset."""

    def connect(self, address: Address, now: float, *, has_asked: bool) -> "ClientState":
        """A client has connected; it replaces the previous one."""
        return ClientState(
            address=address,
            connections=self.connections + 1,
            connected_at=now,
            has_asked=has_asked,
            is_step_due=True,
            is_reset_due=self.is_reset_due,
        )

    def disconnect(self) -> "ClientState":
        """The client has disconnected."""
        return replace(self, address=None, out_of_sync=0, command=RELEASED, is_step_due=False)

    def request_reset(self) -> "ClientState":
        """Somebody has asked for a reset."""
        return replace(self, command=RELEASED, is_reset_due=True)

    @property
    def is_proven(self) -> bool:
        """Whether the client's computer receives what is sent to its address, which may be a forged one else."""
        return self.address is not None and (self.has_asked or ipaddress.ip_address(self.address[0]).is_loopback)

    def has_paused(self, now: float) -> bool:
        """Whether the client has been silent for too long to be sent states outside lock-step."""
        if self.answered_at is not None:
            return now - self.answered_at > PAUSE_AFTER_S
        return now - self.connected_at > (QUIET_EPISODE_S if self.has_asked else PAUSE_AFTER_S)

    def take_turn(self, *, receives: bool = True) -> "ClientState":
        """The session has taken note of what is due; a step is due until the client ``receives`` states."""
        return replace(self, is_step_due=self.is_step_due and not receives, is_reset_due=False)

    def count_state(self) -> "ClientState":
        """A state is about to be sent."""
        return replace(self, sent=self.sent + 1)

    def answer(self, reply: Reply, now: float, *, lock_step: bool) -> tuple["ClientState", bool]:
        """The client has answered a state; the flag tells whether its command is accepted.

        In lock-step only the first answer to the last state is.
        """
        is_in_sync = reply.steps in (None, self.sent)
        state = replace(self, answered_at=now, out_of_sync=self.out_of_sync + (not is_in_sync))
        if not lock_step:
            return replace(state, command=reply.command), True
        if not is_in_sync or self.answered == self.sent:
            return state, False
        return replace(state, command=reply.command, answered=self.sent, is_step_due=True), True


class Turn(NamedTuple):
    """What the session has to do next, and for which client."""

    client: ClientState
    receives: bool
    """Whether the client is sent states: it is connected, at an address that is its own, and not silent for long."""
    is_step_due: bool
    is_reset_due: bool


class ClientConnection(PluginHandler):
    """Handles the messages of clients in the thread of the sockets, and tells the session what to do.

    A new client replaces the one before, unless its computer has not asked by TCP: the address of a datagram can be
    forged, and no states go to such an address. Accepted commands go to ``control`` at once. ``warn`` shows a sentence
    every time, ``warn_once`` only once; ``ignored_actions`` is the warning for actions that move nothing, empty if they
    move the car.
    """

    def __init__(
        self,
        sockets: PluginSockets,
        control: CarControl,
        query: Query,
        clock: Clock,
        *,
        lock_step: bool,
        warn: Warn,
        warn_once: Warn,
        ignored_actions: str,
    ) -> None:
        self._sockets = sockets
        self._control = control
        self._query = query
        self._clock = clock
        self._lock_step = lock_step
        self._warn = warn
        self._warn_once = warn_once
        self._ignored_actions = ignored_actions
        self._changed = Condition()
        self._state = ClientState()
        self._hosts: dict[str, None] = {}
        """Computers that have asked by TCP."""

    # --- in the thread of the session

    def take_turn(self, timeout_s: float) -> Turn:
        """What is due now; in lock-step this waits for the client up to ``timeout_s``."""
        with self._changed:
            if self._lock_step:
                self._changed.wait_for(lambda: self._is_step_due or self._state.is_reset_due, timeout_s)
            self._check_silence()
            client = self._state
            receives = client.is_proven and (self._lock_step or not client.has_paused(self._clock.now()))
            turn = Turn(client, receives, self._is_step_due or not self._lock_step, client.is_reset_due)
            self._state = client.take_turn(receives=receives)
            return turn

    @property
    def _is_step_due(self) -> bool:
        return self._state.is_step_due and self._state.is_proven

    @property
    def state(self) -> ClientState:
        """The current state of the client."""
        with self._changed:
            return self._state

    def count_state(self, connection: int) -> ClientState | None:
        """Count one more state for the client of this connection; None if it is gone."""
        with self._changed:
            if self._state.address is None or connection != self._state.connections:
                return None
            self._state = self._state.count_state()
            return self._state

    def close(self) -> None:
        """Say goodbye to the client."""
        with self._changed:
            address = self._state.address
            self._state = replace(self._state, address=None)
        if address is not None:
            self._sockets.send("disconnect", address)

    def _check_silence(self) -> None:
        """Release the controls if the client has become silent; warn if it never sends actions, or gets no states."""
        client, now = self._state, self._clock.now()
        if client.is_proven and not self._lock_step and client.has_paused(now):
            self._warn_once("The client has said nothing for a while; it gets no states until it answers or connects.")
        if client.answered_at is None:
            is_waiting = client.address is not None and now - client.connected_at > FIRST_ANSWER_TIMEOUT_S
            if is_waiting and not self._ignored_actions:
                self._warn_once(
                    "The client sends no actions, and nothing else drives the car: set vjoy_executed_by_server: True "
                    "in its config.yml."
                )
        elif not self._lock_step and now - client.answered_at > SILENCE_TIMEOUT_S:
            self._set(replace(client, command=RELEASED))

    # --- in the thread of the sockets

    @override
    def on_visitor(self, host: str) -> None:
        with self._changed:
            self._hosts.pop(host, None)
            self._hosts[host] = None
            if len(self._hosts) > MAX_HOSTS:
                del self._hosts[next(iter(self._hosts))]
            if self._state.address is not None and self._state.address[0] == host:
                self._state = replace(self._state, has_asked=True)
                self._changed.notify()

    @override
    def on_command(self, data: bytes, address: Address) -> None:
        with self._changed:
            if data == b"connect":
                self._connect(address)
            elif address != self._state.address or not self._state.is_proven:
                return  # a client that was replaced is ignored, as is one at an address that may be forged
            elif data == b"disconnect":
                self._set(self._state.disconnect())
            else:
                self._answer(data)
            self._changed.notify()

    @override
    def on_request(self, request: str) -> str | None:
        if request != "reset":
            return self._query(request)
        with self._changed:
            self._set(self._state.request_reset())
            self._changed.notify()
        return None

    def _connect(self, address: Address) -> None:
        before = self._state.address
        state = self._state.connect(address, self._clock.now(), has_asked=address[0] in self._hosts)
        if not state.is_proven and before != address:
            self._warn_once(
                f"A client at {address[0]} gets no states before its computer asks something at the TCP port, as "
                "assetto_corsa_gym does: the address of a datagram can be forged."
            )
            if self._state.is_proven:
                return
        if before is not None and before != address and self._state.is_proven:
            self._warn(f"The client at {address[0]}:{address[1]} replaced the one at {before[0]}:{before[1]}.")
        self._set(state)
        self._sockets.send("identified", address)

    def _answer(self, data: bytes) -> None:
        reply = parse_reply(data)
        if reply is None:
            self._warn_once("Ignored a datagram that is not an answer of assetto_corsa_gym's client.")
            return
        self._state, is_accepted = self._state.answer(reply, self._clock.now(), lock_step=self._lock_step)
        if not is_accepted:
            return
        if self._ignored_actions:
            self._warn_once(self._ignored_actions)
        self._control.apply(reply.command)

    def _set(self, state: ClientState) -> None:
        """Change the state, and release the controls if the new state does."""
        if state.command == RELEASED and self._state.command != RELEASED:
            self._control.apply(RELEASED)
        self._state = state
