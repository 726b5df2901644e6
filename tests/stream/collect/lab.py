"""A server that collects rigs which a test feeds by hand."""

import contextlib
import http.client
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from websockets.sync.client import ClientConnection

from telemetry.base.host import host_name
from telemetry.base.version import VERSION
from telemetry.stream import CollectServer, ServerOptions, parse_rigs
from tests.conftest import PATIENCE, wait_until
from tests.stream.rig import receive

DRIVE: Final[dict[str, Any]] = {
    "player_nick": "Ada",
    "car_model": "ks_mazda_mx5_cup",
    "track": "spa",
    "session": 2,
    "completed_laps": 3,
    "number_of_laps": 10,
    "position": 2,
    "num_cars": 12,
    "current_time": 61_000,
    "last_time": 150_000,
    "best_time": 149_000,
    "normalized_position": 0.25,
    "speed_kmh": 180.04,
}
"""Fields of a sample in a race."""

SAID: Final[dict[str, Any]] = {
    "type": "rig",
    "name": "left",
    "connected": True,
    "state": "live",
    "message": "",
    "host": host_name(),
    "version": VERSION,
    "driver": "Ada",
    "car": "ks_mazda_mx5_cup",
    "track": "spa",
    "layout": "",
    "session": "race",
    "lap": 4,
    "laps": 10,
    "lap_fraction": 0.25,
    "lap_valid": True,
    "in_pits": False,
    "position": 2,
    "cars": 12,
    "current_ms": 61_000,
    "last_ms": 150_000,
    "best_ms": 149_000,
    "speed_kmh": 180.0,
    "gap_best_ms": 1000,
    "gap_laps": None,
    "gap_s": None,
    "rate_hz": None,
    "clients": 0,
}
"""What the overview says of such a rig, when another one there was faster; without how old that is."""


class Lab:
    """A server of many rigs."""

    def __init__(self, *rigs: str, **options: Any) -> None:
        self.addresses = parse_rigs(",".join(rigs))
        self.server = CollectServer(ServerOptions(port=0, **options), self.addresses)

    @property
    def url(self) -> str:
        return self.server.url

    def get(self, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        connection.request("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body

    def health(self, rig: str) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.get("/healthz")[1])["rigs"][rig]
        return values

    def wait_for(self, rig: str, **wanted: Any) -> dict[str, Any]:
        """Wait until the health of this rig has these values."""
        seen: dict[str, Any] = {}

        def is_there() -> bool:
            seen.clear()
            seen.update(self.health(rig))
            return all(seen.get(key) == value for key, value in wanted.items())

        wait_until(is_there, lambda: seen)
        return seen

    def wait_until_connected(self) -> None:
        for address in self.addresses:
            self.wait_for(address.name, connected=True)


@contextlib.contextmanager
def lab_of(*rigs: str, **options: Any) -> Iterator[Lab]:
    lab = Lab(*rigs, **options)
    try:
        yield lab
    finally:
        lab.server.close()


def receive_until(connection: ClientConnection, is_wanted: Callable[[Any], object]) -> Any:
    """The first message that is wanted."""
    while not is_wanted(message := receive(connection)):
        pass
    return message
