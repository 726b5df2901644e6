"""Fuzz of the stream: requests, queries, messages and frames that no good client sends."""

import json
import socket
from contextlib import suppress
from random import Random
from typing import Final
from urllib.parse import quote

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidMessage, InvalidStatus
from websockets.sync.client import connect

from tests.soak.mutation import NASTY_TEXTS, mutate, nasty_json
from tests.soak.outcome import Kind, Outcome, TrialFailed
from tests.soak.served import ANSWER_S, Served, handshake, masked_frame, read_close_code
from tests.soak.workshop import Workshop

INTERNAL_ERROR: Final = 1011
MESSAGES_OF_CONNECTION: Final = 30
"""The server reads 40 messages at once, and 20 a second after them."""
OPTIONS: Final = ("rate", "fields", "names", "format", "events", "delta", "hello", "token", "x", "")


def _http(shop: Workshop, random: Random) -> Outcome:
    inputs = 1000
    with Served() as served:
        targets = ("/", "/healthz", "/metrics", "/app.js", "/../../etc/passwd", "/?rate=5", "*", "http://x/")
        for _ in range(inputs):
            good = f"GET {random.choice(targets)} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nX: y\r\n\r\n".encode()
            request = mutate(random.choice((good, handshake(served.port))), random)
            status = _ask(served, request)
            if status.startswith(b"5") and status != b"503":
                raise TrialFailed(f"{request[:300]!r} is answered by {status!r}; {served.said()}")
        served.check()
    return Outcome(0.0, inputs)


def _ask(served: Served, request: bytes) -> bytes:
    """The status of the answer; empty where the server closes without one."""
    with served.connect() as raw, suppress(OSError):  # however it says that the server has closed
        raw.sendall(request)
        raw.shutdown(socket.SHUT_WR)
        try:
            answer = raw.recv(4096)
        except TimeoutError:
            raise TrialFailed(f"no answer in {ANSWER_S:g} s to {request[:300]!r}") from None
        if answer and not answer.startswith(b"HTTP/1.1 "):
            raise TrialFailed(f"{request[:300]!r} is answered by {answer[:100]!r}")
        return answer[9:12]
    return b""


def _query(shop: Workshop, random: Random) -> Outcome:
    inputs = 150
    with Served() as served:
        for _ in range(inputs):
            pairs = [
                f"{random.choice(OPTIONS)}={quote(_short_text(random), safe=random.choice(('', '&=%[]*,')))}"
                for _ in range(random.choice((1, 2, 5, 40)))
            ]
            query = "/?" + "&".join(pairs)
            try:
                with connect(served.url + query, open_timeout=ANSWER_S, close_timeout=1.0, compression=None) as socket_:
                    socket_.recv(timeout=ANSWER_S)
            except InvalidStatus as error:
                if error.response.status_code >= 500:
                    raise TrialFailed(f"{query[:300]} is answered by {error.response.status_code}") from error
            except ConnectionClosed as error:
                if error.rcvd is not None and error.rcvd.code == INTERNAL_ERROR:
                    raise TrialFailed(f"{query[:300]} ends with {INTERNAL_ERROR}") from error
            except (InvalidMessage, InvalidHandshake, ConnectionError):
                pass  # a line too long, and the like: no answer is one
            except TimeoutError:
                raise TrialFailed(f"no sample in {ANSWER_S:g} s after {query[:300]}") from None
        served.check()
    return Outcome(0.0, inputs)


def _short_text(random: Random) -> str:
    if random.random() < 0.4:
        return random.choice(NASTY_TEXTS)[:400].decode("latin-1")
    value = nasty_json(random, 9)
    return str(value)[:400]


def _message(random: Random) -> bytes:
    kind = random.choice(("subscribe", "subscribe", "ping", "marker", nasty_json(random, 9)))
    keys = random.sample(("type", "rate", "fields", "names", "format", "events", "delta", "hello", "id", "name"), 3)
    message = {"type": kind, **{key: nasty_json(random) for key in keys if key != "type"}}
    data = json.dumps(message, ensure_ascii=random.random() < 0.5).encode("utf-8", "surrogatepass")
    if random.random() < 0.1:
        levels = random.choice((100, 249, 250, 254, 255, 1000))
        data = b'{"type":"ping","id":' + b"[" * levels + b"]" * levels + b"}"
    return (mutate(data, random) if random.random() < 0.4 else data)[:15000]


