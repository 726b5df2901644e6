"""The world that a source is."""

from collections.abc import Callable
from pathlib import Path

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.recording.interfaces import PageSink
from telemetry.rl.actuators import Actuator, create_actuator
from telemetry.rl.backends.base import Backend
from telemetry.rl.backends.demo import DemoBackend
from telemetry.rl.backends.live import RESET_TIMEOUT_S, LiveBackend, NewestSource
from telemetry.rl.backends.replay import ReplayBackend, SamplesOf, recorded_samples
from telemetry.sources import open_source


def open_backend(
    source: str,
    control_hz: float,
    *,
    start: str = "grid",
    actuator: str | Actuator = "none",
    restart_button: int | None = None,
    reset_timeout: float = RESET_TIMEOUT_S,
    sink: Callable[[], PageSink] | None = None,
    clock: Clock | None = None,
    samples_of: SamplesOf = recorded_samples,
) -> Backend:
    """The world of ``demo``, ``demo:SCENARIO``, ``replay:FILE``, a recording, ``live``, a directory, or ``ws://…``.

    ``sink`` makes what records it, once the rest is known to make sense; ``clock`` is a live world's, and
    ``samples_of`` a replay's. Raises :class:`telemetry.TelemetryError`.
    """
    name, _, rest = source.partition(":")
    path = Path(source)
    replay = name == "replay" or path.is_file()
    demo = name == "demo" and not path.exists()
    if (replay or demo) and (actuator != "none" or restart_button is not None):
        raise UsageError(f"An actuator is for a live source; {source} has none.")
    if replay:
        if sink is not None:
            raise UsageError(f"record: {source} is a recording already.")
        return ReplayBackend(Path(rest) if name == "replay" else path, control_hz, samples_of)
    if demo:
        return DemoBackend(rest or "laps", control_hz, start, sink and sink())
    origin = open_source(source, wait=True)
    if name in ("ws", "wss"):
        origin = NewestSource(origin)
    return LiveBackend(
        origin,
        control_hz,
        create_actuator(actuator, restart_button),
        clock=clock,
        reset_timeout=reset_timeout,
        sink=sink and sink(),
    )
