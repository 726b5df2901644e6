"""The server of many rigs."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, replace
from http import HTTPStatus
from pathlib import Path
from time import perf_counter
from typing import Any, Final
from urllib.parse import urlsplit

from telemetry.base.errors import UsageError
from telemetry.base.host import host_name
from telemetry.base.sanitize import sanitize_metric_label
from telemetry.base.typing import override
from telemetry.base.version import VERSION
from telemetry.recording.game_state import State
from telemetry.stream import protocol
from telemetry.stream.access import is_loopback
from telemetry.stream.background import BackgroundServer
from telemetry.stream.channel import Channel
from telemetry.stream.collect.addresses import RigAddress
from telemetry.stream.collect.overview import OVERVIEW_INTERVAL_S, Overview
from telemetry.stream.collect.rig import Rig
from telemetry.stream.connection_limits import MAX_CLIENTS
from telemetry.stream.http_responses import (
    HttpResponse,
    Metric,
    MetricValue,
    content_response,
    file_response,
    json_response,
    prometheus_response,
    text_response,
)
from telemetry.stream.options import ServerOptions
from telemetry.stream.routes import Get
from telemetry.stream.stream_stats import list_metrics

OVERVIEW_PAGE: Final = "/rigs.html"

_RIGS: Final = "/rigs/"
_SOCKETS_OF_RIG: Final = 2
_MAX_NEWS: Final = 1000


class CollectServer(BackgroundServer):
    """Collects the streams of rigs; it serves from the moment it is made until it is closed.

    :param options: where to listen, and for whom
    :param addresses: the rigs

    Raises :class:`telemetry.SinkError` when it cannot listen there, and :class:`telemetry.UsageError` where a rig is
    this very server.
    """

    def __init__(self, options: ServerOptions, addresses: Sequence[RigAddress]) -> None:
        for address in addresses:
            if _is_own(address, options):
                raise UsageError(
                    f"{address.shown} is this server itself. Give the address of a rig, or serve at another --port."
                )
        self._news: deque[str] = deque(maxlen=_MAX_NEWS)
        self._told: dict[str, bool | str] = {}
        self._overview = Overview()
        self._rigs = {rig.name: Rig(rig, self._overview.stream_id, self._note) for rig in addresses}
        self._overview.rigs = self._rigs
        self._started = perf_counter()
        content = CollectContent(self._overview, self._rigs, options.page, self._read_counters)
        super().__init__(options, content, MAX_CLIENTS - _SOCKETS_OF_RIG * len(addresses))
        self.start()

    def take_news(self) -> Iterator[str]:
        """What happened to the connections of rigs since the last call, a sentence each."""
        while self._news:
            yield self._news.popleft()

    @override
    def _list_channels(self) -> Iterable[Channel]:
        return [self._overview, *(rig.channel for rig in self._rigs.values())]

    @override
    def _say_goodbye(self) -> None:
        for channel in self._list_channels():
            channel.broadcaster.announce(protocol.state_message(State.ENDED, "The server stops."))

    @override
    async def _work(self) -> None:
        # A name that nobody answers for occupies a thread for seconds: no rig may wait for that of another.
        self.loop.set_default_executor(ThreadPoolExecutor(2 * len(self._rigs) + 4, "rigs"))
        async with asyncio.TaskGroup() as tasks:
            for rig in self._rigs.values():
                tasks.create_task(rig.run())
            tasks.create_task(self._announce())

    async def _announce(self) -> None:
        while True:
            await asyncio.sleep(OVERVIEW_INTERVAL_S)
            if self._overview.broadcaster.count:
                for message in self._overview.messages():
                    self._overview.broadcaster.send_all(message)

    def _note(self, rig: Rig) -> None:
        """Remember for a person that a rig is there, or why it is not; not every attempt again."""
        if rig.is_connected:
            assert rig.hello is not None
            known: bool | str = True
            sentence = f"{rig.name}: connected, {rig.hello.host or rig.address.shown}."
        elif rig.problem:
            known = rig.problem.partition(" The next attempt")[0]
            sentence = f"{rig.name}: {known}"
        else:
            return
        if self._told.get(rig.name) != known:
            self._told[rig.name] = known
            self._news.append(sentence)

    def _read_counters(self) -> dict[str, Any]:
        broadcasters = [channel.broadcaster for channel in self._list_channels()]
        return {
            "host": host_name(),
            "uptime_s": round(perf_counter() - self._started, 3),
            "clients": sum(broadcaster.count for broadcaster in broadcasters),
            "connections": self.connections,
            "sent": sum(broadcaster.sent for broadcaster in broadcasters),
            "dropped": sum(broadcaster.dropped for broadcaster in broadcasters),
            "stalled": sum(broadcaster.stalled for broadcaster in broadcasters),
        }


class CollectContent:
    """What a server of many rigs has to show.

    :param read_counters: called for the server's own counters
    """

    def __init__(
        self, overview: Overview, rigs: Mapping[str, Rig], page: Path, read_counters: Callable[[], dict[str, Any]]
    ) -> None:
        self._overview = overview
        self._rigs = rigs
        self._page = page
        self._read_counters = read_counters

    def find_channel(self, path: str) -> Channel | None:
        """The overview at the root, and each rig at its name, with or without a slash at the end."""
        if path == "/":
            return self._overview
        rig, rest = self._find_rig(path)
        return rig.channel if rig is not None and rest in ("", "/") else None

    def describe_streams(self) -> str:
        """Where the streams are."""
        return f"the overview is at /, and rigs are at {', '.join(_RIGS + name for name in self._rigs)}"

    def needs_token(self, path: str) -> bool:
        """Health and metrics do; the pages ask for the token by themselves."""
        return path in ("/healthz", "/metrics") or self._find_rig(path)[1] == "/healthz"

    def get(self, request: Get) -> HttpResponse:
        """Health, metrics, and the pages: of all rigs at the root, and of each one at its name."""
        path = request.path
        if path == "/healthz":
            rigs = {name: _describe_health(rig) for name, rig in self._rigs.items()}
            return json_response({"status": "ok", "version": VERSION, **self._read_counters(), "rigs": rigs})
        if path == "/metrics":
            return prometheus_response(self._list_metrics())
        if not path.startswith(_RIGS):
            shown = OVERVIEW_PAGE if path == "/" else path
            return file_response(self._page, shown, request.host, request.if_none_match)
        rig, rest = self._find_rig(path)
        if rig is None:
            return text_response(HTTPStatus.NOT_FOUND, "No rig has this name. The page of all rigs is at /.")
        if rest == "":
            query = f"?{request.query}" if request.query else ""
            sentence = "The page is there, with a slash at the end."
            return text_response(HTTPStatus.PERMANENT_REDIRECT, sentence, Location=f"{rig.name}/{query}")
        if rest == "/healthz":
            return json_response({"status": "ok", "version": VERSION, **_describe_health(rig)})
        if rest == "/map.png" and rig.channel.picture is not None:
            return content_response(rig.channel.picture, ".png", request.host, request.if_none_match)
        return file_response(self._page, rest, request.host, request.if_none_match)

    def _find_rig(self, path: str) -> tuple[Rig | None, str]:
        """The rig that a path begins with, and the rest of the path after its name."""
        if not path.startswith(_RIGS):
            return None, ""
        name, slash, rest = path.removeprefix(_RIGS).partition("/")
        return self._rigs.get(name), slash + rest

    def _list_metrics(self) -> Iterator[Metric]:
        now, counters = perf_counter(), self._read_counters()

        def of_rigs(name: str, kind: str, meaning: str, read: Callable[[Rig], float]) -> Metric:
            return Metric(name, kind, meaning, [MetricValue(read(rig), _label(rig)) for rig in self._rigs.values()])

        for name, kind, meaning in _OWN_METRICS:
            ending = "_total" if kind == "counter" else ""
            yield Metric(f"ac_telemetry_collect_{name}{ending}", kind, meaning, [MetricValue(counters[name])])
        yield of_rigs(
            "ac_telemetry_rig_connected", "gauge", "1 while a rig is connected.", lambda rig: int(rig.is_connected)
        )
        yield of_rigs(
            "ac_telemetry_rig_connections_total", "counter", "How often a rig was connected.", lambda rig: rig.connects
        )
        yield of_rigs(
            "ac_telemetry_rig_clients",
            "gauge",
            "Clients of this server at a rig.",
            lambda rig: rig.channel.broadcaster.count,
        )
        streams = {
            _label(rig): replace(rig.stats, state=rig.state(now)[0], age_s=rig.age_s(now))
            for rig in self._rigs.values()
            if rig.stats is not None and rig.is_connected
        }
        if streams:
            yield from list_metrics(streams)


_OWN_METRICS: Final = (
    ("clients", "gauge", "Clients of this server."),
    ("connections", "counter", "Clients that ever connected to this server."),
    ("sent", "counter", "Messages handed to clients of this server."),
    ("dropped", "counter", "Messages dropped for clients of this server that lagged behind."),
    ("stalled", "counter", "Clients disconnected because they read nothing."),
)


def _label(rig: Rig) -> str:
    return f'rig="{sanitize_metric_label(rig.name)}"'


def _describe_health(rig: Rig) -> dict[str, Any]:
    """What is known of a rig's health: its own counters, where it gives them, and what is seen from here."""
    now = perf_counter()
    state, message = rig.state(now)
    stats = asdict(rig.stats) if rig.stats is not None else {}
    return {
        **stats,
        "address": rig.address.shown,
        "connected": rig.is_connected,
        "connects": rig.connects,
        "state": state,
        "message": message,
        "age_s": rig.age_s(now),
        "clients_here": rig.channel.broadcaster.count,
    }


def _is_own(address: RigAddress, options: ServerOptions) -> bool:
    """Whether this is plainly the address of this server; a name of it that is not known here is found out later."""
    parts = urlsplit(address.url)
    name = parts.hostname or ""
    is_here = is_loopback(name) or name in (options.host.lower(), host_name().lower())
    return is_here and parts.port == options.port and parts.path in ("", "/")
