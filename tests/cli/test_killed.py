"""Commands that are killed while they write: the next one clears what is left, and nothing of one that runs."""

import shutil
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from telemetry.fields.selection import ALL_COLUMNS
from telemetry.formats import find_format
from tests.commands import Stopped
from tests.conftest import main_in_process
from tests.formats.mcap_files import drive as steps
from tests.formats.mcap_files import unfinished
from tests.recorded import recorded_lap, write

Arguments = list[str | Path]

FUNCTION = "fsync"
"""Called when a file is complete, and has no name yet."""

PLAN = """
[[run]]
name = "one"
laps = 1
"""


def conversion(folder: Path) -> tuple[Arguments, Path]:
    write(folder / "in.jsonl", list(recorded_lap()[:50]))
    return ["convert", folder / "in.jsonl", folder / "out.csv", "--overwrite"], folder / "out.csv"


def recovery(folder: Path) -> tuple[Arguments, Path]:
    unfinished(folder / "drive.mcap", steps(20))
    return ["recover", folder / "drive.mcap"], folder / "drive.mcap"


def recovery_of_lines(folder: Path) -> tuple[Arguments, Path]:
    path = write(folder / "drive.jsonl.gz", list(recorded_lap()[:50]))
    path.write_bytes(path.read_bytes()[:-20])
    return ["recover", path], path


def plan(folder: Path) -> tuple[Arguments, Path]:
    (folder / "plan.toml").write_text(PLAN)
    begin: Arguments = ["record", "--plan", folder / "plan.toml", folder, "--source", "demo", "--speed", "max"]
    return [*begin, "--duration", "2"], folder / "manifest.json"


def dataset(folder: Path) -> tuple[Arguments, Path]:
    write(folder / "in.jsonl", list(recorded_lap()[:100]))
    return ["dataset", "npz", folder / "in.jsonl", "-o", folder / "out"], folder / "out" / "dataset.npz"


def temporary_files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if any(part.startswith(".temporary-") for part in path.parts)]


@pytest.mark.parametrize("prepare", [conversion, recovery, recovery_of_lines, plan, dataset])
def test_what_a_killed_command_left_is_cleared_by_the_same_command(
    prepare: Callable[[Path], tuple[Arguments, Path]], tmp_path: Path
) -> None:
    arguments, wanted = prepare(tmp_path)
    before = wanted.read_bytes() if wanted.exists() else None
    with Stopped(FUNCTION, *arguments) as command:
        assert [path for path in temporary_files(tmp_path) if path.is_file() and path.stat().st_size]
        command.kill()
    assert temporary_files(tmp_path)
    assert (wanted.read_bytes() if wanted.exists() else None) == before
    main_in_process(*arguments)
    assert temporary_files(tmp_path) == []
    assert wanted.read_bytes() != before
    assert not list(tmp_path.glob(".unfinished-*"))


def test_a_command_that_runs_keeps_its_files_while_another_works_in_the_same_folder(tmp_path: Path) -> None:
    arguments, wanted = conversion(tmp_path)
    with Stopped(FUNCTION, *arguments) as command:
        theirs = set(temporary_files(tmp_path))
        assert main_in_process(*arguments, "--fields", "speed_kmh").returncode == 0
        quick = wanted.read_bytes()
        assert set(temporary_files(tmp_path)) == theirs
        assert command.go_on()[0] == 0
    assert wanted.read_bytes() != quick
    assert temporary_files(tmp_path) == []


def test_of_two_conversions_to_one_new_file_the_first_to_finish_stays(tmp_path: Path) -> None:
    arguments, wanted = conversion(tmp_path)
    arguments.remove("--overwrite")
    with Stopped(FUNCTION, *arguments) as command:
        assert main_in_process(*arguments, "--fields", "speed_kmh").returncode == 0
        first = wanted.read_bytes()
        code, said = command.go_on()
    assert (code, wanted.read_bytes()) == (1, first)
    assert said == (
        f"ac-telemetry: The file {wanted} exists already and stays untouched. Use --overwrite to replace it.\n"
    )


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let the folder of an open file be removed")
def test_a_folder_that_vanished_meanwhile_is_a_sentence(tmp_path: Path) -> None:
    arguments, _ = conversion(tmp_path)
    wanted = tmp_path / "folder" / "out.csv"
    arguments[2] = wanted
    with Stopped(FUNCTION, *arguments) as command:
        shutil.rmtree(wanted.parent)
        code, said = command.go_on()
    assert code == 1
    assert said == (
        f"ac-telemetry: The file {wanted} cannot be written: No such file or directory. Nothing is left of it.\n"
    )


@pytest.mark.parametrize("suffix", [".mcap", ".csv", ".csv.gz", ".jsonl.zst", ".parquet"])
def test_a_file_that_is_being_made_is_not_replaced_by_a_conversion(suffix: str, tmp_path: Path) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    source = write(tmp_path / "in.jsonl", list(recorded_lap()[:20]))
    wanted = tmp_path / f"out{suffix}"
    known = find_format(wanted)
    assert known is not None
    with ExitStack() as stack:
        if known.open_step_sink is not None:
            stack.enter_context(known.open_step_sink(wanted, metadata={}, overwrite=False))
        elif known.open_sample_sink is not None:
            stack.enter_context(known.open_sample_sink(wanted, ALL_COLUMNS, mode="new", units=False))
        done = main_in_process("convert", source, wanted, "--overwrite")
    refusal = f"The file {wanted} is being written now, by another process, and stays as it is."
    assert (done.returncode, done.stderr) == (1, f"ac-telemetry: {refusal}\n")
    assert [path for path in tmp_path.iterdir() if path not in (source, wanted)] == []
