"""Tables that are made of recordings, CSV and Parquet, are recordings again; what is wrong in them is told."""

import math
import re
from collections.abc import Collection
from pathlib import Path
from random import Random
from typing import Any

import pytest

import telemetry
from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError
from telemetry.fields.blocks import Block
from telemetry.fields.selection import select
from telemetry.fields.snapshot import Snapshot
from telemetry.formats import find_format
from telemetry.recording.interfaces import Source
from tests.recorded import derived, recorded_lap

LAP = recorded_lap()[:150]
FIVE = ("elapsed", "gear", "speed_kmh", "tyre_wear", "track")
TABLES = (".csv", ".csv.gz", ".parquet")
tables = pytest.mark.parametrize("suffix", TABLES)


def write(path: Path, *, fields: str = "", units: bool = False, comma: bool = False, **changes: Any) -> Path:
    """The lap as a table of these fields, with these values in all its samples."""
    if path.suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    known = find_format(path)
    assert known is not None
    open_sink = known.open_decimal_comma_sink if comma else known.open_sample_sink
    assert open_sink is not None
    names = fields or ",".join(telemetry.Sample.NAMES)
    with open_sink(path, select(names), mode="new", units=units) as sink:
        sink.add_metadata({"driver": "Zoë", "missing_fields": "fuel"} if fields else {})
        for sample in derived([snapshot.replace(**changes) for snapshot in LAP]):
            sink.write(sample)
    return path


def readings_of(source: Source, rate: float | None = None) -> list[Snapshot]:
    return [reading.snapshot for reading in source.readings(Clock(math.inf), rate) if reading.snapshot]


def blocks_of(source: Source, rate: float | None = None, fields: Collection[str] | None = None) -> list[Block]:
    blocks = source.blocks(rate, fields)
    assert blocks is not None
    return list(blocks)


