"""What a folder that should hold page files holds instead, in words."""

from itertools import islice
from pathlib import Path
from typing import Final

from ac_native_memory import PAGES
from telemetry.base.text import to_unicode

_MAX_NAMES: Final = 3
"""Names of other files in a sentence."""

_MAX_ENTRIES: Final = 1000
"""Entries of a folder that are looked at."""


def missing_page_files(directory: Path, prefix: str = "") -> list[str]:
    """The names of the page files that the folder lacks."""
    return [prefix + name for name in PAGES if not (directory / (prefix + name)).exists()]


def describe_waiting(directory: Path, prefix: str = "") -> str:
    """The sentence that says which files are waited for in this folder, and what is there."""
    missing = missing_page_files(directory, prefix)
    if not missing:
        return to_unicode(f"Waiting for a session of the game: the page files in {directory} hold none.")
    *first, last = missing
    names = f"files {', '.join(first)} and {last}" if first else f"file {last}"
    return to_unicode(f"Waiting for the game's page {names} in {directory}, {_describe_contents(directory)}.")


def _describe_contents(directory: Path) -> str:
    try:
        names = sorted(entry.name for entry in islice(directory.iterdir(), _MAX_ENTRIES))
    except OSError as error:
        return f"which cannot be looked into: {error.strerror}"
    if not names:
        return "which is empty"
    rest = ", ..." if len(names) > _MAX_NAMES else ""
    only_pages = all(name.startswith("acpmf_") for name in names)
    hint = "" if only_pages else "; to read a recording, name its file"
    return f"which holds {', '.join(names[:_MAX_NAMES])}{rest}{hint}"
