"""What clients may request for, who may request, and what plain HTTP answers: all without a connection."""

import json
import string
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path

import orjson
import ormsgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.base.errors import UsageError
from telemetry.fields.selection import ALL_COLUMNS, select
from telemetry.fields.thresholds import Thresholds
from telemetry.fields.wire import LineEncoder
from telemetry.stream.access import AccessPolicy, is_loopback
from telemetry.stream.http_responses import Metric, MetricValue, file_response, prometheus_response
from telemetry.stream.protocol import (
    MarkerRequest,
    PingRequest,
    RequestError,
    StreamDescription,
    SubscribeRequest,
    Subscription,
    hello_message,
    parse_message,
    parse_query,
    to_msgpack,
    use_sdk_names,
)
from tests.conftest import sample_of


def keys(subscription: Subscription) -> list[str]:
    return [column.key for column in subscription.columns]


def test_nothing_asked_for_is_everything_as_json() -> None:
    request = parse_query("")
    assert request.subscription == Subscription()
    assert (request.subscription.columns, request.hello, request.errors) == (ALL_COLUMNS, False, ())


def test_a_query_sets_every_option() -> None:
    request = parse_query("rate=5&fields=speed_kmh,gear&names=sdk&format=msgpack&events=1&hello=1&token=secret")
    wanted = request.subscription
    assert (wanted.rate, wanted.names, wanted.format, wanted.events, request.hello) == (
        5.0,
        "sdk",
        "msgpack",
        True,
        True,
    )
    assert keys(wanted) == ["speedKmh", "gear"]
    assert request.errors == ()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("rate=fast", "rate must be 0.01 samples per second or more, got 'fast'."),
        ("rate=0", "rate must be 0.01 samples per second or more, got '0'."),
        ("rate=nan", "rate must be 0.01 samples per second or more, got 'nan'."),
        ("fields=geer", "There is no field 'geer'. Did you mean gear"),
        ("fields=", "No field was selected."),
        ("names=SDK", "names must be wire or sdk, got 'SDK'."),
        ("format=xml", "format must be json or msgpack, got 'xml'."),
        ("events=maybe", "events must be 1 or 0, got 'maybe'."),
        (
            "colour=red",
            "Unknown option: 'colour'. Options are: rate, fields, names, format, events, delta, track, hello.",
        ),
        ("rate=5&rate=6", "rate is given twice"),
        ("rate", "The query of the address must have the form key=value&key=value."),
    ],
)
def test_options_with_errors_are_listed_and_the_others_are_used(query: str, sentence: str) -> None:
    (error,) = parse_query(query).errors
    assert error.startswith(sentence)
    assert parse_query(f"hello=1&{query}").hello or query == "rate"


def test_a_message_changes_what_it_names_and_leaves_the_rest() -> None:
    before = parse_query("fields=gear,rpm&events=1").subscription
    request = parse_message('{"type": "subscribe", "rate": 5, "names": "sdk"}', before)
    assert isinstance(request, SubscribeRequest)
    now = request.subscription
    assert (now.rate, now.events, keys(now)) == (5.0, True, ["gear", "rpms"])
    request = parse_message('{"type": "subscribe", "rate": null, "fields": ["brake", "gas"]}', now)
    assert isinstance(request, SubscribeRequest)
    assert (request.subscription.rate, keys(request.subscription)) == (None, ["brake", "gas"])
    request = parse_message('{"type": "subscribe", "fields": "nothing_such"}', now)
    assert isinstance(request, SubscribeRequest)
    assert keys(request.subscription) == ["gear", "rpms"]
    assert len(request.errors) == 1


def test_pings_and_markers() -> None:
    assert parse_message(b'{"type": "ping", "id": [1]}', Subscription()) == PingRequest([1])
    assert parse_message('{"type": "marker", "name": " oversteer "}', Subscription()) == MarkerRequest("oversteer")


@pytest.mark.parametrize(
    ("message", "sentence"),
    [
        ("hello", "This is not JSON. A request is an object"),
        ("[1]", "This is not a JSON object. A request is one"),
        ("{}", "The request has no type. Types are: subscribe, ping, marker."),
        ('{"type": "shutdown"}', "Unknown type of request: 'shutdown'. Types are: subscribe, ping, marker."),
        ('{"type": ["x"]}', "Unknown type of request: ['x']."),
        ('{"type": "ping", "x": 1}', "Unknown key of a ping request: 'x'. Keys are: id."),
        ('{"type": "marker"}', 'A marker needs a name: {"type": "marker", "name": "understeer"}.'),
        ('{"type": "marker", "name": "a\\nb"}', "A marker's name must be one line of at most 200 characters."),
    ],
)
def test_messages_that_are_not_requests_have_an_error(message: str, sentence: str) -> None:
    with pytest.raises(RequestError) as caught:
        parse_message(message, Subscription())
    assert str(caught.value).startswith(sentence)


