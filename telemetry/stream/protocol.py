"""The messages of the stream: pure functions that parse what clients send and build what the server sends."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import parse_qsl

import orjson

from telemetry.base.errors import UsageError
from telemetry.base.extras import is_installed, require
from telemetry.base.host import host_name
from telemetry.base.steps import Steps, finish
from telemetry.base.text import to_unicode
from telemetry.base.version import VERSION
from telemetry.fields.derived import Sample
from telemetry.fields.display_limits import DISPLAY_LIMITS
from telemetry.fields.selection import ALL_COLUMNS, Column, all_keys, json_schema, select_in_steps
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.model import Lap
from telemetry.laps.reference_delta import SegmentGain

PROTOCOL_VERSION: Final = 1
"""Increased when clients written for the version before would no longer understand the messages."""

MAX_MARKER_LENGTH: Final = 200
"""Characters that a marker's name may have."""

MIN_RATE_HZ: Final = 0.01
"""Lowest rate that a client may ask for, in samples per second."""

MAX_OPTIONS: Final = 32
"""Options that one request may have: three times as many as there are."""

STATIC_FIELDS: Final = tuple(field.name for field in Sample.FIELDS if field.group == "static")
"""The fields of the session, which a ``hello`` holds."""

MAX_LISTED_RIGS: Final = 10
"""Rigs that a sentence lists."""

MessageFormat = Literal["json", "msgpack"]

Message = dict[str, Any]
"""A JSON object with a ``type``; samples have none."""


class RequestError(ValueError):
    """A request that cannot be understood; the text is a sentence for the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What one client receives; by default every sample, complete, as JSON, and nothing else."""

    rate: float | None = None
    """Samples per second at most; None: all samples."""
    fields: str | None = None
    """Names of fields as the client gave them; None: all fields."""
    names: Literal["wire", "sdk"] = "wire"
    """Whether keys are the names of this project, or the SDK's where it has one."""
    format: MessageFormat = "json"
    events: bool = False
    """Whether states, laps and markers are sent too."""
    delta: bool = False
    """Whether samples carry the delta to the best lap too."""
    track: bool = False
    """Whether the track and the reference lap are sent too, where they are known."""
    chosen: tuple[Column, ...] = ALL_COLUMNS
    """The columns that ``fields`` selects."""
    columns: tuple[Column, ...] = ALL_COLUMNS
    """The same under the names that ``names`` asks for."""

    def to_message(self) -> Message:
        """The options under the names that clients use."""
        return {
            "rate": self.rate,
            "fields": self.fields,
            "names": self.names,
            "format": self.format,
            "events": self.events,
            "delta": self.delta,
            "track": self.track,
        }


DEFAULT_SUBSCRIPTION: Final = Subscription()


class StreamDescription(NamedTuple):
    """What a server says of its stream."""

    stream_id: str
    """Another one after each start of the server: ``sequence`` counts within one."""
    source: str
    """Name of the source."""
    rate: float | None
    """Samples per second that the sampling loop takes; None: the source's own pace."""
    thresholds: Thresholds = DEFAULTS
    """Those of the derived fields."""


class SubscribeRequest(NamedTuple):
    """A parsed request for a subscription."""

    subscription: Subscription
    """The subscription, without the options that could not be understood."""
    hello: bool = False
    """Whether the client asks for a ``hello``."""
    errors: tuple[str, ...] = ()
    """What could not be understood, one sentence each."""


class PingRequest(NamedTuple):
    """A request for a ``pong``."""

    id: Any
    """Any JSON value; the ``pong`` repeats it."""


class MarkerRequest(NamedTuple):
    """A request to set a marker in the recording."""

    name: str


Request = SubscribeRequest | PingRequest | MarkerRequest


def parse_query(query: str) -> SubscribeRequest:
    """The subscription that the query of a URL asks for; options with errors are left out and listed."""
    return finish(parse_query_in_steps(query))


