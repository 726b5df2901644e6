import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import telemetry
from tests.conftest import PATIENCE, REPOSITORY, main_in_process


def test_the_public_face_is_exact_and_sorted() -> None:
    assert telemetry.__all__ == sorted(telemetry.__all__)
    public = {
        name for name, value in vars(telemetry).items() if not name.startswith("_") and not inspect.ismodule(value)
    }
    assert public == set(telemetry.__all__)


def test_everything_public_says_what_it_is() -> None:
    for name in telemetry.__all__:
        assert inspect.getdoc(getattr(telemetry, name)), name


def test_the_package_is_marked_as_typed() -> None:
    assert (REPOSITORY / "telemetry" / "py.typed").exists()


def blocks(language: str) -> list[str]:
    text = (REPOSITORY / "README.md").read_text(encoding="utf-8")
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_readmes_python_runs_as_it_stands() -> None:
    (example,) = blocks("python")
    result = subprocess.run(
        [sys.executable, "-c", example], capture_output=True, text=True, cwd=REPOSITORY, timeout=PATIENCE, check=True
    )
    lines = result.stdout.splitlines()
    assert 1 <= len(lines) <= 21  # 20, but for ticks that a busy machine missed
    assert re.fullmatch(r" +\d+\.\d km/h  \w  lap valid: True", lines[-1])


@pytest.mark.parametrize(
    "command",
    sorted(
        {line.split("#")[0].strip() for block in blocks("sh") for line in block.splitlines() if " main.py " in line}
    ),
)
def test_the_readmes_commands_are_understood(command: str, tmp_path: Path) -> None:
    arguments = command.split("main.py ")[1].split(" | ", maxsplit=1)[0].split()
    if arguments[0] == "read" and "--source" not in arguments:
        arguments += ["--source", str(REPOSITORY / "fixtures" / "pages")]
    if arguments[0] == "read":
        arguments += ["--samples", "1"]
    else:
        arguments += ["--pages", str(tmp_path), "--duration", "0.5"]
    result = main_in_process(*arguments, cwd=tmp_path)
    assert result.returncode == 0, result.stderr


def test_the_line_in_the_readme_has_real_fields() -> None:
    import json

    (line,) = blocks("json")
    assert set(json.loads(line)) < set(telemetry.Sample.NAMES)
    assert f"with {len(telemetry.Sample.NAMES)} fields" in (REPOSITORY / "README.md").read_text(encoding="utf-8")


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
