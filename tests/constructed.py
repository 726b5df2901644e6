"""A game made by hand: what its pages say follows from the time alone, and every sign of a line can be late."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Any

from telemetry.fields.derived import Sample, derive
from telemetry.fields.snapshot import Snapshot
from tests.conftest import snapshot_of

Values = dict[str, Any]
LENGTH = 3000.0
BASE = snapshot_of(track_spline_length=LENGTH, fuel=60.0, tyre_compound="Slicks Medium (M)")


PLACES = {name: place for place, name in enumerate(Snapshot.NAMES)}


def drive(
    lap_seconds: Sequence[float],
    *,
    rate: float = 10.0,
    begin: float = 0.0,
    end: float | None = None,
    grid: float = 0.0,
    clock_late: float = 0.0,
    count_late: float = 0.02,
    time_late: float = 0.1,
    sector_late: float = 0.0,
    sectors: int = 3,
    counted: int = 0,
    line: float = 0.0,
    length: float = LENGTH,
) -> Iterator[Values]:
    """Samples of a car that begins ``grid`` metres before the line and drives laps that take so many seconds.

    The first lap's time runs from the start. ``begin`` and ``end`` are the seconds that are sampled, ``line`` is where
    the line lies on the spline.
    """
    lines = list(accumulate(lap_seconds))
    end = lines[-1] + 1.5 if end is None else end

    def done(seconds: float) -> int:
        return sum(line <= seconds + 1e-9 for line in lines)

    for tick in range(math.ceil((end - begin) * rate)):
        now = begin + tick / rate
        lap = done(now)
        since = now - lines[lap - 1] if lap else now
        share = min(since / lap_seconds[lap] if lap < len(lines) else since / 100.0, 0.999)
        start = grid / length if lap == 0 else 0.0
        on_clock, on_board = done(now - clock_late), done(now - time_late)
        running = now - (lines[on_clock - 1] if on_clock else 0.0)
        split_lap = done(now - sector_late)
        split = min(int(share * sectors), sectors - 1) if split_lap == lap else sectors - 1
        shown = (split_lap, split - 1) if split else (split_lap - 1, sectors - 1)
        known = 0 <= shown[0] < len(lines)
        yield {
            "elapsed": now,
            "timestamp": 1.7e9 + now,
            "packet_id": 300 + round(now * 1000 / 3),
            "completed_laps": counted + done(now - count_late),
            "current_time": int(running * 1000) // 3 * 3,
            "last_time": round(lap_seconds[on_board - 1] * 1000) if on_board else 0,
            "normalized_position": (line + share * (1.0 + start) - start) % 1.0,
            "distance_traveled": (lap + share) * length,
            "current_sector_index": split,
            "last_sector_time": sectors_of(lap_seconds[shown[0]], sectors)[shown[1]] if known else 0,
            "sector_count": sectors,
            "track_spline_length": length,
            "speed_kmh": 200.0 + share,
            "fuel": 60.0 - 2.0 * (lap + share),
        }


def sectors_of(lap_seconds: float, sectors: int = 3) -> tuple[int, ...]:
    """The sectors that ``drive`` makes of a lap, in ms; all the same where the lap takes whole minutes."""
    whole = round(lap_seconds * 1000)
    uneven = 100 if lap_seconds % 60.0 else 0
    times = [whole // sectors + uneven * number for number in range(1, sectors)]
    return (*times, whole - sum(times))


def later(rows: Iterable[Values], seconds: float, *, metres: float = 20_000.0, **changes: Any) -> Iterator[Values]:
    """The same rows that much later by every clock but the lap's, and that much further on, with other values."""
    for row in rows:
        moved = {
            "elapsed": row["elapsed"] + seconds,
            "timestamp": row["timestamp"] + seconds,
            "packet_id": row["packet_id"] + round(seconds * 1000 / 3),
            "distance_traveled": row["distance_traveled"] + metres,
        }
        yield {**row, **moved, **changes}


def changed(rows: Iterable[Values], begin: float, end: float, **changes: Any) -> Iterator[Values]:
    """The rows with other values in those of this time."""
    return ({**row, **changes} if begin <= row["elapsed"] < end else row for row in rows)


def samples_of(rows: Iterable[Values]) -> Iterator[Sample]:
    before: Sample | None = None
    for sequence, row in enumerate(rows):
        values = list(BASE)  # quicker than replacing by name
        for name, value in (("sequence", sequence), *row.items()):
            values[PLACES[name]] = value
        before = derive(Snapshot.of(values), before)
        yield before
