"""From one sample to every client: encoded once, framed once, written to each, and never waited for.

Everything here runs in the thread of the event loop.
"""

import math
from collections.abc import Iterator
from time import perf_counter
from typing import Final

import orjson
from websockets.asyncio.server import ServerConnection
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import State as ConnectionState

from telemetry.base.clock import RateLimiter
from telemetry.fields.derived import Sample
from telemetry.fields.selection import Column
from telemetry.fields.wire import LineEncoder
from telemetry.laps.delta import LapDelta
from telemetry.stream.protocol import Format, Message, Subscription, to_msgpack

BUFFER_BYTES: Final = 256 * 1024
"""What may wait for one client, in this process; what would exceed it is dropped for that client alone."""

DEFLATE: Final = {"level": 6, "memLevel": 8}

_OPEN: Final = ConnectionState.OPEN


def build_frame(payload: bytes, form: Format, window: int | None) -> bytes:
    """One whole WebSocket message; compressed in itself alone where ``window`` bits were agreed on.

    Without context takeover the same compressed bytes serve every client.
    """
    opcode = Opcode.TEXT if form == "json" else Opcode.BINARY
    extensions = [] if window is None else [PerMessageDeflate(True, True, 15, window, dict(DEFLATE))]
    return Frame(opcode, payload).serialize(mask=False, extensions=extensions)


class Client:
    """One connection with what it asked for.

    A frame goes straight to its transport. That is what ``websockets.broadcast`` does after serialising the frame anew
    for every connection. Nothing is ever sent in fragments, so that a whole frame fits in anywhere.
    """

    __slots__ = (
        "connection", "dropped", "protocol", "stalled_since", "subscription", "thinning", "transport", "window",
    )  # fmt: skip

    def __init__(self, connection: ServerConnection, subscription: Subscription) -> None:
        self.connection = connection
        self.protocol = connection.protocol
        self.transport = connection.transport
        self.subscription = subscription
        self.thinning = RateLimiter(subscription.rate)
        self.dropped = 0
        self.stalled_since: float | None = None
        deflate = [item for item in connection.protocol.extensions if isinstance(item, PerMessageDeflate)]
        self.window = deflate[0].local_max_window_bits if deflate else None

    def write(self, frame: bytes) -> bool:
        """Hand over one frame; false where there is no room for it, and it was dropped."""
        if self.protocol.state is not _OPEN:
            return True
        if self.transport.get_write_buffer_size() + len(frame) > BUFFER_BYTES:
            self.drop()
            return False
        self.stalled_since = None
        self.transport.write(frame)
        return True

    def drop(self) -> None:
        """Count what was not sent, and since when."""
        self.dropped += 1
        if self.stalled_since is None:
            self.stalled_since = perf_counter()


class Feed:
    """One way of writing samples, and the clients that want it."""

    def __init__(self, subscription: Subscription) -> None:
        self.clients: set[Client] = set()
        self.delta = subscription.delta
        self._format: Format = subscription.format
        self._encoder = LineEncoder(subscription.columns)
        self._sample: Sample | None = None
        self._payload = b""
        self._frames: dict[int | None, bytes] = {}

    def frame(self, sample: Sample, delta: LapDelta, window: int | None = None) -> bytes:
        """The frame of a sample, made once."""
        if sample is not self._sample:
            self._sample = sample
            line = self._encoder.encode(sample)[:-1]
            if self.delta:
                line = b"%b,%b" % (line[:-1], orjson.dumps(delta._asdict())[1:])
            self._payload = line if self._format == "json" else to_msgpack(line)
            self._frames.clear()
        frame = self._frames.get(window)
        if frame is None:
            frame = self._frames[window] = build_frame(self._payload, self._format, window)
        return frame


_FeedKey = tuple[tuple[Column, ...], Format, bool]
"""The columns, the format, and whether the delta comes with them."""


def _feed_key(subscription: Subscription) -> _FeedKey:
    return subscription.columns, subscription.format, subscription.delta


