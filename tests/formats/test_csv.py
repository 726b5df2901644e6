import csv
import gzip
import json
import math
import zlib
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import telemetry
from ac_native_memory import Pages
from telemetry.fields.columns import Columns
from telemetry.fields.selection import ALL_COLUMNS, select
from telemetry.fields.snapshot import encode
from telemetry.formats.csv.sink import create, header_of
from tests.conftest import sample_of, snapshot_of
from tests.fields.test_snapshot import any_pages
from tests.formats.column_writes import Walks, walks_of, walks_of_drive, write_blocks, write_samples
from tests.recorded import derived, recorded_lap


def rows(path: Path) -> list[list[str]]:
    return list(csv.reader(path.read_text(encoding="utf-8").splitlines()))


def test_arrays_become_columns_with_the_names_of_their_elements() -> None:
    keys = "speed_kmh,tyre_wear,car_damage,damage_level,ride_height,tyre_contact_point,velocity"
    assert {column.key: header_of(column) for column in select(keys)} == {
        "speed_kmh": ("speed_kmh",),
        "tyre_wear": ("tyre_wear_fl", "tyre_wear_fr", "tyre_wear_rl", "tyre_wear_rr"),
        "car_damage": tuple(f"car_damage_{zone}" for zone in ("front", "rear", "left", "right", "overall")),
        "damage_level": tuple(f"damage_level_{zone}" for zone in ("front", "rear", "left", "right", "overall")),
        "ride_height": ("ride_height_front", "ride_height_rear"),
        "tyre_contact_point": tuple(
            f"tyre_contact_point_{wheel}_{axis}" for wheel in ("fl", "fr", "rl", "rr") for axis in "xyz"
        ),
        "velocity": ("velocity_x", "velocity_y", "velocity_z"),
    }


def test_no_two_columns_have_one_name() -> None:
    names = [name for column in ALL_COLUMNS for name in header_of(column)]
    assert len(names) == len(set(names)) == 274


def test_a_file_is_this_to_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    columns = select("sequence,gas,fuel,car_model,is_lap_valid,steer_degrees,wheel_locked,tyre_wear,track")
    with create(path, columns, units=True) as sink:
        sink.write(sample_of(sequence=0, gas=0.9, fuel=math.nan, car_model='a "b", c', tyre_wear=(1e-6, 2.0, 3.0, 4.0)))
        sink.write(sample_of(sequence=1, gas=1.0, fuel=math.inf, car_model="", track="Nürburg"))
    assert path.read_bytes().decode() == (
        "sequence,gas,fuel,car_model,is_lap_valid,steer_degrees,wheel_locked_fl,wheel_locked_fr,wheel_locked_rl,"
        "wheel_locked_rr,tyre_wear_fl,tyre_wear_fr,tyre_wear_rl,tyre_wear_rr,track\n"
        "count,0..1,l,text,,deg,,,,,%,%,%,%,text\n"
        '0,0.9,,"a ""b"", c",true,,false,false,false,false,1e-6,2.0,3.0,4.0,demo_ring\n'
        "1,1.0,,,true,,false,false,false,false,100.0,100.0,100.0,100.0,Nürburg\n"
    )


def test_a_file_for_spreadsheets_with_a_decimal_comma_is_this_to_the_byte(tmp_path: Path) -> None:
    path = tmp_path / "out.csv"
    columns = select("elapsed,gear,fuel,car_model,is_lap_valid,tyre_wear,rpm,track")
    with create(path, columns, units=True, decimal_comma=True) as sink:
        sink.write(sample_of(elapsed=3243.589, fuel=math.nan, car_model="a,b.c", tyre_wear=(1e-6, 2.0, 3.5, 4.0)))
        sink.write(sample_of(elapsed=0.5, fuel=-1.25, car_model='a;"b"', track="Nürburg"))
    assert path.read_bytes().decode() == (
        "elapsed;gear;fuel;car_model;is_lap_valid;tyre_wear_fl;tyre_wear_fr;tyre_wear_rl;tyre_wear_rr;rpm;track\n"
        "s;enum;l;text;;%;%;%;%;rpm;text\n"
        "3243,589;1;;a,b.c;true;1e-6;2,0;3,5;4,0;0;demo_ring\n"
        '0,5;1;-1,25;"a;""b""";true;100,0;100,0;100,0;100,0;0;Nürburg\n'
    )


