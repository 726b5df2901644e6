"""The stream of one machine as the source of another."""

import contextlib
import math
import re
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from telemetry.base.clock import Clock
from telemetry.base.errors import NoGameError, SourceError, UsageError
from telemetry.fields.derived import Sample
from telemetry.fields.wire import LineEncoder
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Reading
from telemetry.recording.sample_recorder import SampleRecorder
from telemetry.recording.stats import RecordingStats
from telemetry.recording.stop import StopRule
from telemetry.sources import open_source
from telemetry.stream import ServerOptions, StreamServer, WebSocketSource
from tests.commands import run, start
from tests.conftest import real_time, sample_of
from tests.stream.rig import SAMPLES_WITH_A_RESTART, free_port, scripted

pytestmark = real_time


class Sender:
    """A server that sends samples of a car until it is closed."""

    def __init__(self, port: int = 0, first: int = 0, step: int = 1, **options: Any) -> None:
        self.server = StreamServer(ServerOptions(port=port, source="sender", rate=50.0, **options))
        self.stats = RecordingStats(state=State.LIVE)
        self._closing = threading.Event()
        self._next, self._step = first, step
        self._thread = threading.Thread(target=self._work)
        self._thread.start()

    def _work(self) -> None:
        while not self._closing.wait(0.01):
            number = self._next
            self._next += self._step
            sample = sample_of(
                sequence=number, timestamp=time.time(), elapsed=number * 0.02, packet_id=number + 1, gear=number % 7,
                number_of_tyres_out=4 if number % 2 else 0, brake=0.9,
            )  # fmt: skip
            self.stats.samples = number + 1
            self.server.on_reading(sample, self.stats)

    def pause(self) -> None:
        """Send no more samples."""
        self._closing.set()
        self._thread.join()

    def close(self) -> None:
        self.pause()
        self.server.close()


@contextlib.contextmanager
def sending(**options: Any) -> Iterator[Sender]:
    sender = Sender(**options)
    try:
        yield sender
    finally:
        sender.close()


def take(source: WebSocketSource, count: int, rate: float | None = None) -> list[Reading]:
    """The first readings that hold a sample."""
    clock = Clock()
    found = []
    for reading in source.readings(clock, rate):
        if reading.is_new_step:
            found.append(reading)
        if len(found) == count:
            clock.stop()
    return found


def test_a_stream_is_read_as_it_was_sent_and_derived_again() -> None:
    with sending() as sender, open_source(sender.server.url) as source:
        assert source.name == sender.server.url
        recorder = SampleRecorder(source, stop_rule=StopRule(samples=20))
        samples = list(recorder.samples())
    assert [sample.sequence for sample in samples] == list(range(20))
    assert {sample.brake for sample in samples} == {0.9}
    assert [sample.gear for sample in samples[1:]] == [(samples[0].gear + number) % 7 for number in range(1, 20)]
    assert not samples[-1].is_lap_valid
    elapsed = [sample.elapsed for sample in samples]
    assert elapsed == sorted(elapsed)
    assert elapsed[-1] - elapsed[0] == pytest.approx(19 * 0.02)
    assert recorder.stats.missed == 0


def test_gaps_are_counted_as_missed() -> None:
    with sending(step=3) as sender:
        readings = take(WebSocketSource(sender.server.url), 5)
    assert [reading.missed for reading in readings] == [0, 2, 2, 2, 2]


def test_samples_that_the_rate_leaves_out_do_not_count_as_missed() -> None:
    with sending() as sender:
        readings = take(WebSocketSource(sender.server.url), 3, rate=10.0)
    assert [reading.missed for reading in readings] == [0, 0, 0]
    first, _, third = [reading.snapshot.sequence for reading in readings if reading.snapshot]
    assert third - first > 3


