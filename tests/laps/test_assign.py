"""Which lap each sample of a recording is of, to the physics step."""

import json
from pathlib import Path

import pytest

import telemetry
from telemetry.fields.derived import Sample
from telemetry.laps.assign import assign_laps
from telemetry.laps.detector import laps
from tests.conftest import main_in_process
from tests.constructed import Values, changed, drive, samples_of

STEPS_PER_SECOND = 1000.0 / 3.0


def frames(rows: list[Values], steps_per_frame: int, phase: int) -> list[Values]:
    """The rows as if the graphics page had been drawn once in so many of them."""
    drawn_names = ("completed_laps", "current_time", "last_time", "normalized_position", "distance_traveled")
    drawn = rows[0]
    found = []
    for number, row in enumerate(rows):
        if (number + phase) % steps_per_frame == 0:
            drawn = row
        found.append(row | {name: drawn[name] for name in drawn_names} | {"graphics_packet_id": drawn["packet_id"]})
    return found


def assigned(rows: list[Values]) -> list[Sample]:
    samples = list(samples_of(rows))
    return list(assign_laps(samples, laps(samples)))


@pytest.mark.parametrize("phase", range(6))
@pytest.mark.parametrize("count_late", [0.0, 0.05])
@pytest.mark.parametrize("line", [0.0, 0.8])
def test_a_lap_begins_at_its_step_although_its_frame_is_drawn_later(phase: int, count_late: float, line: float) -> None:
    rows = list(drive([3.0, 4.5, 3.6], rate=STEPS_PER_SECOND, line=line, count_late=count_late))
    samples = assigned(frames(rows, 6, phase))
    steps = [round(sample.elapsed * STEPS_PER_SECOND) for sample in samples]
    assert [sample.lap for sample in samples] == [
        1 + sum(step >= line_step for line_step in (1000, 2500, 3700)) for step in steps
    ]
    begins = {1: 0, 2: 1000, 3: 2500, 4: 3700}
    for sample, step in zip(samples, steps, strict=True):
        assert sample.lap_time == pytest.approx(3 * (step - begins[sample.lap]), abs=3)


def test_a_verdict_is_known_on_every_sample_of_a_lap_that_ended() -> None:
    rows = list(changed(drive([30.0, 31.0, 32.0], end=70.0, rate=20.0), 40.0, 40.5, number_of_tyres_out=4))
    verdicts = {(sample.lap, sample.lap_valid) for sample in assigned(rows)}
    assert verdicts == {(1, True), (2, False), (3, None)}
    assert {sample.lap_valid for sample in samples_of(rows)} == {None}


def test_a_conversion_groups_its_rows_by_the_laps_that_laps_shows(tmp_path: Path) -> None:
    source, output = tmp_path / "drive.jsonl", tmp_path / "laps.jsonl"
    with telemetry.open_sink(source) as sink:
        for sample in samples_of(changed(drive([30.0, 31.0], rate=20.0, end=70.0), 10.0, 11.0, number_of_tyres_out=3)):
            sink.write(sample)
    shown = json.loads(main_in_process("laps", "--json", source).stdout)
    assert main_in_process("convert", source, output, "--fields", "sequence,run,lap,lap_time,lap_valid").returncode == 0
    rows = [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]
    assert [(lap["run"], lap["lap"] if "lap" in lap else lap["number"], lap["valid"]) for lap in shown[:2]] == [
        (1, 1, False),
        (1, 2, True),
    ]
    for lap in shown[:2]:
        of_lap = [row for row in rows if (row["run"], row["lap"]) == (lap["run"], lap["number"])]
        assert [of_lap[0]["sequence"], of_lap[-1]["sequence"]] == [lap["first"]["sequence"], lap["last"]["sequence"]]
        assert {row["lap_valid"] for row in of_lap} == {lap["valid"]}
        assert of_lap[-1]["lap_time"] == pytest.approx(lap["time_ms"], abs=60)