def parse_query_in_steps(query: str) -> Steps[SubscribeRequest]:
    """The same as :func:`parse_query`, in the steps of the choice of fields."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, strict_parsing=bool(query), max_num_fields=MAX_OPTIONS)
    except ValueError:
        error = "The query of the address must have the form key=value&key=value."
        return SubscribeRequest(Subscription(), errors=(error,))
    given: dict[str, str] = {}
    errors: list[str] = []
    for key, value in pairs:
        if key in given:
            errors.append(f"{key} is given twice; several fields go into one list: fields=gear,rpm.")
        given[key] = value
    given.pop("token", None)
    request = yield from _apply(Subscription(), given)
    return request._replace(errors=(*errors, *request.errors))


def parse_message(data: str | bytes, current: Subscription) -> Request:
    """The request in a message of a client that has the subscription ``current``; raises :class:`RequestError`."""
    return finish(parse_message_in_steps(data, current))


def parse_message_in_steps(data: str | bytes, current: Subscription) -> Steps[Request]:
    """The same as :func:`parse_message`, in the steps of the choice of fields."""
    try:
        message = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise RequestError('This is not JSON. A request is an object like {"type": "subscribe", "rate": 5}.') from None
    if not isinstance(message, dict):
        raise RequestError('This is not a JSON object. A request is one, like {"type": "subscribe", "rate": 5}.')
    match message.pop("type", None):
        case "subscribe" if len(message) > MAX_OPTIONS:
            raise RequestError(f"A request has at most {MAX_OPTIONS} options, got {len(message)}.")
        case "subscribe":
            return (yield from _apply(current, message))
        case "ping":
            _check_keys(message, "ping", "id")
            return PingRequest(_parse_ping_id(message.get("id")))
        case "marker":
            _check_keys(message, "marker", "name")
            return MarkerRequest(_parse_marker_name(message.get("name")))
        case None:
            raise RequestError("The request has no type. Types are: subscribe, ping, marker.")
        case other:
            raise RequestError(f"Unknown type of request: {_shorten(other)}. Types are: subscribe, ping, marker.")


def _check_keys(message: Mapping[str, Any], kind: str, *keys: str) -> None:
    if unknown := sorted(message.keys() - set(keys)):
        raise RequestError(f"Unknown key of a {kind} request: {_shorten(unknown[0])}. Keys are: {', '.join(keys)}.")


def _parse_ping_id(identity: Any) -> Any:
    try:
        orjson.dumps(pong_message(identity))
    except orjson.JSONEncodeError:  # it writes fewer levels than it reads
        raise RequestError("The id of a ping is nested too deep.") from None
    return identity


def _parse_marker_name(name: Any) -> str:
    if not isinstance(name, str) or not name.strip():
        raise RequestError('A marker needs a name: {"type": "marker", "name": "understeer"}.')
    if len(name) > MAX_MARKER_LENGTH or not name.isprintable():
        raise RequestError(f"A marker's name must be one line of at most {MAX_MARKER_LENGTH} characters.")
    return name.strip()


def _apply(current: Subscription, given: Mapping[str, Any]) -> Steps[SubscribeRequest]:
    """The subscription with these options, each applied by itself, so that one mistake does not undo the others.

    Columns are chosen once, and only where the fields or the names are others than before.
    """
    hello = False
    errors: list[str] = []
    wanted = current
    for key, value in given.items():
        try:
            if key == "hello":
                hello = _parse_flag(key, value)
            else:
                wanted = _replace_option(wanted, key, value)
        except RequestError as error:
            errors.append(str(error))
    chosen = ALL_COLUMNS
    if wanted.fields == current.fields:
        chosen = current.chosen
    elif wanted.fields is not None:
        try:
            chosen = yield from select_in_steps(wanted.fields)
        except UsageError as error:
            errors.append(str(error))
            wanted, chosen = replace(wanted, fields=current.fields), current.chosen
    if (wanted.fields, wanted.names) != (current.fields, current.names):
        columns = use_sdk_names(chosen) if wanted.names == "sdk" else chosen
        wanted = replace(wanted, chosen=chosen, columns=columns)
    return SubscribeRequest(wanted, hello, tuple(errors))


def _replace_option(current: Subscription, key: str, value: Any) -> Subscription:
    match key:
        case "rate":
            return replace(current, rate=_parse_rate(value))
        case "fields":
            return replace(current, fields=_parse_fields(value))
        case "names" if value in ("wire", "sdk"):
            return replace(current, names=value)
        case "names":
            raise RequestError(f"names must be wire or sdk, got {_shorten(value)}.")
        case "format" if value == "msgpack" and not is_installed("ormsgpack"):
            sentence = "This server cannot send MessagePack, because its extra msgpack is not installed. It sends JSON."
            raise RequestError(sentence)
        case "format" if value in ("json", "msgpack"):
            return replace(current, format=value)
        case "format":
            raise RequestError(f"format must be json or msgpack, got {_shorten(value)}.")
        case "events":
            return replace(current, events=_parse_flag(key, value))
        case "delta":
            return replace(current, delta=_parse_flag(key, value))
        case "track":
            return replace(current, track=_parse_flag(key, value))
        case _:
            known = "rate, fields, names, format, events, delta, track, hello"
            raise RequestError(f"Unknown option: {_shorten(key)}. Options are: {known}.")


def _parse_rate(value: Any) -> float | None:
    if value is None:
        return None
    try:
        rate = float(value) if isinstance(value, (str, int, float)) and not isinstance(value, bool) else math.nan
    except (ValueError, OverflowError):
        rate = math.nan
    if not MIN_RATE_HZ <= rate < math.inf:
        raise RequestError(f"rate must be {MIN_RATE_HZ:g} samples per second or more, got {_shorten(value)}.")
    return rate


def _parse_fields(value: Any) -> str | None:
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        value = ",".join(value)
    if value is None or isinstance(value, str):
        return value
    raise RequestError(f"fields must be a list of names like gear,rpm,tyre_*, got {_shorten(value)}.")


def _parse_flag(key: str, value: Any) -> bool:
    if value is True or value in ("1", "true", "yes", "on", "") or (value == 1 and isinstance(value, int)):
        return True
    if value is False or value in ("0", "false", "no", "off") or (value == 0 and isinstance(value, int)):
        return False
    raise RequestError(f"{key} must be 1 or 0, got {_shorten(value)}.")


def _shorten(value: Any) -> str:
    """A value that a client sent, short enough to be sent back."""
    try:
        text = repr(value)
    except RecursionError:
        text = "lists nested too deep" if isinstance(value, list) else "objects nested too deep"
    return text if len(text) <= 60 else f"{text[:57]}..."


def use_sdk_names(columns: Sequence[Column]) -> tuple[Column, ...]:
    """The columns under the SDK's names where it has one; a vector whose parts are all there becomes one array."""
    chosen = {field.name for column in columns for field in column.fields}
    keys = all_keys()
    renamed: dict[str, Column] = {}
    for column in columns:
        name = column.fields[0].sdk_name or ""
        family = keys.get(name, ())
        if set(column.fields) <= set(family) and all(field.name in chosen for field in family):
            renamed[name] = Column(name, family)
        else:  # a derived field, the graphics page's packetId, or a part of a vector
            renamed[column.key] = column
    return tuple(renamed.values())


