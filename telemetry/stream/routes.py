"""HTTP routing: access checks, the web page, ``/healthz``, ``/metrics``, and the upgrade to WebSocket."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from http import HTTPStatus
from pathlib import Path

from websockets.datastructures import Headers, MultipleValuesError
from websockets.http11 import Request, Response

from telemetry.base.sanitize import sanitize_metric_label
from telemetry.base.version import VERSION
from telemetry.recording.game_state import State
from telemetry.stream.access import AccessPolicy
from telemetry.stream.connection_limits import ConnectionLimits
from telemetry.stream.http_responses import (
    HttpResponse,
    Metric,
    content_response,
    file_response,
    json_response,
    prometheus_response,
    text_response,
)
from telemetry.stream.protocol import MAX_OPTIONS


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamStats:
    """The state and the counters of a server; ``/healthz`` shows them under these names."""

    host: str
    """Name of the computer that serves."""
    source: str
    """Name of the source."""
    state: State
    """The latest state of the source."""
    message: str
    """What a person should know about the state; empty for nothing."""
    uptime_s: float
    """Seconds since the server was started."""
    samples: int
    """Samples that the sampling loop has kept."""
    rate_asked_hz: float | None
    """Samples per second that are wanted; None: the source's own pace."""
    rate_measured_hz: float | None
    """Samples per second over the last seconds; None where there were fewer than two."""
    age_s: float | None
    """Seconds since the newest sample; None before the first one."""
    missed: int
    """Sampling deadlines that passed without a sample."""
    torn: int
    """Pages that were read torn."""
    recording_dropped: int
    """Samples dropped because the writer of a file lagged behind."""
    clients: int
    """Connected clients."""
    connections: int
    """Clients that ever connected."""
    sent: int
    """Messages handed to clients."""
    dropped: int
    """Messages dropped for clients that lagged behind."""
    stalled: int
    """Clients disconnected because they read nothing."""
    lost: int
    """Samples dropped because the server's own thread lagged behind."""
    encodings: int
    """Frames made of samples."""
    encode_seconds: float
    """Time spent on making them."""
    broadcasts: int
    """Samples sent to all clients that were due for one."""
    broadcast_seconds: float
    """Time spent on sending them, making the frames included."""


class HttpRoutes:
    """Answers every HTTP request on the stream's port.

    :param policy: the access checks
    :param page: the folder of the web page
    :param limits: how many clients there may be
    :param read_stats: called for the current counters
    :param read_picture: called for the PNG of the track that is driven; None where there is none
    """

    def __init__(
        self,
        policy: AccessPolicy,
        page: Path,
        limits: ConnectionLimits,
        read_stats: Callable[[], StreamStats],
        read_picture: Callable[[], bytes | None] = lambda: None,
    ) -> None:
        self._read_picture = read_picture
        self._policy = policy
        self._page = page
        self._limits = limits
        self._read_stats = read_stats

    def respond(self, request: Request, address: str) -> Response | None:
        """The response to a request from this address; None where the WebSocket handshake may go on."""
        try:
            answer = self._answer(request, address)
        except MultipleValuesError:
            answer = text_response(HTTPStatus.BAD_REQUEST, "Duplicate header.")
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

    def _answer(self, request: Request, address: str) -> HttpResponse | None:
        headers, (path, _, query) = request.headers, request.path.partition("?")
        host = headers.get("Host")
        if refusal := self._policy.check_host(host):
            return text_response(HTTPStatus.MISDIRECTED_REQUEST, refusal)
        if query.count("&") >= MAX_OPTIONS:
            sentence = f"The query of the address has more than {MAX_OPTIONS} fields."
            return text_response(HTTPStatus.BAD_REQUEST, sentence)
        wants_stream = "websocket" in (value.lower() for value in headers.get_all("Upgrade"))
        if wants_stream and (refusal := self._policy.check_origin(headers.get("Origin"), host)):
            return text_response(HTTPStatus.FORBIDDEN, refusal)
        needs_token = wants_stream or path in ("/healthz", "/metrics")
        if needs_token and (refusal := self._policy.check_token(query, headers.get("Authorization"))):
            return text_response(HTTPStatus.UNAUTHORIZED, refusal, WWW_Authenticate="Bearer")
        if wants_stream:
            return self._check_upgrade(path, address)
        if request.method not in ("GET", "HEAD"):
            return text_response(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD are supported.", Allow="GET, HEAD")
        if path == "/healthz":
            return json_response({"status": "ok", "version": VERSION, **asdict(self._read_stats())})
        if path == "/metrics":
            return prometheus_response(list_metrics(self._read_stats()))
        if path == "/map.png" and (picture := self._read_picture()) is not None:
            return content_response(picture, ".png", host or "", headers.get("If-None-Match"))
        return file_response(self._page, path, host or "", headers.get("If-None-Match"))

    def _check_upgrade(self, path: str, address: str) -> HttpResponse | None:
        """None where the connection may become a stream."""
        if path != "/":
            return text_response(HTTPStatus.NOT_FOUND, f"No stream at {path[:200]}; the stream is at /.")
        if refusal := self._limits.check_client(address):
            return text_response(HTTPStatus.SERVICE_UNAVAILABLE, refusal)
        return None


def list_metrics(stats: StreamStats) -> Iterator[Metric]:
    """The counters as metrics of Prometheus."""

    def gauge(name: str, meaning: str, value: float) -> Metric:
        return Metric(f"ac_telemetry_{name}", "gauge", meaning, {"": value})

    def counter(name: str, meaning: str, value: float) -> Metric:
        return Metric(f"ac_telemetry_{name}_total", "counter", meaning, {"": value})

    def summary(name: str, meaning: str, seconds: float, count: int) -> Metric:
        return Metric(f"ac_telemetry_{name}_seconds", "summary", meaning, {"_sum": seconds, "_count": count})

    states = {f'state="{state}"': float(state is stats.state) for state in State}
    host = sanitize_metric_label(stats.host)
    yield Metric("ac_telemetry_info", "gauge", "1, with the name of the computer.", {f'host="{host}"': 1})
    yield Metric("ac_telemetry_state", "gauge", "1 for the state that the source is in.", states)
    yield gauge("rate_hertz", "Samples per second over the last seconds.", stats.rate_measured_hz or 0.0)
    if stats.age_s is not None:
        yield gauge("sample_age_seconds", "Age of the newest sample.", stats.age_s)
    yield gauge("clients", "Connected clients.", stats.clients)
    yield counter("samples", "Samples taken.", stats.samples)
    yield counter("missed", "Sampling deadlines that passed without a sample.", stats.missed)
    yield counter("torn", "Pages that were read torn.", stats.torn)
    yield counter("recording_dropped", "Samples dropped by the writer of a file.", stats.recording_dropped)
    yield counter("lost", "Samples dropped because the server lagged behind.", stats.lost)
    yield counter("connections", "Clients that ever connected.", stats.connections)
    yield counter("sent", "Messages handed to clients.", stats.sent)
    yield counter("dropped", "Messages dropped for clients that lagged behind.", stats.dropped)
    yield counter("stalled", "Clients disconnected because they read nothing.", stats.stalled)
    yield summary("encode", "Time to encode and frame a sample.", stats.encode_seconds, stats.encodings)
    yield summary("broadcast", "Time to hand a sample to every client.", stats.broadcast_seconds, stats.broadcasts)
