"""Many rigs from one place: the overview, each rig's own stream, and rigs that go and come back."""

import json
from typing import Any, Final

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError, UsageError
from telemetry.base.host import host_name
from telemetry.recording.game_state import State
from telemetry.sources import open_source
from telemetry.stream import CollectServer, ServerOptions, parse_rigs
from telemetry.stream.collect.rig_hello import parse_hello
from telemetry.stream.drive_context import DriveContext
from telemetry.tracks.definition import make_track
from telemetry.tracks.map_picture import MapPicture
from tests.conftest import real_time, wait_until
from tests.stream.collect.lab import DRIVE, SAID, lab_of, receive_until
from tests.stream.rig import Rig, free_port, receive, rig_of, scripted
from tests.tracks.roads import STADIUM, course_of

pytestmark = real_time

PNG: Final = b"\x89PNG\r\n\x1a\n and so on"


@pytest.fixture
def other() -> Any:
    with rig_of() as made:
        yield made


def test_the_overview_says_who_drives_what(rig: Rig, other: Rig) -> None:
    rig.on_reading(**DRIVE)
    rig.tell(State.PAUSED)  # else it is stalled two seconds later
    other.on_reading(**(DRIVE | {"best_time": 148_000, "session": 0}))
    with lab_of(f"left={rig.url}", f"right={other.url}") as lab, connect(f"{lab.url}/?hello=1") as ws:
        hello = receive(ws)
        assert (hello["type"], hello["rigs"], hello["protocol"]) == ("hello", ["left", "right"], 1)
        said = receive_until(
            ws, lambda message: message["name"] == "left" and message["connected"] and message["gap_best_ms"]
        )
    assert {key: value for key, value in said.items() if key not in ("age_s", "missed")} == {**SAID, "state": "paused"}
    assert set(said) - set(SAID) == {"age_s", "missed"}


def test_a_rig_without_a_game_or_in_the_menu_says_so(rig: Rig, other: Rig) -> None:
    rig.tell(State.WAITING, "Waiting for the game.")
    other.on_reading(**DRIVE)
    other.tell(State.MENU, "The menu is open.")
    with lab_of(f"left={rig.url}", f"right={other.url}") as lab, connect(lab.url) as ws:
        left = receive_until(ws, lambda message: message["name"] == "left" and message["message"][:4] == "Wait")
        right = receive_until(ws, lambda message: message["name"] == "right" and message["state"] == "menu")
    assert (left["connected"], left["state"], left["message"], left["driver"], left["lap"]) == (
        *(True, "waiting", "Waiting for the game."),
        *(None, None),
    )
    assert (right["message"], right["driver"], right["rate_hz"]) == ("The menu is open.", "Ada", None)


@pytest.mark.parametrize(
    "query",
    [
        "",
        "?delta=1",
        "?fields=speed_kmh,tyre_core_temp,gear",
        "?fields=velocity,gear&names=sdk&delta=1",
        "?names=sdk",
        "?format=msgpack&fields=lap*",
    ],
)
def test_a_client_gets_what_it_would_get_from_the_rig(query: str, rig: Rig) -> None:
    rig.on_reading(3, **DRIVE)
    with (
        lab_of(f"left={rig.url}") as lab,
        connect(f"{rig.url}/{query}") as here,
        connect(f"{lab.url}/rigs/left{query}") as there,
    ):
        for number in range(3):
            first, second = receive(here), receive(there)
            assert first == second
            assert list(first) == list(second)
            rig.on_reading(speed_kmh=float(number))


def test_the_hello_is_that_of_the_rig(rig: Rig) -> None:
    rig.on_reading(**DRIVE)
    query = "?hello=1&events=1&fields=gear,speed_kmh"
    with lab_of(f"left={rig.url}") as lab:
        with connect(f"{lab.url}/rigs/left/{query}") as ws:
            receive_until(ws, lambda message: "type" not in message)  # the rig's newest sample has come
        with connect(f"{lab.url}/rigs/left/{query}") as there, connect(f"{rig.url}/{query}") as here:
            assert receive(there) == receive(here)
            assert receive(there) == receive(here) == {"type": "state", "state": "live", "message": ""}


def test_a_hello_comes_as_soon_as_there_is_one(rig: Rig) -> None:
    with lab_of(f"left={rig.url}") as lab, connect(f"{lab.url}/rigs/left?hello=1") as ws:
        assert receive(ws)["type"] == "hello"


def test_a_client_that_comes_in_a_pause_gets_the_newest_sample(rig: Rig) -> None:
    rig.on_reading(7, gear=5)
    rig.tell(State.PAUSED, "The game is paused.")
    with lab_of(f"left={rig.url}") as lab, connect(f"{lab.url}/rigs/left?events=1") as ws:
        sample = receive_until(ws, lambda message: "type" not in message)
        assert (sample["sequence"], sample["gear"]) == (6, 5)


