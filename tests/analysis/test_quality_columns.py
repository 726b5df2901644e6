"""The figures of a quality report are those that its samples give one by one, in blocks of any size."""

import math
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ac_native_memory import Pages
from telemetry.analysis.quality import QualityAnalyzer
from telemetry.analysis.quality.intervals import round_all_to_four_digits
from telemetry.base.histogram import round_to_four_digits
from telemetry.fields.blocks import Block, RowBlock
from telemetry.fields.clock_steps import clock_step_seconds
from telemetry.fields.metrics.enums import SESSION_NAMES
from telemetry.fields.pauses import paused_seconds
from telemetry.fields.schema import Field
from telemetry.fields.snapshot import Snapshot, decode
from telemetry.recording.game_state import is_advancing, state_in_session
from tests.constructed import drive, samples_of
from tests.drives import SEEDS, frames_at
from tests.fields.test_columns import CHANGES, blocks_of, moments, pages_after
from tests.fields.test_snapshot import any_pages
from tests.laps.test_detector import SCENARIOS

Figures = dict[str, Any]


def figures_in_blocks(blocks: Iterable[Block], absent: Iterable[str] = ()) -> Figures:
    """What the report says of the samples in these blocks."""
    quality = QualityAnalyzer(absent)
    for block in blocks:
        quality.add(block)
    report = quality.report([], file="", file_format="", format_version=None, size=0, finished=True).to_dict()
    return {name: report[name] for name in figures_of([], absent)}


def figures_of(samples: Sequence[Snapshot], absent: Iterable[str] = ()) -> Figures:
    """The same, told plainly: all samples at once, one value after the other."""
    absent = set(absent)
    return {
        "samples": len(samples),
        **names_in(samples, absent),
        **intervals_between(samples),
        **odd_values(samples, absent),
        "top_speed_kmh": max((abs(one.speed_kmh) for one in samples if one.speed_kmh >= 0.0), default=None),
    }


def names_in(samples: Sequence[Snapshot], absent: set[str]) -> Figures:
    cars = [one.car_model for one in samples if one.car_model]
    layouts = [(one.track, one.track_configuration) for one in samples if one.track]
    sessions = [] if "session" in absent else [SESSION_NAMES.get(one.session, "unknown") for one in samples]
    return {
        "cars": tuple(dict.fromkeys(cars)),
        "tracks": tuple(dict.fromkeys(f"{track} ({layout})" if layout else track for track, layout in layouts)),
        "sessions": tuple(dict.fromkeys(sessions)),
    }


def intervals_between(samples: Sequence[Snapshot]) -> Figures:
    states = [state_in_session(one.status, one.is_esc_menu_visible) for one in samples]
    moved = [now.packet_id != before.packet_id for before, now in pairwise([*samples[:1], *samples])]
    new = [is_advancing(state, moved=one) for state, one in zip(states, moved, strict=True)]
    found: Figures = {"span_s": samples[-1].elapsed - samples[0].elapsed if samples else 0.0}
    found |= {"pauses": 0, "paused_s": 0.0, "restarts": 0, "time_backwards": 0, "clock_steps": []}
    lengths_ms = []
    for number, (before, now) in enumerate(pairwise(samples), start=1):
        seconds, steps = now.elapsed - before.elapsed, now.packet_id - before.packet_id
        if clock_step := clock_step_seconds(now.timestamp - before.timestamp, seconds):
            found["clock_steps"].append({"at_s": now.elapsed - samples[0].elapsed, "seconds": clock_step})
        elif now.timestamp < before.timestamp or seconds < 0.0:
            found["time_backwards"] += 1
        if steps < 0:
            found["restarts"] += 1
            continue
        is_driven = new[number] and new[number - 1]
        paused_s = paused_seconds(seconds, steps) if is_driven else max(seconds, 0.0)
        if not is_driven or paused_s:
            found["pauses"] += new[number - 1]
            found["paused_s"] += paused_s
            continue
        lengths_ms.append((seconds * 1e3, steps))
    found["clock_steps"] = tuple(found["clock_steps"])
    rounded = sorted(round_to_four_digits(length) for length, _ in lengths_ms)
    total = list(accumulate([0.0, *(length for length, _ in lengths_ms)]))[-1]
    found["rate_hz"] = len(lengths_ms) / total * 1e3 if total else None
    found["interval_p50_ms"] = at_share(rounded, 0.5)
    found["interval_p99_ms"] = at_share(rounded, 0.99)
    found["interval_max_ms"] = max((length for length, _ in lengths_ms), default=None)
    found["duplicates"] = sum(steps == 0 for _, steps in lengths_ms)
    return found


def at_share(ascending: Sequence[float], share: float) -> float | None:
    return ascending[max(math.ceil(share * len(ascending)), 1) - 1] if ascending else None


def odd_values(samples: Sequence[Snapshot], absent: set[str]) -> Figures:
    non_finite: Counter[str] = Counter()
    outside: dict[str, list[float]] = {}
    fields = [field for field in Snapshot.FIELDS if field.name not in absent]
    constant = [field.name for field in fields if field.group in ("physics", "graphics") and len(samples) > 1]
    for sample in samples:
        for field in sorted(fields, key=lambda field: len(field.shape)):
            value = sample[Snapshot.INDEX[field.name]]
            values = list(flat(value))
            if field.name in constant and values != list(flat(samples[0][Snapshot.INDEX[field.name]])):
                constant.remove(field.name)
            if field.dtype == "text" or field.valid_range == (-math.inf, math.inf):
                continue
            if not all(map(math.isfinite, values)):
                non_finite[field.name] += 1
            elif not is_inside(field, values):
                outside.setdefault(field.name, []).append(value)
    return {
        "constant_fields": tuple(name for name in constant if not has_nan(samples, name)),
        "non_finite": dict(non_finite),
        "out_of_range": {
            name: {"count": len(values), "lowest": min(values), "highest": max(values)}
            for name, values in outside.items()
        },
    }


