import io
import math
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import telemetry
from ac_native_memory import Pages
from telemetry.fields.blocks import DistinctPages, PageBlock
from telemetry.fields.columns import Columns, derive_columns
from telemetry.fields.schema import Field
from telemetry.fields.selection import select
from telemetry.fields.snapshot import encode
from telemetry.formats.parquet.sink import create
from tests.conftest import sample_of, snapshot_of
from tests.fields.test_snapshot import any_pages
from tests.formats.column_writes import walks_of, walks_of_drive, write_blocks, write_samples
from tests.recorded import derived, recorded_lap

pa = pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
pq = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")


@pytest.fixture(scope="module")
def lap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded lap as Parquet."""
    path = tmp_path_factory.mktemp("parquet") / "lap.parquet"
    with create(path) as sink:
        for sample in derived(recorded_lap()):
            sink.write(sample)
    assert sink.size == path.stat().st_size
    return path


def written(path: Path, fields: str, *samples: telemetry.Sample) -> Any:
    with create(path, select(fields)) as sink:
        for sample in samples:
            sink.write(sample)
    return pq.read_table(path)


def test_columns_have_the_types_of_their_fields(lap: Path) -> None:
    schema = pq.read_schema(lap)
    assert schema.names == list(telemetry.Sample.NAMES)
    expected = {
        "timestamp": pa.float64(),
        "elapsed": pa.float64(),
        "sequence": pa.int64(),
        "speed_kmh": pa.float32(),
        "gear": pa.int32(),
        "car_model": pa.string(),
        "is_lap_valid": pa.bool_(),
        "wheel_slip": pa.list_(pa.float32(), 4),
        "wheel_locked": pa.list_(pa.bool_(), 4),
        "car_damage": pa.list_(pa.float32(), 5),
        "tyre_contact_point": pa.list_(pa.list_(pa.float32(), 3), 4),
        "slip_ratio": pa.list_(pa.float32(), 4),
        "physics_steps": pa.int32(),
    }
    assert {name: schema.field(name).type for name in expected} == expected


def test_units_and_meanings_are_with_the_columns_and_the_drive_with_the_file(lap: Path) -> None:
    schema = pq.read_schema(lap)
    assert schema.field("wheel_pressure").metadata == {
        b"unit": b"psi",
        b"meaning": b"tyre pressure now, hot",
        b"group": b"physics",
        b"sdk_name": b"wheelsPressure",
    }
    assert schema.field("tyre_core_temp").metadata[b"unit"].decode() == "°C"
    about = schema.metadata
    assert about.pop(b"created_by").startswith(b"ac-telemetry ")
    assert about == {
        b"game": b"Assetto Corsa",
        b"car_model": b"demo_gt3",
        b"track": b"demo_ring",
        b"track_configuration": b"",
        b"session_name": b"practice",
        b"player_name": b"Demo Driver",
        b"tyre_compound": b"Slicks Medium (M)",
    }


def test_every_value_of_the_game_comes_back(lap: Path) -> None:
    samples = list(derived(recorded_lap()))
    table = pq.read_table(lap)
    for field in telemetry.Snapshot.FIELDS:
        found = table.column(field.name).to_pylist()
        values = [getattr(sample, field.name) for sample in samples]
        if field.dtype == "number":
            narrow = np.float64 if field.group == "sample" else np.float32
            assert np.array_equal(np.array(found, narrow), np.array(values, narrow)), field.name
        else:
            assert found == values, field.name


def test_a_minute_is_a_row_group_and_numbers_are_split_into_bytes(lap: Path) -> None:
    metadata = pq.ParquetFile(lap).metadata
    assert [metadata.row_group(number).num_rows for number in range(metadata.num_row_groups)] == [601, 238]
    group = metadata.row_group(0)
    columns = {column["path_in_schema"]: column for column in map(lambda i: group.column(i).to_dict(), range(100))}  # noqa: C417
    assert {column["compression"] for column in columns.values()} == {"ZSTD"}
    assert "BYTE_STREAM_SPLIT" in columns["speed_kmh"]["encodings"]
    assert "BYTE_STREAM_SPLIT" in columns["wheel_load.list.element"]["encodings"]
    assert "DELTA_BINARY_PACKED" in columns["packet_id"]["encodings"]
    assert "RLE_DICTIONARY" in columns["gear"]["encodings"]


def test_nan_and_infinity_become_null(tmp_path: Path) -> None:
    odd = sample_of(fuel=math.nan, gas=math.inf, wheel_load=(1.0, math.nan, 3.0, 4.0), brake=1e300)
    table = written(
        tmp_path / "a.parquet", "fuel,gas,brake,wheel_load,steer_degrees,slip_ratio,physics_steps,track", odd
    )
    assert table.to_pylist() == [
        {
            "fuel": None,
            "gas": None,
            "brake": None,
            "wheel_load": [1.0, None, 3.0, 4.0],
            "steer_degrees": None,
            "slip_ratio": [None, None, None, None],
            "physics_steps": None,
            "track": "demo_ring",
        }
    ]


def test_columns_have_the_names_that_were_asked_for_and_a_vector_is_one_column(tmp_path: Path) -> None:
    table = written(tmp_path / "a.parquet", "yaw,velocity", sample_of(heading=0.5, velocity_y=2.0))
    assert table.to_pylist() == [{"yaw": 0.5, "velocity": [0.0, 2.0, 0.0]}]


def test_a_file_without_samples_has_its_columns(tmp_path: Path) -> None:
    table = written(tmp_path / "a.parquet", "gas,track")
    assert (table.num_rows, table.column_names) == (0, ["gas", "track"])


def test_duckdb_reads_it_arrays_and_all(lap: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="there is no duckdb for this Python")
    samples = list(derived(recorded_lap()))
    (found,) = duckdb.sql(
        "select count(*), max(speed_kmh), max(wheel_load[1]), max(tyre_contact_point[4][2]), bool_and(is_lap_valid), "
        f"count(steer_degrees), any_value(track), typeof(any_value(wheel_load)) from '{lap}'"
    ).fetchall()
    assert found[4:] == (True, 0, "demo_ring", "FLOAT[]")
    assert found[:4] == pytest.approx(
        (
            839,
            max(sample.speed_kmh for sample in samples),
            max(sample.wheel_load[0] for sample in samples),
            max(sample.tyre_contact_point[3][1] for sample in samples),
        )
    )


def test_a_number_out_of_range_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(telemetry.SinkError, match=r"Writing to .*a\.parquet ended: "):
        written(tmp_path / "a.parquet", "gear", sample_of(gear=1 << 40))


def test_it_is_not_for_recording(tmp_path: Path) -> None:
    with pytest.raises(telemetry.UsageError, match=r"cannot be read when its recording was killed\. Record to \.mcap"):
        telemetry.open_sink(tmp_path / "a.parquet")


def test_without_pyarrow_it_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(telemetry.UsageError) as caught:
        create(tmp_path / "a.parquet")
    assert str(caught.value) == (
        "Parquet needs pyarrow, which is not installed. Get it with: uv sync --inexact --extra parquet."
    )
    assert list(tmp_path.iterdir()) == []


def as_parquet(field: Field, value: Any) -> Any:
    """A value of a sample as it comes back: lists, float32 but for times, and null for what is no number."""
    if isinstance(value, tuple):
        return [as_parquet(field, element) for element in value]
    if field.dtype != "number" or value is None:
        return value
    with np.errstate(over="ignore"):
        number = float(value if field.group == "sample" else np.float32(value))
    return number if math.isfinite(number) else None


@settings(max_examples=20)  # a file of all fields takes a while
@given(st.lists(any_pages, min_size=1, max_size=4))
def test_columns_of_any_pages_come_back_as_their_samples(pages: list[Pages]) -> None:
    samples, blocks = walks_of(pages)
    assume(all((sample.physics_steps or 0) < 1 << 31 for sample in samples))  # that does not fit, of samples neither
    with TemporaryDirectory() as folder:
        data = write_blocks(partial(create, Path(folder, "a.parquet")), blocks).read_bytes()
    table = pq.read_table(io.BytesIO(data))
    for field in telemetry.Sample.FIELDS:
        wanted = [as_parquet(field, getattr(sample, field.name)) for sample in samples]
        assert table.column(field.name).to_pylist() == wanted, field.name


@pytest.mark.parametrize("scenario", ["laps", "pit"])
@pytest.mark.parametrize("fields", ["*", "velocity,yaw,track,gear_name,lap_valid,elapsed"])
def test_columns_of_a_drive_make_the_same_file_as_its_samples(tmp_path: Path, scenario: str, fields: str) -> None:
    samples, blocks = walks_of_drive(scenario)
    columns = select(fields)
    one = pq.ParquetFile(write_samples(partial(create, tmp_path / "a.parquet", columns), samples))
    other = pq.ParquetFile(write_blocks(partial(create, tmp_path / "b.parquet", columns), blocks))
    assert one.schema_arrow.equals(other.schema_arrow, check_metadata=True)
    assert row_groups(one) == row_groups(other)
    assert len(row_groups(one)) == 2
    assert one.read().equals(other.read())


def row_groups(file: Any) -> list[int]:
    return [file.metadata.row_group(number).num_rows for number in range(file.metadata.num_row_groups)]


def moments_at(times: Sequence[float]) -> Columns:
    """As many moments of the same pages."""
    pages = encode(snapshot_of())
    all_of_them = np.zeros(len(times), dtype=np.intp)
    block = PageBlock(
        np.array(times) + 1.7e9,
        np.array(times, dtype=np.float64),
        np.arange(len(times)),
        physics=DistinctPages.of("physics", pages.physics, all_of_them),
        graphics=DistinctPages.of("graphics", pages.graphics, all_of_them),
        static=DistinctPages.of("static", pages.static, all_of_them),
    )
    (columns,) = derive_columns([block], [])
    return columns


@pytest.mark.parametrize(
    ("blocks", "groups"),
    [
        ([[0.0, 59.9, 60.0, 61.0]], [3, 1]),
        ([[0.0, 59.9], [60.0, 61.0]], [3, 1]),
        ([[0.0, 200.0, 200.5, 500.0, 501.0]], [2, 2, 1]),
        ([[100.0, 101.0, 0.0, 1.0]], [3, 1]),  # time goes back
        ([[0.0] * 70_000, [0.0] * 70_000], [65_536, 65_536, 8_928]),
        ([[]], []),
    ],
)
def test_a_row_group_ends_where_it_would_for_samples(
    tmp_path: Path, blocks: list[list[float]], groups: list[int]
) -> None:
    columns = [moments_at(times) for times in blocks]
    path = write_blocks(partial(create, tmp_path / "a.parquet", select("elapsed")), columns)
    assert row_groups(pq.ParquetFile(path)) == groups
    assert pq.read_table(path).column("elapsed").to_pylist() == [time for times in blocks for time in times]


def test_samples_and_columns_can_follow_each_other(tmp_path: Path) -> None:
    with create(tmp_path / "a.parquet", select("elapsed,gear")) as sink:
        sink.write(sample_of(elapsed=0.0, gear=5))
        sink.write_columns(moments_at([1.0, 2.0]))
        sink.write(sample_of(elapsed=3.0, gear=-1))
    gear = snapshot_of().gear
    assert pq.read_table(tmp_path / "a.parquet").to_pydict() == {
        "elapsed": [0.0, 1.0, 2.0, 3.0],
        "gear": [5, gear, gear, -1],
    }
