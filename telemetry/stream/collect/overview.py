"""The overview: one small message per rig and second, for clients at the root of the server."""

import os
from collections.abc import Iterable, Mapping
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

from telemetry.base.host import host_name
from telemetry.base.typing import override
from telemetry.base.version import VERSION
from telemetry.recording.game_state import State
from telemetry.stream import protocol
from telemetry.stream.broadcast import Broadcaster, Client
from telemetry.stream.channel import Channel
from telemetry.stream.collect.standing import Gap, find_gaps

if TYPE_CHECKING:
    from telemetry.stream.collect.rig import Rig

OVERVIEW_INTERVAL_S: Final = 1.0
"""Seconds between two messages about a rig."""


class Overview(Channel):
    """Says of every rig who drives what, how far, and how well its samples come in."""

    def __init__(self) -> None:
        broadcaster: Broadcaster[Any] = Broadcaster(lambda _: lambda _: b"{}")  # it has no samples
        super().__init__(broadcaster)
        self.stream_id = os.urandom(16).hex()
        self.rigs: Mapping[str, Rig] = {}

    @override
    def hello(self, subscription: protocol.Subscription) -> protocol.Message:
        return {
            "type": "hello",
            "tool": "ac-telemetry",
            "version": VERSION,
            "protocol": protocol.PROTOCOL_VERSION,
            "host": host_name(),
            "stream_id": self.stream_id,
            "rigs": list(self.rigs),
        }

    @override
    def state(self) -> protocol.Message:
        connected = sum(rig.is_connected for rig in self.rigs.values())
        return protocol.state_message(State.LIVE, f"{connected} of {len(self.rigs)} rigs are connected.")

    @override
    def send_newest(self, client: Client) -> None:
        for message in self.messages():
            self.broadcaster.send(client, message)

    @override
    def set_marker(self, client: Client, name: str) -> None:
        for rig in self.rigs.values():
            if rig.is_connected:
                rig.mark(client, name)

    def messages(self) -> Iterable[protocol.Message]:
        """What there is to say of each rig now."""
        now = perf_counter()
        places = {name: place for name, rig in self.rigs.items() if (place := rig.place()) is not None}
        gaps = find_gaps(places)
        return [rig.to_message(now, gaps.get(name, Gap())) for name, rig in self.rigs.items()]
