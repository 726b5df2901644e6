"""What recordings say of themselves, on the command line."""

import json
from pathlib import Path

import pytest

from telemetry.analysis.quality import store_analysis
from telemetry.fields.snapshot import encode
from telemetry.formats.mcap.sink import create
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Step
from telemetry.sources.convert import ConversionOptions, convert_recording
from tests.commands import interrupt, start, with_signals
from tests.conftest import main_in_process, wait_until
from tests.recorded import recorded_lap

LAP = Path("fixtures/lap.jsonl.zst")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recorded lap as pages, without a summary."""
    path = tmp_path_factory.mktemp("pages") / "lap.mcap"
    convert_recording(LAP, path, ConversionOptions())
    return path


def says(command: str, *arguments: str | Path) -> list[dict[str, object]]:
    result = main_in_process(command, "--json", *map(str, arguments))
    assert result.returncode == 0, result.stderr
    found: list[dict[str, object]] = json.loads(result.stdout)
    return found


def test_what_record_convert_and_recover_close_holds_a_summary(pages: Path, tmp_path: Path) -> None:
    recorded, converted, recovered = (tmp_path / name for name in ("a.mcap", "b.mcap", "c.mcap"))
    source = ("--source", str(pages), "--speed", "max", "--quiet")
    assert main_in_process("record", str(recorded), *source).returncode == 0
    result = main_in_process("convert", str(pages), str(converted), "--json")
    assert json.loads(result.stdout)[0]["size"] == converted.stat().st_size
    recovered.write_bytes(pages.read_bytes()[:-200])
    assert main_in_process("recover", str(recovered)).returncode == 0
    for path in (recorded, converted, recovered):
        assert path.stat().st_size > pages.stat().st_size
        for command in ("info", "laps"):
            assert says(command, path) == says(command, path, "--no-summary")
            assert says(command, path, "--tyres-out", "2") == says(command, path, "--no-summary", "--tyres-out", "2")


def test_recover_gives_a_summary_to_a_finished_recording_that_lacks_one(pages: Path, tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    path.write_bytes(pages.read_bytes())  # as where the recorder was killed, or stopped twice, before it stored one
    for _ in range(2):
        assert main_in_process("recover", str(path)).stdout.startswith(f"{path}: finished already, ")
        assert (size := path.stat().st_size) > pages.stat().st_size
    assert main_in_process("recover", str(path)).returncode == 0
    assert path.stat().st_size == size
    assert says("laps", path) == says("laps", path, "--no-summary")


def test_validate_reads_what_info_takes_from_the_summary(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    with create(path) as sink:
        for number, row in enumerate(recorded_lap()):
            sink.write(Step(State.LIVE, encode(row), row.elapsed))
            if number % 100 == 0:
                sink.flush()
    assert store_analysis(path)
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 0xFF  # in a chunk
    path.write_bytes(data)
    assert says("info", path)[0]["finished"] is True
    assert main_in_process("info", path, "--no-summary").returncode == 1
    result = main_in_process("validate", path)
    assert result.returncode == 1
    assert "is corrupt at byte" in result.stderr


@with_signals
def test_a_recording_that_is_interrupted_holds_a_summary_too(tmp_path: Path) -> None:
    path = tmp_path / "drive.mcap"
    process = start("record", path, "--source", "demo", "--quiet")
    wait_until(lambda: path.exists() and path.stat().st_size > 0)
    _, errors = interrupt(process)
    assert (process.returncode, errors) == (0, "")
    assert b"ac_telemetry/summary.json.zst" in path.read_bytes()[-4000:]
