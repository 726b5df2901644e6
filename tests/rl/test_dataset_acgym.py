import csv
import json
import math
import pickle
import struct
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import telemetry
from telemetry.demo import demo_track
from telemetry.rl.acgym.columns import REQUIRED, episode_columns
from telemetry.rl.acgym.exporter import AcgymExporter
from telemetry.rl.acgym.files import find_car, find_geometry, write_tables
from telemetry.rl.datasets.build import BuildRequest, BuildResult, build_dataset
from telemetry.rl.datasets.consistency import Check, check_columns
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig
from telemetry.sources.known_tracks import demo_geometry
from telemetry.tracks.fast_lane import read_fast_lane
from telemetry.tracks.geometry import Geometry
from tests.recorded import LAP, recorded_lap, write
from tests.rl.test_dataset_episodes import cut, rows_of

CLOCK = telemetry.Clock(math.inf)


@cache
def episode() -> Episode:
    (found,), _ = cut(LAP, EpisodeConfig(kind="stint", smooth_frames=True))
    return found


@cache
def columns() -> dict[str, Any]:
    car = find_car("demo_gt3", acgym=None, ac_root=None, steer_lock=320.0)
    return episode_columns(episode(), demo_geometry(), car, 25.0)


def checks(**changes: Any) -> dict[str, Check]:
    found = check_columns([{**columns(), **changes}], 25.0, demo_geometry())
    return {check.name: check for check in found}


def failed(**changes: Any) -> set[str]:
    return {name for name, check in checks(**changes).items() if check.failed}


def test_a_drive_passes_every_check() -> None:
    found = checks()
    assert [check.sentence for check in found.values() if check.failed] == []
    assert [name for name, check in found.items() if check.value is None] == []
    slopes = ("speed", "yaw rate", "forward speed", "side speed", "longitudinal g", "lateral g")
    assert {name: round(found[name].value or 0.0, 1) for name in slopes} == dict.fromkeys(slopes, 1.0)


@pytest.mark.parametrize(
    ("column", "check"),
    [
        ("yaw", "course"),
        ("angular_velocity_y", "yaw rate"),
        ("local_velocity_x", "forward speed"),
        ("local_velocity_y", "side speed"),
        ("accelX", "lateral g"),
        ("accelY", "longitudinal g"),
        ("steerAngle", "steering"),
        ("brakeStatus", "brake"),
        ("accStatus", "throttle"),
        ("gap", "gap"),
        ("world_position_x", "course"),
        ("world_position_y", "course"),
    ],
)
def test_a_flipped_sign_is_found(column: str, check: str) -> None:
    assert check in failed(**{column: -columns()[column]})


def test_flipped_slip_angles_rays_and_a_lap_run_backwards_are_found() -> None:
    own = columns()
    angles = {name: -own[name] for name in own if name.startswith("SlipAngle")}
    assert failed(**angles) == {"slip angle"}
    assert failed(sensors=own["sensors"][:, ::-1]) == {"rays"}
    assert "direction of the line" in failed(rl_point=own["rl_point"][::-1])


def test_wrong_units_permuted_axes_and_another_rate_are_found() -> None:
    own = columns()
    assert {"speed", "forward speed"} <= failed(speed=own["speed"] * 3.6)
    assert "course" in failed(world_position_x=own["world_position_y"], world_position_y=own["world_position_x"])
    assert "lateral g" in failed(accelX=own["accelX"] * 9.81)
    late = own["timestamp_env"].copy()
    late[500:] += 0.003
    assert failed(timestamp_env=late) == {"grid"}
    assert failed(currentTime=own["currentTime"] * 1e3) == {"lap clock"}
    assert "road" in failed(out_of_track_calc=np.ones_like(own["gap"]))


def test_what_the_car_never_did_is_not_judged() -> None:
    standing = {name: values[:20] for name, values in columns().items()}
    found = check_columns([standing], 25.0, demo_geometry())
    assert {check.name for check in found if check.value is not None} == {"grid"}


