"""The game's ``.ini`` files about a track, which mods write by hand: what is understood of them, and nothing else."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from telemetry.base.errors import SourceError
from telemetry.base.storage.regular_file import read_regular_file

MAX_INI_BYTES: Final = 1 << 18
"""Of a file: thousands of sections."""


def read_ini_tables(path: Path, title: str) -> list[dict[str, str]]:
    """The keys, in upper case, and values below each ``[TITLE...]`` in a file; nothing where there is no such file.

    Of a key that is given twice the first value counts, as in the game. Raises :class:`telemetry.SourceError`.
    """
    try:
        lines = read_regular_file(path, MAX_INI_BYTES).decode("utf-8-sig", "replace").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    return list(_tables(lines, f"[{title.upper()}"))


def _tables(lines: list[str], title: str) -> Iterator[dict[str, str]]:
    values: dict[str, str] | None = None
    for line in lines:
        text = line.partition(";")[0].strip()
        if text.startswith("["):
            if values:
                yield values
            values = {} if text.upper().startswith(title) else None
        elif values is not None and "=" in text:
            key, _, value = text.partition("=")
            values.setdefault(key.strip().upper(), value.strip())
    if values:
        yield values
