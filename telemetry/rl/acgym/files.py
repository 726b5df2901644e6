"""Where the geometry of a track comes from: a checkout of assetto_corsa_gym, the game's own files, or the demo's track.

What is known of a car for assetto_corsa_gym, the lock of its steering and its brake pedal, comes from the same places.
"""

import csv
import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from telemetry.base.errors import SourceError, UsageError
from telemetry.tracks.fast_lane import read_fast_lane
from telemetry.tracks.geometry import CELL_METRES, Floats, Geometry, along, at

DEMO_TRACK: Final = "demo_ring"
"""The track of the built-in demo."""


@dataclass(frozen=True, slots=True)
class CarMap:
    """What assetto_corsa_gym knows of a car."""

    steer_lock: float
    """Degrees of the steering wheel at full lock."""
    brake_axis: Floats
    """The brake's axis, -1 released .. 1 pressed, ascending."""
    brake_pedal: Floats
    """What the pedal is there, 0..1, ascending."""
    origin: str
    """Where it is from, for a person."""
    assumed: bool = False
    """Whether the lock is a guess."""

    def brake_axis_at(self, pedal: Floats) -> Floats:
        """The axis that gives this pedal."""
        return np.interp(pedal, self.brake_pedal, self.brake_axis)


DEFAULT_LOCK: Final = 450.0
"""Degrees that most cars have to either side."""

_BRAKE_EXPONENT: Final = 2.4
"""The brake map of all cars that assetto_corsa_gym ships is about ((axis + 1) / 2) to this power."""


def full_name(track: str, layout: str) -> str:
    """The track as assetto_corsa_gym names it."""
    return f"{track}-{layout}" if layout else track


def find_geometry(track: str, layout: str, *, acgym: Path | None, ac_root: Path | None) -> Geometry:
    """The geometry of a track: from the checkout where it has the track, else from the game, else the demo's own.

    Raises :class:`telemetry.UsageError` where nobody knows the track, and :class:`telemetry.SourceError` for files that
    cannot be read.
    """
    if acgym is not None:
        configs = _configs(acgym)
        if (configs / "tracks" / f"{full_name(track, layout)}.csv").is_file():
            return _from_checkout(configs, full_name(track, layout))
    if ac_root is not None:
        return _from_game(ac_root, track, layout)
    if track == DEMO_TRACK:
        return demo_geometry()
    looked = f" {acgym} does not have it." if acgym is not None else ""
    raise UsageError(
        f"The borders of {full_name(track, layout)} are not known.{looked} Name the game's folder with --ac-root DIR "
        "(the one with content/tracks in it), or a checkout of assetto_corsa_gym that has the track with --acgym DIR."
    )


def find_car(car: str, *, acgym: Path | None, ac_root: Path | None, steer_lock: float | None) -> CarMap:
    """What is known of a car; a lock that the user states comes first, then the checkout's, then the game's."""
    lock, origin, assumed = DEFAULT_LOCK, "assumed", True
    axis = np.linspace(-1.0, 1.0, 201)
    pedal = ((axis + 1.0) / 2.0) ** _BRAKE_EXPONENT
    folder = _configs(acgym) / "cars" / car if acgym is not None else None
    if folder is not None and (folder / "steer_map.csv").is_file():
        lock, origin, assumed = float(_columns(folder / "steer_map.csv", "y_points")[-1, 0]), str(folder), False
        if (folder / "brake_map.csv").is_file():
            points = _columns(folder / "brake_map.csv", "x_points", "y_points")
            axis, pedal = points[:, 0], points[:, 1]
    elif ac_root is not None and (found := _lock_of_game(ac_root, car)) is not None:
        lock, origin, assumed = found, str(ac_root), False
    if steer_lock is not None:
        lock, origin, assumed = steer_lock, "--steer-lock", False
    return CarMap(lock, axis, pedal, origin, assumed)


def demo_geometry() -> Geometry:
    """The demo's own track: its white lines, and its racing line as the reference."""
    from telemetry.demo import demo_track  # noqa: PLC0415 - computed only where the demo was recorded
    from telemetry.demo.circuit import racing_line  # noqa: PLC0415
    from telemetry.demo.track import HALF_WIDTH  # noqa: PLC0415

    track = demo_track()
    centre = np.stack([track.z, track.x], axis=1)
    to_left = np.stack([-np.array(track.tangent_x), np.array(track.tangent_z)], axis=1)
    line = centre + to_left * np.array(racing_line().offset)[:, None]
    return _made(DEMO_TRACK, centre, to_left, HALF_WIDTH, HALF_WIDTH, line, track.length, "the demo's own track")


