"""Laps out of columns are the very laps that the samples have."""

import math
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from telemetry.fields.blocks import PageBlock, RowBlock
from telemetry.fields.columns import derive_columns
from telemetry.fields.derived import Sample, derive
from telemetry.fields.snapshot import Snapshot, decode
from telemetry.laps.columns import DERIVED, laps_of_columns
from telemetry.laps.detector import laps
from telemetry.laps.model import Lap
from tests.constructed import drive, samples_of
from tests.drives import SEEDS, frames_at
from tests.fields.test_columns import moments, pages_after
from tests.laps.test_detector import SCENARIOS


def laps_in_blocks(samples: Sequence[Sample], sizes: Iterable[int], missing: frozenset[str] = frozenset()) -> list[Lap]:
    rows = [Snapshot.of(sample[: len(Snapshot.FIELDS)]) for sample in samples]
    blocks = [RowBlock(rows[begin:end]) for begin, end in pairwise([0, *accumulate(sizes)]) if begin < len(rows)]
    return list(laps_of_columns(derive_columns(blocks, DERIVED), missing=missing))


def derived(snapshots: Iterable[Snapshot]) -> list[Sample]:
    samples: list[Sample] = []
    for snapshot in snapshots:
        samples.append(derive(snapshot.replace(sequence=len(samples)), samples[-1] if samples else None))
    return samples


@pytest.mark.parametrize("hertz", [5, 30])
@pytest.mark.parametrize("scenario", SCENARIOS)
def test_every_scenario_has_the_same_laps_in_columns(scenario: str, hertz: int) -> None:
    seconds, _, _ = SCENARIOS[scenario]
    frames = frames_at(scenario, SEEDS.get(scenario, 0), seconds, hertz)
    pages = [frame.pages for frame in frames]
    times = [frame.seconds for frame in frames]
    samples = derived(decode(page, elapsed=elapsed) for page, elapsed in zip(pages, times, strict=True))
    block = PageBlock.from_pages(pages, times)
    found = list(laps_of_columns(derive_columns([block], DERIVED)))
    assert found == list(laps(samples))
    assert found
    kept = list(laps_of_columns(derive_columns([block], DERIVED), keep_short=True))
    assert kept == list(laps(samples, keep_short=True))
    assert [lap for lap in kept if lap in found] == found


def test_short_laps_are_kept_where_that_is_asked_and_every_sample_is_in_one() -> None:
    first, second = (list(samples_of(drive([12.0, 3.0], rate=25.0, length=600.0, grid=40.0))) for _ in range(2))
    second = second[: 25 * 2]  # a restart, and two seconds on the grid
    rows = derived(
        Snapshot.of(sample[: len(Snapshot.FIELDS)]).replace(elapsed=number / 25.0)
        for number, sample in enumerate([*first, *second])
    )
    reported, kept = list(laps(rows)), list(laps(rows, keep_short=True))
    assert [lap for lap in kept if lap in reported] == reported
    assert len(kept) > len(reported)
    covered = [
        number for lap in kept if lap.first and lap.last for number in range(lap.first.sequence, lap.last.sequence + 1)
    ]
    assert covered == list(range(len(rows)))


@pytest.mark.parametrize("size", [9, 500])
@pytest.mark.parametrize(
    "options",
    [
        {"rate": 50.0, "clock_late": 0.1, "time_late": 0.6},
        {"rate": 50.0, "count_late": 0.3, "grid": 40.0},
        {"rate": 20.0, "line": 0.8, "sector_late": 0.4, "counted": 5},
        {"rate": 3.0, "begin": 5.0, "sectors": 5},
    ],
)
def test_hand_made_drives_have_the_same_laps_in_blocks_of_any_size(options: dict[str, Any], size: int) -> None:
    samples = list(samples_of(drive([14.0, 15.0, 14.5], length=900.0, **options)))
    assert laps_in_blocks(samples, [size] * len(samples)) == list(laps(samples))


def test_a_frame_that_stands_for_long_is_remembered_alike() -> None:
    samples = list(samples_of(drive([5.0, 6.0], rate=333.0, length=400.0)))
    still = [sample.replace(current_time=samples[0].current_time, graphics_packet_id=1) for sample in samples[:400]]
    rows = derived(Snapshot.of(sample[: len(Snapshot.FIELDS)]) for sample in [*still, *samples[400:]])
    for sizes in ([90] * len(rows), [127, 128, 129] * len(rows), [len(rows)]):
        assert laps_in_blocks(rows, sizes) == list(laps(rows))


def test_samples_without_fields_have_the_same_laps() -> None:
    missing = frozenset({"number_of_tyres_out", "status", "best_time", "best_time_text"})
    absent = {"number_of_tyres_out": 0, "status": 0, "best_time": 0, "best_time_text": ""}
    samples = derived(
        Snapshot.of(sample[: len(Snapshot.FIELDS)]).replace(**absent)
        for sample in samples_of(drive([40.0, 41.0], rate=20.0))
    )
    assert laps_in_blocks(samples, [100] * len(samples), missing) == list(laps(samples, missing=missing))


@given(st.lists(moments, min_size=1, max_size=120), st.integers(1, 50))
@example(
    [(0, 0, 0, [{"number_of_tyres_out": 3, "normalized_position": math.nan}]), (0, 0, 0, [{"completed_laps": 2}])], 1
)
def test_whatever_happens_the_laps_are_the_same(
    moves: list[tuple[int, int, int, list[dict[str, Any]]]], size: int
) -> None:
    samples = derived(decode(page, elapsed=elapsed) for page, elapsed in pages_after(moves))
    assert repr(laps_in_blocks(samples, [size] * len(samples))) == repr(list(laps(samples)))