def test_columns_are_the_games_values_in_its_signs() -> None:
    own, samples = columns(), episode().samples
    row = 1000
    one = rows_of(samples)[row]
    assert set(REQUIRED) <= set(own)
    expected = {
        "steps": row + 1,
        "world_position_x": one.world_position_z,
        "world_position_y": one.world_position_x,
        "world_position_z": one.world_position_y,
        "yaw": -one.heading,
        "speed": one.speed_kmh / 3.6,
        "local_velocity_x": one.local_velocity_z,
        "local_velocity_y": one.local_velocity_x,
        "accelX": one.acc_g_x,
        "accelY": one.acc_g_z,
        "steerAngle": one.steer_angle * 320.0,
        "actualGear": one.gear,
        "LapDist": one.normalized_position * one.track_spline_length,
        "current_action_abs_1": 2.0 * one.gas - 1.0,
        "fl_tire_temperature_core": one.tyre_core_temp[0],
        "tyreContactHeading_RR_z": one.tyre_contact_heading[3][2],
    }
    assert {name: own[name][row] for name in expected} == expected
    assert own["CamberRad"][row].tolist() == [
        one.camber_rad[0],
        -one.camber_rad[1],
        one.camber_rad[2],
        -one.camber_rad[3],
    ]
    speed, gap = own["speed"], own["gap"]
    assert own["reward"].tolist() == (3.6 * speed * (1.0 - np.abs(gap) / 12.0) / 300.0).tolist()
    assert own["TimeLimit.truncated"].tolist() == [False] * (len(samples) - 1) + [True]
    empty = {name for name, values in own.items() if not np.isfinite(values).all()}
    assert empty == {"Mz", "Dy_fl", "Dy_fr", "Dy_rl", "Dy_rr", "tyre_loaded_radius"}


def made(out: Path, *recordings: Path, **options: Any) -> BuildResult:
    request = BuildRequest(format="assetto_corsa_gym", recordings=recordings, output=out, **options)
    found = build_dataset(request, CLOCK)
    assert isinstance(found, BuildResult)
    return found


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> BuildResult:
    """Forty seconds of the recorded lap as assetto_corsa_gym has them."""
    pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    folder = tmp_path_factory.mktemp("acgym")
    return made(folder / "out", write(folder / "short.jsonl", list(recorded_lap()[:400])), steer_lock=320.0)


def test_pyarrow_reads_the_states_with_the_types_of_its_own(exported: BuildResult) -> None:
    import pyarrow.parquet as pq

    out = exported.path
    began = datetime.fromtimestamp(recorded_lap()[0].timestamp, UTC)
    day, name = f"{began:%Y%m%d}", f"{began:%Y%m%d_%H%M%S.%f}"[:-3] + "_states.parquet"
    laps = out / "demo_ring" / "demo_gt3" / f"{day}_DD" / "laps"
    assert sorted(path.name for path in laps.iterdir()) == [name, "static_info.json"]
    table = pq.read_table(laps / name)
    assert (table.num_rows, table.num_columns) == (998, 110)
    kinds = {name: str(table.schema.field(name).type) for name in ("steps", "gap", "TimeLimit.truncated", "sensors")}
    assert kinds == {  # Parquet names the elements
        "steps": "int64", "gap": "double", "TimeLimit.truncated": "bool", "sensors": "list<element: double>",
    }  # fmt: skip
    rows = table.to_pylist()
    assert {len(row["sensors"]) for row in rows} == {11}
    assert [row["speed"] for row in rows] == columns()["speed"][:998].tolist()
    static = json.loads((laps / "static_info.json").read_text())
    assert (static["TrackFullName"], static["CarName"], static["TrackLength"]) == ("demo_ring", "demo_gt3", 3225.1326)
    snippet = f"demo_ring:\n  demo_gt3:\n    - {{id: {day}_DD, type: human, data_type: parquet}}\n"
    assert (out / "ac_offline_train_paths.yml").read_text() == snippet
    assert exported.message == f"For ac_offline_train_paths.yml:\n{snippet}"
    quality = json.loads((out / "quality.json").read_text())
    (recording,) = quality["recordings"]
    assert [check["failed"] for check in recording["checks"]] == [False] * len(checks())
    assert recording["episodes"][0]["file"] == (laps / name).relative_to(out).as_posix()
    assert "# Driving in Assetto Corsa" in (out / "README.md").read_text()


