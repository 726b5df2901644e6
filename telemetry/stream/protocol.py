"""What a client may ask for and what it is told: pure functions from text to requests, and from facts to messages."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import parse_qsl

import orjson

from telemetry.base.errors import UsageError
from telemetry.base.extras import is_installed, require
from telemetry.base.version import VERSION
from telemetry.fields.derived import DEFAULTS, Sample, Thresholds
from telemetry.fields.display_limits import DISPLAY_LIMITS
from telemetry.fields.selection import ALL_COLUMNS, Column, every_key, json_schema, select
from telemetry.laps.model import Lap, SampleRef

PROTOCOL_VERSION: Final = 1
"""Raised when a client written for the version before would no longer understand the messages."""

LONGEST_MARKER: Final = 200
"""Characters of a marker's name."""

SLOWEST: Final = 0.01
"""Samples per second that may be asked for at least."""

Format = Literal["json", "msgpack"]
Message = dict[str, Any]
"""A typed event: an object with a ``type``; samples have none."""


class RequestError(ValueError):
    """What is wrong with a request, as a sentence for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What one client gets; the default is every sample, complete, as JSON, and nothing else."""

    rate: float | None = None
    """At most so many samples per second; None: all."""
    fields: str | None = None
    """As it was asked for; None: all."""
    names: Literal["wire", "sdk"] = "wire"
    format: Format = "json"
    events: bool = False
    """Whether states, laps and markers are told."""
    delta: bool = False
    """Whether samples carry the delta to the best lap too."""
    columns: tuple[Column, ...] = ALL_COLUMNS
    """What ``fields`` and ``names`` come to."""

    def to_message(self) -> Message:
        """The options as a client gives them."""
        return {
            "rate": self.rate,
            "fields": self.fields,
            "names": self.names,
            "format": self.format,
            "events": self.events,
            "delta": self.delta,
        }


class SubscribeRequest(NamedTuple):
    """A subscription as asked for, whether a hello is wanted with it, and what of it could not be understood."""

    subscription: Subscription
    hello: bool = False
    errors: tuple[str, ...] = ()


class Subscribe(NamedTuple):
    """Other options from now on."""

    ask: SubscribeRequest


class Ping(NamedTuple):
    """A question whether anybody is there."""

    id: Any


class Marker(NamedTuple):
    """Something that a person wants to find again."""

    name: str


Command = Subscribe | Ping | Marker


def parse_query(query: str) -> SubscribeRequest:
    """What the query of a URL asks for; what is wrong with it is told and the rest holds."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=32)
    except ValueError:
        return SubscribeRequest(
            Subscription(), errors=("The query of the address is not written as key=value&key=value.",)
        )
    given: dict[str, str] = {}
    errors: list[str] = []
    for key, value in pairs:
        if key in given:
            errors.append(f"{key} is given twice; several fields go into one list: fields=gear,rpm.")
        given[key] = value
    given.pop("token", None)
    ask = _apply(Subscription(), given)
    return ask._replace(errors=(*errors, *ask.errors))


def parse_message(data: str | bytes, current: Subscription) -> Command:
    """The command in a client's message; raises :class:`RequestError`."""
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise RequestError('This is not JSON. A request is an object like {"type": "subscribe", "rate": 5}.') from None
    if not isinstance(message, dict):
        raise RequestError('This is no object. A request is one, like {"type": "subscribe", "rate": 5}.')
    match message.pop("type", None):
        case "subscribe":
            return Subscribe(_apply(current, message))
        case "ping":
            _only(message, "ping", "id")
            return Ping(message.get("id"))
        case "marker":
            _only(message, "marker", "name")
            return Marker(_marker_name(message.get("name")))
        case None:
            raise RequestError("The request has no type; there are subscribe, ping and marker.")
        case other:
            raise RequestError(f"There is no request of type {_shown(other)}; there are subscribe, ping and marker.")


def _only(message: Mapping[str, Any], kind: str, *keys: str) -> None:
    if odd := sorted(message.keys() - set(keys)):
        raise RequestError(f"A {kind} has no {_shown(odd[0])}; it takes {', '.join(keys)}.")


def _marker_name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise RequestError('A marker needs a name: {"type": "marker", "name": "understeer"}.')
    if len(name) > LONGEST_MARKER or not name.isprintable():
        raise RequestError(f"A marker's name is one line of at most {LONGEST_MARKER} characters.")
    return name.strip()


def _apply(current: Subscription, given: Mapping[str, Any]) -> SubscribeRequest:
    """The subscription with what was given; each key by itself, so that one mistake does not undo the others."""
    hello = False
    errors: list[str] = []
    for key, value in given.items():
        try:
            if key == "hello":
                hello = _flag(key, value)
            else:
                changed = _changed(current, key, value)
                current = replace(changed, columns=_columns(changed))
        except (RequestError, UsageError) as error:
            errors.append(str(error))
    return SubscribeRequest(current, hello, tuple(errors))


