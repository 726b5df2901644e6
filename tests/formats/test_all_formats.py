"""What every format promises, for each of its suffixes and by what its :class:`Format` says that it can do."""

import gc
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

import telemetry
from telemetry.base.errors import SinkError, SourceError
from telemetry.base.storage.output_file import Mode
from telemetry.formats import FORMATS, Format, Recovered
from telemetry.recording.blocks import read_blocks
from tests.conftest import PATIENCE, REPOSITORY, limited_file_size
from tests.formats.cases import CASES, Case, Writer, drive, read_rows, read_snapshots, row_of, write


def every_format(known: Format) -> bool:
    return True


def has_reader(known: Format) -> bool:
    return known.open_reader is not None


def is_cut_readable(known: Format) -> bool:
    return known.open_reader is not None and known.survives_kill


def survives_kill(known: Format) -> bool:
    return known.survives_kill


def can_recover(known: Format) -> bool:
    return known.recover is not None


def cases(able: Callable[[Format], object] = every_format) -> pytest.MarkDecorator:
    """Run a test for every suffix of the formats that are ``able``."""
    return pytest.mark.parametrize(
        "case", [pytest.param(case, id=suffix) for suffix, case in CASES.items() if able(case.format)]
    )


def cases_and_modes(able: Callable[[Format], object], *modes: Mode) -> pytest.MarkDecorator:
    """Run a test for every suffix of these formats and each of these modes; ``append`` only where a format can."""
    return pytest.mark.parametrize(
        ("case", "mode"),
        [
            pytest.param(case, mode, id=f"{suffix}-{mode}")
            for suffix, case in CASES.items()
            for mode in modes
            if able(case.format) and (mode != "append" or case.format.can_append)
        ],
    )


@pytest.fixture
def path(case: Case, tmp_path: Path) -> Path:
    if case.format.name == "Parquet":
        pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    return tmp_path / f"drive{case.suffix}"


def test_no_two_formats_share_a_suffix() -> None:
    suffixes = [suffix for known in FORMATS for suffix in known.suffixes]
    assert sorted(CASES) == sorted(suffixes)


# Opening


@cases()
def test_an_existing_file_is_left_alone_and_the_message_says_what_to_do(case: Case, path: Path) -> None:
    path.write_bytes(b"precious")
    with pytest.raises(SinkError) as caught:
        Writer(case, path)
    instead = (
        "Use --append to continue it, or --overwrite." if case.format.can_append else "Use --overwrite to replace it."
    )
    assert str(caught.value) == f"The file {path} exists already and stays untouched. {instead}"
    assert path.read_bytes() == b"precious"


@cases()
def test_an_existing_file_is_overwritten_on_request(case: Case, path: Path) -> None:
    write(case, path, drive(30))
    write(case, path, drive(3), mode="overwrite")
    assert read_rows(case, path) == [row_of(snapshot) for snapshot in drive(3)]


@cases(lambda known: known.is_recording)
def test_a_file_to_be_overwritten_keeps_its_content_until_there_is_something_to_write(case: Case, path: Path) -> None:
    path.write_bytes(b"precious")
    write(case, path, [], mode="overwrite")
    assert path.read_bytes() == b"precious"


@cases_and_modes(every_format, "new", "overwrite", "append")
def test_a_folder_that_does_not_exist_is_made(case: Case, path: Path, mode: Mode) -> None:
    path = path.parent / "new" / "folder" / path.name
    write(case, path, [], mode=mode)
    assert path.parent.is_dir()


@cases_and_modes(every_format, "new", "overwrite", "append")
def test_a_folder_that_cannot_be_made_is_reported(case: Case, path: Path, mode: Mode) -> None:
    (path.parent / "file").touch()
    with pytest.raises(SinkError) as caught:
        Writer(case, path.parent / "file" / path.name, mode=mode)
    assert str(caught.value).startswith(f"The folder {path.parent / 'file'} cannot be created: ")


@cases()
def test_a_file_that_cannot_be_written_is_reported(case: Case, path: Path) -> None:
    path.mkdir()
    reason = "Permission denied" if sys.platform == "win32" else "Is a directory"
    with pytest.raises(SinkError) as caught:
        Writer(case, path, mode="overwrite")
    assert str(caught.value) == f"The file {path} cannot be written: {reason}."
    assert list(path.iterdir()) == []


@cases()
def test_a_second_writer_of_a_new_file_is_refused(case: Case, path: Path) -> None:
    first = Writer(case, path)
    with first.sink:
        first.write(drive(1)[0])
        with pytest.raises(SinkError, match=r"exists already and stays untouched\."):
            Writer(case, path)
    assert read_rows(case, path) == [row_of(drive(1)[0])]


