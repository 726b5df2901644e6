"""The files of a catalog as other programs read them, without any of our code."""

import re
import sys
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest

import telemetry
from telemetry.catalog.state import Row, load_state
from tests.conftest import REPOSITORY, main_in_process
from tests.constructed import drive, later, samples_of

SAMPLES = "samples/*/*.parquet"


@pytest.fixture(scope="module")
def catalog(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two laps on each of two tracks, and half a file that a command was killed at."""
    folder = tmp_path_factory.mktemp("foreign")
    for number, track in enumerate(("ring", "hill")):
        rows = drive([20.0 + number, 19.0 + number])
        with telemetry.open_sink(folder / f"{track}.jsonl") as sink:
            for sample in samples_of(later(rows, 86_400.0 * number, track=track, player_name=f"Driver {number}")):
                sink.write(sample)
    made = folder / "catalog"
    assert main_in_process("catalog", "add", folder, "--catalog", made).returncode == 0
    half = made / ".temporary-of-a-killed-command"
    half.mkdir()
    (half / "half.parquet").write_bytes(b"PAR1 and nothing more")
    return made


@pytest.fixture(scope="module")
def laps(catalog: Path) -> list[Row]:
    return load_state(catalog).laps


def rows_of_lap(laps: list[Row]) -> dict[str, int]:
    return {row["lap_id"]: row["samples"] for row in laps if row["samples"]}


def test_pandas_reads_laps_and_the_samples_of_one(catalog: Path, laps: list[Row]) -> None:
    frame = pd.read_parquet(catalog / "laps.parquet")
    assert frame["lap_id"].tolist() == [row["lap_id"] for row in laps]
    valid = frame[frame["valid"]]
    assert sorted(valid["time_ms"].astype(int)) == [19_000, 20_000, 20_000, 21_000]
    best = valid.loc[valid["time_ms"].idxmin()]
    one = pd.read_parquet(catalog / best["shard"], filters=[("lap_id", "==", best["lap_id"])])
    assert len(one) == best["samples"]
    assert one["elapsed"].is_monotonic_increasing
    assert list(map(len, one["tyre_wear"])) == [4] * len(one)


def test_polars_reads_laps_and_the_samples_of_all(catalog: Path, laps: list[Row]) -> None:
    pl = pytest.importorskip("polars", reason="there is no polars for this Python")
    samples = pl.scan_parquet(catalog / SAMPLES)
    counted = samples.group_by("lap_id").len().collect()
    assert dict(counted.iter_rows()) == rows_of_lap(laps)
    assert samples.collect_schema()["speed_kmh"] == pl.Float32
    frame = pl.read_parquet(catalog / "laps.parquet")
    assert (
        frame.filter(pl.col("valid"))["sectors_ms"].list.sum().to_list()
        == frame.filter(pl.col("valid"))["time_ms"].to_list()
    )


def test_duckdb_joins_laps_and_samples(catalog: Path, laps: list[Row]) -> None:
    joined = (
        f"from '{catalog}/{SAMPLES}' join '{catalog}/laps.parquet' using (lap_id) select lap_id, count(*) group by 1"
    )
    with duckdb.connect(":memory:") as connection:
        assert dict(connection.execute(joined).fetchall()) == rows_of_lap(laps)
        (found,) = connection.execute(f"select count(*) from '{catalog}/recordings.parquet'").fetchall()
    assert found == (2,)


def test_pyarrow_sees_one_schema_with_units_in_all_files(catalog: Path, laps: list[Row]) -> None:
    samples = ds.dataset([str(path) for path in catalog.glob(SAMPLES)])
    assert samples.count_rows() == sum(rows_of_lap(laps).values())
    schemas = [pq.read_schema(path) for path in catalog.glob(SAMPLES)]
    assert schemas[0].equals(schemas[1], check_metadata=True)
    assert schemas[0].field("speed_kmh").metadata[b"unit"] == b"km/h"
    assert pq.read_schema(catalog / "laps.parquet").field("time_ms").metadata[b"unit"] == b"ms"


@pytest.mark.skipif(sys.platform == "win32", reason="programs of others are tried on Linux")
def test_datasets_reads_the_samples(catalog: Path, laps: list[Row], tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets", reason="there is no datasets for this Python")
    files = [str(path) for path in catalog.glob(SAMPLES)]
    found = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path))
    assert len(found) == sum(rows_of_lap(laps).values())
    assert len(found[0]["tyre_wear"]) == 4


def test_the_lines_of_the_readme_find_the_best_lap(
    catalog: Path, laps: list[Row], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("polars", reason="there is no polars for this Python")
    (lines,) = re.findall(r"```python\n(import duckdb.*?)```", (REPOSITORY / "README.md").read_text("utf-8"), re.DOTALL)
    monkeypatch.chdir(catalog.parent)
    names: dict[str, Any] = {}
    exec(lines.replace("duckdb.sql(", "speeds = duckdb.sql(").replace(").show()", ")"), names)
    best = min((row for row in laps if row["time_ms"]), key=lambda row: int(row["time_ms"]))
    assert names["one"]["lap_id"].to_list() == [best["lap_id"]] * best["samples"]
    assert len(names["speeds"].fetchall()) == len(rows_of_lap(laps))
