"""Tables of other programs as recordings: exports of i2, logs of other readers, maps of columns, folders."""

from pathlib import Path
from random import Random

import numpy as np
import pytest

from telemetry.analysis.quality import analyze_recording
from telemetry.base.errors import SourceError, TelemetryError, UsageError
from telemetry.fields.blocks import Array, Block
from telemetry.formats import is_found_in_folders
from telemetry.recording.interfaces import Source
from telemetry.recording.recorded_laps import find_recorded_laps
from telemetry.sources import open_source

HEAD = """\
"Format","MoTeC CSV File",,,"Workbook",""
"Venue","Spa",,,"Worksheet",""
"Vehicle","ks_abarth500",,,"Vehicle Desc",""
"Driver","J\u00f6rg",,,"Engine ID",""
"Comment","Tires: Street (ST)",,,"Session","PRACTICE"
"Log Date","25.06.2025",,,"Origin Time","0,000","s"
"Log Time","21:00:05",,,"Start Time","0,000","s"
"Sample Rate","20,000","Hz",,"End Time","1,0","s"
"Beacon Markers","8,125 20,250"


"Time","Distance","Ground Speed","Gear","Air Temp","Oil Pres"
"s","m","km/h","","\u00b0C","kPa"


"""


def export(rows: int = 610) -> str:
    each = (f'"{row / 20:.3f}","{row}","{100.5 + row}","3","20.5","1"\n'.replace(".", ",") for row in range(rows))
    return HEAD + "".join(each)


def write(path: Path, text: str, encoding: str = "utf-8") -> Path:
    path.write_bytes(text.encode(encoding))
    return path


def block_of(source: Source) -> Block:
    blocks = source.blocks()
    assert blocks is not None
    return next(iter(blocks))


def column(path: Path, name: str, column_map: Path | None = None) -> Array:
    with open_source(path, column_map=column_map) as source:
        return block_of(source).array(name)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("separator", [",", ";", "\t"])
def test_an_export_of_i2_is_read_in_any_locale(tmp_path: Path, encoding: str, separator: str) -> None:
    text = export().replace('","', f'"{separator}"').replace(",,,", separator * 3).replace(",,", separator * 2)
    path = write(tmp_path / "lap.csv", text.replace("\n", "\r\n"), encoding)
    with open_source(path) as source:
        snapshot = block_of(source).snapshot(1)
        assert {"completed_laps", "current_time", "timestamp", "session"}.isdisjoint(source.missing_fields)
        laps = [(lap.number, lap.time_ms, lap.end) for lap in find_recorded_laps(source)]
        assert source.metadata["other_columns"] == "Distance, Oil Pres"
    assert (snapshot.elapsed, snapshot.speed_kmh, snapshot.gear, snapshot.air_temp) == (0.05, 101.5, 4, 20.5)
    assert (snapshot.player_name, snapshot.track, snapshot.car_model) == ("J\u00f6rg", "Spa", "ks_abarth500")
    assert (snapshot.tyre_compound, snapshot.session) == ("Street (ST)", 0)
    assert laps == [(1, 8125, "line"), (2, 12125, "line"), (3, None, "recording")]


LOG = "speed,throttle,steer,g_force_x,g_force_y,air_temp,current_time_str,normalized_car_position,note\n"


def test_a_log_of_another_reader_is_known_by_common_names(tmp_path: Path) -> None:
    rows = "".join(f"{100 + row},0.5,0.25,0.5,-0.75,0.0,0:0{row // 8}:{row % 8 * 125:03},0.5,x\n" for row in range(20))
    path = write(tmp_path / "log.csv", LOG + rows)
    with open_source(path) as source:
        snapshot = block_of(source).snapshot(9)
        report = analyze_recording(source, path).report
    assert (snapshot.speed_kmh, snapshot.gas, snapshot.steer_angle, snapshot.current_time) == (109.0, 0.5, 0.25, 1125)
    assert (snapshot.acc_g_z, snapshot.acc_g_x) == (0.5, -0.75)
    assert snapshot.elapsed == pytest.approx(1.125)
    assert report.empty_fields == ("air_temp",)


def test_comments_lists_of_numbers_and_integers_taken_for_floats(tmp_path: Path) -> None:
    text = (
        "# Car: ks_abarth500\n# Track: spa\nspeedKmh,carCoordinates,currentTime,lastTime,trackSPlineLength\n"
        '80.5,"[1.5, 2.0, -3.25]",0:07:845,-:--:---,1.8e-44\n'
    )
    snapshot_path = write(tmp_path / "log.csv", text)
    with open_source(snapshot_path) as source:
        snapshot = block_of(source).snapshot(0)
    assert (snapshot.world_position_x, snapshot.world_position_y, snapshot.world_position_z) == (1.5, 2.0, -3.25)
    assert (snapshot.current_time, snapshot.last_time, snapshot.track_spline_length) == (7845, 0, 0.0)
    assert (snapshot.car_model, snapshot.track) == ("ks_abarth500", "spa")


