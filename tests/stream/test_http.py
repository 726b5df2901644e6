"""Who may connect, and the responses to plain HTTP requests."""

from pathlib import Path

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect
from websockets.typing import Origin

from telemetry.base.host import host_name
from tests.conftest import real_time
from tests.stream.rig import Rig, receive, rig_of

pytestmark = real_time


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
    assert figures["host"] == host_name()
    assert f'ac_telemetry_info{{host="{host_name()}"}} 1' in lines
    assert "ac_telemetry_clients 1" in lines
    assert "ac_telemetry_samples_total 5" in lines
    assert "# TYPE ac_telemetry_encode_seconds summary" in lines


@pytest.mark.parametrize("path", ["/", "/healthz", "/metrics", "/nothing"])
def test_a_query_of_too_many_fields_is_a_sentence(path: str) -> None:
    with rig_of(token="abc") as rig:
        response, body = rig.get(f"{path}?{'a=1&' * 40}token=abc")
    assert (response.status, body) == (400, b"The query of the address has more than 32 fields.\n")


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz?token=%FF%zz%0d%0a", 401),
        ("/healthz?token=abc&token=%00", 200),
        ("/healthz?&&&&token=abc", 200),
        ("/healthz#x", 404),
        ("//[x", 404),
        ("/%00", 404),
        ("/%ff%fe", 404),
        ("/" + "a/" * 4000, 404),
    ],
)
def test_odd_addresses_have_an_answer(path: str, status: int) -> None:
    with rig_of(token="abc") as rig:
        assert rig.get(path)[0].status == status


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": "Bearer \xff\xfe"}, 401),
        ({"Origin": "\xff", "Upgrade": "websocket"}, 403),
        ({"Host": "\xff"}, 421),
        ({"Host": "[x"}, 421),
        ({"If-None-Match": "\xff" + "," * 4000}, 401),
    ],
)
def test_odd_headers_have_an_answer(headers: dict[str, str], status: int) -> None:
    with rig_of(token="abc") as rig:
        assert rig.get("/healthz", **headers)[0].status == status


def test_the_name_of_the_computer_stays_within_its_label(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: 'a"b\\c\nd')
    with rig_of() as rig:
        lines = rig.get("/metrics")[1].decode().splitlines()
    assert 'ac_telemetry_info{host="a\\"b\\\\c\N{REPLACEMENT CHARACTER}d"} 1' in lines


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


def test_health_and_metrics_say_what_waits_to_be_delivered(rig: Rig) -> None:
    assert "delivery" not in rig.figures()
    delivery = {"target": "s3://lab", "waiting": 2, "waiting_bytes": 5000, "oldest_s": 60.5, "error": "It is full."}
    with rig_of(read_delivery=lambda: delivery) as other:
        assert other.figures()["delivery"] == delivery
        lines = other.get("/metrics")[1].decode().splitlines()
    assert "ac_telemetry_delivery_waiting 2" in lines
    assert "ac_telemetry_delivery_waiting_bytes 5000" in lines
    assert "ac_telemetry_delivery_oldest_seconds 60.5" in lines
    assert "ac_telemetry_delivery_failing 1.0" in lines
