"""What the row of a lap says of its driving, beside what the analysis finds in every sample."""

from pathlib import Path

import pyarrow.parquet as pq
import pytest

import telemetry
from telemetry.analysis.lap_measures import LAP_FIELDS, measure_lap
from telemetry.analysis.recorded_laps import trace
from telemetry.analysis.tyres import TYRE_FIELDS, measure_tyres
from telemetry.catalog.measures import MEASURES
from telemetry.catalog.state import load_state
from tests.conftest import main_in_process
from tests.constructed import changed, drive, later, samples_of
from tests.drives import record_long_drive


def add(folder: Path, recording: Path) -> list[dict[str, object]]:
    assert main_in_process("catalog", "add", recording, "--catalog", folder).returncode == 0
    return load_state(folder).laps


def test_the_row_says_how_long_the_pedals_were_used_and_how_warm_the_tyres_were(tmp_path: Path) -> None:
    rows = later(drive([20.0, 19.0]), 0.0, wheel_pressure=(26.0, 26.5, 27.0, 0.0), tyre_core_temp=(80.0,) * 4)
    driven = changed(changed(rows, 5.0, 9.0, gas=1.0), 12.0, 14.0, brake=0.5)
    with telemetry.open_sink(tmp_path / "drive.jsonl") as sink:
        for sample in samples_of(driven):
            sink.write(sample)
    first, second, *_ = add(tmp_path / "catalog", tmp_path / "drive.jsonl")
    assert first["full_throttle_s"] == pytest.approx(4.0, abs=0.1)
    assert first["braking_s"] == pytest.approx(2.0, abs=0.1)
    assert (second["full_throttle_s"], second["braking_s"], second["overlap_s"]) == (0.0, 0.0, 0.0)
    assert second["coasting_s"] == pytest.approx(19.0, abs=0.05)
    assert first["mean_pressure_psi"] == [26.0, 26.5, 27.0, None]
    assert first["mean_core_c"] == [80.0] * 4


def test_the_row_agrees_with_the_analysis_of_every_sample(tmp_path: Path) -> None:
    path = record_long_drive(tmp_path / "drive.mcap")
    row = next(row for row in add(tmp_path / "catalog", path) if row["number"] == 2)
    with telemetry.open_recording(path) as recording:
        lap = recording.laps().number(2)
        every = trace(recording, lap, tuple(dict.fromkeys((*LAP_FIELDS, *TYRE_FIELDS))))
    pedals, tyres = measure_lap(every, []), measure_tyres([every])
    for name in ("full_throttle_s", "braking_s", "coasting_s", "overlap_s"):
        assert row[name] == pytest.approx(getattr(pedals, name), abs=0.15), name
    assert row["mean_pressure_psi"] == pytest.approx(tyres.pressure_psi, abs=0.05)
    assert row["mean_core_c"] == pytest.approx(tyres.core_c, abs=0.1)


def test_the_columns_say_their_units(tmp_path: Path) -> None:
    with telemetry.open_sink(tmp_path / "drive.jsonl") as sink:
        for sample in samples_of(drive([20.0])):
            sink.write(sample)
    add(tmp_path / "catalog", tmp_path / "drive.jsonl")
    schema = pq.read_schema(tmp_path / "catalog" / "laps.parquet")
    units = [schema.field(name).metadata[b"unit"].decode() for name in MEASURES]
    assert units == ["s", "s", "s", "s", "psi", "°C"]
