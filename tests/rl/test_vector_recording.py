import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import telemetry
from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, UsageError
from telemetry.base.typing import override
from telemetry.demo.pages import physics_page
from telemetry.recording.filters import ForwardingSink
from telemetry.recording.interfaces import PageSink, Step
from telemetry.rl import Spec
from telemetry.sources import open_source
from tests.conftest import main_in_process

gymnasium = pytest.importorskip("gymnasium", reason="The environment needs gymnasium, an extra.")

from telemetry.rl.env import DriveEnv, open_run_sink  # noqa: E402
from telemetry.rl.vector.env import DriveVectorEnv  # noqa: E402

SHORT = {"end": {"seconds": 0.6, "tyres_out": 3}}
VARIED = SHORT | {"randomisation": {"wind_kmh": [0, 30], "without_tc": 0.5, "circuits": 3, "anywhere": True}}


def random_actions(rng: np.random.Generator, count: int) -> Any:
    return np.stack([0.1 * rng.standard_normal(count), rng.uniform(-0.2, 1.0, count)], axis=1).astype(np.float32)


def read_steps(path: Path) -> tuple[list[Step], dict[str, str]]:
    """All that a recording holds: its steps, and its metadata but for what is new in each file."""
    with open_source(path) as source:
        assert source.complete
        metadata = {name: text for name, text in source.metadata.items() if name not in ("recording_id", "created")}
        return list(source.steps(Clock(math.inf))), metadata