def test_pandas_gives_what_its_environment_divides(exported: BuildResult) -> None:
    pd = pytest.importorskip("pandas", reason="there is no pandas for this Python")
    (path,) = exported.path.rglob("*_states.parquet")
    states = pd.read_parquet(path, engine="pyarrow").to_dict(orient="records")
    assert (states[7]["sensors"] / 200.0).shape == (11,)
    assert float(np.diff([state["timestamp_env"] for state in states]).max()) == pytest.approx(0.04, abs=1e-9)


def test_columns_that_do_not_fit_are_refused_and_written_only_when_forced(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    wrong = tmp_path / "wrong.jsonl"
    with telemetry.open_sink(wrong) as sink:
        before = None
        for snapshot in recorded_lap()[:400]:
            before = telemetry.derive(snapshot.replace(acc_g_x=-snapshot.acc_g_x), before)
            sink.write(before)
    told: list[str] = []
    request = BuildRequest(format="assetto_corsa_gym", recordings=(wrong,), output=tmp_path / "out")
    with pytest.raises(telemetry.SourceError, match="No dataset was made"):
        build_dataset(request, CLOCK, done=lambda piece: told.append(piece.error))
    assert told[0].startswith("wrong.jsonl: consistency checks failed; nothing was written. lateral g:")
    assert [path.name for path in tmp_path.iterdir()] == ["wrong.jsonl"]
    (piece,) = made(tmp_path / "out", wrong, force=True).results
    assert [text.partition(":")[0] for text in piece.warnings if " must be from " in text] == [
        "lateral g",
        "slip angle",
    ]


# Tracks


def test_the_demos_line_runs_between_its_borders() -> None:
    geometry = demo_geometry()
    assert (len(geometry.line) - 1) % 10 == 0, "assetto_corsa_gym fails where it has to add the last point"
    assert not geometry.off_track(geometry.line).any()
    gap, point = geometry.gaps(geometry.line[1:-1])
    assert np.abs(gap).max() < 1e-9
    assert np.abs(point - np.arange(1, len(geometry.line) - 1)).max() <= 1
    assert geometry.length == demo_track().length


@pytest.mark.parametrize("line", [0.03, 0.5, 0.8])
def test_borders_and_line_of_the_demo_begin_where_its_spline_begins(line: float) -> None:
    geometry, track = find_geometry("demo_ring", f"line_{line}", acgym=None, ac_root=None), demo_track()
    assert geometry.name == f"demo_ring-line_{line}"
    x, _, z, tangent_x, tangent_z = track.place(-line * track.length, 0.0)
    middle = (geometry.left[0] + geometry.right[0]) / 2.0 - [z, x]
    assert abs(middle @ [tangent_z, tangent_x]) <= 1.01  # half the distance of two points
    assert not geometry.off_track(geometry.line).any()
    assert len(geometry.line) == len(demo_geometry().line)


def test_a_layout_that_the_demo_does_not_have_has_no_borders() -> None:
    with pytest.raises(telemetry.UsageError, match=r"^The borders of demo_ring-short are not known\."):
        find_geometry("demo_ring", "short", acgym=None, ac_root=None)


def square() -> Geometry:
    """A straight of ten metres' width along x, from 0 to 100."""
    points = np.linspace([0.0, 0.0], [100.0, 0.0], 101)
    return Geometry("straight", points + np.array([0.0, 5.0]), points - np.array([0.0, 5.0]), points, 100.0, "here")


def test_rays_gaps_and_the_road_on_a_straight() -> None:
    geometry = square()
    places = np.array([[50.5, 0.0], [50.5, -2.0], [50.5, 7.0]])
    rays = geometry.rays(places, np.zeros(3))
    assert rays[1, [0, 10]].tolist() == pytest.approx([3.0, 7.0])
    assert rays[0, [1, 5]].tolist() == pytest.approx([5.0 / math.cos(math.radians(18)), 200.0])
    gap, point = geometry.gaps(places)
    assert gap.tolist() == pytest.approx([0.0, 2.0, -7.0]), "+ to the right"
    assert point.tolist() == [50, 50, 50]
    assert geometry.off_track(places).tolist() == [False, False, True]


def fast_lane(folder: Path) -> Path:
    """The demo's centre line as the game keeps one, with borders 5 m to the left and 7 m to the right."""
    track = demo_track()
    path = folder / "content" / "tracks" / "somewhere" / "short" / "ai" / "fast_lane.ai"
    path.parent.mkdir(parents=True)
    count = len(track.x)
    points = b"".join(struct.pack("<4fi", track.x[i], track.y[i], track.z[i], 2.0 * i, i) for i in range(count))
    details = struct.pack("<18f", 50.0, 1.0, 0.0, 0.0, 0.0, 5.0, 7.0, *[0.0] * 11) * count
    path.write_bytes(struct.pack("<4i", 7, count, 0, 0) + points + struct.pack("<i", count) + details)
    return path


def test_the_games_own_racing_line_gives_borders(tmp_path: Path) -> None:
    path = fast_lane(tmp_path)
    points, left, right = read_fast_lane(path)
    assert (len(points), set(left.tolist()), set(right.tolist())) == (len(demo_track().x), {5.0}, {7.0})
    geometry = find_geometry("somewhere", "short", acgym=None, ac_root=tmp_path)
    assert (geometry.name, geometry.origin) == ("somewhere-short", str(path))
    # The demo drives towards +z on its main straight: its left is the game's +x, which is +y here.
    place = np.array([[0.0, 0.0]])
    rays = geometry.rays(place, np.zeros(1))[0]
    assert rays[[0, 10]].tolist() == pytest.approx([7.0, 5.0], abs=0.01)


@pytest.mark.parametrize("damage", ["short", "version", "count"])
def test_a_racing_line_that_is_none_is_refused(damage: str, tmp_path: Path) -> None:
    path = fast_lane(tmp_path)
    data = bytearray(path.read_bytes())
    if damage == "short":
        data = data[:-8]
    elif damage == "version":
        data[0] = 9
    else:
        data[4:8] = struct.pack("<i", 12)
    path.write_bytes(data)
    with pytest.raises(telemetry.SourceError, match="is not a racing line of the game as it is known, version 7"):
        read_fast_lane(path)


def checkout(folder: Path) -> Path:
    """A checkout of assetto_corsa_gym that knows the demo's track and car."""
    configs = folder / "assetto_corsa_gym" / "AssettoCorsaConfigs"
    write_tables(demo_geometry(), configs / "tracks")
    (configs / "tracks" / "config.yaml").write_text(
        "monza:\n  TrackLength: 1\n\ndemo_ring:\n  track_file: demo_ring.csv\n"
        "  ref_lap_file: demo_ring-racing_line.csv\n  TrackLength: 3225.0\n"
    )
    car = configs / "cars" / "demo_gt3"
    car.mkdir(parents=True)
    (car / "steer_map.csv").write_text("x_points,y_points\n-1.0,-240.\n 1.0,240.")
    (car / "brake_map.csv").write_text("x_points,y_points\n-1.0,0.0\n0.0,0.25\n1.0,1.0\n")
    return folder


def test_tables_that_windows_wrote_are_read(tmp_path: Path) -> None:
    configs = checkout(tmp_path) / "assetto_corsa_gym" / "AssettoCorsaConfigs"
    names = ("tracks/config.yaml", "tracks/demo_ring.csv", "cars/demo_gt3/steer_map.csv", "cars/demo_gt3/brake_map.csv")
    for path in (configs / name for name in names):
        text = path.read_text().replace("monza:\n  TrackLength: 1\n\n", "")
        path.write_bytes("\ufeff".encode() + text.replace("\n", "\r\n").encode() + b"\r\n  \r\n")
    geometry = find_geometry("demo_ring", "", acgym=tmp_path, ac_root=None)
    assert geometry.length == 3225.0
    assert find_car("demo_gt3", acgym=tmp_path, ac_root=None, steer_lock=None).steer_lock == 240.0
    steer_map = configs / "cars" / "demo_gt3" / "steer_map.csv"
    steer_map.write_text("x_points,y_points\n-1.0,-240.\n 1.0,240.", encoding="utf-16")
    with pytest.raises(telemetry.SourceError, match=r"steer_map\.csv cannot be read: it is text in UTF-16, "):
        find_car("demo_gt3", acgym=tmp_path, ac_root=None, steer_lock=None)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("track_file: demo_ring.csv", "track_file: ../../secret.csv", "names the file .*, but it goes up with"),
        ("track_file: demo_ring.csv", "track_file: /etc/passwd", "names the file '/etc/passwd', but it is absolute"),
        ("TrackLength: 3225.0", "TrackLength: long", "the TrackLength of demo_ring is no number: 'long'"),
    ],
)
def test_a_checkout_names_its_own_files_and_numbers(tmp_path: Path, old: str, new: str, said: str) -> None:
    config = checkout(tmp_path) / "assetto_corsa_gym" / "AssettoCorsaConfigs" / "tracks" / "config.yaml"
    config.write_text(config.read_text().replace(old, new))
    with pytest.raises(telemetry.SourceError, match=said):
        find_geometry("demo_ring", "", acgym=tmp_path, ac_root=None)