def column(blocks: Collection[Block], name: str) -> list[Any]:
    return [value for block in blocks for value in block.decimals(name).tolist()]


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("a.csv", {}),
        ("a.csv", {"units": True}),
        ("a.csv", {"comma": True}),
        ("a.csv.gz", {"comma": True, "units": True}),
        ("a.parquet", {}),
    ],
)
def test_every_value_comes_back(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    path = write(tmp_path / name, player_name='=1+1, "Zoë"', fuel=math.nan, **options)
    with telemetry.open_source(path) as source:
        found = readings_of(source)
        assert not source.missing_fields
    wanted = [
        row.replace(sequence=at, player_name='=1+1, "Zoë"', fuel=math.nan, elapsed=back.elapsed)
        for at, (row, back) in enumerate(zip(LAP, found, strict=True))
    ]
    assert list(map(repr, found)) == list(map(repr, wanted))
    assert [row.elapsed for row in found] == [row.elapsed for row in LAP]


@tables
@pytest.mark.parametrize("rate", [None, 5.0])
def test_blocks_hold_the_readings_of_a_part(tmp_path: Path, suffix: str, rate: float | None) -> None:
    with telemetry.open_source(write(tmp_path / f"a{suffix}"), begin=3.0, end=9.0) as source:
        readings = readings_of(source, rate)
        assert 10 < len(readings) < 100
        for fields in (None, FIVE):
            blocks = blocks_of(source, rate, fields)
            rows = [block.snapshot(row) for block in blocks for row in range(len(block))]
            assert list(map(repr, rows)) == [repr(row.replace(sequence=at)) for at, row in enumerate(readings)]
            assert column(blocks, "speed_kmh") == [row.speed_kmh for row in readings]
            assert column(blocks, "rpm") == [row.rpm for row in readings]


@tables
def test_a_table_of_chosen_fields_names_those_that_it_lacks(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", fields="speed_kmh,tyre_wear,timestamp,yaw")
    with telemetry.open_source(path) as source:
        assert frozenset(Snapshot.NAMES) - source.missing_fields == {
            *("speed_kmh", "tyre_wear", "timestamp", "heading", "sequence")
        }
        (first, *_), (block,) = readings_of(source), blocks_of(source, fields=FIVE)
        assert (first.gear, first.track, first.heading) == (-1, "", LAP[0].heading)
        assert block.array("elapsed").tolist() == pytest.approx([row.timestamp - LAP[0].timestamp for row in LAP])


def test_a_recording_knows_what_its_parquet_file_says_of_itself(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", fields="*")
    with telemetry.open_source(path) as source:
        assert source.metadata == {"driver": "Zoë", "missing_fields": "fuel"}
        assert source.missing_fields == {"fuel"}
        assert source.complete


@tables
def test_time_that_goes_back_goes_on_where_it_is_played(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"a{suffix}", elapsed=4.0)
    with telemetry.open_source(path) as source:
        assert [row.elapsed for row in readings_of(source)] == [4.0] * len(LAP)
    path = write(tmp_path / f"b{suffix}", elapsed=math.nan)
    with telemetry.open_source(path) as source:
        assert [row.elapsed for row in readings_of(source)[:3]] == pytest.approx([0.0, 0.1, 0.2])


ROWS = "gear,speed_kmh,track\n1,2.5,x\n2,3.5,y\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ROWS + "3,4.5\n", "line 4: it has 2 cells, but the first row has 3"),
        (ROWS + "3,4.5,z,1\n", "line 4: it has 4 cells, but the first row has 3"),
        (ROWS + "3,fast,z\n", "line 4: speed_kmh is 'fast', but it must be a number or empty"),
        (ROWS + "3,true,z\n", "line 4: speed_kmh is 'true', but it must be a number or empty"),
        (ROWS + '3,"""5""",z\n', "line 4: speed_kmh is '\"5\"', but it must be a number or empty"),
        (ROWS + '3,"1,5",z\n', "line 4: speed_kmh is '1,5', but it must be a number or empty"),
        (ROWS + "3,1_0,z\n", "line 4: speed_kmh is '1_0', but it must be a number or empty"),
        (ROWS + "3,nan,z\n", "line 4: speed_kmh is 'nan', but it must be a number or empty"),
        (ROWS + ",4.5,z\n", "line 4: gear is empty, but it must be a whole number that fits the field"),
        (ROWS + "3.5,4.5,z\n", "line 4: gear is '3.5', but it must be a whole number that fits the field"),
        (
            ROWS + "3000000000,4.5,z\n",
            "line 4: gear is '3000000000', but it must be a whole number that fits the field",
        ),
        (ROWS + '3,"4"5,z\n4,5,6\n', "line 4: it is no row of CSV: ',' expected after '\"'"),
    ],
)
def test_a_row_that_is_none_is_told_behind_the_rows_that_are(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    with telemetry.open_source(path) as source:
        found: list[Snapshot] = []
        with pytest.raises(SourceError) as caught:
            found.extend(reading.snapshot for reading in source.readings(Clock(math.inf), None) if reading.snapshot)
        assert str(caught.value) == f"{path}, {message}."
        assert [row.gear for row in found] == [1, 2]


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        (ROWS.replace("\n", "\r\n"), [(1, 2.5, "x"), (2, 3.5, "y")]),
        ("\ufeff" + ROWS, [(1, 2.5, "x"), (2, 3.5, "y")]),
        (ROWS + "\n\n3,1E-05,z\n", [(1, 2.5, "x"), (2, 3.5, "y"), (3, 1e-05, "z")]),
        (ROWS + '+3.0,.5,\'=z\n4,,"a\nb"\n', [(1, 2.5, "x"), (2, 3.5, "y"), (3, 0.5, "=z"), (4, math.nan, "a\nb")]),
        (ROWS + "3,4.5,z", [(1, 2.5, "x"), (2, 3.5, "y")]),
        (ROWS + '3,4.5,"z\n', [(1, 2.5, "x"), (2, 3.5, "y")]),
        ("gear;speed_kmh;track\n1;2,5;x\n2;3;y\n", [(1, 2.5, "x"), (2, 3.0, "y")]),
        ("lap,rpms,gear\n1,2,3\n", [(3, math.nan, "")]),
    ],
)
def test_what_spreadsheets_make_of_a_table_is_read(tmp_path: Path, text: str, rows: list[tuple[Any, ...]]) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(text.encode())
    with telemetry.open_source(path) as source:
        found = [(row.gear, row.speed_kmh, row.track) for row in readings_of(source)]
    assert repr(found) == repr(rows)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("mood,weather\n1,2\n", " is not a CSV file of telemetry: its first row names no field."),
        ("gear,gear\n1,2\n", " cannot be read: it has two columns gear."),
        ("gear\n", " holds no sample."),
    ],
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "a.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(SourceError) as caught:
        telemetry.open_source(path)
    assert str(caught.value) == f"{path}{message}"


def parquet_of(path: Path, columns: dict[str, Any], **options: Any) -> Path:
    pa = pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    pq = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
    pq.write_table(pa.table(columns), path, **options)
    return path


NO_TYPE = " cannot be read: its column {} is of the type {}, but it must hold {}."


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"gear": ["1", "2"]}, NO_TYPE.format("gear", "string", "whole numbers")),
        ({"speed_kmh": [True]}, NO_TYPE.format("speed_kmh", "bool", "numbers")),
        ({"track": [1]}, NO_TYPE.format("track", "int64", "texts")),
        ({"tyre_wear": [1.0]}, NO_TYPE.format("tyre_wear", "double", "lists of 4 numbers")),
        ({"gear": [[1]]}, NO_TYPE.format("gear", "list<element: int64>", "whole numbers")),
        ({"mood": [1]}, " is not a table of telemetry: no column is named like a field."),
        ({"gear": [1, 2, None]}, ", row 3: gear is missing."),
        ({"gear": [1, 2.5]}, ", row 2: gear is 2.5, but it must be a whole number that fits the field."),
        ({"gear": [1, 2**31]}, ", row 2: gear is 2147483648, but it must be a whole number that fits the field."),
        ({"track": ["x", None]}, ", row 2: track is missing."),
        ({"tyre_wear": [[1.0] * 4, [1.0] * 3]}, ", row 2: tyre_wear has a list of 3, but it must have 4 values."),
        ({"tyre_wear": [[1.0] * 4, None]}, ", row 2: tyre_wear is missing."),
    ],
)
def test_a_foreign_parquet_file_that_does_not_fit_is_told(
    tmp_path: Path, columns: dict[str, Any], message: str
) -> None:
    path = parquet_of(tmp_path / "a.parquet", columns)
    with pytest.raises(SourceError) as caught, telemetry.open_source(path) as source:
        readings_of(source)
    assert re.sub(r"<(item|element): ", "<element: ", str(caught.value)) == f"{path}{message}"


