"""What one client can cost the others: the work between two looks of the event loop for the next sample.

Work is counted as calls of functions, the same on every machine; a call takes a quarter of a microsecond or so.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from telemetry.fields.selection import MAX_PATTERNS
from telemetry.stream.connection_limits import MAX_PENDING, MAX_PENDING_PER_ADDRESS
from tests.conftest import real_time, wait_until
from tests.stream.rig import Rig, receive, rig_of, shake_hands

pytestmark = real_time

MOST_CALLS = 20_000
"""Five milliseconds."""


class CallCounter:
    """Counts the calls in each turn of the event loops of threads that begin while it is set."""

    def __init__(self) -> None:
        self.most = 0
        """The most calls in one turn."""
        self._calls = 0

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        self._calls += event in ("call", "c_call")
        if event == "return" and frame.f_code.co_name == "_run_once":
            self.most, self._calls = max(self.most, self._calls), 0


@pytest.fixture
def counted() -> Iterator[tuple[Rig, CallCounter]]:
    """A server whose work is counted, and the counter."""
    counter = CallCounter()
    threading.setprofile(counter)
    with contextlib.ExitStack() as stack:
        try:
            rig = stack.enter_context(rig_of())
        finally:
            threading.setprofile(None)
        rig.on_reading()
        yield rig, counter


def ask(rig: Rig, **request: Any) -> None:
    """Send one request and wait for its answers."""
    with connect(f"{rig.url}/?fields=gear", compression=None) as ws:
        ws.send(json.dumps(request, ensure_ascii=False))
        while receive(ws).get("type") not in ("subscribed", "pong", "marker"):
            pass


def globs(number: int) -> list[str]:
    """As many globs as may be asked for, in more characters than there are letters."""
    return [f"[!{chr(0x4E00 + MAX_PATTERNS * number + offset)}]*" for offset in range(MAX_PATTERNS)]


def ask_for_new_globs(rig: Rig) -> None:
    ask(rig, type="subscribe", fields=globs(0))


def ask_for_new_globs_in_the_address(rig: Rig) -> None:
    with connect(f"{rig.url}/?hello=1&fields={','.join(globs(1)[:120])}", compression=None) as ws:
        assert receive(ws)["type"] == "hello"


def ask_for_too_many_globs(rig: Rig) -> None:
    ask(rig, type="subscribe", fields=[*globs(2)[:1000], *globs(3)], rate=5)


def ask_for_unknown_names(rig: Rig) -> None:
    ask(rig, type="subscribe", fields=[f"tyre_core_tem{number}" for number in range(30)])


def ask_for_one_long_name(rig: Rig) -> None:
    ask(rig, type="subscribe", fields="tyre_core_tem" * 1000)


def ask_for_nothing_again_and_again(rig: Rig) -> None:
    ask(rig, type="subscribe", fields="," * 16_000)


def name_unknown_options(rig: Rig) -> None:
    with connect(rig.url, compression=None) as ws:
        receive(ws)
        ws.send(json.dumps({"type": "subscribe"} | {f"a{number}": 1 for number in range(1000)}))
        assert receive(ws)["message"] == "A request has at most 32 options, got 1000."


def send_deep_lists(rig: Rig) -> None:
    with connect(rig.url, compression=None) as ws:
        receive(ws)
        for depth in (300, 990, 1020):
            ws.send('{"type":"subscribe","rate":' + "[" * depth + "]" * depth + "}")
            assert receive(ws)["type"] == "subscribed"
            assert receive(ws)["message"].startswith("rate must be 0.01 samples per second or more, got ")


def ask_for_much_at_once(rig: Rig) -> None:
    with connect(rig.url, compression=None) as ws:
        for number in range(30):
            names = ("wire", "sdk")[number % 2]
            ws.send(json.dumps({"type": "subscribe", "names": names, "hello": 1, "events": 1}))
        for _ in range(30):
            while receive(ws).get("type") != "hello":
                pass


def set_markers(rig: Rig) -> None:
    with connect(f"{rig.url}/?events=1", compression=None) as ws:
        for _ in range(8):
            ws.send('{"type":"marker","name":"here"}')
        for _ in range(8):
            while receive(ws).get("type") != "marker":
                pass


def flood_with_frames(rig: Rig, frame: bytes) -> None:
    """Send tens of thousands of the smallest frames, until the server has enough."""
    raw = shake_hands(rig)
    with raw, contextlib.suppress(OSError):
        for _ in range(4):
            raw.sendall(frame * 10_000)
    wait_until(lambda: rig.figures()["clients"] == 0)


def flood_with_pings(rig: Rig) -> None:
    flood_with_frames(rig, b"\x89\x80" + bytes(4))


def flood_with_pongs(rig: Rig) -> None:
    flood_with_frames(rig, b"\x8a\x80" + bytes(4))


def ask_for_pages(rig: Rig) -> None:
    for path in ("/", "/healthz", "/metrics", "/app.js", f"/{'x' * 4000}"):
        rig.get(path)


def open_without_a_word(rig: Rig) -> None:
    connections = [socket.create_connection(("127.0.0.1", rig.server.port)) for _ in range(2 * MAX_PENDING)]
    with connect(rig.url, compression=None) as ws:
        receive(ws)
    for connection in connections:
        connection.close()


@pytest.mark.parametrize(
    "attack",
    [
        ask_for_new_globs,
        ask_for_new_globs_in_the_address,
        ask_for_too_many_globs,
        ask_for_unknown_names,
        ask_for_one_long_name,
        ask_for_nothing_again_and_again,
        name_unknown_options,
        send_deep_lists,
        ask_for_much_at_once,
        set_markers,
        flood_with_pings,
        flood_with_pongs,
        ask_for_pages,
        open_without_a_word,
    ],
)
def test_no_client_holds_the_event_loop_for_more_than_five_milliseconds(
    counted: tuple[Rig, CallCounter], attack: Callable[[Rig], None]
) -> None:
    rig, counter = counted
    attack(rig)
    rig.on_reading()
    assert rig.figures()["samples"] == 2
    assert 0 < counter.most < MOST_CALLS


def test_a_newcomer_gets_in_beside_connections_that_say_nothing(rig: Rig) -> None:
    silent = [socket.create_connection(("127.0.0.1", rig.server.port)) for _ in range(2 * MAX_PENDING)]
    rig.on_reading()
    with connect(rig.url) as ws:
        assert receive(ws)["sequence"] == 0
    for connection in silent[:-MAX_PENDING_PER_ADDRESS]:
        connection.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert connection.recv(1) == b""
    for connection in silent:
        connection.close()


def test_work_counts_as_messages_and_delays_the_next_one(rig: Rig) -> None:
    with connect(f"{rig.url}/?fields=sequence", compression=None) as ws:
        ws.send(json.dumps({"type": "subscribe", "fields": globs(4)[:60]}, ensure_ascii=False))
        assert receive(ws)["type"] == "subscribed"
        ws.send('{"type": "ping", "id": 1}')
        assert receive(ws) == {"type": "error", "message": "Rate limit: at most 20 messages per second."}
        assert receive(ws) == {"type": "pong", "id": 1}


def test_options_that_choose_no_other_fields_cost_nothing_more(rig: Rig) -> None:
    with connect(f"{rig.url}/?fields=gear*,rp?", compression=None) as ws:
        for rate in range(5, 40):
            ws.send(json.dumps({"type": "subscribe", "rate": rate, "fields": "gear*,rp?", "names": "wire"}))
        answers = [receive(ws) for _ in range(35)]
    assert [answer["type"] for answer in answers] == ["subscribed"] * 35


def test_a_closed_client_is_not_waited_for(rig: Rig) -> None:
    with connect(f"{rig.url}/?fields={','.join(globs(5)[:120])}", compression=None) as ws:
        ws.send(json.dumps({"type": "subscribe", "fields": globs(6)}, ensure_ascii=False))
    with contextlib.suppress(ConnectionClosed):
        ws.recv()
    wait_until(lambda: rig.figures()["clients"] == 0)
