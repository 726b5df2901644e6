"""Names of recordings, made of what is in them by a template, and safe on every system."""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from telemetry.base.errors import UsageError
from telemetry.fields.derived import Sample

DEFAULT_TEMPLATE: Final = "{track}_{car}_{session}_{datetime}"
LAP_TEMPLATE: Final = DEFAULT_TEMPLATE + "_{lap:03}"

PLACEHOLDERS: Final = {
    "track": "folder name of the track, with its layout",
    "car": "folder name of the car",
    "session": "practice, qualify, race, ...",
    "driver": "the player's name",
    "datetime": "local time of the file's first step, like 20261122-204502",
    "date": "its date, like 20261122",
    "time": "its time of day, like 204502",
    "lap": "number of the lap that runs, a number",
    "part": "1-based count of the files of this recording, a number",
}
"""What a template may hold between braces; numbers take a width, like ``{lap:03}``."""

MAX_NAME_LENGTH: Final = 120
"""Bytes of a name in UTF-8, without its suffix: some file systems allow no more than 143, and most 255."""

_TEXTS: Final = ("track", "car", "driver")
"""What may be of any length, and is shortened where a name would be too long."""

_WIDTH_DIGITS: Final = 2
"""Digits of a width in a template: more would only be a way to fill the memory."""

_NUMBERS: Final = ("lap", "part")
_HIGHEST: Final = (1 << 31) - 1
"""The highest number of a lap that the game can tell."""

_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


class _TemplatePart(NamedTuple):
    """A part of a template: text that stands in the name as it is, or a placeholder and how it is written."""

    text: str
    placeholder: str | None = None
    conversion: str | None = None

    def fill(self, values: Mapping[str, str | int]) -> str:
        """What it is with these values; raises ValueError or OverflowError where they cannot be written so."""
        if self.placeholder is None:
            return self.text
        value = string.Formatter().convert_field(values[self.placeholder], self.conversion)
        return format(value, self.text)

    @property
    def may_be_cut(self) -> bool:
        """Whether the name is still of use where the end of this is missing: not where it is a number or a time."""
        return self.placeholder is None or self.placeholder in _TEXTS


class Template:
    """A pattern of names like ``{track}_{car}_{lap:03}``; a slash in it makes folders.

    Raises :class:`telemetry.UsageError` for a placeholder that does not exist.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        try:
            pieces = _pieces_of(text)
            unknown = next((piece for piece in pieces if piece.placeholder not in {None, *PLACEHOLDERS}), None)
            if unknown is None:
                for piece in pieces:
                    piece.fill({**dict.fromkeys(PLACEHOLDERS, ""), **dict.fromkeys(_NUMBERS, _HIGHEST)})
        except (ValueError, OverflowError) as error:
            raise UsageError(f"The template {text!r} cannot be read: {error}. It may hold {known}.") from error
        if unknown is not None:
            raise UsageError(f"The template {text!r} knows no {{{unknown.placeholder}}}. It may hold {known}.")
        self._names = _names_of(pieces)

    def path(self, sample: Sample, *, lap: int = 1, part: int = 1) -> Path:
        """The path of a file that begins with this sample, each of its names safe."""
        layout = f"-{sample.track_configuration}" if sample.track_configuration else ""
        date, time = _local(sample.timestamp)
        texts = {
            "track": (sample.track or "track") + layout,
            "car": sample.car_model or "car",
            "session": sample.session_name,
            "driver": sample.player_nick or sample.player_name or "driver",
        }
        values: dict[str, str | int] = {
            **{name: sanitize_filename(text) for name, text in texts.items()},
            "datetime": f"{date}-{time}",
            "date": date,
            "time": time,
            "lap": lap,
            "part": part,
        }
        return Path(*(_name_of(pieces, values) for pieces in self._names))


def _local(timestamp: float) -> tuple[str, str]:
    """The local date and time of day, where the computer can tell them of such a moment."""
    try:
        moment = datetime.fromtimestamp(timestamp, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(0.0, UTC)
    date, time = moment.isoformat(timespec="seconds")[:19].split("T")
    return date.replace("-", ""), time.replace(":", "")


def _pieces_of(text: str) -> list[_TemplatePart]:
    """The parts of a template; raises ValueError where it is none."""
    pieces = []
    for literal, placeholder, spec, conversion in string.Formatter().parse(text):
        pieces.append(_TemplatePart(literal))
        if placeholder is None:
            continue
        if "{" in (spec or ""):
            raise ValueError("braces cannot stand inside braces")
        if any(len(number.lstrip("0")) > _WIDTH_DIGITS for number in re.findall(r"\d+", spec or "")):
            raise ValueError("a width has two digits at most")
        pieces.append(_TemplatePart(spec or "", placeholder, conversion))
    return pieces


def _names_of(pieces: Sequence[_TemplatePart]) -> list[list[_TemplatePart]]:
    """The pieces of each name of a path: those between the slashes, which alone is what makes folders."""
    names: list[list[_TemplatePart]] = [[]]
    for piece in pieces:
        if piece.placeholder is not None:
            names[-1].append(piece)
            continue
        first, *others = piece.text.split("/")
        names[-1].append(_TemplatePart(first))
        names += [[_TemplatePart(other)] for other in others]
    plain = ["".join(piece.text if piece.placeholder is None else "{}" for piece in name) for name in names]
    root = [[_TemplatePart("/")]] if len(names) > 1 and not plain[0] else []
    return root + [name for name, text in zip(names, plain, strict=True) if text not in ("", ".")]


def _name_of(pieces: Sequence[_TemplatePart], values: Mapping[str, str | int]) -> str:
    """One name of a path; where it would be too long its longest texts lose their ends, and no number or time does."""
    if all(piece.placeholder is None for piece in pieces):
        name = "".join(piece.text for piece in pieces)
        return name if name in ("/", "..") else sanitize_filename(name)
    filled = [(piece.fill(values), piece.may_be_cut) for piece in pieces]
    for limit in range(MAX_NAME_LENGTH, 0, -1):
        name = "".join(_cut(text, limit) if may_be_cut else text for text, may_be_cut in filled)
        if _size(name) <= MAX_NAME_LENGTH:
            break
    return sanitize_filename(name)


def sanitize_filename(name: str) -> str:
    """The name without what a system forbids in one: reserved characters and words, a dot or blank at its end."""
    name = _FORBIDDEN.sub("-", name).strip(" .")
    name = _cut(name, MAX_NAME_LENGTH).rstrip(" .")
    return _cut(f"_{name}", MAX_NAME_LENGTH).rstrip(" .") if not name or _DEVICES.match(name) else name


def _cut(text: str, size: int) -> str:
    """As much of the text as has this many bytes, never a part of a character."""
    return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore") if _size(text) > size else text


def _size(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))  # an argument on Linux may hold what is no character


def numbered_paths(path: Path, suffix: str) -> Iterator[Path]:
    """The path with its suffix, and then numbered ones: ``name.mcap``, ``name-2.mcap``, ``name-3.mcap``, ..."""
    yield path.with_name(path.name + suffix)
    for number in count(2):
        yield path.with_name(f"{path.name}-{number}{suffix}")
