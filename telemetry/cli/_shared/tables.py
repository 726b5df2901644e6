"""Tables for people."""

import re
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from telemetry.base.sanitize import sanitize_terminal

PIPE_COLUMNS: Final = 140
"""Columns of a table in a pipe or a file, where no terminal limits them."""

_BACKSLASHES: Final = re.compile(r"(\\+)(?=\[|\Z)")
"""Backslashes whose meaning in markup depends on what follows: Rich shows ``C:\\[2026] GT3`` without its backslash."""


def table_console(*, stderr: bool = False) -> Console:
    """A console as wide as its terminal, or wide enough for every table without a terminal."""
    console = Console(stderr=stderr)
    return console if console.is_terminal else Console(stderr=stderr, width=PIPE_COLUMNS)


def label_table() -> Table:
    """A table without lines, for a few labels and their texts."""
    return Table.grid(padding=(0, 2, 0, 0))


def to_markup(text: str) -> str:
    """The text as Rich markup that shows it as it is, without control characters."""
    parts = _BACKSLASHES.split(sanitize_terminal(text))
    # Before a tag, here one without any effect, two backslashes are one.
    return "".join(f"{part * 2}[none][/]" if index % 2 else escape(part) for index, part in enumerate(parts))
