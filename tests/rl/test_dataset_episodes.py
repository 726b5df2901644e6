import math
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

import telemetry
from telemetry.demo.source import DemoSource
from telemetry.fields.blocks import TextColumn
from telemetry.fields.derived import Sample
from telemetry.fields.schema import Field
from telemetry.fields.snapshot import Snapshot
from telemetry.formats.mcap.sink import create
from telemetry.rl.datasets.episodes import (
    Episode,
    EpisodeConfig,
    SkipCounts,
    choose,
    episodes,
    group,
    is_on_grid,
    survey,
)
from telemetry.rl.datasets.exporter import ignore
from telemetry.rl.sample_columns import SampleColumns
from tests.line_drives import LAP_S, Line, drive_laps
from tests.recorded import LAP, drive, recorded_lap, write


def look(elapsed: float) -> None:
    """Show it to nobody."""
    ignore("", elapsed)


def cut(path: Path, how: EpisodeConfig) -> tuple[list[Episode], SkipCounts]:
    clock, losses = telemetry.Clock(math.inf), SkipCounts()
    with telemetry.open_source(path) as source:
        found = survey(source, path, how, clock, look)
        return list(episodes(source, found, how, clock, losses, look)), losses


def rows_of(samples: SampleColumns) -> list[Sample]:
    """The samples one by one."""
    columns = []
    for field in Sample.FIELDS:
        column = samples.column(field.name)
        values = column.values().tolist() if isinstance(column, TextColumn) else column.tolist()
        columns.append([as_in_a_sample(field, value) for value in values])
    return list(map(Sample.of, zip(*columns, strict=True)))


def as_in_a_sample(field: Field, value: Any) -> Any:
    """A value of a column with tuples in place of lists, and None in place of NaN in a field that can be null."""
    if isinstance(value, list):
        return tuple(as_in_a_sample(field, element) for element in value)
    return None if field.nullable and isinstance(value, float) and math.isnan(value) else value


def told(found: list[Episode]) -> list[tuple[list[int], int, str]]:
    return [([lap.number for lap in one.laps], len(one.samples), one.end) for one in found]


