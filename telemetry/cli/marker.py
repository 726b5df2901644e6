"""``marker``: a marker in every recording that runs."""

from typing import Annotated

import typer

from telemetry.base.errors import TelemetryError
from telemetry.recording.markers import send_marker


def marker(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the marker, like [bold]spin[/].")],
) -> None:
    """Set a marker in every recording that runs now."""
    reached = send_marker(name)
    if not reached:
        raise TelemetryError("No recording runs.")
    for recording in reached:
        print(recording)
