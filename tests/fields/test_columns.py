"""Columns hold, value for value, what the scalar walk gives: every metric, in blocks of any size."""

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ac_native_memory import Pages
from telemetry.fields.blocks import PageBlock, TextColumn, shortest_decimals
from telemetry.fields.columns import Columns, DerivedBlock, derive_columns
from telemetry.fields.derived import METRICS, Sample, derive
from telemetry.fields.schema import Field
from telemetry.fields.snapshot import Snapshot, decode, encode
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from tests.conftest import sample_of, snapshot_of
from tests.drives import SEEDS, drive, frames_at
from tests.fields.test_snapshot import any_pages
from tests.laps.test_detector import SCENARIOS

DERIVED = [metric.name for metric in METRICS]
Times = Sequence[float]


def samples_of(pages: Iterable[Pages], times: Times, thresholds: Thresholds) -> list[Sample]:
    """The live walk: one sample after the other."""
    samples: list[Sample] = []
    for page, elapsed in zip(pages, times, strict=True):
        snapshot = decode(page, elapsed=elapsed, sequence=len(samples))
        samples.append(derive(snapshot, samples[-1] if samples else None, thresholds))
    return samples


def blocks_of(pages: Sequence[Pages], times: Times, sizes: Iterable[int]) -> Iterator[PageBlock]:
    for begin, end in pairwise([0, *accumulate(sizes)]):
        if begin < len(pages):
            yield PageBlock.from_pages(pages[begin:end], times[begin:end], begin)


