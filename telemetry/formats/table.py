"""The table of all formats: the built-in ones, and those that installed distributions bring.

A distribution brings a format by an entry point of the group ``telemetry.formats`` that names a :class:`Format`. Such
formats are only looked up for a suffix that no built-in format has, so they can neither slow down nor break those.
"""

from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

from telemetry.base.errors import UsageError
from telemetry.formats import csv, jsonl, mcap, motec, parquet
from telemetry.formats.format import Format

ENTRY_POINT_GROUP: Final = "telemetry.formats"

FORMATS: Final = (
    mcap.FORMAT,
    jsonl.FORMAT,
    csv.FORMAT,
    parquet.FORMAT,
    motec.FORMAT,
)
"""The built-in formats."""

_NOT_RECORDINGS: Final = {
    ".ldx": "An .ldx holds only laps and details of a MoTeC log: name the .ld that it lies beside.",
}
"""Files that are no recordings, and what they are for, by their suffix."""

_COMPRESSIONS: Final = {".gz": "gzip", ".zst": "zstd"}


class InstalledFormats(NamedTuple):
    """The formats of other distributions, and a sentence on each that cannot be used."""

    formats: tuple[Format, ...]
    problems: tuple[str, ...]


@cache
def installed_formats() -> InstalledFormats:
    """The formats of all installed distributions; a broken one never keeps others from working."""
    from importlib.metadata import entry_points

    formats: list[Format] = []
    problems: list[str] = []
    for entry_point in entry_points(group=ENTRY_POINT_GROUP):
        distribution = entry_point.dist
        origin = "an unknown distribution" if distribution is None else f"{distribution.name} {distribution.version}"
        place = f"The format {entry_point.name!r} of {origin} cannot be used"
        try:
            declared = entry_point.load()
        except Exception as error:  # noqa: BLE001 - whatever is wrong in foreign code must not break our formats
            problems.append(f"{place}: loading {entry_point.value} failed with {type(error).__name__}: {error}")
            continue
        if not isinstance(declared, Format):
            problems.append(f"{place}: {entry_point.value} is not a telemetry.formats.Format.")
            continue
        others = {suffix: other.name for other in (*FORMATS, *formats) for suffix in other.suffixes}
        if taken := [suffix for suffix in declared.suffixes if suffix in others]:
            problems.append(f"{place}: the suffix {taken[0]} belongs to {others[taken[0]]}.")
            continue
        formats.append(declared)
    return InstalledFormats(tuple(formats), tuple(problems))


def all_formats() -> tuple[Format, ...]:
    """The built-in formats, and those of installed distributions."""
    return (*FORMATS, *installed_formats().formats)


def find_format(path: str | Path) -> Format | None:
    """The format of a file by the suffix of its name; None where no format has it."""
    name = Path(path).name
    found = _with_suffix_of(name, FORMATS)
    if found is None and "." in name:
        found = _with_suffix_of(name, installed_formats().formats)
    return found


def format_label(path: Path) -> str:
    """The format of a file and its compression, for a person: ``JSON lines, gzip``."""
    found = find_format(path)
    if found is None:
        return "unknown"
    compression = _COMPRESSIONS.get(path.suffix)
    return f"{found.name}, {compression}" if compression else found.name


def recording_suffix(path: str | Path) -> str | None:
    """The suffix of a file's name, if it is that of a format that can be recorded and played; else None."""
    found = find_format(path)
    if found is None or not found.is_recording:
        return None
    return next(suffix for suffix in found.suffixes if Path(path).name.endswith(suffix))


def stem_of(path: str | Path) -> str:
    """The name of a file without the suffix of its format, or without its last suffix where no format has it."""
    path = Path(path)
    found = find_format(path)
    suffixes = found.suffixes if found is not None else (path.suffix,)
    return path.name.removesuffix(next(suffix for suffix in suffixes if path.name.endswith(suffix)))


def is_recording(path: str | Path) -> bool:
    """Whether the name of a file has the suffix of a format that can be recorded and played."""
    return recording_suffix(path) is not None


def is_found_in_folders(path: Path) -> bool:
    """Whether a folder that is named means this file: a recording, or a log of another program."""
    found = find_format(path)
    return found is not None and (found.is_recording or (found.is_log is not None and found.is_log(path)))


def can_be_read(path: str | Path) -> bool:
    """Whether the name of a file has the suffix of a format that can be played: a recording, or a table of one."""
    found = find_format(path)
    return found is not None and found.open_reader is not None


def readable_suffixes() -> tuple[str, ...]:
    """The suffixes of all formats that can be played."""
    return tuple(suffix for known in all_formats() if known.open_reader is not None for suffix in known.suffixes)


def recording_suffixes() -> tuple[str, ...]:
    """The suffixes of all formats that can be recorded and played."""
    return tuple(suffix for known in all_formats() if known.is_recording for suffix in known.suffixes)


def unsupported_file_type(path: str | Path, supported: tuple[str, ...], *, otherwise: str = "") -> UsageError:
    """The error for a file whose suffix is not among the ``supported`` ones; ``otherwise`` names another way out."""
    sentences = (
        f"Unsupported file type: {path}. Supported: {', '.join(supported)}{otherwise}.",
        _NOT_RECORDINGS.get(Path(path).suffix, ""),
        *installed_formats().problems,
    )
    return UsageError(" ".join(filter(None, sentences)))


def not_for_recording(path: str | Path, known: Format) -> UsageError:
    """The error for a file of a format that is made of recordings, and not while a game runs."""
    return UsageError(
        f"{path}: a {known.name} file cannot be read when its recording was killed. Record to .mcap or .jsonl.zst, "
        "and make it with the command 'convert'."
    )


def _with_suffix_of(name: str, formats: tuple[Format, ...]) -> Format | None:
    return next((known for known in formats if name.endswith(known.suffixes)), None)
