"""Backends: what an environment drives in. One for the demo, one for recordings, one for live sources."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.demo.settings import DemoSettings
from telemetry.recording.interfaces import PageSink
from telemetry.rl.actuators import Actuator, create_actuator
from telemetry.rl.backends.base import Backend, Ready, StepResult
from telemetry.rl.backends.demo import PYTHON, DemoBackend
from telemetry.rl.backends.live import RESET_TIMEOUT_S, LiveBackend, NewestSource
from telemetry.rl.backends.replay import ReadSamples, ReplayBackend, recorded_samples
from telemetry.rl.randomisation import NOTHING_DRAWN, Randomisation
from telemetry.sources import open_source

__all__ = [
    "Backend",
    "BackendOptions",
    "DemoBackend",
    "LiveBackend",
    "Ready",
    "ReplayBackend",
    "StepResult",
    "open_backend",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """Options that only some backends have."""

    start: str = "grid"
    """Demo: where episodes begin, ``grid``, ``anywhere`` on the racing line, or ``flying``."""
    randomisation: Randomisation = NOTHING_DRAWN
    """Demo: what each episode draws anew."""
    physics: str = PYTHON
    """Demo: what computes the car, ``python`` or ``numba``."""
    actuator: str | Actuator = "none"
    """Live: what carries commands to the game."""
    restart_button: int | None = None
    """Live: the button of the actuator that restarts the session."""
    reset_timeout: float = RESET_TIMEOUT_S
    """Live: seconds that a reset waits for a car that is ready."""


def open_backend(
    source: str,
    control_hz: float,
    options: BackendOptions | None = None,
    *,
    open_sink: Callable[[], PageSink] | None = None,
    clock: Clock | None = None,
    read_samples: ReadSamples = recorded_samples,
) -> Backend:
    """The backend of a source by its name, as :func:`telemetry.open_source` takes it, or of ``replay:FILE``.

    ``open_sink`` opens the recording of the run; it is called after all other arguments have been checked. ``clock`` is
    for a live backend, and ``read_samples`` for a replay. Raises :class:`telemetry.TelemetryError`.
    """
    options = options or BackendOptions()
    name, _, rest = source.partition(":")
    path = Path(source)
    is_replay = name == "replay" or path.is_file()
    is_demo = name == "demo" and not path.exists()
    if (is_replay or is_demo) and (options.actuator != "none" or options.restart_button is not None):
        raise UsageError(f"An actuator needs a live source, and {source} is not one.")
    if not is_demo and options.physics != PYTHON:
        raise UsageError(f"The demo's physics can be chosen, and {source} is not the demo.")
    if is_replay:
        if open_sink is not None:
            raise UsageError(f"record: {source} is a recording already.")
        return ReplayBackend(Path(rest) if name == "replay" else path, control_hz, read_samples)
    if is_demo:
        settings, randomisation = DemoSettings.parse(rest), options.randomisation
        demo = DemoBackend(settings, control_hz, options.start, None, randomisation, options.physics)
        if open_sink is not None:
            demo.record_to(open_sink())
        return demo
    origin = open_source(source, wait=True)
    if name in ("ws", "wss"):
        origin = NewestSource(origin)
    return LiveBackend(
        origin,
        control_hz,
        create_actuator(options.actuator, options.restart_button),
        clock=clock,
        reset_timeout=options.reset_timeout,
        sink=open_sink and open_sink(),
    )