def write_tables(geometry: Geometry, folder: Path) -> None:
    """Write a track as assetto_corsa_gym's own files have it: borders, reference line, and the grid of its road."""
    folder.mkdir(parents=True, exist_ok=True)
    heads = ("left_border_x", "left_border_y", "right_border_x", "right_border_y", "pos_x", "pos_y")
    # Borders and line have as many points wherever both were made here.
    rows = np.concatenate([geometry.left, geometry.right, geometry.line], axis=1)
    _write(folder / f"{geometry.name}.csv", heads, rows)
    _write(folder / f"{geometry.name}-racing_line.csv", ("pos_x", "pos_y"), geometry.line)
    (folder / grid_file(geometry.name)).write_bytes(_grid(geometry))


def grid_file(name: str) -> str:
    """What the grid of a track is called."""
    return f"{name}_{CELL_METRES}m.pkl"


def _grid(geometry: Geometry) -> bytes:
    x, y, inside = geometry.grid()
    # Its range of places ends before the upper bound: half a cell keeps a rounding error from adding one.
    bounds = {"min_x": x[0], "min_y": y[0], "max_x": x[-1] + CELL_METRES / 2, "max_y": y[-1] + CELL_METRES / 2}
    data = {"cell_size": CELL_METRES, **{name: float(value) for name, value in bounds.items()}, "grid": inside.ravel()}
    # NumPy 2 names its inside so that NumPy 1, which its environment runs on, would not find it.
    return pickle.dumps(data, protocol=2).replace(b"numpy._core", b"numpy.core")


def _configs(acgym: Path) -> Path:
    for folder in (acgym / "assetto_corsa_gym" / "AssettoCorsaConfigs", acgym / "AssettoCorsaConfigs", acgym):
        if (folder / "tracks").is_dir() and (folder / "cars").is_dir():
            return folder
    raise UsageError(f"{acgym} is no checkout of assetto_corsa_gym: there is no AssettoCorsaConfigs in it.")


def _from_checkout(configs: Path, name: str) -> Geometry:
    config = _section(configs / "tracks" / "config.yaml", name)
    table = configs / "tracks" / config.get("track_file", f"{name}.csv")
    borders = _columns(table, "left_border_x", "left_border_y", "right_border_x", "right_border_y")
    line = _columns(configs / "tracks" / config.get("ref_lap_file", f"{name}-racing_line.csv"), "pos_x", "pos_y")
    length = float(config["TrackLength"]) if "TrackLength" in config else None
    return Geometry(name, borders[:, :2], borders[:, 2:], line, length, str(table))


def _from_game(ac_root: Path, track: str, layout: str) -> Geometry:
    content = ac_root if (ac_root / "tracks").is_dir() else ac_root / "content"
    path = content / "tracks" / track / layout / "ai" / "fast_lane.ai"
    if not path.is_file():
        raise UsageError(f"The game's racing line of {full_name(track, layout)} is not there: {path}.")
    points, left, right = read_fast_lane(path)
    line = points[:, [2, 0]]
    way = np.roll(line, -1, axis=0) - np.roll(line, 1, axis=0)
    way /= np.linalg.norm(way, axis=1)[:, None]
    to_left = np.stack([-way[:, 1], way[:, 0]], axis=1)
    return _made(full_name(track, layout), line, to_left, left[:, None], right[:, None], line, None, str(path))


def _made(
    name: str,
    centre: Floats,
    to_left: Floats,
    left: Floats | float,
    right: Floats | float,
    line: Floats,
    length: float | None,
    origin: str,
) -> Geometry:
    """A geometry whose borders and line have points at an even distance along its centre."""
    places = along(centre)
    left_border, right_border = at(centre + to_left * left, places), at(centre - to_left * right, places)
    return Geometry(name, left_border, right_border, at(line, places), length, origin)


def _lock_of_game(ac_root: Path, car: str) -> float | None:
    """STEER_LOCK of a car whose data is unpacked."""
    content = ac_root if (ac_root / "cars").is_dir() else ac_root / "content"
    path = content / "cars" / car / "data" / "car.ini"
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
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


def _section(path: Path, name: str) -> dict[str, str]:
    """The entries of one track in assetto_corsa_gym's config, which needs no more of YAML than this."""
    found: dict[str, str] = {}
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    inside = False
    for line in text.splitlines():
        if line.strip() and not line[0].isspace():
            inside = line.rstrip().removesuffix(":") == name
        elif inside and ":" in line:
            key, _, value = line.strip().partition(":")
            if value.strip():
                found[key] = value.strip().strip("'\"")
    return found


def _columns(path: Path, *names: str) -> Floats:
    """These columns of a table with a header: (n, k)."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            rows = [[float(row[name]) for name in names] for row in csv.DictReader(file, skipinitialspace=True)]
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    except (KeyError, TypeError, ValueError) as error:
        raise SourceError(f"{path} has not the numbers that are expected: {', '.join(names)}.") from error
    if not rows:
        raise SourceError(f"{path} is empty.")
    return np.array(rows)


def _write(path: Path, heads: tuple[str, ...], rows: Floats) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(heads)
        writer.writerows(rows.round(6).tolist())
