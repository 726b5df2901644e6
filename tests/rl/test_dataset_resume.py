import json
import math
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

import telemetry
from telemetry.base.storage.lock import lock_dataset_folder
from telemetry.rl.datasets.build import BuildRequest, BuildResult, Stopped, build_dataset
from telemetry.rl.datasets.convert import RESULT_FILE, read_result
from telemetry.rl.datasets.exporter import RecordingResult
from telemetry.rl.datasets.provenance import PinnedFile
from tests.conftest import REPOSITORY, main_in_process, wait_until
from tests.recorded import days_later, recorded_lap, write
from tests.rl.test_dataset_engines import contents


@pytest.fixture(scope="module")
def drives(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with four recordings of about ten seconds each, none like another."""
    folder = tmp_path_factory.mktemp("drives")
    (folder / "more").mkdir()
    for at, name in enumerate(("a", "b", "c", "more/d")):
        write(folder / f"{name}.jsonl", days_later(recorded_lap()[at : at + 100], at))
    return folder


@pytest.fixture
def own(drives: Path, tmp_path: Path) -> Path:
    """The same, for this test alone."""
    return shutil.copytree(drives, tmp_path / "drives")  # times and all


def request_of(folder: Path, kind: Any = "npz", **options: Any) -> BuildRequest:
    recordings = tuple(sorted(folder.rglob("*.jsonl")))
    return BuildRequest(**{"format": kind, "recordings": recordings, "output": folder.parent / "out", **options})


def made(request: BuildRequest) -> tuple[Path, list[str], list[int]]:
    """The dataset, which recordings were converted for it, and how many had been before."""
    converted: list[str] = []
    before: list[int] = []

    def done(result: RecordingResult) -> None:
        converted.append(Path(result.recording).stem)

    found = build_dataset(request, telemetry.Clock(math.inf), done=done, resumed=before.append)
    assert isinstance(found, BuildResult)
    assert not found.path.with_name(f".unfinished-{found.path.name}").exists()
    return found.path, converted, before


def stop_after(request: BuildRequest, count: int) -> None:
    """Convert so many of the recordings, and stop."""
    clock = telemetry.Clock(math.inf)
    left = count

    def done(result: RecordingResult) -> None:
        nonlocal left
        left -= 1
        if not left:
            clock.stop()

    assert build_dataset(request, clock, done=done) == Stopped(converted=count, total=len(request.recordings))


@pytest.mark.parametrize("kind", ["npz", "parquet", "assetto_corsa_gym", "minari", "lerobot"])
def test_what_was_interrupted_goes_on_and_becomes_the_same(kind: str, own: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {}
    if kind == "minari":
        if sys.platform == "win32":
            pytest.skip("HDF5 calls what Wine does not have (feholdexcept), and ends the process")
        pytest.importorskip("minari", reason="there is no minari for this Python")
        options = {"name": "out-v0", "output": tmp_path}
    elif kind != "npz":
        pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    request = request_of(own, kind, **options)
    whole, converted, _ = made(request)
    assert converted == ["a", "b", "c", "d"]
    whole = whole.rename(tmp_path / "whole")
    stop_after(request, 2)
    assert {path.name for path in tmp_path.iterdir()} >= {f".unfinished-out{'-v0' if options else ''}"}
    path, converted, before = made(request)
    assert (converted, before) == (["c", "d"], [2])
    first, second = contents(whole), contents(path)
    assert first.keys() == second.keys()
    differing = {name for name in first if first[name] != second[name]}
    assert differing <= {"data/main_data.hdf5"}, "HDF5 keeps the time in it"


def start(own: Path, **options: str) -> "subprocess.Popen[bytes]":
    arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
    return subprocess.Popen(
        [sys.executable, "main.py", "dataset", "npz", str(own), "-o", str(own.parent / "out"), *arguments],
        cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize(("kept", "jobs"), [(0, "1"), (1, "1"), (3, "1"), (1, "2")])
def test_killed_at_any_moment_it_goes_on_and_becomes_the_same(kept: int, jobs: str, own: Path) -> None:
    folder = own.parent / ".unfinished-out"
    if kept:  # what is under way meanwhile differs; nothing of it may remain
        process = start(own, jobs=jobs)
        wait_until(lambda: len(list(folder.glob(f"parts/*/{RESULT_FILE}"))) >= kept or process.poll() is not None)
    else:
        process = start(own, jobs=jobs)
        wait_until(lambda: list(folder.glob("parts/*")) or process.poll() is not None)
    process.kill()
    process.wait()
    out = own.parent / "out"
    if out.exists():  # it was quicker than we, and whole
        shutil.rmtree(out)
    assert made(request_of(own, jobs=1))[0] == out
    resumed = contents(out)
    shutil.rmtree(out)
    made(request_of(own))
    assert contents(out) == resumed


def test_what_is_left_of_a_finish_that_was_killed_is_made_again(own: Path) -> None:
    stop_after(request_of(own), 2)
    folder = own.parent / ".unfinished-out"
    (folder / "dataset").mkdir()
    (folder / "dataset" / "half").write_text("x")
    left = folder / "parts" / f".temporary-{0:032x}"
    (left / "half").mkdir(parents=True)
    (left / ".lock").touch()
    path, converted, _ = made(request_of(own))
    assert (converted, "half" in contents(path)) == (["c", "d"], False)


def test_what_changed_meanwhile_is_converted_again_and_what_came_too(own: Path) -> None:
    request = request_of(own)
    stop_after(request, 2)
    os.utime(own / "a.jsonl", ns=(1, 1))
    part = next(
        part
        for part in (own.parent / ".unfinished-out" / "parts").iterdir()
        if b"b.jsonl" in (part / RESULT_FILE).read_bytes()
    )
    (part / RESULT_FILE).write_bytes(b"half")
    shutil.copy(own / "c.jsonl", own / "0.jsonl")
    path, converted, before = made(request_of(own))
    assert (converted, before) == (["0", "a", "b", "c", "d"], [])
    quality = json.loads((path / "quality.json").read_text())
    assert [Path(one["recording"]).stem for one in quality["recordings"]] == ["0", "a", "b", "c", "d"]


def parts_of(own: Path) -> list[Path]:
    return sorted(own.parent.glob(".unfinished-out/parts/*"))


def test_a_part_that_somebody_else_left_is_data_and_converted_again(own: Path) -> None:
    stop_after(request_of(own), 1)
    (part,) = parts_of(own)
    ran = own.parent / "ran"
    (part / RESULT_FILE).write_bytes(b"cos\nmkdir\n(X%bV%b\ntR." % (b"\0\0\0\0", str(ran).encode()))
    assert read_result(part) is None
    assert made(request_of(own))[1] == ["a", "b", "c", "d"]
    assert not ran.exists()


@pytest.mark.parametrize("file", ["../../../secret", "/etc/passwd", "C:/secret"])
def test_a_part_whose_result_names_a_file_outside_is_converted_again(own: Path, file: str) -> None:
    stop_after(request_of(own), 1)
    (part,) = parts_of(own)
    values = json.loads((part / RESULT_FILE).read_bytes())
    values["episodes"][0]["file"] = file
    (part / RESULT_FILE).write_text(json.dumps(values))
    assert read_result(part) is None


def archive(shape: str, compression: int, data: bytes = bytes(80)) -> bytes:
    """An archive of NumPy with one array, of this shape by its header."""
    header = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}}}".ljust(117) + "\n"
    file = BytesIO()
    with zipfile.ZipFile(file, "w", compression) as members:
        members.writestr(
            "rewards.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode() + data
        )
    return file.getvalue()


def test_a_part_whose_data_was_damaged_is_told_with_what_to_do(own: Path) -> None:
    stop_after(request_of(own), 1)
    (data,) = own.parent.glob(".unfinished-out/parts/*/*.npz")
    data.unlink()
    damaged = (
        None,
        b"",
        b"no archive",
        archive("(4000000000,)", zipfile.ZIP_STORED),  # larger than the file
        archive("(5000000,)", zipfile.ZIP_DEFLATED, bytes(20_000_000)),
    )
    for content in damaged:
        if content is not None:
            data.write_bytes(content)
        with pytest.raises(
            telemetry.SinkError, match=r"parts, is damaged or was changed: .* Discard it with --restart"
        ):
            made(request_of(own))
    assert made(request_of(own, restart=True))[1] == ["a", "b", "c", "d"]


@pytest.mark.parametrize("key", ["recording", "report", "episodes", "fingerprint", "checks"])
def test_a_result_of_other_types_is_none(own: Path, key: str) -> None:
    stop_after(request_of(own), 1)
    (part,) = parts_of(own)
    values = json.loads((part / RESULT_FILE).read_bytes())
    for wrong in (3, [3], {"x": 3}):
        (part / RESULT_FILE).write_text(json.dumps({**values, key: wrong}))
        assert read_result(part) is None


def test_a_recording_that_changes_while_it_is_converted_is_left_out(own: Path) -> None:
    def watch(what: str, seconds: float) -> None:
        os.utime(own / "a.jsonl", ns=(1, 1))

    found = build_dataset(request_of(own), telemetry.Clock(math.inf), watch)
    assert isinstance(found, BuildResult)
    assert [result.error for result in found.failed] == [
        f"{own / 'a.jsonl'} was not converted: it changed in the meantime."
    ]


def test_a_recording_that_failed_is_tried_again(own: Path) -> None:
    good = (own / "a.jsonl").read_bytes()
    (own / "a.jsonl").write_text("nonsense\n")
    clock = telemetry.Clock(math.inf)

    def done(result: RecordingResult) -> None:
        if result.recording.endswith("b.jsonl"):
            clock.stop()

    assert build_dataset(request_of(own), clock, done=done) == Stopped(converted=1, total=4)
    (own / "a.jsonl").write_bytes(good)
    assert made(request_of(own))[1:] == (["a", "c", "d"], [1])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"rate": 10.0}, "options.spec.control_hz was 25.0 and is 10.0; episodes.rate was 25.0 and is 10.0."),
        ({"valid_only": True}, "episodes.valid_only was false and is true."),
        ({"laps": ((2, 3),)}, "episodes.laps was not set and is [[2, 3]]."),
        ({"format": "parquet"}, 'format was "NumPy archive with the keys of D4RL" and is "Parquet".'),
    ],
)
def test_another_request_is_refused_and_begins_anew_only_when_told(
    change: dict[str, Any], sentence: str, own: Path
) -> None:
    if change.get("format"):
        pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    stop_after(request_of(own), 2)
    folder = own.parent / ".unfinished-out"
    with pytest.raises(telemetry.UsageError) as caught:
        made(request_of(own, **change))
    assert str(caught.value) == (
        f"The work in {folder} was started with other settings: {sentence} Use the former settings, name another "
        "folder, or discard what is done with --restart."
    )
    assert len(list(folder.glob("parts/*"))) == 2
    again = request_of(own, restart=True)
    assert made(again)[1:] == (["a", "b", "c", "d"], [])


def test_work_that_was_begun_with_other_names_of_columns_is_refused(own: Path) -> None:
    column_map = own.parent / "columns.toml"
    column_map.write_text('[columns]\nv = "speed_kmh"\n', "utf-8")
    stop_after(request_of(own, column_map=column_map), 2)
    before = PinnedFile.of(column_map)
    assert before.check() == column_map
    column_map.write_text('[columns]\nv = "gas"\n', "utf-8")
    with pytest.raises(telemetry.UsageError, match=rf'episodes\.column_map\.digest was "{before.digest}" and is "'):
        made(request_of(own, column_map=column_map))
    with pytest.raises(telemetry.SourceError) as caught:
        before.check()
    assert str(caught.value) == f"The file {column_map} has changed in the meantime. Start again."


def test_another_program_is_refused_and_a_damaged_request_too(own: Path) -> None:
    stop_after(request_of(own), 1)
    path = own.parent / ".unfinished-out" / "request.json"
    settings = json.loads(path.read_text())
    path.write_text(json.dumps({**settings, "program": "ac-telemetry 0.0.1 (abc)"}))
    with pytest.raises(telemetry.UsageError, match=r'program was "ac-telemetry 0\.0\.1 \(abc\)" and is "ac-telem'):
        made(request_of(own))
    path.write_text("{")
    with pytest.raises(telemetry.UsageError, match=r"request\.json is corrupt, so the work cannot be resumed"):
        made(request_of(own))
    path.write_text(json.dumps(settings))
    assert made(request_of(own))[1:] == (["b", "c", "d"], [1])


@pytest.mark.parametrize(
    ("in_the_way", "sentence"),
    [
        ("out", r"out exists already and is not changed; name another folder, or remove it\.$"),
        (
            ".unfinished-out/dataset",
            r"^The dataset .* cannot be written: .*\. Run the same command again: it continues with",
        ),
    ],
)
def test_a_dataset_that_cannot_be_put_there_leaves_all_that_is_converted(
    in_the_way: str, sentence: str, own: Path
) -> None:
    path = own.parent / in_the_way

    def done(result: RecordingResult) -> None:
        path.write_text("somebody's")

    with pytest.raises(telemetry.TelemetryError, match=sentence):
        build_dataset(request_of(own), telemetry.Clock(math.inf), done=done)
    assert path.read_text() == "somebody's"
    path.unlink()
    assert made(request_of(own))[1:] == ([], [4])


def test_two_cannot_make_one_dataset(own: Path) -> None:
    folder = own.parent / ".unfinished-out"
    stop_after(request_of(own), 1)
    lock = lock_dataset_folder(folder)
    with pytest.raises(telemetry.SinkError) as caught:
        made(request_of(own))
    lock.close()
    assert str(caught.value) == f"Another conversion is running in {folder}."
    made(request_of(own))


def test_the_parts_of_two_hands_and_engines_are_one_work(own: Path) -> None:
    stop_after(request_of(own), 2)
    assert made(request_of(own, jobs=2))[2] == [2]


def test_a_recording_named_twice_is_in_it_once(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(own)
    request = request_of(own)
    assert made(replace(request, recordings=(Path("a.jsonl"), *request.recordings)))[1] == ["a", "b", "c", "d"]


# The command


def test_a_folder_and_a_list_stand_for_their_recordings(own: Path, tmp_path: Path) -> None:
    (own / ".unfinished-1-e.jsonl").write_text("")
    (own / "notes.txt").write_text("")
    listed = tmp_path / "list.txt"
    listed.write_bytes(f"\ufeff{own / 'more'}\n\n{own / 'a.jsonl'}\r\n  \r\n".encode())
    result = main_in_process("dataset", "npz", own, "-o", tmp_path / "all")
    assert (result.returncode, result.stderr) == (0, f"{tmp_path / 'all'}: 4 episodes, 988 steps.\n")
    result = main_in_process("dataset", "npz", f"@{listed}", "-o", tmp_path / "two")
    assert (result.returncode, result.stderr) == (0, f"{tmp_path / 'two'}: 2 episodes, 494 steps.\n")
    report = json.loads((tmp_path / "two" / "quality.json").read_text())
    assert [one["recording"] for one in report["recordings"]] == [str(own / "more" / "d.jsonl"), str(own / "a.jsonl")]


@pytest.mark.parametrize(
    ("argument", "sentence"),
    [
        ("{}", "There is no recording in the folder {}."),
        ("@{}/none.txt", "The list of recordings {}/none.txt cannot be read: No such file or directory."),
    ],
)
def test_a_folder_or_a_list_with_nothing_is_refused(argument: str, sentence: str, tmp_path: Path) -> None:
    where = tmp_path.as_posix()
    result = main_in_process("dataset", "npz", argument.format(where), "-o", tmp_path / "out")
    assert result.returncode == 2
    assert result.stderr.replace("\\", "/") == f"ac-telemetry: {sentence.format(where)}\n"
    assert list(tmp_path.iterdir()) == []


def test_patterns_stand_for_their_recordings_in_a_list_too(own: Path, tmp_path: Path) -> None:
    folder = own.rename(own.with_name("[2026] GT3"))
    listed = tmp_path / "list.txt"
    listed.write_text(f"{folder / '*.jsonl'}\n{folder / 'more'}\n", encoding="utf-8")
    for argument, count in ((folder / "[ab].jsonl", 2), (f"@{listed}", 4), (folder / "*", 4)):
        out = tmp_path / f"out-{count}-{len(list(tmp_path.iterdir()))}"
        result = main_in_process("dataset", "npz", argument, "-o", out)
        assert (result.returncode, result.stderr[:-1].split(": ")[-1]) == (0, f"{count} episodes, {247 * count} steps.")
    result = main_in_process("dataset", "npz", folder / "none*.jsonl", "-o", tmp_path / "none")
    assert result.returncode == 2
    assert result.stderr == f"ac-telemetry: There is no recording {folder / 'none*.jsonl'}: no file matches.\n"


def test_an_empty_or_foreign_recording_stops_no_other(own: Path, tmp_path: Path) -> None:
    (own / "0.jsonl").touch()
    (own / "notes.txt").write_text("notes")
    result = main_in_process("dataset", "npz", own / "*", "-o", tmp_path / "out")
    assert result.returncode == 1
    assert f"ac-telemetry: {own / '0.jsonl'} holds no sample.\n" in result.stderr
    assert f"ac-telemetry: Unsupported file type: {own / 'notes.txt'}. " in result.stderr
    assert result.stderr.endswith("2 recordings of 6 could not be converted and are not in it.\n")
    report = json.loads((tmp_path / "out" / "quality.json").read_text())
    assert {Path(one["recording"]).name for one in report["recordings"] if one["error"]} == {"0.jsonl", "notes.txt"}


def test_a_list_in_utf_16_is_refused_with_what_to_do(own: Path, tmp_path: Path) -> None:
    listed = tmp_path / "list.txt"
    listed.write_text(str(own), encoding="utf-16")
    result = main_in_process("dataset", "npz", f"@{listed}", "-o", tmp_path / "out")
    assert result.returncode == 2
    assert f"The list of recordings {listed} cannot be read: it is text in UTF-16, " in result.stderr


def test_the_command_says_what_it_goes_on_with(own: Path) -> None:
    stop_after(request_of(own), 3)
    result = main_in_process("dataset", "npz", own, "-o", own.parent / "out")
    assert result.stderr.splitlines() == [
        "Continuing: 3 of 4 recordings are converted already.",
        f"{own.parent / 'out'}: 4 episodes, 988 steps.",
    ]
