"""Messages for people on standard error, and JSON for programs; without rich, which takes long to import."""

import sys
from typing import TextIO

import orjson

from telemetry.base.text import to_unicode_values


def print_json(value: object, stream: TextIO | None = None) -> None:
    """Print a value as indented JSON, on standard output unless another stream is given."""
    print(orjson.dumps(to_unicode_values(value), option=orjson.OPT_INDENT_2).decode(), file=stream or sys.stdout)


def print_message(message: str) -> None:
    """Print a sentence for the user on standard error, at once."""
    print(message, file=sys.stderr, flush=True)


def print_warning(message: str) -> None:
    """Print a sentence with the program's name on standard error, as errors are."""
    print_message(f"ac-telemetry: {message}")