class Fanout:
    """All clients by what they want, and the count of what was sent and dropped."""

    def __init__(self) -> None:
        self._feeds: dict[_FeedKey, Feed] = {}
        self._before = -math.inf
        self.sent = 0
        self.dropped = 0
        self.stalled = 0
        self.encodings = 0
        self.encode_seconds = 0.0
        self.broadcasts = 0
        self.broadcast_seconds = 0.0

    @property
    def clients(self) -> Iterator[Client]:
        """Everybody."""
        return (client for feed in self._feeds.values() for client in feed.clients)

    @property
    def count(self) -> int:
        """How many they are."""
        return sum(len(feed.clients) for feed in self._feeds.values())

    @property
    def wants_delta(self) -> bool:
        """Whether any client asked for the delta."""
        return any(feed.delta for feed in self._feeds.values())

    def add(self, client: Client) -> None:
        """Let a client in; it gets samples from now on."""
        key = _feed_key(client.subscription)
        feed = self._feeds.get(key)
        if feed is None:
            feed = self._feeds[key] = Feed(client.subscription)
        feed.clients.add(client)

    def remove(self, client: Client) -> None:
        """Let a client go; the last one takes its feed along."""
        key = _feed_key(client.subscription)
        feed = self._feeds.get(key)
        if feed is not None:
            feed.clients.discard(client)
            if not feed.clients:
                del self._feeds[key]

    def change(self, client: Client, subscription: Subscription) -> None:
        """Give a client another subscription."""
        self.remove(client)
        client.subscription = subscription
        client.thinning = RateLimiter(subscription.rate)
        self.add(client)

    def send_sample(self, client: Client, sample: Sample, delta: LapDelta) -> None:
        """Give one client a sample, as to a late joiner."""
        feed = self._feeds[_feed_key(client.subscription)]
        client.thinning.accept(perf_counter(), 0.0)
        self._count(sent=client.write(feed.frame(sample, delta, client.window)))

    def send(self, client: Client, message: Message) -> None:
        """Give one client a typed event."""
        form = client.subscription.format
        text = orjson.dumps(message)
        payload = text if form == "json" else to_msgpack(text)
        self._count(sent=client.write(build_frame(payload, form, client.window)))

    def announce(self, message: Message) -> None:
        """Give an event to all who asked for events."""
        for client in self.clients:
            if client.subscription.events:
                self.send(client, message)

    def broadcast(self, sample: Sample, delta: LapDelta) -> None:
        """Give everybody the sample who is due for one; the delta, computed once, to those who asked for it."""
        begin = perf_counter()
        grace, self._before = 0.5 * (begin - self._before), begin
        for feed in self._feeds.values():
            frames: dict[int | None, bytes] = {}
            sent = dropped = 0
            for client in feed.clients:  # what happens here happens for hundreds of clients, and is written out
                if client.subscription.rate is not None and not client.thinning.accept(begin, grace):
                    continue
                window = client.window
                if window not in frames:
                    start = perf_counter()
                    frames[window] = feed.frame(sample, delta, window)
                    self.encode_seconds += perf_counter() - start
                    self.encodings += 1
                frame = frames[window]
                transport = client.transport
                if client.protocol.state is not _OPEN:
                    continue
                if transport.get_write_buffer_size() + len(frame) > BUFFER_BYTES:
                    client.drop()
                    dropped += 1
                    continue
                client.stalled_since = None
                transport.write(frame)
                sent += 1
            self.sent += sent
            self.dropped += dropped
        self.broadcasts += 1
        self.broadcast_seconds += perf_counter() - begin

    def drop_stalled(self, timeout: float) -> None:
        """Cut off whoever has taken nothing for so many seconds; a close frame would not get through."""
        now = perf_counter()
        for client in list(self.clients):
            if client.stalled_since is not None and now - client.stalled_since >= timeout:
                self.stalled += 1
                client.stalled_since = None
                client.transport.abort()

    def _count(self, *, sent: bool) -> None:
        if sent:
            self.sent += 1
        else:
            self.dropped += 1
