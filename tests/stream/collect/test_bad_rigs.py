"""Rigs that are none, or that send what they should not: each is a sentence, and the others do not notice."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection

from telemetry.fields.wire import LineEncoder
from telemetry.stream.collect.rig_connection import MAX_MESSAGE_BYTES
from telemetry.stream.collect.rig_stats import parse_stats
from tests.conftest import real_time, sample_of
from tests.stream.collect.lab import lab_of, receive_until
from tests.stream.rig import Rig, receive, rig_of, scripted, serving

pytestmark = real_time

HELLO: Final = json.dumps({"type": "hello", "stream_id": "a", "protocol": 1})
SAMPLE: Final = LineEncoder().encode(sample_of()).decode()


@pytest.mark.parametrize(
    ("messages", "problem"),
    [
        (["hello"], "{url} does not send telemetry: a message is not JSON."),
        (["[1]"], "{url} does not send telemetry: a message is not a JSON object."),
        (['{"price": 3}'], "{url} does not send telemetry: this is not a sample of telemetry."),
        (['{"gear": "first"}'], '{url} does not send telemetry: gear is "first", but it must be a whole number.'),
        (["[" * MAX_MESSAGE_BYTES + "x"], "{url} does not send telemetry: a message is too long."),
        (
            [json.dumps({"type": "hello", "protocol": 9})],
            "{url} speaks protocol 9, and this version knows 1. Update this one.",
        ),
        (
            [json.dumps({"type": "hello", "stream_id": "b", "rigs": ["one", "two"]})],
            "{url} is a server of many rigs. The stream of one is at {url}/rigs/NAME; names are: one, two.",
        ),
    ],
)
def test_what_is_no_rig_is_a_sentence(messages: list[str], problem: str, rig: Rig) -> None:
    with scripted(messages) as url, lab_of(f"bad={url}", f"good={rig.url}") as lab:
        sentence = f"{problem.format(url=url)} The next attempt is in 15 s."
        seen = lab.wait_for("bad", message=sentence)
        assert (seen["connected"], seen["state"]) == (False, "waiting")
        lab.wait_for("good", connected=True)
        assert f"bad: {problem.format(url=url)}" in list(lab.server.take_news())


def test_a_refused_token_is_a_sentence() -> None:
    with rig_of(token="secret") as rig, lab_of(f"left={rig.url}/?token=wrong", f"right={rig.url}") as lab:
        refused = f"{rig.url}/ refused the connection (401)"
        lab.wait_for("left", message=f"{refused}: Wrong token. The next attempt is in 15 s.")
        sentence = f"{rig.url} refused the connection (401): Missing token: add ?token=... to the address."
        lab.wait_for("right", message=f"{sentence} The next attempt is in 15 s.")


@pytest.mark.parametrize(
    "message", ["nothing", "[1]", '{"gear": "first"}', '{"gear": ' + "[" * 300 + "]" * 300 + "}", '{"type": [1]}']
)
def test_what_a_stream_should_not_send_ends_it_and_not_its_clients(message: str) -> None:
    deep = '{"type": "news", "deep": ' + "[" * 300 + "]" * 300 + "}"
    with (
        scripted([HELLO, SAMPLE, message, deep]) as url,
        lab_of(f"left={url}") as lab,
        connect(f"{lab.url}/rigs/left?events=1&fields=gear") as ws,
    ):
        problem = f"{url} does not send telemetry: "
        receive_until(ws, lambda said: said.get("type") == "state" and said["message"].startswith(problem))
        ws.send('{"type": "ping", "id": 1}')
        assert receive_until(ws, lambda said: said.get("type") == "pong")["id"] == 1


@contextmanager
def flooding(message: str) -> Iterator[str]:
    """A server that sends this as fast as it can."""

    def handle(connection: ServerConnection) -> None:
        try:
            connection.send(HELLO)
            while True:
                connection.send(message)
        except ConnectionClosed:
            pass

    with serving(handle) as url:
        yield url


@pytest.mark.parametrize("message", ["", SAMPLE, '{"type": "state", "state": "live"}'])
def test_a_rig_that_floods_takes_nothing_from_others(message: str, rig: Rig) -> None:
    with (
        flooding(message) as url,
        lab_of(f"flood={url}", f"good={rig.url}") as lab,
        connect(f"{lab.url}/rigs/flood"),
        connect(f"{lab.url}/rigs/good?fields=sequence") as ws,
    ):
        rig.on_reading()
        first = receive(ws)["sequence"]
        rig.on_reading(60)
        assert [receive(ws)["sequence"] for _ in range(60)] == list(range(first + 1, first + 61))


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"", None),
        (b"<html>", None),
        (b"[]", None),
        (b"{}", None),
        (b'{"state": "live", "samples": 5.0, "rate_measured_hz": 1, "host": 3}', (5, 1.0, None, "", "live")),
        (b'{"state": 7, "samples": "x", "age_s": true, "host": "rig"}', (0, None, None, "rig", "waiting")),
    ],
)
def test_the_counters_of_a_rig_are_taken_as_they_should_be(data: bytes, expected: Any) -> None:
    stats = parse_stats(data)
    found = stats and (stats.samples, stats.rate_measured_hz, stats.age_s, stats.host, stats.state)
    assert found == expected
