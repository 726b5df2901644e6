"""Names of recordings, made from their contents by a template, and safe on every system."""

import re
import string
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Final, NamedTuple

from telemetry.base.errors import UsageError
from telemetry.base.host import host_name
from telemetry.base.sanitize import MAX_NAME_LENGTH, sanitize_filename, shorten_utf8, utf8_size
from telemetry.fields.derived import Sample

DEFAULT_TEMPLATE: Final = "{track}_{car}_{session}_{datetime}"
LAP_TEMPLATE: Final = DEFAULT_TEMPLATE + "_{lap:03}"

PLACEHOLDERS: Final = {
    "track": "folder name of the track, with its layout",
    "car": "folder name of the car",
    "session": "practice, qualify, race, ...",
    "driver": "the player's name",
    "host": "name of the computer that writes the file, like rig2",
    "datetime": "local time of the file's first step, like 20261122-204502",
    "date": "its date, like 20261122",
    "time": "its time of day, like 204502",
    "lap": "number of the lap in progress, a number",
    "part": "1-based count of the files of this recording, a number",
}
"""What a template may contain in braces; numbers take a width, like ``{lap:03}``."""

_TEXTS: Final = ("track", "car", "driver", "host")
"""Placeholders of any length, which are shortened where a name would be too long."""

_WIDTH_DIGITS: Final = 2
"""Digits of a width in a template: more would only fill the memory."""

_NUMBERS: Final = ("lap", "part")
_MAX_NUMBER: Final = (1 << 31) - 1
"""The largest number of a lap in the game's pages."""


class _TemplatePart(NamedTuple):
    """A part of a template: literal text, or a placeholder with its format (in ``text``)."""

    text: str
    placeholder: str | None = None
    conversion: str | None = None

    def fill(self, values: Mapping[str, str | int]) -> str:
        """The text with these values; raises ValueError or OverflowError where the format does not fit them."""
        if self.placeholder is None:
            return self.text
        value = string.Formatter().convert_field(values[self.placeholder], self.conversion)
        return format(value, self.text)

    @property
    def may_be_shortened(self) -> bool:
        """Whether a name is still useful without the end of this: literal text and texts, not numbers and times."""
        return self.placeholder is None or self.placeholder in _TEXTS


class Template:
    """A pattern of names like ``{track}_{car}_{lap:03}``; a slash in it makes folders.

    Raises :class:`telemetry.UsageError` for a placeholder that does not exist.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        try:
            parts = _parse_parts(text)
            unknown = next((part for part in parts if part.placeholder not in {None, *PLACEHOLDERS}), None)
            if unknown is None:
                for part in parts:
                    part.fill({**dict.fromkeys(PLACEHOLDERS, ""), **dict.fromkeys(_NUMBERS, _MAX_NUMBER)})
        except (ValueError, OverflowError) as error:
            raise UsageError(f"The template {text!r} is invalid: {error}. It may contain {known}.") from error
        if unknown is not None:
            raise UsageError(
                f"The template {text!r} contains the unknown {{{unknown.placeholder}}}. It may contain {known}."
            )
        self._names = _split_names(parts)

    def path(self, sample: Sample, *, lap: int = 1, part: int = 1) -> Path:
        """The path of a file that begins with this sample; each of its names is safe."""
        layout = f"-{sample.track_configuration}" if sample.track_configuration else ""
        date, time = _local(sample.timestamp)
        texts = {
            "track": (sample.track or "track") + layout,
            "car": sample.car_model or "car",
            "session": sample.session_name,
            "driver": sample.player_nick or sample.player_name or "driver",
            "host": host_name(),
        }
        values: dict[str, str | int] = {
            **{name: sanitize_filename(text) for name, text in texts.items()},
            "datetime": f"{date}-{time}",
            "date": date,
            "time": time,
            "lap": lap,
            "part": part,
        }
        return Path(*(_build_name(parts, values) for parts in self._names))


def _local(timestamp: float) -> tuple[str, str]:
    """Local date and time of day of a Unix time; of 1970 where the computer cannot convert it."""
    try:
        moment = datetime.fromtimestamp(timestamp, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(0.0, UTC)
    date, time = moment.isoformat(timespec="seconds")[:19].split("T")
    return date.replace("-", ""), time.replace(":", "")


def _parse_parts(text: str) -> list[_TemplatePart]:
    """The parts of a template; raises ValueError for text that is not a template."""
    parts = []
    for literal, placeholder, spec, conversion in string.Formatter().parse(text):
        parts.append(_TemplatePart(literal))
        if placeholder is None:
            continue
        if "{" in (spec or ""):
            raise ValueError("braces cannot contain braces")
        if any(len(number.lstrip("0")) > _WIDTH_DIGITS for number in re.findall(r"\d+", spec or "")):
            raise ValueError("a width has two digits at most")
        parts.append(_TemplatePart(spec or "", placeholder, conversion))
    return parts


def _split_names(parts: Sequence[_TemplatePart]) -> list[list[_TemplatePart]]:
    """The parts of each name of a path: only slashes in the literal text separate names."""
    names: list[list[_TemplatePart]] = [[]]
    for part in parts:
        if part.placeholder is not None:
            names[-1].append(part)
            continue
        first, *others = part.text.split("/")
        names[-1].append(_TemplatePart(first))
        names += [[_TemplatePart(other)] for other in others]
    plain = ["".join(part.text if part.placeholder is None else "{}" for part in name) for name in names]
    root = [[_TemplatePart("/")]] if len(names) > 1 and not plain[0] else []
    return root + [name for name, text in zip(names, plain, strict=True) if text not in ("", ".")]


def _build_name(parts: Sequence[_TemplatePart], values: Mapping[str, str | int]) -> str:
    """One name of a path; if it is too long its longest texts are shortened, never a number or a time."""
    if all(part.placeholder is None for part in parts):
        name = "".join(part.text for part in parts)
        return name if name in ("/", "..") else sanitize_filename(name)
    filled = [(part.fill(values), part.may_be_shortened) for part in parts]
    for limit in range(MAX_NAME_LENGTH, 0, -1):
        name = "".join(shorten_utf8(text, limit) if may_be_shortened else text for text, may_be_shortened in filled)
        if utf8_size(name) <= MAX_NAME_LENGTH:
            break
    return sanitize_filename(name)


def numbered_paths(path: Path, suffix: str) -> Iterator[Path]:
    """The path with its suffix, and then numbered ones: ``name.mcap``, ``name-2.mcap``, ``name-3.mcap``, ..."""
    yield path.with_name(path.name + suffix)
    for number in count(2):
        yield path.with_name(f"{path.name}-{number}{suffix}")