def test_a_lost_connection_is_opened_again_and_shown() -> None:
    port = free_port()
    clock = Clock()
    source = WebSocketSource(f"ws://127.0.0.1:{port}")
    said: list[tuple[State, str]] = []
    sender: Sender | None = None
    rounds = 0
    elapsed: list[float] = []
    try:
        for reading in source.readings(clock, None):
            if reading.message:
                said.append((reading.state, reading.message.replace(str(port), "PORT")))
            if reading.snapshot and reading.is_new_step:
                elapsed.append(reading.snapshot.elapsed)
                rounds += 1
                if rounds == 10 and sender:
                    sender.close()
                    sender = None
                if rounds == 20:
                    clock.stop()
            elif sender is None and reading.state in (State.WAITING, State.GONE) and "next attempt" in reading.message:
                sender = Sender(port)
    finally:
        if sender:
            sender.close()
    there = "ws://127.0.0.1:PORT"
    wanted = [
        (State.WAITING, f"Connecting to {there}."),
        (State.WAITING, f"No stream at {there}: no server listens there. The next attempt is in 0.5 s."),
        (State.GONE, f"No stream at {there}: the server closed the connection. The next attempt is in 0.5 s."),
    ]
    assert [entry for entry in wanted if entry in said] == wanted
    assert elapsed == sorted(elapsed)


def test_the_states_of_the_server_are_those_of_the_source() -> None:
    sender = Sender()
    source, clock = WebSocketSource(sender.server.url), Clock()
    seen: list[State] = []
    for reading in source.readings(clock, None):
        if not seen or seen[-1] is not reading.state:
            seen.append(reading.state)
        if reading.is_new_step and reading.snapshot and reading.snapshot.sequence > 5:
            sender.pause()
            sender.stats.state = State.PAUSED
            sender.server.on_reading(sample_of(sequence=sender.stats.samples), sender.stats)
        if reading.state is State.PAUSED:
            assert reading.snapshot is not None
            clock.stop()
    sender.close()
    assert seen == [State.WAITING, State.LIVE, State.PAUSED]


def test_not_waiting_is_no_game() -> None:
    with pytest.raises(NoGameError, match=r"No stream at ws://127\.0\.0\.1:\d+: no server listens there\."):
        next(iter(take(WebSocketSource(f"ws://127.0.0.1:{free_port()}", wait=False), 1)))


def test_a_token_is_sent_and_kept_out_of_the_name() -> None:
    with sending(token="secret") as sender:
        source = WebSocketSource(f"{sender.server.url}/?token=secret")
        assert source.name == f"{sender.server.url}/"
        assert len(take(source, 1)) == 1
        with pytest.raises(SourceError) as caught:
            take(WebSocketSource(f"{sender.server.url}/?token=wrong"), 1)
        assert str(caught.value) == f"{sender.server.url}/ refused the connection (401): Wrong token."


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("hello", "does not send telemetry: a message is not JSON."),
        ("[1]", "does not send telemetry: a message is not a JSON object."),
        ('{"price": 3}', "does not send telemetry: this is not a sample of telemetry."),
        ('{"gear": "first"}', 'does not send telemetry: gear is "first", but it must be a whole number.'),
        ('{"type": "error", "message": "No."}', "reports an error: No."),
    ],
)
def test_servers_that_do_not_send_telemetry_are_an_error(message: str, sentence: str) -> None:
    with scripted([message]) as url:
        with pytest.raises(SourceError) as caught:
            take(WebSocketSource(url), 1)
        assert str(caught.value) == f"{url} {sentence}"


NO_ADDRESSES = ("ws://", "ws://:80", "ws://host:port", "ws://host:99999", "ws://[x", "ws://" + "[" * 999)
NO_TEXTS = ("ws://\udcff", "ws://host/\udcff", "ws://host/?a=\udcff", "ws://\u2100.com")


