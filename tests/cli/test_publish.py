"""``publish`` as its users run it, in real shared memory."""

import json
import re
import signal
import sys
from contextlib import closing
from pathlib import Path

import orjson
import pytest

import ac_native_memory as ac
from telemetry.base.errors import SinkError
from telemetry.game.publisher import Publisher
from tests.commands import FAST, Watched, interrupt, rows, run, start, with_signals
from tests.conftest import PATIENCE, main_in_process, pages_of, real_time, wait_until

pytestmark = real_time


def is_driving(directory: Path) -> bool:
    try:
        with ac.PageReader(directory) as reader:
            return any(reader.copy().physics)
    except ac.PagesMissing:
        return False


def test_publisher_and_reader_talk_through_shared_memory(shared_memory: Path, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    publisher = start("publish", "--pages", shared_memory)
    try:
        options = ("--rate", "50", "--samples", "100", "--quiet", "--json-summary")
        result = run("read", "--source", shared_memory, *options, "--json-output", path)
    finally:
        _, messages = interrupt(publisher)
    assert result.returncode == 0, result.stderr
    assert publisher.returncode == 0
    assert re.search(r"Published [\d,]+ physics pages", messages)
    assert list(shared_memory.iterdir()) == []
    recorded = rows(path)
    assert len(recorded) == 100
    steps = [row["physics_steps"] for row in recorded[1:]]
    assert sum(int(str(step)) for step in steps) == int(str(recorded[-1]["packet_id"])) - int(
        str(recorded[0]["packet_id"])
    )
    assert recorded[-1]["car_model"] == recorded[0]["car_model"] != ""
    assert json.loads(result.stdout)["torn"] == 0


def test_the_reader_waits_for_a_publisher_and_notices_that_it_has_gone(shared_memory: Path) -> None:
    with Watched("read", "--source", shared_memory) as reader:
        reader.shows("waiting")
        (line,) = reader.lines
        assert line.startswith("waiting  Waiting for the game's page files acpmf_physics, acpmf_graphics and ")
        with ac.PageWriter(shared_memory) as game:  # a game that loads its session, for as long as it takes to see it
            game.write(static=pages_of(car_model="", track="").static)
            wait_until(lambda: reader.lines[-1].startswith("loading"), lambda: reader.lines)
        with Watched("publish", "--pages", shared_memory, "--quiet") as publisher:
            wait_until(lambda: reader.states[-1] == "live", lambda: reader.lines)
            assert publisher.interrupt() == ""
        wait_until(lambda: reader.states[-1] == "gone", lambda: reader.lines)
        summary = reader.interrupt()
    assert " samples in " in summary


@with_signals
def test_the_same_request_twice_at_once_is_one_request(tmp_path: Path) -> None:
    process = start("publish", "--pages", tmp_path)
    assert process.stderr is not None
    assert process.stderr.readline() == f"Publishing demo:laps in {tmp_path}; Ctrl-C ends.\n"
    for _ in range(3):
        process.send_signal(signal.SIGTERM)
    _, messages = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert "Published" in messages
    assert list(tmp_path.iterdir()) == []


def test_publish_plays_a_recording_into_shared_memory(shared_memory: Path, tmp_path: Path) -> None:
    path = tmp_path / "drive.jsonl"
    options = ("--rate", "100", "--samples", "100", "--json-output", path, "--quiet")
    assert main_in_process("read", *FAST, *options).returncode == 0
    publisher = start("publish", "--source", path, "--pages", shared_memory, "--loop", "--quiet")
    try:
        wait_until((shared_memory / "acpmf_static").exists)
        result = run(
            "read", "--source", shared_memory, "--rate", "50", "--samples", "20", "--json-output", "-", "--quiet"
        )
    finally:
        interrupt(publisher)
    assert result.returncode == 0, result.stderr
    recorded = {row["packet_id"]: row for row in rows(path)}
    for line in result.stdout.splitlines():
        row = orjson.loads(line)
        original = recorded[row["packet_id"]]
        assert row["velocity_x"] == original["velocity_x"]
        assert row["tyre_contact_point"] == original["tyre_contact_point"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--source", "live"], "Only the demo and recordings can be published"),
        (["--speed", "max"], "Shared memory holds one step at a time"),
    ],
)
def test_publish_refuses_what_it_cannot_publish(arguments: list[str], message: str) -> None:
    result = main_in_process("publish", *arguments)
    assert result.returncode == 2
    assert message in result.stderr


def test_a_recording_without_static_fields_cannot_be_published(shared_memory: Path, tmp_path: Path) -> None:
    path = tmp_path / "some.jsonl"
    assert (
        main_in_process(
            "read", *FAST, "--samples", "3", "--json-output", path, "--fields", "gear", "--quiet"
        ).returncode
        == 0
    )
    result = main_in_process("publish", "--source", path, "--pages", shared_memory)
    assert result.returncode == 1
    assert "it lacks the static fields, which identify the game" in result.stderr


def test_two_publishers_do_not_fight(shared_memory: Path) -> None:
    first = start("publish", "--pages", shared_memory, "--quiet")
    try:
        wait_until(lambda: is_driving(shared_memory))
        second = run("publish", "--pages", shared_memory)
    finally:
        interrupt(first)
    assert second.returncode == 1
    assert "The game's pages are being written already" in second.stderr


def test_of_two_publishers_that_start_at_the_same_moment_one_is_refused(shared_memory: Path) -> None:
    with closing(Publisher(shared_memory)):  # which has written no page yet
        with pytest.raises(SinkError, match="are being written already"):
            Publisher(shared_memory)
        assert len(list(shared_memory.iterdir())) == 3
    assert list(shared_memory.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="links of Linux")
def test_no_page_is_written_through_a_link(tmp_path: Path) -> None:
    pages = tmp_path / "pages"
    pages.mkdir()
    (tmp_path / "victim").write_bytes(bytes(ac.PAGE_FILE_SIZE))
    (pages / "acpmf_static").symlink_to(tmp_path / "victim")
    with pytest.raises(
        SinkError, match=r"^Cannot create the page file .*acpmf_static: Too many levels of symbolic links"
    ):
        Publisher(pages)
    assert (tmp_path / "victim").read_bytes() == bytes(ac.PAGE_FILE_SIZE)
    assert [path.name for path in pages.iterdir()] == ["acpmf_static"]
