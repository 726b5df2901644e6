"""A stored recording for programs: what it gives is what ``convert`` writes."""

import csv
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import telemetry
from telemetry.fields.derived import Sample
from telemetry.fields.snapshot import Snapshot, encode
from telemetry.formats.mcap.recording import McapRecording
from telemetry.formats.parquet.arrow import ArrowColumns
from telemetry.laps.choice import SampleRanges
from telemetry.recording.interfaces import Step
from telemetry.recording.recorded_laps import find_recorded_laps
from telemetry.recording.selection import Selection, select_columns
from telemetry.sources import open_page_sink
from tests.conftest import main_in_process
from tests.constructed import Values, changed, drive, samples_of

pa = pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
pq = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
pd = pytest.importorskip("pandas", reason="there is no pandas for this Python")


def record(path: Path, rows: Iterable[Values], shift_s: float = 0.0) -> Path:
    """Write these samples; behind 25 s, the recorded times are shifted."""
    with open_page_sink(path, metadata={"driver": "me"}) as sink:
        for sample in samples_of(rows):
            elapsed = sample.elapsed + (shift_s if sample.elapsed > 25.0 else 0.0)
            sink.write(Step(telemetry.State.LIVE, encode(Snapshot.of(sample[: len(Snapshot.NAMES)])), elapsed))
            sink.flush()
    return path


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four laps and the beginning of a fifth, of which the second is cut."""
    rows = drive([9.0, 12.0, 8.0, 10.5], rate=20.0, end=48.0)
    path = tmp_path_factory.mktemp("recordings") / "drive.mcap"
    return record(path, changed(rows, 12.0, 13.0, number_of_tyres_out=4))


def test_the_laps_read_like_the_sport(path: Path) -> None:
    with telemetry.open_recording(path) as recording:
        laps = recording.laps()
    assert [lap.number for lap in laps] == [1, 2, 3, 4, 5]
    assert [lap.number for lap in laps.valid()] == [1, 3, 4]
    assert [lap.number for lap in laps.complete()] == [1, 2, 3, 4]
    fastest = laps.fastest()
    assert fastest is not None
    assert (fastest.number, fastest.time_ms) == (3, 8000)
    assert laps.number(3) is laps[2]
    assert len(laps[1:3].valid()) == 1
    assert laps[:0].fastest() is None
    assert repr(laps[1:]) == f"<laps 2 to 5 of {path}>"
    assert repr(laps[:0]) == f"<no lap of {path}>"


def test_a_lap_that_there_is_not_or_twice_is_said(path: Path) -> None:
    laps = telemetry.open_recording(path).laps()
    with pytest.raises(telemetry.UsageError, match=r"There is no lap 7 of .*drive.mcap: it has laps 1 to 5"):
        laps.number(7)
    with pytest.raises(telemetry.UsageError, match="it has none"):
        laps[:0].number(1)
    twice = type(laps)([laps[0], laps[0]], "drive")
    with pytest.raises(telemetry.UsageError, match=r"drive has 2 laps 1. Say the run of the one wanted: 1, 1."):
        twice.number(1)
    assert laps.number(1, run=1) is laps[0]


PARTS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "everything": ({}, []),
    "lap 3 at 60 Hz": ({"laps": [3], "rate": 60}, ["--laps", "3", "--rate", "60"]),
    "some fields of two laps": (
        {"fields": "gas,tyre_wear,carCoordinates,lap_valid,physics_steps,wheel_locked,track", "laps": [1, 4]},
        ["--fields", "gas,tyre_wear,carCoordinates,lap_valid,physics_steps,wheel_locked,track", "--laps", "1,4"],
    ),
    "three fields at a rate": (
        {"fields": ["speed_kmh", "brake", "elapsed"], "rate": 7.0, "laps": [2, 3]},
        ["--fields", "speed_kmh,brake,elapsed", "--rate", "7", "--laps", "2,3"],
    ),
}


@pytest.mark.parametrize("part", PARTS)
def test_a_table_of_arrow_is_the_parquet_of_convert(path: Path, tmp_path: Path, part: str) -> None:
    how, options = PARTS[part]
    output = tmp_path / "out.parquet"
    assert main_in_process("convert", path, output, *options).returncode == 0
    table = telemetry.open_recording(path).to_arrow(**how)
    written = pq.read_table(output)
    assert table.equals(written)
    assert [field.metadata for field in table.schema] == [field.metadata for field in written.schema]


@pytest.mark.parametrize(("rate", "shift_s"), [(None, 0.0), (60.0, 0.0), (7.0, -3.0), (7.0, 1000.0)])
def test_of_a_late_lap_the_same_is_given_without_reading_what_is_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rate: float | None, shift_s: float
) -> None:
    path = record(tmp_path / "drive.mcap", drive([9.0, 12.0, 8.0, 10.5], rate=20.0, end=48.0), shift_s)
    calls: list[str] = []
    blocks = McapRecording.blocks

    def watched(source: McapRecording, rate: float | None = None, fields: Any = None) -> Any:
        calls.append("blocks")
        return blocks(source, rate, fields)

    monkeypatch.setattr(McapRecording, "blocks", watched)
    recording = telemetry.open_recording(path)
    laps = [lap for lap in recording.laps() if lap.number == 5]
    whole = recording.to_arrow(laps=laps, rate=rate)
    calls.clear()
    names = ["sequence", "timestamp", "elapsed", "gas", "normalized_position", "gear_name", "physics_steps"]
    assert recording.to_arrow(names, laps=laps, rate=rate).equals(whole.select(names))
    assert whole.num_rows > 50
    assert len(calls) == 1


def test_where_the_first_sample_of_a_lap_is_not_found_again_all_of_the_recording_is_read(tmp_path: Path) -> None:
    path = record(tmp_path / "drive.mcap", drive([9.0, 12.0, 8.0, 10.5], rate=20.0, end=48.0))
    with telemetry.open_source(path) as source:
        (lap,) = [lap for lap in find_recorded_laps(source) if lap.number == 5]
        assert lap.first is not None
        for first in (lap.first._replace(timestamp=0.0), lap.first._replace(elapsed=5000.0)):
            selection = Selection(fields=("elapsed",), ranges=SampleRanges.of_laps([lap]), first=first)
            (columns,) = select_columns(source, selection)
            assert columns["elapsed"][0] == lap.first.elapsed


def test_a_data_frame_of_pandas_has_the_columns_of_csv(path: Path, tmp_path: Path) -> None:
    fields = "sequence,gas,tyre_wear,tyre_contact_point,wheel_locked,lap_valid,physics_steps,line_position,track"
    output = tmp_path / "out.csv"
    assert main_in_process("convert", path, output, "--fields", fields, "--laps", "1,5").returncode == 0
    frame = telemetry.open_recording(path).to_pandas(fields, laps=[1, 5])
    with output.open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    assert list(frame.columns) == header
    assert len(frame) == len(rows)
    first, last = rows[0], rows[-1]
    for name in ("gas", "tyre_wear_rl", "tyre_contact_point_fr_z", "sequence"):
        assert frame[name].iloc[-1] == pytest.approx(float(last[header.index(name)]), rel=1e-6)
    assert frame["physics_steps"].isna().tolist() == [True] + [False] * (len(rows) - 1)
    assert frame["lap_valid"].iloc[0] is np.True_ or frame["lap_valid"].iloc[0] is True
    assert frame["lap_valid"].iloc[-1] is pd.NA
    assert first[header.index("line_position")] == ""
    assert frame["line_position"].dtype == np.float32
    assert np.isnan(frame["line_position"].iloc[0])
    assert frame["wheel_locked_fl"].dtype == np.bool_


def test_a_data_frame_of_polars_is_the_table_of_arrow(path: Path) -> None:
    polars = pytest.importorskip("polars", reason="there is no polars for this Python")
    recording = telemetry.open_recording(path)
    how: dict[str, Any] = {"fields": "gas,tyre_wear,lap_valid,track", "begin": 3.0, "end": 4.0}
    frame = recording.to_polars(**how)
    assert frame.schema["tyre_wear"] == polars.Array(polars.Float32, 4)
    assert frame.rows() == [tuple(row.values()) for row in recording.to_arrow(**how).to_pylist()]


def test_a_part_is_in_seconds_since_the_first_sample(path: Path) -> None:
    recording = telemetry.open_recording(path)
    (whole,) = recording.columns()
    (part,) = recording.columns("elapsed,lap_time,sequence,physics_steps", begin=10.0, end=20.0)
    assert part["elapsed"].tolist() == [one for one in whole["elapsed"].tolist() if 10.0 <= one < 20.0]
    assert part["lap_time"].tolist() == whole["lap_time"][200:400].tolist()
    assert part["sequence"].tolist() == list(range(200))
    assert part["physics_steps"].tolist() == [None, *whole["physics_steps"][201:400].tolist()]
    (resampled,) = recording.columns("elapsed", begin=10.03, end=10.21, rate=20.0)
    assert resampled["elapsed"].tolist() == pytest.approx([10.05, 10.1, 10.15, 10.2])
    assert list(recording.columns(begin=100.0)) == []
    assert recording.to_arrow("gas,tyre_wear", begin=100.0).num_rows == 0
    assert recording.to_pandas("gas,tyre_wear", begin=100.0).shape == (0, 5)


def test_columns_are_those_that_were_asked_for_with_their_declarations(path: Path) -> None:
    (columns,) = telemetry.open_recording(path).columns("tyre_wear,speed_kmh", laps=[2])
    assert [(field.name, field.unit) for field in columns.fields] == [("speed_kmh", "km/h"), ("tyre_wear", "%")]
    assert columns["tyre_wear"].shape == (len(columns), 4)
    with pytest.raises(KeyError):
        columns["gas"]
    with pytest.raises(KeyError):
        columns.texts("track")


def test_laps_can_be_given_as_laps(path: Path) -> None:
    recording = telemetry.open_recording(path)
    laps = recording.laps()
    by_number = recording.to_arrow("gas", laps=[1, 3, 4])
    assert recording.to_arrow("gas", laps=laps.valid()).equals(by_number)
    assert recording.to_arrow("gas", laps=[laps[0], 3, 4, 4]).equals(by_number)
    assert recording.to_arrow("gas", laps=laps[0]).equals(recording.to_arrow("gas", laps=[1]))
    for nothing in ([9], [], laps[:0]):
        with pytest.raises(telemetry.UsageError, match=r"There is no such lap in .*: it has laps 1 to 5"):
            recording.columns(laps=nothing)


def test_what_a_recording_lacks_is_absent_where_it_is_asked_for(path: Path, tmp_path: Path) -> None:
    output = tmp_path / "few.jsonl"
    assert main_in_process("convert", path, output, "--fields", "elapsed,timestamp,gas,packet_id").returncode == 0
    recording = telemetry.open_recording(output)
    names = ["timestamp", "elapsed", "sequence", "packet_id", "gas", "physics_steps"]
    assert [field.name for field in recording.fields] == names
    assert recording.to_arrow().schema.names == names
    table = recording.to_arrow("gas,gear,tyre_wear,track", end=1.0)
    assert table.column("gear").to_pylist() == [None] * 20
    assert table.column("tyre_wear").null_count == 20
    assert table.column("track").to_pylist() == [None] * 20
    frame = recording.to_pandas("gas,gear,tyre_wear,track", end=1.0)
    assert frame["gear"].isna().all()
    assert frame["tyre_wear_fl"].isna().all()
    (columns,) = recording.columns("gear,track", end=1.0)
    assert columns["gear"].tolist() == columns["track"].tolist() == [None] * 20


def test_the_metadata_and_all_fields_are_at_hand(path: Path) -> None:
    with telemetry.open_recording(path) as recording:
        assert recording.metadata["driver"] == "me"
        assert [field.name for field in recording.fields] == list(Sample.NAMES)
        assert recording.name == str(path)


@pytest.mark.parametrize(
    ("how", "sentence"),
    [
        ({"fields": "gaz"}, "There is no field 'gaz'. Did you mean gas?"),
        ({"rate": 0}, "rate must be greater than 0, got 0."),
        ({"begin": 3.0, "end": 3.0}, "The end of a part must be later than its beginning, got 3 s to 3 s."),
        ({"end": float("nan")}, "The end of a part must be later than its beginning, got -inf s to nan s."),
    ],
)
def test_wrong_arguments_are_said_at_once(path: Path, how: dict[str, Any], sentence: str) -> None:
    with pytest.raises(telemetry.UsageError, match=f"^{sentence}"):
        telemetry.open_recording(path).columns(**how)


def test_there_must_be_a_recording(tmp_path: Path) -> None:
    for what in ("demo", tmp_path, tmp_path / "none.mcap"):
        with pytest.raises(telemetry.UsageError, match=r"^There is no recording .*\.$"):
            telemetry.open_recording(what)


@pytest.mark.parametrize(
    ("module", "method", "extra"), [("pyarrow", "to_arrow", "parquet"), ("pandas", "to_pandas", "pandas"),
                                    ("polars", "to_polars", "polars")]
)  # fmt: skip
def test_a_missing_library_is_said_with_its_extra(
    path: Path, monkeypatch: pytest.MonkeyPatch, module: str, method: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(telemetry.UsageError, match=f"needs {module}, which is not installed.*{extra}"):
        getattr(telemetry.open_recording(path), method)("gas")


def test_a_name_of_arrow_is_one_of_convert() -> None:
    columns = telemetry.select("carCoordinates,tyre_wear,throttle")
    assert ArrowColumns(pa, columns).schema.names == ["carCoordinates", "tyre_wear", "throttle"]
