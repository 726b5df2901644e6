import math
import pickle
import re
import struct

import numpy as np
import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import ac_native_memory as ac
from telemetry.fields.codec import PLAIN_PAGES, PageCodec, shortest
from telemetry.fields.derived import Sample
from telemetry.fields.schema import STRUCTURES
from telemetry.fields.snapshot import PageDecoder, Snapshot, decode, decode_plain, encode, warm_up
from telemetry.fields.wire import LineEncoder
from tests.conftest import pages_of, sample_of, snapshot_of

any_pages = st.builds(
    ac.Pages,
    st.binary(min_size=592, max_size=592),
    st.binary(min_size=304, max_size=304),
    st.binary(min_size=684, max_size=684),
    st.just(1.0),
)


def test_every_sdk_field_but_the_deprecated_ones_has_a_wire_name() -> None:
    named = {(field.group, field.sdk_name) for field in Snapshot.FIELDS if field.sdk_name}
    declared = {(group, entry[0]) for group, structure in STRUCTURES.items() for entry in structure._fields_}
    assert declared - named == {("static", "deprecated_1"), ("static", "deprecated_2")}
    assert named <= declared


def test_names_are_unique_and_every_field_has_a_meaning() -> None:
    assert len(set(Sample.NAMES)) == len(Sample.NAMES) == 172
    assert all(field.meaning for field in Sample.FIELDS)
    assert all(re.fullmatch(r"[a-z][a-z0-9_]*", name) for name in Sample.NAMES)


def test_every_field_is_decoded_from_its_own_bytes() -> None:
    blank = decode(ac.Pages(bytes(592), bytes(304), bytes(684), 0.0))
    for field in Snapshot.FIELDS:
        if field.offset is None:
            continue
        pages = {"physics": bytearray(592), "graphics": bytearray(304), "static": bytearray(684)}
        code, value = {"integer": ("<i", 7), "number": ("<f", 7.5), "text": ("<H", ord("x"))}[field.dtype]
        struct.pack_into(code, pages[field.group], field.offset, value)
        snapshot = decode(
            ac.Pages(bytes(pages["physics"]), bytes(pages["graphics"]), bytes(pages["static"]), timestamp=0.0)
        )
        changed = [name for name in Snapshot.NAMES if getattr(snapshot, name) != getattr(blank, name)]
        assert changed == [field.name]
        found = getattr(snapshot, field.name)
        while isinstance(found, tuple):
            found = found[0]
        assert found == ("x" if field.dtype == "text" else value)


def test_wheel_vectors_are_four_of_three_and_not_three_of_four() -> None:
    physics = bytearray(592)
    struct.pack_into("<12f", physics, 420, *range(12))
    snapshot = decode(ac.Pages(bytes(physics), bytes(304), bytes(684), 0.0))
    assert snapshot.tyre_contact_point == ((0.0, 1.0, 2.0), (3.0, 4.0, 5.0), (6.0, 7.0, 8.0), (9.0, 10.0, 11.0))


def test_current_max_rpm_is_an_integer() -> None:
    assert decode(pages_of(current_max_rpm=7400)).current_max_rpm == 7400


@given(st.floats(width=32, allow_nan=False, allow_infinity=False))
@example(0.9)
@example(1e-45)
@example(3.4028234663852886e38)
@example(-0.0)
@example(16777216.0)
def test_a_float32_becomes_the_double_with_its_shortest_decimal(value: float) -> None:
    decoded = decode(pages_of(brake=value)).brake
    assert struct.pack("<f", decoded) == struct.pack("<f", value)
    shortest = np.format_float_scientific(np.float32(value), unique=True, trim="-")
    assert decoded == float(shortest)


def test_a_line_shows_the_shortest_decimal() -> None:
    line = LineEncoder().encode(sample_of().replace(brake=decode(pages_of(brake=0.9)).brake))
    assert b'"brake":0.9,' in line


@given(any_pages)
def test_decode_is_total_and_its_line_is_json(pages: ac.Pages) -> None:
    snapshot = decode(pages)
    assert len(snapshot) == len(Snapshot.FIELDS)
    sample = Sample.of(snapshot + sample_of()[len(snapshot) :])
    assert list(orjson.loads(LineEncoder().encode(sample))) == list(Sample.NAMES)


@given(any_pages)
def test_encode_is_the_inverse_of_decode(pages: ac.Pages) -> None:
    snapshot = decode(pages)
    again = decode(encode(snapshot))
    for field, was, now in zip(Snapshot.FIELDS, snapshot, again, strict=True):
        if field.dtype == "text":  # undecodable units cannot come back, and what fills all units is cut
            assert now.startswith(was[:14].split("\ufffd")[0][:13])
        else:
            assert repr(now) == repr(was)


def test_nan_and_infinities_stay_what_they_are_and_are_null_in_a_line() -> None:
    snapshot = decode(pages_of(session_time_left=math.inf, gas=math.nan, wheel_slip=(1.0, -math.inf, 0.0, 2.0)))
    assert snapshot.session_time_left == math.inf
    assert math.isnan(snapshot.gas)
    assert snapshot.wheel_slip == (1.0, -math.inf, 0.0, 2.0)
    line = orjson.loads(LineEncoder().encode(Sample.of(snapshot + sample_of()[len(snapshot) :])))
    assert line["session_time_left"] is None
    assert line["gas"] is None
    assert line["wheel_slip"] == [1.0, None, 0.0, 2.0]