def test_a_table_with_a_cell_that_is_too_long_is_refused(tmp_path: Path) -> None:
    table = checkout(tmp_path) / "assetto_corsa_gym" / "AssettoCorsaConfigs" / "tracks" / "demo_ring.csv"
    table.write_text(table.read_text() + "0" * 200_000)
    with pytest.raises(telemetry.SourceError, match=r"demo_ring\.csv must have the columns left_border_x, "):
        find_geometry("demo_ring", "", acgym=tmp_path, ac_root=None)


def test_a_racing_line_that_is_no_number_is_refused_without_a_warning(tmp_path: Path) -> None:
    path = fast_lane(tmp_path)
    data = bytearray(path.read_bytes())
    data[16:20] = (0x7F800001).to_bytes(4, "little")  # a NaN that NumPy warns about when it converts it
    path.write_bytes(data)
    with pytest.raises(telemetry.SourceError, match="has implausible track widths"):
        read_fast_lane(path)


def test_a_grid_says_where_the_road_is_and_numpy_1_can_read_it(tmp_path: Path) -> None:
    geometry = demo_geometry()
    write_tables(geometry, tmp_path)
    data = (tmp_path / "demo_ring_0.5m.pkl").read_bytes()
    assert b"numpy._core" not in data
    grid = pickle.loads(data.replace(b"numpy.core", np.zeros(0).__reduce__()[0].__module__.rpartition(".")[0].encode()))
    x = np.arange(grid["min_x"], grid["max_x"], grid["cell_size"])
    y = np.arange(grid["min_y"], grid["max_y"], grid["cell_size"])
    inside = grid["grid"].reshape(len(y), len(x))
    assert (inside[[0, 0, -1, -1], [0, -1, 0, -1]] == 0).all()
    rows, columns = np.random.default_rng(1).integers([len(y), len(x)], size=(2000, 2)).T
    places = np.stack([x[columns], y[rows]], axis=1)
    assert (inside[rows, columns] == ~geometry.off_track(places)).all()
    assert inside[tuple(np.rint((geometry.line[:, ::-1] - [y[0], x[0]]) / 0.5).astype(int).T)].all()


