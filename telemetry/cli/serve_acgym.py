"""``serve-acgym``: assetto_corsa_gym's environment on any source."""

from typing import Annotated

import typer

from telemetry.cli._shared import options
from telemetry.cli._shared.acgym import AcgymOptions, run_acgym_server
from telemetry.cli._shared.option_groups import expand_option_groups


@expand_option_groups
def serve_acgym(
    *,
    source_options: options.SourceOptions,
    rate: Annotated[float | None, options.rate_option("States", "25")] = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            help="Address to listen on; [bold]0.0.0.0[/] is all networks. Default: this machine only.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, metavar="PORT", help="UDP port of the states; 0 finds a free one. Default: 2345."
        ),
    ] = None,
    acgym_options: AcgymOptions,
    steer_lock: Annotated[
        float | None, typer.Option(min=1.0, metavar="DEG", help="Steering lock of the car to one side, like 450.")
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
) -> None:
    """Let assetto_corsa_gym drive the demo, a recording or the game.

    Its own environment connects here as it does to its plugin inside the game.
    """
    run_acgym_server(source_options, acgym_options, host=host, port=port, rate=rate, steer_lock=steer_lock, quiet=quiet)
