"""What a sample of this process becomes on the wire."""

from collections.abc import Callable
from typing import NamedTuple

import orjson

from telemetry.fields.derived import Sample
from telemetry.fields.wire import LineEncoder
from telemetry.laps.delta import LapDelta
from telemetry.stream.protocol import Subscription


class SampleWithDelta(NamedTuple):
    """A sample, and the delta to the best lap for those who asked for it."""

    sample: Sample
    delta: LapDelta


def make_sample_encoder(subscription: Subscription) -> Callable[[SampleWithDelta], bytes]:
    """Encodes the columns of a subscription as a JSON object."""
    encoder = LineEncoder(subscription.columns)
    with_delta = subscription.delta

    def encode(sent: SampleWithDelta) -> bytes:
        line = encoder.encode(sent.sample)[:-1]
        return b"%b,%b" % (line[:-1], orjson.dumps(sent.delta._asdict())[1:]) if with_delta else line

    return encode
