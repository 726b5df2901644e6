"""The stream of one rig, for the clients of this server: connected to the rig while there are any."""

import asyncio
import re
from collections.abc import Callable, Sequence
from time import perf_counter
from typing import Any, Final

import orjson

from telemetry.base.errors import SourceError
from telemetry.base.typing import override
from telemetry.recording.game_state import State
from telemetry.stream import protocol
from telemetry.stream.broadcast import Broadcaster, Client
from telemetry.stream.channel import Channel
from telemetry.stream.collect.addresses import RigAddress
from telemetry.stream.collect.fetch import FetchError, fetch
from telemetry.stream.collect.forwarding import RigSample, make_forwarder
from telemetry.stream.collect.rig_connection import Limits, RigConnection, Status
from telemetry.stream.collect.rig_hello import RigHello, parse_hello
from telemetry.stream.upstream import parse_message, parse_sample, parse_state

LINGER_S: Final = 5.0
"""Seconds for which a rig's samples still come after its last client has gone, so that a page can be loaded again."""

STREAM_LIMITS: Final = Limits(per_second=500.0, burst=250.0)
"""Messages that are read of a rig: no rig takes more than 333 samples per second."""

CHECK_INTERVAL_S: Final = 1.0
"""Seconds between samples of which every value is checked."""

MAX_PICTURE_BYTES: Final = 4 * 1024 * 1024

_OPTIONS: Final = {"events": "1", "hello": "1", "delta": "1", "track": "1"}
_DRIVE_KEYS: Final = {"car": "car_model", "track": "track", "layout": "track_configuration"}
"""What tells one drive from another: keys of messages about it, and those of samples."""
_PICTURE_PATH: Final = re.compile(r"map\.png(\?[0-9a-f]{1,64})?")
_PNG: Final = b"\x89PNG\r\n\x1a\n"


