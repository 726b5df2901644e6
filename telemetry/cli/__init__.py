"""The command line: a user of the library like any other.

``app`` has the table of commands; each command is a module of its name and is imported when it is called. Errors of
the library become a sentence on standard error and an exit code here, and nowhere else.
"""

import io
import os
import sys
from typing import Final

from telemetry.base.errors import TelemetryError

INTERRUPTED: Final = 130
"""The exit code after Ctrl-C where the work was not done: 128 and the number of the signal, as shells have it."""


def main() -> None:
    """Run the command line; an error of ours ends in its sentence on standard error and its exit code."""
    _force_utf8_output()
    try:
        sys.exit(_run())
    except TelemetryError as error:
        from telemetry.base.sanitize import sanitize_terminal  # compiles patterns, which a run without errors need not

        print(f"ac-telemetry: {sanitize_terminal(str(error))}", file=sys.stderr)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:  # while it still loads, or in a command that needs no cleaning up
        print("ac-telemetry: Stopped before it was done.", file=sys.stderr)
        sys.exit(INTERRUPTED)


def _run() -> int:
    """Run the command of the arguments and return its exit code; wrong arguments are a UsageError of ours."""
    from telemetry.cli.app import COMPLETION_VARIABLE, app  # takes a while, in which Ctrl-C is pressed too

    if COMPLETION_VARIABLE in os.environ:
        from typer.completion import completion_init  # type: ignore[attr-defined]  # it is in no list of exports

        completion_init()  # makes the shells known, which typer does itself only for --install-completion
    try:
        code = app(standalone_mode=False)
    except Exception as error:
        from telemetry.cli._shared.usage_errors import WRONG_USAGE, to_usage_error

        if not isinstance(error, WRONG_USAGE):
            raise
        if not error.args[0].lstrip().startswith("Usage:"):  # else the help of a command that was given nothing
            raise to_usage_error(error) from error
        print(error.args[0])
        return 2
    if code == INTERRUPTED:  # typer's word for KeyboardInterrupt
        raise KeyboardInterrupt
    return code if isinstance(code, int) else 0


def _force_utf8_output() -> None:
    """Make pipes and files carry UTF-8 with plain newlines on Windows too, and let no console's code page raise."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            if stream.isatty():
                stream.reconfigure(errors="replace")
            else:
                stream.reconfigure(encoding="utf-8", errors="replace", newline="\n")