@pytest.mark.parametrize(
    ("specification", "mode", "cars", "suffix"),
    [
        (VARIED, "NextStep", (1, 3), ".mcap"),
        (SHORT, "SameStep", (2,), ".jsonl"),
        (SHORT, "Disabled", (0,), ".mcap"),
    ],
    ids=["next step", "same step", "no autoreset"],
)
def test_what_is_recorded_of_a_car_is_what_the_same_car_alone_records(
    specification: dict[str, Any],
    mode: str,
    cars: tuple[int, ...],
    suffix: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends = 0
    options: dict[str, Any] = {"specification": specification, "start": "anywhere", "policy": "random"}
    monkeypatch.setattr(time, "time", lambda: 1.7e9)
    together = DriveVectorEnv(4, autoreset_mode=mode, record=tmp_path / f"run{suffix}", recorded_cars=cars, **options)
    alone = {index: DriveEnv(record=tmp_path / f"alone_{index}{suffix}", **options) for index in cars}
    monkeypatch.undo()
    together.reset(seed=5)
    for index, env in alone.items():
        env.reset(seed=5 + index)
    rng, resting = np.random.default_rng(1), np.zeros(4, bool)
    for _ in range(40):
        actions = random_actions(rng, 4)
        _, _, terminated, truncated, _ = together.step(actions)
        ended = terminated | truncated
        for index, env in alone.items():
            if resting[index]:
                env.reset()
            else:
                _, _, *is_over, _ = env.step(actions[index])
                assert is_over == [terminated[index], truncated[index]]
            if ended[index] and mode != "NextStep":
                env.reset()
            ends += int(ended[index])
        resting = ended & (mode == "NextStep")
        if mode == "Disabled" and ended.any():
            together.reset(options={"reset_mask": ended})
    together.close()
    assert ends >= 2 * len(cars)
    for index, env in alone.items():
        env.close()
        name = f"run_{index}" if len(cars) > 1 else "run"
        recorded, expected = tmp_path / f"{name}{suffix}", tmp_path / f"alone_{index}{suffix}"
        if suffix == ".jsonl":
            assert recorded.read_bytes() == expected.read_bytes()
        else:
            assert read_steps(recorded) == read_steps(expected)


def test_a_recording_has_a_file_for_each_car_and_says_what_drove_it(tmp_path: Path) -> None:
    def made(record: Path, **options: Any) -> list[str]:
        env = gymnasium.make_vec(
            "telemetry.rl:AssettoCorsa/Demo-v0",
            num_envs=3,
            vectorization_mode="vector_entry_point",
            record=record,
            policy="ppo 7",
            **options,
        )
        env.reset(seed=1)
        env.step(np.zeros((3, 2), np.float32))
        env.close()
        return sorted(path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.*"))

    assert made(tmp_path / "one.mcap") == ["one.mcap"]
    assert made(tmp_path / "third.mcap", recorded_cars=[2]) == ["one.mcap", "third.mcap"]
    for path in tmp_path.iterdir():
        path.unlink()
    assert made(tmp_path / "two.jsonl.zst", recorded_cars=[0, 2]) == ["two_0.jsonl.zst", "two_2.jsonl.zst"]
    for path in tmp_path.iterdir():
        path.unlink()
    assert made(tmp_path / "runs", recorded_cars=range(3)) == [f"runs/car_{index}.mcap" for index in range(3)]
    _, metadata = read_steps(tmp_path / "runs" / "car_2.mcap")
    assert (metadata["policy"], metadata["driver"], metadata["source"]) == ("ppo 7", "ppo 7", "demo")
    assert Spec.from_json(metadata["specification"]) == Spec()


def test_pages_are_made_for_the_cars_that_are_recorded_and_for_no_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packets: list[int] = []

    def count_page(car: Any, packet: int, *others: Any) -> bytes:
        packets.append(packet)
        return physics_page(car, packet, *others)

    plain, recorded = DriveVectorEnv(5), DriveVectorEnv(5, record=tmp_path / "run.mcap", recorded_cars=[3])
    for env, steps in ((plain, 0), (recorded, 266)):  # 20 control steps of 3 ms steps
        env.reset(seed=1)
        packets.clear()
        monkeypatch.setattr("telemetry.demo.game.physics_page", count_page)
        for _ in range(20):
            env.step(np.zeros((5, 2), np.float32))
        monkeypatch.undo()
        assert len(packets) == len(set(packets)) == steps
        env.close()


def test_after_the_recording_is_closed_a_reset_drives_on_without_it(tmp_path: Path) -> None:
    env = DriveVectorEnv(2, record=tmp_path / "run.mcap")
    env.reset(seed=1)
    env.step(np.zeros((2, 2), np.float32))
    env.close()
    env.close()
    with pytest.raises(telemetry.TelemetryError, match=r"^No episode has begun: call reset\(\) first\.$"):
        env.step(np.zeros((2, 2), np.float32))
    steps, _ = read_steps(tmp_path / "run.mcap")
    env.reset(seed=1)
    env.step(np.zeros((2, 2), np.float32))
    assert read_steps(tmp_path / "run.mcap")[0] == steps


class FullSink(ForwardingSink):
    """Passes on so many steps, and cannot write any more."""

    def __init__(self, sink: PageSink, room: int) -> None:
        super().__init__(sink)
        self._room = room

    @override
    def write(self, step: Step) -> None:
        if not self._room:
            raise SinkError(f"{self.name} cannot be written: No space left on device.")
        self._room -= 1
        super().write(step)

    @override
    def close(self) -> None:
        super().close()
        raise SinkError(f"{self.name} cannot be finished: No space left on device.")


def test_a_disk_that_is_full_ends_the_run_with_an_error_and_costs_no_other_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_full(path: Path, *others: Any) -> PageSink:
        sink = open_run_sink(path, *others)
        return FullSink(sink, 50) if path.stem == "run_0" else sink

    monkeypatch.setattr("telemetry.rl.vector.env.open_run_sink", open_full)
    env = DriveVectorEnv(3, record=tmp_path / "run.mcap", recorded_cars=[0, 2])
    env.reset(seed=1)
    for _ in range(3):
        env.step(np.zeros((3, 2), np.float32))
    with pytest.raises(SinkError, match="No space left on device"):
        env.step(np.zeros((3, 2), np.float32))
    with pytest.raises(SinkError, match=r"run_0\.mcap cannot be finished"):
        env.close()
    assert len(read_steps(tmp_path / "run_0.mcap")[0]) == 50
    assert len(read_steps(tmp_path / "run_2.mcap")[0]) == 1 + 40


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"recorded_cars": [0, 3]}, "recorded_cars must be different numbers from 0 to 2, at least one, got [0, 3]."),
        ({"recorded_cars": []}, "recorded_cars must be different numbers from 0 to 2, at least one, got []."),
        ({"recorded_cars": [1, 1]}, "recorded_cars must be different numbers from 0 to 2, at least one, got [1, 1]."),
        ({"record": "run.txt"}, "Unsupported file type: run.txt."),
        ({"record": "run.txt", "recorded_cars": [0, 1]}, "Unsupported file type: run_0.txt."),
    ],
)
def test_what_cannot_be_recorded_is_refused_with_a_sentence(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        DriveVectorEnv(3, **({"record": "run.mcap"} | options))
    assert str(caught.value).startswith(sentence)


def test_a_file_that_exists_is_kept_and_none_of_the_others_is_made(tmp_path: Path) -> None:
    (tmp_path / "run_1.mcap").write_bytes(b"precious")
    with pytest.raises(SinkError, match=r"run_1\.mcap"):
        DriveVectorEnv(3, record=tmp_path / "run.mcap", recorded_cars=[0, 1])
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("run_1.mcap", b"precious")]


