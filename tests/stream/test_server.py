"""The stream as its clients see it: samples, subscriptions, events, and the end."""

import asyncio
import json
import re
from math import inf
from typing import Any

import pytest
from websockets.asyncio.client import connect as connect_async
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.extensions.permessage_deflate import ClientPerMessageDeflateFactory
from websockets.sync.client import connect

from telemetry.base.clock import Clock
from telemetry.base.host import host_name
from telemetry.fields.derived import Sample
from telemetry.fields.wire import LineEncoder
from telemetry.recording.api import samples
from telemetry.recording.game_state import State
from telemetry.sources import open_source
from telemetry.stream import ServerOptions, StreamServer
from tests.conftest import PATIENCE, REPOSITORY, real_time, sample_of, wait_until
from tests.stream.rig import Rig, receive, rig_of

pytestmark = real_time


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
            rig.server.on_reading(sample_of(sequence=1, timestamp=rig.began, elapsed=0.0), rig.stats)
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
            "events": False, "delta": False, "track": False,
        }  # fmt: skip
        hello = receive(ws)
        assert (hello["type"], hello["tool"], hello["source"], hello["rate"]) == ("hello", "ac-telemetry", "rig", 60.0)
        assert hello["host"] == host_name()
        assert hello["schema"]["required"] == ["gear_name"]
        rig.on_reading(gear=0)
        assert receive(ws) == {"gear_name": "R"}


def test_the_id_of_a_stream_is_the_same_for_all_its_clients_and_another_one_after_a_restart(rig: Rig) -> None:
    with (
        rig_of() as restarted,
        connect(f"{rig.url}/?hello=1") as first,
        connect(f"{rig.url}/?hello=1") as second,
        connect(f"{restarted.url}/?hello=1") as third,
    ):
        ids = [receive(connection)["stream_id"] for connection in (first, second, third)]
    assert re.fullmatch("[0-9a-f]{32}", ids[0])
    assert ids[0] == ids[1] != ids[2]


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


def test_a_clock_that_is_set_is_told_to_all_who_asked_for_events(rig: Rig) -> None:
    with connect(f"{rig.url}/?events=1&fields=sequence") as ws:
        receive(ws)
        rig.on_reading(timestamp=1.7e9, elapsed=5.0)
        rig.on_reading(timestamp=1.7e9 + 28_800.1, elapsed=5.1)
        rig.on_reading(timestamp=1.7e9 + 28_800.2, elapsed=5.2)
        assert receive(ws)["type"] == "state"
        assert [receive(ws) for _ in range(4)] == [
            {"sequence": 0},
            {"type": "clock", "seconds": 28_800.0, "timestamp": 1.7e9 + 28_800.1, "elapsed": 5.1},
            {"sequence": 1},
            {"sequence": 2},
        ]


def test_a_marker_has_the_time_of_the_samples() -> None:
    server = StreamServer(ServerOptions(port=0), unix_time=lambda: 1.6e9)
    with server, connect(f"{server.url}/?events=1") as ws:
        receive(ws)
        ws.send('{"type": "marker", "name": "here"}')
        assert receive(ws) == {"type": "marker", "name": "here", "timestamp": 1.6e9, "sequence": None}


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


def test_a_marker_of_another_computer_needs_a_token(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ServerConnection, "remote_address", ("192.0.2.7", 50000))
    with connect(f"{rig.url}/?events=1") as ws:
        assert receive(ws)["type"] == "state"
        ws.send('{"type": "marker", "name": "here"}')
        assert receive(ws)["message"].startswith("Other computers may set markers only where there is a token.")
    assert rig.markers == []


@pytest.mark.parametrize("message_format", ["json", "msgpack"])
@pytest.mark.parametrize(
    ("identity", "answer"),
    [
        ("[" * 200 + "]" * 200, "pong"),
        ("[" * 300 + "]" * 300, "error"),
        ('{"a":' * 300 + "1" + "}" * 300, "error"),
        ("[" * 2000, "error"),
        ("9" * 40, "pong"),
        ('"\\ud800"', "error"),
        ("NaN", "error"),
    ],
)
def test_odd_messages_have_an_answer(rig: Rig, message_format: str, identity: str, answer: str) -> None:
    with connect(f"{rig.url}/?format={message_format}") as ws:
        ws.send(f'{{"type": "ping", "id": {identity}}}')
        assert receive(ws)["type"] == answer


def laps_of_the_fixture(rig: Rig) -> list[dict[str, Any]]:
    """The laps that a client is sent while the recorded lap is served."""
    with connect(f"{rig.url}/?fields=sequence&rate=0.01&events=1") as ws:
        with open_source(REPOSITORY / "fixtures" / "lap.jsonl.zst") as source:
            for sample in samples(source, clock=Clock(inf)):
                rig.stats.samples += 1
                rig.server.on_reading(sample, rig.stats)
                wait_until(lambda: rig.server.pending < 32)
        rig.tell(State.ENDED)
        received = []
        while (message := receive(ws)).get("state") != "ended":
            received.append(message)
    return [message for message in received if message.get("type") == "lap"]


def test_a_lap_is_sent_when_it_is_completed(rig: Rig) -> None:
    laps = laps_of_the_fixture(rig)
    assert [lap["number"] for lap in laps] == [1]
    assert laps[0]["time_ms"] > 60_000
    assert laps[0]["complete"]
    assert laps[0]["valid"]
    assert laps[0]["first"]["sequence"] == 0


def test_no_lap_of_a_source_is_valid_that_does_not_hold_the_tyres_out() -> None:
    with rig_of(missing_fields=frozenset({"number_of_tyres_out"})) as rig:
        (lap,) = laps_of_the_fixture(rig)
    assert (lap["valid"], lap["invalid_because"]) == (False, ["tyres out not recorded"])


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


def test_closing_sends_the_last_state_and_a_close_code(rig: Rig) -> None:
    with connect(f"{rig.url}/?events=1") as ws:
        assert receive(ws)["type"] == "state"
        rig.server.close()
        assert receive(ws) == {"type": "state", "state": "ended", "message": "The server stops."}
        with pytest.raises(ConnectionClosed) as caught:
            ws.recv(timeout=PATIENCE)
    assert caught.value.rcvd is not None
    assert (caught.value.rcvd.code, caught.value.rcvd.reason) == (1001, "the server stops")
