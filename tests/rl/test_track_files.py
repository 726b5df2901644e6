"""Datasets and environments on the roads of track files: on a track that nothing else knows, under another name."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import telemetry
from telemetry.analysis.known_tracks import look_up_track
from telemetry.base.documents import read_json
from telemetry.base.errors import UsageError
from telemetry.rl.acgym.files import find_geometry
from telemetry.rl.datasets.build import BuildRequest, BuildResult, Stopped, build_dataset
from telemetry.rl.spec import Spec
from telemetry.sources.known_tracks import DEMO_TRACK
from telemetry.tracks import TrackFolder
from telemetry.tracks.track_file import track_path, write_track
from tests.conftest import main_in_process
from tests.recorded import days_later, recorded_lap, write

SPEC = Spec.from_dict(
    {"observation": {"fields": ["track_offset", "track_heading", "curvature_ahead"], "action_history": 0, "mask": True}}
)
NAME = "elsewhere"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the file of a track that has the demo's course and another name."""
    folder = tmp_path_factory.mktemp("tracks")
    track = look_up_track(DEMO_TRACK, "")
    assert track is not None
    write_track(replace(track, track=NAME), track_path(folder, NAME, ""))
    return folder


@pytest.fixture(scope="module")
def drives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten seconds of the demo, and the same on a track of another name, twice."""
    folder = tmp_path_factory.mktemp("drives")
    known = recorded_lap()[150:250]  # with bends ahead
    write(folder / "known.jsonl", list(known))
    for day, name in enumerate(("a", "b"), start=1):
        write(folder / f"{name}.jsonl", [one.replace(track=NAME) for one in days_later(known, day)])
    return folder


def made(*recordings: Path, output: Path, **options: object) -> Path:
    common = {"format": "npz", "spec": SPEC, "episode": "session"}
    values = {**common, "recordings": recordings, "output": output, **options}
    found = build_dataset(BuildRequest(**values), telemetry.Clock(math.inf))  # type: ignore[arg-type]  # any option
    assert isinstance(found, BuildResult)
    return found.path


def observations(dataset: Path) -> np.ndarray:
    with np.load(dataset / "dataset.npz") as arrays:
        values: np.ndarray = arrays["observations"]
    return values


def test_a_dataset_has_the_road_of_a_file_and_says_so(folder: Path, drives: Path, tmp_path: Path) -> None:
    known = observations(made(drives / "known.jsonl", output=tmp_path / "known"))
    without = made(drives / "a.jsonl", output=tmp_path / "without")
    assert not observations(without).any()  # nothing is known there, and the mask says it
    assert "track_files" not in read_json(without / "quality.json")
    with_file = made(drives / "a.jsonl", output=tmp_path / "with", tracks=folder)
    assert observations(with_file) == pytest.approx(known, abs=0.12)  # a curvature of 0.0024, or 1.2 m
    digest = TrackFolder.read(folder).digests["elsewhere.toml"]
    assert read_json(with_file / "quality.json")["track_files"] == {"elsewhere.toml": digest}
    card = (with_file / "README.md").read_text("utf-8")
    assert f"- Roads of track files, each with the digest of its course: elsewhere.toml ({digest})\n" in card


def test_work_that_was_begun_with_another_road_is_not_continued(folder: Path, drives: Path, tmp_path: Path) -> None:
    own = tmp_path / "tracks"
    own.mkdir()
    track = look_up_track(DEMO_TRACK, "")
    assert track is not None
    path = track_path(own, NAME, "")
    write_track(replace(track, track=NAME), path)
    clock = telemetry.Clock(math.inf)
    recordings = (drives / "a.jsonl", drives / "b.jsonl")
    request = BuildRequest(format="npz", recordings=recordings, output=tmp_path / "out", spec=SPEC, tracks=own, jobs=1)
    assert build_dataset(request, clock, done=lambda _: clock.stop()) == Stopped(converted=1, total=2)
    was = TrackFolder.read(own).digests["elsewhere.toml"]
    course = track.course
    moved = replace(track, track=NAME, course=replace(course, x=course.x + 1.0))
    write_track(moved, path, overwrite=True)
    now = TrackFolder.read(own).digests["elsewhere.toml"]
    with pytest.raises(UsageError) as caught:
        build_dataset(request, telemetry.Clock(math.inf))
    change = f'options.tracks.digests.elsewhere.toml was "{was}" and is "{now}"'
    assert f"was started with other settings: {change}." in str(caught.value)
    with pytest.raises(UsageError, match=r"options\.tracks was .* and is not set"):
        build_dataset(replace(request, tracks=None), telemetry.Clock(math.inf))
    restarted = build_dataset(replace(request, restart=True, jobs=2), telemetry.Clock(math.inf))
    assert isinstance(restarted, BuildResult)
    assert restarted.failed == ()


def test_assetto_corsa_gym_gets_its_borders_from_a_file(folder: Path) -> None:
    tracks = TrackFolder.read(folder)
    geometry = find_geometry(NAME, "", acgym=None, ac_root=None, tracks=tracks)
    known = find_geometry(DEMO_TRACK, "", acgym=None, ac_root=None, tracks=tracks)
    assert (geometry.name, known.origin) == (NAME, "the demo's own track")
    middle = (known.left + known.right) / 2.0
    assert geometry.off_track(middle).sum() == 0
    assert geometry.off_track(known.left + (known.left - middle) * 0.1).mean() > 0.95


@pytest.mark.parametrize("kind", ["npz", "parquet", "lerobot"])
def test_the_command_takes_a_folder_of_tracks(kind: str, folder: Path, drives: Path, tmp_path: Path) -> None:
    if kind != "npz":
        pytest.importorskip("pyarrow", reason="The format needs pyarrow, an extra.")
    options = ("-o", tmp_path / "out", "--tracks", folder, "--episode", "session", "--quiet")
    done = main_in_process("dataset", kind, drives / "a.jsonl", *options)
    assert (done.returncode, done.stderr) == (0, "")
    assert "track_files" in read_json(tmp_path / "out" / "quality.json")
    done = main_in_process("dataset", kind, drives / "a.jsonl", "-o", tmp_path / "b", "--tracks", tmp_path / "no")
    assert (done.returncode, done.stderr) == (
        2,
        f"ac-telemetry: There is no folder of track files {tmp_path / 'no'}.\n",
    )


def test_the_environment_sees_the_same_road_as_the_dataset(folder: Path, drives: Path, tmp_path: Path) -> None:
    pytest.importorskip("gymnasium", reason="The environment needs gymnasium, an extra.")
    from telemetry.rl.env import DriveEnv

    spec = replace(SPEC, control_hz=10.0)  # that of the recording, so that nothing is interpolated
    options = {"tracks": folder, "spec": spec}
    dataset = observations(made(drives / "a.jsonl", output=tmp_path / "data", **options))
    env = DriveEnv(f"replay:{drives / 'a.jsonl'}", specification=spec, tracks=folder)
    observation, _ = env.reset(seed=1)
    seen = [observation]
    while len(seen) < len(dataset):
        observation, *_ = env.step([0.0, 0.0])
        seen.append(observation)
    env.close()
    assert np.array(seen).tolist() == dataset.tolist()
    assert np.array(seen).any(axis=0).all()
