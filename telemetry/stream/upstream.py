"""What all clients of a stream on another machine have in common: addresses, pauses, messages, and sentences."""

import ssl
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import orjson
from websockets.exceptions import InvalidHandshake, InvalidMessage, InvalidStatus, InvalidURI

from telemetry.base.errors import SourceError, UsageError
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.wire import parse_snapshot
from telemetry.recording.game_state import State

RECONNECT_PAUSES_S: Final = (0.5, 1.0, 2.0, 4.0, 8.0, 15.0)
"""Seconds between attempts to connect: one after the other, then the last one again and again."""

CONNECT_TIMEOUT_S: Final = 3.0
"""Seconds that one attempt may take."""

STALL_TIMEOUT_S: Final = 2.0
"""Seconds without a message after which a live stream counts as stalled."""

_RETRIED_STATUSES: Final = (500, 502, 503, 504)
"""HTTP statuses of a server or a proxy that may be over at the next attempt."""


def name_address(url: str) -> str:
    """The address without secrets, which are a user's password and the token; UsageError where it is none."""
    try:
        url.encode()  # an argument on Linux may hold what is no character
        parts = urlsplit(url)
        is_valid = parts.scheme in ("ws", "wss") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_valid = False
    if not is_valid:
        raise UsageError(invalid_address(url))
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment=""))


def invalid_address(url: str) -> str:
    """The sentence about what is no address of a stream."""
    return f"{url} is not the address of a stream; an address looks like ws://192.168.0.5:8765."


def subscription_url(url: str, rate: float | None) -> tuple[str, bool]:
    """The address with the options that this source needs, and whether only some of the samples will come."""
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    options |= {"events": "1", "format": "json", "hello": "1"}
    if rate is not None:
        options["rate"] = f"{rate:g}"
    return urlunsplit(parts._replace(path=parts.path or "/", query=urlencode(options), fragment="")), "rate" in options


def describe_error(error: Exception, name: str) -> str:
    """What went wrong, as a part of a sentence; raises UsageError or SourceError where another attempt cannot help."""
    match error:
        case InvalidURI():
            raise UsageError(invalid_address(name)) from error
        case InvalidStatus() if error.response.status_code in _RETRIED_STATUSES:
            return f"the server answered with status {error.response.status_code}"
        case InvalidStatus():
            reason = bytes(error.response.body).decode(errors="replace").strip()[:300] or error.response.reason_phrase
            raise SourceError(f"{name} refused the connection ({error.response.status_code}): {reason}") from error
        case InvalidMessage():
            return "the server closed the connection during the handshake"  # it may be starting or ending
        case ssl.SSLCertVerificationError():
            raise SourceError(
                f"The TLS certificate of {name} could not be verified: {error.verify_message}."
            ) from error
        case InvalidHandshake():
            raise SourceError(f"{name} is not a WebSocket stream: {error}.") from error
        case TimeoutError():
            return "no answer"
        case ConnectionRefusedError():
            return "no server listens there"
        case OSError() if error.strerror:
            return error.strerror[:1].lower() + error.strerror[1:]
        case _:
            return "the connection was lost"


def parse_message(text: str | bytes, name: str) -> dict[str, Any]:
    """The object of a message from the server of this name; SourceError where it is none."""
    try:
        values = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise SourceError(f"{name} does not send telemetry: a message is not JSON.") from error
    if not isinstance(values, dict):
        raise SourceError(f"{name} does not send telemetry: a message is not a JSON object.")
    return values


def parse_sample(text: str | bytes, name: str) -> Snapshot:
    """The snapshot in a message from the server of this name; SourceError where it holds none."""
    try:
        return parse_snapshot(text)
    except ValueError as error:
        raise SourceError(f"{name} does not send telemetry: {error}.") from error


def parse_state(values: dict[str, Any]) -> tuple[State, str]:
    """The state and the message of a ``state`` message; a state that this version does not know counts as waiting."""
    try:
        state = State(str(values.get("state")))
    except ValueError:
        state = State.WAITING
    return state, str(values.get("message", ""))
