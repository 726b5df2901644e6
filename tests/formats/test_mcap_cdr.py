import struct
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.formats.mcap.cdr import HEADER, EventFields, decode_event, encode_event

GAP = EventFields(1.5, -0.25, "gap", {"steps": 2})
MESSAGE = encode_event(GAP)


def test_an_event_is_aligned_as_cdr_wants_it() -> None:
    assert MESSAGE.hex(" ", 4) == (
        b"\0\1\0\0"
        + struct.pack("<dd", 1.5, -0.25)
        + b"\x04\0\0\0gap\0"  # its end needs no alignment
        + b'\x0c\0\0\0{"steps":2}\0'
    ).hex(" ", 4)
    marker = encode_event(GAP._replace(kind="marker", values={}))
    assert marker[20:] == b"\x07\0\0\0marker\0" + b"\0" + b"\x03\0\0\0{}\0"


@given(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    st.dictionaries(st.text(max_size=5), st.text()),
)
def test_an_event_survives(kind: str, values: dict[str, Any]) -> None:
    try:
        event = EventFields(1.7e9, 0.003, kind, values)
        message = encode_event(event)
    except (TypeError, UnicodeEncodeError):  # half a character
        return
    assert message.startswith(HEADER)
    assert decode_event(message[4:]) == event


@given(st.binary(max_size=60))
def test_any_bytes_are_an_event_or_an_error(data: bytes) -> None:
    try:
        event = decode_event(data)
    except ValueError:
        return
    assert isinstance(event.values, dict)


@pytest.mark.parametrize("length", range(len(MESSAGE) - 4))
def test_a_message_that_is_cut_is_an_error(length: int) -> None:
    with pytest.raises(ValueError, match=r"^(too short|no length|no text of this length)$"):
        decode_event(MESSAGE[4 : 4 + length])


def test_values_that_are_no_object_are_an_error() -> None:
    with pytest.raises(ValueError, match=r"^no JSON object$"):
        decode_event(MESSAGE[4:-12] + b"[1,2,3,4,5]\0")
