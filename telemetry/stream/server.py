"""The server of one source: takes every reading of the sampling loop and sends it to its clients."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from telemetry.base.clock import Clock
from telemetry.base.host import host_name
from telemetry.base.text import to_unicode
from telemetry.base.typing import override
from telemetry.base.version import VERSION
from telemetry.fields.derived import Sample
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event
from telemetry.recording.stats import RecordingStats
from telemetry.stream import protocol
from telemetry.stream.background import BackgroundServer
from telemetry.stream.channel import Channel
from telemetry.stream.drive_context import DriveContext
from telemetry.stream.http_responses import (
    HttpResponse,
    content_response,
    file_response,
    json_response,
    prometheus_response,
)
from telemetry.stream.inbox import Inbox, QueuedReading
from telemetry.stream.options import DEFAULT_OPTIONS, ServerOptions
from telemetry.stream.routes import Get
from telemetry.stream.source_channel import SourceChannel
from telemetry.stream.stream_stats import StreamStats, list_delivery_metrics, list_metrics


class SourceContent:
    """What a server of one source has to show.

    :param channel: the stream
    :param page: the folder of the web page
    :param read_stats: called for the current counters
    :param read_picture: called for the PNG of the track that is driven; None where there is none
    :param read_delivery: called for what waits to be delivered; None where nothing is
    """

    def __init__(
        self,
        channel: Channel,
        page: Path,
        read_stats: Callable[[], StreamStats],
        read_picture: Callable[[], bytes | None],
        read_delivery: Callable[[], Mapping[str, Any]] | None = None,
    ) -> None:
        self._channel = channel
        self._page = page
        self._read_stats = read_stats
        self._read_picture = read_picture
        self._read_delivery = read_delivery

    def find_channel(self, path: str) -> Channel | None:
        """The stream is at the root."""
        return self._channel if path == "/" else None

    def describe_streams(self) -> str:
        """Where the stream is."""
        return "the stream is at /"

    def needs_token(self, path: str) -> bool:
        """Health and metrics do; the page asks for the token by itself."""
        return path in ("/healthz", "/metrics")

    def get(self, request: Get) -> HttpResponse:
        """Health, metrics, the picture of the track, and the files of the page."""
        if request.path == "/healthz":
            delivery = {} if self._read_delivery is None else {"delivery": self._read_delivery()}
            return json_response({"status": "ok", "version": VERSION, **asdict(self._read_stats()), **delivery})
        if request.path == "/metrics":
            delivery_metrics = [] if self._read_delivery is None else list_delivery_metrics(self._read_delivery())
            return prometheus_response([*list_metrics({"": self._read_stats()}), *delivery_metrics])
        if request.path == "/map.png" and (picture := self._read_picture()) is not None:
            return content_response(picture, ".png", request.host, request.if_none_match)
        return file_response(self._page, request.path, request.host, request.if_none_match)


class StreamServer(BackgroundServer):
    """Sends readings to any number of WebSocket clients; a :class:`telemetry.recording.interfaces.Listener`.

    It serves from the moment it is made until it is closed.

    :param options: where to listen, and for whom
    :param on_marker: called in the server's thread with each marker that a client sets
    :param unix_time: the Unix time that a sample taken now would have, for markers; by default the time of day

    Raises :class:`telemetry.SinkError` when it cannot listen there.
    """

    def __init__(
        self,
        options: ServerOptions = DEFAULT_OPTIONS,
        *,
        on_marker: Callable[[Event], None] | None = None,
        unix_time: Callable[[], float] | None = None,
    ) -> None:
        self.name = f"stream on {options.host}"
        # Shared with the sampling loop's thread: written there, read here.
        self._inbox = Inbox(self._wake)
        self._recording_stats = RecordingStats()
        # Used by the event loop's thread alone.
        on_drive = self._look_up if options.find_context is not None else None
        self._channel = SourceChannel(options, unix_time or Clock().unix, on_marker, on_drive)
        self._relay = self._channel.relay
        self._map_png: bytes | None = None
        self._lookups: set[asyncio.Task[None]] = set()
        self._started = perf_counter()
        content = SourceContent(self._channel, options.page, self.stats, lambda: self._map_png, options.read_delivery)
        super().__init__(options, content)
        self.start()

    @property
    def pending(self) -> int:
        """Readings that the event loop has not taken yet."""
        return len(self._inbox)

    @property
    def buffered_bytes(self) -> list[int]:
        """Bytes that wait in this process for each client."""
        return [client.transport.get_write_buffer_size() for client in list(self._channel.broadcaster.clients)]

    def on_reading(self, sample: Sample | None, stats: RecordingStats) -> None:
        """Queue a reading for the clients; never waits."""
        self._recording_stats = stats
        is_kept = sample is not None and sample.sequence < stats.samples
        self._inbox.put(QueuedReading(sample, is_kept, stats.state, stats.message, perf_counter()))

    def stats(self) -> StreamStats:
        """The current state and counters."""
        now, recording, broadcaster = perf_counter(), self._recording_stats, self._channel.broadcaster
        newest = self._relay.newest
        return StreamStats(
            host=host_name(),
            source=to_unicode(self.options.source),
            state=self._relay.latest.state,
            message=self._relay.latest.message,
            uptime_s=round(now - self._started, 3),
            samples=recording.samples,
            rate_asked_hz=self.options.rate,
            rate_measured_hz=self._relay.measure_rate_hz(now),
            age_s=round(now - newest.queued_at, 3) if newest else None,
            missed=recording.missed,
            torn=recording.torn,
            recording_dropped=recording.dropped,
            clients=broadcaster.count,
            connections=self.connections,
            sent=broadcaster.sent,
            dropped=broadcaster.dropped,
            stalled=broadcaster.stalled,
            lost=self._inbox.dropped + self._relay.late_samples,
            encodings=broadcaster.encodings,
            encode_seconds=broadcaster.encode_seconds,
            broadcasts=broadcaster.broadcasts,
            broadcast_seconds=broadcaster.broadcast_seconds,
        )

    def _wake(self) -> None:
        self.loop.call_soon_threadsafe(self._deliver)

    # Everything below runs in the thread of the event loop.

    @override
    def _list_channels(self) -> Iterable[Channel]:
        return (self._channel,)

    @override
    def _say_goodbye(self) -> None:
        self._deliver()
        self._relay.follow_laps()
        self._channel.broadcaster.announce(protocol.state_message(State.ENDED, "The server stops."))

    def _look_up(self, drive: CarAndTrack) -> None:
        """Find in another thread what is known of this drive: files are read for it."""
        task = self.loop.create_task(self._find_context(drive))
        self._lookups.add(task)
        task.add_done_callback(self._lookups.discard)

    async def _find_context(self, drive: CarAndTrack) -> None:
        find = self.options.find_context
        assert find is not None

        def look_up() -> tuple[DriveContext, list[protocol.Message]]:
            context = find(drive)
            return context, context.messages()

        context, messages = await asyncio.to_thread(look_up)
        self._map_png = None if context.picture is None else context.picture.png
        self._relay.use_context(drive, context, messages)

    def _deliver(self) -> None:
        """Send the readings that were queued since the last call."""
        for reading in self._inbox.take_all():
            self._relay.pass_on(reading, is_last=not self.pending)
