"""``compare`` and ``corners``, on laps of the demo as the game draws them, and on laps that say little."""

import csv
import json
import math
import re
from pathlib import Path
from typing import Any

import pytest

import telemetry
from tests import recorded
from tests.conftest import main_in_process

pytestmark = pytest.mark.usefixtures("own_tracks")


def compared(*arguments: str | Path) -> Any:
    result = main_in_process("compare", *arguments, "--json")
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def sentence(*arguments: str | Path) -> str:
    """The error of a command that is refused for its arguments."""
    result = main_in_process(*arguments)
    assert result.returncode == 2, result.stderr
    assert not result.stdout
    return result.stderr.removeprefix("ac-telemetry: ").rstrip()


def test_one_recording_is_its_next_best_lap_against_its_best(drive: Path, own_tracks: Path) -> None:
    found = compared(drive)
    lap, reference = found["lap"], found["reference"]
    assert lap["time_ms"] > reference["time_ms"]
    assert lap["start"] == reference["start"] == "line"
    assert found["official_delta_s"] == (lap["time_ms"] - reference["time_ms"]) / 1e3
    assert found["delta"]["delta_s"][-1] == found["official_delta_s"]
    assert found["delta"]["delta_s"][0] == 0.0
    assert found["covered"] == 1.0
    assert abs(found["unaccounted_s"]) < 1e-9
    assert [part["label"] for part in found["segments"]] == ["T1", "T2", "T3", "T4", "T5", "T6", "T7"]
    assert sum(part["lost_s"] for part in found["segments"]) == pytest.approx(found["official_delta_s"])
    assert all(part["lap"]["braking_m"] > 20.0 for part in found["segments"])
    lost = [one["lost_s"] for one in found["most_lost"]]
    assert lost == sorted(lost, reverse=True)
    assert found["track"]["file"] == str(own_tracks / "demo_ring.toml")
    assert found["warnings"] == []


def test_laps_are_named_and_swapping_them_turns_the_sign(drive: Path) -> None:
    forwards, backwards = compared(f"{drive}:2", f"{drive}:3"), compared(f"{drive}:3", f"{drive}:2")
    assert (forwards["lap"]["number"], forwards["reference"]["number"]) == (2, 3)
    assert forwards["official_delta_s"] == -backwards["official_delta_s"]
    mirrored = [-value for value in backwards["delta"]["delta_s"]]
    assert forwards["delta"]["delta_s"] == mirrored
    assert compared(f"{drive}:2", "--reference", f"{drive}:3")["delta"] == forwards["delta"]


@pytest.mark.parametrize("reference", ["best", "last", "median"])
def test_a_reference_is_chosen_among_the_other_valid_laps(drive: Path, reference: str) -> None:
    found = compared(f"{drive}:2", "--reference", reference)
    assert found["lap"]["number"] == 2
    assert found["reference"]["number"] != 2
    assert found["reference"]["valid"]


def test_a_person_sees_the_laps_the_corners_the_words_and_the_curve(drive: Path) -> None:
    result = main_in_process("compare", drive)
    assert result.returncode == 0
    assert re.search(r"^lap +1:\d\d\.\d{3}, lap \d of ", result.stdout, re.MULTILINE)
    assert re.search(r"^difference +\+0\.\d{3} s \(slower\); all of it covered", result.stdout, re.MULTILINE)
    assert re.search(r"^T1 +[+-]0\.\d{3} ", result.stdout, re.MULTILINE)
    assert "Most is lost" in result.stdout
    assert sum(bool(re.search("[\u2801-\u28ff]", line)) for line in result.stdout.splitlines()) == 4
    assert re.search(r"^ +T1 +T2 .*T7 *$", result.stdout, re.MULTILINE)


def test_the_delta_is_written_at_each_place(drive: Path, tmp_path: Path) -> None:
    path = tmp_path / "delta.csv"
    assert main_in_process("compare", drive, "--csv", path, "--grid", "50m").returncode == 0
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    metres = [float(row["metres"]) for row in rows]
    assert len(rows) == 66
    assert (metres[0], metres[1]) == pytest.approx((0.0, 49.6), abs=0.1)
    last = rows[-1]
    assert float(last["delta_s"]) == pytest.approx(float(last["time_s"]) - float(last["reference_time_s"]), abs=1e-6)
    assert all(float(row["speed_kmh"]) > 50.0 for row in rows[1:-1])
    again = main_in_process("compare", drive, "--csv", path)
    assert again.returncode == 1
    assert "exists" in again.stderr


