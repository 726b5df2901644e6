"""The channel of a source on this machine: what the sampling loop reads."""

import os
from collections.abc import Callable, Sequence

from telemetry.base.typing import override
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.recording.interfaces import Event
from telemetry.stream import protocol
from telemetry.stream.broadcast import Broadcaster, Client
from telemetry.stream.channel import Channel
from telemetry.stream.options import ServerOptions
from telemetry.stream.relay import Relay
from telemetry.stream.sample_encoding import SampleWithDelta, make_sample_encoder


class SourceChannel(Channel):
    """Sends what its ``relay`` is given.

    :param unix_time: the Unix time that a sample taken now would have, for markers
    :param on_marker: called with each marker that a client sets
    :param on_drive: called with another car or track, as by :class:`Relay`
    """

    def __init__(
        self,
        options: ServerOptions,
        unix_time: Callable[[], float],
        on_marker: Callable[[Event], None] | None,
        on_drive: Callable[[CarAndTrack], None] | None,
    ) -> None:
        broadcaster: Broadcaster[SampleWithDelta] = Broadcaster(make_sample_encoder)
        super().__init__(broadcaster)
        self.relay = Relay(broadcaster, options.missing_fields, on_drive)
        self._description = protocol.StreamDescription(
            os.urandom(16).hex(), options.source, options.rate, options.thresholds
        )
        self._unix_time = unix_time
        self._on_marker = on_marker

    @override
    def hello(self, subscription: protocol.Subscription) -> protocol.Message:
        return protocol.hello_message(subscription, self._description, self.relay.newest_sample)

    @override
    def state(self) -> protocol.Message:
        return protocol.state_message(self.relay.latest.state, self.relay.latest.message)

    @property
    @override
    def track_messages(self) -> Sequence[protocol.Message]:
        return self.relay.context_messages

    @override
    def send_newest(self, client: Client) -> None:
        self.relay.send_newest(client)

    @override
    def set_marker(self, client: Client, name: str) -> None:
        now = self._unix_time()
        newest = self.relay.newest_sample
        self.broadcaster.announce(protocol.marker_message(name, now, newest.sequence if newest else None))
        if self._on_marker:
            self._on_marker(Event("marker", now, {"name": name}))
