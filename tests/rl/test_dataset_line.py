"""What crossing the line earns, in datasets and environments: each completed lap once, in the lap that earned it."""

import math
from dataclasses import replace
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import telemetry
from telemetry.rl.datasets.build import BuildRequest, BuildResult, build_dataset
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, EpisodeKind, SkipCounts, Survey, episodes, survey
from telemetry.rl.datasets.transitions import Trajectory, trajectories
from telemetry.rl.reward import TERMS, Reward
from telemetry.rl.spec import End, Spec
from tests.line_drives import LAP_S, LAPS, LENGTH_M, Line, drive_laps
from tests.recorded import write
from tests.rl.test_dataset_episodes import look, rows_of
from tests.rl.test_dataset_formats import need_minari

CLOCK = telemetry.Clock(math.inf)

KINDS: tuple[EpisodeKind, ...] = ("lap", "stint", "session")


LINES = {
    "together": Line(),
    "clock before count": Line(count_s=0.05),
    "count before clock": Line(clock_s=0.05),
    "half a second apart": Line(clock_s=0.01, count_s=0.5),
    "frames out of phase": Line(count_s=0.003, frame_s=1 / 47, phase_s=0.011),
    "slow frames": Line(clock_s=0.02, count_s=0.04, frame_s=0.13, phase_s=0.05),
    "line elsewhere": Line(count_s=0.02, position=0.8),
}


def spec_of(rate: float, **end: Any) -> Spec:
    """A task that only pays completed laps, and that no rule ends unless it is given."""
    rules = dict.fromkeys(("tyres_out", "backwards_metres", "no_progress_seconds", "seconds"), 0)
    return Spec.from_dict(
        {
            "control_hz": rate,
            "observation": {"fields": ["speed", "gear"]},
            "reward": {**dict.fromkeys(TERMS, 0.0), "lap_completed": 100.0},
            "end": {**rules, **end},
        }
    )


