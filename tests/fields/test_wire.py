import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.fields.derived import Sample, derive
from telemetry.fields.selection import all_keys
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.wire import LineEncoder, parse_snapshot, parse_snapshot_plain
from tests.conftest import sample_of

FULL_LINE: dict[str, Any] = json.loads(LineEncoder().encode(sample_of(speed_kmh=123.4)))
KEYS = st.sampled_from(sorted(all_keys()))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**31), 2**31) | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda elements: st.lists(elements, min_size=2, max_size=5),
    max_leaves=5,
)


def nested(value: Any, element: Any) -> Any:
    """The value with one element of its innermost lists replaced."""
    return [nested(value[0], element), *value[1:]] if isinstance(value, list) else element


@st.composite
def lines(draw: st.DrawFn) -> bytes:
    """Lines of all fields, but for a few keys that are missing, added, at another place or of another type."""
    line = dict(FULL_LINE)
    for key in draw(st.lists(KEYS, max_size=2)):
        line.pop(key, None)
    for key, value in draw(st.dictionaries(KEYS, VALUES, max_size=2)).items():
        line[key] = nested(line.get(key), value) if draw(st.booleans()) else value
    return json.dumps(line).encode()


def outcome(parse: Callable[[bytes], Snapshot], line: bytes) -> str:
    try:
        return repr(parse(line))
    except ValueError as error:
        return f"ValueError: {error}"


@given(lines())
def test_a_line_is_read_the_same_quickly_and_key_by_key(line: bytes) -> None:
    assert outcome(parse_snapshot, line) == outcome(parse_snapshot_plain, line)


def test_a_full_line_gives_its_snapshot_back_with_the_types_of_its_fields() -> None:
    sample = sample_of(speed_kmh=123.4)
    line = LineEncoder().encode(sample)
    for parse in (parse_snapshot, parse_snapshot_plain):
        snapshot = parse(line)
        assert snapshot == sample[: len(Snapshot.FIELDS)]
        assert [type(value) for value in snapshot] == [type(value) for value in sample[: len(Snapshot.FIELDS)]]


def test_an_alias_after_all_fields_counts_like_everywhere_else() -> None:
    line = json.dumps({**FULL_LINE, "yaw": 1.5})
    assert parse_snapshot(line).heading == parse_snapshot_plain(line).heading == 1.5


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b"{", "this is not JSON"),
        (b"[1.0]", "this is not a sample of telemetry"),
        (b'{"speed":1.0}', "this is not a sample of telemetry"),
        (b'{"gear":1.5}', "gear is 1.5, but it must be a whole number"),
        (b'{"gear":1e300}', "gear is 1e\\+?300, but it must be a whole number"),
        (b'{"gear":null}', "gear is null, but it must be a whole number"),
        (b'{"fuel":"full"}', 'fuel is "full", but it must be a number or null'),
        (b'{"tyre_wear":[1.0,2.0,3.0]}', r"tyre_wear is \[1.0,2.0,3.0\], but it must be a list of 4 numbers or nulls"),
        (
            b'{"tyre_contact_point":[[1,2],[1,2,3],[1,2,3],[1,2,3]]}',
            r"tyre_contact_point is \[\[1,2\].*\], but it must be a list of 4 lists of 3 numbers or nulls",
        ),
        (b'{"acc_g_x":[0.1]}', r"acc_g_x is \[0.1\], but it must be a number or null"),
        (b'{"accG":[0.1]}', r"accG is \[0.1\], but it must be a list of 3 numbers or nulls"),
        (b'{"track":5}', "track is 5, but it must be a text"),
        (b'{"track":[' + b"7," * 50 + b"7]}", r"track is \[(7,)+7?\.\.\., but it must be a text"),
    ],
)
def test_what_is_wrong_with_a_line_is_said(line: bytes, message: str) -> None:
    for parse in (parse_snapshot, parse_snapshot_plain):
        with pytest.raises(ValueError, match=f"^{message}$"):
            parse(line)


def test_whole_numbers_may_have_a_fraction_of_zero() -> None:
    line = json.dumps({**FULL_LINE, "gear": 3.0, "packet_id": 1e6})
    for parse in (parse_snapshot, parse_snapshot_plain):
        snapshot = parse(line)
        assert (repr(snapshot.gear), repr(snapshot.packet_id)) == ("3", "1000000")


def test_a_missing_gear_or_session_is_not_that_of_number_0() -> None:
    sample = derive(parse_snapshot(b'{"fuel":1.0}'))
    assert (sample.gear_name, sample.session_name) == ("unknown", "unknown")


def test_an_encoder_of_full_lines_notices_every_change() -> None:
    encoder = LineEncoder()
    for sample in (sample_of(), sample_of(current_time=5), sample_of(track="b"), sample_of(track="b", gear=3)):
        assert tuple(json.loads(encoder.encode(sample))) == Sample.NAMES
        assert json.loads(encoder.encode(sample))["track"] == sample.track