def test_negative_counts_are_counts() -> None:
    assert decode(pages_of(rpm=-3, position=-1)).rpm == -3


def test_pages_of_another_size_are_refused() -> None:
    with pytest.raises(ValueError, match=r"The page has 591 bytes; SPageFilePhysics has 592\."):
        decode(ac.Pages(bytes(591), bytes(304), bytes(684), 0.0))


def test_a_row_is_immutable_and_can_be_pickled() -> None:
    snapshot = snapshot_of(gear=3)
    with pytest.raises(AttributeError):
        snapshot.gear = 4  # type: ignore[misc]
    copy = pickle.loads(pickle.dumps(snapshot))
    assert type(copy) is Snapshot
    assert copy == snapshot


def test_a_row_takes_exactly_its_fields() -> None:
    values = snapshot_of().to_dict()
    assert Snapshot(**values) == snapshot_of()
    del values["gear"]
    with pytest.raises(TypeError, match="missing or unknown: gear, gears"):
        Snapshot(**values, gears=1)  # type: ignore[call-arg]


def test_a_row_shows_its_names_and_has_documented_attributes() -> None:
    assert "gear=1, rpm=0" in repr(snapshot_of())
    assert Snapshot.speed_kmh.__doc__ == "speed, never negative, also in reverse"


def test_undocumented_fields_are_marked() -> None:
    unknown = [field.name for field in Snapshot.FIELDS if not field.in_sdk]
    assert unknown == ["time_limit_session_left", "is_esc_menu_visible"]


@given(st.lists(st.tuples(any_pages, st.floats(0.0, 1e6), st.integers(0, 1000)), max_size=4))
def test_a_decoder_gives_the_same_as_decoding_each_copy_by_itself(copies: list[tuple[ac.Pages, float, int]]) -> None:
    decoder = PageDecoder()
    for pages, elapsed, sequence in [*copies, *copies]:
        found = decoder.decode(pages, elapsed=elapsed, sequence=sequence)
        assert repr(found) == repr(decode(pages, elapsed=elapsed, sequence=sequence))


def test_two_sources_in_one_process_do_not_evict_each_others_pages() -> None:
    ours, theirs = PageDecoder(), PageDecoder()
    first = ours.decode(pages_of(packet_id=1))
    theirs.decode(pages_of(packet_id=2, track="elsewhere", status=1))
    second = ours.decode(pages_of(packet_id=3))
    assert second.tyre_radius is first.tyre_radius  # the remembered values of the static page
    assert second.tyre_compound is first.tyre_compound  # and of the graphics page


def test_a_page_of_another_size_is_an_error_and_does_not_change_what_a_decoder_remembers() -> None:
    decoder = PageDecoder()
    pages = pages_of()
    decoded = decoder.decode(pages)
    with pytest.raises(ValueError, match=r"The page has 303 bytes; SPageFileGraphic has 304\."):
        decoder.decode(pages._replace(graphics=pages.graphics[:-1]))
    assert decoder.decode(pages) == decoded


def test_replacing_a_field_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(TypeError, match=r"^Snapshot has no field 'speed'$"):
        snapshot_of().replace(speed=1.0)


def test_a_getter_takes_a_single_value_or_a_tuple() -> None:
    sample = sample_of(gas=0.5, gear=3)
    assert Sample.getter("gear")(sample) == 3
    assert Sample.getter("gear", "gas")(sample) == (3, 0.5)


@given(any_pages)
@example(pages_of())
def test_a_page_is_decoded_the_same_quickly_and_field_by_field(pages: ac.Pages) -> None:
    warm_up()
    assert repr(decode(pages, elapsed=1.5, sequence=7)) == repr(decode_plain(pages, elapsed=1.5, sequence=7))


@given(st.lists(st.floats(width=32), min_size=148, max_size=148))
def test_any_numbers_are_decoded_the_same_quickly_and_field_by_field(numbers: list[float]) -> None:
    pages = pages_of()._replace(physics=struct.pack("<148f", *numbers))
    warm_up()
    assert repr(decode(pages)) == repr(decode_plain(pages))


@given(st.floats(width=32))
@example(1.401298464324817e-45)
@example(3.4028234663852886e38)
def test_the_shortest_decimal_is_the_one_that_numpy_prints(value: float) -> None:
    assert repr(shortest(value)) == repr(float(str(np.float32(value))))


def test_the_first_pages_are_decoded_without_numpy_and_all_the_same() -> None:
    codec = PageCodec("physics", Snapshot.FIELDS)
    page = pages_of(gas=0.1, speed_kmh=123.4).physics
    values = [codec.decode(page) for _ in range(PLAIN_PAGES + 2)]
    assert values == [codec.decode_plain(page)] * (PLAIN_PAGES + 2)


def test_a_page_of_another_size_is_an_error_field_by_field_too() -> None:
    with pytest.raises(ValueError, match=r"The page has 591 bytes; SPageFilePhysics has 592\."):
        decode_plain(ac.Pages(bytes(591), bytes(304), bytes(684), 0.0))