@cache
def recorded(folder: Path, hz: float, name: str) -> Path:
    path = folder / f"{name.replace(' ', '-')}-{hz:g}.jsonl"
    return write(path, drive_laps(hz, LINES[name]))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the recordings of this file are."""
    return tmp_path_factory.mktemp("line")


@cache
def surveyed(path: Path) -> Survey:
    with telemetry.open_source(path) as source:
        return survey(source, path, EpisodeConfig(), CLOCK, look)


def made(path: Path, kind: EpisodeKind, spec: Spec) -> tuple[list[Episode], list[Trajectory]]:
    """The episodes and the trajectories of a recording."""
    config, skipped = EpisodeConfig(kind=kind, rate=spec.control_hz), SkipCounts()
    with telemetry.open_source(path) as source:
        found = list(episodes(source, surveyed(path), config, CLOCK, skipped, look))
    paths = [trajectory for episode in found for trajectory in trajectories(spec, episode, skipped)]
    assert skipped == SkipCounts()
    return found, paths


def is_continued(before: Episode | Trajectory, after: Episode | Trajectory) -> bool:
    """Whether one begins with the last sample of the other."""
    return repr(rows_of(before.samples[-1:])) == repr(
        rows_of(after.samples[:1])
    )  # by its text, as NaN differs from NaN


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("hz", [10.0, 60.0])
def test_each_completed_lap_is_paid_once_to_the_lap_that_ended(folder: Path, hz: float, name: str) -> None:
    path = recorded(folder, hz, name)
    for rate, kinds in {5.0: KINDS, 25.0: KINDS[:1], hz: KINDS[:1]}.items():
        spec = spec_of(rate)
        for kind in kinds:
            found, paths = made(path, kind, spec)
            assert len(found) == (LAPS + 1 if kind == "lap" else 1)
            earned = [trajectory.rewards.sum() for trajectory in paths]
            assert earned == ([100.0] * LAPS + [0.0] if kind == "lap" else [100.0 * LAPS])
            assert all(trajectory.rewards[0] == 0.0 for trajectory in paths)
            assert all(trajectory.rewards[-1] == 100.0 for trajectory in paths if trajectory.reason == "line")


@pytest.mark.parametrize("name", LINES)
@pytest.mark.parametrize("rate", [5.0, 25.0])
def test_no_step_of_a_drive_is_lost_or_taken_twice(folder: Path, rate: float, name: str) -> None:
    path = recorded(folder, 60.0, name)
    (whole,), _ = made(path, "session", spec_of(rate))
    by_lap, _ = made(path, "lap", spec_of(rate))
    steps = [pair for episode in by_lap for pair in pairwise(episode.samples("elapsed").tolist())]
    assert steps == list(pairwise(whole.samples("elapsed").tolist()))
    assert all(is_continued(before, after) for before, after in pairwise(by_lap))
    assert [episode.samples.value("completed_laps", -1) for episode in by_lap] == [*range(1, LAPS + 1), LAPS]
    assert [episode.samples.value("completed_laps", -2) for episode in by_lap] == [*range(LAPS), LAPS]
    assert [[lap.number for lap in episode.laps] for episode in by_lap] == [[n] for n in range(1, LAPS + 2)]


def test_the_phase_of_the_grid_changes_nothing(tmp_path: Path) -> None:
    for name in ("clock before count", "count before clock"):
        for start_s in (0.007, 0.021):
            path = write(tmp_path / f"{name}{start_s}.jsonl", drive_laps(60.0, LINES[name], start_s))
            _, paths = made(path, "lap", spec_of(25.0))
            assert [trajectory.rewards.sum() for trajectory in paths] == [100.0] * LAPS + [0.0]
            assert all(trajectory.rewards[0] == 0.0 for trajectory in paths)


def test_at_the_full_rate_it_is_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "full.jsonl", drive_laps(1 / 0.003, Line(count_s=0.02))[900:1900])
    found, paths = made(path, "lap", spec_of(333.0))
    assert [trajectory.rewards.sum() for trajectory in paths] == [100.0, 0.0]
    assert (found[0].end, found[0].samples.value("current_time", -1) < 100) == ("line", True)


def test_a_lap_counted_after_the_recording_began_is_in_no_episode(tmp_path: Path) -> None:
    """The clock has restarted before the first sample, and the count follows: the lap is of an earlier drive."""
    path = write(tmp_path / "late.jsonl", drive_laps(60.0, Line(count_s=0.1), start_s=LAP_S + 0.05))
    _, paths = made(path, "stint", spec_of(25.0))
    assert [trajectory.rewards.sum() for trajectory in paths] == [100.0 * (LAPS - 1)]
    assert paths[0].samples.value("completed_laps", 0) == 1


def test_the_last_lap_ends_with_the_line_although_nothing_of_the_next_is_told(tmp_path: Path) -> None:
    """Half a second behind the line is too short for a lap of its own."""
    snapshots = [one for one in drive_laps(60.0, Line(count_s=0.05)) if one.elapsed < 2 * LAP_S + 0.5]
    found, paths = made(write(tmp_path / "short.jsonl", snapshots), "lap", spec_of(25.0))
    assert [(episode.end, trajectory.rewards.sum()) for episode, trajectory in zip(found, paths, strict=True)] == [
        ("line", 100.0),
        ("line", 100.0),
    ]


def test_a_lap_whose_count_comes_with_the_very_last_sample_ends_with_the_recording(tmp_path: Path) -> None:
    snapshots = [one for one in drive_laps(60.0, Line()) if one.completed_laps == 0]
    counted = drive_laps(60.0, Line())[len(snapshots)]
    path = write(tmp_path / "last.jsonl", [*snapshots, counted])
    (found,), (only,) = made(path, "lap", spec_of(23.3))
    assert (found.end, only.reason, only.rewards.sum()) == ("recording", "recording", 0.0)


def test_a_rule_that_ends_each_lap_loses_no_step_and_no_lap(folder: Path) -> None:
    for name in ("clock before count", "count before clock"):
        _, paths = made(recorded(folder, 60.0, name), "session", spec_of(25.0, laps=1))
        assert [(one.reason, one.rewards.sum()) for one in paths] == [("laps", 100.0)] * LAPS + [("recording", 0.0)]
        assert all(one.rewards[-1] == 100.0 for one in paths[:-1])
        assert all(is_continued(before, after) for before, after in pairwise(paths))


def test_a_rule_that_ends_an_episode_one_step_before_the_line_loses_no_lap(folder: Path) -> None:
    _, paths = made(recorded(folder, 60.0, "together"), "lap", spec_of(25.0, seconds=LAP_S - 0.04))
    steps = round(LAP_S * 25.0)
    assert [(one.steps, one.reason) for one in paths[:-1]] == [(steps - 1, "time"), (1, "line")] * LAPS
    assert sum(one.rewards.sum() for one in paths) == 100.0 * LAPS


# Formats


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["clock before count", "count before clock"])
def test_every_format_pays_each_lap_once(kind: EpisodeKind, name: str, folder: Path, tmp_path: Path) -> None:
    path = recorded(folder, 25.0, name)
    numpy = build("npz", path, kind, tmp_path)
    with np.load(numpy / "dataset.npz") as arrays:
        starts, rewards = arrays["episode_starts"].tolist(), arrays["rewards"].tolist()
    check_rewards([rewards[begin:end] for begin, end in pairwise([*starts, len(rewards)])])
    parquet = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
    for format_, file, episode, reward in (
        ("parquet", f"data/00000-{path.stem}.parquet", "episode", "reward"),
        ("lerobot", "data/chunk-000/file-000.parquet", "episode_index", "next.reward"),
    ):
        rows = parquet.read_table(build(format_, path, kind, tmp_path) / file).to_pylist()
        numbers = [row[episode] for row in rows]
        check_rewards([[row[reward] for row in rows if row[episode] == number] for number in dict.fromkeys(numbers)])


def check_rewards(by_episode: list[list[float]]) -> None:
    assert sum(sum(rewards) for rewards in by_episode) == 100.0 * LAPS
    assert all(rewards[0] == 0.0 for rewards in by_episode)


def build(format_: Any, path: Path, kind: EpisodeKind, folder: Path, **options: Any) -> Path:
    """The folder of a dataset."""
    request = BuildRequest(format=format_, recordings=(path,), output=folder / format_, episode=kind, **options)
    if format_ != "assetto_corsa_gym":
        request = BuildRequest(
            format=format_, recordings=(path,), output=folder / format_, episode=kind, spec=spec_of(25.0), **options
        )
    result = build_dataset(request, CLOCK)
    assert isinstance(result, BuildResult)
    assert not result.failed
    return result.path


@pytest.mark.parametrize("kind", KINDS)
def test_minari_pays_each_lap_once(kind: EpisodeKind, folder: Path, tmp_path: Path) -> None:
    need_minari()
    import h5py

    path = build("minari", recorded(folder, 25.0, "clock before count"), kind, tmp_path, name="drives/line-v0")
    with h5py.File(path / "data" / "main_data.hdf5") as file:
        check_rewards([list(file[f"episode_{number}"]["rewards"]) for number in range(len(file))])


@pytest.mark.parametrize("kind", KINDS)
def test_the_states_of_assetto_corsa_gym_count_each_lap_once(kind: EpisodeKind, folder: Path, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
    path = recorded(folder, 25.0, "clock before count")
    laps = build("assetto_corsa_gym", path, kind, tmp_path, force=True)
    files = sorted(laps.rglob("*_states.parquet"))
    assert len(files) == (LAPS + 1 if kind == "lap" else 1)
    counts = [parquet.read_table(file)["completedLaps"].to_numpy() for file in files]
    assert [int(count[-1] - count[0]) for count in counts] == ([1] * LAPS + [0] if kind == "lap" else [LAPS])
    assert all(count[1] == count[0] for count in counts)


# Environments


@pytest.mark.parametrize("name", LINES)
def test_an_environment_pays_each_lap_once_whatever_ends_its_episodes(name: str, folder: Path) -> None:
    pytest.importorskip("gymnasium", reason="there is no gymnasium for this Python")
    from telemetry.rl import DriveEnv

    for rate, end in ((25.0, {"laps": 1}), (10.0, {"laps": 2}), (25.0, {})):
        env = DriveEnv(recorded(folder, 60.0, name), specification=spec_of(rate, **end).to_dict())
        env.reset(seed=1)
        episodes: list[list[float]] = [[]]
        times = [[env.sample.elapsed]]
        while True:
            _, reward, _, truncated, info = env.step([0.0, 0.0])
            episodes[-1].append(float(reward))
            times[-1].append(env.sample.elapsed)
            if info["reason"] == "recording_ended":
                break
            if truncated:
                env.reset()
                episodes.append([])
                times.append([env.sample.elapsed])
        check_rewards(episodes)
        assert all(before[-1] == after[0] for before, after in pairwise(times))
        assert len(episodes) == {1: LAPS + 1, 2: 2}.get(end.get("laps", 0), 1)
        env.close()


def test_an_environment_that_begins_between_clock_and_count_is_not_paid_for_the_lap_before(tmp_path: Path) -> None:
    pytest.importorskip("gymnasium", reason="there is no gymnasium for this Python")
    from telemetry.rl import DriveEnv

    path = write(tmp_path / "late.jsonl", drive_laps(60.0, Line(count_s=0.3)))
    env = DriveEnv(path, specification=spec_of(25.0, laps=1).to_dict())
    env.reset(options={"begin": LAP_S + 0.1})
    assert env.sample.completed_laps == 0
    rewards = []
    truncated = False
    while not truncated:
        _, reward, _, truncated, _ = env.step([0.0, 0.0])
        rewards.append(float(reward))
    assert (sum(rewards), rewards[-1], env.sample.completed_laps) == (100.0, 100.0, 2)
    env.close()


@pytest.mark.parametrize("position", [0.0, 0.03, 0.5, 0.8, 0.9997])
def test_progress_is_the_same_wherever_the_line_lies(position: float, tmp_path: Path) -> None:
    path = write(tmp_path / "line.jsonl", drive_laps(60.0, Line(count_s=0.02, position=position)))
    spec = replace(spec_of(25.0), reward=Reward.preset("default"), end=End())
    found, paths = made(path, "lap", spec)
    assert [(episode.end, trajectory.reason) for episode, trajectory in zip(found, paths, strict=True)] == [
        *[("line", "line")] * LAPS,
        ("recording", "recording"),
    ]
    progress = [trajectory.terms["progress"].sum() / spec.reward.progress for trajectory in paths]
    assert progress == pytest.approx([LENGTH_M] * LAPS + [progress[-1]], abs=6.0)
    assert sum(progress) == pytest.approx((LAPS + 0.5) * LENGTH_M, abs=8.0)


def test_a_track_without_a_spline_ends_no_episode_and_pays_no_progress(tmp_path: Path) -> None:
    """The position is 0 for ever; that the car moves is told by the distance."""
    snapshots = [one.replace(normalized_position=0.0) for one in drive_laps(60.0, Line(count_s=0.02))]
    spec = replace(spec_of(25.0), reward=Reward(lap_completed=100.0), end=End(no_progress_seconds=1.0))
    found, paths = made(write(tmp_path / "road.jsonl", snapshots), "lap", spec)
    assert [episode.end for episode in found] == ["line"] * LAPS + ["recording"]
    assert [trajectory.terms["lap_completed"].sum() for trajectory in paths] == [100.0] * LAPS + [0.0]
    assert {trajectory.terms["progress"].sum() for trajectory in paths} == {0.0}
    assert {trajectory.reason for trajectory in paths} == {"line", "recording"}


@pytest.mark.parametrize("hitch_s", [0.2, 0.9])
def test_progress_that_was_not_drawn_is_paid_with_the_next_frame(hitch_s: float, tmp_path: Path) -> None:
    path = write(tmp_path / "hitch.jsonl", drive_laps(60.0, Line(hitches=((5.0, 5.0 + hitch_s),))))
    spec = replace(spec_of(25.0), reward=Reward.preset("default"))
    _, paths = made(path, "stint", spec)
    steps = np.concatenate([trajectory.terms["progress"] for trajectory in paths]) / spec.reward.progress
    assert steps.max() == pytest.approx(hitch_s * LENGTH_M / LAP_S, abs=8.0)
    assert steps.sum() == pytest.approx((LAPS + 0.5) * LENGTH_M, abs=8.0)


def test_rules_are_off_in_the_task_of_these_tests() -> None:
    assert spec_of(25.0).end == End(tyres_out=0, backwards_metres=0.0, no_progress_seconds=0.0, seconds=0.0)