def test_a_foreign_parquet_file_that_fits_is_read(tmp_path: Path) -> None:
    pa = pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    columns = {
        "gear": pa.array([1.0, 2.0, 3.0]),
        "packet_id": pa.array([7, 8, 9], pa.uint8()),
        "speed_kmh": pa.array([1, None, 3]),
        "fuel": pa.nulls(3),
        "tyre_wear": pa.array([[1.0, None, 3.0, 4.0]] * 3, pa.large_list(pa.float64())),
        "track": pa.array(["x", "y", "x"]).dictionary_encode(),
        "velocity": pa.array([[1.0, 2.0, 3.0]] * 3, pa.list_(pa.float32(), 3)),
        "elapsed": [0.0, math.inf, 2.0],
    }
    with telemetry.open_source(parquet_of(tmp_path / "a.parquet", columns, row_group_size=2)) as source:
        rows = readings_of(source)
    assert [(row.gear, row.packet_id, row.track, row.velocity_z) for row in rows] == [
        (1, 7, "x", 3.0),
        (2, 8, "y", 3.0),
        (3, 9, "x", 3.0),
    ]
    assert (
        repr([(row.speed_kmh, row.fuel, row.tyre_wear[1]) for row in rows[:2]]) == "[(1.0, nan, nan), (nan, nan, nan)]"
    )
    assert [row.elapsed for row in rows] == [0.0, 0.1, 2.0]


@tables
@pytest.mark.parametrize("seed", range(25))
def test_both_walks_of_a_damaged_table_give_the_same_and_the_same_error(
    damaged_from: dict[str, bytes], tmp_path: Path, suffix: str, seed: int
) -> None:
    data, random = bytearray(damaged_from[suffix]), Random(seed)
    at = random.randrange(len(data))
    match random.choice(["flip", "cut", "repeat", "insert"]):
        case "flip":
            data[at] ^= 1 << random.randrange(8)
        case "cut":
            del data[at : at + random.choice([1, 50, len(data)])]
        case "repeat":
            data[at:at] = data[at : at + random.randrange(1, 500)]
        case _:
            data[at:at] = random.randbytes(random.randrange(1, 5))
    path = tmp_path / f"a{suffix}"
    path.write_bytes(data)
    try:
        source = telemetry.open_source(path)
    except SourceError:
        return  # it is refused as a whole
    with source:
        rows, row_error = until_error(source)
        values, block_error = speeds_until_error(source)
    assert block_error == row_error
    assert str(path) in row_error or not row_error
    assert values[: len(rows)] == [repr(row.speed_kmh) for row in rows]
    if suffix == ".parquet":  # its pages have checksums
        assert [row.speed_kmh for row in rows] == [row.speed_kmh for row in LAP[: len(rows)]]


@pytest.fixture(scope="module")
def damaged_from(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The bytes of whole tables of some fields."""
    folder = tmp_path_factory.mktemp("tables")
    made = {}
    for suffix in TABLES:
        path = write(folder / f"a{suffix}", fields="elapsed,packet_id,speed_kmh,gear,tyre_wear,track")
        made[suffix] = path.read_bytes()
    return made


def until_error(source: Source) -> tuple[list[Snapshot], str]:
    found: list[Snapshot] = []
    try:
        for reading in source.readings(Clock(math.inf), None):
            assert reading.snapshot is not None
            found.append(reading.snapshot)
    except SourceError as error:
        return found, str(error)
    return found, ""


def speeds_until_error(source: Source) -> tuple[list[str], str]:
    found: list[str] = []
    blocks = source.blocks()
    assert blocks is not None
    try:
        for block in blocks:
            found += map(repr, block.decimals("speed_kmh").tolist())
    except SourceError as error:
        return found, str(error)
    return found, ""


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_only_what_is_asked_for_is_checked(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    if suffix == ".parquet":
        parquet_of(path, {"gear": [1] * 999, "session": [1] * 998 + [None]})
    else:
        path.write_text("gear,session\n" + "1,1\n" * 998 + "1,x\n", encoding="utf-8")
    with telemetry.open_source(path) as source:
        (block,) = blocks_of(source, fields=("gear",))
        assert block.array("gear").tolist() == [1] * 999
        with pytest.raises(SourceError, match=r"(row 999|line 1000): session is"):
            block.array("session")
