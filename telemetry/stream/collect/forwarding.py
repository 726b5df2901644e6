"""A sample of a rig on its way to clients: the values as the rig sent them, those that each client wants."""

from collections.abc import Callable, Iterable
from typing import Any, Final

import orjson

from telemetry.fields.selection import ALL_COLUMNS, Column
from telemetry.laps.delta import LapDelta
from telemetry.stream.protocol import Subscription

RigSample = dict[str, Any]
"""The object of a rig's message: values by the names of the wire, the delta among them."""

DELTA_KEYS: Final = LapDelta._fields


def make_forwarder(subscription: Subscription) -> Callable[[RigSample], bytes]:
    """Encodes what a subscription wants of a rig's samples; what the rig does not send is null.

    Without a choice of fields it is all that the rig sends, also fields that this version does not know.
    """
    deltas = DELTA_KEYS if subscription.delta else ()
    if subscription.columns == ALL_COLUMNS:
        left_out = frozenset(DELTA_KEYS)

        def encode_all(sample: RigSample) -> bytes:
            values = {key: value for key, value in sample.items() if key not in left_out}
            for key in deltas:
                values[key] = sample.get(key)
            return orjson.dumps(values)

        return encode_all
    singles = [(column.key, column.fields[0].name) for column in subscription.columns if len(column.fields) == 1]
    vectors = [(column.key, _names(column)) for column in subscription.columns if len(column.fields) > 1]
    order = [column.key for column in subscription.columns]
    singles += [(key, key) for key in deltas]

    def encode(sample: RigSample) -> bytes:
        values = {key: sample.get(name) for key, name in singles}
        if vectors:
            values |= {key: [sample.get(name) for name in names] for key, names in vectors}
            values = {key: values[key] for key in (*order, *deltas)}
        return orjson.dumps(values)

    return encode


def _names(column: Column) -> Iterable[str]:
    return [field.name for field in column.fields]
