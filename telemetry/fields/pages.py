"""Single values and parts of raw pages, read and written without a whole snapshot.

Each ``read_...`` takes the bytes of one page and is one precompiled call. Code that needs more than a few values calls
:func:`telemetry.fields.snapshot.decode`.
"""

from collections.abc import Callable, Collection
from ctypes import sizeof
from struct import Struct
from typing import Any, Final

from ac_native_memory import text_of
from telemetry.fields.codec import pack_field, unpack_field
from telemetry.fields.schema import STRUCTURES, Group, Range
from telemetry.fields.snapshot import Snapshot

_FIELDS: Final = {field.name: field for field in Snapshot.FIELDS}


def byte_range(name: str) -> slice:
    """Where this field lies in its page; KeyError for a name that is not a field of a page."""
    field = _FIELDS[name]
    if field.offset is None:
        raise KeyError(name)
    return slice(field.offset, field.offset + field.byte_size)


def valid_range(name: str) -> Range:
    """The values that this field can have; KeyError for a name that is not a field, or a field without limits."""
    declared = _FIELDS[name].valid_range
    if declared is None:
        raise KeyError(name)
    return declared


def _integer_reader(name: str) -> Callable[[bytes], int]:
    unpack: Callable[[bytes], tuple[int]] = Struct(f"<{byte_range(name).start}xi").unpack_from

    def read(page: bytes) -> int:
        return unpack(page)[0]

    return read


def _text_reader(name: str) -> Callable[[bytes], str]:
    where = byte_range(name)

    def read(page: bytes) -> str:
        return text_of(page[where])

    return read


read_packet_id: Final = _integer_reader("packet_id")
"""The number of the physics step, from the physics page."""
read_tyres_out: Final = _integer_reader("number_of_tyres_out")
"""How many tyres are off the valid surface, from the physics page."""

read_graphics_packet_id: Final = _integer_reader("graphics_packet_id")
"""The count of drawn frames, from the graphics page."""
read_status: Final = _integer_reader("status")
"""0 off, 1 replay, 2 live, 3 pause; from the graphics page."""
read_session: Final = _integer_reader("session")
"""The kind of session (a key of ``SESSION_NAMES``), from the graphics page."""
read_completed_laps: Final = _integer_reader("completed_laps")
"""How many laps the game has counted in this session, from the graphics page."""
read_lap_time_ms: Final = _integer_reader("current_time")
"""The clock of the lap in progress in milliseconds, from the graphics page."""
read_menu_visible: Final = _integer_reader("is_esc_menu_visible")
"""1 while the escape menu is open, else 0; from the graphics page."""

read_ac_version: Final = _text_reader("ac_version")
"""The version of the game, from the static page."""
read_car_model: Final = _text_reader("car_model")
"""The folder name of the car, from the static page; empty while the game loads."""
read_track: Final = _text_reader("track")
"""The folder name of the track, from the static page; empty while the game loads."""
read_track_configuration: Final = _text_reader("track_configuration")
"""The folder name of the track's layout, from the static page; empty where the track has one layout only."""
read_player_name: Final = _text_reader("player_name")
"""The name of the player, from the static page."""


def unpack_fields(page: bytes, *names: str) -> tuple[Any, ...]:
    """The values of several fields of one page, exactly as stored; bytes after the page are ignored.

    Raises KeyError for a name that is not a field of a page, ValueError for bytes that are shorter than the page. It is
    slow and meant for what happens once.
    """
    return tuple(unpack_field(page, _FIELDS[name]) for name in names)


def mask_fields(group: Group, names: Collection[str]) -> Callable[[bytes], bytes]:
    """A function that returns a page's bytes without the fields of these names.

    Raises KeyError for a name that is not a field of this page.
    """
    if strangers := [name for name in names if _FIELDS[name].group != group]:
        raise KeyError(strangers[0])
    masked = sorted(map(byte_range, names), key=lambda where: where.start)
    ends = [0, *(where.stop for where in masked)]
    starts = [*(where.start for where in masked), sizeof(STRUCTURES[group])]
    kept = [slice(begin, end) for begin, end in zip(ends, starts, strict=True) if begin < end]
    return lambda page: b"".join([page[where] for where in kept])


def encode_page(group: Group, **values: Any) -> bytes:
    """A page with these values; all other fields are 0 or empty.

    Raises KeyError for a name that is not a field of this page.
    """
    page = STRUCTURES[group]()
    for name, value in values.items():
        field = _FIELDS[name]
        if field.group != group:
            raise KeyError(name)
        pack_field(page, field, value)
    return bytes(page)


def page_struct(group: Group) -> Struct:
    """Packs a page from its values in the page's order: every number by itself, and each text as bytes in UTF-16.

    Several times faster than :func:`encode_page`.
    """
    code, end = "<", 0
    fields = (field for field in Snapshot.FIELDS if field.group == group)
    for field in sorted(fields, key=lambda field: field.offset or 0):
        where = byte_range(field.name)
        elements = (where.stop - where.start) // 4
        layout = {"integer": f"{elements}i", "number": f"{elements}f", "text": f"{where.stop - where.start}s"}
        code += f"{where.start - end}x{layout[field.dtype]}"
        end = where.stop
    return Struct(f"{code}{sizeof(STRUCTURES[group]) - end}x")
