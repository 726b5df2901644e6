"""Messages for people on standard error, and JSON for programs; without rich, which takes long to import."""

import sys
from typing import TextIO

import orjson

from telemetry.base.sanitize import sanitize_json, sanitize_terminal
from telemetry.base.text import to_unicode_values


def print_json(value: object, stream: TextIO | None = None) -> None:
    """Print a value as indented JSON, on standard output unless another stream is given."""
    text = orjson.dumps(to_unicode_values(value), option=orjson.OPT_INDENT_2).decode()
    print(sanitize_json(text), file=stream or sys.stdout)


def print_lines(*lines: str, stream: TextIO | None = None) -> None:
    """Print lines for the user at once, on standard output unless another stream is given."""
    for line in lines:
        print(sanitize_terminal(line), file=stream or sys.stdout, flush=True)


def print_message(*lines: str) -> None:
    """Print a sentence for the user on standard error, at once; one that goes on in further lines, line by line."""
    print_lines(*lines, stream=sys.stderr)


def print_warning(message: str) -> None:
    """Print a sentence with the program's name on standard error, as errors are."""
    print_message(f"ac-telemetry: {message}")
