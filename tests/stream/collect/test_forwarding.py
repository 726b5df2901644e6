"""What clients get of a rig's samples: cut out of the rig's own text where that can be, else written anew."""

from typing import Any

import orjson
import pytest

from telemetry.stream.collect.forwarding import RigSample, make_forwarder
from telemetry.stream.protocol import parse_query

NO_DELTA: dict[str, Any] = {"delta_s": None, "reference_ms": None, "reference_position": None}


def forward(text: bytes, query: str) -> bytes:
    return make_forwarder(parse_query(query).subscription)(RigSample(orjson.loads(text), text))


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", b'{"gear":3,"new":[1.50,{"a":2}]}'),
        ("delta=1", b'{"gear":3,"new":[1.50,{"a":2}],"delta_s":-0.25,"reference_ms":90000,"reference_position":null}'),
        ("fields=gear,rpm", b'{"gear":3,"rpm":null}'),
        (
            "fields=gear&delta=1",
            b'{"gear":3,"delta_s":-0.25,"reference_ms":90000,"reference_position":null}',
        ),
        ("fields=localVelocity", b'{"localVelocity":[null,null,null]}'),
    ],
)
def test_a_sample_is_passed_on_as_the_rig_wrote_it(query: str, expected: bytes) -> None:
    text = b'{"gear":3,"new":[1.50,{"a":2}],"delta_s":-0.25,"reference_ms":90000,"reference_position":null}'
    assert forward(text, query) == expected


@pytest.mark.parametrize(
    "text",
    [
        b'{"gear":3}',
        b'{"delta_s":null,"reference_ms":null,"reference_position":null,"gear":3}',
        b'{"gear":3, "delta_s": null, "reference_ms": null, "reference_position": null}',
        b'{"gear":3,"delta_s":null}',
        b'{"gear":3,"delta_s":null,"reference_ms":null,"reference_position":null }',
    ],
)
def test_a_sample_with_its_delta_elsewhere_means_the_same(text: bytes) -> None:
    assert orjson.loads(forward(text, "")) == {"gear": 3}
    assert orjson.loads(forward(text, "delta=1")) == {"gear": 3, **NO_DELTA}


def test_a_text_that_looks_like_the_delta_is_none() -> None:
    name = ',"delta_s":1,"reference_ms":2,"reference_position":3}'
    text = orjson.dumps({"gear": 3, "player_name": name})
    assert orjson.loads(forward(text, "")) == {"gear": 3, "player_name": name}
