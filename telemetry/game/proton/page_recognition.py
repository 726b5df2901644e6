"""Recognising the game's pages by their contents alone: which of some unnamed files is which page."""

import ctypes
import re
import struct
from collections.abc import Sequence
from typing import Final

from ac_native_memory import PAGES, SIZES, SPageFileGraphic, SPageFilePhysics, SPageFileStatic, text_of


def classify_pages(contents: Sequence[bytes]) -> tuple[int, int, int] | None:
    """Which of these files are the physics, the graphics and the static page; None if in doubt."""
    kinds: dict[str, list[int]] = {name: [] for name in PAGES}
    for index, content in enumerate(contents):
        kind = identify_page(content)
        if kind is not None:
            kinds[kind].append(index)
    physics, graphics, static = kinds.values()
    if len(physics) > 1:
        physics = [index for index in physics if _is_plausible_physics(contents[index])]
    if len(physics) == len(graphics) == len(static) == 1:
        return physics[0], graphics[0], static[0]
    return None


def identify_page(content: bytes) -> str | None:
    """The name of the page whose layout these bytes have; None if they have no page's, or are not written yet."""
    if len(content) < max(SIZES):
        return None
    for name, test in zip(PAGES, (_is_physics, _is_graphics, _is_static), strict=True):
        if test(content):
            return name
    return None


_LARGEST_INTEGER: Final = 10_000_000
"""More than any counter of a page; a float that is read as an integer is hundreds of millions."""

_MAX_IMPLAUSIBLE: Final = 3
"""How many numbers of a physics page may have an implausible size: the game's own have glitches."""

_MIN_SIGNIFICANT: Final = 24
"""How many numbers of a physics page are clearly not zero even of a car that stands still: loads, temperatures, ..."""


def _is_physics(content: bytes) -> bool:
    size = ctypes.sizeof(SPageFilePhysics)
    if any(content[size:]):
        return False
    integers = _PHYSICS_INTEGERS(content)
    if integers[0] <= 0 or max(map(abs, integers)) > _LARGEST_INTEGER:
        return False
    numbers = [abs(number) for number in _PHYSICS_NUMBERS(content) if number != 0.0]
    implausible = sum(not 1e-30 < number < 1e9 for number in numbers)  # also for NaN
    significant = sum(1e-4 < number < 1e7 for number in numbers)
    return implausible <= _MAX_IMPLAUSIBLE and significant >= _MIN_SIGNIFICANT


def _is_plausible_physics(content: bytes) -> bool:
    """Whether a page with the layout of physics also holds values that a car can have."""
    page = SPageFilePhysics.from_buffer_copy(content)
    pedals = (page.gas, page.brake, page.clutch, page.brakeBias)
    return (
        all(0.0 <= pedal <= 1.0 for pedal in pedals)
        and 0 <= page.gear <= 20
        and abs(page.steerAngle) <= 1.5
        and all(0.0 <= wear <= 100.5 for wear in page.tyreWear)
        and all(0.9 < sum(axis * axis for axis in normal) < 1.1 for normal in page.tyreContactNormal)
    )


_TIME: Final = re.compile(r"-:--:---|-?\d{1,4}:\d\d:\d\d\d")
_VERSION: Final = re.compile(r"\d{1,2}\.\d{1,2}")


def _is_graphics(content: bytes) -> bool:
    page = SPageFileGraphic.from_buffer_copy(content)
    return (
        page.packetId > 0
        and 0 <= page.status <= 3
        and -1 <= page.session <= 6
        and all(_TIME.fullmatch(text_of(text)) for text in (page.currentTime, page.lastTime, page.bestTime))
        and 0 <= page.completedLaps <= _LARGEST_INTEGER
        and {page.isInPit, page.isInPitLane} <= {0, 1}
    )


def _is_static(content: bytes) -> bool:
    page = SPageFileStatic.from_buffer_copy(content)
    version = text_of(page.smVersion)
    numbers = (page.maxTorque, page.maxPower, page.maxFuel, *page.tyreRadius, page.trackSPlineLength)
    return (
        _VERSION.fullmatch(version) is not None
        and not any(page.smVersion[len(version) :])
        and all(0 <= count <= 1000 for count in (page.numberOfSessions, page.numCars, page.sectorCount))
        and all(number == 0.0 or 1e-6 < number < 1e9 for number in numbers)
    )


def _word_unpacker(*, integers: bool) -> struct.Struct:
    """Unpacks the integers, or the other words, of a physics page."""
    words = []
    for _, kind, *_ in SPageFilePhysics._fields_:
        count = ctypes.sizeof(kind) // 4
        if (kind is ctypes.c_int32) is integers:
            words.append(f"{count}{'i' if integers else 'f'}")
        else:
            words.append(f"{4 * count}x")
    return struct.Struct("<" + "".join(words))


_PHYSICS_INTEGERS: Final = _word_unpacker(integers=True).unpack_from
_PHYSICS_NUMBERS: Final = _word_unpacker(integers=False).unpack_from
