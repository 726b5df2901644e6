"""CPU time until a command has done its work, side by side in one run.

    uv run benchmarks/startup.py [--runs N] [--baseline CHECKOUT]

``--help`` and ``--version`` stand beside a bare typer application, with rich help and as many commands, that this
benchmark writes into a temporary folder; it is the floor for any command line made with typer. One sample of the
demo, as a JSON line, stands beside the same command in another checkout (``--baseline``), which must have an
environment of its own in ``.venv``. Every figure is user and system time of a process with its byte code in place, as
after an installation. The runs of a row take turns, and the first of each is not counted.
"""

import argparse
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent
ONE_SAMPLE = ("read", "--samples", "1", "--source", "demo", "--json-output", "-")

BARE_HEAD = '''
from typing import Annotated

import typer

app = typer.Typer(
    no_args_is_help=True, add_completion=False, rich_markup_mode="rich", pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def print_version(wanted: bool) -> None:
    if wanted:
        print("1.0")
        raise typer.Exit


@app.callback()
def bare(
    version: Annotated[bool, typer.Option("--version", callback=print_version, is_eager=True, help="Version.")] = False,
) -> None:
    """A bare application."""
'''
BARE_COMMAND = '''

@app.command()
def command_{number}(path: str, rate: Annotated[float, typer.Option(help="Hz.")] = 10.0) -> None:
    """Do the work of command {number}."""
'''


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--baseline", type=Path, help="another checkout with a .venv")
    options = parser.parse_args()
    ours = (sys.executable, str(REPOSITORY / "main.py"))
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder) / "bare.py"
        bare.write_text(
            BARE_HEAD + "".join(BARE_COMMAND.format(number=n) for n in range(count_commands())) + "\n\napp()\n"
        )
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(Path(folder) / "byte-code")}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        for option in ("--help", "--version"):
            compare(
                option, [*ours, option], "bare typer", [sys.executable, str(bare), option], environment, options.runs
            )
        if options.baseline:
            theirs = [
                str(options.baseline / ".venv" / "bin" / "python"),
                str(options.baseline / "main.py"),
                *ONE_SAMPLE,
            ]
            compare("one sample", [*ours, *ONE_SAMPLE], "baseline", theirs, environment, options.runs)


def count_commands() -> int:
    """How many commands the command line has."""
    from telemetry.cli.app import COMMANDS  # noqa: PLC0415 - the path is set when this file is run

    return len(COMMANDS)


def compare(
    name: str, ours: list[str], other_name: str, other: list[str], environment: dict[str, str], runs: int
) -> None:
    """Run two commands in turns and print the medians of their CPU times."""
    seconds: tuple[list[float], list[float]] = ([], [])
    for run in range(runs + 1):
        for command, times in zip((ours, other), seconds, strict=True):
            spent = cpu_seconds(command, environment)
            if run:
                times.append(spent)
    mine, yours = statistics.median(seconds[0]), statistics.median(seconds[1])
    print(f"{name:12} {mine * 1e3:6.0f} ms   {other_name:12} {yours * 1e3:6.0f} ms   {mine / yours:5.2f} x")


def cpu_seconds(command: list[str], environment: dict[str, str]) -> float:
    """User and system time of a process and what it waited for."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, env=environment, capture_output=True, check=True)  # noqa: S603 - our own commands
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    sys.path.insert(0, str(REPOSITORY))
    main()
