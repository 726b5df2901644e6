"""A sample of a rig on its way to clients: the values as the rig sent them, those that each client wants."""

import re
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import orjson

from telemetry.fields.selection import ALL_COLUMNS
from telemetry.laps.delta import LapDelta
from telemetry.stream.protocol import Subscription

DELTA_KEYS: Final = LapDelta._fields

_DELTA: Final = re.compile(b"".join(rb',"%b":[^",{}\[\]]*' % key.encode() for key in DELTA_KEYS) + rb"}")
_DELTA_BEGIN: Final = b',"%b":' % DELTA_KEYS[0].encode()


class RigSample(NamedTuple):
    """A sample as a rig sends it, the delta among its values."""

    values: dict[str, Any]
    text: bytes
    """The same as JSON."""


def make_forwarder(subscription: Subscription) -> Callable[[RigSample], bytes]:
    """Encodes what a subscription wants of a rig's samples; what the rig does not send is null.

    Without a choice of fields it is all that the rig sends, also fields that this version does not know.
    """
    if subscription.columns == ALL_COLUMNS:
        return _keep_all if subscription.delta else _leave_out_delta
    names = [(column.key, [field.name for field in column.fields]) for column in subscription.columns]
    names += [(key, [key]) for key in DELTA_KEYS if subscription.delta]

    def encode(sample: RigSample) -> bytes:
        get = sample.values.get
        return orjson.dumps(
            {key: get(parts[0]) if len(parts) == 1 else [get(part) for part in parts] for key, parts in names}
        )

    return encode


def _keep_all(sample: RigSample) -> bytes:
    if _find_delta(sample.text) is not None:
        return sample.text
    return orjson.dumps({**dict.fromkeys(DELTA_KEYS), **sample.values})


def _leave_out_delta(sample: RigSample) -> bytes:
    begin = _find_delta(sample.text)
    if begin is not None:
        return b"%b}" % sample.text[:begin]
    return orjson.dumps({key: value for key, value in sample.values.items() if key not in DELTA_KEYS})


def _find_delta(text: bytes) -> int | None:
    """Where the delta begins that ends a sample; None where it is not there. The text is known to be JSON."""
    begin = text.rfind(_DELTA_BEGIN)
    return begin if begin > 0 and _DELTA.fullmatch(text, begin) else None
