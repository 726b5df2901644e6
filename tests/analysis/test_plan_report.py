import json
from pathlib import Path
from typing import Any

import pytest

from telemetry.analysis.plan_report import best_times_text, write_plan_report
from telemetry.plans.manifest import FileRecord, LapRecord, Manifest, RunProgress
from telemetry.plans.plan import Plan, Run
from tests.recorded import recorded_lap, write


def lap(time_ms: int, car: str, *, track: str = "spa", layout: str = "", kept: bool = True) -> LapRecord:
    return LapRecord(
        file="a.mcap",
        number=1,
        kept=kept,
        time_ms=time_ms,
        car=car,
        track=track,
        layout=layout,
        reason="" if kept else "x",
    )


def progress_of(*laps: LapRecord) -> RunProgress:
    return RunProgress(Run(name="any car", laps=9), laps=list(laps))


def test_a_run_with_one_car_has_one_best_time() -> None:
    progress = progress_of(lap(62_000, "formula"), lap(60_500, "formula"), lap(59_000, "formula", kept=False))
    assert best_times_text(progress) == "1:00.500"
    assert best_times_text(progress_of(lap(59_000, "formula", kept=False))) == ""


def test_a_run_that_leaves_the_car_open_has_a_best_time_of_each() -> None:
    laps = (
        lap(60_000, "formula"),
        lap(95_000, "road_car"),
        lap(93_000, "road_car"),
        lap(40_000, "formula", layout="short"),
    )
    assert best_times_text(progress_of(*laps)) == (
        "1:00.000 (formula, spa); 1:33.000 (road_car, spa); 0:40.000 (formula, spa (short))"
    )


def test_the_laps_of_a_run_name_car_and_track_where_there_are_several(tmp_path: Path) -> None:
    manifest = Manifest(
        Plan(
            name="p",
            folder=tmp_path,
            template="{run}",
            suffix=".mcap",
            runs=(Run(name="one", laps=1), Run(name="two", laps=2)),
        ),
        tmp_path,
    )
    for progress, laps in zip(
        manifest.runs, ([lap(60_000, "formula")], [lap(60_000, "formula"), lap(95_000, "road_car")]), strict=True
    ):
        progress.laps = laps
        progress.files = {"a.mcap": FileRecord(file="a.mcap", finished=True)}
    write_plan_report(manifest, None)
    lines = (tmp_path / "quality.md").read_text(encoding="utf-8").splitlines()
    assert "| a.mcap | 1 | 1:00.000 |  | yes |" in lines
    assert "| a.mcap | 1 | 1:35.000 |  | yes | road_car, spa |" in lines


@pytest.mark.parametrize("damage", [{"report": {}}, {"findings": [3]}, {"valid": "yes"}, {"more": 1}, {"bytes": "1"}])
def test_an_earlier_report_that_somebody_changed_is_made_anew(tmp_path: Path, damage: dict[str, Any]) -> None:
    path = tmp_path / "a.jsonl"
    write(path, list(recorded_lap()[:20]))
    manifest = Manifest(
        Plan(name="p", folder=tmp_path, template="{run}", suffix=".jsonl", runs=(Run(name="one", laps=1),)), tmp_path
    )
    size = path.stat().st_size
    manifest.runs[0].files = {path.name: FileRecord(file=path.name, finished=True, bytes=size)}
    report, told = tmp_path / "quality.json", list[str]()
    write_plan_report(manifest, told.append)
    whole = report.read_text(encoding="utf-8")
    write_plan_report(manifest, told.append)
    assert (told, report.read_text(encoding="utf-8")) == (["Reading 1 recording for the quality report ..."], whole)
    values = json.loads(whole)
    values["files"][0] |= damage
    report.write_text(json.dumps(values))
    write_plan_report(manifest, None)
    assert report.read_text(encoding="utf-8") == whole
