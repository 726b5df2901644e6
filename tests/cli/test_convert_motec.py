"""``convert`` to MoTeC logs, and logs given to other commands."""

import json
from pathlib import Path

import pytest

from telemetry.formats.motec.ldx import read_ldx
from telemetry.formats.motec.log import read_log
from tests.conftest import main_in_process
from tests.constructed import drive as constructed_drive
from tests.constructed import samples_of
from tests.formats.cases import CASES, drive
from tests.formats.cases import write as write_case


def run(*arguments: str | Path) -> tuple[int, str, str]:
    """The exit code and both outputs, with breaks of lines as blanks in the second."""
    result = main_in_process(*arguments)
    return result.returncode, result.stdout, " ".join(result.stderr.split())


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "drive.jsonl"
    write_case(CASES[".jsonl"], path, drive(200))
    return path


def test_a_recording_becomes_a_log_of_50_hz_with_the_file_beside_it(recording: Path, tmp_path: Path) -> None:
    code, out, _ = run("convert", recording, tmp_path / "lap.ld", "--json")
    assert code == 0
    assert json.loads(out)[0]["samples"] == 100
    log = read_log(tmp_path / "lap.ld")
    assert {channel.rate_hz for channel in log.channels} == {50}
    assert {"Ground Speed", "Car Coord X", "Tire Slip Angle FL"} <= {channel.name for channel in log.channels}
    assert read_ldx(tmp_path / "lap.ldx").details["Total Laps"] == "1"


def test_names_rate_and_fields_are_chosen(recording: Path, tmp_path: Path) -> None:
    options = ("--names", "motec", "--rate", "100", "--fields", "accG,gear")
    assert run("convert", recording, tmp_path / "lap.ld", *options)[0] == 0
    channels = read_log(tmp_path / "lap.ld").channels
    assert [channel.name for channel in channels] == ["G Force Lat", "G Force Vert", "G Force Long", "Gear"]
    assert {channel.rate_hz for channel in channels} == {100}


def test_chosen_laps_have_their_official_times(tmp_path: Path) -> None:
    source, log = tmp_path / "laps.jsonl", tmp_path / "lap.ld"
    write_case(CASES[".jsonl"], source, list(samples_of(constructed_drive([30.0, 31.2, 29.9]))))
    assert run("convert", source, log, "--laps", "2-3", "--rate", "10")[0] == 0
    beside = read_ldx(log.with_suffix(".ldx"))
    assert beside.beacons_s == (31.2, 61.1)
    assert (beside.details["Fastest Lap"], beside.details["Fastest Time"]) == ("1", "0:29.900")
    code, out, _ = run("laps", log, "--json")
    found = [(lap["number"], lap["time_ms"]) for lap in json.loads(out) if lap["end"] == "line"]
    assert (code, found) == (0, [(2, 31200), (3, 29900)])


def test_a_file_beside_that_exists_stays_and_no_log_appears(recording: Path, tmp_path: Path) -> None:
    (tmp_path / "lap.ldx").write_text("precious")
    code, _, error = run("convert", recording, tmp_path / "lap.ld")
    assert code == 1
    assert (
        f"The file {tmp_path / 'lap.ldx'} exists already and stays untouched. Use --overwrite to replace it." in error
    )
    assert (tmp_path / "lap.ldx").read_text() == "precious"
    assert not (tmp_path / "lap.ld").exists()


def test_both_files_are_replaced_on_request(recording: Path, tmp_path: Path) -> None:
    for name in ("lap.ld", "lap.ldx"):
        (tmp_path / name).write_text("old")
    assert run("convert", recording, tmp_path / "lap.ld", "--overwrite")[0] == 0
    assert read_log(tmp_path / "lap.ld").duration_s == 2.0
    assert read_ldx(tmp_path / "lap.ldx").beacons_s == ()


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (("--rate", "33.3"), "A MoTeC log has a whole number of samples a second, 1 to 333: got --rate 33.3."),
        (("--names", "mine"), "--names is one of acti, motec, ours: got 'mine'."),
        (("--gaps", "mine"), "--gaps is one of split, hold: got 'mine'."),
    ],
)
def test_wrong_options_are_sentences(recording: Path, tmp_path: Path, options: tuple[str, ...], sentence: str) -> None:
    code, _, error = run("convert", recording, tmp_path / "lap.ld", *options)
    assert (code, sentence in error) == (2, True)


def test_options_of_logs_are_for_logs(recording: Path, tmp_path: Path) -> None:
    code, _, error = run("convert", recording, tmp_path / "lap.csv", "--names", "acti")
    assert (code, "--names and --gaps are for MoTeC log." in error) == (2, True)


def test_a_log_is_a_recording_for_other_commands(recording: Path, tmp_path: Path) -> None:
    log = tmp_path / "lap.ld"
    assert run("convert", recording, log)[0] == 0
    code, out, _ = run("info", log, "--json")
    assert (code, json.loads(out)[0]["format"], json.loads(out)[0]["samples"]) == (0, "MoTeC log", 100)
    assert run("laps", log, "--json")[0] == 0
    code, _, _ = run("convert", log, tmp_path / "back.csv", "--fields", "speed_kmh")
    assert (code, (tmp_path / "back.csv").read_text().splitlines()[:2]) == (0, ["speed_kmh", "0.0"])


def test_a_log_cannot_be_recorded_and_the_message_says_what_to_do(tmp_path: Path) -> None:
    for arguments in (("read", "--source", "demo", "--json-output"), ("record", "--source", "demo")):
        code, _, error = run(*arguments, tmp_path / "lap.ld")
        assert code == 2
        assert "make it with the command 'convert'" in error


def test_the_table_of_channels_is_shown() -> None:
    code, out, _ = run("fields", "--motec", "roll")
    assert code == 0
    assert "Chassis Roll Angle" in out
    assert "-field x 57.2958" in out
