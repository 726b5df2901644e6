import inspect
import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import zstandard

import telemetry
from telemetry.fields.wire import LineEncoder
from tests.conftest import PATIENCE, REPOSITORY, main_in_process
from tests.drives import record_long_drive


def test_the_public_face_is_exact_and_sorted() -> None:
    assert telemetry.__all__ == sorted(telemetry.__all__)
    public = {
        name for name in dir(telemetry) if not name.startswith("_") and not inspect.ismodule(getattr(telemetry, name))
    }
    assert public - {"TYPE_CHECKING", "lazy_attributes"} == set(telemetry.__all__)


def test_everything_public_says_what_it_is() -> None:
    for name in telemetry.__all__:
        assert inspect.getdoc(getattr(telemetry, name)), name


def test_the_package_is_marked_as_typed() -> None:
    assert (REPOSITORY / "telemetry" / "py.typed").exists()


def blocks(language: str) -> list[str]:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readmes_python_runs_as_it_stands() -> None:
    (example,) = [block for block in blocks("python") if "import telemetry" in block]  # test_serve has the other
    result = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, cwd=REPOSITORY, timeout=PATIENCE, check=True
    )
    lines = result.stdout.splitlines()
    assert 1 <= len(lines) <= 21  # 20, but for ticks that a busy machine missed
    assert re.fullmatch(r" +\d+\.\d km/h  \w  lap valid: True", lines[-1])


def test_the_readmes_recording_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for module in ("pyarrow", "pandas"):
        pytest.importorskip(module, reason=f"there is no {module} for this Python")
    (example,) = [block for block in blocks("python") if "open_recording" in block]
    monkeypatch.chdir(tmp_path)
    assert (
        main_in_process("convert", REPOSITORY / "fixtures" / "lap.jsonl.zst", tmp_path / "drive.mcap").returncode == 0
    )
    names: dict[str, Any] = {"telemetry": telemetry}
    exec(compile(example, "README.md", "exec"), names)
    assert capsys.readouterr().out == "<lap 1 of drive.mcap>\n"
    assert len(names["frame"]) == pytest.approx(60 * names["fastest"].time_ms / 1e3, abs=60)
    assert list(names["frame"])[:3] == ["lap_distance", "speed_kmh", "tyre_wear_fl"]


def test_the_readmes_environment_drives() -> None:
    pytest.importorskip("gymnasium", reason="the environment needs the extra gym")
    (example,) = [block for block in blocks("python") if "import gymnasium" in block]
    names: dict[str, Any] = {}
    exec(compile(example, "README.md", "exec"), names)
    assert (names["terminated"], names["truncated"]) == (False, False)
    assert names["observation"] in names["env"].observation_space
    names["env"].close()


def commands() -> list[list[str]]:
    """The commands of the README, without what is a session of its own or only sets things up."""
    lines = {line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines() if " main.py " in line}
    arguments = [shlex.split(re.split(r" [|>] ", line.split("main.py ")[1])[0]) for line in sorted(lines)]
    alone = [words for words in arguments if words[0] != "dataset"]
    return [words for words in alone if not any(word.startswith("plan") for word in words)]


ENOUGH = {
    "read": ["--samples", "1"],
    "record": ["--source", "demo", "--speed", "max", "--duration", "0.5"],
    "publish": ["--duration", "0.5"],
    "serve": ["--port", "0", "--duration", "0.5"],
    "marker": [],
    "fields": [],
    "compare": [],
    "corners": [],
    "catalog": [],
    "plot": [],
    "report": [],
}
"""What makes each command end soon, and need no game."""


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_the_readmes_commands_are_understood(words: list[str], tmp_path: Path) -> None:
    fixtures = str(REPOSITORY / "fixtures")
    arguments = [word.replace("fixtures", fixtures).replace("/mnt", str(tmp_path)) for word in words]
    arguments += ENOUGH[words[0]]
    lab = tmp_path / "lab"
    lab.mkdir()
    if words[0] in {"read", "serve"} and not {"--source", "--collect"} & set(words):
        arguments += ["--source", str(REPOSITORY / "fixtures" / "pages")]
    if words[0] in {"compare", "corners", "plot", "report"}:
        record_long_drive(tmp_path / "drive.mcap")
    if any(word.startswith("best(") for word in words):
        assert main_in_process("catalog", "add", "drive.mcap", cwd=tmp_path).returncode == 0
    if words[0] == "catalog":
        recordings = (lab if "/mnt/lab/recordings" in words else tmp_path) / "recordings"
        recordings.mkdir()
        shutil.copy(REPOSITORY / "fixtures" / "lap.jsonl.zst", recordings)
        if words[1] != "add":
            assert main_in_process("catalog", "add", "recordings", cwd=tmp_path).returncode == 0
    if words[0] == "publish":
        arguments += ["--pages", str(tmp_path)]
    own_folders = dict.fromkeys(("XDG_STATE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"), str(tmp_path))
    result = main_in_process(*arguments, cwd=tmp_path, **own_folders)
    if words[0] == "marker":
        assert (result.returncode, result.stderr) == (1, "ac-telemetry: No recording of yours runs.\n")
    else:
        assert result.returncode == 0, result.stderr


