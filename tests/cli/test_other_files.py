"""The commands on tables of other programs: an export of i2 with laps of the demo, and a log with names of its own."""

import json
from itertools import accumulate
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests import recorded
from tests.conftest import main_in_process

pytestmark = pytest.mark.usefixtures("own_tracks")

LAP_TIMES_S = (80.5, 82.25, 81.0)
COLUMNS = ("Time", "Ground Speed", "Throttle Pos", "Brake Pos", "Steering Angle", "Car Coord X", "Car Coord Y",
           "Car Pos Norm", "Num Tires Off Track")  # fmt: skip
HEAD = """\
"Format";"MoTeC CSV File";;;"Workbook";""
"Venue";"demo_ring";;;"Worksheet";""
"Vehicle";"demo_gt3";;;"Vehicle Desc";""
"Driver";"Jo";;;"Engine ID";""
"Log Date";"25.06.2025";;;"Origin Time";"0,000";"s"
"Log Time";"21:00:05";;;"Start Time";"0,000";"s"
"Sample Rate";"10,000";"Hz";;"End Time";"1,0";"s"
"Beacon Markers";"80,500 162,750 243,750"


NAMES
"s";"km/h";"%";"%";"%";"m";"m";"";""


"""
LOG_HEAD = "clock,v,pedal,stop,wheel,minus_x,north,place,out,lap_ms,done,official"
MAP = """\
[columns]
clock = "elapsed"
v = { field = "speed_kmh", unit = "m/s" }
pedal = { field = "gas", scale = 0.01 }
stop = { field = "brake", scale = 0.01 }
wheel = { field = "steer_angle", scale = 0.01 }
minus_x = { field = "world_position_x", scale = -1 }
north = "world_position_z"
place = "normalized_position"
out = "number_of_tyres_out"
lap_ms = "current_time"
done = "completed_laps"
official = { field = "last_time", unit = "s" }
"""


def driven_rows() -> list[list[float]]:
    """The demo's lap, driven in each of :data:`LAP_TIMES_S`: s, km/h, pedals and steering in %, -x, z, place."""
    shown = recorded.recorded_lap()
    places = np.unwrap([one.normalized_position for one in shown], period=1.0)
    values = [
        [
            one.speed_kmh,
            100 * one.gas,
            100 * one.brake,
            100 * one.steer_angle,
            -one.world_position_x,
            one.world_position_z,
        ]
        for one in shown
    ]
    begin, end = np.interp([1.0, 2.0], places, range(len(shown)))
    lines = [0.0, *accumulate(LAP_TIMES_S)]
    times = np.arange(0.0, lines[-1] + 2.0, 0.1)
    laps = np.clip(np.searchsorted(lines, times, side="right") - 1, 0, len(LAP_TIMES_S) - 1)
    at = begin + (times - np.array(lines)[laps]) / np.array(LAP_TIMES_S)[laps] % 1.0 * (end - begin)
    columns = [np.interp(at, range(len(shown)), column) for column in (*np.array(values).T, places)]
    return [[*row[:-1], row[-1] % 1.0] for row in np.column_stack([times, *columns]).tolist()]


@pytest.fixture
def export(tmp_path: Path) -> Path:
    """An export of i2 as written in Germany: three whole laps, told by their beacons."""
    rows = [";".join(f'"{number:.6f}"'.replace(".", ",") for number in (*row, 0)) for row in driven_rows()]
    path = tmp_path / "i2.csv"
    path.write_text(HEAD.replace("NAMES", ";".join(f'"{name}"' for name in COLUMNS)) + "\n".join(rows) + "\n", "cp1252")
    return path


def answer(*arguments: str | Path) -> Any:
    result = main_in_process(*arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def refusal(*arguments: str | Path) -> str:
    """The error of a command that does nothing else."""
    result = main_in_process(*arguments)
    assert (result.returncode > 0, result.stdout) == (True, "")
    return result.stderr


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """The same laps as a log with names that nobody else uses; its lap clock, count and times are the game's."""
    lines = [0.0, *accumulate(LAP_TIMES_S)]
    rows = []
    for time, speed, *others in driven_rows():
        done = int(np.searchsorted(lines[1:], time, side="right"))
        lap = [0, round((time - lines[done]) * 1e3), done, LAP_TIMES_S[done - 1] if done else 0]
        rows.append(",".join(map(str, (time, speed / 3.6, *others, *lap))))
    path = tmp_path / "log.csv"
    path.write_text("\n".join((LOG_HEAD, *rows)), "utf-8")
    return path


@pytest.fixture
def column_map(tmp_path: Path) -> Path:
    path = tmp_path / "columns.toml"
    path.write_text(MAP, "utf-8")
    return path


def check_analyses(*arguments: str | Path) -> None:
    """Laps, comparison, corners and report of a file and its options tell the same laps as were driven."""
    laps = answer("laps", *arguments)
    assert [lap["time_ms"] for lap in laps if lap["valid"]] == [80_500, 82_250, 81_000]
    assert answer("compare", *arguments)["official_delta_s"] == 1.25
    corners = answer("corners", *arguments)["corners"]
    assert sorted(corner["number"] for corner in corners) == [1, 2, 3, 4, 5, 6, 7]
    assert sum(corner["lost_s"]["mean"] for corner in corners) == pytest.approx(1.25, abs=0.5)
    assert len(answer("report", *arguments)["laps"]) == 4
    assert "╍╍ lap 3, 1:21.000" in main_in_process("plot", *arguments).stdout


def test_an_export_of_i2_is_analysed_as_a_recording(export: Path) -> None:
    check_analyses(export)
    (described,) = answer("info", export)
    assert described["cars"] == ["demo_gt3"]


def test_a_log_with_names_of_its_own_is_analysed_with_a_map(log: Path, column_map: Path) -> None:
    check_analyses(log, "--map", column_map)
    assert "its first row names no field" in refusal("laps", log)


def test_an_export_becomes_a_recording_of_ours_with_the_same_laps(export: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    assert main_in_process("convert", export, copy).returncode == 0
    found = [[(lap["number"], lap["time_ms"], lap["valid"]) for lap in answer("laps", path)] for path in (export, copy)]
    assert found[0] == found[1] == [(1, 80_500, True), (2, 82_250, True), (3, 81_000, True), (4, None, False)]


def test_a_map_that_is_wrong_is_refused_with_a_sentence(log: Path, column_map: Path) -> None:
    column_map.write_text('[columns]\nv = "velocity"\n', "utf-8")
    assert "column v: velocity is no field of the game" in refusal("laps", log, "--map", column_map)
    column_map.write_text('[columns]\nnowhere = "speed_kmh"\n', "utf-8")
    assert "log.csv has no column nowhere, which " in refusal("laps", log, "--map", column_map)
    assert "cannot be read" in refusal("laps", log, "--map", column_map.with_name("none.toml"))
