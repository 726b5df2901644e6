"""What a request is answered: a refusal, a page, figures, or nothing, and then the stream begins."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Final

from websockets.datastructures import Headers, MultipleValuesError
from websockets.http11 import Request, Response

from telemetry.base.version import VERSION
from telemetry.recording.game_state import State
from telemetry.stream import http_responses
from telemetry.stream.access import AccessPolicy

MOST_CLIENTS: Final = 400 if sys.platform == "win32" else 800
"""Clients at a time: fewer than the files that a process may open, or, on Windows, look at together (512)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStats:
    """How the stream goes; durations in seconds, ``lost`` are samples that its thread was too late for."""

    source: str
    state: State
    message: str
    uptime_s: float
    samples: int
    rate_asked_hz: float | None
    rate_measured_hz: float | None
    age_s: float | None
    missed: int
    torn: int
    recording_dropped: int
    clients: int
    connections: int
    sent: int
    dropped: int
    stalled: int
    lost: int
    encodings: int
    encode_seconds: float
    broadcasts: int
    broadcast_seconds: float


class HttpRoutes:
    """Everything that is said over plain HTTP."""

    def __init__(self, policy: AccessPolicy, page: Path, figures: Callable[[], StreamStats]) -> None:
        self._policy = policy
        self._page = page
        self._figures = figures

    def respond(self, request: Request) -> Response | None:
        """The response; None where the WebSocket handshake may go on."""
        try:
            answer = self._answer(request)
        except MultipleValuesError:
            answer = http_responses.text(
                HTTPStatus.BAD_REQUEST, "A header that can stand there once stands there twice."
            )
        if answer is None:
            return None
        headers = {
            **answer.headers,
            "Content-Length": str(len(answer.body)),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",  # the address may hold the token
            "Connection": "close",
        }
        if answer.status == HTTPStatus.NOT_MODIFIED:
            del headers["Content-Length"]  # it would be that of the file
        body = b"" if request.method == "HEAD" else answer.body
        return Response(answer.status.value, answer.status.phrase, Headers(headers), body)

    def _answer(self, request: Request) -> http_responses.HttpResponse | None:
        headers, (path, _, query) = request.headers, request.path.partition("?")
        host = headers.get("Host")
        if refusal := self._policy.check_host(host):
            return http_responses.text(HTTPStatus.MISDIRECTED_REQUEST, refusal)
        wants_stream = "websocket" in (value.lower() for value in headers.get_all("Upgrade"))
        if wants_stream and (refusal := self._policy.check_origin(headers.get("Origin"), host)):
            return http_responses.text(HTTPStatus.FORBIDDEN, refusal)
        tells_something = wants_stream or path in ("/healthz", "/metrics")
        if tells_something and (refusal := self._policy.check_token(query, headers.get("Authorization"))):
            return http_responses.text(HTTPStatus.UNAUTHORIZED, refusal, WWW_Authenticate="Bearer")
        if wants_stream:
            if path != "/":
                return http_responses.text(HTTPStatus.NOT_FOUND, f"There is no stream at {path[:200]}; it is at /.")
            if self._figures().clients >= MOST_CLIENTS:
                return http_responses.text(HTTPStatus.SERVICE_UNAVAILABLE, f"There are {MOST_CLIENTS} clients already.")
            return None
        if request.method not in ("GET", "HEAD"):
            return http_responses.text(HTTPStatus.METHOD_NOT_ALLOWED, "Here one can only read.", Allow="GET, HEAD")
        if path == "/healthz":
            return http_responses.json({"status": "ok", "version": VERSION, **asdict(self._figures())})
        if path == "/metrics":
            return http_responses.prometheus(metrics(self._figures()))
        return http_responses.file(self._page, path, host or "", headers.get("If-None-Match"))


def metrics(now: StreamStats) -> Iterator[http_responses.Metric]:
    """The figures for Prometheus."""

    def gauge(name: str, meaning: str, value: float) -> http_responses.Metric:
        return http_responses.Metric(f"ac_telemetry_{name}", "gauge", meaning, {"": value})

    def counter(name: str, meaning: str, value: float) -> http_responses.Metric:
        return http_responses.Metric(f"ac_telemetry_{name}_total", "counter", meaning, {"": value})

    def summary(name: str, meaning: str, seconds: float, count: int) -> http_responses.Metric:
        return http_responses.Metric(
            f"ac_telemetry_{name}_seconds", "summary", meaning, {"_sum": seconds, "_count": count}
        )

    states = {f'state="{state}"': float(state is now.state) for state in State}
    yield http_responses.Metric("ac_telemetry_state", "gauge", "1 for the state that the source is in.", states)
    yield gauge("rate_hertz", "Samples per second, measured of late.", now.rate_measured_hz or 0.0)
    if now.age_s is not None:
        yield gauge("sample_age_seconds", "Age of the newest sample.", now.age_s)
    yield gauge("clients", "Clients connected.", now.clients)
    yield counter("samples", "Samples taken.", now.samples)
    yield counter("missed", "Deadlines of the sampling loop that were missed.", now.missed)
    yield counter("torn", "Torn pages that were read.", now.torn)
    yield counter("recording_dropped", "Samples dropped before a file.", now.recording_dropped)
    yield counter("lost", "Samples lost before the stream, which lagged behind.", now.lost)
    yield counter("connections", "Clients that ever connected.", now.connections)
    yield counter("sent", "Messages handed to clients.", now.sent)
    yield counter("dropped", "Messages dropped for clients that lagged behind.", now.dropped)
    yield counter("stalled", "Clients cut off because they did not read.", now.stalled)
    yield summary("encode", "Time to encode and frame a sample.", now.encode_seconds, now.encodings)
    yield summary("broadcast", "Time to hand a sample to every client.", now.broadcast_seconds, now.broadcasts)