def test_the_readmes_batch_goes_from_driving_to_a_dataset(tmp_path: Path) -> None:
    (plan,) = blocks("toml")
    before, _, baseline = plan.split("[[run]]")
    (tmp_path / "plan.toml").write_text(f"{before}[[run]]{baseline.replace('laps = 5', 'laps = 1')}", encoding="utf-8")
    (batch,) = [block for block in blocks("sh") if "plan run" in block]
    for line in batch.splitlines():
        words = shlex.split(line.split("#")[0].split("main.py ")[1])
        if words[0] == "plan":
            words += ["--source", str(REPOSITORY / "fixtures/lap.jsonl.zst"), "--speed", "max", "--quiet"]
        result = main_in_process(*words, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
    assert pq.read_metadata(tmp_path / "baseline.parquet").num_rows > 4000


def test_the_readmes_chapter_on_learning_goes_from_nothing_to_a_dataset(tmp_path: Path) -> None:
    if sys.platform == "win32":
        pytest.skip("HDF5 calls what Wine does not have (feholdexcept), and ends the process")
    pytest.importorskip("minari", reason="needs the extra minari")
    (chapter,) = [block for block in blocks("sh") if "train_offline" in block]
    record, dataset, train = (shlex.split(line, comments=True)[1:] for line in chapter.splitlines())
    command = [sys.executable, str(REPOSITORY / record[0]), *record[1:], "--count", "1", "--seconds", "6"]
    subprocess.run(command, cwd=tmp_path, timeout=120, check=True)
    made = main_in_process(*dataset[1:], cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert (REPOSITORY / train[0]).is_file()  # which is run with the heavy third parties
    report = tmp_path / train[1] / train[2] / "quality.json"
    assert json.loads(report.read_text())["episodes"] == 1


def test_the_line_in_the_readme_has_real_fields() -> None:
    (line,) = blocks("json")
    assert set(json.loads(line)) < set(telemetry.Sample.NAMES)
    assert f"with {len(telemetry.Sample.NAMES)} fields" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


def test_the_recorded_lap_begins_at_rest_and_has_the_fields_of_today() -> None:
    with zstandard.open(REPOSITORY / "fixtures" / "lap.jsonl.zst", "rb") as file:
        lap = [json.loads(line) for line in file.read().splitlines()]
    assert list(lap[0]) == list(telemetry.Sample.NAMES)
    moving = [row["slip_ratio"][0] is not None for row in lap]
    assert moving == [False] * 10 + [True] * 829
    with telemetry.open_source("demo", seed=7) as source:
        driven = list(telemetry.samples(source, rate=10, count=50, clock=telemetry.Clock(float("inf"))))
    rows = [json.loads(LineEncoder().encode(sample)) for sample in driven]
    assert [row | {"timestamp": 0} for row in lap[:50]] == [row | {"timestamp": 0} for row in rows]


def test_the_fixtures_are_recordings_and_pages() -> None:
    fixtures = REPOSITORY / "fixtures"
    with telemetry.open_source(fixtures / "lap.jsonl.zst") as source:
        clock = telemetry.Clock(float("inf"))
        lap = list(telemetry.samples(source, clock=clock))
    assert len(lap) == 839
    assert (lap[0].completed_laps, lap[-1].completed_laps) == (0, 1)
    assert lap[-1].last_time > 60_000
    with telemetry.open_source(fixtures / "pages") as source:
        (sample,) = telemetry.samples(source, count=1)
    assert sample.car_model == "demo_gt3"
    assert sample.speed_kmh > 50.0
