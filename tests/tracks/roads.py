"""Courses made by hand: roads of straights and arcs, evenly spaced."""

import struct
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np

from telemetry.tracks.course import Course, CoursePoints, make_course
from telemetry.tracks.geometry import Floats

Piece = tuple[float, float]
"""Metres of a piece of road, and the degrees by which it turns, + = to the left."""

STADIUM: tuple[Piece, ...] = ((600.0, 0.0), (157.08, 180.0), (600.0, 0.0), (157.08, 180.0))
"""Two straights and two half circles of 50 m radius, anticlockwise seen from above."""


def road(pieces: Sequence[Piece], spacing: float = 1.0) -> tuple[Floats, Floats]:
    """World x and z of the points of a road from the origin towards +z, ``spacing`` metres apart; (n,) each."""
    metres = np.concatenate([[0.0], np.cumsum([length for length, _ in pieces])])
    headings = np.concatenate([[0.0], np.cumsum([turn for _, turn in pieces])])
    fine = np.arange(0.0, metres[-1], 0.01)
    heading = np.radians(np.interp(fine, metres, headings))
    x, z = np.cumsum(np.sin(heading)) * 0.01, np.cumsum(np.cos(heading)) * 0.01
    every = round(spacing / 0.01)
    return x[::every], z[::every]


def write_fast_lane(path: Path) -> None:
    """The game's file of the stadium, with 5 m to the left border and 7 m to the right one."""
    x, z = road(STADIUM, 1.5)
    count = len(x)
    points = b"".join(struct.pack("<4fi", x[at], 0.0, z[at], 1.5 * at, at) for at in range(count))
    details = np.zeros((count, 18), "<f4")
    details[:, 5:7] = 5.0, 7.0
    path.parent.mkdir(parents=True)
    path.write_bytes(struct.pack("<4i", 7, count, 0, 0) + points + struct.pack("<i", count) + details.tobytes())


def course_of(
    pieces: Sequence[Piece], *, spacing: float = 1.0, begin: float = 0.0, backwards: bool = False, jitter_m: float = 0.0
) -> Course:
    """The course of a closed road that was driven from this fraction of it on, once around."""
    x, z = road(pieces, spacing)
    position = np.arange(len(x)) / len(x)
    if backwards:
        x, z = x[::-1], z[::-1]
    first = int(begin * len(x))
    noise = np.random.default_rng(5).normal(0.0, jitter_m, (2, len(x)))
    return make_course(
        CoursePoints(np.roll(x, -first) + noise[0], np.roll(z, -first) + noise[1], np.roll(position, -first))
    )


def total(pieces: Sequence[Piece]) -> float:
    """Metres of all pieces."""
    return sum(length for length, _ in pieces)


def rising(numbers: Sequence[float]) -> bool:
    return all(after > before for before, after in pairwise(numbers))
