"""Settings, plans and lists of results, in TOML and JSON: read with limits, and every mistake has its place.

The files may come from anybody. Their size and the depth of their brackets are bounded before they are parsed, so that
no file costs more memory, time or stack than a large plan does.
"""

import json
import re
import tomllib
from pathlib import Path
from typing import Any, Final

from telemetry.base.storage.regular_file import read_regular_file
from telemetry.base.text_file import TextFormatError, decode_text

MAX_BYTES: Final = 1 << 20
"""Of a file that people write: a plan of thousands of runs has half of it."""

MAX_DEPTH: Final = 64
"""Brackets inside one another, and parts of a dotted key."""

MAX_WORD: Final = 1000
"""Characters of a number or a bare key: Python refuses to print a number of thousands of digits."""

_TOKEN: Final = re.compile(
    r'"""[^"\\]*+(?:(?:\\.|"(?!""))[^"\\]*+)*+(?:"{3,5})?'  # an open string goes to the end: no text is looked at twice
    r"|'''(?:[^']|'(?!''))*+(?:'{3,5})?"
    r'|"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?'
    r"|'[^'\n]*+'?"
    r"|\#[^\n]*+"
    r"|[0-9A-Za-z_+-]++"
    r"|[\[\]{}.,=\n]",
    re.DOTALL,
)
"""Strings and comments of TOML and of JSON, whose contents do not count, words and numbers, and the marks between."""

_TOML_PLACE: Final = re.compile(r"^(.*?)\s*\(at (?:line (\d+), column (\d+)|end of document)\)$", re.DOTALL)


class DocumentError(ValueError):
    """A text that cannot be read; its text says why, without a dot. ``line`` counts from 1; None where it has none."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.line = line

    def sentence(self, path: Path) -> str:
        """The whole sentence, with the place in front, like ``plan.toml, line 3: invalid TOML: duplicate key.``."""
        place = f"{path}, line {self.line}" if self.line else f"{path}"
        return f"{place}: {self}."


def parse_toml(text: str) -> dict[str, Any]:
    """The tables of a text in TOML; raises :class:`DocumentError`."""
    _check_limits(text)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise _toml_error(str(error), text) from None


def parse_json(text: str) -> Any:
    """The value of a text in JSON; raises :class:`DocumentError`."""
    _check_limits(text)
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise DocumentError(f"invalid JSON: {error.msg} (column {error.colno})", error.lineno) from None


def read_document(path: Path, *, max_bytes: int = MAX_BYTES) -> str:
    """The text of a regular file of at most ``max_bytes`` in UTF-8; raises OSError and :class:`DocumentError`."""
    data = read_regular_file(path, max_bytes)
    try:
        return decode_text(data)
    except TextFormatError as error:
        raise DocumentError(str(error), data.count(b"\n", 0, error.offset) + 1) from None


def read_json(path: Path, *, max_bytes: int = MAX_BYTES) -> Any:
    """The value in a file of JSON; raises OSError and :class:`DocumentError`."""
    return parse_json(read_document(path, max_bytes=max_bytes))


def _check_limits(text: str) -> None:
    """Raise :class:`DocumentError` for what is nested deeper, or is longer, than the parsers and their users stand."""
    depth = dots = 0
    for match in _TOKEN.finditer(text):
        mark = match[0]
        if mark == ".":
            dots += 1
        elif mark in ("\n", ",", "="):
            dots = 0
        elif mark in ("[", "{"):
            depth, dots = depth + 1, 0
        elif mark in ("]", "}"):
            depth, dots = depth - 1, 0
        problem = (
            "brackets are nested too deeply"
            if depth > MAX_DEPTH
            else "a key has too many parts"
            if dots > MAX_DEPTH
            else "a number or a name is too long"
            if len(mark) > MAX_WORD and mark[0] not in "\"'#"
            else ""
        )
        if problem:
            raise DocumentError(problem, text.count("\n", 0, match.start()) + 1)


def _toml_error(message: str, text: str) -> DocumentError:
    match = _TOML_PLACE.match(message)
    if match is None:
        return DocumentError(f"invalid TOML: {message}")
    where = f" (column {match[3]})" if match[3] else ""
    reason = "duplicate key" if match[1] == "Cannot overwrite a value" else match[1]
    return DocumentError(f"invalid TOML: {reason}{where}", int(match[2] or len(text.splitlines()) or 1))