@given(st.text() | st.text(string.printable) | st.text("rate=fields&%,*1;"))
def test_any_query_gives_a_subscription(query: str) -> None:
    assert parse_query(query).subscription.columns


_json = st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5)
_keys = st.sampled_from(["type", "rate", "fields", "names", "format", "events", "delta", "hello", "id", "name", "x"])


_requests = st.dictionaries(_keys, _json | st.sampled_from(["subscribe", "ping", "marker"])).map(json.dumps)


@given(st.binary() | _requests)
def test_any_message_gives_a_request_or_a_request_error(data: bytes | str) -> None:
    with suppress(RequestError):
        parse_message(data, Subscription())


def test_sdk_names_join_whole_vectors_and_leave_parts_alone() -> None:
    assert [column.key for column in use_sdk_names(select("velocity_x,velocity_y,velocity_z,acc_g_x"))] == [
        "velocity",
        "acc_g_x",
    ]
    names = [column.key for column in use_sdk_names(ALL_COLUMNS)]
    assert len(names) == len(set(names))
    assert {"packetId", "graphics_packet_id", "speedKmh", "tyreContactPoint", "is_lap_valid", "timestamp"} <= set(names)
    sample = sample_of(velocity_x=1.0, velocity_y=2.0, velocity_z=3.0, gear=3)
    line = orjson.loads(LineEncoder(use_sdk_names(select("velocity_*,gear"))).encode(sample))
    assert line == {"velocity": [1.0, 2.0, 3.0], "gear": 3}


def test_messagepack_holds_what_json_holds() -> None:
    text = LineEncoder().encode(sample_of(brake=float("nan"), gas=0.9))
    values = ormsgpack.unpackb(to_msgpack(text))
    assert values == orjson.loads(text)
    assert (values["brake"], values["gas"]) == (None, 0.9)


DEMO = StreamDescription("a1", "demo", 20.0)


def test_a_hello_describes_the_clients_own_samples() -> None:
    subscription = parse_query("fields=gear,speed_kmh").subscription
    message = hello_message(subscription, DEMO, sample_of())
    assert (message["stream_id"], message["source"], message["rate"]) == ("a1", "demo", 20.0)
    assert orjson.loads(orjson.dumps(message))["subscription"]["fields"] == "gear,speed_kmh"
    assert message["units"] == {"gear": "enum", "speed_kmh": "km/h"}
    assert message["schema"]["required"] == ["gear", "speed_kmh"]
    assert message["static"]["car_model"] == "demo_gt3"
    assert hello_message(subscription, DEMO, None)["static"] is None


def test_a_hello_has_the_thresholds_of_the_server_and_the_limits_of_displays() -> None:
    stream = DEMO._replace(thresholds=Thresholds(tyre_damaged=0.7, steer_lock=450.0))
    message = orjson.loads(orjson.dumps(hello_message(Subscription(), stream, None)))
    assert message["thresholds"] == {
        "tyres_out": 3, "lock_brake": 0.5, "lock_rule": "greatest", "lock_slip": None, "min_load": 50.0,
        "brake_on": 0.05, "locked_wheel": 0.1, "min_speed_kmh": 7.2, "damaged": 0.05, "critical": 0.5,
        "tyre_floor": None, "default_tyre_floor": 88.0, "tyre_damaged": 0.7, "tyre_critical": 0.95, "steer_lock": 450.0,
    }  # fmt: skip
    assert message["display_limits"] == {
        "shift_rpm_fraction": 0.92, "first_light_rpm_fraction": 0.7, "peak_slip": 1.0, "full_slip": 2.0,
        "full_delta_s": 2.0,
        "tyre_temperature_bands": [[50.0, "cold"], [70.0, "cool"], [100.0, "good"], [115.0, "hot"]],
    }  # fmt: skip


@pytest.mark.parametrize(
    ("host", "yes"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("rig", False)]
)
def test_loopback_addresses_are_recognised(host: str, yes: bool) -> None:
    assert is_loopback(host) is yes


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "LOCALHOST", "[::1]:8765"])
def test_own_names_pass(host: str) -> None:
    assert AccessPolicy("127.0.0.1").check_host(host) is None


@pytest.mark.parametrize(
    "host", [None, "", "evil.com", "evil.com:8765", "127.0.0.1.evil.com", "192.168.0.5", "a b", "x'"]
)
def test_foreign_names_are_refused(host: str | None) -> None:
    assert AccessPolicy("127.0.0.1").check_host(host) is not None