@cases_and_modes(survives_kill, "overwrite", "append")
def test_a_second_writer_is_refused_whatever_it_asks_for_and_changes_nothing(
    case: Case, path: Path, mode: Mode
) -> None:
    snapshots = drive(20)
    first = Writer(case, path)
    with first.sink as sink:
        for snapshot in snapshots[:10]:
            first.write(snapshot)
        sink.flush()
        before = path.read_bytes()
        with pytest.raises(SinkError, match=rf"{re.escape(path.name)} is being recorded now, by another process\.$"):
            Writer(case, path, mode=mode)
        assert path.read_bytes() == before
        for snapshot in snapshots[10:]:
            first.write(snapshot)
    assert read_rows(case, path) == [row_of(snapshot) for snapshot in snapshots]


# Writing and reading


@cases()
def test_values_come_back_as_they_were_written(case: Case, path: Path) -> None:
    snapshots = drive(100)
    write(case, path, snapshots)
    assert read_rows(case, path) == [row_of(snapshot) for snapshot in snapshots]


@cases(lambda known: known.open_reader and known.prepare_channels is None)  # channels hold no texts that change
def test_a_reader_gives_every_field_back(case: Case, path: Path) -> None:
    snapshots = drive(100)
    write(case, path, snapshots)
    found = read_snapshots(case, path)
    if case.format.keeps_pages:  # which hold neither the time since the first sample nor its number
        assert [snapshot.elapsed for snapshot in found] == pytest.approx([snapshot.elapsed for snapshot in snapshots])
        found = [
            back.replace(elapsed=written.elapsed, sequence=written.sequence)
            for back, written in zip(found, snapshots, strict=True)
        ]
    assert found == list(snapshots)


@cases(lambda known: known.open_reader and known.open_step_sink)
def test_metadata_comes_back_as_it_was_written(case: Case, path: Path) -> None:
    metadata = {"driver": "Zoë", "notes": 'first line\nsecond, "quoted"'}
    write(case, path, drive(2), metadata=metadata)
    assert case.format.open_reader is not None
    with case.format.open_reader(path, loop=False, begin=None, end=None) as source:
        assert metadata.items() <= source.metadata.items()
        assert source.complete


@cases()
def test_the_size_is_that_of_the_file(case: Case, path: Path) -> None:
    writer = Writer(case, path)
    for snapshot in drive(50):
        writer.write(snapshot)
    writer.sink.close()
    writer.sink.close()
    assert writer.sink.size == path.stat().st_size > 0


@cases(survives_kill)
def test_what_was_flushed_can_be_read_before_the_file_is_closed(case: Case, path: Path) -> None:
    writer = Writer(case, path)
    with writer.sink as sink:
        for snapshot in drive(10):
            writer.write(snapshot)
        sink.flush()
        assert read_rows(case, path) == [row_of(snapshot) for snapshot in drive(10)]
        assert sink.size == path.stat().st_size


@cases_and_modes(every_format, "new", "overwrite", "append")
def test_an_empty_recording_leaves_no_file_or_one_without_rows(case: Case, path: Path, mode: Mode) -> None:
    write(case, path, [], mode=mode)
    if case.format.is_table:
        assert read_rows(case, path) == []
        with pytest.raises(SourceError, match=r"holds no sample\.$"):
            read_snapshots(case, path)
    else:  # there is nothing to play in it
        assert list(path.parent.iterdir()) == []


# A disk that is full, a writer that is killed, a file that is truncated


no_limits = pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")