def test_the_laps_of_a_recorded_car_are_listed_like_those_of_any_recording(tmp_path: Path) -> None:
    env = DriveVectorEnv(2, record=tmp_path / "run.mcap", recorded_cars=[1])
    env.reset(seed=1, options={"position": 0.995})  # the timing line is 16 m ahead
    for _ in range(70):
        env.step(np.array([[0.0, -1.0], [0.0, 1.0]], np.float32))
    env.close()
    shown = main_in_process("laps", tmp_path / "run.mcap")
    assert (shown.returncode, "demo_gt3, demo_ring, practice: 1 complete lap" in shown.stdout) == (0, True)


@pytest.mark.parametrize("mode", ["NextStep", "SameStep"])
def test_a_dataset_of_a_recorded_car_has_the_very_steps_that_the_environment_returned(
    mode: str, tmp_path: Path
) -> None:
    rules = {"end": {"seconds": 3.0, "no_progress_seconds": 1.0}}
    env = DriveVectorEnv(2, start="flying", specification=rules, autoreset_mode=mode, record=tmp_path / "run.mcap")
    env.reset(seed=8)
    before, _ = env.reset(seed=8)  # an episode in which nobody drives is none
    rng, resting, crossed = np.random.default_rng(0), False, False
    steps: list[tuple[Any, ...]] = []
    for _ in range(500):
        actions = random_actions(rng, 2)
        now, rewards, terminated, truncated, infos = env.step(actions)
        if not resting:
            steps.append((before[0], actions[0].clip(-1.0, 1.0), rewards[0], terminated[0], truncated[0]))
            crossed |= bool(infos["lap"][0] == 2)
        before, resting = now, mode == "NextStep" and bool(terminated[0] or truncated[0])
    env.close()
    (tmp_path / "rules.json").write_text(json.dumps(rules))
    made = main_in_process(
        *("dataset", "npz", tmp_path / "run.mcap", "-o", tmp_path / "data"),
        *("--episode", "session", "--spec", tmp_path / "rules.json"),
    )
    assert made.returncode == 0, made.stderr
    with np.load(tmp_path / "data" / "dataset.npz") as dataset:
        names = ("observations", "actions", "rewards", "terminals", "timeouts")
        count = len(dataset["rewards"]) - 1  # the last episode was cut off
        assert len(steps) - count < 1 / 0.04  # by less than a second
        for name, column in zip(names, zip(*steps[:count], strict=True), strict=True):
            assert np.array_equal(dataset[name][:count], np.array(column, dataset[name].dtype)), name
        assert min(dataset["terminals"].sum(), dataset["timeouts"].sum()) > 1
    assert crossed