def plain(value: Any) -> Any:
    """A value of a column as Python has it, with None for what is absent; of a sample, None also for NaN."""
    if isinstance(value, list | tuple):
        return [plain(element) for element in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def check(
    pages: Sequence[Pages], times: Times, sizes: Sequence[int], thresholds: Thresholds = DEFAULTS
) -> list[Columns]:
    """Compare all derived fields of both walks; returns the blocks."""
    wanted = samples_of(pages, times, thresholds)
    blocks = []
    at = 0
    for columns in derive_columns(blocks_of(pages, times, sizes), DERIVED, thresholds):
        part = wanted[at : at + len(columns)]
        for name in DERIVED:
            found = plain(columns[name].tolist())
            assert found == [plain(sample[Sample.INDEX[name]]) for sample in part], f"{name} from {at} on"
        at += len(columns)
        blocks.append(columns)
    assert at == len(pages)
    return blocks


@pytest.mark.parametrize("hertz", [10, 30])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_has_the_same_values_in_columns(scenario: str, hertz: int) -> None:
    frames = frames_at(scenario, SEEDS.get(scenario, 0), SCENARIOS[scenario][0], hertz)
    pages = [frame.pages for frame in frames]
    check(pages, [frame.seconds for frame in frames], [hertz * 7 + 1] * len(pages))


def test_other_thresholds_give_the_same_values_in_columns() -> None:
    frames = list(drive("restart", SEEDS.get("restart", 0)).frames(40.0))
    pages = [frame.pages for frame in frames]
    check(
        pages, [frame.seconds for frame in frames], [4096] * len(pages), Thresholds(lock_rule="mean", steer_lock=450.0)
    )


CHANGES: dict[str, list[dict[str, Any]]] = {
    "laps": [{"completed_laps": 1}, {"completed_laps": 2}, {"completed_laps": 0}, {"completed_laps": 500}],
    "clock": [{"current_time": value} for value in (0, 40, 990, 1010, 30_000, 90_000, -5)],
    "status": [{"status": value} for value in (0, 1, 2, 2, 2, 3)],
    "pits": [{"is_in_pit": 1, "is_in_pit_lane": 1}, {"is_in_pit": 0, "is_in_pit_lane": 1}, {"is_in_pit": 0}],
    "tyres_out": [{"number_of_tyres_out": value} for value in (0, 2, 3, 4)],
    "place": [{"normalized_position": value} for value in (0.0, 0.001, 0.05, 0.49, 0.51, 0.97, 1.0, math.nan)],
    "distance": [{"distance_traveled": value} for value in (0.0, 50.0, 3000.0, 90_000.0)],
    "length": [{"track_spline_length": value} for value in (0.0, 3000.0, 5793.0)],
    "names": [
        {"car_model": "other"},
        {"car_model": ""},
        {"track": "monza"},
        {"track_configuration": "gp"},
        {"session": 2},
    ],
    "wear": [{"tyre_wear": (value, 99.0, value, 98.0)} for value in (0.0, 92.0, 98.0, 99.5, 100.0, math.nan, math.inf)],
    "compound": [{"tyre_compound": "Semislicks (SM)"}, {"tyre_compound": "Street (ST)"}, {"tyre_compound": ""}],
    "damage": [{"car_damage": (value, 0.0, 3.0, 0.0, value)} for value in (0.0, 7.0, 80.0, 500.0, math.nan, math.inf)],
    "brake": [{"brake": value} for value in (0.0, 0.05, 0.5, 0.500001, 1.0)],
    "speed": [{"local_velocity_z": value, "speed_kmh": abs(value)} for value in (0.0, 1.9, 2.0, -30.0, 60.0)],
    "wheels": [{"wheel_angular_speed": (value, 90.0, 90.0, value)} for value in (0.0, 20.0, 300.0, -50.0, math.inf)],
    "radius": [{"tyre_radius": (value, 0.33, 0.33, 0.33)} for value in (0.0, 0.33, math.nan)],
    "load": [{"wheel_load": (value, 3000.0, 10.0, 3000.0)} for value in (0.0, 49.0, 3000.0)],
    "gear": [{"gear": value} for value in (-1, 0, 1, 2, 9)],
}
"""What one moment can change against the one before, as no real drive would in such a row."""

changes = st.sampled_from([change for kind in CHANGES.values() for change in kind])
moments = st.tuples(
    st.sampled_from([0, 1, 1, 5, 33, 400, -100]),  # physics steps
    st.sampled_from([0, 3, 3, 15, 100, 1200]),  # ms of the lap clock
    st.sampled_from([0, 1]),  # drawn frames
    st.lists(changes, max_size=2),
)


def pages_after(moves: Iterable[tuple[int, int, int, list[dict[str, Any]]]]) -> Iterator[tuple[Pages, float]]:
    """The pages of a car that goes through these moves, and the seconds since the first."""
    values: dict[str, Any] = {"packet_id": 1000, "current_time": 5000, "graphics_packet_id": 10, "status": 2}
    values |= {"normalized_position": 0.3, "distance_traveled": 900.0, "completed_laps": 1, "car_model": "one"}
    elapsed = 0.0
    for steps, clock_ms, frames, changed in moves:
        elapsed += max(abs(steps) * 0.003, 0.02)
        values["packet_id"] += steps
        values["current_time"] += clock_ms
        values["graphics_packet_id"] += frames
        values["normalized_position"] = (values["normalized_position"] + steps * 0.00003) % 1.0
        values["distance_traveled"] += steps * 0.15
        for change in changed:
            values |= change
        yield encode(snapshot_of(track_spline_length=3000.0).replace(**values)), elapsed


@given(
    st.lists(moments, min_size=1, max_size=80),
    st.integers(1, 40),
    st.sampled_from([DEFAULTS, Thresholds(tyre_floor=0.0)]),
)
def test_whatever_happens_the_columns_hold_the_same_values(
    moves: list[tuple[int, int, int, list[dict[str, Any]]]], size: int, thresholds: Thresholds
) -> None:
    pages, times = zip(*pages_after(moves), strict=True)
    check(pages, times, [size] * len(pages), thresholds)


@given(st.lists(any_pages, min_size=1, max_size=4))
def test_columns_of_any_bytes_hold_the_same_values(pages: list[Pages]) -> None:
    check(pages, [index * 0.1 for index in range(len(pages))], [3] * len(pages))


@given(st.lists(any_pages, min_size=1, max_size=3))
def test_raw_columns_hold_what_the_pages_hold(pages: list[Pages]) -> None:
    block = PageBlock.from_pages(pages, [0.0] * len(pages))
    columns = Columns(DerivedBlock(block, None, DEFAULTS))
    snapshots = [decode(page, sequence=index) for index, page in enumerate(pages)]
    for field in Snapshot.FIELDS:
        found = columns[field.name]
        wanted = [snapshot[Snapshot.INDEX[field.name]] for snapshot in snapshots]
        assert found.shape == (len(pages), *field.shape)
        assert found.dtype == dtype_of(field)
        if field.dtype == "number" and field.group != "sample":
            assert plain(block.decimals(field.name).tolist()) == plain(wanted)
            with np.errstate(over="ignore"):
                wanted = np.array(wanted, dtype=np.float32).tolist()
        assert plain(found.tolist()) == plain(wanted)


def dtype_of(field: Field) -> np.dtype[Any]:
    if field.group == "sample":
        return np.dtype(np.float64 if field.dtype == "number" else np.int64)
    return np.dtype({"integer": np.int32, "number": np.float32, "text": object}[field.dtype])


def test_a_sample_of_the_columns_is_the_sample_of_the_live_walk() -> None:
    frames = frames_at("laps", 0, 4.0, 10.0)
    pages = [frame.pages for frame in frames]
    times = [frame.seconds for frame in frames]
    (columns,) = derive_columns(blocks_of(pages, times, [len(pages)]), DERIVED)
    assert [columns.sample(index) for index in range(len(pages))] == samples_of(pages, times, DEFAULTS)


@given(st.lists(any_pages, min_size=1, max_size=3))
def test_columns_of_samples_that_there_are_hold_their_values(pages: list[Pages]) -> None:
    samples = samples_of(pages, [0.0] * len(pages), DEFAULTS)
    columns = Columns.of(samples)
    (wanted,) = derive_columns(blocks_of(pages, [0.0] * len(pages), [len(pages)]), DERIVED)
    for field in Sample.FIELDS:
        found = columns[field.name]
        assert found.dtype == wanted[field.name].dtype
        assert plain(found.tolist()) == plain(wanted[field.name].tolist()), field.name
    assert [columns.sample(index) for index in range(len(pages))] == samples


def test_an_integer_that_needs_more_bits_than_the_page_has_keeps_its_value() -> None:
    samples = [sample_of(gear=1 << 40), sample_of(gear=2)]
    assert Columns.of(samples)["gear"].tolist() == [1 << 40, 2]
    assert Columns.of(samples[1:])["gear"].dtype == np.int32


def test_selected_samples_are_those_of_the_whole_block() -> None:
    frames = frames_at("laps", 0, 4.0, 10.0)
    pages = [frame.pages for frame in frames]
    (columns,) = derive_columns(blocks_of(pages, [frame.seconds for frame in frames], [len(pages)]), DERIVED)
    odd = columns.select(np.arange(len(pages)) % 2 == 1)
    every_sixth = odd.select(np.arange(0, len(odd), 3))
    assert len(every_sixth) == len(range(1, len(pages), 6))
    for name in ("packet_id", "lap_time", "gear_name", "physics_steps"):
        assert every_sixth[name].tolist() == columns[name][1::6].tolist()
    assert every_sixth.texts("track").codes.shape == (len(every_sixth),)
    assert every_sixth.decimals("speed_kmh").tolist() == columns.decimals("speed_kmh")[1::6].tolist()
    assert every_sixth.sample(2) == columns.sample(13)


def test_columns_can_stand_in_the_place_of_others() -> None:
    frames = frames_at("laps", 0, 4.0, 10.0)
    pages = [frame.pages for frame in frames]
    (columns,) = derive_columns(blocks_of(pages, [frame.seconds for frame in frames], [len(pages)]), DERIVED)
    steps = np.ma.masked_less(np.arange(len(pages)) - 1, 0)
    other = columns.replace(sequence=np.arange(len(pages)) + 100, physics_steps=steps)
    later = other.select(np.arange(3, len(pages))).replace(lap=np.arange(3, len(pages)))
    assert later["sequence"].tolist() == list(range(103, 100 + len(pages)))
    assert later["lap"].tolist() == list(range(3, len(pages)))
    assert later["packet_id"].tolist() == columns["packet_id"][3:].tolist()
    assert later.snapshot(0) == columns.snapshot(3).replace(sequence=103)
    assert later.sample(2) == columns.sample(5).replace(sequence=105, physics_steps=4, lap=5)
    assert other.sample(0).physics_steps is None
    assert columns["sequence"].tolist() == list(range(len(pages)))


def test_what_a_recording_does_not_hold_is_absent_and_so_is_what_is_derived_from_it() -> None:
    pages = [encode(snapshot_of())] * 2
    missing = frozenset({"gear", "track", "tyre_wear"})
    (columns,) = derive_columns([PageBlock.from_pages(pages, [0.0, 0.1])], DERIVED, missing=missing)
    for name in ("gear", "track", "gear_name", "tyre_damaged"):
        assert columns[name].tolist() == [None, None]
    for name in ("tyre_wear", "tyre_worn"):
        assert np.isnan(columns[name]).all()
        assert columns[name].shape == (2, 4)
    assert columns["rpm"].tolist() == [decode(pages[0]).rpm] * 2


def test_a_text_is_held_once_for_each_different_one() -> None:
    pages = [encode(snapshot_of(track=track)) for track in ("imola", "imola", "monza", "imola")]
    (columns,) = derive_columns([PageBlock.from_pages(pages, [0.0] * 4)], [])
    text = columns.texts("track")
    assert text.texts == ("imola", "monza")
    assert text.codes.tolist() == [0, 0, 1, 0]
    assert columns["track"].tolist() == ["imola", "imola", "monza", "imola"]
    with pytest.raises(KeyError):
        columns.texts("gear")
    with pytest.raises(KeyError):
        columns["no_field"]


def test_a_function_of_texts_is_called_once_for_each() -> None:
    seen: list[str] = []

    def count(text: str) -> int:
        seen.append(text)
        return len(text)

    column = TextColumn(np.array([0, 1, 0, 0]), ("ab", "c"))
    assert (column.map(count, np.int64).tolist(), seen) == ([2, 1, 2, 2], ["ab", "c"])


@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
@example([0.1, 0.1, -0.0, 0.0, math.nan, math.inf, 1e-45, 16777216.0])
def test_shortest_decimals_are_those_that_a_snapshot_holds(numbers: list[float]) -> None:
    pages = [encode(snapshot_of(fuel=number)) for number in numbers]
    column = np.array(numbers, dtype=np.float32)
    assert list(map(repr, shortest_decimals(column).tolist())) == [repr(decode(page).fuel) for page in pages]
