"""How many connections there may be: who is closed, who is refused, and who gets in."""

from http import HTTPStatus
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
from websockets.datastructures import Headers
from websockets.http11 import Request

from telemetry.stream.access import AccessPolicy
from telemetry.stream.connection_limits import (
    MAX_CLIENTS,
    MAX_PENDING,
    MAX_PENDING_PER_ADDRESS,
    ConnectionLimits,
)
from telemetry.stream.routes import HttpRoutes
from telemetry.stream.server import SourceContent

if TYPE_CHECKING:
    from telemetry.stream.channel import Channel
    from telemetry.stream.stream_stats import StreamStats


class Connection:
    """A connection that remembers whether it was closed."""

    def __init__(self) -> None:
        self.is_closed = False

    def abort(self) -> None:
        self.is_closed = True


def open_connections(limits: ConnectionLimits, count: int, address: str) -> list[Connection]:
    connections = [Connection() for _ in range(count)]
    for connection in connections:
        limits.add(connection, address)
    return connections


def open_clients(limits: ConnectionLimits, count: int, address: str) -> list[Connection]:
    connections = [Connection() for _ in range(count)]
    for connection in connections:
        limits.add(connection, address)
        limits.admit(connection)
    return connections


def closed(connections: list[Connection]) -> list[int]:
    return [number for number, connection in enumerate(connections) if connection.is_closed]


@pytest.mark.parametrize("address", ["127.0.0.1", "192.168.0.7"])
def test_of_too_many_from_one_address_the_one_silent_for_longest_is_closed(address: str) -> None:
    limits = ConnectionLimits()
    other = open_connections(limits, 1, "192.168.0.9")
    connections = open_connections(limits, MAX_PENDING_PER_ADDRESS, address)
    limits.on_data(connections[0])
    newcomers = open_connections(limits, 2, address)
    assert closed(connections) == [1, 2]
    assert closed(newcomers) == closed(other) == []


def test_of_too_many_from_everywhere_the_one_silent_for_longest_is_closed() -> None:
    limits = ConnectionLimits()
    connections = [open_connections(limits, 1, f"192.168.0.{number}")[0] for number in range(MAX_PENDING)]
    limits.on_data(connections[0])
    newcomers = open_connections(limits, 1, "10.0.0.1")
    assert closed(connections) == [1]
    assert closed(newcomers) == []


def test_whoever_waits_for_the_server_is_not_silent() -> None:
    limits = ConnectionLimits()
    asking = open_connections(limits, MAX_PENDING_PER_ADDRESS, "127.0.0.1")
    for connection in asking:
        limits.on_request(connection)
    silent = open_connections(limits, MAX_PENDING_PER_ADDRESS, "127.0.0.1")
    limits.on_answer(asking[0])
    open_connections(limits, 2, "127.0.0.1")
    assert closed(asking) == []
    assert closed(silent) == [0, 1, 2][: len(closed(silent))]
    assert closed(silent)


def test_requests_of_one_other_address_do_not_pile_up() -> None:
    limits = ConnectionLimits()
    for connection in open_connections(limits, MAX_PENDING_PER_ADDRESS, "192.168.0.7"):
        limits.on_request(connection)
    assert closed(open_connections(limits, 1, "192.168.0.7")) == [0]
    assert closed(open_connections(limits, 1, "192.168.0.8")) == []


def test_clients_and_the_closed_are_not_counted_as_unfinished() -> None:
    limits = ConnectionLimits()
    clients = open_clients(limits, MAX_PENDING_PER_ADDRESS, "192.168.0.7")
    for connection in open_connections(limits, MAX_PENDING_PER_ADDRESS, "192.168.0.7"):
        limits.remove(connection)
    connections = open_connections(limits, MAX_PENDING_PER_ADDRESS, "192.168.0.7")
    assert closed(clients) == closed(connections) == []


def test_one_address_may_have_so_many_clients_until_one_leaves() -> None:
    limits = ConnectionLimits(clients_per_address=3)
    clients = open_clients(limits, 3, "192.168.0.7")
    refusal = "Too many clients at 192.168.0.7: the limit is 3. Start the server with --clients-per-address."
    assert limits.check_client("192.168.0.7") == refusal
    assert limits.check_client("::ffff:192.168.0.7") is not None
    assert limits.check_client("192.168.0.8") is None
    limits.remove(clients[0])
    assert limits.check_client("192.168.0.7") is None


def test_an_ipv6_network_is_one_address() -> None:
    limits = ConnectionLimits(clients_per_address=2)
    open_clients(limits, 1, "2001:db8::1")
    open_clients(limits, 1, "2001:db8::ffff:1")
    assert limits.check_client("2001:db8::2") is not None
    assert limits.check_client("2001:db8:0:1::2") is None
    assert limits.check_client("fe80::1%eth0") is None


def test_this_machine_may_have_all_clients() -> None:
    limits = ConnectionLimits(clients_per_address=2)
    open_clients(limits, MAX_CLIENTS - 1, "127.0.0.1")
    assert limits.check_client("127.0.0.1") is None
    open_clients(limits, 1, "127.0.0.1")
    assert limits.check_client("127.0.0.1") == f"Too many clients: the limit is {MAX_CLIENTS}."
    assert limits.check_client("192.168.0.7") is not None


def test_a_client_too_many_is_answered_with_the_reason() -> None:
    limits = ConnectionLimits(clients_per_address=1)
    content = SourceContent(cast("Channel", object()), Path(), lambda: cast("StreamStats", None), lambda: None)
    routes = HttpRoutes(AccessPolicy("0.0.0.0"), limits, content)
    request = Request("/", Headers({"Host": "192.168.0.1:8765", "Upgrade": "websocket"}))
    assert routes.respond(request, "192.168.0.7") is None
    open_clients(limits, 1, "192.168.0.7")
    response = routes.respond(request, "192.168.0.7")
    assert response is not None
    assert response.status_code == HTTPStatus.SERVICE_UNAVAILABLE
    assert response.body.startswith(b"Too many clients at 192.168.0.7: the limit is 1.")
