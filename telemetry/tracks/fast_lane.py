"""The game's ``fast_lane.ai``: the line of the AI drivers."""

import struct
from pathlib import Path
from typing import Final

import numpy as np

from telemetry.base.errors import SourceError
from telemetry.base.storage.regular_file import read_regular_file
from telemetry.tracks.geometry import Floats

_FAST_LANE_VERSION: Final = 7
_POINT: Final = np.dtype([("place", "<f4", 3), ("metres", "<f4"), ("id", "<i4")])
_DETAIL_COUNT: Final = 18
_MAX_BYTES: Final = 1 << 26
"""Of a file: a point a metre for 700 km."""

_SIDE_LEFT, _SIDE_RIGHT = 5, 6
"""Indices in the details of a point: metres to the left and to the right border."""


def read_fast_lane(path: Path) -> tuple[Floats, Floats, Floats]:
    """The game's racing line: its points x, y, z (n, 3), and metres to the left and right border at each.

    The file is little-endian: four integers (version, count, two more), as many points (x, y, z, metres, id), their
    count again, and 18 numbers about each point. Raises :class:`telemetry.SourceError`.
    """
    try:
        data = read_regular_file(path, _MAX_BYTES)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        version, count = struct.unpack_from("<2i", data)
        details_at = 16 + count * _POINT.itemsize
        (details,) = struct.unpack_from("<i", data, details_at)
    except struct.error:
        version, count, details = 0, 0, 0
    size = details_at + 4 + count * _DETAIL_COUNT * 4 if count > 0 else 0
    if version != _FAST_LANE_VERSION or count < 3 or details != count or len(data) < size:
        raise SourceError(f"{path} is not a racing line of the game as it is known, version {_FAST_LANE_VERSION}.")
    numbers = np.frombuffer(data, "<f4", count * _DETAIL_COUNT, details_at + 4).reshape(count, _DETAIL_COUNT)
    with np.errstate(invalid="ignore"):  # a NaN of a damaged file would be a warning, and is refused below
        points = np.frombuffer(data, _POINT, count, 16)["place"].astype(np.float64)
        left, right = (numbers[:, place].astype(np.float64) for place in (_SIDE_LEFT, _SIDE_RIGHT))
    if not (np.isfinite(points).all() and (left + right > 0.0).all() and max(left.max(), right.max()) < 1000.0):
        raise SourceError(f"{path} has implausible track widths.")
    return points, left, right
