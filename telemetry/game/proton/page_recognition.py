"""Recognising the game's pages by their contents alone: which of some unnamed files is which page."""

import re
from collections.abc import Sequence
from typing import Final

from ac_native_memory import PAGES, SIZES
from telemetry.fields.pages import byte_range, page_struct, unpack_fields, valid_range


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


_MIN_GEAR, _MAX_GEAR = valid_range("gear")

_PHYSICS: Final = page_struct("physics")


def _is_physics(content: bytes) -> bool:
    if any(content[_PHYSICS.size :]):
        return False
    values = _PHYSICS.unpack_from(content)
    integers = [value for value in values if isinstance(value, int)]
    if integers[0] <= 0 or max(map(abs, integers)) > _LARGEST_INTEGER:
        return False
    numbers = [abs(value) for value in values if isinstance(value, float) and value != 0.0]
    implausible = sum(not 1e-30 < number < 1e9 for number in numbers)  # also for NaN
    significant = sum(1e-4 < number < 1e7 for number in numbers)
    return implausible <= _MAX_IMPLAUSIBLE and significant >= _MIN_SIGNIFICANT


def _is_plausible_physics(content: bytes) -> bool:
    """Whether a page with the layout of physics also holds values that a car can have."""
    fractions = unpack_fields(content, "gas", "brake", "clutch", "brake_bias")
    gear, steer_angle = unpack_fields(content, "gear", "steer_angle")
    wears, normals = unpack_fields(content, "tyre_wear", "tyre_contact_normal")
    return (
        all(0.0 <= fraction <= 1.0 for fraction in fractions)
        and _MIN_GEAR <= gear <= _MAX_GEAR
        and abs(steer_angle) <= 1.5
        and all(0.0 <= wear <= 100.5 for wear in wears)
        and all(0.9 < sum(axis * axis for axis in normal) < 1.1 for normal in normals)
    )


_TIME: Final = re.compile(r"-:--:---|-?\d{1,4}:\d\d:\d\d\d")
_VERSION: Final = re.compile(r"\d{1,2}\.\d{1,2}")


def _is_graphics(content: bytes) -> bool:
    packet_id, status, session, completed_laps = unpack_fields(
        content, "graphics_packet_id", "status", "session", "completed_laps"
    )
    times = unpack_fields(content, "current_time_text", "last_time_text", "best_time_text")
    return (
        packet_id > 0
        and 0 <= status <= 3
        and -1 <= session <= 6
        and all(_TIME.fullmatch(time) for time in times)
        and 0 <= completed_laps <= _LARGEST_INTEGER
        and set(unpack_fields(content, "is_in_pit", "is_in_pit_lane")) <= {0, 1}
    )


def _is_static(content: bytes) -> bool:
    (version,) = unpack_fields(content, "sm_version")
    after_version = content[byte_range("sm_version")][2 * len(version) :]
    counts = unpack_fields(content, "number_of_sessions", "num_cars", "sector_count")
    radii, *others = unpack_fields(content, "tyre_radius", "max_torque", "max_power", "max_fuel", "track_spline_length")
    return (
        _VERSION.fullmatch(version) is not None
        and not any(after_version)
        and all(0 <= count <= 1000 for count in counts)
        and all(number == 0.0 or 1e-6 < number < 1e9 for number in (*radii, *others))
    )