@no_limits
@cases()
def test_a_full_disk_is_reported_and_leaves_what_came_before(
    case: Case, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    snapshots = drive(800)
    complete = path.with_name(f"complete{case.suffix}")
    write(case, complete, snapshots)
    with limited_file_size(complete.stat().st_size // 2, monkeypatch), pytest.raises(SinkError) as caught:
        write(case, path, snapshots)
    message, start = str(caught.value), f"Writing to {path} ended: File too large."
    if not case.format.survives_kill:
        assert message == start
        return
    assert message == f"{start} Everything before is intact ({path.stat().st_size:,} bytes)."
    rows = read_rows(case, path)
    assert rows == [row_of(snapshot) for snapshot in snapshots[: len(rows)]]
    assert 200 < len(rows) < 800
    if case.suffix in (".jsonl", ".csv"):
        assert path.read_bytes().endswith(b"\n")
    else:
        assert len(rows) % 20 == 0, "what was flushed at once is kept together"
    if case.format.recover is not None:
        was_complete = not case.format.keeps_pages  # lines end at a line; MCAP has an index at its end
        assert case.format.recover(path) == Recovered(path.resolve(), len(rows), 0, was_complete)


@no_limits
@cases(survives_kill)
def test_a_disk_that_is_full_from_the_beginning_leaves_no_file(
    case: Case, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with limited_file_size(20, monkeypatch), pytest.raises(SinkError) as caught:
        write(case, path, drive(40))
    assert str(caught.value) == f"Writing to {path} ended: File too large."
    assert list(path.parent.iterdir()) == []


KILLED = """
import sys
from pathlib import Path
from tests.formats.cases import CASES, Writer, drive
snapshots = drive(2000)
writer = Writer(CASES[sys.argv[1]], Path(sys.argv[2]))
for count, snapshot in enumerate(snapshots, start=1):
    writer.write(snapshot)
    if count % 10 == 0:
        writer.sink.flush()
        print(count, flush=True)
sys.stdin.read()
"""


@cases(survives_kill)
def test_killing_the_writer_loses_nothing_that_was_flushed(case: Case, path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", KILLED, case.suffix, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=REPOSITORY,
    ) as process:
        assert process.stdout is not None
        flushed = [int(process.stdout.readline()) for _ in range(5)][-1]
        process.kill()
        reported = process.stdout.read().splitlines()
        process.wait(PATIENCE)
    flushed = max([flushed, *(int(line) for line in reported)])
    rows = read_rows(case, path)
    assert len(rows) >= flushed >= 50
    assert rows == [row_of(snapshot) for snapshot in drive(2000)[: len(rows)]]


@cases(is_cut_readable)
@pytest.mark.parametrize("missing", [1, 7, 300, 0.5])
def test_a_truncated_file_is_read_up_to_there(case: Case, path: Path, missing: float) -> None:
    snapshots = drive(40)
    write(case, path, snapshots, flush_every=1)
    data = path.read_bytes()
    path.write_bytes(data[: -missing if isinstance(missing, int) else int(len(data) * missing)])
    assert case.format.open_reader is not None
    with case.format.open_reader(path, loop=False, begin=None, end=None) as source:
        assert not source.complete
    rows = read_rows(case, path)
    assert rows == [row_of(snapshot) for snapshot in snapshots[: len(rows)]]
    assert len(rows) >= (1 if missing == 0.5 else 30)


@cases(can_recover)
def test_recovery_completes_a_truncated_file_without_losing_a_row(case: Case, path: Path) -> None:
    write(case, path, drive(40), flush_every=1)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    rows = read_rows(case, path)
    assert case.format.recover is not None
    recovered = case.format.recover(path)
    assert (recovered.path, recovered.steps, recovered.was_complete) == (path.resolve(), len(rows), False)
    assert read_rows(case, path) == rows
    assert case.format.recover(path).was_complete
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


@cases(has_reader)
@pytest.mark.parametrize("content", [b"", bytes(100)])
def test_a_file_without_a_recording_in_it_is_refused(case: Case, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(SourceError, match=re.escape(path.name)):
        read_snapshots(case, path)
    assert path.read_bytes() == content


@cases(has_reader)
@pytest.mark.parametrize("damage", ["none", "cut", "zeros", "no line ends"])
def test_no_reader_keeps_its_file_open(case: Case, path: Path, damage: str) -> None:
    write(case, path, drive(300), flush_every=50)
    data = path.read_bytes()
    half = len(data) // 2
    changed = {"none": data, "cut": data[:half], "zeros": data[:half] + bytes(40) + data[half + 40 :]}
    path.write_bytes(changed.get(damage, data.replace(b"\n", b" ") * 2))
    gc.collect()
    gc.disable()  # which would close what has lost its last name in a circle
    try:
        with suppress(SourceError), telemetry.open_source(path) as source:
            next(read_blocks(source))
        with suppress(SourceError), telemetry.open_source(path) as source:
            for _ in read_blocks(source):
                pass
        if sys.platform == "linux":
            assert str(path) not in {str(one.readlink()) for one in Path("/proc/self/fd").iterdir() if one.is_symlink()}
        path.unlink()  # which Windows refuses while the file is open
    finally:
        gc.enable()


@cases(has_reader)
def test_a_file_that_does_not_exist_is_reported(case: Case, path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        read_snapshots(case, path)
    assert str(caught.value) == f"{path} cannot be read: No such file or directory."
