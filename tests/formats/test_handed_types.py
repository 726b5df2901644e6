"""Types that are not guessed: a recording that begins with a car at rest, read by others as the README says."""

import re
import runpy
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import telemetry
from telemetry.fields.derived import Sample
from telemetry.fields.selection import ALL_COLUMNS, select
from tests.conftest import REPOSITORY, main_in_process, sample_of
from tests.recorded import derived, recorded_lap

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="programs of others are tried on Linux")
FIELDS = "elapsed,gear,gear_name,slip_ratio,wheel_lock_detected,steer_degrees,tyre_contact_point,currentMaxRpm,accG"
STANDSTILL = 20_500
"""Lines without a slip ratio: DuckDB looks at 20,480 of them."""
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")


def drive() -> Iterator[Sample]:
    """A car that stands long in first gear, drives a lap with a known steering lock, and stands in neutral."""
    at_rest = sample_of(gear=2)
    for _ in range(STANDSTILL):
        yield at_rest
    for sample in derived(recorded_lap()):
        yield sample.replace(steer_degrees=90.0 * sample.steer_angle)
    yield sample_of(gear=1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recording under the README's names, and the types that the command gives."""
    found = tmp_path_factory.mktemp("types")
    for name in ("drive.jsonl.zst", "drive.csv"):
        with telemetry.open_sink(found / name, columns=select(FIELDS)) as sink:
            for sample in drive():
                sink.write(sample)
    for suffix, options in (("", ()), ("_csv", ("--csv",))):
        for program, ending in (("duckdb", "txt"), ("polars", "py"), ("arrow", "py")):
            result = main_in_process("fields", FIELDS, f"--{program}", *options)
            assert (result.returncode, result.stderr) == (0, "")
            (found / f"{program}_types{suffix}.{ending}").write_text(result.stdout, encoding="utf-8")
    return found


def schema(folder: Path, name: str) -> Any:
    return runpy.run_path(str(folder / f"{name}.py"))["SCHEMA"]


class _Module:
    """What ``import`` would make of a module that the command wrote."""

    def __init__(self, folder: Path, name: str) -> None:
        self.SCHEMA = schema(folder, name)


def run_readme(program: str, folder: Path, monkeypatch: pytest.MonkeyPatch, **names: Any) -> Any:
    """The value of the README's line for a program."""
    (line,) = re.findall(rf"^{program}\..*drive\.jsonl\.zst.*$", README, re.MULTILINE)
    monkeypatch.chdir(folder)
    return eval(line, names)


def counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    """How many rows there are, and how many of them hold each value."""
    return {
        "rows": len(rows),
        "slip_ratio": sum(row["slip_ratio"][0] is not None for row in rows),
        "wheel_lock_detected": sum(row["wheel_lock_detected"] is not None for row in rows),
        "steer_degrees": sum(row["steer_degrees"] is not None for row in rows),
        "gear_names": len({row["gear_name"] for row in rows}),
        "heights": sum(isinstance(row["tyre_contact_point"][3][1], float) for row in rows),
        "limits": sum(isinstance(row["currentMaxRpm"], int) and len(row["accG"]) == 3 for row in rows),
    }


@pytest.fixture(scope="module")
def expected() -> dict[str, int]:
    lap = list(derived(recorded_lap()))
    rows = STANDSTILL + len(lap) + 1
    return {
        "rows": rows,
        "slip_ratio": sum(sample.slip_ratio[0] is not None for sample in lap),
        "wheel_lock_detected": sum(sample.wheel_lock_detected is not None for sample in lap),
        "steer_degrees": len(lap),
        "gear_names": len({"1", "N", *(sample.gear_name for sample in lap)}),
        "heights": rows,
        "limits": rows,
    }


def test_a_recording_begins_with_more_nulls_than_programs_look_at(expected: dict[str, int]) -> None:
    at_rest = sample_of()
    assert (at_rest.slip_ratio[0], at_rest.wheel_lock_detected, at_rest.steer_degrees) == (None, None, None)
    assert STANDSTILL > 20_480
    assert 0 < expected["slip_ratio"] <= expected["steer_degrees"]


def test_duckdb_reads_all_values(folder: Path, expected: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    duckdb = pytest.importorskip("duckdb", reason="there is no duckdb for this Python")
    pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    table = run_readme("duckdb", folder, monkeypatch, duckdb=duckdb, Path=Path).to_arrow_table()
    assert counts(table.to_pylist()) == expected


def test_polars_reads_all_values(folder: Path, expected: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    polars = pytest.importorskip("polars", reason="there is no polars for this Python")
    types = _Module(folder, "polars_types")
    assert counts(run_readme("polars", folder, monkeypatch, polars=polars, polars_types=types).to_dicts()) == expected
    scanned = polars.scan_ndjson(folder / "drive.jsonl.zst", schema=types.SCHEMA).collect()
    assert counts(scanned.to_dicts()) == expected


def test_pyarrow_and_pandas_read_all_values(
    folder: Path, expected: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    pyarrow = pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    pytest.importorskip("pyarrow.json")
    types = _Module(folder, "arrow_types")
    table = run_readme(r"pyarrow\.json", folder, monkeypatch, pyarrow=pyarrow, arrow_types=types)
    assert counts(table.to_pylist()) == expected
    pytest.importorskip("pandas", reason="there is no pandas for this Python")
    frame = table.to_pandas()
    assert len(frame) == expected["rows"]
    for name in ("wheel_lock_detected", "steer_degrees"):
        assert frame[name].count() == expected[name]
    assert frame["slip_ratio"].map(lambda wheels: wheels[0] == wheels[0]).sum() == expected["slip_ratio"]


def test_datasets_reads_all_values(folder: Path, expected: dict[str, int], monkeypatch: pytest.MonkeyPatch) -> None:
    datasets = pytest.importorskip("datasets", "5", reason="datasets 5 is what the README was tried with")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", folder / "cache")
    types = _Module(folder, "arrow_types")
    found = run_readme("datasets", folder, monkeypatch, datasets=datasets, arrow_types=types)
    assert counts(found.to_list()) == expected


def test_csv_is_read_with_the_types_of_its_cells(folder: Path, expected: dict[str, int]) -> None:
    path = folder / "drive.csv"
    names = ("slip_ratio_fl", "wheel_lock_detected", "steer_degrees")
    wanted = [expected["rows"], *(expected[name.removesuffix("_fl")] for name in names)]
    duckdb = pytest.importorskip("duckdb", reason="there is no duckdb for this Python")
    types = (folder / "duckdb_types_csv.txt").read_text()
    sums = f"sum(slip_ratio_fl) > 0, bool_or(wheel_lock_detected), {', '.join(f'count({name})' for name in names)}"
    (row,) = duckdb.sql(f"select count(*), {sums} from read_csv('{path}', types={types})").fetchall()
    assert [row[0], *row[3:]] == wanted
    polars = pytest.importorskip("polars", reason="there is no polars for this Python")
    frame = polars.read_csv(path, schema=schema(folder, "polars_types_csv"))
    assert [frame.height, *(frame[name].count() for name in names)] == wanted
    pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    from pyarrow import csv

    options = csv.ConvertOptions(column_types=schema(folder, "arrow_types_csv"))
    table = csv.read_csv(path, convert_options=options)
    assert [table.num_rows, *(table.num_rows - table[name].null_count for name in names)] == wanted
    assert table.schema.equals(schema(folder, "arrow_types_csv"))


def test_every_field_has_a_type_in_every_program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = ["speedKmh", "throttle", "accG"]
    names = [column.key for column in ALL_COLUMNS] + keys
    for program, ending in (("polars", "py"), ("arrow", "py")):
        pytest.importorskip({"arrow": "pyarrow"}.get(program, program))
        path = folder / f"all_{program}.{ending}"
        path.write_text(main_in_process("fields", "*", *keys, f"--{program}").stdout)
        found = schema(folder, path.stem)
        assert list(found if program == "polars" else found.names) == names
    duckdb = pytest.importorskip("duckdb", reason="there is no duckdb for this Python")
    monkeypatch.chdir(folder)
    Path("all.jsonl").write_text('{"gear":1}\n')
    types = main_in_process("fields", "*", *keys, "--duckdb").stdout
    assert types.count("\n") == 1
    assert duckdb.sql(f"from read_json('all.jsonl', columns={types})").columns == names


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--duckdb", "--json"), "--json and --duckdb contradict each other."),
        (("--polars", "--arrow"), "--polars and --arrow contradict each other."),
        (("--csv",), "--csv goes with one of --duckdb, --polars, --arrow."),
        (("--csv", "--json"), "--csv goes with one of --duckdb, --polars, --arrow."),
    ],
)
def test_options_that_contradict_each_other_are_named(options: tuple[str, ...], message: str) -> None:
    result = main_in_process("fields", *options)
    assert (result.returncode, result.stderr) == (2, f"ac-telemetry: {message}\n")
