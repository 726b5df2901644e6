"""Recordings that a command is given: patterns, and bad ones among many."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

import telemetry
from telemetry.base.errors import UsageError
from telemetry.cli._shared.input_files import check_file_exists, expand_patterns, find_recordings
from tests.commands import run
from tests.conftest import main_in_process
from tests.recorded import recorded_lap, write

ODD_FOLDER = "[2026] GT3"


@pytest.fixture
def season(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with folders of recordings whose names look like patterns."""
    for name in ("[2026] GT3/a.mcap", "[2026] GT3/b.mcap", "[2026] GT3/.c.mcap", "[2026] GT3/wet?/d.mcap", "2/a.mcap"):
        path = tmp_path / name.replace("?", "[!x]")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (tmp_path / "e[1].mcap").touch()
    (tmp_path / "e1.mcap").touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_folder_stands_for_the_recordings_in_and_below_it(season: Path) -> None:
    (season / "2" / "notes.txt").touch()
    (season / "empty").mkdir()
    below = ["[2026] GT3/a.mcap", "[2026] GT3/b.mcap", "[2026] GT3/wet[!x]/d.mcap"]
    for name, found in (("2", ["2/a.mcap"]), ("[2026] GT3", below), ("*GT3", below), ("empty", ["empty"])):
        assert [path.as_posix() for path in find_recordings([Path(name)])] == found
    everything = [path.as_posix() for path in find_recordings([Path()])]
    assert everything == ["2/a.mcap", *below, "e1.mcap", "e[1].mcap"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[2026] GT3/*.mcap", ["[2026] GT3/a.mcap", "[2026] GT3/b.mcap"]),
        ("[2026] GT3/[b-z].mcap", ["[2026] GT3/b.mcap"]),
        ("[2026] GT3/.*.mcap", ["[2026] GT3/.c.mcap"]),
        ("[2026] GT3/wet[!x]/*", ["[2026] GT3/wet[!x]/d.mcap"]),
        ("*/wet[!x]/?.mcap", ["[2026] GT3/wet[!x]/d.mcap"]),
        ("*/a.mcap", ["2/a.mcap", "[2026] GT3/a.mcap"]),
        ("[2026]/*.mcap", ["2/a.mcap"]),
        ("2/../[2026] GT3/*.mcap", ["2/../[2026] GT3/a.mcap", "2/../[2026] GT3/b.mcap"]),
        ("e[1].mcap", ["e[1].mcap"]),
        ("e[0-9].mcap", ["e1.mcap"]),
        ("e1.mcap/*", ["e1.mcap/*"]),
        ("none*.mcap", ["none*.mcap"]),
        ("none.mcap", ["none.mcap"]),
    ],
)
def test_what_exists_under_its_name_is_no_pattern(season: Path, pattern: str, found: list[str]) -> None:
    assert [path.as_posix() for path in expand_patterns([Path(pattern)])] == found
    if "../" not in pattern:
        absolute = [(season / name).as_posix() for name in found]
        assert [path.as_posix() for path in expand_patterns([season / pattern])] == absolute


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none.mcap", "There is no recording none.mcap."),
        ("none*.mcap", "There is no recording none*.mcap: no file matches."),
        ("2", "There is no recording in the folder 2."),
    ],
)
def test_what_is_no_file_is_refused_with_what_it_is(season: Path, name: str, reason: str) -> None:
    assert season.is_dir()
    with pytest.raises(UsageError) as refusal:
        check_file_exists(Path(name))
    assert str(refusal.value) == reason


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two good recordings of different drives, with bad files before, between and after them."""
    folder = tmp_path_factory.mktemp("mixed") / ODD_FOLDER
    folder.mkdir()
    (folder / "a.jsonl").touch()
    write(folder / "b.jsonl", list(recorded_lap()[:50]))
    (folder / "c.mcap").write_bytes(b"\x89PNG\r\n")
    (folder / "d.txt").write_text("notes")
    write(folder / "e.jsonl", list(recorded_lap()[100:150]))
    (folder / "f.jsonl").write_bytes((folder / "b.jsonl").read_bytes().splitlines()[0] + b"\nhello\n")
    (folder / "g").mkdir()
    return folder


BAD = {
    "a.jsonl": "a.jsonl holds no sample.",
    "c.mcap": "c.mcap is not an MCAP file.",
    "d.txt": "Unsupported file type: ",
    "f.jsonl": "f.jsonl, line 2: this is not JSON.",
    "g": "There is no recording in the folder ",
}


@pytest.mark.parametrize("command", ["info", "laps", "validate"])
def test_each_file_has_its_verdict_and_a_bad_one_stops_no_other(command: str, mixed: Path) -> None:
    result = main_in_process(command, mixed / "*")
    assert result.returncode == 1
    said = [" ".join(line.split()) for line in result.stdout.splitlines()]
    heads = [next(line for line in said if line.startswith(str(path))) for path in sorted(mixed.iterdir())]
    assert [said.index(head) for head in heads] == sorted(said.index(head) for head in heads)
    assert [head.endswith(" not read") for head in heads] == [path.name in BAD for path in sorted(mixed.iterdir())]
    text = " ".join(" ".join(said).split())
    for reason in BAD.values():
        assert reason in text
    names = ", ".join(str(mixed / name) for name in BAD)
    assert result.stderr == f"ac-telemetry: 5 of 7 recordings could not be read: {names}.\n"


@pytest.mark.parametrize("command", ["info", "laps", "validate"])
def test_json_has_an_entry_with_an_error_for_each_bad_file(command: str, mixed: Path) -> None:
    result = main_in_process(command, "--json", mixed / "*")
    assert result.returncode == 1
    entries = json.loads(result.stdout)
    errors = {Path(entry["file"]).name: entry["error"] for entry in entries if "error" in entry}
    assert list(errors) == list(BAD)
    assert all(reason in errors[name] for name, reason in BAD.items())
    read = {Path(entry["file"]).name for entry in entries if "error" not in entry}
    assert read == ({"e.jsonl"} if command == "laps" else {"b.jsonl", "e.jsonl"})  # there is no lap in the other
    if command == "validate":
        verdicts = [(entry["valid"], entry["findings"]) for entry in entries if "error" in entry]
        assert verdicts == [
            (False, [{"name": "unreadable", "severity": "error", "message": error}]) for error in errors.values()
        ]


@pytest.mark.parametrize("command", ["info", "laps", "validate"])
def test_the_only_file_keeps_its_own_error_and_code(command: str, mixed: Path) -> None:
    for name, code, reason in (("a.jsonl", 1, BAD["a.jsonl"]), ("none.jsonl", 2, "There is no recording")):
        result = main_in_process(command, "--json", mixed / name)
        assert (result.returncode, reason in result.stderr) == (code, True)
        (entry,) = json.loads(result.stdout)
        assert result.stderr == f"ac-telemetry: {entry['error']}\n"
        assert main_in_process(command, mixed / name).stdout == ""


def test_convert_writes_each_recording_into_a_folder(mixed: Path, tmp_path: Path) -> None:
    out = tmp_path / "csv" / "deep"
    result = main_in_process("convert", mixed / "*", out, "--format", "csv.gz", "--fields", "speed_kmh")
    assert result.returncode == 1
    assert sorted(path.name for path in out.iterdir()) == ["b.csv.gz", "e.csv.gz"]
    said = " ".join(result.stderr.split())
    for reason in (*BAD.values(), f"{out / 'b.csv.gz'}: 50 samples in ", "5 of 7 recordings could not be converted: "):
        assert reason in said
    again = main_in_process("convert", mixed / "*.jsonl", out, "--format", ".csv.gz", "--json", "--overwrite")
    assert again.returncode == 1
    entries = json.loads(again.stdout)
    assert [Path(entry["file"]).name for entry in entries] == ["a.jsonl", "b.jsonl", "e.jsonl", "f.jsonl"]
    assert [sorted(entry) for entry in entries[:2]] == [
        ["error", "file"],
        ["file", "laps", "output", "samples", "size", "span_s"],
    ]
    assert (entries[1]["output"], entries[1]["samples"], entries[1]["laps"]) == (str(out / "b.csv.gz"), 50, None)


def test_convert_takes_one_file_out_of_a_pattern(mixed: Path, tmp_path: Path) -> None:
    result = main_in_process("convert", mixed / "b*", tmp_path / "b.csv", "--quiet")
    assert (result.returncode, result.stderr) == (0, "")
    assert (tmp_path / "b.csv").is_file()


def test_convert_refuses_an_out_that_cannot_be_that_of_all(mixed: Path, tmp_path: Path) -> None:
    twin = tmp_path / "twin" / "b.mcap"
    twin.parent.mkdir()
    twin.touch()
    for arguments, reason in (
        ([mixed / "b.jsonl", mixed / "e.jsonl", tmp_path / "x.csv"], "2 recordings cannot become the one file"),
        ([mixed / "b.jsonl", tmp_path], "is a folder. Name the format of its files with --format"),
        ([mixed / "b.jsonl", tmp_path / "x.csv", "--format", "csv"], "--format is for files in a folder"),
        ([mixed / "b.jsonl", tmp_path / "x", "--format", "xlsx"], "Unsupported --format xlsx. Supported: .mcap, "),
        ([mixed / "b.jsonl", twin, tmp_path / "x", "--format", "csv"], "would both become"),
        ([mixed / "b.jsonl", tmp_path / "x", "--format", "csv", "--fields", "gass"], "There is no field 'gass'."),
    ):
        result = main_in_process("convert", *arguments)
        assert (result.returncode, reason in result.stderr) == (2, True), result.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == ["twin"]


def test_recover_goes_on_after_a_file_that_it_cannot_mend(tmp_path: Path, mixed: Path) -> None:
    good = tmp_path / "good.mcap"
    main_in_process("convert", mixed / "b.jsonl", good, "--quiet")
    (tmp_path / "bad.mcap").write_bytes(b"nothing")
    shutil.copy(mixed / "b.jsonl", tmp_path / "drive.parquet")
    good.write_bytes(good.read_bytes()[:-20])
    result = main_in_process("recover", tmp_path / "*")
    assert result.returncode == 1
    assert f"{good}: recovered, 50 steps" in result.stdout
    assert "drive.parquet cannot be recovered: a Parquet file" in " ".join(result.stdout.split())
    names = f"{tmp_path / 'bad.mcap'}, {tmp_path / 'drive.parquet'}"
    assert result.stderr == f"ac-telemetry: 2 of 3 recordings could not be recovered: {names}.\n"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are not Unicode")
def test_a_name_that_is_not_utf_8_is_read_written_and_shown(mixed: Path, tmp_path: Path) -> None:
    odd = tmp_path / os.fsdecode(b"Zo\xeb.jsonl")
    shutil.copy(mixed / "e.jsonl", odd)
    shown = f"{tmp_path}/Zo\N{REPLACEMENT CHARACTER}.jsonl"
    for command in ("info", "laps", "validate"):
        assert {entry["file"] for entry in json.loads(main_in_process(command, "--json", odd).stdout)} == {shown}
        assert main_in_process(command, odd).stdout.startswith(shown)
    for name in ("a.mcap", "a.csv"):
        assert main_in_process("convert", odd, odd.with_name(name), "--quiet").returncode == 0
    with telemetry.open_source(tmp_path / "a.mcap") as source:
        assert "Zo\N{REPLACEMENT CHARACTER}.jsonl" in source.metadata.values()
    result = main_in_process("convert", odd, tmp_path / "out", "--format", "csv", "--json")
    assert json.loads(result.stdout)[0]["output"] == f"{tmp_path}/out/Zo\N{REPLACEMENT CHARACTER}.csv"
    assert main_in_process("dataset", "npz", odd, "-o", tmp_path / "set", "--episode", "session").returncode == 0
    assert json.loads((tmp_path / "set" / "quality.json").read_text())["recordings"][0]["recording"] == shown
    result = main_in_process("record", os.fsdecode(b"\xeb.mcap"), "--source", odd, "--speed", "max", cwd=tmp_path)
    assert result.returncode == 0
    assert (tmp_path / os.fsdecode(b"\xeb.mcap")).is_file()
    result = run("info", os.fsdecode(b"\xebe.mcap"))
    assert (result.returncode, result.stderr) == (2, "ac-telemetry: There is no recording �e.mcap.\n")


def test_a_list_with_a_name_that_no_file_can_have_is_refused(tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text("9" * 5000 + "/*.mcap\n")
    done = main_in_process("dataset", "npz", f"@{listed}", "-o", tmp_path / "out")
    assert done.returncode == 2
    assert "There is no recording 9999" in done.stderr
