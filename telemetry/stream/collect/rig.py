"""One rig: its connection for the overview, its health, and the channel of its clients."""

import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import TYPE_CHECKING, Any, Final

import orjson

from telemetry.recording.game_state import State
from telemetry.stream import protocol
from telemetry.stream.broadcast import Client
from telemetry.stream.collect.addresses import RigAddress
from telemetry.stream.collect.fetch import FetchError, fetch
from telemetry.stream.collect.overview_sample import (
    OVERVIEW_FIELDS,
    OVERVIEW_RATE_HZ,
    OverviewSample,
    parse_overview_sample,
)
from telemetry.stream.collect.rig_channel import RigChannel
from telemetry.stream.collect.rig_connection import Limits, RigConnection, Status
from telemetry.stream.collect.rig_hello import RigHello, parse_hello
from telemetry.stream.collect.rig_stats import parse_stats
from telemetry.stream.collect.standing import Gap, Place, PlaceHistory
from telemetry.stream.upstream import STALL_TIMEOUT_S, parse_message, parse_state

if TYPE_CHECKING:
    from telemetry.stream.stream_stats import StreamStats

HEALTH_INTERVAL_S: Final = 5.0
"""Seconds between looks at a rig's health."""

OVERVIEW_LIMITS: Final = Limits(per_second=20.0, burst=40.0)
"""Messages that are read of a rig: two samples a second, and what happens."""

MAX_MESSAGE_LENGTH: Final = 500
"""Characters of a rig's sentence that are shown in the overview."""

_MAX_HEALTH_BYTES: Final = 64 * 1024
_OPTIONS: Final = {
    "events": "1",
    "hello": "1",
    "rate": f"{OVERVIEW_RATE_HZ:g}",
    "fields": ",".join(OVERVIEW_FIELDS),
}
_DRIVEN: Final = frozenset({State.LIVE, State.PAUSED, State.MENU, State.STALLED, State.STILL})
"""States in which the newest sample says how far the rig is; in a replay it is that of another time."""