def test_a_single_column_with_a_decimal_comma_holds_numbers(tmp_path: Path) -> None:
    with create(tmp_path / "a.csv", select("gas"), decimal_comma=True) as sink:
        sink.write(sample_of(gas=0.5))
    assert (tmp_path / "a.csv").read_text() == "gas\n0,5\n"


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_a_reader_that_expects_decimal_commas_finds_the_same_numbers(tmp_path: Path, name: str) -> None:
    pandas = pytest.importorskip("pandas", reason="there is no pandas for this Python")
    samples = list(derived(recorded_lap()))
    with create(tmp_path / name, decimal_comma=True) as sink:
        for sample in samples:
            sink.write(sample)
    found = pandas.read_csv(tmp_path / name, sep=";", decimal=",")
    assert found["speed_kmh"].tolist() == pytest.approx([sample.speed_kmh for sample in samples])
    assert found["wheel_load_fl"].tolist() == pytest.approx([sample.wheel_load[0] for sample in samples])
    assert found["gear_name"].map(str).tolist() == [sample.gear_name for sample in samples]


def test_every_value_is_that_of_the_json_lines(tmp_path: Path) -> None:
    samples = list(derived(recorded_lap()[100:160]))
    with create(tmp_path / "a.csv") as sink, telemetry.open_sink(tmp_path / "a.jsonl") as lines:
        for sample in samples:
            sink.write(sample)
            lines.write(sample)
    header, *table = rows(tmp_path / "a.csv")
    for cells, line in zip(table, (tmp_path / "a.jsonl").read_text().splitlines(), strict=True):
        flat: list[str] = []

        def spread(value: object, flat: list[str] = flat) -> None:
            if isinstance(value, list):
                for element in value:
                    spread(element)
            else:
                flat.append("" if value is None else value if isinstance(value, str) else json.dumps(value))

        for value in json.loads(line, parse_float=str).values():
            spread(value)
        assert dict(zip(header, cells, strict=True)) == dict(zip(header, flat, strict=True))


def test_a_single_column_without_a_value_is_no_blank_line(tmp_path: Path) -> None:
    for name, column in (("a.csv", "steer_degrees"), ("b.csv", "track_configuration")):
        with create(tmp_path / name, select(column)) as sink:
            sink.write(sample_of())
        assert (tmp_path / name).read_text() == f'{column}\n""\n'


def test_a_compressed_file_holds_the_same_and_can_be_read_while_it_is_written(tmp_path: Path) -> None:
    samples = list(derived(recorded_lap()[:30]))
    plain, packed = create(tmp_path / "a.csv"), create(tmp_path / "a.csv.gz")
    for sample in samples:
        plain.write(sample)
        packed.write(sample)
    packed.flush()
    so_far = zlib.decompressobj(31).decompress((tmp_path / "a.csv.gz").read_bytes())
    assert so_far.endswith(b"\n")
    assert so_far.splitlines()[-1].startswith(str(samples[-1].timestamp).encode())
    for sink in (plain, packed):
        sink.close()
        sink.close()
        assert sink.size == Path(sink.name).stat().st_size
    assert gzip.decompress((tmp_path / "a.csv.gz").read_bytes()) == (tmp_path / "a.csv").read_bytes()


