"""Who may use the ports of assetto_corsa_gym's plugin: strangers, forged addresses, and clients that say nothing."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

import pytest

from telemetry.base.clock import Clock
from telemetry.base.typing import override
from telemetry.rl.acgym.car_control import CarControl
from telemetry.rl.acgym.client import ClientConnection
from telemetry.rl.acgym.sockets import MAX_VISITORS, PluginSockets
from tests.conftest import PATIENCE, real_time, wait_until
from tests.rl.test_acgym import Rig, client_of, read_answer

pytestmark = real_time


def test_strangers_who_ask_nothing_do_not_keep_the_client_out() -> None:
    with ExitStack() as stack, Rig() as rig, client_of(rig) as client:
        for _ in range(2 * MAX_VISITORS):
            stack.enter_context(socket.create_connection(("127.0.0.1", rig.sockets.management_port), PATIENCE))
        assert rig.ask("get_config")[0]["ego_sampling_freq"] == 25
        assert client.drive(client.connect(), 1)[-1]["steps"] == 2


def test_the_stranger_who_was_silent_for_the_longest_time_goes_first() -> None:
    with ExitStack() as stack, Rig() as rig:

        def visit() -> socket.socket:
            visitor = socket.create_connection(("127.0.0.1", rig.sockets.management_port), PATIENCE)
            visitor.sendall(b"get_config")
            assert read_answer(visitor)["ego_sampling_freq"] == 25
            return stack.enter_context(visitor)

        first, second, *_ = (visit() for _ in range(MAX_VISITORS))
        first.sendall(b"get_config")
        read_answer(first)
        visit()
        assert second.recv(1) == b""
        first.sendall(b"get_config")
        assert read_answer(first)["ego_sampling_freq"] == 25


def test_a_stranger_who_reads_no_answer_delays_nobody() -> None:
    with Rig() as rig, client_of(rig) as client, socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        stranger.connect(("127.0.0.1", rig.sockets.management_port))
        for _ in range(100):
            stranger.sendall(b"get_track_info")
        assert len(client.drive(client.connect(), 50)) == 50
        assert rig.ask("get_config")[0]["ego_sampling_freq"] == 25


class Sent(PluginSockets):
    """Sockets that send nothing, and remember it."""

    def __init__(self) -> None:
        super().__init__(port=0, management_port=0)
        self.texts: list[tuple[str, str]] = []

    @override
    def send(self, text: str, address: tuple[str, int]) -> None:
        self.texts.append((text, address[0]))


class StandingClock(Clock):
    """A clock that a test sets."""

    seconds = 0.0

    @override
    def now(self) -> float:
        return self.seconds


class Standing(NamedTuple):
    """The connection of a client, without a session."""

    connection: ClientConnection
    sent: list[tuple[str, str]]
    clock: StandingClock
    said: list[str]

    def receives(self) -> bool:
        """Whether the client is sent the next state."""
        turn = self.connection.take_turn(0.0)
        return turn.receives and turn.is_step_due


@contextmanager
def connection_of(*, lock_step: bool) -> Iterator[Standing]:
    clock, said = StandingClock(), list[str]()
    with Sent() as sockets:
        connection = ClientConnection(
            sockets,
            CarControl(None),
            lambda _: None,
            clock,
            lock_step=lock_step,
            warn=said.append,
            warn_once=said.append,
            ignored_actions="",
        )
        yield Standing(connection, sockets.texts, clock, said)


REPLY = b'{"steer": 0.5, "acc": 1, "brake": -1}'


@pytest.mark.parametrize("lock_step", [True, False])
def test_no_state_goes_to_an_address_that_may_be_forged(*, lock_step: bool) -> None:
    with connection_of(lock_step=lock_step) as served:
        for _ in range(5):
            served.connection.on_command(b"connect", ("192.0.2.7", 5000))
            served.connection.on_command(REPLY, ("192.0.2.7", 5000))
            assert not served.receives()
        assert served.sent == [("identified", "192.0.2.7")] * 5  # three bytes more than a connect
        assert served.connection.state.answered_at is None
        (said,) = set(served.said)
        assert said.startswith(
            "A client at 192.0.2.7 gets no states before its computer asks something at the TCP port"
        )
        served.connection.on_visitor("192.0.2.8")
        assert not served.receives()
        served.connection.on_visitor("192.0.2.7")
        assert served.receives()


def test_an_address_that_may_be_forged_does_not_replace_a_client() -> None:
    with connection_of(lock_step=False) as served:
        served.connection.on_visitor("192.0.2.8")
        served.connection.on_command(b"connect", ("192.0.2.8", 5000))
        served.connection.on_command(b"connect", ("192.0.2.7", 5000))
        assert served.sent == [("identified", "192.0.2.8")]
        assert served.connection.state.address == ("192.0.2.8", 5000)


@pytest.mark.parametrize(("host", "asks", "seconds"), [("127.0.0.1", False, 10), ("192.0.2.7", True, 900)])
def test_states_end_where_the_client_never_answers(host: str, *, asks: bool, seconds: int) -> None:
    with connection_of(lock_step=False) as served:
        if asks:
            served.connection.on_visitor(host)
        served.connection.on_command(b"connect", (host, 5000))
        served.clock.seconds = seconds - 1
        assert served.receives()
        served.clock.seconds = seconds + 1
        assert not served.receives()
        served.connection.on_command(b"no answer", (host, 5000))
        assert not served.receives()
        assert "The client has said nothing for a while; it gets no states until it answers or connects." in served.said
        served.connection.on_command(b"connect", (host, 5000))
        assert served.receives()


def test_states_pause_while_the_client_is_silent_and_its_answer_brings_them_back() -> None:
    with connection_of(lock_step=False) as served:
        served.connection.on_visitor("192.0.2.7")
        served.connection.on_command(b"connect", ("192.0.2.7", 5000))
        served.connection.on_command(REPLY, ("192.0.2.7", 5000))
        served.clock.seconds = 11
        assert not served.receives()
        served.connection.on_command(REPLY, ("192.0.2.7", 5000))
        assert served.receives()


def test_the_demo_stands_still_while_its_client_is_silent() -> None:
    with Rig(lock_step=False, speed=100.0) as rig, client_of(rig) as client:
        client.connect()
        wait_until(lambda: any("has said nothing" in said for said in rig.said))
        time.sleep(0.4)  # 40 s of the demo, 1,000 states
        client.say(b"disconnect")
        again = client.connect()
        assert again["steps"] < 500
        assert again["timestamp_ac"] < 30.0
