"""Killed recordings of lines: each flush leaves a complete file, and ``recover`` mends one that was cut."""

import gzip
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

import telemetry
from telemetry.base.errors import SinkError, SourceError
from telemetry.fields.derived import Sample
from telemetry.fields.selection import select
from telemetry.formats import Recovered, find_format
from telemetry.formats.compression import read_blocks
from telemetry.formats.csv.sink import create
from tests.conftest import PATIENCE, REPOSITORY, main_in_process, sample_of

COLUMNS = select("elapsed,gear,player_name")
COMPRESSED = (".jsonl.gz", ".jsonl.zst", ".csv.gz")
LINES = (".jsonl", ".jsonl.gz", ".jsonl.zst", ".csv", ".csv.gz")
FLUSHES = 12
PER_FLUSH = 25


def samples() -> list[list[Sample]]:
    """Samples by the flush that writes them."""
    return [
        [
            sample_of(elapsed=(PER_FLUSH * flush + index) / 100, gear=index % 7, player_name=f"Zoë {flush * index}")
            for index in range(PER_FLUSH)
        ]
        for flush in range(FLUSHES)
    ]


def recover(path: Path) -> Recovered:
    known = find_format(path)
    assert known is not None
    assert known.recover is not None
    return known.recover(path)


def text_of(path: Path) -> bytes:
    """The text of a complete file, by strict decoders that are not ours: an error where the end is missing."""
    data = path.read_bytes()
    if path.suffix == ".gz":
        return gzip.decompress(data)
    if path.suffix == ".zst":
        return zstandard.ZstdDecompressor().decompress(data, max_output_size=1 << 22)
    return data


def write(path: Path) -> bytes:
    """Write a file in several flushes; the result is its text."""
    with telemetry.open_sink(path, columns=COLUMNS) as sink:
        for part in samples():
            for sample in part:
                sink.write(sample)
            sink.flush()
    return text_of(path)


