"""Track files in a folder as roads: the map that observations and rewards use, and the borders of assetto_corsa_gym.

A file says where a road is only if its course is a closed one with borders. What is taken of it is pinned by a digest:
a dataset must not change because a file did.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final

import numpy as np

from telemetry.base.errors import SourceError, UsageError
from telemetry.tracks.course import CHORD_POINTS, Course
from telemetry.tracks.definition import Track
from telemetry.tracks.geometry import Floats, Geometry, geometry_around
from telemetry.tracks.track import TrackMap
from telemetry.tracks.track_file import read_track, track_path

_CACHED: Final = 16
"""Tracks whose roads are kept; a drive is on one."""


@dataclass(frozen=True, slots=True)
class TrackFolder:
    """The roads in a folder of track files, as they were when it was read; plain values, for other processes too."""

    folder: Path
    digests: Mapping[str, str]
    """The digest of the course in each file that has a road, by the name of the file."""

    @classmethod
    def read(cls, folder: Path) -> "TrackFolder":
        """The roads in this folder. Raises UsageError for a file that is no track's, and where there is no road."""
        if not folder.is_dir():
            raise UsageError(f"There is no folder of track files {folder}.")
        paths = sorted(folder.glob("*.toml"))
        tracks = {path.name: read_track(path) for path in paths}
        digests = {name: course_digest(track) for name, track in tracks.items() if _has_road(track.course)}
        if not digests:
            found = f"none of the {len(paths)} track files" if paths else "no track file"
            raise UsageError(
                f"{folder} has no road: {found} in it has a closed course with borders. `corners DRIVE --ac-root GAME` "
                "makes such a file of the game's own line; a file that is there already has to be removed before."
            )
        return cls(folder.absolute(), digests)

    def find(self, track: str, layout: str) -> Track | None:
        """The track of this name; None where the folder has no road of it.

        Raises :class:`telemetry.SourceError` if its file has changed since the folder was read.
        """
        path = track_path(self.folder, track, layout)
        digest = self.digests.get(path.name)
        if digest is None:
            return None
        found = _read_pinned(path, digest)
        return found if (found.track, found.layout) == (track, layout) else None

    def find_map(self, track: str, layout: str) -> TrackMap | None:
        """The map of this track; None, and raises, as :meth:`find`."""
        found = self.find(track, layout)
        return None if found is None else _map_of(found)

    def find_geometry(self, name: str, track: str, layout: str) -> Geometry | None:
        """The geometry of this track under this name; None, and raises, as :meth:`find`."""
        found = self.find(track, layout)
        origin = str(track_path(self.folder, track, layout))
        return None if found is None else road_geometry(found, name, origin)


def course_digest(track: Track) -> str:
    """A digest of all that a road is made of: the course with its borders, and the length."""
    course = track.course
    digest = hashlib.sha256(f"{track.track}\0{track.layout}\0{track.length_m!r}\0{course.is_closed}".encode())
    for column in (course.x, course.z, course.position, course.widths):
        if column is not None:
            digest.update(np.ascontiguousarray(column, dtype="<f8").tobytes())
    return digest.hexdigest()[:16]


def road_map(track: Track) -> TrackMap:
    """The map of a track whose closed course has borders; its centre line runs in the middle between them.

    The course itself, the game's line or a lap, is the reference line.
    """
    course = track.course
    borders = course.borders
    assert borders is not None, "the course has borders"
    count = len(course.x)
    # At even distances of the spline: a car is looked for where its position says.
    position = float(course.position[0]) + np.arange(count) / count
    centre = _at(position, course, (borders.left + borders.right) / 2.0)
    line = _at(position, course, np.stack([course.x, course.z], axis=1))
    along = np.roll(centre, -1, axis=0) - np.roll(centre, 1, axis=0)
    along /= np.linalg.norm(along, axis=1)[:, None]
    x, z, tangent_x, tangent_z, curvature = (
        tuple(column.tolist()) for column in (*centre.T, *along.T, _curvature(centre))
    )
    return TrackMap(
        track.length_m,
        x,
        z,
        tangent_x,
        tangent_z,
        curvature,
        line=tuple((x, z) for x, z in line.tolist()),
        first_position=float(position[0]) % 1.0,
    )


def road_geometry(track: Track, name: str, origin: str) -> Geometry:
    """The geometry of a track whose closed course has borders; the course is its reference line."""
    course = track.course
    borders, widths = course.borders, course.widths
    assert borders is not None, "the course has borders"
    assert widths is not None, "the course has borders"
    line = np.stack([course.z, course.x], axis=1)
    to_left = (borders.left - borders.right)[:, ::-1]
    to_left = to_left / np.linalg.norm(to_left, axis=1)[:, None]
    return geometry_around(name, line, to_left, (widths[:, :1], widths[:, 1:]), line, track.length_m, origin)


def _has_road(course: Course) -> bool:
    """Whether a course is closed, and has borders that are apart everywhere."""
    return course.is_closed and course.widths is not None and bool((course.widths.sum(axis=1) > 0.0).all())


@lru_cache(maxsize=_CACHED)
def _read_pinned(path: Path, digest: str) -> Track:
    track = read_track(path)
    if course_digest(track) != digest:
        raise SourceError(f"The track file {path} has changed in the meantime. Start again.")
    return track


@lru_cache(maxsize=_CACHED)
def _map_of(track: Track) -> TrackMap:
    return road_map(track)


def _at(position: Floats, course: Course, points: Floats) -> Floats:
    """The points (n, 2) beside a closed course at other places of the spline: (m, 2)."""
    knots = np.append(course.position, course.position[0] + 1.0)
    closed = np.concatenate([points, points[:1]])
    return np.stack([np.interp(position, knots, column) for column in closed.T], axis=1)


def _curvature(points: Floats) -> Floats:
    """The curvature of a closed line in 1/m, + = turning left: (n,) for (n, 2); as that of a course."""
    half = CHORD_POINTS
    chord = np.roll(points, -half, axis=0) - points
    direction, metres = np.arctan2(chord[:, 0], chord[:, 1]), np.linalg.norm(chord, axis=1)
    turn = (direction - np.roll(direction, half) + np.pi) % (2.0 * np.pi) - np.pi
    curvature: Floats = turn / ((metres + np.roll(metres, half)) / 2.0)
    return curvature
