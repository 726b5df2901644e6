"""``--reference`` of ``read`` and ``record``: the delta to a lap out of a file, and which lap that is."""

import re
import shutil
from pathlib import Path

import pytest

from tests.conftest import main_in_process

pytestmark = pytest.mark.usefixtures("own_tracks")

FIELDS = (
    "timestamp,elapsed,sequence,packet_id,status,current_time,last_time,completed_laps,normalized_position,"
    "track_spline_length,car_model,track,track_configuration,number_of_tyres_out,is_in_pit,is_in_pit_lane,session,"
    "distance_traveled,speed_kmh,current_sector_index,last_sector_time,sector_count,best_time,"
    "velocity_x,velocity_y,velocity_z"
)


@pytest.fixture(scope="module")
def lines(drive: Path) -> str:
    """The drive as JSON lines, four a second, of the fields that laps are found by."""
    path = drive.parent / "lines" / "lines.jsonl"
    path.parent.mkdir()
    result = main_in_process("convert", drive, path, "--fields", FIELDS, "--rate", "4")
    assert result.returncode == 0, result.stderr
    return path.read_text("utf-8")


def read(source: str | Path, *options: str | Path, cwd: Path | None = None) -> list[str]:
    """The lines that a drive shows where there is no terminal, and before them what is said of the reference."""
    result = main_in_process("read", "--source", source, "--speed", "max", *options, cwd=cwd)
    assert result.returncode == 0, result.stderr
    return [line for line in result.stderr.splitlines() + result.stdout.splitlines() if line]


def refusal(*arguments: str | Path) -> str:
    result = main_in_process(*arguments)
    assert result.returncode == 2, result.stderr
    return result.stderr.removeprefix("ac-telemetry: ").rstrip()


def test_the_delta_is_shown_while_a_lap_is_driven(drive: Path) -> None:
    part = ("--from", "lap:3", "--to", "lap:3", "--speed", "40")  # at the highest speed it can end before a line is due
    shown = read(drive, "--rate", "10", "--reference", f"{drive}:2", *part)
    assert re.fullmatch(r"Reference: 1:\d\d\.\d{3}, lap 2 of drive\.mcap, demo_gt3\.", shown[0])
    assert [line for line in shown if " live " in line and re.search(r"  delta +(-|[+-]?\d\.\d{3})  ", line)], shown


def test_best_is_the_best_valid_lap_of_this_car_and_track_in_this_folder(
    drive: Path, lines: str, tmp_path: Path
) -> None:
    (tmp_path / "below").mkdir()
    shutil.copy(drive, tmp_path / "below" / "slow.mcap")
    (tmp_path / "fast.jsonl").write_text(lines.replace('"demo_gt3"', '"other_car"'), "utf-8")
    (tmp_path / "broken.mcap").write_bytes(b"nothing")
    shown = read("demo", "--duration", "1s", "--reference", "best", cwd=tmp_path)
    assert shown[0].startswith("ac-telemetry: ")
    assert "broken.mcap" in shown[0]
    assert shown[0].endswith(" No reference is looked for in it.")
    assert re.fullmatch(r"Reference: 1:\d\d\.\d{3}, lap \d of slow\.mcap, demo_gt3\.", shown[1])
    assert read("demo", "--duration", "1s", "--reference", tmp_path)[1] == shown[1]


def test_where_no_lap_is_found_that_is_said_and_the_drive_goes_on(lines: str, tmp_path: Path) -> None:
    (tmp_path / "other.jsonl").write_text(lines.replace('"demo_gt3"', '"other_car"'), "utf-8")
    shown = read("demo", "--duration", "2s", "--reference", tmp_path)
    assert shown[0] == (
        f"ac-telemetry: There is no reference: of the 1 recording in and below {tmp_path}, none holds a valid lap of "
        "demo_gt3 on demo_ring."
    )
    assert not any("delta" in line for line in shown if " live " in line)


def test_a_log_of_motec_is_a_reference(drive: Path, tmp_path: Path) -> None:
    assert main_in_process("convert", drive, tmp_path / "friend.ld", "--rate", "20").returncode == 0
    shown = read("demo", "--duration", "1s", "--reference", tmp_path / "friend.ld")
    assert re.fullmatch(r"Reference: 1:\d\d\.\d{3}, lap \d of friend\.ld, demo_gt3\.", shown[0])


def test_another_track_or_layout_is_refused_and_another_car_is_told(lines: str, tmp_path: Path) -> None:
    path = tmp_path / "other.jsonl"
    path.write_text(lines.replace('"demo_ring"', '"spa"'), "utf-8")
    for command in (["record", tmp_path / "out.mcap"], ["serve", "--port", "0"]):
        assert refusal(*command, "--source", "demo", "--reference", f"{path}:2") == (
            f"The reference, lap 2 of {path}, is of spa, and this drive is on demo_ring."
        )
    assert not (tmp_path / "out.mcap").exists()
    assert refusal("read", "--source", "demo:line=0.5", "--reference", f"{path}:2").endswith("demo_ring (line_0.5).")
    path.write_text(lines.replace('"demo_gt3"', '"other_car"'), "utf-8")
    shown = read("demo", "--duration", "1s", "--reference", f"{path}:2")
    assert shown[0] == f"ac-telemetry: The reference, lap 2 of {path}, was driven with another car: other_car."


def test_a_track_that_turns_out_to_be_another_one_later_leaves_the_drive_without_a_delta(
    drive: Path, lines: str, tmp_path: Path
) -> None:
    path = tmp_path / "later.jsonl"
    rows = lines.splitlines()
    changed = [row.replace('"demo_ring"', '"spa"') for row in rows[120:]]
    path.write_text("\n".join([*rows[:120], *changed]), "utf-8")
    shown = read(path, "--reference", f"{drive}:2")
    told = f"ac-telemetry: The reference, lap 2 of {drive}, is of demo_ring, and this drive is on spa."
    assert f"{told} There is no delta to it." in shown


def test_what_is_no_lap_is_refused(drive: Path, tmp_path: Path) -> None:
    assert refusal("read", "--source", "demo", "--reference", f"{drive}:9").startswith(
        f"{drive} has no lap 9; it has 1,"
    )
    nothing = tmp_path / "nothing.mcap"
    assert refusal("read", "--source", "demo", "--reference", nothing) == f"There is no recording {nothing}."
    unfinished = refusal("read", "--source", "demo", "--reference", f"{drive}:4").splitlines()[-1]
    assert unfinished == f"ac-telemetry: {drive}: lap 4 was not driven to its end, so it can be no reference."


def test_the_view_of_a_recording_shows_the_delta_too(drive: Path, tmp_path: Path) -> None:
    options = ("--source", "demo", "--speed", "max", "--duration", "5s", "--reference", f"{drive}:2")
    result = main_in_process("record", tmp_path / "out.mcap", *options)
    assert result.returncode == 0, result.stderr
    assert re.search(r" live .*  delta +(-|[+-]?\d\.\d{3})  ", result.stdout)
    plan = main_in_process("record", "--plan", "plan.toml", "--reference", "best")
    assert "--reference and --plan contradict each other" in plan.stderr