def test_a_checkout_gives_tracks_and_cars_and_its_tables_are_read_as_they_were_written(tmp_path: Path) -> None:
    folder = checkout(tmp_path)
    geometry, own = find_geometry("demo_ring", "", acgym=folder, ac_root=None), demo_geometry()
    assert geometry.length == 3225.0
    for name in ("left", "right", "line"):
        assert np.abs(getattr(geometry, name) - getattr(own, name)).max() < 1e-6
    car = find_car("demo_gt3", acgym=folder, ac_root=None, steer_lock=None)
    assert (car.steer_lock, car.assumed) == (240.0, False)
    assert car.brake_axis_at(np.array([0.0, 0.25, 0.625])).tolist() == [-1.0, 0.0, 0.5]
    assert find_car("demo_gt3", acgym=folder, ac_root=None, steer_lock=300.0).steer_lock == 300.0
    assert find_car("else", acgym=folder, ac_root=None, steer_lock=None).assumed
    with (folder / "assetto_corsa_gym" / "AssettoCorsaConfigs" / "tracks" / "demo_ring.csv").open() as file:
        heads = next(csv.reader(file))
    assert heads == ["left_border_x", "left_border_y", "right_border_x", "right_border_y", "pos_x", "pos_y"]


def test_the_lock_of_an_unpacked_car_is_the_games(tmp_path: Path) -> None:
    data = tmp_path / "content" / "cars" / "mine" / "data"
    data.mkdir(parents=True)
    (data / "car.ini").write_text("[CONTROLS]\nFFMULT=3.2\nSTEER_LOCK=380 ; degrees\n")
    assert find_car("mine", acgym=None, ac_root=tmp_path, steer_lock=None).steer_lock == 380.0


