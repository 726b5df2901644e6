"""Markers that come from another terminal."""

import os
import sys
import time
from pathlib import Path

import orjson
import pytest

from telemetry.base.errors import SinkError
from telemetry.recording.markers import DEAD_SECONDS, MarkerInbox, running_recordings, send_marker
from tests.conftest import real_time, wait_until

pytestmark = real_time


def test_a_marker_reaches_every_running_recording(tmp_path: Path) -> None:
    first: list[tuple[str, float]] = []
    second: list[tuple[str, float]] = []
    began = time.time()
    with (
        MarkerInbox("a.mcap", lambda *marker: first.append(marker), tmp_path),
        MarkerInbox("b.mcap", lambda *marker: second.append(marker), tmp_path),
    ):
        assert send_marker("Überholt!", tmp_path) == ["a.mcap", "b.mcap"]
        wait_until(lambda: len(first) == len(second) == 1)
        send_marker("again", tmp_path)
    assert [name for name, _ in first] == ["Überholt!", "again"]
    assert [name for name, _ in second] == ["Überholt!", "again"]
    assert all(0.0 <= seconds_ago <= time.time() - began for _, seconds_ago in [*first, *second])
    assert list(tmp_path.iterdir()) == []


def test_a_name_that_is_no_text_is_sent_with_a_replacement_mark(tmp_path: Path) -> None:
    taken: list[str] = []
    with MarkerInbox("a.mcap", lambda name, _: taken.append(name), tmp_path):
        send_marker("spin\udcff", tmp_path)
        wait_until(lambda: taken)
    assert taken == ["spin\N{REPLACEMENT CHARACTER}"]


def test_a_marker_can_be_for_one_recording(tmp_path: Path) -> None:
    taken: list[str] = []
    file, folder = tmp_path / "a.mcap", tmp_path / "drives"
    with (
        MarkerInbox(str(file), lambda name, _: taken.append(f"file {name}"), tmp_path),
        MarkerInbox(str(folder), lambda name, _: taken.append(f"folder {name}"), tmp_path),
    ):
        assert set(running_recordings(tmp_path)) == {str(file), str(folder)}
        assert send_marker("one", tmp_path, recording=file) == [str(file)]
        assert send_marker("two", tmp_path, recording=folder / "lap.mcap") == [str(folder)]
        assert send_marker("three", tmp_path, recording=tmp_path / "b.mcap") == []
    assert sorted(taken) == ["file one", "folder two"]


@pytest.mark.skipif(sys.platform == "win32", reason="a folder of the profile is never another user's there")
def test_a_recording_of_another_user_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with MarkerInbox("a.mcap", lambda *_: None, tmp_path):
        user = os.getuid()
        monkeypatch.setattr(os, "getuid", lambda: user + 1)
        assert (running_recordings(tmp_path), send_marker("x", tmp_path)) == ([], [])


def test_without_a_recording_a_marker_reaches_nobody(tmp_path: Path) -> None:
    assert send_marker("x", tmp_path) == []
    assert send_marker("x", tmp_path / "none") == []


def test_the_mailbox_of_a_killed_recording_is_cleared_away(tmp_path: Path) -> None:
    left_behind = tmp_path / "1234-1.mailbox"
    left_behind.write_bytes(b'{"recording":"old.mcap"}\n')
    os.utime(left_behind, (time.time() - 2 * DEAD_SECONDS,) * 2)
    assert send_marker("x", tmp_path) == []
    assert not left_behind.exists()


def test_the_mailbox_of_a_recording_that_slept_is_left_and_takes_markers(tmp_path: Path) -> None:
    taken: list[str] = []
    with MarkerInbox("a.mcap", lambda name, _: taken.append(name), tmp_path):
        (path,) = tmp_path.iterdir()
        os.utime(path, (time.time() - 2 * DEAD_SECONDS,) * 2)
        assert send_marker("awake", tmp_path) == ["a.mcap"]
    assert taken == ["awake"]


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not let an open file be removed")
def test_a_recording_whose_mailbox_was_removed_makes_another(tmp_path: Path) -> None:
    taken: list[str] = []
    with MarkerInbox("a.mcap", lambda name, _: taken.append(name), tmp_path):
        (path,) = tmp_path.iterdir()
        path.unlink()
        wait_until(path.exists)
        wait_until(lambda: send_marker("back", tmp_path) == ["a.mcap"])
    assert "back" in taken


def test_nonsense_in_a_mailbox_does_not_end_the_recording(tmp_path: Path) -> None:
    taken: list[str] = []
    with MarkerInbox("a.mcap", lambda name, _: taken.append(name), tmp_path):
        (path,) = tmp_path.iterdir()
        with path.open("ab") as file:
            file.write(b"nonsense\n[1, 2]\n")
        time.sleep(0.3)
        with path.open("ab") as file:
            file.write(orjson.dumps({"name": "half", "timestamp": 1.0}))
        time.sleep(0.3)
        assert taken == []
        with path.open("ab") as file:
            file.write(b"\n")
    assert taken == ["half"]


def test_a_folder_that_cannot_be_made_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SinkError, match="Markers cannot be received"):
        MarkerInbox("a.mcap", lambda *_: None, tmp_path / "file")
