"""A file appears at a target whole or not at all."""

import errno
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry import UsageError
from telemetry.delivery.targets import ABANDONED_S, INCOMING_NAME, open_target
from telemetry.stores import StoreError
from tests.conftest import REPOSITORY
from tests.s3_server import Bucket, needs_s3
from tests.waiting import PATIENCE, wait_until

CHUNK = b"x" * 1_000_000
NAME = "recordings/some.mcap"


class BrokenOffError(Exception):
    """What a test raises in the middle."""


def broken_off(chunks: int, error: type[BaseException] = BrokenOffError) -> Iterator[bytes]:
    for _ in range(chunks):
        yield CHUNK
    raise error


def test_a_file_is_put_into_a_folder_and_read_back(share: Path) -> None:
    target = open_target(str(share))
    assert target.size_of(NAME) is None
    target.put(NAME, [b"one", b"two"], 6)
    assert target.size_of(NAME) == 6
    assert b"".join(target.read(NAME)) == b"onetwo"
    assert [path.name for path in (share / INCOMING_NAME).iterdir()] == []


def test_a_folder_shows_nothing_of_a_file_that_is_not_whole(share: Path) -> None:
    target = open_target(str(share))

    def content() -> Iterator[bytes]:
        yield CHUNK
        assert not (share / "recordings").exists()
        assert len(list((share / INCOMING_NAME).iterdir())) == 1
        yield CHUNK

    target.put(NAME, content(), 2 * len(CHUNK))
    assert target.size_of(NAME) == 2 * len(CHUNK)


def test_a_file_that_broke_off_leaves_a_folder_as_it_was(share: Path) -> None:
    target = open_target(str(share))
    target.put(NAME, [b"before"], 6)
    with pytest.raises(BrokenOffError):
        target.put(NAME, broken_off(3), 10 * len(CHUNK))
    assert (share / NAME).read_bytes() == b"before"
    assert list((share / INCOMING_NAME).iterdir()) == []


def test_a_file_that_came_short_is_not_shown(share: Path) -> None:
    with pytest.raises(StoreError, match=r"it kept only a part of recordings/some\.mcap\. Is it full\?$"):
        open_target(str(share)).put(NAME, [b"half"], 8)
    assert not (share / NAME).exists()


def test_a_share_that_is_not_mounted_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"^There is no folder .*gone\. Is it mounted\? Make it where it is new\.$"):
        open_target(str(tmp_path / "gone"))
    assert not (tmp_path / "gone").exists()


def test_a_share_that_went_away_is_a_sentence_and_is_not_made(share: Path) -> None:
    target = open_target(str(share))
    share.rmdir()
    with pytest.raises(StoreError, match=r"There is no folder"):
        target.put(NAME, [b"x"], 1)
    assert not share.exists()


@pytest.mark.parametrize(
    ("number", "sentence"),
    [(errno.ENOSPC, "it is full. Make room there."), (errno.EIO, "it cannot be reached."), (errno.EROFS, "read-only.")],
)
def test_a_folder_that_fails_is_a_sentence(
    share: Path, monkeypatch: pytest.MonkeyPatch, number: int, sentence: str
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    target = open_target(str(share))
    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(StoreError) as caught:
        target.put(NAME, [b"x"], 1)
    assert str(caught.value).endswith(sentence)
    assert not (share / NAME).exists()


def test_what_a_machine_left_unfinished_long_ago_is_removed(share: Path) -> None:
    incoming = share / INCOMING_NAME
    incoming.mkdir()
    for name, age_s in (("old.part", ABANDONED_S + 3600.0), ("young.part", 3600.0)):
        (incoming / name).write_bytes(b"half")
        os.utime(incoming / name, (time.time() - age_s,) * 2)
    open_target(str(share))
    assert [path.name for path in incoming.iterdir()] == ["young.part"]


@needs_s3
def test_a_file_is_put_into_a_store_and_read_back(bucket: Bucket) -> None:
    target = open_target(f"{bucket.url}/lab")
    assert target.size_of(NAME) is None
    target.put(NAME, [CHUNK] * 12, 12 * len(CHUNK))
    assert bucket.sizes() == {f"lab/{NAME}": 12 * len(CHUNK)}
    assert target.size_of(NAME) == 12 * len(CHUNK)
    bucket.write(f"lab/{NAME}", b"from another client")
    assert b"".join(target.read(NAME)) == b"from another client"


@needs_s3
@pytest.mark.parametrize("error", [BrokenOffError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("chunks", [0, 1, 20])
def test_an_upload_that_broke_off_leaves_a_store_as_it_was(
    bucket: Bucket, chunks: int, error: type[BaseException]
) -> None:
    bucket.write(NAME, b"before")
    with pytest.raises(error):
        open_target(bucket.url).put(NAME, broken_off(chunks, error), 40 * len(CHUNK))
    assert bucket.read(NAME) == b"before"
    assert bucket.unfinished() == []


@needs_s3
def test_a_kill_in_the_middle_of_an_upload_shows_nothing(bucket: Bucket) -> None:
    code = f"""
import sys
from telemetry.delivery.targets import open_target
def content():
    for _ in range(20):
        yield b"x" * 1_000_000
    sys.stdin.read()
open_target({bucket.url!r}).put({NAME!r}, content(), 1)
"""
    process = subprocess.Popen([sys.executable, "-c", code], cwd=REPOSITORY, stdin=subprocess.PIPE)
    wait_until(bucket.unfinished, process.poll)
    process.kill()
    process.communicate(timeout=PATIENCE)
    assert bucket.sizes() == {}


@pytest.mark.parametrize("text", ["https://nas/share", "s3:///", "ftp://nas"])
def test_what_can_be_no_target_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="expected"):
        open_target(text)


def test_an_endpoint_is_for_a_store(share: Path) -> None:
    with pytest.raises(UsageError, match=r"^--endpoint is for s3://, and .* is a folder\.$"):
        open_target(str(share), "http://nas:9000")