def flat(value: Any) -> Iterator[Any]:
    if isinstance(value, tuple):
        for element in value:
            yield from flat(element)
    else:
        yield value


def is_inside(field: Field, values: Sequence[float]) -> bool:
    low, high = (
        field.valid_range if field.valid_range and not field.shape else (-sys.float_info.max, sys.float_info.max)
    )
    return all(low <= value <= high for value in values)


def has_nan(samples: Sequence[Snapshot], name: str) -> bool:
    """NaN differs from itself."""
    return any(value != value for one in samples for value in flat(one[Snapshot.INDEX[name]]))  # noqa: PLR0124 - so that texts are taken too


def check(pages: Sequence[Pages], times: Sequence[float], size: int) -> Figures:
    """Compare both walks, of pages and of rows."""
    samples = [decode(page, elapsed=elapsed) for page, elapsed in zip(pages, times, strict=True)]
    wanted = figures_of(samples)
    assert repr(figures_in_blocks(blocks_of(pages, times, [size] * len(pages)))) == repr(wanted)
    rows = [RowBlock(samples[begin : begin + size]) for begin in range(0, len(samples), size)]
    assert repr(figures_in_blocks(rows)) == repr(wanted)
    return wanted


@pytest.mark.parametrize("scenario", ["laps", "pause", "restart", "lockup"])
def test_a_scenario_has_the_same_figures_in_columns(scenario: str) -> None:
    frames = frames_at(scenario, SEEDS.get(scenario, 0), SCENARIOS[scenario][0], 10)
    assert check([frame.pages for frame in frames], [frame.seconds for frame in frames], 71)["samples"] == len(frames)


def test_a_drive_at_the_full_rate_has_the_same_figures_in_columns() -> None:
    samples = list(samples_of(drive([4.0, 5.0], rate=333.0, length=400.0)))
    rows = [Snapshot.of(one[: len(Snapshot.FIELDS)]) for one in samples]
    rows[700:900] = [one.replace(status=3, packet_id=rows[700].packet_id) for one in rows[700:900]]
    found = figures_in_blocks([RowBlock(rows[:730]), RowBlock(rows[730:1000]), RowBlock([]), RowBlock(rows[1000:])])
    assert repr(found) == repr(figures_of(rows))
    assert found["pauses"] == 1


ODD = [
    *[{name: value} for name in ("gas", "heading", "speed_kmh") for value in (math.nan, -math.inf, -0.0, -7.5, 3.1416)],
    *[{"timestamp": value} for value in (math.nan, math.inf, 0.0, 1.7e9, 1.8e9)],
    *[{"wheel_slip": (value, 0.0, 0.0, 1.0)} for value in (math.inf, -math.inf, math.nan, 2.0)],
    {"tyre_contact_normal": ((0.0, 1.0, math.nan),) * 4},
    {"session_time_left": math.inf},
    {"gear": 40},
    {"flag": -1},
    {"status": 7},
    {"is_esc_menu_visible": 1},
    {"tyre_compound": "Other (O)"},
    {"track": "spa", "track_configuration": "short", "session": 9},
    {"suspension_max_travel": (math.nan, 0.1, 0.1, 0.1)},
    *(change for kind in CHANGES.values() for change in kind),
]


@given(
    st.lists(st.tuples(moments, st.lists(st.sampled_from(ODD), max_size=2)), min_size=1, max_size=60),
    st.integers(1, 25),
)
@example([((1, 3, 1, []), [{"gas": -0.0}]), ((1, 3, 1, []), [{"gas": 0.0}])], 1)
@example([((1, 3, 1, []), [{"speed_kmh": -0.0}])] * 2, 1)
@example([((1, 3, 1, [{"wheel_load": (math.nan,) * 4}]), [])] * 3, 2)
def test_whatever_happens_the_figures_are_the_same(moves: list[tuple[Any, list[dict[str, Any]]]], size: int) -> None:
    moved = [(steps, clock, frames, [*changed, *odd]) for (steps, clock, frames, changed), odd in moves]
    pages, times = zip(*pages_after(moved), strict=True)
    check(pages, times, size)


@given(st.lists(any_pages, min_size=1, max_size=4), st.integers(1, 3))
def test_any_bytes_have_the_same_figures(pages: list[Pages], size: int) -> None:
    check(pages, [index * 0.1 for index in range(len(pages))], size)


def test_fields_that_a_recording_lacks_are_in_no_figure() -> None:
    frames = frames_at("laps", 0, 8.0, 10)
    rows = [decode(frame.pages, elapsed=frame.seconds).replace(fuel=math.nan, session=0, gas=5.0) for frame in frames]
    absent = ("fuel", "session", "gas", "tyre_compound", "packet_id")
    found = figures_in_blocks([RowBlock(rows[:30]), RowBlock(rows[30:])], absent)
    found.pop("duplicates")
    wanted = figures_of(rows, absent)
    wanted.pop("duplicates")
    assert repr(found) == repr(wanted)
    assert found["sessions"] == ()


@given(st.lists(st.floats(allow_nan=False) | st.floats(1e-4, 2e4) | st.integers(1000, 99_999).map(lambda n: n / 20)))
@example([0.00099995, 9.9995, 9999.5, 1000.5, 2.0005, 1.0, 9.99999999, 99.995, 0.12345])
def test_all_durations_are_rounded_as_one_by_one(durations: list[float]) -> None:
    found = round_all_to_four_digits(np.array(durations, dtype=np.float64)).tolist()
    assert found == list(map(round_to_four_digits, durations))
