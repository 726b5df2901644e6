"""The dashboard's modules without a browser: `node --test` over what the Python code says."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from telemetry.base.text import format_delta, format_duration, format_lap_time, format_percent, format_sector_time
from telemetry.fields.derived import Sample
from telemetry.fields.selection import select
from telemetry.fields.thresholds import DEFAULTS
from telemetry.fields.wire import LineEncoder
from telemetry.laps.detector import LapState, advance
from telemetry.laps.model import Lap
from telemetry.stream.protocol import StreamDescription, Subscription, hello_message, lap_message
from telemetry.terminal.draw import BAD, COLD, COOL, GOOD, LABEL, WARN
from telemetry.terminal.panels.wheels import slip_bar, temperature_style, wear_style
from tests.conftest import REPOSITORY, sample_of
from tests.pages import run_node_tests
from tests.stream.collect.lab import SAID

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="the modules are the same files on every system")

SECTORS_MS: Final = ((30_000, 28_000, 32_000), (29_000, 28_500, 31_000), (31_000, 27_000, 33_000), (30_000, 30_000, 1))
"""The sectors of a drive of three laps; the fourth lap is just begun."""

STEP_MS: Final = 50


def format_vectors() -> dict[str, list[tuple[float, str]]]:
    """Values and what Python writes; the page has dashes and a minus sign of its own, and leaves out a 0 of hours."""
    times = (0, -5, 1, 999, 1000, 59_999, 60_000, 61_234, 599_999, 3_599_999, 5_999_999, 6_000_000, 86_399_999)
    deltas = (-99.9994, -12.3456, -1.0, -0.5, -0.001, 0.001, 0.0624, 1.0, 7.25, 59.5, 99.9994)
    seconds = (-1.0, 0.0, 0.5, 1.0, 59.9, 60.0, 307.0, 907.5, 3599.9, 3600.0, 5025.0, 359_999.0, 360_000.0)
    return {
        "formatLapTime": [(ms, format_lap_time(ms).replace("-", "\N{EN DASH}")) for ms in times],
        "formatSectorTime": [(ms, format_sector_time(ms)) for ms in times if ms > 0],
        "formatDelta": [(delta, format_delta(delta).replace("-", "\N{MINUS SIGN}")) for delta in deltas],
        "formatDuration": [(span, re.sub("^0:0?(?=.)", "", format_duration(span))) for span in seconds],
        "formatPercent": [(part / 97, format_percent(part / 97)) for part in range(98)],
    }


def limit_vectors() -> dict[str, list[tuple[float, str]]]:
    """Values and the level or band that the terminal's colours and the flags say."""
    levels = {BAD: "bad", WARN: "warn", GOOD: "good", LABEL: "none"}
    bands = {COLD: "cold", COOL: "cool", GOOD: "good", WARN: "hot", BAD: "over"}

    def damage_level(damage: float) -> str:
        sample = sample_of(car_damage=(100.0 * damage, 0.0, 0.0, 0.0, 0.0))
        return "bad" if sample.bodywork_critical else "warn" if sample.bodywork_damaged else "good"

    return {
        "temperatureBand": [(celsius, bands[temperature_style(celsius)]) for celsius in map(float, range(-10, 200))],
        "wearLevel": [(part / 200, levels[wear_style(part / 200, DEFAULTS)]) for part in range(201)],
        "damageLevel": [(part / 64, damage_level(part / 64)) for part in range(65)],
        "slipLevel": [(part / 64, levels[slip_bar(part / 64, 15)[0].style or LABEL]) for part in range(200)],
    }


def drive() -> Iterator[Sample]:
    """Samples of the laps of `SECTORS_MS`, from line to line."""
    began_ms = last_time = last_sector = 0
    for completed, sectors in enumerate(SECTORS_MS):
        for time_ms in range(0, sum(sectors), STEP_MS):
            index = sum(time_ms >= sum(sectors[: count + 1]) for count in range(2))
            if index:
                last_sector = sectors[index - 1]
            in_sector = (time_ms - sum(sectors[:index])) / max(sectors[index], STEP_MS)
            yield sample_of(
                elapsed=(began_ms + time_ms) / 1000, packet_id=(began_ms + time_ms) // 3, completed_laps=completed,
                current_time=time_ms, last_time=last_time, normalized_position=(index + in_sector) / 3,
                current_sector_index=index, last_sector_time=last_sector,
            )  # fmt: skip
            if completed == len(SECTORS_MS) - 1 and time_ms > 3000:
                return
        began_ms += sum(sectors)
        last_time, last_sector = sum(sectors), sectors[-1]


def sector_vectors() -> tuple[list[dict[str, Any]], list[Lap]]:
    """The messages of the drive in their order, each lap with the sectors that the page must show after it."""
    names = "track,track_configuration,car_model,current_time,normalized_position,completed_laps,current_sector_index,"
    encoder = LineEncoder(select(f"{names}last_sector_time"))
    vectors: list[dict[str, Any]] = []
    found: list[Lap] = []
    state = LapState()
    for sample in drive():
        vectors.append({"message": json.loads(encoder.encode(sample))})
        state, done = advance(state, sample)
        for lap in done:
            reference = min(found, key=lambda other: other.time_ms or 0, default=None)
            expected = [
                {
                    "time": time,
                    "delta": time - (reference.sectors_ms[index] or 0) if reference else None,
                    "best": bool(found) and time < min(other.sectors_ms[index] or 0 for other in found),
                    "previousLap": True,
                }
                for index, time in enumerate(lap.sectors_ms)
                if time is not None
            ]
            found.append(lap)
            vectors.append({"message": lap_message(lap), "expected": expected})
    return vectors, found


def test_the_modules_agree_with_python_in_node(tmp_path: Path) -> None:
    messages, found = sector_vectors()
    assert [lap.sectors_ms for lap in found] == list(SECTORS_MS[:3])
    vectors = {
        "format": format_vectors(),
        "limits": limit_vectors(),
        "hello": hello_message(Subscription(), StreamDescription("a1", "demo", 20.0), None),
        "sectors": messages,
        "lap_count": len(found),
        "rig": SAID,
        "best_time_ms": min(lap.time_ms or 0 for lap in found),
    }
    page, tests = "telemetry/stream/dashboard", "tests/stream/dashboard"
    assert len(list((REPOSITORY / tests).glob("*.test.js"))) == 6
    assert 10 <= run_node_tests(tmp_path, page, tests, vectors, "DASHBOARD_VECTORS") <= 99
