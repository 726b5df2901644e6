"""How many connections there may be, in all and from one address."""

import ipaddress
import sys
from typing import Final, Protocol

from telemetry.stream.access import is_loopback

MAX_CLIENTS: Final = 400 if sys.platform == "win32" else 800
"""Clients at a time: fewer than the files that a process may open, or that Windows can wait for together (512)."""

MAX_PENDING: Final = 100
"""Connections at a time that have not finished their handshake, or not closed after their HTTP response."""

MAX_PENDING_PER_ADDRESS: Final = 40
"""The same from one address; more than are accepted until what the first of them has sent is read."""

CLIENTS_PER_ADDRESS: Final = 100
"""Clients at a time from one address, unless the server's options say otherwise."""

_NETWORK_BITS: Final = 64
"""What an IPv6 network has in common: one computer has all addresses in it."""


class Abortable(Protocol):
    """What is limited: the transport of a connection."""

    def abort(self) -> None:
        """Close at once."""


class ConnectionLimits:
    """The connections of a server, from the first moment to the last.

    A newcomer always gets in. Where there are too many connections that wait for their peer and are no clients, the one
    that has been silent for longest is closed: among those of the newcomer's address, or else among all.

    :param clients_per_address: clients at a time from one address. Those on this machine are not limited so, because
        a proxy may stand for others there.
    :param max_clients: clients at a time from all addresses
    """

    def __init__(self, clients_per_address: int = CLIENTS_PER_ADDRESS, max_clients: int = MAX_CLIENTS) -> None:
        self._clients_per_address = clients_per_address
        self._max_clients = max_clients
        # Each connection is in one of these, with its address.
        self._silent: dict[Abortable, str] = {}
        """Waits for its peer; those that have been silent for longest first."""
        self._asking: dict[Abortable, str] = {}
        """Waits for the server's answer."""
        self._clients: dict[Abortable, str] = {}

    def add(self, connection: Abortable, address: str) -> None:
        """A connection was opened from this address."""
        group = _group_address(address)
        self._silent[connection] = group
        neighbours = [other for other, its_group in self._silent.items() if its_group == group]
        asking = 0 if is_loopback(address) else _count(self._asking, group)
        total = len(self._silent) + len(self._asking) + len(self._clients)
        if len(neighbours) + asking > MAX_PENDING_PER_ADDRESS:
            self._drop(neighbours[0])
        elif len(self._silent) > MAX_PENDING or total > self._max_clients + MAX_PENDING:
            self._drop(next(iter(self._silent)))

    def on_data(self, connection: Abortable) -> None:
        """A connection has sent something."""
        _move(connection, self._silent, self._silent)

    def on_request(self, connection: Abortable) -> None:
        """A connection has sent its whole request, and waits for the answer."""
        _move(connection, self._silent, self._asking)

    def on_answer(self, connection: Abortable) -> None:
        """A request was answered; unless the connection becomes a client, it is to be closed by its peer."""
        _move(connection, self._asking, self._silent)

    def admit(self, connection: Abortable) -> None:
        """A connection has become a client."""
        _move(connection, self._silent, self._clients)

    def remove(self, connection: Abortable) -> None:
        """A connection is closed."""
        for connections in (self._silent, self._asking, self._clients):
            connections.pop(connection, None)

    def check_client(self, address: str) -> str | None:
        """None where there may be another client at this address, else the reason for a refusal as a sentence."""
        if len(self._clients) >= self._max_clients:
            return f"Too many clients: the limit is {self._max_clients}."
        limit = self._clients_per_address
        if not is_loopback(address) and _count(self._clients, _group_address(address)) >= limit:
            return f"Too many clients at {address}: the limit is {limit}. Start the server with --clients-per-address."
        return None

    def _drop(self, connection: Abortable) -> None:
        del self._silent[connection]
        connection.abort()


def _move(connection: Abortable, source: dict[Abortable, str], target: dict[Abortable, str]) -> None:
    """Move a connection to the end of ``target``, where it is in ``source``."""
    if (group := source.pop(connection, None)) is not None:
        target[connection] = group


def _count(connections: dict[Abortable, str], group: str) -> int:
    return sum(its_group == group for its_group in connections.values())


def _group_address(address: str) -> str:
    """What counts as one address: of IPv6 the whole network, because one computer has as many as it likes there."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(ip, ipaddress.IPv4Address):
        return address
    if ip.ipv4_mapped is not None:
        return str(ip.ipv4_mapped)
    return str(ipaddress.ip_network((int(ip), _NETWORK_BITS), strict=False))
