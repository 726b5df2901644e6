"""Selected columns hold, value for value, what one sample after the other gives."""

import math
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import telemetry
from telemetry.base.clock import Clock
from telemetry.base.typing import override
from telemetry.fields.blocks import Block
from telemetry.fields.derived import Sample, derive
from telemetry.fields.metrics.conversions import physics_steps
from telemetry.fields.resample import resample
from telemetry.fields.snapshot import Snapshot
from telemetry.laps.assign import assign_laps
from telemetry.laps.choice import SampleRanges
from telemetry.recording.blocks import read_blocks
from telemetry.recording.interfaces import Reading, Source, Step
from telemetry.recording.recorded_laps import find_recorded_laps
from telemetry.recording.selection import Selection, select_columns
from telemetry.sources import open_page_sink
from tests.drives import SEEDS, frames_at
from tests.fields.test_columns import plain

SCENARIOS = {"laps": 6.0, "restart": 24.0, "pause": 18.0, "pit": 14.0}


@pytest.fixture(scope="module", params=SCENARIOS)
def recording(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A drive at 15 Hz, in which what it is about happens."""
    path = tmp_path_factory.mktemp("drives") / f"{request.param}.mcap"
    with open_page_sink(path) as sink:
        for frame in frames_at(request.param, SEEDS.get(request.param, 0), SCENARIOS[request.param], 15):
            sink.write(Step(telemetry.State.LIVE, frame.pages, frame.seconds))
    return path


class InSmallBlocks(Source):
    """The same recording in blocks of 37 moments."""

    def __init__(self, source: Source) -> None:
        self.name = source.name
        self._source = source

    @override
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        return self._source.readings(clock, rate)

    @override
    def blocks(self, rate: float | None = None, fields: Collection[str] | None = None) -> Iterator[Block]:
        for block in read_blocks(self._source, rate, fields):
            for begin in range(0, len(block), 37):
                yield block.select(np.arange(begin, min(begin + 37, len(block))))


def snapshots_of(source: Source, *, include_paused: bool) -> Iterator[Snapshot]:
    number = 0
    for reading in source.readings(Clock(math.inf), None):
        if reading.snapshot is not None:
            if reading.is_new_step or include_paused:
                yield reading.snapshot.replace(sequence=number)
            number += 1


def samples_one_by_one(source: Source, selection: Selection, ranges: SampleRanges) -> Iterator[Sample]:
    """The same selection without columns."""
    snapshots = snapshots_of(source, include_paused=selection.include_paused)
    if selection.rate is not None:
        snapshots = resample(snapshots, selection.rate)
    samples: list[Sample] = []
    for snapshot in snapshots:
        samples.append(derive(snapshot, samples[-1] if samples else None, selection.thresholds))
    latest: Sample | None = None
    count = 0
    for sample in assign_laps(samples, selection.laps):
        if ranges.contain(sample.sequence, sample.elapsed):
            yield sample.replace(sequence=count, physics_steps=physics_steps(sample.packet_id, latest))
            latest = sample
            count += 1


def check(path: Path, names: tuple[str, ...], ranges: tuple[list[int], list[int], float] | None, **how: Any) -> None:
    """Compare both ways, field by field."""

    def some() -> SampleRanges:
        return SampleRanges() if ranges is None else SampleRanges(ranges[0], ranges[1], tail_s=ranges[2])

    with telemetry.open_source(path) as source:
        laps = tuple(find_recorded_laps(source))
        selection = Selection(laps=laps, ranges=some(), fields=names, **how)
        wanted = list(samples_one_by_one(source, selection, some()))
        at = 0
        for columns in select_columns(InSmallBlocks(source), selection):
            part = wanted[at : at + len(columns)]
            at += len(columns)
            for name in names:
                is_raw_number = name in Snapshot.INDEX and columns[name].dtype == "f4"
                column = columns.decimals(name) if is_raw_number else columns[name]
                assert plain(column.tolist()) == [plain(sample[Sample.INDEX[name]]) for sample in part], name
        assert at == len(wanted)


PARTS = {
    "everything": None,
    "two ranges": ([20, 70], [40, 80], 0.0),
    "two ranges with tails that meet": ([20, 47], [40, 80], 1.0),
    "a range behind the end": ([90_000], [90_100], 1.0),
}


@pytest.mark.parametrize(
    ("rate", "part"), [*((rate, "everything") for rate in (None, 10.0, 40.0)), *((7.0, part) for part in PARTS)]
)
def test_a_selection_is_that_of_one_sample_after_the_other(recording: Path, rate: float | None, part: str) -> None:
    check(recording, Sample.NAMES, PARTS[part], rate=rate)


def test_pauses_can_be_wanted_too(recording: Path) -> None:
    check(recording, Sample.NAMES, None, rate=10.0, include_paused=True)
    check(recording, Sample.NAMES, None, include_paused=True)


@pytest.mark.parametrize("name", ["lap", "lap_valid", "physics_steps", "tyre_worn", "lap_distance", "gear_name"])
def test_a_field_alone_is_the_same_as_with_all_others(recording: Path, name: str) -> None:
    check(recording, (name,), PARTS["two ranges"], rate=20.0)


def test_every_block_that_is_read_is_watched_until_the_ranges_are_over(recording: Path) -> None:
    seen: list[Block] = []
    with telemetry.open_source(recording) as source:
        selection = Selection(ranges=SampleRanges([0], [39]))
        blocks = list(select_columns(InSmallBlocks(source), selection, seen.append))
    assert [len(columns) for columns in blocks] == [37, 3]
    assert len(seen) == 2
