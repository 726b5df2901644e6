"""The stream as its clients see it: tutorial clients, Node, slow and misbehaving ones, and plain HTTP."""

import asyncio
import contextlib
import http.client
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from math import inf
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import ormsgpack
import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin

from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError
from telemetry.fields.derived import Sample
from telemetry.fields.pages import read_packet_id
from telemetry.fields.wire import LineEncoder
from telemetry.formats.mcap import McapRecording
from telemetry.recording.api import samples
from telemetry.recording.game_state import State
from telemetry.recording.stats import RecordingStats
from telemetry.sources import open_source
from telemetry.stream import ServerOptions, StreamServer
from telemetry.stream.broadcast import MAX_BUFFER_BYTES
from tests.commands import interrupt, run, start, with_signals
from tests.conftest import PATIENCE, REPOSITORY, real_time, sample_of, wait_until

pytestmark = real_time

if TYPE_CHECKING:
    from telemetry.recording.interfaces import Event


class Rig:
    """A server, and the readings that a sampling loop would give it."""

    def __init__(self, **options: Any) -> None:
        self.markers: list[Event] = []
        self.server = StreamServer(
            ServerOptions(port=0, source="rig", rate=60.0, **options), on_marker=self.markers.append
        )
        self.stats = RecordingStats(state=State.LIVE)

    @property
    def url(self) -> str:
        return self.server.url

    def on_reading(self, count: int = 1, **values: Any) -> Sample:
        """Take so many samples."""
        for _ in range(count):
            sample = sample_of(sequence=self.stats.samples, timestamp=time.time(), **values)
            self.stats.samples += 1
            self.server.on_reading(sample, self.stats)
            wait_until(lambda: self.server.pending < 32)
        return sample

    def tell(self, state: State, message: str = "") -> None:
        self.stats.state, self.stats.message = state, message
        self.server.on_reading(None, self.stats)

    def get(self, path: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=PATIENCE)
        connection.request(method, path, headers={name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        body = response.read()
        connection.close()
        return response, body

    def figures(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.get("/healthz")[1])
        return values


@contextlib.contextmanager
def rig_of(**options: Any) -> Iterator[Rig]:
    rig = Rig(**options)
    try:
        yield rig
    finally:
        rig.server.close()


@pytest.fixture
def rig() -> Iterator[Rig]:
    with rig_of() as made:
        yield made


def receive(connection: ClientConnection) -> Any:
    data = connection.recv(timeout=PATIENCE)
    return orjson.loads(data) if isinstance(data, str) else ormsgpack.unpackb(data)


def shake_hands(rig: Rig, receive_buffer: int | None = None) -> socket.socket:
    """A connection that shakes hands and then does nothing that a client should."""
    raw = socket.socket()
    raw.settimeout(10)
    if receive_buffer:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
    raw.connect(("127.0.0.1", rig.server.port))
    lines = ["GET / HTTP/1.1", f"Host: 127.0.0.1:{rig.server.port}", "Upgrade: websocket", "Connection: Upgrade"]
    lines += ["Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==", "Sec-WebSocket-Version: 13", "", ""]
    raw.sendall("\r\n".join(lines).encode())
    assert raw.recv(12) == b"HTTP/1.1 101"
    return raw


# What clients get


def test_a_client_as_in_any_tutorial_gets_complete_samples_and_nothing_else(rig: Rig) -> None:
    async def client() -> list[Any]:
        got = []
        async with connect_async(rig.url) as ws:
            shown = [await asyncio.to_thread(rig.on_reading, gear=gear, brake=0.9) for gear in range(5)]
            async for message in ws:
                got.append(message)
                if len(got) == 5:
                    break
        assert got == [LineEncoder().encode(sample)[:-1].decode() for sample in shown]
        return [json.loads(message) for message in got]

    rows = asyncio.run(client())
    assert [row["gear"] for row in rows] == [0, 1, 2, 3, 4]
    assert list(rows[0]) == list(Sample.NAMES)


def test_a_late_joiner_gets_the_newest_sample_at_once(rig: Rig) -> None:
    rig.on_reading(3)
    with connect(rig.url) as ws:
        assert receive(ws)["sequence"] == 2
        rig.on_reading()
        assert receive(ws)["sequence"] == 3


def test_while_game_time_stands_still_only_the_state_is_sent(rig: Rig) -> None:
    with connect(f"{rig.url}/?events=1&fields=sequence") as ws:
        assert receive(ws) == {"type": "state", "state": "waiting", "message": ""}
        rig.tell(State.WAITING, "Waiting for the game.")
        assert receive(ws) == {"type": "state", "state": "waiting", "message": "Waiting for the game."}
        rig.stats.state, rig.stats.message = State.LIVE, ""
        rig.on_reading()
        assert receive(ws) == {"type": "state", "state": "live", "message": ""}
        assert receive(ws) == {"sequence": 0}
        rig.stats.state = State.PAUSED
        for _ in range(3):
            rig.server.on_reading(sample_of(sequence=1), rig.stats)
        assert receive(ws) == {"type": "state", "state": "paused", "message": ""}
        rig.stats.state = State.LIVE
        rig.on_reading()
        assert receive(ws) == {"type": "state", "state": "live", "message": ""}
        assert receive(ws) == {"sequence": 1}


def test_each_client_gets_what_it_asked_for(rig: Rig) -> None:
    with (
        connect(f"{rig.url}/?fields=sequence&rate=0.01") as slow,
        connect(f"{rig.url}/?fields=packetId,velocity_*&names=sdk", close_timeout=0.1) as sdk,
        connect(f"{rig.url}/?fields=sequence,gear&format=msgpack") as packed,
    ):
        wait_until(lambda: rig.figures()["clients"] == 3)
        rig.on_reading(50, gear=4)
        assert [receive(packed) for _ in range(50)] == [{"sequence": number, "gear": 4} for number in range(50)]
        assert receive(sdk) == {"packetId": 1000, "velocity": [0.0, 0.0, 0.0]}
        assert receive(slow) == {"sequence": 0}
        slow.send('{"type": "ping", "id": 1}')
        assert receive(slow) == {"type": "pong", "id": 1}  # nothing between


def test_a_message_changes_what_a_client_gets(rig: Rig) -> None:
    with connect(f"{rig.url}/?fields=sequence") as ws:
        ws.send('{"type": "subscribe", "fields": ["gear_name"], "format": "msgpack", "hello": 1}')
        confirmed = receive(ws)
        assert confirmed == {
            "type": "subscribed", "rate": None, "fields": "gear_name", "names": "wire", "format": "msgpack",
            "events": False, "delta": False,
        }  # fmt: skip
        hello = receive(ws)
        assert (hello["type"], hello["tool"], hello["source"], hello["rate"]) == ("hello", "ac-telemetry", "rig", 60.0)
        assert hello["schema"]["required"] == ["gear_name"]
        rig.on_reading(gear=0)
        assert receive(ws) == {"gear_name": "R"}


def test_clients_that_asked_for_the_delta_to_the_best_lap_get_it_with_the_samples(rig: Rig) -> None:
    def drive(begin: float, completed_laps: int, seconds: float) -> None:
        for step in range(50):
            elapsed = 0.02 * seconds * step
            rig.on_reading(
                elapsed=begin + elapsed, packet_id=int(333 * (begin + elapsed)), completed_laps=completed_laps,
                current_time=int(1000 * elapsed), normalized_position=step / 50,
                last_time=90_000 if completed_laps else 0,
            )  # fmt: skip

    query = "fields=sequence&format"
    with connect(f"{rig.url}/?{query}=json&delta=1") as ws, connect(f"{rig.url}/?{query}=msgpack&delta=1") as packed:
        wait_until(lambda: rig.figures()["clients"] == 2)
        drive(0.0, 0, 90.0)
        assert receive(ws) == {"sequence": 0, "delta_s": None, "reference_ms": None, "reference_position": None}
        drive(90.0, 1, 84.0)
        for client in (ws, packed):
            while (message := receive(client))["sequence"] < 99:
                pass
            assert message == {"sequence": 99, "delta_s": -5.88, "reference_ms": 90_000, "reference_position": 0.91467}
    with connect(f"{rig.url}/?fields=sequence") as plain:
        assert receive(plain) == {"sequence": 99}
    with connect(f"{rig.url}/?fields=sequence&delta=1") as late:  # the server has followed the laps all the time
        assert receive(late) == message


def test_a_wrong_request_is_answered_by_an_error_and_stays_connected(rig: Rig) -> None:
    with connect(f"{rig.url}/?rate=fast&fields=sequence") as ws:
        assert receive(ws)["message"].startswith("rate must be 0.01 samples per second or more")
        for wrong in ("{", "[]", '{"type": "exit"}', b"\xff\x00"):
            ws.send(wrong)
            assert receive(ws)["type"] == "error"
        rig.on_reading()
        assert receive(ws) == {"sequence": 0}


def test_a_marker_reaches_all_who_asked_for_events_and_the_recording(rig: Rig) -> None:
    rig.on_reading(3)
    with connect(f"{rig.url}/?fields=sequence") as sender, connect(f"{rig.url}/?fields=sequence&events=1") as other:
        assert receive(other)["type"] == "state"
        assert receive(other) == {"sequence": 2}
        sender.send('{"type": "marker", "name": "understeer"}')
        marker = receive(other)
        assert (marker["type"], marker["name"], marker["sequence"]) == ("marker", "understeer", 2)
    wait_until(lambda: len(rig.markers) == 1)
    assert rig.markers[0].values == {"name": "understeer"}


def test_a_lap_is_sent_when_it_is_completed(rig: Rig) -> None:
    with connect(f"{rig.url}/?fields=sequence&rate=0.01&events=1") as ws:
        with open_source(REPOSITORY / "fixtures" / "lap.jsonl.zst") as source:
            for sample in samples(source, clock=Clock(inf)):
                rig.stats.samples += 1
                rig.server.on_reading(sample, rig.stats)
                wait_until(lambda: rig.server.pending < 32)
        rig.tell(State.ENDED)
        told = []
        while (message := receive(ws)).get("state") != "ended":
            told.append(message)
    laps = [message for message in told if message.get("type") == "lap"]
    assert [lap["number"] for lap in laps] == [1]
    assert laps[0]["time_ms"] > 60_000
    assert laps[0]["complete"]
    assert laps[0]["first"]["sequence"] == 0


@pytest.mark.parametrize("bits", [None, 10])
def test_compressed_messages_hold_the_same(bits: int | None) -> None:
    with rig_of(compress=True) as rig:
        plain = connect(rig.url, compression=None)
        offer = [ClientPerMessageDeflateFactory(server_max_window_bits=bits)]
        with plain as one, connect(rig.url, compression=None, extensions=offer) as other:
            assert [item.name for item in other.protocol.extensions] == ["permessage-deflate"]
            wait_until(lambda: rig.figures()["clients"] == 2)
            rig.on_reading(5, gear=3)
            other.send('{"type": "ping"}')
            for _ in range(5):
                assert one.recv(timeout=PATIENCE) == other.recv(timeout=PATIENCE)
            assert receive(other) == {"type": "pong", "id": None}


# Slow and misbehaving clients


def test_a_client_that_stops_reading_costs_the_others_nothing_and_is_cut_off() -> None:
    with rig_of(stall_timeout_s=1.5) as rig:
        seen: list[int] = []

        def read() -> None:
            with contextlib.suppress(ConnectionClosed), connect(f"{rig.url}/?events=1") as ws:
                for message in ws:
                    values = orjson.loads(message)
                    if "type" not in values:
                        seen.append(values["sequence"])

        reader = threading.Thread(target=read)
        reader.start()
        stalled = shake_hands(rig, receive_buffer=4096)
        wait_until(lambda: rig.figures()["clients"] == 2)
        while rig.figures()["dropped"] < 100:
            last = rig.on_reading(50).sequence
            wait_until(lambda last=last: bool(seen) and seen[-1] == last)  # type: ignore[misc]
            assert max(rig.server.buffered_bytes) <= MAX_BUFFER_BYTES
        assert seen == list(range(last + 1))
        wait_until(lambda: rig.figures()["stalled"] == 1)
        wait_until(lambda: rig.figures()["clients"] == 1)
        stalled.close()
        rig.server.close()
        reader.join(10)
        assert not reader.is_alive()


def test_a_half_open_connection_is_noticed() -> None:
    with rig_of(stall_timeout_s=0.5) as rig:
        raw = shake_hands(rig)  # and never answers a ping
        wait_until(lambda: rig.figures()["clients"] == 1)
        wait_until(lambda: rig.figures()["clients"] == 0)
        raw.close()


def test_a_flood_of_messages_is_read_slowly_and_hurts_nobody(rig: Rig) -> None:
    with (
        connect(f"{rig.url}/?fields=sequence", close_timeout=0.1) as rude,
        connect(f"{rig.url}/?fields=sequence") as ws,
    ):
        for number in range(200):
            rude.send(json.dumps({"type": "ping", "id": number}))
        answers = []
        while (answer := receive(rude))["type"] == "pong":
            answers.append(answer["id"])
        assert answers == list(range(len(answers)))
        assert len(answers) >= 40
        assert answer["message"] == "Rate limit: at most 20 messages per second."
        rig.on_reading(5)
        assert [receive(ws)["sequence"] for _ in range(5)] == list(range(5))


def test_a_flood_of_pings_whose_answers_are_not_read_is_cut_off(rig: Rig) -> None:
    raw = shake_hands(rig, receive_buffer=4096)
    ping = b"\x89\xfd" + bytes(4) + bytes(125)
    with raw, pytest.raises(OSError):  # noqa: PT011, PT012 - however the system says it, whenever
        for _ in range(2000):
            raw.sendall(ping * 100)
    wait_until(lambda: rig.figures()["clients"] == 0)


def test_a_message_too_long_ends_the_connection(rig: Rig) -> None:
    with connect(rig.url) as ws:
        ws.send("x" * 20_000)
        with pytest.raises(ConnectionClosed) as caught:
            ws.recv(timeout=PATIENCE)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1009


def test_hundreds_of_quick_connects_leave_nothing_behind(rig: Rig) -> None:
    for number in range(300):
        raw = socket.create_connection(("127.0.0.1", rig.server.port), timeout=PATIENCE)
        if number % 3 == 1:
            raw.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n")
        if number % 3 == 2:
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii" if os.name != "nt" else "hh", 1, 0))
        raw.close()
    for _ in range(30):
        shake_hands(rig).close()
    rig.on_reading()
    with connect(rig.url) as ws:
        assert receive(ws)["sequence"] == 0
    wait_until(lambda: rig.figures()["clients"] == 0)


def test_closing_sends_the_last_state_and_a_close_code(rig: Rig) -> None:
    with connect(f"{rig.url}/?events=1") as ws:
        assert receive(ws)["type"] == "state"
        rig.server.close()
        assert receive(ws) == {"type": "state", "state": "ended", "message": "The server stops."}
        with pytest.raises(ConnectionClosed) as caught:
            ws.recv(timeout=PATIENCE)
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1001, "the server stops")


# Who may connect


def test_browsers_of_other_sites_are_refused(rig: Rig) -> None:
    own = f"http://127.0.0.1:{rig.server.port}"
    with connect(rig.url, origin=Origin(own)) as ws:
        rig.on_reading()
        receive(ws)
    with pytest.raises(InvalidStatus) as caught:
        connect(rig.url, origin=Origin("http://evil.example")).__enter__()
    assert caught.value.response.status_code == 403
    assert b"Pages of http://evil.example are not allowed to connect." in caught.value.response.body


def test_foreign_names_are_refused(rig: Rig) -> None:
    response, body = rig.get("/healthz", Host="evil.example")
    assert response.status == 421
    assert body.startswith(b"Host name not allowed: evil.example.")


def test_the_stream_health_and_metrics_need_the_token() -> None:
    with rig_of(token="open sesame") as rig:
        rig.on_reading()
        for path in ("/healthz", "/metrics", "/healthz?token=no"):
            assert rig.get(path)[0].status == 401
        assert rig.get("/healthz", Authorization="Bearer open sesame")[0].status == 200
        with pytest.raises(InvalidStatus):
            connect(rig.url).__enter__()
        with connect(f"{rig.url}/?token=open+sesame") as ws:
            assert receive(ws)["sequence"] == 0


# Plain HTTP


def test_health_and_metrics(rig: Rig) -> None:
    rig.on_reading(5)
    with connect(rig.url) as ws:
        receive(ws)
        figures = rig.figures()
        assert (figures["status"], figures["state"], figures["clients"], figures["samples"]) == ("ok", "live", 1, 5)
        assert figures["dropped"] == 0
        assert figures["age_s"] >= 0.0
        response, body = rig.get("/metrics")
    assert response.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    lines = body.decode().splitlines()
    assert 'ac_telemetry_state{state="live"} 1.0' in lines
    assert "ac_telemetry_clients 1" in lines
    assert "ac_telemetry_samples_total 5" in lines
    assert "# TYPE ac_telemetry_encode_seconds summary" in lines


def test_the_page_is_served(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text("<!doctype html>", encoding="utf-8")
    with rig_of(page=tmp_path) as rig:
        response, body = rig.get("/?token=x")
        assert (response.status, body) == (200, b"<!doctype html>")
        assert response.getheader("X-Content-Type-Options") == "nosniff"
        assert "default-src 'none'" in (response.getheader("Content-Security-Policy") or "")
        response, body = rig.get("/", method="HEAD")
        assert (response.status, body, response.getheader("Content-Length")) == (200, b"", "15")
        assert rig.get("/", If_None_Match=response.getheader("ETag") or "")[0].status == 304
        assert rig.get("/../conftest.py")[0].status == 404
        response, _ = rig.get("/", method="DELETE")
        assert (response.status, response.getheader("Allow")) == (405, "GET, HEAD")


# The command


def test_a_port_in_use_is_a_sentence(rig: Rig) -> None:
    with pytest.raises(SinkError) as caught:
        StreamServer(ServerOptions(port=rig.server.port))
    assert str(caught.value).startswith(f"Port {rig.server.port} on 127.0.0.1 is in use")
    result = run("serve", "--source", "demo", "--port", str(rig.server.port))
    assert result.returncode == 1
    assert result.stderr.startswith(f"ac-telemetry: Port {rig.server.port} on 127.0.0.1 is in use")


def test_an_address_of_another_machine_is_a_sentence() -> None:
    with pytest.raises(SinkError, match="This machine has no address 192\\.0\\.2\\.1"):
        StreamServer(ServerOptions(host="192.0.2.1", port=0))


@contextlib.contextmanager
def served(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = start("serve", "--port", "0", *arguments)
    assert process.stdout is not None
    try:
        found = re.search(r"ws://\S+", process.stdout.readline())
        assert found
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def test_thresholds_of_the_command_line_are_used_and_sent() -> None:
    with (
        served("--source", "demo", "--tyre-damaged", "0.7", "--steer-lock", "450", "--damaged", "0.2") as (_, url),
        connect(f"{url}/?fields=steer_degrees&hello=1") as ws,
    ):
        thresholds = receive(ws)["thresholds"]
        assert (thresholds["tyre_damaged"], thresholds["steer_lock"], thresholds["damaged"]) == (0.7, 450.0, 0.2)
        assert isinstance(receive(ws)["steer_degrees"], float)


@with_signals
def test_serve_streams_records_and_ends_well(tmp_path: Path) -> None:
    path, pages = tmp_path / "out.jsonl", tmp_path / "out.mcap"
    with served("--source", "demo", "--rate", "60", "--json-output", path, "--record", pages) as (process, url):
        with connect(url) as ws:
            ws.send('{"type": "marker", "name": "here"}')
            first = receive(ws)["sequence"]
            rows = [receive(ws) for _ in range(20)]
            assert rows[-1]["sequence"] >= first + 20
            wait_until(lambda: pages.exists() and pages.stat().st_size)  # its demo may begin later
            _, summary = interrupt(process)
            with pytest.raises(ConnectionClosed) as caught:  # noqa: PT012 - after what was on its way
                while True:
                    ws.recv(timeout=PATIENCE)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        assert process.returncode == 0
    recorded = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert recorded[rows[0]["sequence"]] == rows[0]
    assert summary.startswith(f"{len(recorded):,} samples in ")
    assert f"\n{path}: {path.stat().st_size:,} bytes.\n{pages}: " in summary
    recording = McapRecording(pages)
    ids = [read_packet_id(step.pages.physics) for step in recording.read_steps() if step.pages]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert abs(ids[-1] - recorded[-1]["packet_id"]) < 333
    assert [event.values for event in recording.events() if event.kind == "marker"] == [{"name": "here"}]


@with_signals
def test_a_recording_that_fails_ends_the_stream_with_its_sentence(tmp_path: Path) -> None:
    path = tmp_path / "out.mcap"
    with served("--source", "demo", "--record", path) as (process, _):
        wait_until(lambda: path.exists() and path.stat().st_size > 1000)
        path.unlink()
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
    assert "was removed" in said


def test_without_a_game_the_state_is_waiting(tmp_path: Path) -> None:
    with served("--source", tmp_path) as (_, url), connect(f"{url}?events=1") as ws:
        while not (message := receive(ws))["message"]:
            pass
        assert message["state"] == "waiting"
        assert message["message"].startswith("Waiting for the page files of a running game")


def test_serving_other_machines_without_a_token_prints_a_warning() -> None:
    result = run("serve", "--source", "demo", "--host", "0.0.0.0", "--port", "0", "--duration", "0.2")
    assert result.returncode == 0
    assert "Anyone who can reach 0.0.0.0 can watch. --token new lets in only those who know the token." in result.stderr
    result = run("serve", "--source", "demo", "--host", "0.0.0.0", "--port", "0", "--duration", "0.2", "--token", "new")
    assert "Everybody" not in result.stderr
    assert re.search(r"ws://127\.0\.0\.1:\d+/\?token=\S{16} ", result.stdout)


def test_help_does_not_wait_for_websockets() -> None:
    code = (
        "import sys; sys.argv[1:] = ['--help']\ntry:\n import runpy; runpy.run_path('main.py', run_name='__main__')\n"
    )
    code += "except SystemExit: pass\nassert 'websockets' not in sys.modules and 'asyncio' not in sys.modules"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=False, timeout=PATIENCE
    )
    assert result.returncode == 0, result.stderr.decode()


# The clients of the documentation, as they stand there


def example(document: str, language: str, url: str) -> str:
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    address = "ws://127.0.0.1:8765"
    found = [block for block in re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL) if address in block]
    assert len(found) == 1
    return str(found[0]).replace(address, url.rstrip("/"))


def first_lines(command: list[str], wanted: re.Pattern[str], count: int) -> list[str]:
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            if wanted.fullmatch(line.rstrip("\n")):
                lines.append(line)
            if len(lines) == count:
                return lines
        assert process.stderr is not None
        pytest.fail(process.stderr.read())
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def test_the_documentations_server_runs_as_it_stands(capfd: pytest.CaptureFixture[str]) -> None:
    text = (REPOSITORY / "docs/stream.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "ServerOptions" in block]
    exec(compile(block, "docs/stream.md", "exec"), {})
    url, clients = capfd.readouterr().out.splitlines()
    assert re.fullmatch(r"ws://127\.0\.0\.1:\d+", url)
    assert clients == "0"


SPEED = re.compile(r" *\d+\.\d km/h  gear [RN1-9]")


@pytest.mark.parametrize("document", ["README.md", "docs/stream.md"])
def test_the_documentations_clients_run_as_they_stand(document: str, tmp_path: Path) -> None:
    node = shutil.which("node")
    with served("--source", "demo", "--rate", "30") as (_, url):
        first_lines([sys.executable, "-c", example(document, "python", url)], SPEED, 10)
        if node is None:
            pytest.skip("the JavaScript client needs node, and there is none here")
        flag = ["--experimental-websocket"]
        probe = [node, *flag, "-e", "process.exit(typeof WebSocket === 'function' ? 0 : 1)"]
        if subprocess.run(probe, capture_output=True, check=False, timeout=PATIENCE).returncode:
            pytest.skip("this node has no WebSocket of its own")
        script = tmp_path / "client.mjs"
        script.write_text(example(document, "js", url), encoding="utf-8")
        first_lines([node, *flag, str(script)], SPEED, 5)
