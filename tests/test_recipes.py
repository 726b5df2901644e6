"""The recipes of the documentation, as they stand there."""

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import pytest

from telemetry.base.host import host_name
from tests.conftest import REPOSITORY, main_in_process
from tests.recorded import drive, write

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="programs of others are tried on Linux")

CHAPTERS = dict(
    re.findall(
        r"^## (.*?)\n(.*?)(?=^## |\Z)", (REPOSITORY / "docs/recipes.md").read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
)


def blocks(chapter: str, language: str) -> list[str]:
    found: list[str] = re.findall(rf"```{language}\n(.*?)```", CHAPTERS[chapter], re.DOTALL)
    return found


def run_commands(chapter: str, folder: Path, *names: str) -> list[str]:
    """What a chapter's commands with these names print; there must be one of each."""
    lines = [line for block in blocks(chapter, "sh") for line in block.splitlines() if " main.py " in line]
    arguments = [shlex.split(line.partition(" main.py ")[2]) for line in lines]
    chosen = [words for words in arguments if words[0] in names]
    assert [words[0] for words in chosen] == list(names)
    results = [main_in_process(*words, cwd=folder) for words in chosen]
    assert [result.returncode for result in results] == [0] * len(names), [result.stderr for result in results]
    return [result.stdout for result in results]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with ``drive.mcap``: laps of 30 s, but for the third, which takes 31."""
    snapshots = []
    for one in drive(1, 2, 3, 4)[:182]:
        slower = min(max(one.elapsed - 60.0, 0.0), 30.0) / 30.0
        changed = {
            "elapsed": one.elapsed + slower,
            "timestamp": one.timestamp + slower,
            "packet_id": one.packet_id + round(slower / 0.003),
        }
        if one.completed_laps == 2:
            changed["current_time"] = one.current_time + round(1000 * slower)
        if one.completed_laps == 3:
            changed["last_time"] = 31_000
        snapshots.append(one.replace(**changed))
    found = tmp_path_factory.mktemp("recipes")
    write(found / "drive.jsonl", snapshots)
    assert main_in_process("convert", found / "drive.jsonl", found / "drive.mcap").returncode == 0
    return found


def test_two_laps_are_compared(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_commands("Two laps compared in a notebook", folder, "convert")
    monkeypatch.chdir(folder)
    compute, _ = blocks("Two laps compared in a notebook", "python")
    names: dict[str, Any] = {}
    exec(compile(compute, "recipes.md", "exec"), names)
    assert re.fullmatch(r"The second is \+0\.9[89]\d s behind the first\.\n", capsys.readouterr().out)
    assert len(names["behind_s"]) == len(names["metres"]) > 1000


@pytest.mark.heavy
def test_the_comparison_is_drawn(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MPLBACKEND", "agg")
    run_commands("Two laps compared in a notebook", folder, "convert")
    monkeypatch.chdir(folder)
    names: dict[str, Any] = {}
    for block in blocks("Two laps compared in a notebook", "python"):
        exec(compile(block, "recipes.md", "exec"), names)
    assert [len(axes.lines) for axes in (names["speed"], names["delta"])] == [2, 1]
    names["pyplot"].close(names["figure"])


def test_a_dataset_is_read_by_duckdb_and_polars(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run_commands("A dataset in DuckDB and Polars", folder, "dataset")
    monkeypatch.chdir(folder)
    (block,) = blocks("A dataset in DuckDB and Polars", "python")
    exec(compile(block, "recipes.md", "exec"), {})
    of_duckdb, of_polars = capsys.readouterr().out.split("shape: ")
    rows = re.findall(r"│ +(\d+) +│ +(\d+) +│ +([\d.]+) +│", of_duckdb)
    assert [(lap, steps) for lap, steps, _ in rows] == [("1", "750"), ("2", "750"), ("3", "775")]
    assert re.findall(r"│ +(\d+) +┆ +(\d+) +┆ +([\d.]+) +│", of_polars) == rows


def test_the_files_of_a_lab_have_the_names_of_its_rigs(tmp_path: Path) -> None:
    out = shlex.split(blocks("The rigs of a lab", "sh")[0])[-1]
    write(tmp_path / "drive.jsonl", drive(1, 2)[:80])
    recorded = main_in_process("record", out, "--source", "drive.jsonl", "--speed", "max", cwd=tmp_path)
    assert recorded.returncode == 0, recorded.stderr
    (path,) = (tmp_path / "drives").iterdir()
    assert path.name.startswith(f"{host_name()}_demo_ring_demo_gt3_2023")
    table, _ = run_commands("The rigs of a lab", tmp_path, "laps", "dataset")
    assert table.startswith(f"{Path('drives') / path.name}  demo_gt3, demo_ring")
