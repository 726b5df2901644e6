"""The byte layout of MoTeC's logs (``.ld``), little-endian; read from files of six writers (``docs/motec.md``).

A log is five fixed blocks, a linked list of channel nodes, and the samples of one channel after the other. Each writer
puts them elsewhere, and some shorten the blocks to what is declared here, so places come from the pointers alone.
"""

from typing import Any, Final

import numpy as np

Structure = np.dtype[np.void]


def _structure(size: int, **fields: tuple[int, str]) -> Structure:
    """A structure of so many bytes with fields at these offsets."""
    return np.dtype(
        {
            "names": list(fields),
            "formats": [code for _, code in fields.values()],
            "offsets": [offset for offset, _ in fields.values()],
            "itemsize": size,
        }
    )


HEADER: Final = _structure(
    1762,
    mark=(0, "<u4"),
    first_channel=(8, "<u4"),
    first_sample=(12, "<u4"),
    event=(36, "<u4"),
    node_kind=(64, "<u2"),
    clock_hz=(66, "<u4"),
    device_serial=(70, "<u4"),
    device_type=(74, "S8"),
    device_version=(82, "<u2"),
    device_flags=(84, "<u2"),
    channel_count=(86, "<u2"),  # readers that take 32 bits meet a second count in the logs of M1 units
    date=(94, "S16"),
    time=(126, "S16"),
    driver=(158, "S64"),
    vehicle=(222, "S64"),
    venue=(350, "S64"),
    licence=(1502, "<u4"),
    session=(1508, "S64"),
    comment=(1572, "S64"),
    beacon_id=(1644, "<u4"),
)

EVENT: Final = _structure(
    3156,
    name=(0, "S64"),
    session=(64, "S64"),
    comment=(128, "S1024"),
    venue=(1152, "<u2"),  # followed by the venue's block in short events, so that 32 bits would be too many
)

VENUE: Final = _structure(3102, name=(0, "S64"), length_mm=(66, "<u4"), vehicle=(1098, "<u2"))

VEHICLE: Final = _structure(
    3316, name=(0, "S64"), description=(64, "S64"), weight_kg=(192, "<u2"), kind=(196, "S32"), comment=(228, "S32")
)

NODE: Final = _structure(
    124,
    previous=(0, "<u4"),
    next=(4, "<u4"),
    samples=(8, "<u4"),
    count=(12, "<u4"),
    id=(16, "<u2"),
    kind=(18, "<u2"),
    sample_size=(20, "<u2"),
    rate_hz=(22, "<u2"),
    shift=(24, "<i2"),
    multiplier=(26, "<i2"),
    scale=(28, "<i2"),
    decimals=(30, "<i2"),
    name=(32, "S32"),
    short_name=(64, "S8"),
    unit=(72, "S12"),
    highest=(84, "<i4"),
    lowest=(88, "<i4"),
)
"""A channel. ACTI's nodes end after 116 bytes, of which nothing here lies behind."""

NODE_BYTES: Final = 92
"""What a node must have."""

UNIT_IN_SHORT_NAME: Final = 2
"""The ``node_kind`` of logs whose channels have their unit where others have a short name, in 12 bytes."""

MARK: Final = 0x40

SAMPLE_TYPES: Final[dict[tuple[int, int], np.dtype[Any]]] = {
    (kind, size): np.dtype(code)
    for kind, size, code in (
        (7, 4, "<f4"),
        (3, 2, "<i2"),
        (5, 4, "<i4"),
        (0, 2, "<u2"),
        (7, 2, "<f2"),
        (3, 4, "<i4"),
        (5, 2, "<i2"),
        (8, 8, "<f8"),
        (6, 4, "<i4"),
    )
}
"""The type of a sample by the ``kind`` and ``sample_size`` of its channel."""

BEACON_CHANNEL: Final = 110
"""The ``id`` of the channel in which loggers keep the beacons of laps."""


def read_structure(structure: Structure, data: bytes) -> Any:
    """The structure at the beginning of these bytes; what they are too short for is zero."""
    padded = data[: structure.itemsize].ljust(structure.itemsize, b"\0")
    return np.frombuffer(padded, structure)[0]


def decode_text(field: bytes) -> str:
    """A text of a log: up to its first zero, in UTF-8, or in the Windows code page where it is none."""
    text = field.split(b"\0", 1)[0]
    try:
        return text.decode("utf-8").strip()
    except UnicodeDecodeError:
        return text.decode("cp1252", errors="replace").strip()
