"""Names of recordings, made of what is in them by a template, and safe on every system."""

import re
import string
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path, PurePosixPath
from typing import Any, Final

from telemetry.derived import Sample
from telemetry.errors import UsageError

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

LONGEST: Final = 120
"""Characters of a name; some file systems allow no more than 255 bytes."""

_FORBIDDEN: Final = re.compile(r'[<>:"/\\|?*\x00-\x1f\x7f]+')
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])(\.|$)", re.IGNORECASE)


class Template:
    """A pattern of names like ``{track}_{car}_{lap:03}``; a slash in it makes folders.

    Raises :class:`telemetry.UsageError` for a placeholder that does not exist.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
        try:
            names = [name for _, name, _, _ in string.Formatter().parse(text) if name is not None]
            unknown = next((name for name in names if name not in PLACEHOLDERS), None)
            if unknown is None:
                self._format({**dict.fromkeys(PLACEHOLDERS, ""), "lap": 1, "part": 1})
        except ValueError as error:
            raise UsageError(f"The template {text!r} cannot be read: {error}. It may hold {known}.") from error
        if unknown is not None:
            raise UsageError(f"The template {text!r} knows no {{{unknown}}}. It may hold {known}.")

    def __contains__(self, placeholder: str) -> bool:
        return f"{{{placeholder}" in self.text

    def path(self, sample: Sample, *, lap: int = 1, part: int = 1) -> Path:
        """The path of a file that begins with this sample, each of its names safe."""
        layout = f"-{sample.track_configuration}" if sample.track_configuration else ""
        date, time = _local(sample.timestamp)
        values = {
            "track": (sample.track or "track") + layout,
            "car": sample.car_model or "car",
            "session": sample.session_name,
            "driver": sample.player_nick or sample.player_name or "driver",
            "datetime": f"{date}-{time}",
            "date": date,
            "time": time,
            "lap": lap,
            "part": part,
        }
        clean = {name: safe(value) if isinstance(value, str) else value for name, value in values.items()}
        names = PurePosixPath(self._format(clean)).parts
        return Path(*(name if name in ("/", "..") else safe(name) for name in names))

    def _format(self, values: Mapping[str, Any]) -> str:
        return self.text.format_map(values)


def _local(timestamp: float) -> tuple[str, str]:
    """The local date and time of day, where the computer can tell them of such a moment."""
    try:
        moment = datetime.fromtimestamp(timestamp, UTC).astimezone()
    except (ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(0.0, UTC)
    date, time = moment.isoformat(timespec="seconds")[:19].split("T")
    return date.replace("-", ""), time.replace(":", "")


def safe(name: str) -> str:
    """The name without what a system forbids in one: reserved characters and words, a dot or blank at its end."""
    name = _FORBIDDEN.sub("-", name).strip(" .")
    name = name[:LONGEST].rstrip(" .")
    return f"_{name}" if not name or _DEVICES.match(name) else name


def free(path: Path, suffix: str) -> Iterator[Path]:
    """The path with its suffix, and then numbered ones: ``name.mcap``, ``name-2.mcap``, ``name-3.mcap``, ..."""
    yield path.with_name(path.name + suffix)
    for number in count(2):
        yield path.with_name(f"{path.name}-{number}{suffix}")