def test_all_samples_come_only_while_somebody_looks(rig: Rig) -> None:
    with lab_of(f"left={rig.url}") as lab:
        lab.wait_until_connected()
        assert rig.figures()["clients"] == 1
        with connect(f"{lab.url}/rigs/left") as first, connect(f"{lab.url}/rigs/left") as second:
            wait_until(lambda: rig.figures()["clients"] == 2)
            rig.on_reading()
            assert receive(first) == receive(second)
            assert rig.figures()["connections"] == 2


def test_a_rig_that_goes_and_comes_back_changes_nothing_for_others(other: Rig) -> None:
    port = free_port()
    address = f"ws://127.0.0.1:{port}"
    with lab_of(f"left={address}", f"right={other.url}") as lab:
        lab.wait_for("right", connected=True)
        with (
            connect(f"{lab.url}/rigs/left?events=1&hello=1&fields=sequence,gear") as left,
            connect(f"{lab.url}/rigs/right?fields=sequence") as right,
        ):
            ids = []
            for start in range(2):
                with rig_of(port=port) as rig:
                    rig.on_reading(3, gear=start + 1)
                    ids.append(receive_until(left, lambda message: message.get("type") == "hello")["stream_id"])
                    sample = receive_until(left, lambda message: "type" not in message)
                    assert sample["gear"] == start + 1
                gone = receive_until(left, lambda message: message.get("state") == "gone")
                assert gone["message"].startswith(
                    f"No stream at ws://127.0.0.1:{port}: the server closed the connection."
                )
                lab.wait_for("left", connected=False, state="gone")
            assert ids[0] != ids[1]
            other.on_reading(5)
            assert [receive(right)["sequence"] for _ in range(5)] == list(range(5))
        news = [sentence for sentence in lab.server.take_news() if sentence.startswith("left: connected")]
    assert news == [f"left: connected, {host_name()}."] * 2


def test_a_marker_goes_to_the_rig_and_comes_back(rig: Rig, other: Rig) -> None:
    rig.on_reading()
    with lab_of(f"left={rig.url}", f"right={other.url}") as lab:
        lab.wait_until_connected()
        with connect(f"{lab.url}/rigs/left?events=1") as ws, connect(lab.url) as overview:
            lab.wait_for("left", clients_here=1)
            receive_until(ws, lambda message: message.get("state") == "live")
            ws.send('{"type": "marker", "name": "here"}')
            assert receive_until(ws, lambda message: message.get("type") == "marker")["name"] == "here"
            overview.send('{"type": "marker", "name": "everywhere"}')
            assert receive_until(ws, lambda message: message.get("type") == "marker")["name"] == "everywhere"
            wait_until(lambda: other.markers)
    assert [event.values["name"] for event in rig.markers] == ["here", "everywhere"]
    assert [event.values["name"] for event in other.markers] == ["everywhere"]


def test_a_marker_for_a_rig_that_is_away_is_refused() -> None:
    with lab_of(f"left=ws://127.0.0.1:{free_port()}") as lab, connect(f"{lab.url}/rigs/left") as ws:
        ws.send('{"type": "marker", "name": "here"}')
        assert receive(ws) == {"type": "error", "message": "left is not connected: the marker was not set."}


def test_laps_and_unknown_events_are_passed_on() -> None:
    messages = [
        json.dumps({"type": "hello", "stream_id": "a", "protocol": 1}),
        json.dumps({"type": "lap", "number": 4, "time_ms": 90_000}),
        json.dumps({"type": "weather", "rain": 0.5}),
    ]
    with scripted(messages) as url, lab_of(f"left={url}") as lab, connect(f"{lab.url}/rigs/left?events=1") as ws:
        found = [receive_until(ws, lambda message: message["type"] not in ("state", "hello")) for _ in range(2)]
    assert found == [json.loads(message) for message in messages[1:]]


def test_the_track_and_its_picture_come_from_the_rig() -> None:
    track = make_track(course_of(STADIUM), track="spa", length_m=1514.0, line_position=0.0, origin="by hand")
    context = DriveContext(track, MapPicture(PNG, 640, 480, 10.0, 20.0, 2.0))
    with rig_of(find_context=lambda _: context) as rig, lab_of(f"left={rig.url}") as lab:
        rig.on_reading(**DRIVE)
        query = "?track=1&fields=gear"
        with connect(f"{lab.url}/rigs/left/{query}") as there, connect(f"{rig.url}/{query}") as here:
            message = receive_until(here, lambda message: message.get("type") == "track")
            assert receive_until(there, lambda message: message.get("type") == "track") == message
            response, body = lab.get(f"/rigs/left/{message['picture']['path']}")
            assert (response.status, body) == (200, PNG)
        with connect(f"{lab.url}/rigs/left/{query}") as late:
            assert receive(late) == message


