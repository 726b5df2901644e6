"""What a dataset says is what the environment would have said: both walks of the same recordings, value for value.

The environment goes from one sample to the next, and a dataset takes whole columns. Here the first way is gone by the
functions that the environment calls, on recordings of any rate with pauses, restarts, resets and gaps.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import telemetry
from ac_native_memory import Pages
from telemetry.fields.blocks import PageBlock
from telemetry.fields.columns import derive_columns
from telemetry.fields.derived import Sample, derive
from telemetry.fields.resample import GAP_SECONDS, frame_age_s, is_jump, resample
from telemetry.fields.snapshot import Snapshot, decode
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Reading, Step
from telemetry.rl import Spec, advance_recorded, begin, check_end, info
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts
from telemetry.rl.datasets.transitions import Trajectory, trajectories
from telemetry.rl.sample_columns import SampleColumns
from telemetry.sources import open_page_sink
from tests.drives import SEEDS, Frame, frames_at
from tests.fields.test_columns import moments, pages_after, plain
from tests.rl.test_dataset_episodes import cut, rows_of

SPECS: dict[str, dict[str, Any]] = {
    "default": {},
    "mask and history": {"observation": {"mask": True, "action_history": 3}},
    "dict": {"observation": {"shape": "dict", "mask": True, "action_history": 1}},
    "deltas": {"action": {"delta": True, "pedals": "steer_throttle_brake", "steer_range": 0.25}},
    "only actions": {"observation": {"fields": [], "action_history": 2}},
    "assetto_corsa_gym": {"reward": "acgym", "action": {"pedals": "steer_throttle_brake"}},
    "all terms": {
        "reward": {"lap_completed": 5.0, "acgym_speed": 1.0, "acgym_action_change": 0.1, "steering_rate": 1.0},
    },
    "no reward": {
        "reward": dict.fromkeys(
            ("progress", "lap_time", "tyres_out", "wheel_lock", "slip", "damage", "wear", "steering_rate"), 0.0
        )
    },
    "strict": {
        "end": {
            "tyres_out": 1,
            "backwards_metres": 0.5,
            "no_progress_seconds": 2.0,
            "seconds": 7.0,
            "lap_seconds": 80.0,
        }
    },
    "laps": {"end": {"laps": 1, "no_progress_seconds": 0.0, "bodywork_critical": False, "tyre_critical": False}},
}
"""Specifications that use every rule, every kind of action and every term."""

EVENTS = {
    "laps": (78.0, 90.0),
    "offtrack": (21.0, 30.0),
    "crash": (15.0, 27.0),
    "pit": (8.0, 36.0),
    "pause": (9.0, 42.0),
    "restart": (104.0, 116.0),
}
"""When something happens in the scenarios of the demo, in seconds."""


# The first way: one sample after the other


def live_runs(readings: Iterable[Reading]) -> Iterator[list[Snapshot]]:
    """The snapshots in which time advances, parted where something else than driving lies between two."""
    run: list[Snapshot] = []
    frame_s = 0.0
    for sequence, reading in enumerate(reading for reading in readings if reading.snapshot is not None):
        assert reading.snapshot is not None
        snapshot = reading.snapshot.replace(sequence=sequence)
        before = run[-1] if run else None
        is_interrupted = before is not None and (
            not 0.0 < snapshot.elapsed - before.elapsed <= GAP_SECONDS or is_jump(before, snapshot, frame_s)
        )
        if run and (is_interrupted or not reading.is_new_step):
            yield run
            run = []
        if reading.is_new_step:
            frame_s = 0.0 if before is None else frame_age_s(before, snapshot, frame_s)
            run.append(snapshot)
        else:
            run = []
    if run:
        yield run


def live_samples(path: Path, rate: float) -> dict[float, Sample]:
    """The samples at this rate by their time."""
    found: dict[float, Sample] = {}
    sample: Sample | None = None
    with telemetry.open_source(path) as source:
        for run in live_runs(source.readings(telemetry.Clock(math.inf), None)):
            for snapshot in resample(run, rate):
                sample = derive(snapshot, sample)
                found[sample.elapsed] = sample
    return found


class Walk(NamedTuple):
    """One trajectory as the environment gives it, step by step."""

    observations: list[Any]
    actions: list[tuple[float, ...]]
    rewards: list[float]
    terms: list[dict[str, float]]
    infos: list[dict[str, Any]]
    terminated: bool
    reason: str


def live_walks(spec: Spec, samples: Sequence[Sample]) -> Iterator[Walk]:
    """The trajectories of an episode: the next begins with the last sample, or where no rule is violated any more."""
    first, is_continued = 0, True
    while first < len(samples) - 1:
        state, observation = begin(spec, samples[first], continued=is_continued)
        if check_end(spec, state).reason:
            first, is_continued = first + 1, False
            continue
        walk = Walk([observation], [], [], [], [info(samples[first])], terminated=False, reason="")
        last = first
        for last in range(first + 1, len(samples)):
            state, outcome = advance_recorded(spec, state, samples[last])
            walk.observations.append(outcome.observation)
            walk.actions.append(state.actions[0])
            walk.rewards.append(outcome.reward)
            walk.terms.append(outcome.terms)
            walk.infos.append(info(samples[last]))
            if outcome.ending.reason:
                walk = walk._replace(terminated=outcome.ending.terminated, reason=outcome.ending.reason)
                break
        if last - first >= 2 or (is_continued and first > 0):
            yield walk
        first, is_continued = (last + 1, False) if walk.terminated else (last, True)
        if not walk.reason:
            return


# Comparing


def check_alike(found: Trajectory, walk: Walk, episode: Episode) -> None:
    """Every number of a trajectory, to the last bit."""
    observations = walk.observations
    if isinstance(observations[0], dict):
        for name in observations[0]:
            assert np.array_equal(found.observations[name], np.stack([row[name] for row in observations])), name
    else:
        assert np.array_equal(found.observations, np.stack(observations))
    assert np.array_equal(found.actions, np.array(walk.actions, dtype=np.float32))
    assert found.rewards.tolist() == walk.rewards
    assert {name: values.tolist() for name, values in found.terms.items()} == {
        name: [terms[name] for terms in walk.terms] for name in walk.terms[0]
    }
    assert {name: plain(values.tolist()) for name, values in found.infos.items()} == {
        name: plain([row[name] for row in walk.infos]) for name in walk.infos[0]
    }
    assert (found.terminated, found.reason) == (walk.terminated, walk.reason or episode.end)


def check_trajectories(spec: Spec, episode: Episode, samples: Sequence[Sample]) -> int:
    """Compare the trajectories of an episode with those of its samples; returns how many there are."""
    found = list(trajectories(spec, episode, SkipCounts()))
    walks = list(live_walks(spec, samples))
    assert len(found) == len(walks)
    for one, walk in zip(found, walks, strict=True):
        check_alike(one, walk, episode)
    return len(found)


def check_recording(path: Path, rate: float, specs: Iterable[str] = SPECS) -> list[Episode]:
    """Compare the samples and the trajectories of all episodes of a recording."""
    found, _ = cut(path, EpisodeConfig(kind="session", rate=rate))
    live = live_samples(path, rate)
    for episode in found:
        samples = [live[elapsed] for elapsed in episode.samples("elapsed").tolist()]
        for row, sample in zip(rows_of(episode.samples), samples, strict=True):
            assert plain(list(row)) == plain(list(sample))
        for name in specs:
            check_trajectories(Spec.from_dict({"control_hz": rate, **SPECS[name]}), episode, samples)
    return found


# Recordings


def write_pages(path: Path, frames: Iterable[Frame]) -> Path:
    """A recording of these frames."""
    with open_page_sink(path) as sink:
        for frame in frames:
            sink.write(Step(State.LIVE, frame.pages, frame.seconds))
    return path


@pytest.mark.parametrize("rate", [25.0, 10.0, 60.0])
@pytest.mark.parametrize("scenario", EVENTS)
def test_a_dataset_of_a_scenario_is_what_the_environment_says(scenario: str, rate: float, tmp_path: Path) -> None:
    begin_s, end_s = EVENTS[scenario]
    frames = [one for one in frames_at(scenario, SEEDS.get(scenario, 0), end_s, 20) if one.seconds >= begin_s]
    specs = SPECS if rate == 10.0 else ("default", "strict")
    assert check_recording(write_pages(tmp_path / "drive.mcap", frames), rate, specs)


def test_gaps_and_a_restart_part_a_dataset_as_they_end_an_episode(tmp_path: Path) -> None:
    frames = [frame for frame in frames_at("restart", SEEDS.get("restart", 0), 40.0, 30) if frame.seconds >= 12.0]
    kept = [frame for frame in frames if not (16.0 < frame.seconds < 19.0 or 32.2 < frame.seconds < 32.8)]
    found = check_recording(write_pages(tmp_path / "gaps.mcap", kept), 25.0, ("default", "laps"))
    assert [episode.end for episode in found] == ["hole", "restart", "recording"]


@dataclass(frozen=True)
class Moves:
    """The pages of a car that goes through any moves, at times of its own."""

    pages: tuple[Pages, ...]
    times: tuple[float, ...]


intervals = st.sampled_from([0.04, 0.04, 0.04, 0.01, 0.3])
drives = st.lists(st.tuples(moments, intervals), min_size=3, max_size=60).map(
    lambda moves: Moves(
        tuple(page for page, _ in pages_after(move for move, _ in moves)),
        tuple(accumulate(interval for _, interval in moves)),
    )
)


@given(drives, st.sampled_from(sorted(SPECS)), st.integers(2, 40))
def test_whatever_happens_a_trajectory_is_what_the_environment_says(moves: Moves, name: str, size: int) -> None:
    spec = Spec.from_dict({**SPECS[name], "control_hz": 25.0})
    if spec.reward.acgym:
        spec = replace(spec, reward=replace(spec.reward, acgym=0.0, acgym_speed=1.0))
    samples: list[Sample] = []
    for sequence, (page, elapsed) in enumerate(zip(moves.pages, moves.times, strict=True)):
        snapshot = decode(page, elapsed=elapsed, sequence=sequence)
        samples.append(derive(snapshot, samples[-1] if samples else None))
    blocks = [
        PageBlock.from_pages(moves.pages[at : at + size], moves.times[at : at + size], at)
        for at in range(0, len(samples), size)
    ]
    parts = derive_columns(blocks, Sample.NAMES)
    columns = SampleColumns.join([SampleColumns.of(part, Sample.NAMES) for part in parts])
    assert [plain(list(row)) for row in rows_of(columns)] == [plain(list(sample)) for sample in samples]
    episode = Episode(
        recording="any.mcap", number=0, laps=(), samples=columns, held_s=np.zeros(len(samples)), end="recording"
    )
    try:
        found = list(trajectories(spec, episode, SkipCounts()))
    except telemetry.SourceError:  # a number that no reward can be, which the environment gives as well
        rewards = [reward for walk in live_walks(spec, samples) for reward in walk.rewards]
        assert not np.isfinite(rewards).all()
        return
    walks = list(live_walks(spec, samples))
    assert len(found) == len(walks)
    for one, walk in zip(found, walks, strict=True):
        check_alike(one, walk, episode)