@pytest.mark.parametrize("suffix", LINES)
def test_a_file_is_complete_after_each_flush(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive{suffix}"
    header = suffix.startswith(".csv")
    with telemetry.open_sink(path, columns=COLUMNS) as sink:
        for flush, part in enumerate(samples(), start=1):
            for sample in part:
                sink.write(sample)
            sink.flush()
            assert text_of(path).count(b"\n") == PER_FLUSH * flush + header
            assert sink.size == path.stat().st_size
        flushed = path.read_bytes()
    assert path.read_bytes() == flushed


KILLED = """
import sys
from pathlib import Path
from tests.formats.cases import CASES, Writer, drive
writer = Writer(CASES[sys.argv[1]], Path(sys.argv[2]))
for snapshot in drive(50):
    writer.write(snapshot)
writer.sink.flush()
print("flushed", flush=True)
sys.stdin.read()
"""


@pytest.mark.parametrize("suffix", LINES)
def test_killing_the_writer_leaves_a_complete_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive{suffix}"
    command = [sys.executable, "-c", KILLED, suffix, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=REPOSITORY) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "flushed\n"
        process.kill()
        process.wait(PATIENCE)
    assert text_of(path).count(b"\n") == 50 + suffix.startswith(".csv")
    assert recover(path) == Recovered(path.resolve(), 50, 0, was_complete=True)


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_a_file_that_grows_while_it_is_read_is_read_up_to_where_it_was(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive{suffix}"
    first, second, *_ = samples()
    with telemetry.open_sink(path, columns=COLUMNS) as sink:
        for sample in first:
            sink.write(sample)
        sink.flush()
        before = text_of(path)
        blocks = read_blocks(path)
        found = [next(blocks)]
        for sample in second:
            sink.write(sample)
        sink.flush()
        found += blocks
    assert b"".join(block.text for block in found) == before


@pytest.mark.parametrize("suffix", LINES)
def test_a_file_that_is_cut_anywhere_gets_its_end(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive{suffix}"
    text = write(path)
    data = path.read_bytes()
    rows_before = -1
    for cut in [*range(len(data) // 2, len(data), 211), len(data) - 2, len(data) - 1]:
        path.write_bytes(data[:cut])
        recovered = recover(path)
        kept = text_of(path)
        assert text.startswith(kept)
        assert kept.endswith(b"\n")
        assert recovered.steps == kept.count(b"\n") - suffix.startswith(".csv") >= rows_before
        assert recovered.path == path.resolve()
        assert recover(path) == Recovered(path.resolve(), recovered.steps, 0, was_complete=True)
        rows_before = recovered.steps
    assert rows_before >= PER_FLUSH * (FLUSHES - 1)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("suffix", LINES)
def test_a_complete_file_stays_as_it_is(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive{suffix}"
    write(path)
    before = path.read_bytes()
    assert recover(path) == Recovered(path.resolve(), PER_FLUSH * FLUSHES, 0, was_complete=True)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
def test_a_last_sample_that_only_lacks_its_line_feed_is_kept(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive{suffix}"
    text = b'{"gear":1}\n{"gear":2}'
    compress = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}.get(path.suffix, bytes)
    path.write_bytes(compress(text))
    assert recover(path) == Recovered(path.resolve(), 2, 0, was_complete=False)
    assert text_of(path) == text + b"\n"


@pytest.mark.parametrize("decimal_comma", [False, True])
@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_a_row_of_units_is_no_sample_and_a_text_may_hold_a_line_feed(
    tmp_path: Path, suffix: str, *, decimal_comma: bool
) -> None:
    path = tmp_path / f"drive{suffix}"
    with create(path, COLUMNS, units=True, decimal_comma=decimal_comma) as sink:
        for gear in range(3):
            sink.write(sample_of(gear=gear, player_name='two LF "lines"'))
            sink.flush()
    whole = text_of(path).replace(b" LF ", b"\n")  # as other programs write them, and earlier versions did
    path.write_bytes(gzip.compress(whole) if path.suffix == ".gz" else whole)
    assert recover(path).steps == 3
    cut = whole.rindex(b"two\n") + 4  # which looks like the end of a row
    path.write_bytes(gzip.compress(whole[:cut]) if path.suffix == ".gz" else whole[:cut])
    assert recover(path).steps == 2
    assert text_of(path) == whole[: whole.rindex(b'"two')].rpartition(b"\n")[0] + b"\n"


@pytest.mark.parametrize("suffix", LINES)
@pytest.mark.parametrize("content", [b"", b"hello, world\n1, 2\n3,", b"elapsed,gear"])
def test_what_holds_no_telemetry_is_left_alone(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"notes{suffix}"
    compress = {".gz": gzip.compress, ".zst": zstandard.ZstdCompressor().compress}.get(path.suffix, bytes)
    path.write_bytes(compress(content))
    before = path.read_bytes()
    with pytest.raises(SourceError, match=path.name):
        recover(path)
    assert path.read_bytes() == before


@pytest.mark.parametrize("suffix", LINES)
def test_a_file_that_is_being_recorded_is_left_alone(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive{suffix}"
    with telemetry.open_sink(path, columns=COLUMNS) as sink:
        sink.write(sample_of())
        sink.flush()
        with pytest.raises(SinkError, match="is being recorded now, by another process"):
            recover(path)


def test_a_damaged_line_in_the_middle_is_named_and_nothing_is_changed(tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    path.write_bytes(b'{"gear":1}\n{"gear":\n{"gear":2}\n{"ge')
    with pytest.raises(SourceError, match="line 2: this is not JSON"):
        recover(path)
    assert path.read_bytes() == b'{"gear":1}\n{"gear":\n{"gear":2}\n{"ge'


@pytest.mark.parametrize(
    ("text", "described"),
    [
        (b'{"gear":1}\n{"gear":2}\n', "finished already, 2 samples."),
        (b'{"gear":1}\n{"gear":2}', "recovered, 2 samples; its end was missing."),
        (b'{"gear":1}\n{"gear"', "recovered, 1 sample; 7 bytes at its end were an incomplete record."),
    ],
)
def test_the_command_says_what_was_done(tmp_path: Path, text: bytes, described: str) -> None:
    path = tmp_path / "drive.jsonl"
    path.write_bytes(text)
    assert main_in_process("recover", path).stdout == f"{path}: {described}\n"


# Programs that others wrote


def needs_linux() -> None:
    """Skip under Windows: what these libraries read does not depend on the system."""
    if sys.platform == "win32":
        pytest.skip("programs of others are tried on Linux")


def count_with_duckdb(path: Path) -> int:
    duckdb = pytest.importorskip("duckdb", reason="there is no duckdb for this Python")
    reader = "read_csv" if ".csv" in path.name else "read_json"
    return int(duckdb.sql(f"select count(*) from {reader}('{path}')").fetchall()[0][0])


def count_with_polars(path: Path) -> int:
    needs_linux()
    polars = pytest.importorskip("polars", reason="there is no polars for this Python")
    return int((polars.read_csv if ".csv" in path.name else polars.read_ndjson)(path).height)


def count_with_pandas(path: Path) -> int:
    pandas = pytest.importorskip("pandas", reason="there is no pandas for this Python")
    return len(pandas.read_csv(path) if ".csv" in path.name else pandas.read_json(path, lines=True))


def count_with_pyarrow(path: Path) -> int:
    pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    from pyarrow import csv, json

    return int((csv.read_csv(path) if ".csv" in path.name else json.read_json(path)).num_rows)


def count_with_datasets(path: Path) -> int:
    needs_linux()
    datasets = pytest.importorskip("datasets", "5", reason="datasets 5 is what the README was tried with")
    kind = "csv" if ".csv" in path.name else "json"
    return len(datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=str(path.parent / "cache")))


def count_with_their_own_libraries(path: Path) -> int:
    if path.suffix == ".gz":
        with gzip.open(path) as file:
            return file.read().count(b"\n") - (".csv" in path.name)
    if path.suffix == ".zst":
        with zstandard.open(path) as zstd_file:
            return int(zstd_file.read().count(b"\n"))
    return path.read_bytes().count(b"\n") - (".csv" in path.name)


READERS = [
    count_with_duckdb,
    count_with_polars,
    count_with_pandas,
    count_with_pyarrow,
    count_with_datasets,
    count_with_their_own_libraries,
]


@pytest.mark.parametrize("suffix", LINES)
@pytest.mark.parametrize("count_rows", READERS)
def test_other_programs_read_what_is_counted(tmp_path: Path, suffix: str, count_rows: Callable[[Path], int]) -> None:
    path = tmp_path / f"drive{suffix}"
    write(path)
    os.truncate(path, path.stat().st_size - 100)
    steps = recover(path).steps
    assert count_rows(path) == steps > PER_FLUSH


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_the_tools_of_the_compression_find_no_mistake(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"drive{suffix}"
    tool = shutil.which("zstd" if path.suffix == ".zst" else "gzip")
    if tool is None:
        pytest.skip("this tool is not installed")
    write(path)
    data = path.read_bytes()
    for cut in (0, 1, 2, 5, 40, 400):
        path.write_bytes(data[: len(data) - cut])
        recover(path)
        subprocess.run([tool, "-t", str(path)], check=True, capture_output=True, timeout=PATIENCE)


@pytest.mark.skipif(sys.platform == "win32", reason="links of Linux")
@pytest.mark.parametrize("suffix", LINES)
def test_a_link_stays_and_the_file_it_leads_to_is_mended(suffix: str, tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    file, link = tmp_path / "disk" / f"drive{suffix}", tmp_path / f"drive{suffix}"
    text = write(file)
    file.write_bytes(file.read_bytes()[:-5])
    file.chmod(0o640)
    link.symlink_to(file)
    recover(link)
    assert (link.readlink(), file.stat().st_mode & 0o777) == (file, 0o640)
    assert text.startswith(text_of(file))
    assert [path.name for path in file.parent.iterdir()] == [file.name]
