"""The file of a track: TOML that a person may edit and share, one for each track and layout, in the user's folder."""

import math
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import numpy as np

from telemetry.base.documents import DocumentError, parse_toml, read_document
from telemetry.base.errors import SinkError, UsageError
from telemetry.base.sanitize import sanitize_filename
from telemetry.base.storage.atomic import atomic_write
from telemetry.base.typed_values import build
from telemetry.tracks.corners import Corner, Direction, number_corners
from telemetry.tracks.course import Course
from telemetry.tracks.definition import Track
from telemetry.tracks.geometry import Floats

MAX_POINTS: Final = 40_000
"""Points of a course that are read: 80 km."""

_ROW: Final = 12
"""Numbers in a line of a file."""


@dataclass(frozen=True, slots=True)
class _CornerTable:
    number: int
    direction: Direction
    begin: float
    apex: float
    end: float
    name: str = ""


@dataclass(frozen=True, slots=True)
class _CourseTable:
    step_m: float
    closed: bool
    position: list[float]
    x: list[float]
    z: list[float]
    left_m: list[float] = field(default_factory=list)
    right_m: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _TrackTable:
    track: str
    length_m: float
    line_position: float
    course: _CourseTable
    layout: str = ""
    origin: str = ""
    corner: tuple[_CornerTable, ...] = ()


def tracks_folder() -> Path:
    """The folder of this user's track files; :class:`telemetry.SinkError` if the user has no home directory."""
    variable, usual = (
        ("LOCALAPPDATA", "AppData/Local") if sys.platform == "win32" else ("XDG_DATA_HOME", ".local/share")
    )
    try:
        base = Path(os.environ.get(variable) or Path.home() / usual)
    except RuntimeError as error:
        raise SinkError(f"There is no place for the files of tracks: set the variable {variable}.") from error
    return base / "ac-telemetry" / "tracks"


def track_path(folder: Path, track: str, layout: str) -> Path:
    """The file of this track and layout in a folder."""
    return folder / f"{sanitize_filename(f'{track}@{layout}' if layout else track)}.toml"


def read_track(path: Path) -> Track:
    """The track in a file. Raises :class:`telemetry.UsageError`, with the place, for a file that is no track's."""
    try:
        table = build(_TrackTable, parse_toml(read_document(path)))
        _check(table)
    except OSError as error:
        raise UsageError(f"The track {path} cannot be read: {error.strerror}.") from error
    except DocumentError as error:
        raise UsageError(error.sentence(path)) from error
    except ValueError as error:
        text = str(error).removeprefix("_TrackTable").lstrip(". ")
        raise UsageError(f"{path}: {text}. Mend the file, or remove it to have the track found anew.") from error
    points = table.course
    course = Course(
        np.array(points.x, dtype=np.float64),
        np.array(points.z, dtype=np.float64),
        np.array(points.position, dtype=np.float64),
        float(points.step_m),
        points.closed,
        np.array([points.left_m, points.right_m], dtype=np.float64).T if points.left_m else None,
    )
    corners = tuple(_corner(corner) for corner in table.corner)
    line = float(table.line_position)
    has_numbers = len({corner.number for corner in corners}) == len(corners)
    in_order = tuple(sorted(corners, key=lambda corner: (corner.apex - line) % 1.0))
    return Track(
        track=table.track,
        layout=table.layout,
        length_m=float(table.length_m),
        line_position=line,
        course=course,
        corners=in_order if has_numbers else number_corners(corners, line),
        origin=table.origin,
    )


def write_track(track: Track, path: Path, *, overwrite: bool = False) -> None:
    """Write the file of a track, whole or not at all; raises :class:`telemetry.SinkError`."""
    with atomic_write(path, overwrite=overwrite) as unfinished:
        unfinished.write_text("\n".join([*_lines(track), ""]), encoding="utf-8")


def _corner(table: _CornerTable) -> Corner:
    return Corner(
        number=table.number,
        name=table.name,
        direction=table.direction,
        begin=float(table.begin) % 1.0,
        apex=float(table.apex) % 1.0,
        end=float(table.end) % 1.0,
    )


def _check(table: _TrackTable) -> None:
    """Raise ValueError for numbers that no track has; the text names the key."""
    if not 0.0 < table.length_m < math.inf:
        raise ValueError("length_m must be more than 0")
    if not 0.0 <= table.line_position <= 1.0:
        raise ValueError("line_position must be from 0 to 1")
    for corner in table.corner:
        for name, place in (("begin", corner.begin), ("apex", corner.apex), ("end", corner.end)):
            if not 0.0 <= place <= 1.0:
                raise ValueError(f"corner {corner.number}: {name} must be from 0 to 1")
        if not 1 <= corner.number <= 999:
            raise ValueError(f"corner {corner.number}: number must be from 1 to 999")
        if not (corner.apex - corner.begin) % 1.0 <= (corner.end - corner.begin) % 1.0:
            raise ValueError(f"corner {corner.number}: apex must lie between begin and end")
    course = table.course
    columns = (course.x, course.z, course.position)
    if not 3 <= len(course.x) <= MAX_POINTS or {len(column) for column in columns} != {len(course.x)}:
        raise ValueError("course must have as many x as z and position, at least 3")
    widths = (course.left_m, course.right_m)
    if {len(column) for column in widths} not in ({0}, {len(course.x)}):
        raise ValueError("course must have as many left_m and right_m as x, or none")
    if not 0.0 < course.step_m < math.inf or not all(np.isfinite(column).all() for column in (*columns, *widths)):
        raise ValueError("course must have finite numbers")
    if not (np.diff(course.position) >= 0.0).all():
        raise ValueError("course: position must rise")


def _lines(track: Track) -> Iterator[str]:
    yield "# A track as ac-telemetry knows it. Numbers, names and windows of the corners may be changed:"
    yield "# begin, apex and end are normalized_position, 0 to 1, as in the game's sections.ini."
    yield f"track = {_text(track.track)}"
    yield f"layout = {_text(track.layout)}"
    yield f"length_m = {track.length_m!r}"
    yield f"line_position = {track.line_position!r}"
    yield f"origin = {_text(track.origin)}"
    for corner in track.corners:
        yield ""
        yield "[[corner]]"
        yield f"number = {corner.number}"
        yield f"name = {_text(corner.name)}"
        yield f"direction = {_text(corner.direction)}"
        for name in ("begin", "apex", "end"):
            yield f"{name} = {getattr(corner, name):.6f}"
    course = track.course
    yield ""
    yield "# The line that the corners were found on: points at an even distance, in metres of the game's world."
    yield "[course]"
    yield f"step_m = {course.step_m!r}"
    yield f"closed = {'true' if course.is_closed else 'false'}"
    yield from _array("position", course.position, 7)
    yield from _array("x", course.x, 2)
    yield from _array("z", course.z, 2)
    if course.widths is not None:
        yield "# Metres from each point to the borders of the road."
        yield from _array("left_m", course.widths[:, 0], 1)
        yield from _array("right_m", course.widths[:, 1], 1)


def _array(name: str, numbers: Floats, decimals: int) -> Iterator[str]:
    yield f"{name} = ["
    for at in range(0, len(numbers), _ROW):
        yield f"  {', '.join(f'{number:.{decimals}f}' for number in numbers[at : at + _ROW].tolist())},"
    yield "]"


def _text(text: str) -> str:
    """A TOML string of this text; what it cannot hold becomes a replacement mark."""
    clean = "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in text)
    return '"' + clean.replace("\\", "\\\\").replace('"', '\\"') + '"'
