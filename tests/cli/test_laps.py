import json
from pathlib import Path

from tests.conftest import main_in_process
from tests.recorded import drive, driven_by_ai, evening, write


def test_each_car_and_track_has_a_best_lap(tmp_path: Path) -> None:
    path = write(tmp_path / "evening.jsonl", evening())
    found = json.loads(main_in_process("laps", "--json", path).stdout)
    complete = [lap for lap in found if lap["complete"]]
    assert [(lap["car"], lap["track"], lap["layout"], lap["time_ms"], lap["best"]) for lap in complete] == [
        ("formula", "demo_ring", "", 30_000, False),
        ("formula", "demo_ring", "", 29_000, True),
        ("road_car", "spa", "short", 31_000, True),
        ("road_car", "spa", "short", 33_000, False),
    ]


def test_the_table_says_which_car_and_track_a_lap_is_of(tmp_path: Path) -> None:
    path = write(tmp_path / "evening.jsonl", evening())
    lines = [" ".join(line.split()) for line in main_in_process("laps", path).stdout.splitlines()]
    assert lines[:3] == [
        f"{path} formula, demo_ring; road_car, spa (short), practice: 4 complete laps",
        "",
        "formula, demo_ring",
    ]
    assert "road_car, spa (short)" in lines
    assert [line.rpartition(" ")[2] for line in lines if line.startswith(("1 ", "2 "))] == [
        "yes",
        "best",
        "best",
        "yes",
    ]


def test_one_lap_is_the_best_of_several_files_with_the_same_car_and_track(tmp_path: Path) -> None:
    first, second = evening()[:64], evening()[60:124]
    files = write(tmp_path / "1.jsonl", first), write(tmp_path / "2.jsonl", second)
    found = json.loads(main_in_process("laps", "--json", *files).stdout)
    best = [(Path(lap["file"]).name, lap["time_ms"]) for lap in found if lap["best"]]
    assert best == [("2.jsonl", 29_000)]


def test_the_same_drive_is_taken_once(tmp_path: Path) -> None:
    whole = write(tmp_path / "evening.jsonl", evening())
    copy = write(tmp_path / "copy.jsonl.gz", evening())
    result = main_in_process("laps", "--json", whole, copy)
    assert result.returncode == 0
    assert {lap["file"] for lap in json.loads(result.stdout)} == {str(whole)}
    assert result.stderr == f"ac-telemetry: {copy} is left out: {whole} holds the same drive.\n"


def test_laps_of_the_ai_are_marked_and_valid_only_where_that_is_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "ai.jsonl", [*driven_by_ai(drive(1, 2, 3)[:60]), *drive(1, 2, 3)[60:124]])
    for options, valid, best in (((), [False, True], [False, True]), (("--include-ai",), [True, True], [True, False])):
        found = [lap for lap in json.loads(main_in_process("laps", "--json", path, *options).stdout) if lap["complete"]]
        assert [lap["ai_driven"] for lap in found] == [True, False]
        assert ([lap["valid"] for lap in found], [lap["best"] for lap in found]) == (valid, best)
    assert "driven by the AI" in main_in_process("laps", path).stdout


def test_only_valid_laps_are_no_laps_of_the_ai_unless_that_is_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "ai.jsonl", [*driven_by_ai(drive(1, 2, 3)[:60]), *drive(1, 2, 3)[60:124]])
    for options, first in (((), 2), (("--include-ai",), 1)):
        out = tmp_path / f"{first}.jsonl"
        assert main_in_process("convert", path, out, "--valid-only", "--quiet", *options).returncode == 0
        assert json.loads(out.read_text().splitlines()[0])["completed_laps"] == first - 1