@pytest.mark.parametrize("name", ["../elsewhere", "a/b", "/root", "con", "C:x", "..", "dot."])
def test_no_file_is_looked_for_under_a_name_that_is_no_folders(tmp_path: Path, name: str) -> None:
    data = tmp_path / "content" / "cars" / "mine" / "data"
    data.mkdir(parents=True)
    (data / "car.ini").write_text("STEER_LOCK=380\n")
    (tmp_path / "content" / "cars" / "elsewhere").mkdir()
    with pytest.raises(telemetry.UsageError, match=f"{name!r} is no folder name"):
        find_geometry(name, "", acgym=None, ac_root=tmp_path)
    with pytest.raises(telemetry.UsageError, match=f"{name!r} is no folder name"):
        find_geometry("spa", name, acgym=None, ac_root=tmp_path)
    assert find_car(name, acgym=None, ac_root=tmp_path, steer_lock=None).assumed
    assert find_car("elsewhere/../mine", acgym=None, ac_root=tmp_path, steer_lock=None).assumed


def test_a_track_that_nobody_knows_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(telemetry.UsageError, match=r"^The borders of spa are not known\. Name the game's folder"):
        find_geometry("spa", "", acgym=None, ac_root=None)
    with pytest.raises(telemetry.UsageError, match=r"is missing: .*fast_lane.ai"):
        find_geometry("spa", "", acgym=None, ac_root=tmp_path)
    with pytest.raises(telemetry.UsageError, match="is not a checkout of assetto_corsa_gym"):
        find_geometry("spa", "", acgym=tmp_path, ac_root=None)
    exporter = AcgymExporter(acgym=tmp_path / "none")
    pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    with pytest.raises(telemetry.UsageError, match=r"--acgym .*none: there is no such folder"):
        exporter.check()