def test_a_track_is_edited_and_then_used(drive: Path, own_tracks: Path) -> None:
    where = main_in_process("corners", drive, "--edit")
    path = own_tracks / "demo_ring.toml"
    assert where.stdout == f"{path}\n"
    path.write_text(path.read_text("utf-8").replace('name = ""', 'name = "Bend"', 1), "utf-8")
    assert compared(drive)["segments"][0]["label"] == "T1 Bend"
    path.write_text("track = 1", "utf-8")
    assert sentence("compare", drive).startswith(f"{path}: ")


def test_corners_are_sorted_by_the_time_lost_and_every_measure_has_its_spread(drive: Path) -> None:
    result = main_in_process("corners", drive, "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    lost = [corner["lost_s"]["mean"] for corner in found["corners"]]
    assert lost == sorted(lost, reverse=True)
    assert sorted(corner["number"] for corner in found["corners"]) == [1, 2, 3, 4, 5, 6, 7]
    count = len(found["laps"])
    assert all(corner["lost_s"]["laps"] == count - 1 for corner in found["corners"])
    speeds = [corner["measures"]["min_kmh"] for corner in found["corners"]]
    assert all(speed["laps"] == count and 50.0 < speed["mean"] < 200.0 for speed in speeds)
    best = json.loads(main_in_process("corners", drive, "--lap", "best", "--json").stdout)
    assert [corner["number"] for corner in best["corners"]] == [1, 2, 3, 4, 5, 6, 7]
    assert all(corner["lost_s"]["mean"] is None for corner in best["corners"])


def test_a_person_sees_the_corners_with_their_spread_and_the_total(drive: Path) -> None:
    result = main_in_process("corners", drive, "--against", f"{drive}:2")
    assert result.returncode == 0
    assert re.search(r"^T\d +[+-]0\.\d{3} +\d+ ±\d+\.\d ", result.stdout, re.MULTILINE)
    assert re.search(r"^total +[+-]?\d\.\d{3}", result.stdout, re.MULTILINE)
    assert "demo_ring.toml (found now)" in result.stdout


def test_groups_of_laps_are_tested(drive: Path) -> None:
    result = main_in_process("compare", "--runs", drive, "--against", drive, "--json")
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["level"] == 0.05
    assert found["changed"] is False
    assert found["measures"][0]["measure"] == "lap_time_s"
    assert len(found["measures"]) == 8
    assert all(measure["change"] == 0.0 for measure in found["measures"])
    text = main_in_process("compare", "--runs", drive, "--against", drive).stdout
    assert "Nothing changed that these laps could show" in text
    assert "Level 5% for all eight measures together (Holm)." in text


def test_laps_that_hold_no_course_are_told_in_equal_segments(tmp_path: Path) -> None:
    found = compared(recorded.write(tmp_path / "a.jsonl", recorded.drive(1, 2, 3, 4)))
    assert len(found["segments"]) == 20
    assert found["track"] is None
    assert any("No corners of this track are known" in warning for warning in found["warnings"])
    assert any("was recorded at 2 Hz: too few samples to tell" in warning for warning in found["warnings"])
    refused = sentence("corners", tmp_path / "a.jsonl")
    assert "does not show the course of the track (no positions in the world, or too few samples)" in refused


@pytest.mark.parametrize(
    "changes",
    [{"track_spline_length": 0.0}, {"track_spline_length": math.inf}, {"speed_kmh": math.nan, "gas": math.nan}],
    ids=repr,
)
def test_numbers_that_say_nothing_leave_the_rest(tmp_path: Path, changes: dict[str, float]) -> None:
    path = recorded.write(tmp_path / "a.jsonl", [one.replace(**changes) for one in recorded.drive(1, 2, 3, 4)])
    found = compared(path)
    assert found["official_delta_s"] == found["delta"]["delta_s"][-1] == 0.0
    assert found["covered"] == 1.0
    has_length = "track_spline_length" not in changes
    assert (found["delta"]["metres"][-1] is not None) == has_length
    assert any("no length of this track" in warning for warning in found["warnings"]) != has_length


def changed(drive: Path, path: Path, **values: Any) -> Path:
    """The drive with other values in each of its samples, all of them at once."""
    with telemetry.open_source(drive) as source:
        readings = list(source.readings(telemetry.Clock(math.inf), None))
    return recorded.write(path, [one.snapshot.replace(**values) for one in readings if one.snapshot])


def test_one_sample_a_second_tells_times_and_keeps_no_track_for_later(
    drive: Path, own_tracks: Path, tmp_path: Path
) -> None:
    sparse = tmp_path / "sparse.jsonl"
    assert main_in_process("convert", drive, sparse, "--rate", "1", "--quiet").returncode == 0
    found = compared(sparse)
    assert found["delta"]["delta_s"][-1] == found["official_delta_s"]
    assert len(found["segments"]) == 20
    assert [part["lap"] for part in found["segments"]] == [None] * 20
    assert any("was recorded at 1 Hz: too few samples" in warning for warning in found["warnings"])
    assert "no single cause" not in main_in_process("compare", sparse).stdout
    assert "too few samples" in sentence("corners", sparse)
    assert not list(own_tracks.glob("*.toml"))
    assert compared(drive)["track"]["file"] is not None
    result = main_in_process("corners", sparse)
    assert result.stderr.count("was recorded at 1 Hz: too few samples to tell speeds") == 1
    assert "It is the same for 1 other lap." in result.stderr
    drawn = main_in_process("plot", sparse, "--what", "speed")
    assert "was recorded at 1 Hz: too few samples to tell speeds" in drawn.stderr


def test_speeds_and_pedals_that_are_no_numbers_are_named_and_no_cause_is_denied(drive: Path, tmp_path: Path) -> None:
    without = changed(drive, tmp_path / "a.jsonl", speed_kmh=math.nan, gas=math.nan, brake=math.nan)
    found = compared(without)
    assert found["delta"]["delta_s"][-1] == found["official_delta_s"]
    assert sum("does not hold speed_kmh, gas, brake:" in warning for warning in found["warnings"]) == 2
    assert all(part["lap"]["min_kmh"] is None for part in found["segments"])
    assert "no single cause" not in main_in_process("compare", without).stdout
    assert "does not hold speed_kmh, gas, brake:" in main_in_process("corners", without).stderr


def test_a_track_without_a_length_has_corners_and_no_metres(drive: Path, tmp_path: Path) -> None:
    result = main_in_process("corners", changed(drive, tmp_path / "a.jsonl", track_spline_length=0.0), "--json")
    assert result.returncode == 0
    assert "The game gives no length of this track: nothing is told in metres." in result.stderr
    for corner in json.loads(result.stdout)["corners"]:
        assert corner["measures"]["min_kmh"]["mean"] is not None
        assert corner["measures"]["braking_m"]["mean"] is None


def test_a_lap_that_stands_for_minutes_is_left_out_of_the_corners_and_named(drive: Path, tmp_path: Path) -> None:
    with telemetry.open_source(drive) as source:
        snapshots = [one.snapshot for one in source.readings(telemetry.Clock(math.inf), None) if one.snapshot]
    at = next(place for place, one in enumerate(snapshots) if one.completed_laps == 2 and one.current_time > 20_000)
    standing = snapshots[at]
    stood = [
        standing.replace(
            elapsed=standing.elapsed + second,
            timestamp=standing.timestamp + second,
            packet_id=standing.packet_id + second * 1000 // 3,
            current_time=standing.current_time + second * 1000,
            speed_kmh=0.0,
        )
        for second in range(1, 241)
    ]
    behind = []
    for one in snapshots[at + 1 :]:
        moved = one.replace(
            elapsed=one.elapsed + 240.0, timestamp=one.timestamp + 240.0, packet_id=one.packet_id + 80_000
        )
        if one.completed_laps == 2:
            moved = moved.replace(current_time=one.current_time + 240_000)
        elif one.last_time:
            moved = moved.replace(last_time=one.last_time + 240_000)
        behind.append(moved)
    path = recorded.write(tmp_path / "stood.jsonl", [*snapshots[: at + 1], *stood, *behind])
    result = main_in_process("corners", path, "--json")
    assert result.returncode == 0, result.stderr
    assert f"More than 7% slower than the best lap, and left out: lap 3 of {path}." in result.stderr
    assert [lap["number"] for lap in json.loads(result.stdout)["laps"]] == [2]
    lost = compared(f"{path}:3", f"{path}:2")["most_lost"]
    assert lost[0]["lost_s"] == pytest.approx(240.0, abs=1.0)


@pytest.mark.parametrize("command", ["compare", "corners"])
def test_a_road_without_positions_is_refused_with_the_reason(tmp_path: Path, command: str) -> None:
    still = [one.replace(normalized_position=0.0) for one in recorded.drive(1, 2, 3, 4)]
    refused = sentence(command, recorded.write(tmp_path / "a.jsonl", still))
    assert refused.endswith(
        "cannot be put on the track: the position on the track is 0 throughout, as on a road without a line for the AI."
    )


def test_an_invalid_lap_and_another_car_are_warnings(tmp_path: Path) -> None:
    cut = recorded.write(tmp_path / "cut.jsonl", recorded.drive(1, 2, 3, 4, cut=(2,)))
    warnings = compared(f"{cut}:2", f"{cut}:3")["warnings"]
    assert any(warning.startswith(f"Lap 2 of {cut} is not valid: 4 tyres out") for warning in warnings)
    other = [one.replace(car_model="formula") for one in recorded.drive(1, 2, 3, 4)]
    warnings = compared(cut, recorded.write(tmp_path / "other.jsonl", other))["warnings"]
    assert "The laps were driven with different cars." in warnings


def test_what_cannot_be_compared_is_refused_with_a_sentence(tmp_path: Path) -> None:
    laps = recorded.write(tmp_path / "a.jsonl", recorded.drive(1, 2, 3, 4))
    elsewhere = [one.replace(track="spa") for one in recorded.drive(1, 2, 3, 4)]
    spa = recorded.write(tmp_path / "spa.jsonl", elsewhere)
    single = recorded.write(tmp_path / "one.jsonl", recorded.drive(1, 2))
    cut = recorded.write(tmp_path / "cut.jsonl", recorded.drive(1, 2, 3, cut=(1, 2)))
    assert sentence("compare", laps, spa) == (
        "Laps of different tracks cannot be compared: one is of demo_ring, the other of spa."
    )
    assert "holds one valid lap only" in sentence("compare", single)
    assert re.search(r"holds no valid lap with an official time \(4 tyres out", sentence("compare", cut))
    assert "Name a lap" not in sentence("corners", cut)
    assert sentence("compare", f"{laps}:9").endswith("has no lap 9; it has 1, 2, 3, 4.")
    assert sentence("compare", laps, laps, laps).startswith("Two laps can be compared, got 3.")
    assert sentence("compare", laps, "--grid", "0m") == "--grid 0m: say metres from 0.1 to 1000, like 5m."
    assert sentence("compare", laps, "--reference", "fastest").startswith("--reference fastest: say best, last, median")
    assert sentence("compare", "--runs", laps).startswith("--runs and --against belong together")
    assert "at least 2 valid laps on either side are needed" in sentence("compare", "--runs", laps, "--against", single)
    assert sentence("compare", tmp_path / "none.mcap").startswith("There is no recording ")


def test_groups_take_every_file_that_a_shell_names(tmp_path: Path) -> None:
    names = ["a.jsonl", "b.jsonl", "c.jsonl"]
    for day, name in enumerate(names):
        recorded.write(tmp_path / name, recorded.days_later(recorded.drive(1, 2, 3, 4), day))
    words = ["--runs", "a.jsonl", "b.jsonl", "--against", "c.jsonl", "--json"]
    result = main_in_process("compare", *words, cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    found = json.loads(result.stdout)
    assert found["laps"] == 2 * found["laps_against"]
