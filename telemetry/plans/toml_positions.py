"""The lines of the keys in a TOML text, which tomllib does not keep."""

import re
import tomllib
from typing import Final

KeyPath = tuple[str | int, ...]
"""The path of a key; entries of an array of tables are numbered from 0, like ``("run", 0, "laps")``."""

_BLANK: Final = re.compile(r"(?:\s|#[^\n]*)*")
_KEY: Final = re.compile(r"(?:\"(?:\\.|[^\"\\])*\"|'[^']*'|[^\"'=\]\n])+")
_STRING_OR_MARK: Final = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:\\.|[^"\\])*"|\'[^\']*\'|#[^\n]*|[\[\]{}\n]', re.DOTALL
)


def lines_of(text: str) -> dict[KeyPath, int]:
    """The 1-based line of every table and key in a valid TOML text.

    A key inside an inline table has no line of its own; :func:`line_of` finds that of the table.
    """
    text = text.replace("\r\n", "\n")
    lines: dict[KeyPath, int] = {}
    counts: dict[KeyPath, int] = {}
    table: KeyPath = ()
    at, counted, line = _end(_BLANK, text, 0), 0, 1
    while at < len(text):
        line += text.count("\n", counted, at)
        counted = at
        brackets = 2 if text.startswith("[[", at) else 1 if text.startswith("[", at) else 0
        end = _end(_KEY, text, at + brackets)
        path = () if brackets else table
        names = _names(text[at + brackets : end])
        for index, name in enumerate(names):
            path = (*path, name)
            lines.setdefault(path, line)
            if brackets == 2 and index == len(names) - 1:
                counts[path] = counts.get(path, 0) + 1
            if path in counts:
                path = (*path, counts[path] - 1)
                lines.setdefault(path, line)
        if brackets:
            table = path
        at = _end(_BLANK, text, _end_of_statement(text, end))
    return lines


def line_of(lines: dict[KeyPath, int], path: KeyPath) -> int:
    """The line of a key, or of the nearest table around it."""
    while path and path not in lines:
        path = path[:-1]
    return lines.get(path, 1)


def _end(pattern: re.Pattern[str], text: str, at: int) -> int:
    match = pattern.match(text, at)
    return match.end() if match else at


def _names(key: str) -> list[str]:
    """The parts of a key, which may be dotted and quoted."""
    names = []
    node = tomllib.loads(f"{key} = 0")
    while isinstance(node, dict):
        name, node = next(iter(node.items()))
        names.append(name)
    return names


def _end_of_statement(text: str, at: int) -> int:
    """The position of the line break that ends a header or a value; not one inside brackets or strings."""
    depth = 0
    for match in _STRING_OR_MARK.finditer(text, at):
        mark = match[0]
        if mark in "[{":
            depth += 1
        elif mark in "]}":
            depth = max(depth - 1, 0)  # those that end a header were never opened
        elif mark == "\n" and depth == 0:
            return match.start()
    return len(text)
