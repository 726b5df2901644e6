"""The geometry of tracks, and the steering lock and brake pedal of cars, as assetto_corsa_gym needs them.

They come from a checkout of assetto_corsa_gym, from the game's own files, or from the demo.
"""

import csv
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from telemetry.base.errors import SourceError, UsageError
from telemetry.base.sanitize import sanitize_filename
from telemetry.base.storage.inside_folder import OutsideFolderError, path_inside
from telemetry.base.storage.regular_file import read_regular_file
from telemetry.base.text_file import MAX_TEXT_BYTES, TextFormatError, read_text
from telemetry.sources.known_tracks import known_geometry
from telemetry.tracks.fast_lane import read_fast_lane
from telemetry.tracks.geometry import CELL_METRES, Floats, Geometry, geometry_around
from telemetry.tracks.track_folder import TrackFolder


@dataclass(frozen=True, slots=True)
class CarMap:
    """What assetto_corsa_gym needs to know about a car."""

    steer_lock: float
    """Degrees of the steering wheel at full lock."""
    brake_axis: Floats
    """The brake's axis, -1 released .. 1 pressed, ascending."""
    brake_pedal: Floats
    """The pedal at each of these, 0..1, ascending."""
    origin: str
    """Where the values come from, for people."""
    assumed: bool = False
    """Whether the lock is a guess."""

    def brake_axis_at(self, pedal: Floats) -> Floats:
        """The axis positions that give these pedal positions."""
        return np.interp(pedal, self.brake_pedal, self.brake_axis)

    def assumption(self, car_model: str) -> str:
        """The warning about an assumed lock."""
        return (
            f"The steering lock of {car_model} is not known and assumed to be {self.steer_lock:g} degrees; steerAngle "
            "depends on it. Set it with --steer-lock, or name a checkout of assetto_corsa_gym with --acgym."
        )


DEFAULT_LOCK_DEG: Final = 450.0
"""Degrees to either side, the lock of most cars."""

_BRAKE_EXPONENT: Final = 2.4
"""The brake map of all cars in assetto_corsa_gym is approximately ((axis + 1) / 2) to this power."""


def full_name(track: str, layout: str) -> str:
    """The name of a track in assetto_corsa_gym."""
    return f"{track}-{layout}" if layout else track


def _is_folder_name(name: str) -> bool:
    """Whether a name in a recording can be that of a folder of the game, and leads to no other."""
    return sanitize_filename(name) == name


def find_geometry(
    track: str, layout: str, *, acgym: Path | None, ac_root: Path | None, tracks: TrackFolder | None = None
) -> Geometry:
    """The geometry of a track: from the checkout if it has the track, else from track files, the game, or the demo.

    Raises :class:`telemetry.UsageError` if the track is not known, and :class:`telemetry.SourceError` for files that
    cannot be read.
    """
    for name in (track, layout):
        if name and not _is_folder_name(name):
            raise UsageError(f"The recording names the track {full_name(track, layout)!r}: {name!r} is no folder name.")
    if acgym is not None:
        configs = _configs(acgym)
        if (configs / "tracks" / f"{full_name(track, layout)}.csv").is_file():
            return _from_checkout(configs, full_name(track, layout))
    if tracks is not None and (kept := tracks.find_geometry(full_name(track, layout), track, layout)) is not None:
        return kept
    if ac_root is not None:
        return _from_game(ac_root, track, layout)
    known = known_geometry(track, layout)
    if known is not None:
        return known
    searched = f" {acgym} does not have it." if acgym is not None else ""
    raise UsageError(
        f"The borders of {full_name(track, layout)} are not known.{searched} Name the game's folder with --ac-root DIR "
        "(the one with content/tracks in it), or a checkout of assetto_corsa_gym that has the track with --acgym DIR."
    )


def find_car(car: str, *, acgym: Path | None, ac_root: Path | None, steer_lock: float | None) -> CarMap:
    """The values of a car; the lock is the user's, else that of the checkout, else that of the game, else assumed.

    Raises :class:`telemetry.UsageError` or :class:`telemetry.SourceError` for a checkout that cannot be read.
    """
    lock, origin, assumed = DEFAULT_LOCK_DEG, "assumed", True
    axis = np.linspace(-1.0, 1.0, 201)
    pedal = ((axis + 1.0) / 2.0) ** _BRAKE_EXPONENT
    if not _is_folder_name(car):
        acgym = ac_root = None  # no file of a game is looked for under a name that could lead anywhere
    folder = _configs(acgym) / "cars" / car if acgym is not None else None
    if folder is not None and (folder / "steer_map.csv").is_file():
        lock, origin, assumed = float(_read_table(folder / "steer_map.csv", "y_points")[-1, 0]), str(folder), False
        if (folder / "brake_map.csv").is_file():
            points = _read_table(folder / "brake_map.csv", "x_points", "y_points")
            axis, pedal = points[:, 0], points[:, 1]
    elif ac_root is not None and (game_lock := _read_game_lock(ac_root, car)) is not None:
        lock, origin, assumed = game_lock, str(ac_root), False
    if steer_lock is not None:
        lock, origin, assumed = steer_lock, "--steer-lock", False
    return CarMap(lock, axis, pedal, origin, assumed)


