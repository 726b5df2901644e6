"""Values and parts of a page that are needed without decoding all of it."""

from collections.abc import Callable, Collection
from ctypes import sizeof
from struct import Struct
from typing import Final

from ac_native_memory import Page

_PACKET_ID: Final = Struct("<i")


def mask_fields(page: type[Page], names: Collection[str]) -> Callable[[bytes], bytes]:
    """A function that gives a page's bytes without the fields of these names."""
    parts = []
    begin = 0
    for name, *_ in page._fields_:
        if name in names:
            field = getattr(page, name)
            parts.append(slice(begin, field.offset))
            begin = field.offset + field.size
    parts.append(slice(begin, sizeof(page)))
    return lambda content: b"".join([content[part] for part in parts])


def packet_id_of(physics: bytes) -> int:
    """The packetId of this physics page."""
    packet_id: int
    (packet_id,) = _PACKET_ID.unpack_from(physics)
    return packet_id
