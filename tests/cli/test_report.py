"""``report``: its files, and recordings of which little or nothing can be said."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from telemetry.fields.snapshot import Snapshot
from tests import recorded
from tests.conftest import main_in_process

pytestmark = pytest.mark.usefixtures("own_tracks")

NAN = math.nan


def reported(*arguments: str | Path) -> Any:
    """The values of a report, of which the page is written too."""
    page = Path(arguments[0]).with_name("report.html")
    result = main_in_process("report", *arguments, "--json", "-o", page, "--overwrite")
    assert result.returncode == 0, result.stderr
    assert page.read_text("utf-8").endswith("</html>\n")
    return json.loads(result.stdout)


def drive(**changes: Any) -> list[Snapshot]:
    return [one.replace(**changes) for one in recorded.drive(1, 2, 3, 4)]


def test_a_page_that_exists_stays_unless_it_is_to_be_replaced(tmp_path: Path) -> None:
    laps, page = recorded.write(tmp_path / "a.jsonl", drive()), tmp_path / "new" / "report.html"
    first = main_in_process("report", laps, "-o", page)
    assert first.returncode == 0
    assert first.stderr.startswith(f"{page}: 4 laps, ")
    page.write_text("mine", "utf-8")
    again = main_in_process("report", laps, "-o", page)
    assert (again.returncode, page.read_text("utf-8")) == (1, "mine")
    assert "exists already" in again.stderr
    assert main_in_process("report", laps, "-o", page, "--overwrite").returncode == 0
    assert page.stat().st_size > 50_000
    assert [path.name for path in page.parent.iterdir()] == ["report.html"]


def test_what_is_refused_is_refused_with_a_sentence(tmp_path: Path) -> None:
    laps = recorded.write(tmp_path / "a.jsonl", drive())
    nowhere = main_in_process("report", laps)
    assert (nowhere.returncode, nowhere.stdout) == (2, "")
    assert nowhere.stderr.endswith("Say where the page goes, like -o report.html, or --json for its numbers.\n")
    itself = main_in_process("report", laps, "-o", laps, "--overwrite")
    assert itself.returncode == 2
    assert "is the source itself" in itself.stderr
    missing = main_in_process("report", tmp_path / "none.mcap", "-o", tmp_path / "report.html")
    assert missing.returncode == 2
    assert "There is no recording" in missing.stderr
    assert not (tmp_path / "report.html").exists()


def test_a_recording_that_cannot_be_read_is_named_and_the_others_are_reported(tmp_path: Path) -> None:
    laps = recorded.write(tmp_path / "a.jsonl", drive())
    (tmp_path / "b.mcap").write_bytes(b"no recording")
    result = main_in_process("report", laps, tmp_path / "b.mcap", "--json")
    assert result.returncode == 1
    assert len(json.loads(result.stdout)["laps"]) == 4
    assert "1 of 2 recordings could not be read" in result.stderr


def test_laps_of_several_files_have_letters_and_a_copy_is_left_out(tmp_path: Path) -> None:
    first = recorded.write(tmp_path / "a.jsonl", drive())
    second = recorded.write(tmp_path / "b.jsonl", recorded.days_later(drive(), 1))
    copy = recorded.write(tmp_path / "c.csv", drive())
    found = reported(first, second, copy)
    assert [lap["label"] for lap in found["laps"]] == ["A1", "A2", "A3", "A4", "B1", "B2", "B3", "B4"]
    assert len(found["recordings"]) == 2
    assert len(found["overview"]["stints"]) == 2


def test_only_laps_of_one_car_and_track_are_reported(tmp_path: Path) -> None:
    path = recorded.write(tmp_path / "a.jsonl", recorded.evening())
    result = main_in_process("report", path, "--json")
    assert {lap["car"] for lap in json.loads(result.stdout)["laps"]} == {"formula"}
    assert "The report is on formula, demo_ring: 2 laps of others are left out." in result.stderr


def test_one_lap_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    found = reported(recorded.write(tmp_path / "a.jsonl", recorded.drive(1, 2, 3)))
    assert found["comparison"] is None
    assert found["missing"]["comparison"] == "There is one lap only, so it cannot be compared."
    assert found["traces"]["laps"][0]["speed_kmh"][5] > 50.0


def test_invalid_laps_stand_in_where_none_is_valid(tmp_path: Path) -> None:
    found = reported(recorded.write(tmp_path / "a.jsonl", recorded.drive(1, 2, 3, cut=(1, 2))))
    assert found["missing"]["valid"].startswith("No lap is valid (4 tyres out at 1,613 m, refused by the game")
    assert [lap["label"] for lap in found["traces"]["laps"]] == ["1", "2"]
    assert found["overview"]["consistency"]["laps"] == 0


def test_a_lap_that_is_not_complete_leaves_what_is_known_of_the_recording(tmp_path: Path) -> None:
    found = reported(recorded.write(tmp_path / "a.jsonl", recorded.drive(1)))
    assert found["missing"]["valid"] == "No lap is complete (recording ended), so no lap can be looked at."
    assert found["traces"] is None
    assert found["recordings"][0]["samples"] == 60


@pytest.mark.parametrize(
    ("changes", "section", "sentence"),
    [
        ({"normalized_position": 0.0}, "laps", "the position on the track is 0 throughout"),
        (
            {"normalized_position": 0.2, "world_position_x": 0.0, "world_position_z": 0.0},
            "laps",
            "the car does not move along the track",
        ),
        ({"world_position_x": NAN}, "corners", "The laps hold no positions in the world"),
        ({"acc_g_x": NAN}, "grip", "These laps hold no accelerations above 30 km/h"),
        ({"speed_kmh": NAN, "gas": NAN, "fuel": NAN, "wheel_pressure": (NAN,) * 4}, "grip", "These laps hold no acc"),
        ({"track_spline_length": 0.0}, "dampers", "The laps were recorded at 2 Hz. Damper speeds need 150 Hz or more"),
    ],
    ids=["no position", "standing", "no world", "no g", "NaN", "no length"],
)
def test_what_cannot_be_said_is_told_and_the_rest_is_given(
    tmp_path: Path, changes: dict[str, Any], section: str, sentence: str
) -> None:
    found = reported(recorded.write(tmp_path / "a.jsonl", drive(**changes)))
    assert sentence in found["missing"][section]
    assert len(found["laps"]) == 4
    assert found["overview"]["consistency"]["laps"] >= 1
    assert '<p class="missing">' in (tmp_path / "report.html").read_text("utf-8")


def test_a_table_without_positions_has_laps_and_a_sentence(tmp_path: Path) -> None:
    laps = recorded.write(tmp_path / "a.jsonl", drive())
    few = tmp_path / "few.csv"
    fields = "timestamp,elapsed,speed_kmh,gas,brake,current_time,completed_laps,last_time"
    assert main_in_process("convert", laps, few, "--fields", fields).returncode == 0
    found = reported(few)
    assert found["missing"]["laps"].endswith(
        "does not hold normalized_position, so its laps cannot be put on the track."
    )
    assert found["laps"][1]["time_ms"] == 30_000


def test_lengths_are_percent_where_the_game_tells_none(tmp_path: Path) -> None:
    found = reported(recorded.write(tmp_path / "a.jsonl", drive(track_spline_length=0.0)))
    assert found["traces"]["unit"] == "%"
    assert found["traces"]["places"][-1] == 100.0
