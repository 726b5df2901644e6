import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import main_in_process
from tests.recorded import LAP

OFFICIAL = {"lap": 0, "car": 0, "sectors": [31011, 26241, 26559], "time": 83811, "cuts": 0, "tyre": "M"}


@pytest.fixture
def result_file(tmp_path: Path) -> Path:
    path = tmp_path / "race_out.json"
    write(path, OFFICIAL)
    return path


def write(path: Path, *laps: dict[str, Any], track: str = "demo_ring") -> None:
    players = [{"name": "\x1b[31mDriver", "car": "demo_gt3", "skin": ""}]
    sessions = [{"name": "Practice", "type": 1, "laps": laps}]
    path.write_text(json.dumps({"track": track, "players": players, "sessions": sessions}))


def test_laps_shows_the_laps_of_a_result(result_file: Path) -> None:
    shown = main_in_process("laps", str(result_file))
    assert (shown.returncode, shown.stderr) == (0, "")
    assert "1:23.811" in shown.stdout
    assert "\x1b" not in shown.stdout
    [lap] = json.loads(main_in_process("laps", str(result_file), "--json").stdout)
    assert (lap["time_ms"], lap["sectors_ms"], lap["cut"], lap["session"]) == (
        83811, [31011, 26241, 26559], False, "practice",
    )  # fmt: skip


def test_one_of_two_equal_laps_is_the_best(result_file: Path) -> None:
    write(result_file, OFFICIAL, OFFICIAL | {"lap": 1})
    rows = [line.split() for line in main_in_process("laps", result_file).stdout.splitlines()]
    assert [row[-1] for row in rows if row[1:2] == ["1:23.811"]] == ["best", "yes"]


@pytest.mark.parametrize("command", ["laps", "validate"])
def test_a_recording_that_agrees_with_the_result_ends_with_0(command: str, result_file: Path) -> None:
    assert main_in_process(command, str(LAP), "--result", str(result_file)).returncode == 0


@pytest.mark.parametrize("command", ["laps", "validate"])
@pytest.mark.parametrize(
    ("changes", "track", "sentence"),
    [
        (
            {"time": -1, "cuts": 1},
            "demo_ring",
            "Lap 1: the game refused it for a cut, and it is valid in the recording.",
        ),
        ({"time": 70000}, "demo_ring", "The result holds none of these laps: no time is the same."),
        ({}, "spa", "The result is of spa, the recording of demo_ring."),
    ],
)
def test_what_differs_is_said_and_ends_with_1(
    command: str, changes: dict[str, Any], track: str, sentence: str, result_file: Path
) -> None:
    write(result_file, OFFICIAL | changes, track=track)
    shown = main_in_process(command, str(LAP), "--result", str(result_file))
    assert shown.returncode == 1
    assert sentence in " ".join(shown.stdout.split())


def test_json_holds_what_the_game_says_of_each_lap(result_file: Path) -> None:
    laps = json.loads(main_in_process("laps", str(LAP), "--json", "--result", str(result_file)).stdout)
    assert [lap["result"] and lap["result"]["time_ms"] for lap in laps] == [83811, *[None] * (len(laps) - 1)]
    assert laps[0]["result"]["differences"] == []


def test_a_result_that_cannot_be_read_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text("{")
    for arguments in ((str(path),), (str(LAP), "--result", str(path)), (str(LAP), "--result", str(tmp_path / "no"))):
        shown = main_in_process("laps", *arguments)
        assert shown.returncode in (1, 2)
        assert shown.stderr.startswith("ac-telemetry: ")
