"""The ``hello`` of a rig: what this server passes on of it, and which servers are no rigs."""

from dataclasses import dataclass
from typing import Any

from telemetry.base.errors import SourceError
from telemetry.stream import protocol
from telemetry.stream.collect.forwarding import RigSample

_PASSED_ON = ("version", "host", "stream_id", "source", "rate", "thresholds", "display_limits")
"""What is the rig's own in the ``hello`` that clients get."""


@dataclass(frozen=True, slots=True)
class RigHello:
    """What a rig said of itself when the connection was opened."""

    stream_id: str
    host: str
    version: str
    values: dict[str, Any]
    """All of it."""

    def to_message(self, subscription: protocol.Subscription, newest: RigSample | None) -> protocol.Message:
        """The ``hello`` for a client with this subscription, as the rig itself would say it."""
        description = protocol.StreamDescription(self.stream_id, "", None)
        hello = protocol.hello_message(subscription, description, None)
        hello |= {key: self.values[key] for key in _PASSED_ON if key in self.values}
        if newest is not None:
            hello["session"] = newest.values.get("session_name")
            hello["static"] = {name: newest.values.get(name) for name in protocol.STATIC_FIELDS}
        return hello


def parse_hello(values: dict[str, Any], shown: str, own_stream_id: str) -> RigHello:
    """The hello in a message of the server at this address; raises SourceError where that is no rig to collect."""
    stream_id = _text(values, "stream_id")
    if stream_id == own_stream_id:
        raise SourceError(f"{shown} is this server itself. Give the address of a rig.")
    if isinstance(rigs := values.get("rigs"), list):
        raise SourceError(protocol.describe_collector(shown, rigs))
    version = values.get("protocol")
    if isinstance(version, int) and version > protocol.PROTOCOL_VERSION:
        raise SourceError(
            f"{shown} speaks protocol {version}, and this version knows {protocol.PROTOCOL_VERSION}. Update this one."
        )
    return RigHello(stream_id, _text(values, "host"), _text(values, "version"), values)


def _text(values: dict[str, Any], key: str) -> str:
    value = values.get(key)
    return value[:100] if isinstance(value, str) else ""
