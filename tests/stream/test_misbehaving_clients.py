"""Clients that do not read, send too much, or disappear."""

import contextlib
import json
import os
import socket
import struct
import threading

import orjson
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from telemetry.stream.broadcast import MAX_BUFFER_BYTES
from tests.conftest import PATIENCE, real_time, wait_until
from tests.stream.rig import Rig, receive, rig_of, shake_hands

pytestmark = real_time


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