def test_a_map_names_columns_with_unit_scale_and_shift(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "a,b,c,time\n100,212,50,0.5\n")
    columns = write(
        tmp_path / "columns.toml",
        '[columns]\na = {field = "speed_kmh", unit = "mph"}\nb = {field = "brake_temp_fl", unit = "F"}\n'
        'c = {field = "gas", scale = 0.01, shift = 0.25}\ntime = false\n',
    )
    assert column(path, "speed_kmh", columns) == pytest.approx([160.9344])
    assert column(path, "brake_temp", columns)[0, 0] == pytest.approx(100.0)
    assert column(path, "gas", columns) == pytest.approx([0.75])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "it must hold one table, columns"),
        ("columns = 3", "it must hold one table, columns"),
        ('[columns]\na = "velocity"', "column a: velocity is no field"),
        ('[columns]\na = {field = "gas", unit = "psi"}', "column a: psi is no unit"),
        ('[columns]\na = {field = "gas", scale = 0}', "column a: scale and shift must be numbers"),
        ('[columns]\na = {field = "gas", scale = true}', "column a: scale and shift must be numbers"),
        ('[columns]\na = {field = "gas", speed = 1}', "column a: there is no speed"),
        ("[columns", "invalid TOML"),
    ],
)
def test_a_map_that_is_wrong_is_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    path, columns = write(tmp_path / "log.csv", "a\n1\n"), write(tmp_path / "columns.toml", text)
    with pytest.raises(UsageError, match=said):
        open_source(path, column_map=columns)


def test_our_own_table_stays_our_own_with_a_column_that_somebody_added(tmp_path: Path) -> None:
    path = write(tmp_path / "drive.csv", "elapsed,gear,speed_kmh,my_note\n0.0,1,2.5,x\n")
    with open_source(path) as source:
        assert source.foreign_fields == frozenset()
        assert block_of(source).array("gear").tolist() == [1]


def test_a_foreign_table_of_parquet(tmp_path: Path) -> None:
    pa, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "log.parquet"
    values = {"time": [0.0, 0.5], "speed": [10.0, None], "gear": [2, 3], "car": ["a", None], "lap": [1, 1]}
    parquet.write_table(pa.table(values), path)
    with open_source(path) as source:
        block = block_of(source)
        assert np.isnan(block.array("speed_kmh")).tolist() == [False, True]
        assert block.array("elapsed").tolist() == [0.0, 0.5]
        assert (block.array("gear").tolist(), block.array("completed_laps").tolist()) == ([2, 3], [0, 0])
        assert block.texts("car_model").values().tolist() == ["a", ""]


def test_folders_mean_logs_of_others_and_no_copies_of_recordings(tmp_path: Path) -> None:
    assert is_found_in_folders(write(tmp_path / "i2.csv", export(2)))
    assert not is_found_in_folders(write(tmp_path / "table.csv", "a,b\n1,2\n"))
    assert not is_found_in_folders(write(tmp_path / "ours.csv", "elapsed,speed_kmh\n0,1\n"))
    for name in ("drive.mcap", "drive.ld", "drive_2.ld", "friend.ld"):
        write(tmp_path / name, "")
    found = {name: is_found_in_folders(tmp_path / name) for name in ("drive.ld", "drive_2.ld", "friend.ld")}
    assert found == {"drive.ld": False, "drive_2.ld": False, "friend.ld": True}


def test_an_ldx_by_itself_says_what_to_name(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"name the \.ld that it lies beside"):
        open_source(write(tmp_path / "lap.ldx", "<LDXFile/>"))


def test_a_cell_that_is_no_number_is_a_sentence_with_its_line(tmp_path: Path) -> None:
    path = write(tmp_path / "log.csv", "time,speed,throttle\n0,fast,1\n")
    with pytest.raises(SourceError, match=r"line 2: speed is 'fast', but it must be a number or a time"):
        open_source(path)


def test_damaged_tables_are_data_or_an_error_of_ours(tmp_path: Path) -> None:
    random = Random(5)
    goods = [export(30).encode(), (LOG + "1,1,1,1,1,1,0:00:125,0.5,x\n" * 30).encode()]
    for number in range(80):
        data = bytearray(goods[number % 2])
        for _ in range(random.randrange(1, 12)):
            data[random.randrange(len(data))] = random.choice(b'\0\xff",;9e-\n#[' + bytes([random.randrange(256)]))
        path = tmp_path / "in.csv"
        path.write_bytes(data[: random.randrange(1, len(data))] if random.random() < 0.5 else data)
        is_found_in_folders(path)
        try:
            with open_source(path) as source:
                list(find_recorded_laps(source))
        except TelemetryError:
            continue
