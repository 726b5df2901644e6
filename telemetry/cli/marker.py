"""``marker``: a marker in every recording that runs, or in one of them."""

from pathlib import Path
from typing import Annotated

import typer

from telemetry.base.errors import TelemetryError
from telemetry.cli._shared.messages import print_lines
from telemetry.recording.markers import running_recordings, send_marker


def marker(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the marker, like [bold]spin[/].")],
    recording: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Only in the recording into this file or folder. Default: in every one."),
    ] = None,
) -> None:
    """Set a marker in every recording of yours that runs now."""
    reached = send_marker(name, recording=recording)
    if not reached:
        running = running_recordings()
        if not running:
            raise TelemetryError("No recording of yours runs.")
        raise TelemetryError(f"No recording into {recording} runs. Running: {', '.join(running)}.")
    print_lines(*map(str, reached))