class RigChannel(Channel):
    """Passes on what a rig sends, and nothing of its own but the state of the connection.

    :param own_stream_id: the ``stream_id`` of this server, by which it knows itself
    :param mark: called with a client and the name of the marker that it wants to set
    """

    def __init__(self, address: RigAddress, own_stream_id: str, mark: Callable[[Client, str], None]) -> None:
        self._samples: Broadcaster[RigSample] = Broadcaster(make_forwarder)
        super().__init__(self._samples)
        self._address = address
        self._own_stream_id = own_stream_id
        self._mark = mark
        self._connection = RigConnection(address, _OPTIONS, STREAM_LIMITS, self._take, self._follow_connection)
        self._task: asyncio.Task[None] | None = None
        self._closing: asyncio.TimerHandle | None = None
        self._picture_task: asyncio.Task[None] | None = None
        self._hello: RigHello | None = None
        self._state = protocol.state_message(State.WAITING, f"Connecting to {address.shown}.")
        self._newest: RigSample | None = None
        self._checked_at = 0.0
        self._drive: dict[str, Any] = {}
        self._track: dict[str, protocol.Message] = {}
        self.picture: bytes | None = None
        """The game's picture of the track, as PNG."""

    @override
    def hello(self, subscription: protocol.Subscription) -> protocol.Message | None:
        return None if self._hello is None else self._hello.to_message(subscription, self._newest)

    @override
    def state(self) -> protocol.Message:
        return self._state

    @property
    @override
    def track_messages(self) -> Sequence[protocol.Message]:
        return list(self._track.values())

    @override
    def send_newest(self, client: Client) -> None:
        if self._newest is not None:
            self._samples.send_sample(client, self._newest)

    @override
    def set_marker(self, client: Client, name: str) -> None:
        self._mark(client, name)

    @override
    def follow_clients(self) -> None:
        if self._samples.count:
            if self._closing is not None:
                self._closing.cancel()
                self._closing = None
            if self._task is None:
                self._task = asyncio.create_task(self._connection.run())
        elif self._task is not None and self._closing is None:
            self._closing = asyncio.get_running_loop().call_later(LINGER_S, self._disconnect)

    async def close(self) -> None:
        """End the connection to the rig."""
        tasks = [task for task in (self._task, self._picture_task) if task is not None]
        self._disconnect()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _disconnect(self) -> None:
        """Nobody looks at the rig: forget what would be old when somebody does again."""
        for task in (self._task, self._picture_task):
            if task is not None:
                task.cancel()
        if self._closing is not None:
            self._closing.cancel()
        self._task = self._closing = self._picture_task = None
        self._hello = self._newest = self.picture = None
        self._drive = {}
        self._track = {}
        self._state = protocol.state_message(State.WAITING, f"Connecting to {self._address.shown}.")

    def _follow_connection(self) -> None:
        if self._connection.status is Status.LOST:
            state = State.WAITING if self._newest is None else State.GONE
            self._announce_state(protocol.state_message(state, self._connection.problem))

    def _announce_state(self, message: protocol.Message) -> None:
        if message != self._state:
            self._state = message
            self._samples.announce(message)

    def _take(self, text: bytes) -> None:
        """Take one message of the rig."""
        values = parse_message(text, self._address.shown)
        try:
            if "type" in values:
                self._take_typed(values)
            else:
                self._take_sample(RigSample(values, text))
        except orjson.JSONEncodeError as error:  # values nested deeper than can be written
            raise SourceError(f"{self._address.shown} does not send telemetry: {error}.") from error

    def _take_typed(self, values: protocol.Message) -> None:
        match values["type"]:
            case "hello":
                self._take_hello(parse_hello(values, self._address.shown, self._own_stream_id))
            case "state":
                self._announce_state(protocol.state_message(*parse_state(values)))
            case "track" | "reference" as kind:
                self._take_track(kind, values)
            case "error" | "subscribed" | "pong":
                pass  # answers to this server
            case _:
                self._samples.announce(values)

    def _take_hello(self, hello: RigHello) -> None:
        """Pass it on to clients that wait for one, and to those whose rig was started again meanwhile."""
        before, self._hello = self._hello, hello
        is_restarted = before is not None and before.stream_id != hello.stream_id
        if is_restarted:
            self._newest = None
        for client in list(self._samples.clients):
            if client.awaits_hello or (is_restarted and client.subscription.events):
                client.awaits_hello = False
                self._samples.send(client, hello.to_message(client.subscription, self._newest))

    def _take_sample(self, sample: RigSample) -> None:
        values = sample.values
        now = perf_counter()
        if now - self._checked_at >= CHECK_INTERVAL_S:
            self._checked_at = now
            parse_sample(sample.text, self._address.shown)
            orjson.dumps(values)
        if self._newest is not None and _is_same(values, self._newest.values):
            return  # the newest sample again, after the connection was lost
        drive = {key: values.get(name) for key, name in _DRIVE_KEYS.items()}
        if drive != self._drive:
            self._drive = drive
            self._track = {kind: message for kind, message in self._track.items() if _is_of(message, drive)}
        self._samples.broadcast(sample)
        self._newest = sample

    def _take_track(self, kind: str, values: protocol.Message) -> None:
        picture = values.get("picture")
        if kind == "track" and isinstance(picture, dict):
            if self._picture_task is not None:
                self._picture_task.cancel()
            self._picture_task = asyncio.create_task(self._take_picture(values, picture.get("path")))
        else:
            self._use_track(kind, values)

    def _use_track(self, kind: str, values: protocol.Message) -> None:
        self._samples.announce_track([values])
        self._track[kind] = values

    async def _take_picture(self, values: protocol.Message, path: object) -> None:
        """Fetch the picture first, so that it is here when clients ask for it."""
        self.picture = None
        if isinstance(path, str) and _PICTURE_PATH.fullmatch(path):
            try:
                data = await fetch(self._address, path, MAX_PICTURE_BYTES)
            except FetchError:
                data = b""
            self.picture = data if data.startswith(_PNG) else None
        self._use_track("track", values if self.picture is not None else {**values, "picture": None})


def _is_of(message: protocol.Message, drive: dict[str, Any]) -> bool:
    """Whether a track, or a reference, is that of a drive."""
    return all(message[key] == value for key, value in drive.items() if key in message)


def _is_same(values: dict[str, Any], before: dict[str, Any]) -> bool:
    return values.get("sequence") == before.get("sequence") and values.get("timestamp") == before.get("timestamp")