def test_on_a_network_addresses_pass_and_foreign_names_do_not() -> None:
    policy = AccessPolicy("0.0.0.0", allowed_origins=("https://rig.example.org",))
    assert policy.check_host("192.168.0.5:8765") is None
    assert policy.check_host("rig.example.org") is None
    assert policy.check_host("evil.com:8765") is not None


def test_origins() -> None:
    policy = AccessPolicy("127.0.0.1", allowed_origins=("http://localhost:3000",))
    host = "127.0.0.1:8765"
    for origin in (None, "http://127.0.0.1:8765", "http://localhost:3000"):
        assert policy.check_origin(origin, host) is None
    for origin in ("null", "http://evil.com", "http://127.0.0.1", "http://localhost:30000", "file://"):
        assert policy.check_origin(origin, host) is not None
    assert AccessPolicy("127.0.0.1", allowed_origins=("*",)).check_origin("null", host) is None


def test_an_allowed_origin_that_is_no_address_is_an_error() -> None:
    with pytest.raises(UsageError, match=r"^http://\[x is not the origin of a page; an origin looks like http://"):
        AccessPolicy("127.0.0.1", allowed_origins=("http://[x",))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "192.168.0.5"])
def test_this_machine_may_set_markers(address: str) -> None:
    assert AccessPolicy("0.0.0.0").check_marker(address, "192.168.0.5") is None


def test_other_machines_may_set_markers_only_where_there_is_a_token() -> None:
    refusal = "Other computers may set markers only where there is a token. Start the server with --token new."
    assert AccessPolicy("0.0.0.0").check_marker("192.168.0.7", "192.168.0.5") == refusal
    assert AccessPolicy("0.0.0.0", token="abc").check_marker("192.168.0.7", "192.168.0.5") is None


def test_tokens() -> None:
    policy = AccessPolicy("0.0.0.0", token="sécret")
    assert policy.check_token("token=s%C3%A9cret", None) is None
    assert AccessPolicy("0.0.0.0", token="abc").check_token("", "Bearer abc") is None
    assert policy.check_token("", None) == "Missing token: add ?token=... to the address."
    assert policy.check_token("token=wrong", None) == "Wrong token."
    assert AccessPolicy("127.0.0.1").check_token("", None) is None


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "vendor").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>", encoding="utf-8")
    (folder / "vendor" / "plot.js").write_text("1", encoding="utf-8")
    (folder / ".hidden.js").write_text("hidden", encoding="utf-8")
    (folder / "module.py").write_text("no page", encoding="utf-8")
    (tmp_path / "secret.txt").write_text("secret", encoding="utf-8")
    return folder


def test_files_are_served_with_type_policy_and_tag(page: Path) -> None:
    answer = file_response(page, "/", "127.0.0.1:8765", None)
    assert (answer.status, answer.body) == (HTTPStatus.OK, b"<!doctype html>")
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    assert answer.headers["Content-Security-Policy"].startswith("default-src 'none'; script-src 'self'; ")
    assert "ws://127.0.0.1:8765" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    again = file_response(page, "/", "127.0.0.1:8765", answer.headers["ETag"])
    assert (again.status, again.body) == (HTTPStatus.NOT_MODIFIED, b"")
    script = file_response(page, "/vendor/plot.js", "h", None)
    assert script.headers["Content-Type"] == "text/javascript; charset=utf-8"


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/..\\secret.txt", "/%5c..%5csecret.txt",
     "//secret.txt", "/vendor", "/vendor/", "/.hidden.js", "/module.py", "/C:/secret.txt", "/index.html::$DATA",
     "/a%00b", "/nothing.js", "/" + "x" * 5000],
)  # fmt: skip
def test_nothing_else_is_served(page: Path, path: str) -> None:
    assert file_response(page, path, "h", None).status == HTTPStatus.NOT_FOUND


def test_a_link_that_leads_out_is_not_followed(page: Path, tmp_path: Path) -> None:
    try:
        (page / "link.txt").symlink_to(tmp_path / "secret.txt")
    except OSError:
        pytest.skip("this system lets us make no link")
    assert file_response(page, "/link.txt", "h", None).status == HTTPStatus.NOT_FOUND


def test_metrics_are_prometheus_text() -> None:
    answer = prometheus_response(
        [
            Metric("a", "gauge", "What a is.", [MetricValue(2.0, 'x="1"')]),
            Metric("b", "counter", "b.", [MetricValue(3)]),
        ]
    )
    assert answer.body == b'# HELP a What a is.\n# TYPE a gauge\na{x="1"} 2.0\n# HELP b b.\n# TYPE b counter\nb 3\n'
