"""Sends one sample to every client: encoded once, framed once, written to each, and never waiting for any.

Everything here runs in the thread of the event loop.
"""

import math
from collections.abc import Callable, Iterable, Iterator
from enum import Enum
from time import perf_counter
from typing import Any, Final, Generic, NamedTuple, TypeVar

import orjson
from websockets.asyncio.server import ServerConnection
from websockets.extensions.permessage_deflate import PerMessageDeflate
from websockets.frames import Frame, Opcode
from websockets.protocol import State as ConnectionState

from telemetry.base.clock import RateLimiter
from telemetry.stream.message_budget import MessageBudget
from telemetry.stream.protocol import DEFAULT_SUBSCRIPTION, Message, MessageFormat, Subscription, to_msgpack

MAX_BUFFER_BYTES: Final = 256 * 1024
"""Bytes that may wait for one client in this process; a frame that exceeds them is dropped for that client alone."""

LITTLE_BUFFER_BYTES: Final = 32 * 1024
"""Bytes that may wait for a client that is written to without a look; no sample comes near the rest."""

DEFLATE_SETTINGS: Final = {"level": 6, "memLevel": 8}

_OPEN: Final = ConnectionState.OPEN

SampleT = TypeVar("SampleT")
"""What is sent to all clients: a sample, with what comes with it."""

MakeEncoder = Callable[[Subscription], Callable[[SampleT], bytes]]
"""Makes what turns a sample into the JSON object that clients with this subscription get."""


def build_frame(payload: bytes, message_format: MessageFormat, window_bits: int | None) -> bytes:
    """One complete WebSocket message; compressed on its own where ``window_bits`` were agreed on.

    Without context takeover the same compressed bytes serve every client.
    """
    opcode = Opcode.TEXT if message_format == "json" else Opcode.BINARY
    extensions = [] if window_bits is None else [PerMessageDeflate(True, True, 15, window_bits, dict(DEFLATE_SETTINGS))]
    return Frame(opcode, payload).serialize(mask=False, extensions=extensions)


class Delivery(Enum):
    """What became of one frame for one client."""

    SENT = "sent"
    DROPPED = "dropped"
    CLOSED = "closed"


class Client:
    """One connection and its subscription.

    A frame is written to the connection's transport directly, which saves ``websockets.broadcast`` the work of
    serialising the frame again for every connection. Messages are never fragmented, so a complete frame may always
    come next.
    """

    __slots__ = (
        "awaits_hello",
        "budget",
        "connection",
        "dropped",
        "feed",
        "protocol",
        "rate_limiter",
        "stalled_since",
        "subscription",
        "transport",
        "window_bits",
    )

    def __init__(self, connection: ServerConnection, subscription: Subscription = DEFAULT_SUBSCRIPTION) -> None:
        self.connection = connection
        self.protocol = connection.protocol
        self.transport = connection.transport
        self.subscription = subscription
        self.feed: Feed[Any] | None = None
        """Where the client is while it gets samples."""
        self.rate_limiter = RateLimiter(subscription.rate)
        self.budget = MessageBudget(perf_counter())
        """What the client's own messages may still cost."""
        self.awaits_hello = False
        """Whether it asked for a ``hello`` when there was none yet."""
        self.dropped = 0
        """Frames dropped for this client."""
        self.stalled_since: float | None = None
        """When the first frame was dropped since the last one was sent, in seconds of ``time.perf_counter``."""
        deflate = [item for item in connection.protocol.extensions if isinstance(item, PerMessageDeflate)]
        self.window_bits = deflate[0].local_max_window_bits if deflate else None
        """Window of the compression that was agreed on; None without compression."""

    @property
    def is_ready(self) -> bool:
        """Whether every sample may be written without a look at the client: it is open, and little waits for it."""
        return self.subscription.rate is None and not self.connection.paused and self.protocol.state is _OPEN

    def write(self, frame: bytes) -> Delivery:
        """Write one frame, or drop it where the client's buffer has no room for it."""
        if self.protocol.state is not _OPEN:
            return Delivery.CLOSED
        if self.transport.get_write_buffer_size() + len(frame) > MAX_BUFFER_BYTES:
            self.count_dropped()
            return Delivery.DROPPED
        self.stalled_since = None
        self.transport.write(frame)
        return Delivery.SENT

    def count_dropped(self) -> None:
        """Count a frame that was dropped, and remember since when the client takes nothing."""
        self.dropped += 1
        if self.stalled_since is None:
            self.stalled_since = perf_counter()


