import os
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from telemetry.base.errors import SinkError
from telemetry.base.storage.output_file import OutputFile
from telemetry.formats.csv import sink as csv
from telemetry.formats.jsonl import sink as jsonl
from telemetry.recording.interfaces import Sink
from tests.conftest import limited_file_size, sample_of


def test_what_is_written_is_in_the_file_at_once(tmp_path: Path) -> None:
    path = tmp_path / "drive"
    output = OutputFile.open(path)
    output.write(b"one\n")
    output.write(b"two\n")
    assert (path.read_bytes(), output.size, output.name, output.is_regular) == (b"one\ntwo\n", 8, str(path), True)
    output.close()
    output.close()
    assert output.closed


def test_an_existing_file_stays_untouched_unless_the_mode_says_otherwise(tmp_path: Path) -> None:
    path = tmp_path / "drive"
    path.write_bytes(b"old\n")
    with pytest.raises(SinkError) as caught:
        OutputFile.open(path, instead="Take another.")
    assert str(caught.value) == f"The file {path} exists already and stays untouched. Take another."
    output = OutputFile.open(path, "append")
    output.write(b"more\n")
    output.close()
    assert (path.read_bytes(), output.size) == (b"old\nmore\n", 9)


def test_a_file_to_be_overwritten_keeps_what_it_holds_until_the_first_write(tmp_path: Path) -> None:
    path = tmp_path / "drive"
    path.write_bytes(b"old and long\n")
    OutputFile.open(path, "overwrite").close()
    assert path.read_bytes() == b"old and long\n"
    output = OutputFile.open(path, "overwrite")
    output.write(b"new\n")
    output.close()
    assert path.read_bytes() == b"new\n"


def test_a_file_that_nothing_was_written_to_is_removed_if_it_was_made_for_it(tmp_path: Path) -> None:
    path = tmp_path / "drive"
    OutputFile.open(path).close()
    assert not path.exists()
    path.touch()
    OutputFile.open(path, "append").close()
    assert path.exists()


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(SinkError, match=r"cannot be written: "):
        OutputFile.open(tmp_path, "overwrite")


@pytest.mark.skipif(sys.platform != "linux", reason="a device of Linux, always full")
def test_where_nothing_fits_the_reason_is_said_and_nothing_is_claimed_to_be_intact() -> None:
    with pytest.raises(SinkError) as caught:
        OutputFile.open(Path("/dev/full"), "overwrite").write(b"data")
    assert str(caught.value) == "Writing to /dev/full ended: No space left on device."


def test_a_pipe_whose_reader_has_gone_is_said_to_be_closed() -> None:
    reader, writer = os.pipe()
    output = OutputFile(writer, "standard output")
    output.write(b"12345")
    os.close(reader)
    with pytest.raises(SinkError) as caught:
        output.write(b"6")
    assert (
        str(caught.value)
        == "Writing to standard output ended: its reader closed it. Everything before is intact (5 bytes)."
    )


def test_data_can_take_the_place_of_the_last_bytes(tmp_path: Path) -> None:
    path = tmp_path / "drive"
    with closing(OutputFile.open(path)) as output:
        output.write(b"one.")
        output.write(b",two.", over=b".")
        assert (path.read_bytes(), output.size) == (b"one,two.", 8)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on the size of a file")
def test_bytes_that_were_to_be_replaced_are_there_again_when_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "drive"
    output = OutputFile.open(path)
    output.write(b"one.")
    with limited_file_size(6, monkeypatch), pytest.raises(SinkError, match=r"Everything before is intact \(4 bytes\)"):
        output.write(b",two.", over=b".")
    assert path.read_bytes() == b"one."


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let an open file be removed")
def test_a_file_that_was_replaced_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "drive"
    output = OutputFile.open(path)
    output.write(b"1")
    path.unlink()
    path.write_bytes(b"another's")
    with pytest.raises(SinkError, match=r"was removed or replaced while it was being written\.$"):
        output.write(b"2")
    assert path.read_bytes() == b"another's"


@pytest.mark.skipif(sys.platform == "win32", reason="links of Linux")
def test_a_link_is_followed_where_it_may_be_overwritten_and_kept(tmp_path: Path) -> None:
    file, link = tmp_path / "disk", tmp_path / "drive"
    link.symlink_to(file)
    with pytest.raises(SinkError, match="exists already"):
        OutputFile.open(link)
    with closing(OutputFile.open(link, "overwrite")) as output:
        output.write(b"new")
        with pytest.raises(SinkError, match="is being recorded now"):
            OutputFile.open(file, "append")
    assert (link.readlink(), file.read_bytes()) == (file, b"new")


@pytest.mark.parametrize(("create", "suffix"), [(csv.create, "csv"), (csv.create, "csv.gz"), (jsonl.create, "jsonl")])
def test_one_process_at_a_time_writes_a_table_or_lines(
    create: Callable[..., Sink], suffix: str, tmp_path: Path
) -> None:
    path = tmp_path / f"drive.{suffix}"
    with create(path) as sink:
        sink.write(sample_of())
        sink.flush()
        before = path.read_bytes()
        with pytest.raises(SinkError, match=r"is being recorded now, by another process\.$"):
            create(path, mode="overwrite")
        assert path.read_bytes() == before
