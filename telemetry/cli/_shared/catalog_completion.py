"""What a shell offers for the options of catalogs: the names that the catalog holds."""

import os
from collections.abc import Callable

import typer

from telemetry.base.errors import TelemetryError
from telemetry.cli._shared.catalog_folder import catalog_of_environment
from telemetry.cli.app import COMPLETION_VARIABLE

Complete = Callable[[typer.Context, str], list[str]]


def complete_names(column: str) -> Complete:
    """Offers what this column of ``laps`` holds and begins with what was typed.

    Nothing where there is no catalog in a folder, or none that can be read: nobody wants an error while typing.
    """

    def complete(ctx: typer.Context, incomplete: str) -> list[str]:
        from telemetry.catalog.state import load_state

        store = ctx.params.get("folder") or catalog_of_environment()
        if store.folder is None:  # asking a distant store takes too long while somebody types
            return []
        try:
            names = {str(row.get(column) or "") for row in load_state(store).laps}
        except (TelemetryError, OSError):
            return []
        return [_for_shell(name) for name in sorted(names) if name and name.startswith(incomplete)]

    return complete


def _for_shell(name: str) -> str:
    """A name as a word of the command line; bash takes it over as it is."""
    return name.replace(" ", "\\ ") if os.environ.get(COMPLETION_VARIABLE, "").endswith("bash") else name
