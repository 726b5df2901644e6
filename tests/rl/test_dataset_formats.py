import json
import math
import subprocess
import sys
import tomllib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import telemetry
from telemetry.base.sanitize import sanitize_markdown
from telemetry.rl import Spec, load_spec
from telemetry.rl.datasets.build import BuildRequest, BuildResult, Stopped, build_dataset
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts
from telemetry.rl.datasets.formats.minari import make_id
from telemetry.rl.datasets.transitions import Trajectory, check, trajectories
from tests.conftest import REPOSITORY, main_in_process
from tests.recorded import LAP, days_later, recorded_lap, write
from tests.rl.test_dataset_episodes import cut, rows_of

STEPS = 747


def make_of(kind: Any, out: Path | None, *recordings: Path, **options: Any) -> BuildResult:
    request = BuildRequest(format=kind, recordings=recordings, output=out, **options)
    found = build_dataset(request, telemetry.Clock(math.inf))
    assert isinstance(found, BuildResult)
    return found


@pytest.fixture(scope="module")
def short(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first thirty seconds of the recorded lap."""
    return write(tmp_path_factory.mktemp("formats") / "short.jsonl", list(recorded_lap()[:300]))


@pytest.fixture(scope="module")
def episode(short: Path) -> Episode:
    """The episode in it."""
    (found,), _ = cut(short, EpisodeConfig())
    return found


@pytest.fixture(scope="module")
def lap(episode: Episode) -> Trajectory:
    """The same by the default specification."""
    (one,) = trajectories(Spec(), episode, SkipCounts())
    return one


def need_minari() -> None:
    """Skip where Minari cannot be."""
    if sys.platform == "win32":
        pytest.skip("HDF5 calls what Wine does not have (feholdexcept), and ends the process")
    for name in ("gymnasium", "h5py", "PIL", "minari"):
        pytest.importorskip(name, reason=f"there is no {name} for this Python")


def with_excursion(path: Path) -> Path:
    """Forty-five seconds like the recorded lap, driven a day later, in which all tyres are out for two."""
    lap = days_later(recorded_lap()[:450], 1)
    return write(
        path, [one.replace(number_of_tyres_out=4 if 400 <= place < 420 else 0) for place, one in enumerate(lap)]
    )


# What a specification makes of an episode


def test_an_action_is_what_the_sample_after_it_recorded(lap: Trajectory) -> None:
    after = rows_of(lap.samples[1:])
    expected = np.array([(one.steer_angle, one.gas - one.brake) for one in after], dtype=np.float32)
    assert (lap.actions == expected).all()
    assert sum(lap.truncations) == 1
    assert lap.truncations[-1]
    assert not lap.terminations.any()


def test_a_rule_ends_an_episode_and_another_begins_when_it_is_over(tmp_path: Path) -> None:
    (episode,), _ = cut(with_excursion(tmp_path / "out.jsonl"), EpisodeConfig())
    losses = SkipCounts()
    before, after = trajectories(Spec(), episode, losses)
    assert (before.terminated, before.reason, bool(before.terminations[-1])) == (True, "tyres_out", True)
    assert (after.terminated, after.reason) == (False, "recording")
    assert (before.samples.value("elapsed", -1), after.samples.value("elapsed", 0)) == (41.0, 43.0)
    assert losses.samples == 49
    assert len(before.samples) + len(after.samples) + losses.samples == len(episode.samples)


def test_after_a_truncation_the_drive_goes_on_at_the_same_sample() -> None:
    (episode,), _ = cut(LAP, EpisodeConfig())
    spec = Spec(end=replace(Spec().end, seconds=30.0))
    found = list(trajectories(spec, episode, SkipCounts()))
    assert [(one.steps, one.reason) for one in found] == [(750, "time"), (750, "time"), (573, "line")]
    assert repr(rows_of(found[0].samples[-1:])) == repr(rows_of(found[1].samples[:1]))


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda one: replace(one, observations=one.observations.astype(np.float64)), "observation is float64"),
        (lambda one: replace(one, observations=one.observations[:-1]), "observation is float32 (747, 45)"),
        (lambda one: replace(one, observations=one.observations + np.float32("nan")), "observation is outside"),
        (lambda one: replace(one, observations=one.observations * 100), "observation is outside of its space"),
        (lambda one: replace(one, actions=one.actions[:-1]), "actions are float32 (746, 2), expected float32 (747, 2)"),
        (lambda one: replace(one, actions=one.actions * 2), "an action is outside of -1..1"),
        (lambda one: replace(one, rewards=one.rewards * math.nan), "a reward is not a finite number"),
        (lambda one: replace(one, infos={"time": one.rewards}), "the infos do not have the length of the observations"),
    ],
)
def test_what_is_wrong_is_not_written(
    damage: Callable[[Trajectory], Trajectory], sentence: str, lap: Trajectory
) -> None:
    with pytest.raises(telemetry.SourceError) as caught:
        check(Spec(), damage(lap))
    assert sentence in str(caught.value)


# Formats


def test_numpy_reads_the_keys_of_d4rl(lap: Trajectory, short: Path, tmp_path: Path) -> None:
    made = make_of("npz", tmp_path / "out", short, with_excursion(tmp_path / "b.jsonl"))
    assert sorted(path.name for path in made.path.iterdir()) == [
        "README.md",
        "dataset.npz",
        "quality.json",
        "spec.json",
    ]
    with np.load(made.path / "dataset.npz") as file:
        arrays = dict(file)
    steps = [one.steps for piece in made.results for one in piece.episodes]
    assert steps == [STEPS, 1000, 72]
    assert arrays["episode_starts"].tolist() == [0, STEPS, STEPS + 1000]
    assert arrays["observations"].shape == arrays["next_observations"].shape == (sum(steps), 45)
    assert (arrays["observations"][:STEPS] == lap.observations[:-1]).all()
    assert (arrays["next_observations"][: STEPS - 1] == arrays["observations"][1:STEPS]).all()
    assert np.flatnonzero(arrays["terminals"]).tolist() == [STEPS + 999]
    assert np.flatnonzero(arrays["timeouts"]).tolist() == [STEPS - 1, sum(steps) - 1]
    assert arrays["rewards"].dtype == arrays["actions"].dtype == np.float32
    assert load_spec(made.path / "spec.json") == Spec()


def test_pyarrow_reads_a_row_for_each_step_with_all_fields(lap: Trajectory, short: Path, tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
    made = make_of("parquet", tmp_path / "out", short, rate=10.0)
    (path,) = (made.path / "data").iterdir()
    assert path.name == "00000-short.parquet"
    table = pq.read_table(path)
    assert table.schema.names[:11] == [
        "episode", "step", "recording", "lap", "ai_driven", "observation", "action", "reward", "next_observation",
        "terminated", "truncated",
    ]  # fmt: skip
    assert table.schema.names[11:] == [name for name in telemetry.Sample.NAMES if name != "lap"]
    rows = table.to_pylist()
    recorded = recorded_lap()[:299]
    assert [row["speed_kmh"] for row in rows] == np.array([one.speed_kmh for one in recorded], np.float32).tolist()
    assert [row["observation"] for row in rows[1:]] == [row["next_observation"] for row in rows[:-1]]
    assert len(rows[0]["observation"]) == lap.observations.shape[1]
    assert [row["truncated"] for row in rows] == [False] * 298 + [True]
    specification = json.loads(table.schema.metadata[b"specification"])
    assert Spec.from_dict(specification) == Spec(control_hz=10.0)


def test_hugging_faces_datasets_loads_the_folder_by_its_card(
    short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    datasets = pytest.importorskip("datasets", reason="there is no datasets for this Python")
    made = make_of("parquet", tmp_path / "out", short)
    rows = datasets.load_dataset(str(made.path), split="train", cache_dir=str(tmp_path / "cache"))
    assert (rows.num_rows, rows.with_format("numpy")[5]["observation"].shape) == (STEPS, (45,))
    assert rows[5]["track"] == "demo_ring"


def test_pyarrow_finds_the_layout_that_lerobot_loads(lap: Trajectory, short: Path, tmp_path: Path) -> None:
    # Its own loader cannot be installed beside the rest; docs/datasets.md says how it was run.
    pq = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
    made = make_of("lerobot", tmp_path / "out", short, with_excursion(tmp_path / "b.jsonl"))
    steps = [STEPS, 1000, 72]
    info = json.loads((made.path / "meta" / "info.json").read_text())
    assert {key: info[key] for key in ("codebase_version", "fps", "total_episodes", "total_frames", "splits")} == {
        "codebase_version": "v3.0", "fps": 25, "total_episodes": 3, "total_frames": sum(steps),
        "splits": {"train": "0:3"},
    }  # fmt: skip
    assert len(info["features"]["observation.state"]["names"]) == 45
    tables = [
        pq.read_table(made.path / info["data_path"].format(chunk_index=0, file_index=number)) for number in range(2)
    ]
    assert set(tables[0].schema.names) == set(info["features"])
    rows = [row for table in tables for row in table.to_pylist()]
    assert np.array_equal([row["observation.state"] for row in rows[:STEPS]], lap.observations[:-1])
    assert np.array_equal([row["action"] for row in rows[:STEPS]], lap.actions)
    assert [row["next.reward"] for row in rows[:STEPS]] == lap.rewards.astype(np.float32).tolist()
    assert [row["index"] for row in rows] == list(range(sum(steps)))
    assert [row["frame_index"] for row in rows] == [frame for count in steps for frame in range(count)]
    assert [row["timestamp"] for row in rows[:3]] == [0.0, np.float32(0.04), np.float32(0.08)]
    assert [k for k, row in enumerate(rows) if row["next.done"]] == [STEPS + 999]
    assert [k for k, row in enumerate(rows) if row["next.truncated"]] == [STEPS - 1, sum(steps) - 1]
    episodes = pq.read_table(made.path / "meta" / "episodes" / "chunk-000" / "file-000.parquet").to_pylist()
    assert [(one["length"], one["data/file_index"], one["dataset_from_index"]) for one in episodes] == [
        (STEPS, 0, 0), (1000, 1, STEPS), (72, 1, STEPS + 1000),
    ]  # fmt: skip
    assert episodes[0]["tasks"] == ["Drive demo_gt3 at demo_ring."]
    statistics = json.loads((made.path / "meta" / "stats.json").read_text())
    actions = np.array([row["action"] for row in rows])
    assert statistics["action"]["mean"] == pytest.approx(actions.mean(axis=0))
    assert statistics["action"]["std"] == pytest.approx(actions.std(axis=0))
    assert statistics["action"]["max"] == actions.max(axis=0).tolist()
    pd = pytest.importorskip("pandas", reason="there is no pandas for this Python")
    tasks = pd.read_parquet(made.path / "meta" / "tasks.parquet")
    assert tasks.iloc[0].name == "Drive demo_gt3 at demo_ring."
    assert [one.file for piece in made.results for one in piece.episodes] == [
        f"data/chunk-000/file-00{number}.parquet" for number in (0, 1, 1)
    ]


def test_lerobot_takes_whole_steps_a_second_and_flat_observations(short: Path, tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    with pytest.raises(telemetry.UsageError, match=r"^LeRobot needs a whole number of steps per second, got 12\.5\.$"):
        make_of("lerobot", tmp_path / "out", short, rate=12.5)
    spec = replace(Spec(), observation=replace(Spec().observation, shape="dict"))
    with pytest.raises(telemetry.UsageError, match="needs flat observations"):
        make_of("lerobot", tmp_path / "out", short, spec=spec)


@pytest.mark.parametrize("shape", ["flat", "dict"])
def test_minari_loads_it_and_gives_the_environment_back(
    shape: Any, lap: Trajectory, short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_minari()
    import minari

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "root"))
    spec = replace(Spec(), observation=replace(Spec().observation, shape=shape))
    (tmp_path / "spec.json").write_text(spec.to_json())
    make_of("minari", None, short, with_excursion(tmp_path / "b.jsonl"), name="demo/lap", spec=tmp_path / "spec.json")
    assert list(minari.list_local_datasets()) == ["demo/lap-v0"]
    dataset = minari.load_dataset("demo/lap-v0")
    assert (dataset.total_episodes, dataset.total_steps) == (3, STEPS + 1000 + 72)
    one, out, _ = dataset.iterate_episodes()
    observations: Any = one.observations
    if shape == "flat":
        assert (observations == lap.observations).all()
        assert observations.dtype == np.float32
    else:
        assert set(observations) == set(dataset.observation_space.spaces)
        assert observations["curvature_ahead"].shape == (STEPS + 1, 12)
    assert (one.actions == lap.actions).all()
    assert (one.rewards == lap.rewards).all()
    assert (len(one.rewards), one.truncations[-1], one.terminations.any()) == (STEPS, True, False)
    assert (out.terminations[-1], out.truncations.any()) == (True, False)
    assert one.infos["lap_time_ms"].shape == (STEPS + 1,)
    terms = sum(one.infos["reward_terms"].values())
    assert terms[1:] == pytest.approx(lap.rewards)
    (about,) = dataset.storage.get_episode_metadata([1])
    assert about["options"] == {
        "recording": "b.jsonl", "car": "demo_gt3", "track": "demo_ring", "session": "practice", "end": "tyres_out",
        "ai_driven": False,
    }  # fmt: skip
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert list(dataset.storage.metadata["requirements"]) == declared["optional-dependencies"]["gym"]
    env = dataset.recover_environment()
    assert env.observation_space == dataset.observation_space
    assert env.action_space == dataset.action_space
    assert env.unwrapped.specification == spec
    observation, _ = env.reset(seed=1)
    assert dataset.observation_space.contains(observation)
    env.close()


def test_a_dataset_that_minari_has_is_left_alone_and_another_stands_beside_it(short: Path, tmp_path: Path) -> None:
    need_minari()
    with pytest.raises(telemetry.UsageError, match="is not a valid id of a Minari dataset"):
        make_of("minari", tmp_path, short, name="a b")
    (tmp_path / "demo" / "lap-v0").mkdir(parents=True)
    with pytest.raises(telemetry.UsageError, match="exists already and is not changed"):
        make_of("minari", tmp_path, short, name="demo/lap-v0")
    assert make_of("minari", tmp_path, short, name="demo/lap-v1").path == tmp_path / "demo" / "lap-v1"
    assert sorted(path.name for path in (tmp_path / "demo").iterdir()) == [
        "lap-v0",
        "lap-v1",
        "namespace_metadata.json",
    ]


@pytest.mark.parametrize(
    ("name", "recording", "expected"),
    [
        (None, "drive.mcap", "assetto_corsa/drive-v0"),
        (None, "Spa & me (2).jsonl.zst", "assetto_corsa/Spa___me__2-v0"),
        ("mine", "drive.mcap", "mine-v0"),
        ("spa/mine-v3", "drive.mcap", "spa/mine-v3"),
    ],
)
def test_a_dataset_has_a_name(name: str | None, recording: str, expected: str) -> None:
    assert make_id(name, Path(recording)) == expected


# The command


def test_a_recording_that_fails_is_told_and_left_out_of_what_several_processes_make(
    short: Path, tmp_path: Path
) -> None:
    (tmp_path / "bad.jsonl").write_text("nonsense\n")
    out = tmp_path / "out"
    again = write(tmp_path / "again.jsonl", days_later(recorded_lap()[:300], 1))
    paths = [short, tmp_path / "bad.jsonl", again, short]
    result = main_in_process("dataset", "npz", *paths, "-o", out, "--jobs", "2")
    assert result.returncode == 1
    lines = result.stderr.splitlines()
    assert lines == [
        f"ac-telemetry: {tmp_path / 'bad.jsonl'}, line 1: this is not JSON.",
        f"{out}: 2 episodes, 1,494 steps.",
        "ac-telemetry: 1 recording of 3 could not be converted and is not in it.",
    ]
    quality = json.loads((out / "quality.json").read_text())
    assert quality["failed"] == [str(tmp_path / "bad.jsonl")]
    assert [bool(one["error"]) for one in quality["recordings"]] == [False, True, False]
    bad = sanitize_markdown(str(tmp_path / "bad.jsonl"))
    assert f"- Omitted: {bad}, line 1" in (out / "README.md").read_text()


def test_recordings_that_share_a_part_of_a_drive_are_kept_with_a_warning(short: Path, tmp_path: Path) -> None:
    late = write(tmp_path / "late.jsonl", list(recorded_lap()[150:400]))
    made = make_of("npz", tmp_path / "out", short, late)
    assert [len(result.episodes) for result in made.results] == [1, 1]
    warnings = [warning for result in made.results for warning in result.warnings]
    assert warnings == [
        f"{late} and {short} share about 16 s of the same drive; what both have is in the dataset twice."
    ]


def test_the_same_drive_is_in_a_dataset_once_and_the_copy_is_named(short: Path, tmp_path: Path) -> None:
    copy = write(tmp_path / "copy.jsonl.gz", list(recorded_lap()[:300]))
    out = tmp_path / "out"
    result = main_in_process("dataset", "npz", short, copy, "-o", out)
    assert result.returncode == 0
    assert result.stderr.splitlines() == [
        f"ac-telemetry: {copy} is left out: {short} holds the same drive.",
        f"{out}: 1 episode, {STEPS} steps.",
    ]
    with np.load(out / "dataset.npz") as file:
        assert (len(file["timeouts"]), file["episode_starts"].tolist()) == (STEPS, [0])
    quality = json.loads((out / "quality.json").read_text())
    assert [one["same_drive_as"] for one in quality["recordings"]] == [None, str(short)]
    assert (quality["episodes"], quality["failed"]) == (1, [])
    card = (out / "README.md").read_text()
    assert "| copy.jsonl.gz | omitted | | | | |" in card
    assert "- copy.jsonl.gz is left out: short.jsonl holds the same drive." in card


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["npz", LAP], 2, "Missing option --output: name the folder that npz makes."),
        (["npz", "none.mcap", "-o", "{}/out"], 2, "There is no recording none.mcap."),
        (["npz", LAP, "-o", "{}"], 2, "exists already and is not changed; name another folder, or remove it."),
        (["npz", LAP, "-o", "{}/out", "--laps", "7"], 1, "no episode matches the options; the recording has 1 lap."),
        (["npz", LAP, "-o", "{}/out", "--laps", "x"], 2, "--laps x: 'x' is no lap"),
        (["npz", LAP, "-o", "{}/out", "--acgym", "{}"], 2, "--acgym is for assetto_corsa_gym."),
        (["assetto_corsa_gym", LAP, "-o", "{}/out", "--spec", "x"], 2, "--spec is not for assetto_corsa_gym, whose"),
        (["npz", LAP, "-o", "{}/out", "--spec", "none.toml"], 2, "The specification none.toml cannot be read"),
    ],
)
def test_what_cannot_be_done_is_a_sentence_and_leaves_nothing(
    arguments: list[Any], code: int, message: str, tmp_path: Path
) -> None:
    result = main_in_process("dataset", *(str(one).format(tmp_path) for one in arguments))
    assert result.returncode == code
    assert message in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_clock_that_is_stopped_leaves_nothing(short: Path, tmp_path: Path) -> None:
    clock = telemetry.Clock(math.inf)

    def watch(what: str, share: float) -> None:
        if what == "converting" and share > 0.6:
            clock.stop()

    request = BuildRequest(format="npz", recordings=(short, short), output=tmp_path / "out")
    assert build_dataset(request, clock, watch) == Stopped(converted=0, total=1)
    assert list(tmp_path.iterdir()) == []


def test_help_loads_nothing_heavy() -> None:
    code = (
        "import sys, telemetry.cli.dataset\n"
        "heavy = ('pyarrow', 'numpy', 'minari', 'gymnasium', 'h5py', 'pandas', 'datasets', 'ray')\n"
        "print([name for name in heavy if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, cwd=REPOSITORY, timeout=30, check=True)
    assert result.stdout.split() == [b"[]"]