def to_msgpack(text: bytes) -> bytes:
    """The object of a JSON text as MessagePack: made from the text, so that the two formats cannot differ.

    Raises :class:`telemetry.UsageError` where the extra ``msgpack`` is not installed.
    """
    ormsgpack = require("ormsgpack", extra="msgpack", purpose="MessagePack")
    packed: bytes = ormsgpack.packb(orjson.loads(text))
    return packed


def hello_message(subscription: Subscription, stream: StreamDescription, newest: Sample | None) -> Message:
    """Everything that a client can know before the first sample; ``session`` and ``static`` are null until then.

    ``display_limits`` say where displays change their colours.
    """
    columns = subscription.columns
    return {
        "type": "hello",
        "tool": "ac-telemetry",
        "version": VERSION,
        "protocol": PROTOCOL_VERSION,
        "host": host_name(),
        "stream_id": stream.stream_id,
        "source": to_unicode(stream.source),
        "rate": stream.rate,
        "subscription": subscription.to_message(),
        "session": newest.session_name if newest else None,
        "static": {name: getattr(newest, name) for name in STATIC_FIELDS} if newest else None,
        "units": {column.key: column.fields[0].unit for column in columns},
        "schema": json_schema(columns),
        "thresholds": asdict(stream.thresholds),
        "display_limits": asdict(DISPLAY_LIMITS),
    }


def lap_message(lap: Lap) -> Message:
    """A completed or interrupted lap, with the keys of ``laps --json``."""
    return {"type": "lap", **lap.to_dict()}


def segment_message(gain: SegmentGain) -> Message:
    """A segment of the running lap that is done, and what it brought against the reference."""
    return {"type": "segment", **gain._asdict()}


def state_message(state: str, message: str) -> Message:
    """The state of the source, and what a person should know about it."""
    return {"type": "state", "state": state, "message": message}


def clock_message(seconds: float, sample: Sample) -> Message:
    """The time of day stepped by so many seconds before this sample: the clock was set, or the computer slept."""
    return {"type": "clock", "seconds": seconds, "timestamp": sample.timestamp, "elapsed": sample.elapsed}


def marker_message(name: str, timestamp: float, sequence: int | None) -> Message:
    """A marker that a client set, with the Unix time in seconds and the ``sequence`` of the newest sample."""
    return {"type": "marker", "name": name, "timestamp": timestamp, "sequence": sequence}


def subscribed_message(subscription: Subscription) -> Message:
    """The options of a client after its ``subscribe`` request."""
    return {"type": "subscribed", **subscription.to_message()}


def error_message(sentence: str) -> Message:
    """What is wrong with a request."""
    return {"type": "error", "message": sentence}


def pong_message(identity: Any) -> Message:
    """The answer to a ``ping`` request."""
    return {"type": "pong", "id": identity}


def describe_collector(address: str, rigs: Sequence[Any]) -> str:
    """What to do with the address of a server of these rigs where the stream of one is wanted."""
    names = [str(name)[:100] for name in rigs[:MAX_LISTED_RIGS]] + ["..."] * (len(rigs) > MAX_LISTED_RIGS)
    there = f"{address.rstrip('/')}/rigs/NAME"
    return f"{address} is a server of many rigs. The stream of one is at {there}; names are: {', '.join(names)}."
