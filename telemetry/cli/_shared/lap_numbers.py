"""``--laps``: some laps of a recording, by their numbers."""

import re

from telemetry.base.errors import UsageError


def parse_lap_numbers(text: str) -> list[tuple[int, int]]:
    """The lap numbers of ``3,5,7-9`` as ranges, both ends included; UsageError for any other text."""
    ranges: list[tuple[int, int]] = []
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", part)
        if match is None:
            raise UsageError(f"--laps {text}: expected lap numbers like 3, 3-7 or 3,5,7-9, got {part.strip()!r}.")
        first, last = int(match[1]), int(match[2] or match[1])
        if not 1 <= first <= last:
            raise UsageError(f"--laps {text}: no laps from {first} to {last}; laps count from 1.")
        ranges.append((first, last))
    return ranges
