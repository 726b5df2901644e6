import csv
import json
import math
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

import telemetry
from telemetry.cli.convert import convert as convert_files
from telemetry.fields.snapshot import Snapshot, encode
from telemetry.formats.compression import is_complete
from telemetry.formats.mcap.recording import McapRecording
from telemetry.formats.mcap.sink import create
from telemetry.laps.detector import laps
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, Step
from tests.commands import run as run_command
from tests.conftest import PATIENCE, REPOSITORY, sizes, wait_until
from tests.recorded import LAP, derived, drive, recorded_lap, write

FORMATS = ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst", "a.mcap", "a.csv", "a.csv.gz", "a.parquet"]


_COUNTS = ("sequence", "packet_id", "completed_laps", "physics_steps")


run = partial(run_command, "convert")


def convert(source: Path, output: Path, **options: Any) -> None:
    convert_files([source], output, **options)


def rows(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def snapshots_of(path: Path) -> list[Snapshot]:
    with telemetry.open_source(path) as source:
        readings = source.readings(telemetry.Clock(math.inf), None)
        return [reading.snapshot for reading in readings if reading.snapshot]


@pytest.fixture(scope="module")
def four_laps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Laps 1 to 4 and the beginning of the fifth; the third is cut."""
    return write(tmp_path_factory.mktemp("laps") / "four.jsonl", drive(1, 2, 3, 4, 5, cut=(3,))[:-50])


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_holds_every_sample(name: str, tmp_path: Path) -> None:
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    path = tmp_path / name
    convert(LAP, path, quiet=True)
    assert [entry.name for entry in tmp_path.iterdir()] == [name]
    if not path.name.endswith((".csv", ".csv.gz", ".parquet")):
        offset = recorded_lap()[0].elapsed if name == "a.mcap" else 0.0  # its pages know the world's time alone
        found = snapshots_of(path)
        assert [one[3:] for one in found] == [one[3:] for one in recorded_lap()]
        assert [one.elapsed for one in found] == pytest.approx([one.elapsed - offset for one in recorded_lap()])


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.parquet"])
def test_duckdb_reads_what_it_makes(name: str, tmp_path: Path) -> None:
    duckdb = pytest.importorskip("duckdb", reason="there is no duckdb for this Python")
    if name.endswith(".parquet"):
        pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    convert(LAP, tmp_path / name, quiet=True)
    (found,) = duckdb.sql(
        f"select count(*), max(sequence), max(last_time), sum(physics_steps), any_value(track) from '{tmp_path / name}'"
    ).fetchall()
    steps = recorded_lap()[-1].packet_id - recorded_lap()[0].packet_id
    assert found == (839, 838, 83_811, steps, "demo_ring")


@pytest.mark.skipif(shutil.which("jq") is None, reason="there is no jq here; duckdb reads the same lines above")
def test_jq_reads_what_it_makes(tmp_path: Path) -> None:
    convert(LAP, tmp_path / "a.jsonl", quiet=True)
    command = ["jq", "-s", "[length, (map(.speed_kmh) | max), .[838].last_time]", str(tmp_path / "a.jsonl")]
    result = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE)
    assert json.loads(result.stdout) == [839, max(one.speed_kmh for one in recorded_lap()), 83_811]


def test_another_rate_has_its_samples_on_the_grid_and_keeps_the_lap(tmp_path: Path) -> None:
    convert(LAP, tmp_path / "a.jsonl", rate=25.0, quiet=True)
    found = rows(tmp_path / "a.jsonl")
    assert [row["elapsed"] for row in found] == [1.0 + k / 25.0 for k in range(2096)]
    assert [row["sequence"] for row in found] == list(range(2096))
    (lap, *_) = laps(derived(snapshots_of(tmp_path / "a.jsonl")))
    assert (lap.time_ms, lap.valid) == (83_811, True)


def test_pages_at_another_rate_hold_the_same_numbers_as_lines_do(tmp_path: Path) -> None:
    convert(LAP, tmp_path / "a.mcap", rate=4.0, quiet=True)
    convert(LAP, tmp_path / "a.jsonl", rate=4.0, quiet=True)
    assert [one[3:] for one in snapshots_of(tmp_path / "a.mcap")] == [
        one[3:] for one in snapshots_of(tmp_path / "a.jsonl")
    ]


def test_fields_are_chosen_and_units_are_added(tmp_path: Path) -> None:
    convert(LAP, tmp_path / "a.csv", fields="sequence,yaw,rpm", units=True, quiet=True)
    lines = (tmp_path / "a.csv").read_text().splitlines()
    assert lines[:3] == ["sequence,yaw,rpm", "count,rad,rpm", "0,-0.00298016,1499"]
    assert len(lines) == 841


def test_numbers_of_a_spreadsheet_have_a_decimal_comma_on_request(tmp_path: Path) -> None:
    convert(LAP, tmp_path / "a.csv", fields="sequence,yaw,rpm", decimal_comma=True, quiet=True)
    assert (tmp_path / "a.csv").read_text().splitlines()[:2] == ["sequence;yaw;rpm", "0;-0,00298016;1499"]


@pytest.mark.parametrize(
    ("chosen", "options", "expected"),
    [
        ("2", {}, [2]),
        ("2-3", {}, [2, 3]),
        ("1,3, 4", {}, [1, 3, 4]),
        ("2-9", {}, [2, 3, 4, 5]),
        (None, {"valid_only": True}, [1, 2, 4]),
        ("2-5", {"valid_only": True}, [2, 4]),
        ("4", {"rate": 10.0}, [4]),
    ],
)
def test_laps_are_chosen(
    four_laps: Path, tmp_path: Path, chosen: str | None, options: dict[str, Any], expected: list[int]
) -> None:
    convert(four_laps, tmp_path / "a.csv", laps=chosen, quiet=True, **options)
    with (tmp_path / "a.csv").open(newline="") as file:
        found = [{name: int(row[name] or 0) for name in _COUNTS} for row in csv.DictReader(file)]
    assert list(dict.fromkeys(row["completed_laps"] + 1 for row in found)) == expected
    assert [row["sequence"] for row in found] == list(range(len(found)))
    assert sum(row["physics_steps"] for row in found) == found[-1]["packet_id"] - found[0]["packet_id"]
    if not options.get("rate"):
        assert len(found) == sum(10 if number == 5 else 60 for number in expected)


@pytest.mark.parametrize("name", ["a.jsonl", "a.mcap"])
def test_a_recording_of_laps_goes_on_until_the_last_one_is_told(four_laps: Path, tmp_path: Path, name: str) -> None:
    convert(four_laps, tmp_path / name, laps="2", quiet=True)
    (before,) = [lap for lap in laps(derived(snapshots_of(four_laps))) if lap.number == 2]
    (after,) = laps(derived(snapshots_of(tmp_path / name)))
    assert (after.number, after.end, after.time_ms, after.valid) == (2, "line", before.time_ms, True)


def test_laps_of_pages_are_copied_as_they_are(four_laps: Path, tmp_path: Path) -> None:
    convert(four_laps, tmp_path / "a.mcap", quiet=True)
    convert(tmp_path / "a.mcap", tmp_path / "b.mcap", laps="2,4", quiet=True)
    whole = list(McapRecording(tmp_path / "a.mcap").read_steps())
    part = list(McapRecording(tmp_path / "b.mcap").read_steps())
    assert [step.pages for step in part] == [step.pages for step in whole[60:122] + whole[180:242]]


def test_pages_are_copied_byte_for_byte_with_what_happened(tmp_path: Path) -> None:
    physics, *_ = sizes()
    pages = [encode(one) for one in recorded_lap()[:40]]
    odd = [page._replace(physics=page.physics[: physics - 4] + b"\1\2\3\4") for page in pages]
    steps = [Step(State.LIVE, page, number / 10, missing=32 if number else 0) for number, page in enumerate(odd)]
    steps[20] = steps[20]._replace(repaired=True)
    with create(tmp_path / "a.mcap", metadata={"driver": "me"}) as sink:
        for number, step in enumerate(steps):
            sink.write(step)
            if number == 10:
                sink.add_event(Event("marker", odd[10].timestamp + 0.05, {"note": "kerb"}))
            if number == 30:
                sink.write(Step(State.STALLED, elapsed=3.05))
    convert(tmp_path / "a.mcap", tmp_path / "b.mcap", quiet=True)
    before, after = (McapRecording(tmp_path / name) for name in ("a.mcap", "b.mcap"))
    assert list(after.read_steps()) == list(before.read_steps())
    assert [step.pages for step in after.read_steps()] == odd
    assert [(event.kind, event.values) for event in after.events()] == [
        (event.kind, event.values) for event in before.events()
    ]
    assert after.metadata_records["quality"] == before.metadata_records["quality"]
    assert after.metadata["driver"] == "me"
    assert after.metadata["converted_from"] == "a.mcap"
    assert after.metadata["recording_id"] == before.metadata["recording_id"]


def test_parquet_keeps_what_the_recording_says_of_itself(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
    metadata = {"recording_id": "ab12", "driver": "Zoë", "notes": "wet", "source": "live"}
    with create(tmp_path / "a.mcap", metadata=metadata) as sink:
        for one in recorded_lap()[:4]:
            sink.write(Step(State.LIVE, encode(one), one.elapsed))
    convert(tmp_path / "a.mcap", tmp_path / "a.parquet", quiet=True)
    kept = parquet.read_schema(tmp_path / "a.parquet").metadata
    assert {key: kept.get(key.encode(), b"").decode() for key in metadata} == {**metadata, "source": ""}


def stepped_lap(*steps: tuple[int, float]) -> list[Snapshot]:
    """The recorded lap, with a clock that was set: before which sample, and by how many seconds."""
    return [
        one.replace(timestamp=one.timestamp + sum(seconds for first, seconds in steps if one.sequence >= first))
        for one in recorded_lap()[:300]
    ]


def clock_events(path: Path) -> list[tuple[float, float]]:
    """When the clock was set in a recording, and by how much, both in seconds."""
    events = [event for event in McapRecording(path).events() if event.kind == "clock"]
    return [(round(event.elapsed, 6), event.values["seconds"]) for event in events if event.elapsed is not None]


def test_a_clock_that_was_set_survives_every_way_between_the_formats(tmp_path: Path) -> None:
    lap = stepped_lap((100, 28_800.0), (200, -3600.0))
    path = write(tmp_path / "a.jsonl", lap)
    convert(path, tmp_path / "b.mcap", quiet=True)
    convert(tmp_path / "b.mcap", tmp_path / "c.mcap", quiet=True)
    convert(tmp_path / "c.mcap", tmp_path / "d.jsonl", quiet=True)
    convert(tmp_path / "d.jsonl", tmp_path / "e.mcap", quiet=True)
    convert(tmp_path / "e.mcap", tmp_path / "f.mcap", rate=20.0, quiet=True)
    expected = [(10.0, 28_800.0), (20.0, -3600.0)]
    for name in ("b.mcap", "c.mcap", "e.mcap", "f.mcap"):
        assert clock_events(tmp_path / name) == expected
    back = snapshots_of(tmp_path / "d.jsonl")
    assert [one.timestamp for one in back] == pytest.approx([one.timestamp for one in lap], abs=1e-6)
    assert [one.elapsed for one in back] == pytest.approx([index / 10 for index in range(300)], abs=1e-6)


def test_a_part_of_a_recording_has_the_steps_of_the_clock_that_are_in_it(tmp_path: Path) -> None:
    cut = [one.replace(timestamp=one.timestamp + 3600.0 * (one.elapsed >= 40.0)) for one in drive(1, 2, 3)]
    convert(write(tmp_path / "a.jsonl", cut), tmp_path / "a.mcap", quiet=True)
    convert(tmp_path / "a.mcap", tmp_path / "b.mcap", laps="1", quiet=True)
    convert(tmp_path / "a.mcap", tmp_path / "c.mcap", laps="2", quiet=True)
    convert(tmp_path / "a.mcap", tmp_path / "d.mcap", laps="1,3", quiet=True)
    assert clock_events(tmp_path / "b.mcap") == []
    assert clock_events(tmp_path / "c.mcap") == [(10.0, 3600.0)]
    assert clock_events(tmp_path / "d.mcap") == [(60.0, 3600.0)]


def test_a_clock_that_was_set_without_a_step_beside_it_is_copied_too(tmp_path: Path) -> None:
    first, *rest = [encode(one) for one in recorded_lap()[:3]]
    began = first.timestamp
    with create(tmp_path / "a.mcap") as sink:
        sink.add_event(Event("clock", began - 5.0, {"seconds": -60.0}, -5.0))
        sink.add_event(Event("marker", began - 4.0, {"name": "early"}, -4.0))
        for number, page in enumerate([first, *rest]):
            sink.write(Step(State.LIVE, page, number / 10))
        sink.write(Step(State.GONE, elapsed=1.0, timestamp=began + 1.0))
        sink.write(Step(State.GONE, elapsed=2.0, timestamp=began + 3602.0))
    convert(tmp_path / "a.mcap", tmp_path / "b.mcap", quiet=True)
    before, after = (list(McapRecording(tmp_path / name).events()) for name in ("a.mcap", "b.mcap"))
    assert [event.kind for event in before] == ["state", "clock", "marker", "state", "clock"]
    assert after == before


def test_pauses_are_left_out_unless_wanted_and_always_kept_as_pages(tmp_path: Path) -> None:
    paused = [one.replace(status=3) if 10 <= one.sequence < 20 else one for one in recorded_lap()[:40]]
    path = write(tmp_path / "in.jsonl", paused)
    convert(path, tmp_path / "a.jsonl", quiet=True)
    convert(path, tmp_path / "b.jsonl", include_paused=True, quiet=True)
    convert(path, tmp_path / "c.mcap", quiet=True)
    assert [len(snapshots_of(tmp_path / name)) for name in ("a.jsonl", "b.jsonl", "c.mcap")] == [30, 40, 40]


def test_derived_fields_are_computed_anew(tmp_path: Path, four_laps: Path) -> None:
    lines = four_laps.read_text().replace('"is_lap_valid":false', '"is_lap_valid":true').replace('"practice"', '"x"')
    (tmp_path / "in.jsonl").write_text(lines)
    convert(tmp_path / "in.jsonl", tmp_path / "a.jsonl", quiet=True)
    recorded, converted = rows(four_laps), rows(tmp_path / "a.jsonl")
    # A recording is converted when its laps have ended; while it was made their verdicts were not known.
    assert [row | {"lap_valid": None} for row in converted] == recorded
    assert {row["lap_valid"] for row in converted} >= {True, False}
    cut = drive(1, 2, cut=(1,))
    path = write(tmp_path / "cut.jsonl", [one.replace(number_of_tyres_out=one.number_of_tyres_out // 2) for one in cut])
    convert(path, tmp_path / "b.jsonl", tyres_out=2, quiet=True)
    assert sum(not row["is_lap_valid"] for row in rows(tmp_path / "b.jsonl")) == 30


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda t: convert(t / "none.jsonl", t / "a.csv"), "There is no recording"),
        (lambda t: convert(Path("demo"), t / "a.csv"), "There is no recording demo."),
        (lambda t: convert(t, t / "a.csv"), "There is no recording"),
        (
            lambda t: convert(LAP, t / "a.xyz"),
            "a.xyz. Supported: .mcap, .jsonl, .jsonl.gz, .jsonl.zst, .csv, .csv.gz, .parquet, .ld.",
        ),
        (lambda t: convert(LAP, t / "old.csv"), "exists already and stays untouched. Use --overwrite to replace it."),
        (lambda t: convert(LAP, LAP / "a.csv"), f"The folder {LAP} cannot be created"),
        (lambda t: convert(t / "in.jsonl", t / "in.jsonl", overwrite=True), "is the recording itself"),
        (lambda t: convert(LAP, t / "a.mcap", fields="gas"), "--fields is not for .mcap: it keeps the game's pages"),
        (lambda t: convert(LAP, t / "a.jsonl", units=True), "--units is for CSV"),
        (lambda t: convert(LAP, t / "a.jsonl", decimal_comma=True), "--decimal-comma is for CSV."),
        (lambda t: convert(LAP, t / "a.csv", fields="gass"), "There is no field 'gass'. Did you mean gas"),
        (lambda t: convert(LAP, t / "a.csv", laps="x"), "--laps x: 'x' is no lap; say 3, or 3-7, or 3,5,7-9."),
        (lambda t: convert(LAP, t / "a.csv", laps="7-3"), "--laps 7-3: there is nothing from 7 to 3"),
        (lambda t: convert(LAP, t / "a.csv", laps="0"), "there is nothing from 0 to 0; laps count from 1."),
        (
            lambda t: convert(LAP, t / "a.csv", laps="4-5"),
            "lap.jsonl.zst: it has lap 1. The command 'laps' shows them.",
        ),
        (lambda t: convert(t / "in.jsonl", t / "a.csv", valid_only=True), "There is no such valid lap in"),
        (
            lambda t: convert(t / "paused.jsonl", t / "a.csv"),
            "no sample to write; those of pauses need --include-paused",
        ),
        (lambda t: convert(t / "paused.jsonl", t / "a.jsonl"), "no sample to write"),
        (lambda t: convert(t / "broken.jsonl", t / "a.csv"), "line 2: this is not JSON"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_leaves_nothing(
    make: Callable[[Path], None], message: str, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", list(recorded_lap()[:5]))
    write(tmp_path / "paused.jsonl", [one.replace(status=3) for one in recorded_lap()[:5]])
    (tmp_path / "broken.jsonl").write_bytes((tmp_path / "in.jsonl").read_bytes().splitlines()[0] + b"\n{nonsense\n")
    (tmp_path / "old.csv").write_text("precious")
    there = sorted(tmp_path.iterdir())
    with pytest.raises(telemetry.TelemetryError) as caught:
        make(tmp_path)
    assert message in str(caught.value)
    assert sorted(tmp_path.iterdir()) == there
    assert (tmp_path / "old.csv").read_text() == "precious"


def test_the_command_says_what_it_made_and_what_it_could_not(tmp_path: Path) -> None:
    done = run(LAP, tmp_path / "a.csv", "--laps", "1", "--fields", "elapsed,gas")
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{tmp_path / 'a.csv'}: 829 samples in 82.8 s, lap 1, 8.5 kB.\n"
    refused = run(LAP, tmp_path / "a.csv")
    assert refused.returncode == 1
    assert refused.stderr.startswith("ac-telemetry: The file ")
    assert run(LAP, tmp_path / "a.csv", "--overwrite", "--quiet").stderr == ""


@pytest.mark.skipif(sys.platform == "win32", reason="no test can send a signal to another process there")
def test_an_interrupt_leaves_nothing_and_says_so(tmp_path: Path) -> None:
    one = b"".join(LAP.read_bytes() for _ in range(25))  # compressed streams can stand one behind the other
    (tmp_path / "long.jsonl.zst").write_bytes(one)
    command = [sys.executable, str(REPOSITORY / "main.py"), "convert", str(tmp_path / "long.jsonl.zst")]
    process = subprocess.Popen([*command, str(tmp_path / "a.csv")], stderr=subprocess.PIPE, encoding="utf-8")
    wait_until(lambda: any(path.stat().st_size for path in tmp_path.glob(".temporary-*/a.csv")))
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert errors == f"ac-telemetry: Stopped before it was done: {tmp_path / 'a.csv'} was not written.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["long.jsonl.zst"]


def test_help_loads_none_of_what_conversion_needs() -> None:
    code = (
        "import sys, telemetry.cli.convert, telemetry.cli.info\n"
        "print([name for name in ('pyarrow', 'numpy', 'mcap') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, cwd=REPOSITORY, timeout=PATIENCE, check=True
    )
    assert result.stdout.split() == [b"[]"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of files that a process writes")
@pytest.mark.parametrize("name", ["a.csv", "a.parquet", "a.jsonl.zst", "a.mcap"])
def test_a_full_disk_is_a_sentence_about_the_file_that_was_wanted(name: str, tmp_path: Path) -> None:
    command = [sys.executable, str(REPOSITORY / "main.py"), "convert", str(LAP), str(tmp_path / name)]
    limited = ["sh", "-c", 'ulimit -f 64; exec "$@"', "sh", *command]
    # Byte code that the limit cuts would be found, and believed, by every later process.
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    result = subprocess.run(
        limited, capture_output=True, timeout=PATIENCE, check=False, encoding="utf-8", env=environment
    )
    assert (result.returncode, list(tmp_path.iterdir())) == (1, [])
    assert result.stderr == (
        f"ac-telemetry: The file {tmp_path / name} cannot be written: File too large. Nothing is left of it.\n"
    )


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_a_file_that_was_cut_is_known(name: str, tmp_path: Path) -> None:
    path = write(tmp_path / name, list(recorded_lap()[:20]))
    assert is_complete(path)
    path.write_bytes(path.read_bytes()[:-7])
    assert not is_complete(path)
