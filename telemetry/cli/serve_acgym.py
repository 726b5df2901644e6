"""``serve --protocol acgym``: what assetto_corsa_gym's plugin inside the game would say, from any source."""

import sys
from contextlib import ExitStack
from pathlib import Path

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.cli._shared import options
from telemetry.cli._shared.stopping import stop_on_signal


def serve_acgym(
    source: str,
    clock: Clock,
    *,
    lock_step: bool,
    actuator: str,
    restart_button: int | None,
    rate: float | None,
    host: str,
    port: int | None,
    management_port: int,
    seed: int,
    acgym: Path | None,
    ac_root: Path | None,
    steer_lock: float | None,
    quiet: bool,
) -> None:
    """Serve its environment until somebody stops it."""
    from telemetry.rl.acgym.session import AcgymSession, TimeBase  # noqa: PLC0415 - as above
    from telemetry.rl.acgym.sockets import EGO_PORT, PluginSockets  # noqa: PLC0415 - numpy, and --help needs none of it
    from telemetry.rl.actuators import create_actuator  # noqa: PLC0415 - as above
    from telemetry.rl.backends import open_backend  # noqa: PLC0415 - as above
    from telemetry.rl.backends.live import LiveBackend  # noqa: PLC0415 - as above
    from telemetry.rl.backends.replay import resampled  # noqa: PLC0415 - as above
    from telemetry.stream.access import is_loopback  # noqa: PLC0415 - as above

    def say(sentence: str) -> None:
        print(f"ac-telemetry: {sentence}", file=sys.stderr, flush=True)

    for option, folder in (("--acgym", acgym), ("--ac-root", ac_root)):
        if folder is not None and not folder.is_dir():
            raise UsageError(f"{option} {folder}: there is no such folder.")
    hertz = 25.0 if rate is None else rate
    options.tune_for_low_latency()
    with ExitStack() as stack:
        stack.enter_context(stop_on_signal(clock))
        # Answers go straight to the actuator, and so the world must not have it.
        backend = stack.enter_context(
            open_backend(source, hertz, reset_timeout=float("inf"), clock=clock, samples_of=resampled)
        )
        live = isinstance(backend, LiveBackend)
        if lock_step and live:
            raise UsageError("--lock-step is for the demo and for recordings: the game sets its own pace.")
        if (actuator != "none" or restart_button is not None) and not live:
            raise UsageError(f"An actuator is for a live source; {source} has none.")
        hands = create_actuator(actuator, restart_button)
        sockets = stack.enter_context(PluginSockets(host, EGO_PORT if port is None else port, management_port))
        session = AcgymSession(
            backend,
            TimeBase.ANSWERS if lock_step else TimeBase.WORLD if live else TimeBase.CLOCK,
            rate=hertz,
            clock=clock,
            say=say,
            actuator=hands if hands.active else None,
            seed=seed,
            acgym=acgym,
            ac_root=ac_root,
            steer_lock=steer_lock,
        )
        if live and not quiet:
            print("Waiting for a car.", file=sys.stderr, flush=True)

        def ready() -> None:
            if not quiet:
                print(
                    f"Serving {backend.name} to assetto_corsa_gym at {host}: states at {hertz:g} Hz from UDP port "
                    f"{sockets.port}, questions at TCP port {sockets.management_port} - Ctrl-C ends.",
                    flush=True,
                )
            if not is_loopback(host):
                say(f"Everybody who can reach {host} can watch, drive and reset: the protocol knows no passwords.")

        served = session.run(sockets, ready)
    if not quiet:
        connections = "1 connection" if served.connections == 1 else f"{served.connections:,} connections"
        print(f"{served.states:,} states in {connections}.", file=sys.stderr)
