"""The state and the counters of a stream, as JSON and as metrics of Prometheus."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from telemetry.base.sanitize import sanitize_metric_label
from telemetry.recording.game_state import State
from telemetry.stream.http_responses import Metric, MetricValue


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


def list_delivery_metrics(delivery: Mapping[str, Any]) -> Iterator[Metric]:
    """What waits to be delivered, as metrics of Prometheus."""
    for name, key, meaning in (
        ("delivery_waiting", "waiting", "Recordings that wait to be delivered."),
        ("delivery_waiting_bytes", "waiting_bytes", "Their size."),
        ("delivery_oldest_seconds", "oldest_s", "How long the first of them has been waiting."),
    ):
        yield Metric(f"ac_telemetry_{name}", "gauge", meaning, [MetricValue(delivery[key] or 0)])
    yield Metric(
        "ac_telemetry_delivery_failing",
        "gauge",
        "1 while deliveries fail.",
        [MetricValue(float(bool(delivery["error"])))],
    )


def list_metrics(streams: Mapping[str, StreamStats]) -> Iterator[Metric]:
    """The counters of streams as metrics of Prometheus.

    The key of a stream is the label that tells it from others, like ``rig="left"``; empty for the only one.
    """

    def gauge(name: str, meaning: str, read: Callable[[StreamStats], float | None]) -> Metric:
        found = [(stream, read(stats)) for stream, stats in streams.items()]
        values = [MetricValue(value, stream) for stream, value in found if value is not None]
        return Metric(f"ac_telemetry_{name}", "gauge", meaning, values)

    def counter(name: str, meaning: str, read: Callable[[StreamStats], float]) -> Metric:
        values = [MetricValue(read(stats), stream) for stream, stats in streams.items()]
        return Metric(f"ac_telemetry_{name}_total", "counter", meaning, values)

    def summary(
        name: str, meaning: str, seconds: Callable[[StreamStats], float], count: Callable[[StreamStats], int]
    ) -> Metric:
        values = []
        for stream, stats in streams.items():
            values += [MetricValue(seconds(stats), stream, "_sum"), MetricValue(count(stats), stream, "_count")]
        return Metric(f"ac_telemetry_{name}_seconds", "summary", meaning, values)

    hosts = [
        MetricValue(1, _join_labels(stream, f'host="{sanitize_metric_label(stats.host)}"'))
        for stream, stats in streams.items()
    ]
    states = [
        MetricValue(float(state is stats.state), _join_labels(stream, f'state="{state}"'))
        for stream, stats in streams.items()
        for state in State
    ]
    yield Metric("ac_telemetry_info", "gauge", "1, with the name of the computer.", hosts)
    yield Metric("ac_telemetry_state", "gauge", "1 for the state that the source is in.", states)
    yield gauge("rate_hertz", "Samples per second over the last seconds.", lambda it: it.rate_measured_hz or 0.0)
    ages = gauge("sample_age_seconds", "Age of the newest sample.", lambda it: it.age_s)
    if ages.values:
        yield ages
    yield gauge("clients", "Connected clients.", lambda it: it.clients)
    yield counter("samples", "Samples taken.", lambda it: it.samples)
    yield counter("missed", "Sampling deadlines that passed without a sample.", lambda it: it.missed)
    yield counter("torn", "Pages that were read torn.", lambda it: it.torn)
    yield counter("recording_dropped", "Samples that the writer of a file dropped.", lambda it: it.recording_dropped)
    yield counter("lost", "Samples dropped because the server lagged behind.", lambda it: it.lost)
    yield counter("connections", "Clients that ever connected.", lambda it: it.connections)
    yield counter("sent", "Messages handed to clients.", lambda it: it.sent)
    yield counter("dropped", "Messages dropped for clients that lagged behind.", lambda it: it.dropped)
    yield counter("stalled", "Clients disconnected because they read nothing.", lambda it: it.stalled)
    yield summary(
        "encode",
        "Time to encode and frame a sample.",
        lambda it: it.encode_seconds,
        lambda it: it.encodings,
    )
    yield summary(
        "broadcast",
        "Time to hand a sample to every client.",
        lambda it: it.broadcast_seconds,
        lambda it: it.broadcasts,
    )


def _join_labels(*labels: str) -> str:
    return ",".join(filter(None, labels))
