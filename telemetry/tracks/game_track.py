"""A track out of the game's own files: racing line and borders of ``fast_lane.ai``, the names in ``sections.ini``."""

import math
from dataclasses import replace
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from telemetry.base.errors import SourceError, UsageError
from telemetry.base.sanitize import is_safe_filename
from telemetry.tracks.corners import MIN_BEND_DEG, Corner, corner_between, find_apex, number_corners
from telemetry.tracks.course import Course, CoursePoints, make_course
from telemetry.tracks.definition import Track, make_track
from telemetry.tracks.fast_lane import read_fast_lane
from telemetry.tracks.game_ini import read_ini_tables

MAX_SECTIONS: Final = 500
"""Sections of a track that are read; the Nordschleife has about eighty."""


class Section(NamedTuple):
    """A named stretch of a track, in ``normalized_position``; it runs over 1 where ``begin`` is above ``end``."""

    name: str
    begin: float
    end: float


def read_game_track(ac_root: Path, track: str, layout: str, line_position: float) -> Track | None:
    """The track of this name in a folder of the game; None where the game has no racing line of it.

    Raises :class:`telemetry.SourceError` for a file that is none of the game's.
    """
    folder = game_track_folder(ac_root, track, layout)
    if folder is None:
        return None
    path = folder / "ai" / "fast_lane.ai"
    if not path.is_file():
        return None
    points, left_m, right_m = read_fast_lane(path)
    x, z = points[:, 0], points[:, 2]
    # The last point is not the first one: the lap closes with one more step.
    steps_m = np.linalg.norm(np.diff(points, axis=0, append=points[:1]), axis=1)
    length_m = float(steps_m.sum())
    position = np.concatenate([[0.0], np.cumsum(steps_m)[:-1]]) / length_m
    try:
        course = make_course(CoursePoints(x, z, position, np.stack([left_m, right_m], axis=1)))
    except UsageError as error:
        raise SourceError(f"{path}: {error}") from error
    known = make_track(
        course, track=track, layout=layout, length_m=length_m, line_position=line_position, origin=str(path)
    )
    sections = read_sections(folder / "data" / "sections.ini")
    return replace(known, corners=name_corners(known, sections)) if sections else known


def read_sections(path: Path) -> list[Section]:
    """The sections of a ``sections.ini``; nothing where there is no such file, and those that are understood of others.

    A section that runs over the end of the spline stands there as two of the same name, which become one.
    """
    found: list[Section] = []
    for values in read_ini_tables(path, "SECTION"):
        section = _section(values)
        if section is not None and len(found) < MAX_SECTIONS:
            found.append(section)
    return _joined(found)


def name_corners(track: Track, sections: list[Section]) -> tuple[Corner, ...]:
    """The corners of a track with the names of the sections that hold their apexes.

    A section without a corner that turns nevertheless becomes one, in its own bounds.
    """
    course, corners = track.course, list(track.corners)
    for section in sections:
        inside = [at for at, corner in enumerate(corners) if _is_within(section, corner.apex)]
        for at in inside:
            corners[at] = replace(corners[at], name=section.name)
        begin_m, end_m = _bounds_m(course, section)
        if not inside and abs(find_apex(course, begin_m, end_m)[1]) >= math.radians(MIN_BEND_DEG):
            corners.append(corner_between(course, begin_m, end_m, section.name))
    return number_corners(corners, track.line_position)


def game_track_folder(ac_root: Path, track: str, layout: str) -> Path | None:
    """The folder of a layout in that of the game; None for names that are no plain ones: they may come from anybody."""
    if not is_safe_filename(track) or (layout and not is_safe_filename(layout)):
        return None
    content = ac_root if (ac_root / "tracks").is_dir() else ac_root / "content"
    return content / "tracks" / track / layout


def _section(values: dict[str, str]) -> Section | None:
    try:
        begin, end = float(values["IN"]), float(values["OUT"])
    except (KeyError, ValueError):
        return None
    if not (0.0 <= begin <= 1.0 and 0.0 <= end <= 1.0 and begin != end):  # also for NaN
        return None
    return Section(values.get("TEXT", "")[:60], begin, end)


def _joined(sections: list[Section]) -> list[Section]:
    """The sections, with those of one name on both sides of the end of the spline as one."""
    last = next((at for at, section in enumerate(sections) if section.end == 1.0), None)
    first = next((at for at, section in enumerate(sections) if section.begin == 0.0), None)
    if last is None or first is None or last == first or sections[last].name != sections[first].name:
        return sections
    over = Section(sections[last].name, sections[last].begin, sections[first].end)
    return [over if at == last else section for at, section in enumerate(sections) if at != first]


def _is_within(section: Section, position: float) -> bool:
    return (position - section.begin) % 1.0 <= (section.end - section.begin) % 1.0


def _bounds_m(course: Course, section: Section) -> tuple[float, float]:
    begin_m, end_m = course.metres_at(np.array([section.begin, section.end % 1.0])).tolist()
    return begin_m, end_m if end_m > begin_m else end_m + course.length_m
