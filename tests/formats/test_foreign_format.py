"""A format that another distribution brings: read, recorded and converted through the command line."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import telemetry
from telemetry.formats import Format
from tests.conftest import PATIENCE, REPOSITORY

MODULE = """
from telemetry.formats import Format

def open_reader(path, *, loop, begin, end):
    from telemetry.formats.jsonl.recording import JsonlRecording
    return JsonlRecording(path, loop=loop, begin=begin, end=end)

def open_sample_sink(path, columns, *, mode, units):
    from telemetry.formats.jsonl.sink import create
    return create(path, columns, mode=mode)

FORMAT = Format(
    name="Lab", suffixes=(".lab",), open_reader=open_reader, open_sample_sink=open_sample_sink, survives_kill=True
)
"""


RECOVER = """
def recover(path, watch):
    from telemetry.formats.jsonl.recovery import recover
    return recover(path)
"""


@pytest.fixture
def site(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    info = folder / "lab_formats-1.2.dist-info"
    info.mkdir(parents=True)
    (folder / "lab_formats.py").write_text(MODULE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-formats\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[telemetry.formats]\nlab = lab_formats:FORMAT\n")
    return folder


def run(site: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(REPOSITORY / "main.py"), *map(str, arguments)],
        capture_output=True,
        env={**os.environ, "PYTHONPATH": str(site)},
        timeout=PATIENCE,
        check=False,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
    )


def test_a_foreign_format_is_recorded_read_and_converted(site: Path, tmp_path: Path) -> None:
    lab, csv = tmp_path / "a.lab", tmp_path / "a.csv"
    recorded = run(site, "record", lab, "--source", "demo", "--speed", "max", "--duration", "0.3", "--quiet")
    assert (recorded.returncode, recorded.stderr) == (0, "")
    assert lab.read_bytes().count(b"\n") > 50
    converted = run(site, "convert", lab, csv, "--quiet")
    assert (converted.returncode, converted.stderr) == (0, "")
    assert csv.read_bytes().count(b"\n") == lab.read_bytes().count(b"\n") + 1
    back = run(site, "convert", lab, tmp_path / "b.lab", "--rate", "60", "--quiet")
    assert (back.returncode, back.stderr) == (0, "")


def test_recover_mends_a_foreign_format_and_names_it_among_its_own(site: Path, tmp_path: Path) -> None:
    lab, notes = tmp_path / "a.lab", tmp_path / "notes.txt"
    lab.write_text('{"gear":1}\n{"gear":2}\n{"ge')
    notes.touch()
    assert "a.lab needs no recovery: a Lab file has no end that can be missing." in run(site, "recover", lab).stderr
    declared = MODULE.replace("survives_kill=True", "survives_kill=True, recover=recover")
    (site / "lab_formats.py").write_text(RECOVER + declared)
    assert (
        run(site, "recover", lab).stdout
        == f"{lab}: recovered, 2 samples; 4 bytes at its end were an incomplete record.\n"
    )
    assert lab.read_text() == '{"gear":1}\n{"gear":2}\n'
    assert run(site, "recover", notes).stderr.endswith(".csv, .csv.gz, .lab.\n")


def test_a_foreign_format_that_cannot_be_loaded_is_a_sentence_about_its_distribution(
    site: Path, tmp_path: Path
) -> None:
    (site / "lab_formats.py").write_text("raise RuntimeError('broken')\n")
    good = tmp_path / "a.jsonl"
    assert run(site, "record", good, "--source", "demo", "--speed", "max", "--duration", "0.1").returncode == 0
    failed = run(site, "convert", good, tmp_path / "a.lab")
    assert failed.returncode == 2
    assert failed.stderr.endswith(
        "The format 'lab' of lab-formats 1.2 cannot be used: loading lab_formats:FORMAT failed with RuntimeError: "
        "broken\n"
    )


def test_a_foreign_format_that_is_declared_wrongly_is_named_with_the_mistake(site: Path, tmp_path: Path) -> None:
    (site / "lab_formats.py").write_text(MODULE.replace('(".lab",)', '".lab"'))
    good = tmp_path / "a.jsonl"
    good.write_text('{"gear":1}\n')
    failed = run(site, "convert", good, tmp_path / "a.lab")
    assert failed.returncode == 2
    assert failed.stderr.endswith(
        "The format 'lab' of lab-formats 1.2 cannot be used: loading lab_formats:FORMAT failed with TypeError: The "
        "suffixes of a Format must be a tuple of texts like ('.jsonl', '.jsonl.gz'): got '.lab'.\n"
    )


def nothing(*arguments: Any, **options: Any) -> Any:
    raise AssertionError("a declaration calls nothing")


@pytest.mark.parametrize(
    ("attributes", "error", "message"),
    [
        (
            {"suffixes": ".lab"},
            TypeError,
            "The suffixes of a Format must be a tuple of texts like ('.jsonl', '.jsonl.gz'): got '.lab'.",
        ),
        (
            {"suffixes": [".lab"]},
            TypeError,
            "The suffixes of a Format must be a tuple of texts like ('.jsonl', '.jsonl.gz'): got ['.lab'].",
        ),
        (
            {"suffixes": (b".lab",)},
            TypeError,
            "The suffixes of a Format must be a tuple of texts like ('.jsonl', '.jsonl.gz'): got (b'.lab',).",
        ),
        ({"name": None}, TypeError, "The name of a Format must be a text like 'JSON lines': got None."),
        (
            {"open_reader": "module:name"},
            TypeError,
            "The open_reader of a Format must be a function or None: got 'module:name'.",
        ),
        ({"recover": True}, TypeError, "The recover of a Format must be a function or None: got True."),
        ({"survives_kill": "yes"}, TypeError, "The survives_kill of a Format must be True or False: got 'yes'."),
        ({"name": ""}, ValueError, "The name of a Format must not be empty."),
        (
            {"suffixes": ()},
            ValueError,
            "A Format needs at least one suffix, and each must be a dot and a text: got ().",
        ),
        (
            {"suffixes": (".lab", "lab")},
            ValueError,
            "A Format needs at least one suffix, and each must be a dot and a text: got ('.lab', 'lab').",
        ),
        (
            {"open_reader": None},
            ValueError,
            "A Format must have open_reader, open_sample_sink or open_step_sink.",
        ),
        ({"can_append": True}, ValueError, "A Format with can_append or has_units_row must have open_sample_sink."),
    ],
)
def test_a_wrong_declaration_of_a_format_is_an_error_when_it_is_made(
    attributes: dict[str, Any], error: type[Exception], message: str
) -> None:
    right: dict[str, Any] = {"name": "Lab", "suffixes": (".lab",), "open_reader": nothing}
    assert Format(**right).suffixes == (".lab",)
    with pytest.raises(error) as caught:
        Format(**(right | attributes))
    assert str(caught.value) == message


def test_a_format_that_can_only_be_read_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    lab = Format(name="Lab", suffixes=(".lab",), open_reader=nothing)
    monkeypatch.setattr("telemetry.sources.find_format", lambda path: lab)
    with pytest.raises(telemetry.UsageError) as caught:
        telemetry.open_sink(tmp_path / "a.lab")
    assert str(caught.value) == f"{tmp_path / 'a.lab'}: Lab files can be read, but not written. Name a .jsonl file."
    assert list(tmp_path.iterdir()) == []