@pytest.fixture(scope="module")
def four_laps(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Laps 1 to 4 of thirty seconds and the beginning of the fifth; the third is cut."""
    return write(tmp_path_factory.mktemp("episodes") / "four.jsonl", drive(1, 2, 3, 4, 5, cut=(3,))[:-50])


def test_a_lap_is_an_episode_on_the_exact_grid() -> None:
    (one,), losses = cut(LAP, EpisodeConfig())
    assert (one.recording, one.number, one.end, len(one.samples)) == ("lap.jsonl.zst", 0, "line", 2074)
    assert is_on_grid(one.samples, 25.0)
    assert one.samples("elapsed")[[0, 1, 1000]].tolist() == [1.0, 1.04, 41.0]
    assert max(one.held_s) == pytest.approx(0.08)
    assert losses == SkipCounts(short=0, samples=0, gaps=0)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        (EpisodeConfig(rate=10.0), [([1], 301), ([2], 301), ([3], 301), ([4], 301), ([5], 46)]),
        (EpisodeConfig(rate=10.0, kind="stint"), [([1, 2, 3, 4, 5], 1246)]),
        (EpisodeConfig(rate=10.0, kind="session", valid_only=True), [([1, 2], 601), ([4], 301)]),
        (EpisodeConfig(rate=10.0, kind="stint", laps=((2, 3),)), [([2, 3], 601)]),
        (EpisodeConfig(rate=10.0, laps=((2, 2), (4, 9)), valid_only=True), [([2], 301), ([4], 301)]),
    ],
)
def test_laps_stints_and_sessions_are_cut(
    four_laps: Path, how: EpisodeConfig, expected: list[tuple[list[int], int]]
) -> None:
    found, _ = cut(four_laps, how)
    assert [(laps, count) for laps, count, _ in told(found)] == expected
    assert all(is_on_grid(one.samples, 10.0) for one in found)


def test_a_stop_in_the_pits_ends_a_stint_and_no_session(four_laps: Path) -> None:
    from dataclasses import replace

    clock = telemetry.Clock(math.inf)
    with telemetry.open_source(four_laps) as source:
        laps = survey(source, four_laps, EpisodeConfig(), clock, look).laps
    pitted = tuple(replace(lap, stint=1 if lap.number < 3 else 2) for lap in laps)
    stints = group(pitted, choose(pitted, EpisodeConfig()), "stint")
    assert [[lap.number for lap in laps] for laps in stints] == [[1, 2], [3, 4, 5]]
    assert len(group(pitted, choose(pitted, EpisodeConfig()), "session")) == 1
    restarted = tuple(replace(lap, start_index=1 if lap.number < 4 else 2) for lap in laps)
    assert [len(laps) for laps in group(restarted, restarted, "session")] == [3, 2]


def holed(first: int, last: int, changes: dict[str, float]) -> list[Snapshot]:
    """The recorded lap, whose samples from ``first`` to before ``last`` are gone or changed."""
    lap = recorded_lap()
    middle = [one.replace(**changes) for one in lap[first:last]] if changes else []
    return [*lap[:first], *middle, *lap[last:]]


@pytest.mark.parametrize("changes", [{}, {"status": 3}], ids=["gap", "pause"])
def test_a_hole_ends_an_episode_and_another_begins_after_it(changes: dict[str, float], tmp_path: Path) -> None:
    path = write(tmp_path / "holed.jsonl", holed(300, 330, changes))
    found, losses = cut(path, EpisodeConfig())
    assert [(count, end) for _, count, end in told(found)] == [(748, "hole"), (1249, "line")]
    assert found[1].samples.value("elapsed", 0) == recorded_lap()[330].elapsed
    assert losses == SkipCounts(short=0, samples=0, gaps=1)


def test_what_is_too_short_is_counted(tmp_path: Path) -> None:
    lap = recorded_lap()
    path = write(tmp_path / "short.jsonl", [*lap[:300], *lap[320:325], *lap[345:600]])
    found, losses = cut(path, EpisodeConfig())
    assert [count for _, count, _ in told(found)] == [748, 636]
    assert losses == SkipCounts(short=1, samples=11, gaps=2)


@pytest.mark.parametrize("hitch_s", [0.13, 0.2, 1.2])
@pytest.mark.parametrize(("hz", "start_s"), [(1 / 0.003, 2.0), (60.0, 2.0), (60.0, LAP_S - 0.1)])
def test_a_hitch_of_drawing_ends_no_episode(hz: float, start_s: float, hitch_s: float, tmp_path: Path) -> None:
    """No physics step is missing: the car is drawn 13 m to 120 m further on within one sample."""
    hitched = Line(hitches=((start_s, start_s + hitch_s),))
    snapshots = [one for one in drive_laps(hz, hitched) if one.elapsed < LAP_S + 2.5]
    found, losses = cut(write(tmp_path / "hitch.jsonl", snapshots), EpisodeConfig(kind="stint", rate=10.0))
    assert [(laps, end) for laps, _, end in told(found)] == [([1, 2], "recording")]
    assert losses == SkipCounts()


def test_a_teleport_after_a_hitch_ends_an_episode(tmp_path: Path) -> None:
    line = Line(hitches=((2.0, 2.2),))
    snapshots = [
        one.replace(world_position_x=one.world_position_x + 300.0) if one.elapsed >= 2.5 else one
        for one in drive_laps(60.0, line)
        if one.elapsed < LAP_S
    ]
    found, losses = cut(write(tmp_path / "moved.jsonl", snapshots), EpisodeConfig())
    assert [end for _, _, end in told(found)] == ["hole", "recording"]
    assert losses.gaps == 1


def test_the_place_between_two_frames_is_that_of_its_own_moment(tmp_path: Path) -> None:
    path = tmp_path / "full.mcap"
    with create(path) as sink:
        for step in DemoSource("laps", seed=2).steps(telemetry.Clock(math.inf)):
            sink.write(step)
            if step.elapsed > 9.0:
                break

    def error(how: EpisodeConfig) -> float:
        """Metres between the steps of the place and those of the speed, at most."""
        (one,), _ = cut(path, how)
        moving = [(a, b) for a, b in pairwise(rows_of(one.samples)) if a.speed_kmh > 50.0]
        return max(
            abs(
                math.dist((a.world_position_x, a.world_position_z), (b.world_position_x, b.world_position_z))
                - (a.speed_kmh + b.speed_kmh) / 7.2 * 0.04
            )
            for a, b in moving
        )

    assert error(EpisodeConfig(smooth_frames=True)) < 0.02
    assert error(EpisodeConfig()) > 0.1
