"""The game's own picture of a track, ``map.png``, and where it lies in the world, as ``map.ini`` says."""

import math
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telemetry.base.errors import SourceError
from telemetry.base.storage.inside_folder import OutsideFolderError, path_inside
from telemetry.base.storage.regular_file import read_regular_file
from telemetry.tracks.game_ini import read_ini_tables
from telemetry.tracks.game_track import game_track_folder

MAX_PICTURE_BYTES: Final = 1 << 22
MAX_PICTURE_PX: Final = 8192
"""Bytes, and pixels along each side, of a picture that is taken; those of real tracks are far smaller."""

SIZE_TOLERANCE_PX: Final = 2.0
"""Pixels by which the size in map.ini may differ from that of the picture: it is rounded there."""

_PNG_HEAD: Final = struct.Struct(">8s4x4sII")


@dataclass(frozen=True, slots=True)
class MapPicture:
    """A picture of a track from above: x of the world to the right, z downwards."""

    png: bytes
    """The file as it is."""
    width_px: int
    height_px: int
    x_offset_m: float
    z_offset_m: float
    """What is added to world x and z before they are divided by the scale."""
    metres_per_pixel: float

    def to_pixel(self, x: float, z: float) -> tuple[float, float]:
        """The pixel, from the upper left corner, of a place in the world."""
        return (x + self.x_offset_m) / self.metres_per_pixel, (z + self.z_offset_m) / self.metres_per_pixel


def read_map_picture(ac_root: Path, track: str, layout: str) -> MapPicture | None:
    """The picture of a track in a folder of the game; None where there is none, or where its place is not told.

    Raises :class:`telemetry.SourceError` for files that cannot be read, or are too large.
    """
    folder = game_track_folder(ac_root, track, layout)
    if folder is None:
        return None
    place = next(iter(read_ini_tables(folder / "data" / "map.ini", "PARAMETERS")), None)
    if place is None:
        return None
    try:
        picture = path_inside(folder, "map.png")
        png = read_regular_file(picture, MAX_PICTURE_BYTES)
    except (OutsideFolderError, FileNotFoundError):
        return None
    except OSError as error:
        raise SourceError(f"{folder / 'map.png'} cannot be read: {error.strerror}.") from error
    return _make_picture(png, place)


def _make_picture(png: bytes, place: dict[str, str]) -> MapPicture | None:
    """The picture, unless it is none, or map.ini is of another picture: mods leave the editor's own numbers there."""
    if len(png) < _PNG_HEAD.size:
        return None
    signature, chunk, width_px, height_px = _PNG_HEAD.unpack_from(png)
    if signature != b"\x89PNG\r\n\x1a\n" or chunk != b"IHDR":
        return None
    try:
        names = ("WIDTH", "HEIGHT", "X_OFFSET", "Z_OFFSET", "SCALE_FACTOR")
        told_width, told_height, x_offset, z_offset, scale = (float(place[name]) for name in names)
    except (KeyError, ValueError):
        return None
    is_same_size = abs(told_width - width_px) <= SIZE_TOLERANCE_PX and abs(told_height - height_px) <= SIZE_TOLERANCE_PX
    is_usable = 0 < width_px <= MAX_PICTURE_PX and 0 < height_px <= MAX_PICTURE_PX and 0.0 < scale < math.inf
    if not (is_same_size and is_usable and math.isfinite(x_offset) and math.isfinite(z_offset)):
        return None
    return MapPicture(png, width_px, height_px, x_offset, z_offset, scale)