class Feed(Generic[SampleT]):
    """The clients that want the same columns in the same format, and the encoder that they share."""

    def __init__(self, key: "_FeedKey", message_format: MessageFormat, encode: Callable[[SampleT], bytes]) -> None:
        self.key = key
        self.clients: set[Client] = set()
        self._groups: _Groups | None = None
        self._format: MessageFormat = message_format
        self._encode = encode
        self._sample: SampleT | None = None
        self._payload = b""
        self._frames: dict[int | None, bytes] = {}

    def regroup(self) -> None:
        """Look at each client again before the next sample: one has come, gone, or is ready or no longer so."""
        self._groups = None

    @property
    def groups(self) -> "_Groups":
        """The clients in groups, kept until :meth:`regroup`."""
        if self._groups is None:
            ready: dict[int | None, list[Callable[[bytes], None]]] = {}
            others: list[Client] = []
            for client in self.clients:
                if client.is_ready:
                    ready.setdefault(client.window_bits, []).append(client.transport.write)
                else:
                    others.append(client)
            self._groups = _Groups(ready, others)
        return self._groups

    def frame(self, sample: SampleT, window_bits: int | None = None) -> bytes:
        """The frame of a sample, made once for all clients with the same compression."""
        if sample is not self._sample:
            self._sample = sample
            text = self._encode(sample)
            self._payload = text if self._format == "json" else to_msgpack(text)
            self._frames.clear()
        frame = self._frames.get(window_bits)
        if frame is None:
            frame = self._frames[window_bits] = build_frame(self._payload, self._format, window_bits)
        return frame


class _Groups(NamedTuple):
    """The clients of a feed."""

    ready: dict[int | None, list[Callable[[bytes], None]]]
    """How to write to those that are ready, by the window of their compression."""
    others: list[Client]
    """Those that must be looked at: they want fewer samples, lag behind, or are closing."""


class _FeedKey(NamedTuple):
    """What clients of one feed have in common."""

    columns: tuple[str, ...]
    """The names of the columns."""
    format: MessageFormat
    delta: bool
    """Whether the delta comes with the samples."""


def _feed_key(subscription: Subscription) -> _FeedKey:
    return _FeedKey(tuple(column.key for column in subscription.columns), subscription.format, subscription.delta)


