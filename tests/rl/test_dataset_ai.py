"""What the game's AI drove, as each dataset says it."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telemetry.fields.snapshot import encode
from telemetry.formats.mcap.sink import create
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Step
from tests.conftest import main_in_process
from tests.recorded import days_later, drive, driven_by_ai, recorded_lap, write
from tests.rl.test_dataset_formats import make_of, need_minari

SHORT = recorded_lap()[:120]


@pytest.fixture(scope="module")
def drives(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Twelve seconds of a human, and on the next day twelve of the AI."""
    folder = tmp_path_factory.mktemp("drives")
    human, ai = write(folder / "human.jsonl", list(SHORT)), folder / "ai.jsonl"
    return human, write(ai, driven_by_ai(days_later(SHORT, 1)))


def marks_in(quality: Path) -> list[bool]:
    recordings = json.loads(quality.read_text())["recordings"]
    return [episode["ai_driven"] for recording in recordings for episode in recording["episodes"]]


def test_the_card_and_the_report_say_how_many_episodes_the_ai_drove(drives: tuple[Path, Path], tmp_path: Path) -> None:
    made = make_of("npz", tmp_path / "both", *drives).path
    assert "- The game's AI drove 1 of the episodes, or a part of them\n" in (made / "README.md").read_text()
    assert marks_in(made / "quality.json") == [False, True]
    assert json.loads((made / "quality.json").read_text())["ai_driven_episodes"] == 1
    made = make_of("npz", tmp_path / "human", drives[0]).path
    assert "- The game's AI drove none of the episodes\n" in (made / "README.md").read_text()


def test_npz_marks_its_episodes(drives: tuple[Path, Path], tmp_path: Path) -> None:
    with np.load(make_of("npz", tmp_path / "out", *drives).path / "dataset.npz") as file:
        assert file["episode_ai_driven"].tolist() == [False, True]


def test_parquet_marks_the_steps_of_an_episode(drives: tuple[Path, Path], tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
    files = sorted((make_of("parquet", tmp_path / "out", *drives).path / "data").iterdir())
    assert [set(pq.read_table(path, columns=["ai_driven"])["ai_driven"].to_pylist()) for path in files] == [
        {False},
        {True},
    ]


def test_lerobot_marks_the_rows_of_its_episodes(drives: tuple[Path, Path], tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet", reason="there is no pyarrow for this Python")
    made = make_of("lerobot", tmp_path / "out", *drives).path
    rows = pq.read_table(made / "meta" / "episodes" / "chunk-000" / "file-000.parquet")
    assert rows["ai_driven"].to_pylist() == [False, True]


def test_minari_marks_the_options_of_its_episodes(
    drives: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    need_minari()
    import minari

    monkeypatch.setenv("MINARI_DATASETS_PATH", str(tmp_path / "root"))
    make_of("minari", None, *drives, name="demo/ai")
    about = minari.load_dataset("demo/ai-v0").storage.get_episode_metadata([0, 1])
    assert [bool(one["options"]["ai_driven"]) for one in about] == [False, True]


def test_assetto_corsa_gym_has_an_entry_of_its_own_for_what_the_ai_drove(
    drives: tuple[Path, Path], tmp_path: Path
) -> None:
    pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    options: dict[str, Any] = {"steer_lock": 320.0, "name": "test"}
    made = make_of("assetto_corsa_gym", tmp_path / "out", *drives, **options).path
    assert (made / "ac_offline_train_paths.yml").read_text().splitlines() == [
        "demo_ring:",
        "  demo_gt3:",
        "    - {id: test_AI, type: ai, data_type: parquet}",
        "    - {id: test, type: human, data_type: parquet}",
    ]
    for name in ("test", "test_AI"):
        laps = made / "demo_ring" / "demo_gt3" / name / "laps"
        assert len(list(laps.glob("*_states.parquet"))) == 1
        assert (laps / "static_info.json").exists()


def test_assetto_corsa_gym_takes_the_drive_of_a_policy_for_no_human(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    with create(tmp_path / "drive.mcap", metadata={"policy": "PPO"}) as sink:
        for one in SHORT:
            sink.write(Step(State.LIVE, encode(one), one.elapsed))
    made = make_of("assetto_corsa_gym", tmp_path / "out", tmp_path / "drive.mcap", steer_lock=320.0).path
    assert "_AI, type: ai, data_type: parquet}" in (made / "ac_offline_train_paths.yml").read_text()


@pytest.mark.parametrize(("options", "laps"), [((), [2]), (("--include-ai",), [1, 2])])
def test_valid_laps_of_the_ai_are_in_a_dataset_where_that_is_asked(
    options: tuple[str, ...], laps: list[int], tmp_path: Path
) -> None:
    path = write(tmp_path / "ai.jsonl", [*driven_by_ai(drive(1, 2, 3)[:60]), *drive(1, 2, 3)[60:124]])
    made = main_in_process("dataset", "npz", path, "-o", tmp_path / "out", "--valid-only", "--quiet", *options)
    assert (made.returncode, made.stderr) == (0, "")
    (recording,) = json.loads((tmp_path / "out" / "quality.json").read_text())["recordings"]
    assert sorted({lap for episode in recording["episodes"] for lap in episode["laps"]}) == laps
