"""The books of a dataset balance: each step of a drive is in it once, with what it earned, or is counted as left out.

The drive is folded sample by sample, as the environment does it, and every format is read by its own reader.
"""

import math
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import telemetry
from telemetry.fields.derived import Sample
from telemetry.fields.snapshot import Snapshot
from telemetry.rl import Spec, advance_recorded, begin
from telemetry.rl.datasets.build import BuildRequest, BuildResult, build_dataset
from telemetry.rl.datasets.episodes import EpisodeKind
from telemetry.rl.datasets.exporter import EpisodeEntry
from telemetry.rl.reward import TERMS
from tests.line_drives import Line, drive_laps
from tests.recorded import write
from tests.rl.test_dataset_columns import live_samples
from tests.rl.test_dataset_formats import need_minari

HZ = 25.0
KINDS: tuple[EpisodeKind, ...] = ("lap", "stint", "session")
NO_RULES = {
    **dict.fromkeys(("tyres_out", "backwards_metres", "no_progress_seconds", "seconds"), 0),
    **dict.fromkeys(("bodywork_critical", "tyre_critical"), False),
}
RULES: dict[str, dict[str, Any]] = {"no rules": NO_RULES, "rules": {**NO_RULES, "tyres_out": 4, "seconds": 2.6}}
"""What ends an episode besides its lap; the drive has four tyres out for half a second."""


def eventful_drive() -> list[Snapshot]:
    """Three laps and a half in which every term of the reward says something, with a gap in the third."""
    drive = drive_laps(HZ, Line(count_s=0.05))
    return [
        one.replace(
            steer_angle=0.2 * math.sin(one.elapsed),
            gas=0.5 + 0.4 * math.cos(3.0 * one.elapsed),
            brake=0.3 if 2.0 < one.elapsed < 2.5 else 0.0,
            wheel_angular_speed=(0.0,) * 4 if 2.2 < one.elapsed < 2.4 else (300.0,) * 4,
            wheel_slip=(0.2, 1.4, 0.3, 2.0 + math.sin(one.elapsed)),
            car_damage=(10.0 if one.elapsed > 5.0 else 0.0, 0.0, 0.0, 0.0, 0.0),
            tyre_wear=tuple(98.0 - 0.01 * one.elapsed for _ in range(4)),
            best_time=4000 - 10 * one.completed_laps if one.completed_laps else 0,
            number_of_tyres_out=4 if 6.2 < one.elapsed < 6.7 else 2 if 1.0 < one.elapsed < 1.4 else 0,
        )
        for one in drive
        if not 9.4 < one.elapsed < 10.95
    ]


def spec_of(rules: str) -> Spec:
    """A task that weighs every term."""
    weights = {name: 0.5 + 0.25 * place for place, name in enumerate(TERMS)}
    fields = ["speed", "steer_angle", "lap_phase"]
    return Spec.from_dict({"control_hz": HZ, "observation": {"fields": fields}, "reward": weights, "end": RULES[rules]})


class Row(NamedTuple):
    """One step."""

    seconds: float
    """When it began."""
    reward: float
    terms: dict[str, float]
    begins: tuple[float, ...]
    """What was observed before it, without the latest actions, which an episode begins without."""
    ends: tuple[float, ...]
    """What was observed after it; empty where a format does not say it."""
    terminated: bool = False
    truncated: bool = False


Rows = list[Row]
"""The steps of one episode, or of a drive."""

Entries = tuple[EpisodeEntry, ...]
"""What the report says of the episodes."""


@pytest.fixture(scope="module")
def drive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("identities") / "drive.jsonl", eventful_drive())


def runs_of(samples: Iterable[Sample]) -> list[list[Sample]]:
    """The samples, parted where some are not recorded."""
    found: list[list[Sample]] = []
    for sample in samples:
        if not found or sample.elapsed - found[-1][-1].elapsed > 1.5 / HZ:
            found.append([])
        found[-1].append(sample)
    return found