@pytest.mark.parametrize("url", [*NO_ADDRESSES, *NO_TEXTS])
def test_invalid_addresses_are_an_error(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_source(url)
    assert str(caught.value) == f"{url} is not the address of a stream; an address looks like ws://192.168.0.5:8765."


@pytest.mark.parametrize("url", ["ws://a..b", "ws://" + "a" * 70])
def test_a_name_that_no_computer_can_have_is_an_error(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        take(WebSocketSource(url), 1)
    assert str(caught.value) == f"{url} is not the address of a stream; an address looks like ws://192.168.0.5:8765."


def test_a_password_is_kept_out_of_the_name() -> None:
    assert WebSocketSource("ws://me:secret@rig:8765/?token=T").name == "ws://rig:8765/"


def test_fields_and_names_of_ones_own_are_read_too() -> None:
    with sending() as sender:
        (reading,) = take(WebSocketSource(f"{sender.server.url}/?names=sdk&fields=timestamp,gear,brake"), 1)
    assert reading.snapshot is not None
    assert reading.snapshot.brake == 0.9
    assert math.isnan(reading.snapshot.speed_kmh)


def test_the_newest_sample_is_not_read_twice_after_connecting_again() -> None:
    line = LineEncoder().encode(sample_of(sequence=7)).decode()
    with scripted([line, line, LineEncoder().encode(sample_of(sequence=8, timestamp=1.0)).decode()]) as url:
        readings = take(WebSocketSource(url), 2)
    assert [reading.snapshot.sequence for reading in readings if reading.snapshot] == [7, 8]


def test_a_restart_of_the_server_is_told_from_samples_that_never_arrived() -> None:
    with scripted(*SAMPLES_WITH_A_RESTART) as url:
        source = WebSocketSource(url)
        clock, found = Clock(), []
        for reading in source.readings(clock, None):
            if reading.snapshot and reading.is_new_step:
                found.append((source.stream_id, source.restarts, reading.snapshot.sequence, reading.missed))
            if len(found) == 5:
                clock.stop()
    assert found == [
        ("first", 0, 0, 0),
        ("first", 0, 3, 2),
        ("first", 0, 9, 5),  # those of the time without a connection
        ("second", 1, 0, 0),
        ("second", 1, 12, 11),
    ]


def test_elapsed_goes_on_by_the_servers_clock_through_a_lost_connection() -> None:
    with scripted(*SAMPLES_WITH_A_RESTART) as url:
        elapsed = [reading.snapshot.elapsed for reading in take(WebSocketSource(url), 3) if reading.snapshot]
    assert [later - elapsed[0] for later in elapsed] == pytest.approx([0.0, 0.15, 0.45])


def test_read_records_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    with sending() as sender:
        result = run("read", "--source", sender.server.url, "--samples", "30", "--json-output", path)
    assert result.returncode == 0, result.stderr
    rows = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert [row["sequence"] for row in rows] == list(range(30))
    assert list(rows[0]) == list(Sample.NAMES)
    assert " live " in result.stdout


def test_read_without_a_server_waits_and_shows_why() -> None:
    process = start("read", "--source", f"ws://127.0.0.1:{free_port()}")
    assert process.stdout is not None
    line = process.stdout.readline()
    if "Connecting" in line:
        line = process.stdout.readline()
    process.kill()
    process.communicate()
    assert re.fullmatch(r"waiting  No stream at ws://127\.0\.0\.1:\d+: no server listens there\. .*\n", line)


def test_a_recording_of_a_stream_says_what_it_lacks(tmp_path: Path) -> None:
    source = f"ws://127.0.0.1:{free_port()}"
    result = run("record", tmp_path / "drive.mcap", "--source", source, "--no-wait")
    assert result.returncode == 3
    assert result.stderr.startswith(
        "A stream carries only some of the game's 333 steps a second: its server sends 20 of them unless it has "
        "another --rate. For every step, run 'record' where the game runs, or 'serve' there with --record FILE.\n"
    )


def test_speed_is_for_the_demo() -> None:
    result = run("read", "--source", "ws://127.0.0.1:9", "--speed", "2")
    assert result.returncode == 2
    assert "--speed is for the demo and for recordings" in result.stderr
