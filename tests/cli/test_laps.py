import json
from pathlib import Path
from typing import Any

import pytest

from telemetry.base.text import DASH
from telemetry.fields.snapshot import Snapshot
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


def overall(*arguments: str | Path) -> list[dict[str, Any]]:
    result = main_in_process("laps", "--overall", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    found: list[dict[str, Any]] = json.loads(result.stdout)
    return found


def test_each_lap_has_its_gap_to_the_best_one_of_its_car_and_track(tmp_path: Path) -> None:
    path = write(tmp_path / "evening.jsonl", evening())
    found = json.loads(main_in_process("laps", "--json", path).stdout)
    assert [lap["gap_ms"] for lap in found if lap["complete"]] == [1000, 0, 0, 2000]
    assert {lap["gap_ms"] for lap in found if not lap["complete"]} <= {None}
    lines = [line.split() for line in main_in_process("laps", path).stdout.splitlines()]
    assert [line[2] for line in lines if line[:1] in (["1"], ["2"])] == ["+1.000", DASH, DASH, "+2.000"]


def test_what_laps_show_together_is_told_for_each_car_and_track(tmp_path: Path) -> None:
    path = write(tmp_path / "evening.jsonl", evening())
    formula, road_car = overall(path)
    assert (formula["car"], formula["track"], formula["layout"]) == ("formula", "demo_ring", "")
    assert (road_car["car"], road_car["layout"]) == ("road_car", "short")
    assert formula["best"] == {"file": str(path), "lap": 2, "run": 1, "time_ms": 29_000}
    assert road_car["best"]["time_ms"] == 31_000
    for one in (formula, road_car):
        assert one["theoretical_best"] is None  # the drive shows no sectors
        assert one["stints"] == [] or one["stints"][0]["trend_s_per_lap"] is None  # of two laps


def test_laps_of_a_folder_are_told_together_and_stints_by_file(tmp_path: Path) -> None:
    first, second = evening()[:64], evening()[60:124]
    write(tmp_path / "1.jsonl", first)
    write(tmp_path / "2.jsonl", second)
    found = overall(tmp_path)
    assert [Path(file).name for file in found[0]["files"]] == ["1.jsonl", "2.jsonl"]
    assert Path(found[0]["best"]["file"]).name == "2.jsonl"
    assert {Path(stint["file"]).name for stint in found[0]["stints"]} <= {"1.jsonl", "2.jsonl"}


SECTORS_MS = ((10_100, 9_900, 10_000), (10_000, 9_950, 10_000), (10_000, 10_050, 10_000), (10_050, 10_040, 10_020))
"""Of laps 1 to 4, of 30.000, 29.950, 30.050 and 30.110 s."""


def stint() -> list[Snapshot]:
    """Four laps with these sectors, two litres each."""
    shown = []
    for count, one in enumerate(drive(1, 2, 3, 4, 5)[:244]):
        lap, tick = divmod(count, 60)
        sector = tick // 20
        before = SECTORS_MS[lap - 1] if lap else (0, 0, 0)
        times = [sum(sectors) for sectors in SECTORS_MS[:lap]]
        shown.append(
            one.replace(
                current_sector_index=sector,
                last_sector_time=SECTORS_MS[lap][sector - 1] if sector else before[2],
                last_time=times[-1] if times else 0,
                best_time=min(times, default=0),
                fuel=20.0 - count / 30.0,
                tyre_wear=(100.0 - count / 500.0,) * 3 + (100.0 - count / 250.0,),
            )
        )
    return shown


def test_a_person_sees_what_laps_show_together(tmp_path: Path) -> None:
    path = write(tmp_path / "stint.jsonl", stint())
    sectors = "S1 10.000 (lap 2), S2 9.900 (lap 1), S3 10.000 (lap 1)"
    expected = [
        f"theoretical best  0:29.900, 0.050 s below the best lap: {sectors}",
        "consistency       ±0.081 s over 3 clean laps, 0.27% of the median 0:30.050",
        "stint 1           +0.080 s a lap over laps 2 to 4 (95%: -0.067 to +0.227), no clear trend",
        "fuel              2.00 l a lap; 12.0 l are left, for 6.0 laps",
        "tyres             2.0% of their life a lap, rear right",
    ]
    for options in ((), ("--overall",)):
        lines = [line.rstrip() for line in main_in_process("laps", *options, path).stdout.splitlines()]
        assert lines[-5:] == expected
        assert ("lap" in [line.partition(" ")[0] for line in lines]) == (not options)


def test_the_numbers_of_a_stint_are_those_of_its_laps(tmp_path: Path) -> None:
    path = write(tmp_path / "stint.jsonl", stint())
    (found,) = overall(path)
    theoretical = found["theoretical_best"]
    assert [(sector["time_ms"], sector["lap"]) for sector in theoretical["sectors"]] == [
        (10_000, 2),
        (9_900, 1),
        (10_000, 1),
    ]
    assert (theoretical["time_ms"], theoretical["possible_gain_ms"]) == (29_900, 50)
    assert found["consistency"]["laps"] == 3  # the first one begins on the grid
    assert found["consistency"]["median_s"] == pytest.approx(30.05)
    (one,) = found["stints"]
    assert one["lap_numbers"] == [2, 3, 4]
    assert one["trend_s_per_lap"]["slope"] == pytest.approx(0.08)
    assert one["trend_s_per_lap"]["low"] < 0.0 < one["trend_s_per_lap"]["high"]
    assert found["fuel"]["per_lap_l"] == pytest.approx(2.0, abs=0.01)
    assert found["fuel"]["left_l"] == pytest.approx(20.0 - 239 / 30.0)
    assert found["fuel"]["laps_left"] == pytest.approx(found["fuel"]["left_l"] / found["fuel"]["per_lap_l"])
    assert found["tyres"]["laps"] == 3
    worn = found["tyres"]["worn_per_lap"]
    assert worn[3] == found["tyres"]["worst_worn_per_lap"] == pytest.approx(2.0 * worn[0])


def test_laps_that_show_nothing_together_say_so(tmp_path: Path) -> None:
    path = write(tmp_path / "cut.jsonl", drive(1, 2, 3, cut=(1, 2, 3)))
    text = main_in_process("laps", "--overall", path).stdout
    assert text == "demo_gt3, demo_ring: nothing to tell, because no valid lap goes from line to line.\n"
    (found,) = overall(path)
    assert (found["best"], found["theoretical_best"], found["stints"]) == (None, None, [])
    assert (found["consistency"]["laps"], found["consistency"]["median_s"]) == (0, None)
    assert found["fuel"]["per_lap_l"] is found["fuel"]["laps_left"] is None