def test_tokens_of_rigs_are_theirs_and_shown_nowhere() -> None:
    with rig_of(token="rig secret") as rig:
        rig.on_reading(**DRIVE)
        address = f"left={rig.url}/?token=rig%20secret"
        with lab_of(address, token="lab secret") as lab:
            for path in ("/healthz", "/metrics", "/rigs/left/healthz"):
                assert lab.get(path)[0].status == 401
            for path in ("/", "/rigs/left", "/rigs/left/"):
                with pytest.raises(InvalidStatus):
                    connect(f"{lab.url}{path}?token=rig%20secret").__enter__()
            allowed = {"Authorization": "Bearer lab secret"}
            with connect(f"{lab.url}/rigs/left?token=lab%20secret&hello=1&events=1") as ws:
                said = [json.dumps(receive(ws)) for _ in range(3)]
            wait_until(lambda: b'"rate_asked_hz": 60.0' in lab.get("/healthz", **allowed)[1])
            said += [lab.get(path, **allowed)[1].decode() for path in ("/healthz", "/metrics", "/rigs/left/healthz")]
            said += lab.server.take_news()
    assert "ac_telemetry_samples_total" in said[-3]
    assert not [text for text in said if "secret" in text]


def test_health_and_metrics_have_a_label_per_rig(rig: Rig) -> None:
    rig.on_reading(5)
    rig.tell(State.PAUSED)
    with lab_of(f"left={rig.url}", f"right={rig.url}", f"away=ws://127.0.0.1:{free_port()}") as lab:
        for name in ("left", "right"):
            lab.wait_for(name, connected=True, samples=5)
        health = json.loads(lab.get("/healthz")[1])
        one = json.loads(lab.get("/rigs/left/healthz")[1])
        response, body = lab.get("/metrics")
    assert (health["status"], health["clients"], list(health["rigs"])) == ("ok", 0, ["left", "right", "away"])
    assert (one["samples"], one["state"], one["connected"], one["connects"]) == (5, "paused", True, 1)
    assert response.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    lines = body.decode().splitlines()
    for line in (
        'ac_telemetry_rig_connected{rig="left"} 1',
        'ac_telemetry_rig_connected{rig="away"} 0',
        'ac_telemetry_samples_total{rig="right"} 5',
        'ac_telemetry_state{rig="left",state="paused"} 1.0',
        f'ac_telemetry_info{{rig="left",host="{host_name()}"}} 1',
        "ac_telemetry_collect_clients 0",
    ):
        assert line in lines
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


def test_pages_are_at_the_root_and_at_each_rig(rig: Rig) -> None:
    with lab_of(f"left={rig.url}") as lab:
        assert b"<title>Rigs</title>" in lab.get("/")[1]
        assert b"<title>Assetto Corsa telemetry</title>" in lab.get("/rigs/left/?token=x")[1]
        assert lab.get("/rigs/left/app.js")[0].status == lab.get("/overview/app.js")[0].status == 200
        response, _ = lab.get("/rigs/left?token=x")
        assert (response.status, response.getheader("Location")) == (308, "left/?token=x")
        for path in ("/rigs/", "/rigs/nobody/", "/rigs/left/../../server.py", "/rigs/left/map.png", "/rigs/left/x/"):
            assert lab.get(path)[0].status == 404
        with pytest.raises(InvalidStatus) as caught:
            connect(f"{lab.url}/rigs/nobody").__enter__()
    assert caught.value.response.status_code == 404
    assert caught.value.response.body == (
        b"No stream at /rigs/nobody; the overview is at /, and rigs are at /rigs/left.\n"
    )


def test_a_stream_of_one_rig_is_a_source_and_that_of_all_is_a_sentence(rig: Rig) -> None:
    rig.on_reading(gear=4)
    with lab_of(f"left={rig.url}") as lab:
        with open_source(f"{lab.url}/rigs/left") as source:
            reading = next(reading for reading in source.readings(Clock(), None) if reading.snapshot)
        with open_source(lab.url) as source, pytest.raises(SourceError) as caught:
            list(source.readings(Clock(), None))
        url = lab.url
    assert reading.snapshot is not None
    assert reading.snapshot.gear == 4
    assert str(caught.value) == (
        f"{url} is a server of many rigs. The stream of one is at {url}/rigs/NAME; names are: left."
    )


def test_a_server_knows_itself_behind_another_name() -> None:
    with pytest.raises(SourceError) as caught:
        parse_hello({"type": "hello", "stream_id": "own", "rigs": []}, "ws://proxy", "own")
    assert str(caught.value) == "ws://proxy is this server itself. Give the address of a rig."


def test_the_servers_own_address_is_no_rig() -> None:
    port = free_port()
    with pytest.raises(UsageError) as caught:
        CollectServer(ServerOptions(port=port), parse_rigs(f"ws://localhost:{port}"))
    assert str(caught.value) == (
        f"ws://localhost:{port} is this server itself. Give the address of a rig, or serve at another --port."
    )
