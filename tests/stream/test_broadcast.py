"""The fast path for all clients beside the plain one for a single client, and how many messages a client may send."""

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from websockets.protocol import State as ConnectionState

from telemetry.laps.delta import LapDelta
from telemetry.stream.broadcast import LITTLE_BUFFER_BYTES, MAX_BUFFER_BYTES, Broadcaster, Client
from telemetry.stream.message_budget import MESSAGE_BURST, MESSAGES_PER_SECOND, MessageBudget
from telemetry.stream.protocol import parse_query
from telemetry.stream.sample_encoding import SampleWithDelta, make_sample_encoder
from tests.conftest import sample_of

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

SAMPLES = [SampleWithDelta(sample_of(sequence=number, gear=number), LapDelta()) for number in range(3)]


class Transport:
    """A transport that keeps what is written, on top of ``waiting`` bytes that nobody takes."""

    def __init__(self, waiting: int) -> None:
        self.waiting = waiting
        self.written: list[bytes] = []

    def get_write_buffer_size(self) -> int:
        return self.waiting + sum(map(len, self.written))

    def write(self, data: bytes) -> None:
        self.written.append(data)


def make_client(state: ConnectionState, waiting: int, query: str) -> tuple[Client, Transport]:
    transport = Transport(waiting)
    connection = SimpleNamespace(
        protocol=SimpleNamespace(state=state, extensions=[]), transport=transport, paused=waiting > LITTLE_BUFFER_BYTES
    )
    return Client(cast("ServerConnection", connection), parse_query(query).subscription), transport


def outcome(broadcaster: Broadcaster[SampleWithDelta], clients: list[tuple[Client, Transport]]) -> dict[str, Any]:
    return {
        "sent": broadcaster.sent,
        "dropped": broadcaster.dropped,
        "clients": [
            (client.dropped, client.stalled_since is not None, transport.written) for client, transport in clients
        ],
    }


@given(
    st.lists(
        st.tuples(
            st.sampled_from([ConnectionState.OPEN, ConnectionState.CLOSING, ConnectionState.CLOSED]),
            st.one_of(st.just(0), st.integers(MAX_BUFFER_BYTES - 12_000, MAX_BUFFER_BYTES + 1)),
            st.sampled_from(["", "fields=sequence", "fields=sequence&format=msgpack", "fields=gear&delta=1"]),
        ),
        max_size=6,
    )
)
def test_a_broadcast_does_what_sending_to_each_client_does(settings: list[tuple[ConnectionState, int, str]]) -> None:
    fast, plain = Broadcaster(make_sample_encoder), Broadcaster(make_sample_encoder)
    fast_clients = [make_client(*setting) for setting in settings]
    plain_clients = [make_client(*setting) for setting in settings]
    for broadcaster, clients in ((fast, fast_clients), (plain, plain_clients)):
        for client, _ in clients:
            broadcaster.add(client)
    for sample in SAMPLES:
        fast.broadcast(sample)
        for client, _ in plain_clients:
            plain.send_sample(client, sample)
    assert outcome(fast, fast_clients) == outcome(plain, plain_clients)
    assert fast.broadcasts == len(SAMPLES)


def test_a_client_that_lags_behind_is_looked_at_until_it_has_caught_up() -> None:
    broadcaster = Broadcaster(make_sample_encoder)
    (client, transport), (_, other) = clients = [make_client(ConnectionState.OPEN, 0, "") for _ in range(2)]
    for one, _ in clients:
        broadcaster.add(one)
    broadcaster.broadcast(SAMPLES[0])
    transport.waiting, client.connection.paused = MAX_BUFFER_BYTES, True
    broadcaster.look_again(client)
    broadcaster.broadcast(SAMPLES[1])
    assert (len(transport.written), client.dropped, client.stalled_since is None) == (1, 1, False)
    transport.waiting, client.connection.paused = 0, False
    broadcaster.look_again(client)
    assert client.stalled_since is None
    broadcaster.broadcast(SAMPLES[2])
    assert (len(transport.written), len(other.written), broadcaster.sent, broadcaster.dropped) == (2, 3, 5, 1)


def test_nothing_is_written_behind_a_close_frame() -> None:
    broadcaster = Broadcaster(make_sample_encoder)
    client, transport = make_client(ConnectionState.OPEN, 0, "")
    broadcaster.add(client)
    broadcaster.broadcast(SAMPLES[0])
    client.protocol.state = ConnectionState.CLOSING
    broadcaster.look_again(client)
    broadcaster.broadcast(SAMPLES[1])
    assert (len(transport.written), broadcaster.sent) == (1, 1)


def test_a_closed_connection_counts_neither_as_sent_nor_as_dropped() -> None:
    broadcaster = Broadcaster(make_sample_encoder)
    client, transport = make_client(ConnectionState.CLOSED, MAX_BUFFER_BYTES, "")
    broadcaster.add(client)
    broadcaster.send_sample(client, SAMPLES[0])
    broadcaster.broadcast(SAMPLES[1])
    assert (broadcaster.sent, broadcaster.dropped, client.dropped, transport.written) == (0, 0, 0, [])


def test_a_burst_of_messages_needs_no_waiting_and_what_comes_after_it_does() -> None:
    budget = MessageBudget(0.0)
    assert [budget.spend(0.0) for _ in range(int(MESSAGE_BURST))] == [0.0] * int(MESSAGE_BURST)
    assert budget.spend(0.0) == pytest.approx(1.0 / MESSAGES_PER_SECOND)
    assert not budget.is_recovered


def test_the_budget_of_messages_recovers_with_time() -> None:
    budget = MessageBudget(0.0)
    for _ in range(int(MESSAGE_BURST)):
        budget.spend(0.0)
    assert budget.spend(1.0) == 0.0
    assert not budget.is_recovered
    assert budget.spend(100.0) == 0.0
    assert budget.is_recovered