@cache
def driven(path: Path) -> dict[float, Row]:
    """Every step of the drive by the time at which it began, whatever ends an episode."""
    spec = spec_of("no rules")
    found = {}
    for run in runs_of(live_samples(path, HZ).values()):
        state, observation = begin(spec, run[0], continued=True)
        for before, sample in pairwise(run):
            state, outcome = advance_recorded(spec, state, sample)
            ends = numbers(outcome.observation)
            found[before.elapsed] = Row(before.elapsed, outcome.reward, outcome.terms, numbers(observation), ends)
            observation = outcome.observation
    return found


def numbers(observation: Any) -> tuple[float, ...]:
    """The numbers of an observation that are not the latest actions."""
    return tuple(np.asarray(observation)[:4].tolist())


# What each format says, by a reader of its own


def from_npz(folder: Path, _: Entries) -> list[Rows]:
    with np.load(folder / "dataset.npz") as file:
        arrays = {name: file[name] for name in file}
    names = ("infos/time", "rewards", "observations", "next_observations", "terminals", "timeouts")
    rows = [
        Row(seconds, reward, {}, numbers(before), numbers(after), bool(terminal), bool(timeout))
        for seconds, reward, before, after, terminal, timeout in zip(*(arrays[name] for name in names), strict=True)
    ]
    return [rows[first:last] for first, last in pairwise([*arrays["episode_starts"].tolist(), len(rows)])]


def by_number(rows: Iterable[tuple[int, Row]]) -> list[Rows]:
    """The rows by the number of their episode."""
    found: dict[int, Rows] = {}
    for number, row in rows:
        found.setdefault(number, []).append(row)
    assert list(found) == list(range(len(found)))
    return list(found.values())


def from_parquet(folder: Path, _: Entries) -> list[Rows]:
    parquet = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
    (path,) = (folder / "data").iterdir()
    return by_number(
        (
            row["episode"],
            Row(
                row["elapsed"],
                row["reward"],
                {},
                numbers(row["observation"]),
                numbers(row["next_observation"]),
                row["terminated"],
                row["truncated"],
            ),
        )
        for row in parquet.read_table(path).to_pylist()
    )