def _messages(shop: Workshop, random: Random) -> Outcome:
    connections = 20
    with Served() as served:
        for _ in range(connections):
            _send_messages(served, random)
        served.check()
    return Outcome(0.0, connections * MESSAGES_OF_CONNECTION)


def _send_messages(served: Served, random: Random) -> None:
    sent: list[bytes] = []
    try:
        with connect(served.url, close_timeout=1.0, compression=None, max_size=None) as client:
            for _ in range(MESSAGES_OF_CONNECTION):
                sent.append(_message(random))
                try:
                    client.send(sent[-1].decode())
                except UnicodeDecodeError:
                    client.send(sent[-1])
            mark = random.getrandbits(40)
            client.send(json.dumps({"type": "subscribe", "format": "json"}))
            client.send(json.dumps({"type": "ping", "id": mark}))
            while True:
                answer = client.recv(timeout=ANSWER_S)
                if isinstance(answer, str) and f'"id":{mark}' in answer:
                    return
    except ConnectionClosed as error:
        raise TrialFailed(f"{error} after {sent[-1][:500]!r} (or one of the {len(sent)} before)") from error
    except TimeoutError:
        raise TrialFailed(f"no pong in {ANSWER_S:g} s; the last message was {sent[-1][:500]!r}") from None


def _frames(shop: Workshop, random: Random) -> Outcome:
    inputs = 60
    with Served("--rate", "20") as served:
        for _ in range(inputs):
            frames = b"".join(_frame(random) for _ in range(random.choice((1, 3, 10))))
            if random.random() < 0.3:
                frames = mutate(frames, random)
            with served.shake_hands("/?fields=sequence") as raw:
                with suppress(OSError):
                    raw.sendall(frames)
                code = read_close_code(raw, 0.15)
            if code == INTERNAL_ERROR:
                raise TrialFailed(f"{frames[:300]!r} ends with {INTERNAL_ERROR}; {served.said()}")
        served.check()
    return Outcome(0.0, inputs)


def _frame(random: Random) -> bytes:
    payload = random.choice(
        (_message(random), random.choice(NASTY_TEXTS), random.randbytes(random.choice((0, 1, 125, 20000))))
    )
    declared = random.choice((None, None, None, 0, 2**16, 2**31, 2**63 - 1, 2**63, 2**64 - 1))
    frame = masked_frame(
        random.choice((0, 1, 1, 2, 3, 8, 9, 10, 15)), payload, final=random.random() < 0.8, declared=declared
    )
    if random.random() < 0.1:
        frame = bytes([frame[0] | random.choice((0x10, 0x20, 0x40))]) + frame[1:]
    return frame


def _acgym(shop: Workshop, random: Random) -> Outcome:
    """Datagrams and bytes that assetto_corsa_gym's client never sends."""
    inputs = 1000
    texts = (
        b"connect",
        b"disconnect",
        b"identify",
        b"0,0,0",
        b"1.0,nan,inf",
        b"{}",
        b'{"command":"reset"}',
        *NASTY_TEXTS,
    )
    options = ("--rate", "25", "--management-port", "0")
    with Served(*options, command="serve-acgym") as served:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
            for _ in range(inputs):
                with suppress(OSError):
                    datagrams.sendto(mutate(random.choice(texts), random)[:60000], ("127.0.0.1", served.udp_port))
        for _ in range(20):
            with suppress(OSError), served.connect() as raw:
                raw.sendall(mutate(random.choice(texts), random))
        served.check_running()
    return Outcome(0.0, inputs)


def kinds() -> list[Kind]:
    """A row for each layer of the stream."""
    trials = {
        "http": ("requests", _http),
        "query": ("queries of addresses", _query),
        "messages": ("messages", _messages),
        "frames": ("frames", _frames),
        "acgym": ("datagrams for `serve-acgym`", _acgym),
    }
    return [
        Kind(name=f"fuzz-{name}", what=f"fuzz of the stream: {what}", trial=trial, worst="answered, no 500, no 1011")
        for name, (what, trial) in trials.items()
    ]
