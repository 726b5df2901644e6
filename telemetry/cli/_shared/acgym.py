"""Serving assetto_corsa_gym: what its plugin inside the game sends, from any source."""

import math
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Final

import typer

from telemetry.base.errors import UsageError
from telemetry.base.text import format_count
from telemetry.cli._shared.messages import print_lines, print_message, print_warning
from telemetry.cli._shared.options import SourceOptions, tune_for_low_latency
from telemetry.cli._shared.stopping import stop_on_signal

ACGYM_PANEL: Final = "For assetto_corsa_gym"

DEFAULT_RATE_HZ: Final = 25.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AcgymOptions:
    """Who drives, who sets the pace, and where assetto_corsa_gym finds tracks and cars."""

    lock_step: Annotated[
        bool,
        typer.Option(
            "--lock-step",
            rich_help_panel=ACGYM_PANEL,
            help="The demo or a recording makes one step for each answer of the client.",
        ),
    ] = False
    actuator: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            rich_help_panel=ACGYM_PANEL,
            help="Device that drives the live game: [bold]csp[/], [bold]vjoy[/] or [bold]uinput[/].",
        ),
    ] = "none"
    restart_button: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", rich_help_panel=ACGYM_PANEL, help="Button of vjoy or uinput that a reset presses."
        ),
    ] = None
    management_port: Annotated[
        int,
        typer.Option(
            min=0, max=65535, metavar="PORT", rich_help_panel=ACGYM_PANEL, help="TCP port of its requests and resets."
        ),
    ] = 2347
    acgym: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", rich_help_panel=ACGYM_PANEL, help="A checkout of assetto_corsa_gym, for its tracks and cars."
        ),
    ] = None
    ac_root: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", rich_help_panel=ACGYM_PANEL, help="The game's folder, for the borders of its tracks."
        ),
    ] = None

    def check(self, source: str, *, live: bool) -> None:
        """Raise UsageError where the options do not fit the source."""
        if self.lock_step and live:
            raise UsageError("--lock-step is for the demo and for recordings: the game sets its own pace.")
        if (self.actuator != "none" or self.restart_button is not None) and not live:
            raise UsageError(f"An actuator is for a live source; {source} has none.")

    def check_folders(self) -> None:
        """Raise UsageError for a folder that does not exist."""
        for option, folder in (("--acgym", self.acgym), ("--ac-root", self.ac_root)):
            if folder is not None and not folder.is_dir():
                raise UsageError(f"{option} {folder}: there is no such folder.")


def run_acgym_server(
    source_options: SourceOptions,
    acgym_options: AcgymOptions,
    *,
    host: str,
    port: int | None,
    rate: float | None,
    steer_lock: float | None,
    quiet: bool,
) -> None:
    """Serve assetto_corsa_gym's environment until a signal stops it.

    Raises UsageError where the options do not fit the source, and what opening the source and the ports raises.
    """
    from telemetry.game.page_files import describe_waiting, missing_page_files
    from telemetry.rl.acgym.session import AcgymSession, TimeBase
    from telemetry.rl.acgym.sockets import EGO_PORT, PluginSockets
    from telemetry.rl.actuators import create_actuator
    from telemetry.rl.backends import BackendOptions, open_backend
    from telemetry.rl.backends.live import LiveBackend
    from telemetry.rl.backends.replay import resampled
    from telemetry.stream.access import is_loopback

    source = source_options.source
    clock = source_options.make_clock()
    if math.isinf(clock.speed):
        raise UsageError("--speed max would run away from the client. With --lock-step the client sets the pace.")
    acgym_options.check_folders()
    rate_hz = DEFAULT_RATE_HZ if rate is None else rate
    tune_for_low_latency()
    with ExitStack() as stack:
        stack.enter_context(stop_on_signal(clock))
        # The session sends actions to the actuator itself, so the backend must not have it.
        backend = stack.enter_context(
            open_backend(source, rate_hz, BackendOptions(reset_timeout=math.inf), clock=clock, read_samples=resampled)
        )
        live = isinstance(backend, LiveBackend)
        acgym_options.check(source, live=live)
        actuator = create_actuator(acgym_options.actuator, acgym_options.restart_button)
        sockets = stack.enter_context(
            PluginSockets(host, EGO_PORT if port is None else port, acgym_options.management_port)
        )
        session = AcgymSession(
            backend,
            TimeBase.ANSWERS if acgym_options.lock_step else TimeBase.WORLD if live else TimeBase.CLOCK,
            rate=rate_hz,
            clock=clock,
            say=print_warning,
            actuator=actuator if actuator.active else None,
            seed=source_options.seed,
            acgym=acgym_options.acgym,
            ac_root=acgym_options.ac_root,
            steer_lock=steer_lock,
        )
        if live and not quiet:
            has_pages = not Path(source).is_dir() or not missing_page_files(Path(source))
            print_message("Waiting for a car." if has_pages else describe_waiting(Path(source)))

        def on_ready() -> None:
            if not quiet:
                print_lines(
                    f"Serving {backend.name} to assetto_corsa_gym at {host}: states at {rate_hz:g} Hz from UDP port "
                    f"{sockets.port}, questions at TCP port {sockets.management_port} - Ctrl-C ends."
                )
            if not is_loopback(host):
                print_warning(f"Anyone who can reach {host} can watch, drive and reset: the protocol has no passwords.")

        served = session.run(sockets, on_ready)
    if not quiet:
        print_message(f"{served.states:,} states in {format_count(served.connections, 'connection')}.")