def write_tables(geometry: Geometry, folder: Path) -> None:
    """Write a track in the files of assetto_corsa_gym: borders, reference line, and the grid of the road."""
    folder.mkdir(parents=True, exist_ok=True)
    names = ("left_border_x", "left_border_y", "right_border_x", "right_border_y", "pos_x", "pos_y")
    # Borders and line that were made here have equally many points.
    rows = np.concatenate([geometry.left, geometry.right, geometry.line], axis=1)
    _write_table(folder / f"{geometry.name}.csv", names, rows)
    _write_table(folder / f"{geometry.name}-racing_line.csv", ("pos_x", "pos_y"), geometry.line)
    (folder / grid_file(geometry.name)).write_bytes(_pickle_grid(geometry))


def grid_file(name: str) -> str:
    """The file name of the grid of a track."""
    return f"{name}_{CELL_METRES}m.pkl"


def _pickle_grid(geometry: Geometry) -> bytes:
    x, y, inside = geometry.grid()
    # The client's range of positions excludes the upper bound: half a cell prevents an extra one by rounding errors.
    bounds = {"min_x": x[0], "min_y": y[0], "max_x": x[-1] + CELL_METRES / 2, "max_y": y[-1] + CELL_METRES / 2}
    data = {"cell_size": CELL_METRES, **{name: float(value) for name, value in bounds.items()}, "grid": inside.ravel()}
    # Its environment runs on NumPy 1, which does not know the module name that NumPy 2 writes.
    return pickle.dumps(data, protocol=2).replace(b"numpy._core", b"numpy.core")


def _configs(acgym: Path) -> Path:
    for folder in (acgym / "assetto_corsa_gym" / "AssettoCorsaConfigs", acgym / "AssettoCorsaConfigs", acgym):
        if (folder / "tracks").is_dir() and (folder / "cars").is_dir():
            return folder
    raise UsageError(f"{acgym} is not a checkout of assetto_corsa_gym: AssettoCorsaConfigs is missing.")


def _from_checkout(configs: Path, name: str) -> Geometry:
    config = _section(configs / "tracks" / "config.yaml", name)
    table = _table_of(configs, config.get("track_file", f"{name}.csv"))
    borders = _read_table(table, "left_border_x", "left_border_y", "right_border_x", "right_border_y")
    line = _read_table(_table_of(configs, config.get("ref_lap_file", f"{name}-racing_line.csv")), "pos_x", "pos_y")
    try:
        length = float(config["TrackLength"]) if "TrackLength" in config else None
    except ValueError:
        where = configs / "tracks" / "config.yaml"
        raise SourceError(f"{where}: the TrackLength of {name} is no number: {config['TrackLength'][:60]!r}.") from None
    return Geometry(name, borders[:, :2], borders[:, 2:], line, length, str(table))


def _table_of(configs: Path, name: str) -> Path:
    """The file of a track that config.yaml names."""
    try:
        return path_inside(configs / "tracks", name)
    except OutsideFolderError as error:
        raise SourceError(f"{configs / 'tracks' / 'config.yaml'} names the file {name!r}, but {error}.") from None


def _from_game(ac_root: Path, track: str, layout: str) -> Geometry:
    content = ac_root if (ac_root / "tracks").is_dir() else ac_root / "content"
    path = content / "tracks" / track / layout / "ai" / "fast_lane.ai"
    if not path.is_file():
        raise UsageError(f"The game's racing line of {full_name(track, layout)} is missing: {path}.")
    points, left, right = read_fast_lane(path)
    line = points[:, [2, 0]]
    direction = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    direction /= np.linalg.norm(direction, axis=1)[:, None]
    to_left = np.stack([-direction[:, 1], direction[:, 0]], axis=1)
    widths = (left[:, None], right[:, None])
    return geometry_around(full_name(track, layout), line, to_left, widths, line, None, str(path))


def _read_game_lock(ac_root: Path, car: str) -> float | None:
    """STEER_LOCK of a car whose data is unpacked; None if there is none."""
    content = ac_root if (ac_root / "cars").is_dir() else ac_root / "content"
    path = content / "cars" / car / "data" / "car.ini"
    try:
        lines = read_regular_file(path, MAX_TEXT_BYTES).decode("utf-8-sig", "replace").splitlines()
    except OSError:
        return None
    for text in lines:
        key, _, value = text.partition("=")
        if key.strip().upper() == "STEER_LOCK":
            try:
                return float(value.partition(";")[0])
            except ValueError:
                return None
    return None


def _read_text(path: Path) -> str:
    try:
        return read_text(path)
    except (OSError, TextFormatError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise SourceError(f"{path} cannot be read: {reason}.") from error


def _section(path: Path, name: str) -> dict[str, str]:
    """The entries of one track in assetto_corsa_gym's config.yaml, which uses only this simple form of YAML."""
    entries: dict[str, str] = {}
    text = _read_text(path)
    inside = False
    for line in text.splitlines():
        if line.strip() and not line[0].isspace():
            inside = line.rstrip().removesuffix(":") == name
        elif inside and ":" in line:
            key, _, value = line.strip().partition(":")
            if value.strip():
                entries[key] = value.strip().strip("'\"")
    return entries


def _read_table(path: Path, *names: str) -> Floats:
    """These columns of a CSV table with a header: (n, k)."""
    lines = [line for line in _read_text(path).splitlines() if line.strip()]
    try:
        rows = [[float(row[name]) for name in names] for row in csv.DictReader(lines, skipinitialspace=True)]
    except (KeyError, TypeError, ValueError, csv.Error) as error:
        raise SourceError(f"{path} must have the columns {', '.join(names)}, with numbers.") from error
    if not rows:
        raise SourceError(f"{path} is empty.")
    return np.array(rows)


def _write_table(path: Path, names: tuple[str, ...], rows: Floats) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows.round(6).tolist())
