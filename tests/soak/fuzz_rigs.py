"""Fuzz of ``serve --collect``: rigs that send what no rig sends, beside a good one."""

import json
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from random import Random
from threading import Thread
from typing import Final

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.server import ServerConnection, serve

from telemetry.fields.wire import LineEncoder
from tests.conftest import sample_of
from tests.soak.fuzz_stream import INTERNAL_ERROR
from tests.soak.mutation import mutate, nasty_json
from tests.soak.outcome import Kind, Outcome, TrialFailed
from tests.soak.served import ANSWER_S, Served
from tests.soak.workshop import Workshop

RIGS: Final = 24
MESSAGES_OF_CONNECTION: Final = 30
SECONDS: Final = 6.0
"""How long one trial goes on, in which most rigs are given up, and some connected to again."""

HELLO: Final = {"type": "hello", "stream_id": "a", "protocol": 1, "host": "x", "version": "1", "thresholds": {}}


def _good_message(random: Random) -> bytes:
    number = random.randrange(1000)
    kinds = (
        LineEncoder().encode(sample_of(sequence=number, timestamp=float(number), elapsed=number / 20)),
        json.dumps(HELLO).encode(),
        json.dumps({"type": "state", "state": random.choice(("live", "menu", "x")), "message": "text"}).encode(),
        json.dumps({"type": "track", "track": "spa", "layout": "", "picture": {"path": "map.png?12"}}).encode(),
        json.dumps({"type": random.choice(("lap", "marker", "error", "x")), "number": 1, "message": "m"}).encode(),
    )
    return random.choice(kinds)


def _message(random: Random) -> bytes:
    data = _good_message(random)
    if random.random() < 0.3:
        values = json.loads(data)
        values[random.choice(sorted(values))] = nasty_json(random, 9)
        data = json.dumps(values).encode("utf-8", "surrogatepass")
    return mutate(data, random) if random.random() < 0.1 else data


@contextmanager
def _bad_rigs(random: Random) -> Iterator[int]:
    """A server whose every path is another bad rig; gives its port."""

    def handle(connection: ServerConnection) -> None:
        own = Random(random.getrandbits(64))
        with suppress(ConnectionClosed, OSError):
            connection.send(json.dumps(HELLO))
            for _ in range(MESSAGES_OF_CONNECTION):
                data = _message(own)
                try:
                    connection.send(data.decode())
                except UnicodeDecodeError:
                    connection.send(data)
            if own.random() < 0.5:
                connection.socket.sendall(mutate(b"\x81\x7e\x01\x00" + bytes(256), own))
            connection.recv(timeout=own.choice((0.1, SECONDS)))

    with serve(handle, "127.0.0.1", 0, compression=None) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        yield server.socket.getsockname()[1]
        server.shutdown()
    thread.join()


def _rigs(shop: Workshop, random: Random) -> Outcome:
    with ExitStack() as stack:
        port = stack.enter_context(_bad_rigs(random))
        good = stack.enter_context(Served("--rate", "20"))
        addresses = [f"good={good.url}", *(f"r{number}=ws://127.0.0.1:{port}/{number}" for number in range(RIGS))]
        served = stack.enter_context(Served("--duration", "1h", source=("--collect", ",".join(addresses))))
        clients = [
            stack.enter_context(connect(f"{served.url}/rigs/r{number}?events=1&hello=1&track=1", max_size=None))
            for number in range(0, RIGS, 3)
        ]
        watched = stack.enter_context(connect(f"{served.url}/rigs/good?fields=sequence"))
        end = time.monotonic() + SECONDS
        sequences = []
        while time.monotonic() < end:
            sequences.append(json.loads(watched.recv(timeout=ANSWER_S)).get("sequence"))
        if sequences != list(range(sequences[0], sequences[0] + len(sequences))):
            raise TrialFailed(f"samples of the good rig are missing: {sequences}")
        for client in clients:
            with suppress(TimeoutError):
                try:
                    while True:
                        client.recv(timeout=0.0)
                except ConnectionClosed as error:
                    if error.rcvd is not None and error.rcvd.code == INTERNAL_ERROR:
                        raise TrialFailed(f"a client of a bad rig is closed with {INTERNAL_ERROR}") from error
        served.check()
        for name, rig in served.figures()["rigs"].items():
            if "could not be read" in rig["message"]:
                raise TrialFailed(f"{name}: {rig['message']}")
    return Outcome(0.0, RIGS * MESSAGES_OF_CONNECTION)


def kinds() -> list[Kind]:
    """One row."""
    what = "fuzz of `serve --collect`: messages of rigs"
    return [Kind(name="fuzz-rigs", what=what, trial=_rigs, worst="the good rig's samples complete, no 1011")]