def test_the_suffix_chooses_it_and_it_cannot_be_continued(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    with telemetry.open_sink(path, columns=select("gas")) as sink:
        sink.write(sample_of(gas=0.5))
    assert path.read_text() == "gas\n0.5\n"
    with pytest.raises(telemetry.SinkError, match="cannot be continued: only JSON lines can"):
        telemetry.open_sink(path, mode="append")


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_duckdb_reads_it(tmp_path: Path, name: str) -> None:
    duckdb = pytest.importorskip("duckdb", reason="there is no duckdb for this Python")
    samples = list(derived(recorded_lap()))
    with create(tmp_path / name) as sink:
        for sample in samples:
            sink.write(sample)
    (found,) = duckdb.sql(
        "select count(*), max(speed_kmh), sum(wheel_load_fl), bool_and(is_lap_valid), min(gear_name), "
        f"count(steer_degrees), max(completed_laps), typeof(any_value(rpm)) from '{tmp_path / name}'"
    ).fetchall()
    assert found[:2] == (839, max(sample.speed_kmh for sample in samples))
    assert found[2] == pytest.approx(sum(sample.wheel_load[0] for sample in samples))
    assert found[3:] == (True, min(sample.gear_name for sample in samples), 0, 1, "BIGINT")


CHOICES = (
    "*",
    "yaw,velocity,tyre_contact_point,track,player_name,gear_name,lap_valid,physics_steps,wheel_locked,elapsed",
    "steer_degrees",
    "player_name",
)


def check_columns(
    folder: Path, walks: Walks, fields: str = "*", *, units: bool = False, decimal_comma: bool = False
) -> bytes:
    """Compare the files of both walks; returns their content."""
    make = partial(create, columns=select(fields), mode="overwrite", units=units, decimal_comma=decimal_comma)
    one = write_samples(partial(make, folder / "a.csv"), walks.samples)
    other = write_blocks(partial(make, folder / "b.csv"), walks.blocks)
    assert other.read_bytes() == one.read_bytes()
    return other.read_bytes()


@pytest.mark.parametrize("decimal_comma", [False, True])
@pytest.mark.parametrize("fields", CHOICES)
def test_columns_make_the_same_file_as_their_samples(tmp_path: Path, fields: str, decimal_comma: bool) -> None:
    check_columns(tmp_path, walks_of_drive("pit", hertz=2), fields, units=True, decimal_comma=decimal_comma)


@settings(max_examples=30)
@given(pages=st.lists(any_pages, min_size=1, max_size=4), fields=st.sampled_from(CHOICES), decimal_comma=st.booleans())
def test_columns_of_any_pages_make_the_same_file(pages: list[Pages], fields: str, *, decimal_comma: bool) -> None:
    with TemporaryDirectory() as folder:
        check_columns(Path(folder), walks_of(pages), fields, decimal_comma=decimal_comma)


@pytest.mark.parametrize("decimal_comma", [False, True])
def test_columns_with_odd_texts_and_numbers_make_the_same_file(tmp_path: Path, decimal_comma: bool) -> None:
    texts = ["", "=1+1", 'a "b", c;d', "100% %b", " two\nlines", "null", "1,5", "\t", "-3"]
    numbers = [0.5, math.nan, math.inf, 1e-6, 3e13, -0.0, 1e20, 5e-6, -1.25]
    pages = [
        encode(snapshot_of(player_name=text, track=text, fuel=number, tyre_wear=(number, 1.0, math.nan, 2.0)))
        for text, number in zip(texts, numbers, strict=True)
    ]
    for fields in ("player_name", "fuel,player_name,track,tyre_wear", "fuel"):
        check_columns(tmp_path, walks_of(pages), fields, decimal_comma=decimal_comma)


def test_a_file_of_columns_is_this_to_the_byte(tmp_path: Path) -> None:
    samples = [
        sample_of(sequence=0, gas=0.9, fuel=math.nan, car_model='a "b", c', tyre_wear=(1e-6, 2.0, 3.0, 4.0)),
        sample_of(sequence=1, gas=1.0, fuel=math.inf, car_model=""),
    ]
    walks = Walks(samples, [Columns.of(samples)])
    rows = check_columns(tmp_path, walks, "sequence,gas,fuel,car_model,is_lap_valid,tyre_wear").splitlines()[1:]
    assert rows == [b'0,0.9,,"a ""b"", c",true,1e-6,2.0,3.0,4.0', b"1,1.0,,,true,100.0,100.0,100.0,100.0"]