class Broadcaster(Generic[SampleT]):
    """All clients of one stream, grouped by their subscriptions, and counters of what was sent and dropped."""

    def __init__(self, make_encoder: MakeEncoder[SampleT]) -> None:
        self._make_encoder = make_encoder
        self._feeds: dict[_FeedKey, Feed[SampleT]] = {}
        self._last_broadcast = -math.inf
        self.sent = 0
        """Messages handed to clients."""
        self.dropped = 0
        """Messages dropped for clients that lag behind."""
        self.stalled = 0
        """Clients disconnected because they read nothing."""
        self.encodings = 0
        """Frames made of samples."""
        self.encode_seconds = 0.0
        """Time spent on making them."""
        self.broadcasts = 0
        """Samples sent to all clients that were due for one."""
        self.broadcast_seconds = 0.0
        """Time spent on sending them, making the frames included."""

    @property
    def clients(self) -> Iterator[Client]:
        """All connected clients."""
        return (client for feed in self._feeds.values() for client in feed.clients)

    @property
    def count(self) -> int:
        """Number of connected clients."""
        return sum(len(feed.clients) for feed in self._feeds.values())

    @property
    def wants_delta(self) -> bool:
        """Whether any client asked for the delta."""
        return any(key.delta for key in self._feeds)

    def add(self, client: Client) -> None:
        """Add a client; it gets samples from now on."""
        key = _feed_key(client.subscription)
        feed = self._feeds.get(key)
        if feed is None:
            encode = self._make_encoder(client.subscription)
            feed = self._feeds[key] = Feed(key, client.subscription.format, encode)
        feed.clients.add(client)
        feed.regroup()
        client.feed = feed

    def remove(self, client: Client) -> None:
        """Remove a client, and its feed when no other client uses it."""
        feed, client.feed = client.feed, None
        if feed is not None:
            feed.clients.discard(client)
            feed.regroup()
            if not feed.clients:
                del self._feeds[feed.key]

    def change(self, client: Client, subscription: Subscription) -> None:
        """Give a client another subscription."""
        is_same_feed = client.feed is not None and client.feed.key == _feed_key(subscription)
        if not is_same_feed:
            self.remove(client)
        client.subscription = subscription
        client.rate_limiter = RateLimiter(subscription.rate)
        if not is_same_feed:
            self.add(client)
        self.look_again(client)

    def look_again(self, client: Client) -> None:
        """A client may have become ready for every sample, or no longer be so."""
        if not client.connection.paused:
            client.stalled_since = None
        if client.feed is not None:
            client.feed.regroup()

    def send_sample(self, client: Client, sample: SampleT) -> None:
        """Send a sample to one client, whether or not it is due for one."""
        if client.feed is not None:
            client.rate_limiter.accept(perf_counter(), 0.0)
            self._count(client.write(client.feed.frame(sample, client.window_bits)))

    def send(self, client: Client, message: Message) -> None:
        """Send a typed message to one client."""
        self._send_to([client], message)

    def send_all(self, message: Message) -> None:
        """Send a typed message to all clients."""
        self._send_to(self.clients, message)

    def announce(self, message: Message) -> None:
        """Send a typed message to all clients that asked for events."""
        self._send_to((client for client in self.clients if client.subscription.events), message)

    def announce_track(self, messages: Iterable[Message]) -> None:
        """Send typed messages to all clients that asked for the track."""
        clients = [client for client in self.clients if client.subscription.track]
        for message in messages:
            self._send_to(clients, message)

    def _send_to(self, clients: Iterable[Client], message: Message) -> None:
        """Send a typed message to these clients, encoded and framed once for all who want it alike."""
        text = orjson.dumps(message)
        frames: dict[tuple[MessageFormat, int | None], bytes] = {}
        for client in clients:
            message_format = client.subscription.format
            frame = frames.get((message_format, client.window_bits))
            if frame is None:
                payload = text if message_format == "json" else to_msgpack(text)
                frame = build_frame(payload, message_format, client.window_bits)
                frames[message_format, client.window_bits] = frame
            self._count(client.write(frame))

    def broadcast(self, sample: SampleT) -> None:
        """Send a sample to every client that is due for one.

        Nearly all clients are ready for it: for them there is nothing to do but to write, hundreds of times a sample.
        """
        begin = perf_counter()
        grace, self._last_broadcast = 0.5 * (begin - self._last_broadcast), begin
        for feed in self._feeds.values():
            frames: dict[int | None, bytes] = {}
            ready, others = feed.groups
            for window_bits, writes in ready.items():
                frame = self._make_frame(frames, feed, sample, window_bits)
                for write in writes:
                    write(frame)
                self.sent += len(writes)
            for client in others:
                if client.rate_limiter.accept(begin, grace):
                    frame = self._make_frame(frames, feed, sample, client.window_bits)
                    self._count(client.write(frame))
        self.broadcasts += 1
        self.broadcast_seconds += perf_counter() - begin

    def _make_frame(
        self,
        frames: dict[int | None, bytes],
        feed: Feed[SampleT],
        sample: SampleT,
        window_bits: int | None,
    ) -> bytes:
        """The frame of a sample; it is looked up in ``frames``, or made, put there and counted."""
        if (frame := frames.get(window_bits)) is None:
            begin = perf_counter()
            frame = frames[window_bits] = feed.frame(sample, window_bits)
            self.encode_seconds += perf_counter() - begin
            self.encodings += 1
        return frame

    def drop_stalled_clients(self, timeout_s: float) -> None:
        """Disconnect clients that have taken nothing for so long, without a close frame, which they would not read."""
        now = perf_counter()
        for client in list(self.clients):
            if client.stalled_since is not None and now - client.stalled_since >= timeout_s:
                self.stalled += 1
                client.stalled_since = None
                client.transport.abort()

    def _count(self, delivery: Delivery) -> None:
        if delivery is Delivery.SENT:
            self.sent += 1
        elif delivery is Delivery.DROPPED:
            self.dropped += 1