class Rig:
    """What is known of a rig, and its clients.

    :param own_stream_id: the ``stream_id`` of this server
    :param on_change: called when the connection was opened or lost
    """

    def __init__(self, address: RigAddress, own_stream_id: str, on_change: Callable[["Rig"], None]) -> None:
        self.address = address
        self.channel = RigChannel(address, own_stream_id, self.mark)
        self.hello: RigHello | None = None
        self.stats: StreamStats | None = None
        """The rig's own counters; None where it does not give them."""
        self._own_stream_id = own_stream_id
        self._on_change = on_change
        self._connection = RigConnection(address, _OPTIONS, OVERVIEW_LIMITS, self._take, self._follow_connection)
        self._state, self._message = State.WAITING, f"Connecting to {address.shown}."
        self._sample: OverviewSample | None = None
        self._sample_at = 0.0
        self._rate_hz: float | None = None
        self._history = PlaceHistory()
        self._marking: Client | None = None
        self._greeted = asyncio.Event()

    @property
    def name(self) -> str:
        """Its name here."""
        return self.address.name

    @property
    def is_connected(self) -> bool:
        """Whether it answers, and is a rig."""
        return self._greeted.is_set()

    @property
    def problem(self) -> str:
        """Why there is no connection, as a sentence."""
        return self._connection.problem

    @property
    def connects(self) -> int:
        """How often a connection was opened."""
        return self._connection.connects

    def state(self, now: float) -> tuple[State, str]:
        """The rig's state, and what a person should know about it."""
        if self._state is State.LIVE and self._sample is not None and now - self._sample_at > STALL_TIMEOUT_S:
            return State.STALLED, "The rig sends nothing."
        return self._state, self._message

    def age_s(self, now: float) -> float | None:
        """Seconds since the newest sample came; None before the first one."""
        return None if self._sample is None else round(now - self._sample_at, 1)

    def place(self) -> Place | None:
        """How far it is, for gaps; None before the first sample."""
        if self._sample is None:
            return None
        is_driven = self.is_connected and self._state in _DRIVEN
        return Place(self._sample.progress, self._history, self._sample_at, is_driven)

    async def run(self) -> None:
        """Stay connected until it is cancelled."""
        health = asyncio.create_task(self._follow_health())
        try:
            await self._connection.run()
        finally:
            health.cancel()
            await self.channel.close()

    def mark(self, client: Client, name: str) -> None:
        """Set a marker at the rig, for a client of this server, who is told what the rig has against it."""
        if self._connection.send(orjson.dumps({"type": "marker", "name": name})):
            self._marking = client
        else:
            sentence = f"{self.name} is not connected: the marker was not set."
            self.channel.broadcaster.send(client, protocol.error_message(sentence))

    def to_message(self, now: float, gap: Gap) -> protocol.Message:
        """What the overview says of it."""
        state, message = self.state(now)
        sample, stats = self._sample, self.stats
        values: dict[str, Any] = {
            "type": "rig",
            "name": self.name,
            "connected": self.is_connected,
            "state": state,
            "message": message,
            "host": self.hello.host if self.hello else None,
            "version": self.hello.version if self.hello else None,
        }
        values |= dict.fromkeys(_SAMPLE_KEYS) if sample is None else _describe(sample)
        return values | {
            "gap_best_ms": gap.best_ms,
            "gap_laps": gap.laps,
            "gap_s": gap.seconds,
            "rate_hz": self._rate_hz if self.is_connected and state is State.LIVE else None,
            "age_s": self.age_s(now),
            "missed": stats.missed if stats else None,
            "clients": self.channel.broadcaster.count,
        }

    def _follow_connection(self) -> None:
        self._greeted.clear()
        if self._connection.status is Status.LOST:
            self._state = State.WAITING if self._sample is None else State.GONE
            self._message, self.stats, self._rate_hz = self._connection.problem, None, None
            self._history.clear()
        self._on_change(self)

    def _take(self, text: bytes) -> None:
        values = parse_message(text, self.address.shown)
        match values.get("type"):
            case None:
                self._take_sample(parse_overview_sample(text, values, self.address.shown))
            case "hello":
                self.hello = parse_hello(values, self.address.shown, self._own_stream_id)
                self._greeted.set()
                self._on_change(self)
            case "state":
                state, message = parse_state(values)
                self._state, self._message = state, message[:MAX_MESSAGE_LENGTH]
            case "error" if (client := self._marking) is not None:
                self._marking = None
                sentence = f"{self.name}: {str(values.get('message'))[:MAX_MESSAGE_LENGTH]}"
                self.channel.broadcaster.send(client, protocol.error_message(sentence))

    def _take_sample(self, sample: OverviewSample) -> None:
        now, before = perf_counter(), self._sample
        if before is not None:
            passed, samples = sample.elapsed - before.elapsed, sample.sequence - before.sequence
            if passed > 0.0 and samples > 0:
                self._rate_hz = round(samples / passed, 1)
            if sample.progress[:3] != before.progress[:3]:  # another track, layout or session
                self._history.clear()
        self._sample, self._sample_at = sample, now
        if self._state in _DRIVEN:
            self._history.add(now, sample.progress.distance)

    async def _follow_health(self) -> None:
        while True:
            await self._greeted.wait()
            try:
                data = await fetch(self.address, "healthz", _MAX_HEALTH_BYTES)
            except FetchError:
                data = b""
            self.stats = parse_stats(data)
            await asyncio.sleep(HEALTH_INTERVAL_S)


def _describe(sample: OverviewSample) -> dict[str, Any]:
    progress = sample.progress
    return {
        "driver": sample.driver,
        "car": sample.car,
        "track": progress.track,
        "layout": progress.layout,
        "session": progress.session,
        "lap": progress.laps + 1,
        "laps": sample.number_of_laps,
        "lap_fraction": round(progress.lap_fraction, 4),
        "lap_valid": sample.lap_valid,
        "in_pits": sample.in_pits,
        "position": progress.position if progress.position > 0 else None,
        "cars": progress.cars,
        "current_ms": sample.current_ms,
        "last_ms": sample.last_ms,
        "best_ms": progress.best_ms,
        "speed_kmh": round(sample.speed_kmh, 1),
    }


_SAMPLE_KEYS: Final = (
    "driver", "car", "track", "layout", "session", "lap", "laps", "lap_fraction", "lap_valid", "in_pits", "position",
    "cars", "current_ms", "last_ms", "best_ms", "speed_kmh",
)  # fmt: skip