def from_lerobot(folder: Path, entries: Entries) -> list[Rows]:
    """Its times count from the beginning of each episode, which the quality report knows."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
    rows = parquet.read_table(folder / "data" / "chunk-000" / "file-000.parquet").to_pylist()
    began = [entry.began - 1.7e9 for entry in entries]
    return by_number(
        (
            row["episode_index"],
            Row(
                began[row["episode_index"]] + row["frame_index"] / HZ,
                row["next.reward"],
                {},
                numbers(row["observation.state"]),
                (),
                row["next.done"],
                row["next.truncated"],
            ),
        )
        for row in rows
    )


def from_minari(folder: Path, _: Entries) -> list[Rows]:
    import h5py

    with h5py.File(folder / "data" / "main_data.hdf5") as file:
        return [minari_rows(file[f"episode_{number}"]) for number in range(len(file))]


def minari_rows(episode: Any) -> Rows:
    terms = {name: values[1:].tolist() for name, values in episode["infos/reward_terms"].items()}
    seconds, observations = episode["infos/time"][:], episode["observations"][:]
    return [
        Row(
            seconds[step],
            reward,
            {name: values[step] for name, values in terms.items()},
            numbers(observations[step]),
            numbers(observations[step + 1]),
            bool(episode["terminations"][step]),
            bool(episode["truncations"][step]),
        )
        for step, reward in enumerate(episode["rewards"][:].tolist())
    ]


READERS: dict[str, Callable[[Path, Entries], list[Rows]]] = {
    "npz": from_npz,
    "parquet": from_parquet,
    "lerobot": from_lerobot,
    "minari": from_minari,
}


def build(format_: Any, path: Path, kind: EpisodeKind, out: Path, **options: Any) -> BuildResult:
    request = BuildRequest(format=format_, recordings=(path,), output=out, episode=kind, **options)
    result = build_dataset(request, telemetry.Clock(math.inf))
    assert isinstance(result, BuildResult)
    assert not result.failed
    return result


def read(format_: Any, path: Path, kind: EpisodeKind, rules: str, out: Path) -> tuple[BuildResult, list[Rows]]:
    """A dataset and what its reader finds in it."""
    if format_ == "minari":
        need_minari()
    elif format_ in ("parquet", "lerobot"):
        pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    name = {"name": "drives/books-v0"} if format_ == "minari" else {}
    result = build(format_, path, kind, out / "made", spec=spec_of(rules), **name)
    return result, READERS[format_](result.path, result.results[0].episodes)


# The identities


@pytest.mark.parametrize("rules", RULES)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("format_", READERS)
def test_each_step_of_a_drive_is_in_a_dataset_once_with_what_it_earned(
    format_: str, kind: EpisodeKind, rules: str, drive: Path, tmp_path: Path
) -> None:
    result, episodes = read(format_, drive, kind, rules, tmp_path)
    (made,) = result.results
    by_time = driven(drive)
    times = np.array(list(by_time))
    precision = 1e-12 if format_ in ("parquet", "minari") else 1e-6  # the others keep rewards as float32
    seen = []
    for rows in episodes:
        first = True
        for row in rows:
            begun = times[np.abs(times - row.seconds).argmin()]
            assert begun == pytest.approx(row.seconds, abs=1e-3)
            expected = by_time[begun]
            # The first action of an episode has none before it to differ from.
            unknown = expected.terms["acgym_action_change"] if first else 0.0
            assert row.reward == pytest.approx(expected.reward - unknown, rel=precision)
            assert row.begins == expected.begins
            assert row.ends in ((), expected.ends)
            seen.append(begun)
            first = False
        assert [row.terminated or row.truncated for row in rows] == [False] * (len(rows) - 1) + [True]
    assert seen == sorted(set(seen))
    # Lengths and ends are those of the report.
    assert [len(rows) for rows in episodes] == [entry.steps for entry in made.episodes]
    assert [rows[-1].terminated for rows in episodes] == [entry.terminated for entry in made.episodes]
    # What is not in it is counted.
    terminated = sum(entry.terminated for entry in made.episodes)
    assert len(by_time) - len(seen) == made.skipped.samples + terminated
    assert (terminated, made.skipped.samples > 0) == ((1, True) if rules == "rules" else (0, False))


@pytest.mark.parametrize("kind", KINDS)
def test_the_sum_of_each_term_over_a_dataset_is_that_over_the_drive(
    kind: EpisodeKind, drive: Path, tmp_path: Path
) -> None:
    _, episodes = read("minari", drive, kind, "no rules", tmp_path)
    rows = [row for episode in episodes for row in episode]
    whole = list(driven(drive).values())
    firsts = [driven(drive)[episode[0].seconds].terms["acgym_action_change"] for episode in episodes]
    for name in TERMS:
        expected = sum(row.terms[name] for row in whole)
        if name == "acgym_action_change":
            expected -= sum(firsts)
        assert expected != 0.0, name
        assert sum(row.terms[name] for row in rows) == pytest.approx(expected, rel=1e-12), name
    assert sum(row.reward for row in rows) == pytest.approx(sum(sum(row.terms.values()) for row in rows))


@pytest.mark.parametrize("kind", ["lap", "stint"])
def test_the_states_of_assetto_corsa_gym_are_those_of_the_whole_drive(
    kind: EpisodeKind, drive: Path, tmp_path: Path
) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
    columns = ["currentTime", "LapCount", "reward", "numberOfTyresOut", "steerAngle"]

    def states(kind: EpisodeKind) -> list[list[tuple[float, ...]]]:
        result = build("assetto_corsa_gym", drive, kind, tmp_path / kind, force=True)
        files = sorted(result.path.rglob("*_states.parquet"))
        tables = [parquet.read_table(file, columns=columns) for file in files]
        return [list(zip(*(table[name].to_pylist() for name in columns), strict=True)) for table in tables]

    whole, parts = states("session"), states(kind)
    joined: list[tuple[float, ...]] = []
    for part in parts:
        joined += part[1:] if joined and part[0] == joined[-1] else part  # the line's state is in both laps
    assert joined == [state for part in whole for state in part]
    assert len(joined) == len(live_samples(drive, HZ))