def _changed(current: Subscription, key: str, value: Any) -> Subscription:
    match key:
        case "rate":
            return replace(current, rate=_rate(value))
        case "fields":
            return replace(current, fields=_fields(value))
        case "names" if value in ("wire", "sdk"):
            return replace(current, names=value)
        case "names":
            raise RequestError(f"names is wire or sdk, not {_shown(value)}.")
        case "format" if value == "msgpack" and not is_installed("ormsgpack"):
            raise RequestError("This server has no MessagePack (its extra msgpack is not installed); you get JSON.")
        case "format" if value in ("json", "msgpack"):
            return replace(current, format=value)
        case "format":
            raise RequestError(f"format is json or msgpack, not {_shown(value)}.")
        case "events":
            return replace(current, events=_flag(key, value))
        case "delta":
            return replace(current, delta=_flag(key, value))
        case _:
            known = "rate, fields, names, format, events, delta, hello"
            raise RequestError(f"There is no option {_shown(key)}; there are {known}.")


def _rate(value: Any) -> float | None:
    if value is None:
        return None
    try:
        rate = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        rate = math.nan
    if not SLOWEST <= rate < math.inf:
        raise RequestError(f"rate is a number of samples per second from {SLOWEST:g} up, not {_shown(value)}.")
    return rate


def _fields(value: Any) -> str | None:
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        value = ",".join(value)
    if value is None or isinstance(value, str):
        return value
    raise RequestError(f"fields is a list of names, like gear,rpm,tyre_*, not {_shown(value)}.")


def _flag(key: str, value: Any) -> bool:
    if value is True or value in ("1", "true", "yes", "on", "") or (value == 1 and isinstance(value, int)):
        return True
    if value is False or value in ("0", "false", "no", "off") or (value == 0 and isinstance(value, int)):
        return False
    raise RequestError(f"{key} is 1 or 0, not {_shown(value)}.")


def _shown(value: Any) -> str:
    """What a client sent, short enough to be sent back."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _columns(subscription: Subscription) -> tuple[Column, ...]:
    columns = ALL_COLUMNS if subscription.fields is None else select(subscription.fields)
    return in_sdk_names(columns) if subscription.names == "sdk" else columns


def in_sdk_names(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns under the SDK's names, where it has one; a vector that is there as a whole becomes one array."""
    chosen = {field.name for column in columns for field in column.fields}
    keys = every_key()
    renamed: dict[str, Column] = {}
    for column in columns:
        name = column.fields[0].sdk_name or ""
        family = keys.get(name, ())
        if set(column.fields) <= set(family) and all(field.name in chosen for field in family):
            renamed[name] = Column(name, family)
        else:  # derived, the other packetId, or a part of a vector
            renamed[column.key] = column
    return tuple(renamed.values())


def to_msgpack(text: bytes) -> bytes:
    """The very object of a JSON text as MessagePack, so that the two formats cannot disagree."""
    ormsgpack = require("ormsgpack", extra="msgpack", purpose="MessagePack")
    packed: bytes = ormsgpack.packb(orjson.loads(text))
    return packed


def hello_message(
    subscription: Subscription,
    source: str,
    rate: float | None,
    newest: Sample | None,
    thresholds: Thresholds = DEFAULTS,
) -> Message:
    """Everything that a client can know beforehand; ``session`` and ``static`` are null before the first sample.

    ``thresholds`` are those of the derived fields, ``display_limits`` where displays change their colours.
    """
    columns = subscription.columns
    static = [field.name for field in Sample.FIELDS if field.group == "static"]
    return {
        "type": "hello",
        "tool": "ac-telemetry",
        "version": VERSION,
        "protocol": PROTOCOL_VERSION,
        "source": source,
        "rate": rate,
        "subscription": subscription.to_message(),
        "session": newest.session_name if newest else None,
        "static": {name: getattr(newest, name) for name in static} if newest else None,
        "units": {column.key: column.fields[0].unit for column in columns},
        "schema": json_schema(columns),
        "thresholds": asdict(thresholds),
        "display_limits": asdict(DISPLAY_LIMITS),
    }


def lap_message(lap: Lap) -> Message:
    """A lap with all that is known of it, as ``laps --json`` tells it."""
    values: Message = {field.name: getattr(lap, field.name) for field in fields(lap)}
    moments = {name: value._asdict() for name, value in values.items() if isinstance(value, SampleRef)}
    return {"type": "lap", **values, **moments, "kind": lap.kind, "complete": lap.complete, "valid": lap.valid}


def state_message(state: str, message: str) -> Message:
    """How it stands with the game, and what is waited for."""
    return {"type": "state", "state": state, "message": message}


def marker_message(name: str, timestamp: float, sequence: int | None) -> Message:
    """A marker that a client set: Unix time, and the newest sample's sequence."""
    return {"type": "marker", "name": name, "timestamp": timestamp, "sequence": sequence}


def subscribed_message(subscription: Subscription) -> Message:
    """What holds after a subscribe."""
    return {"type": "subscribed", **subscription.to_message()}


def error_message(sentence: str) -> Message:
    """What was wrong with a request."""
    return {"type": "error", "message": sentence}


def pong_message(identity: Any) -> Message:
    """The answer to a ping."""
    return {"type": "pong", "id": identity}
