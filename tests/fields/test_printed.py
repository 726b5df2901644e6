"""Columns are printed as the same bytes as their samples, one after the other."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ac_native_memory import Pages
from telemetry.fields.columns import Columns, derive_columns
from telemetry.fields.derived import Sample, derive
from telemetry.fields.printed import PIECE_ROWS, print_lines
from telemetry.fields.resample import resample
from telemetry.fields.resample_columns import resample_blocks
from telemetry.fields.selection import ALL_COLUMNS, Column, select
from telemetry.fields.snapshot import decode, encode
from telemetry.fields.wire import LineEncoder
from tests.conftest import sample_of, snapshot_of
from tests.fields.test_columns import blocks_of
from tests.fields.test_snapshot import any_pages
from tests.formats.column_writes import walks_of, walks_of_drive

SOME = select("yaw,velocity,tyre_contact_point,track,gear_name,accG,lap_valid,physics_steps,line_position,wheel_locked")


def check(samples: Iterable[Sample], blocks: Iterable[Columns], columns: Sequence[Column] = ALL_COLUMNS) -> list[bytes]:
    """Compare the lines of both walks; returns them."""
    encoder = LineEncoder(columns)
    wanted = [encoder.encode(sample) for sample in samples]
    found = b"".join(part for block in blocks for part in print_lines(block, columns)).splitlines(keepends=True)
    assert found == wanted
    return found


@settings(max_examples=50)
@given(st.lists(any_pages, min_size=1, max_size=4), st.sampled_from([ALL_COLUMNS, SOME]))
def test_lines_of_any_pages_are_those_of_their_samples(pages: list[Pages], columns: Sequence[Column]) -> None:
    check(*walks_of(pages), columns)


@pytest.mark.parametrize("columns", [ALL_COLUMNS, SOME])
@pytest.mark.parametrize("scenario", ["laps", "pit"])
def test_lines_of_a_drive_are_those_of_its_samples(scenario: str, columns: Sequence[Column]) -> None:
    check(*walks_of_drive(scenario), columns)


@given(st.lists(st.floats(width=32), min_size=1, max_size=20))
def test_a_number_has_the_text_of_its_shortest_decimal(numbers: list[float]) -> None:
    check(*walks_of([encode(snapshot_of(fuel=number)) for number in numbers]), select("fuel"))


def test_numbers_of_every_size_have_the_text_of_a_double() -> None:
    powers = [np.float32(10.0) ** power for power in range(-45, 39)]
    sizes = [float(size) for power in powers for size in (power, np.nextafter(power, np.float32(0)), power * 3, -power)]
    pages = [encode(snapshot_of(wheel_load=(size, 1.0, math.nan, math.inf))) for size in sizes]
    lines = check(*walks_of(pages, block_rows=50), select("wheel_load"))
    assert b'{"wheel_load":[1e-6,1.0,null,null]}\n' in lines
    assert b'{"wheel_load":[10000000000000.0,1.0,null,null]}\n' in lines


def test_all_rows_can_hold_one_number_whose_text_is_that_of_a_double() -> None:
    pages = [encode(snapshot_of(gas=5e-6))] * 3
    assert check(*walks_of(pages), select("gas")) == [b'{"gas":5e-6}\n'] * 3


@pytest.mark.parametrize("count", [PIECE_ROWS - 1, PIECE_ROWS, PIECE_ROWS + 1, 2 * PIECE_ROWS + 1])
def test_lines_are_printed_piece_by_piece(count: int) -> None:
    texts = ["one", 'a "b" %b 100%', "Nürburg 日本", "\u2028\x01"]
    sample = sample_of(fuel=0.1)
    rows = [
        sample.replace(sequence=number, gear=number // 700 % 3, track=texts[number // 900 % 4])
        for number in range(count)
    ]
    check(rows, [Columns.of(rows)], select("sequence,gear,track,fuel"))


def test_doubles_of_somebody_elses_file_keep_all_their_digits() -> None:
    samples = [sample_of(gas=0.1234567890123, gear=1 << 40, velocity_x=1e-7), sample_of(gas=5e-6, brake=1e300)]
    lines = check(samples, [Columns.of(samples)], select("gas,brake,gear,velocity"))
    assert lines[0].startswith(b'{"gas":0.1234567890123,')
    check(samples, [Columns.of(samples)])
    check([samples[1]], [Columns.of(samples).select(np.array([1]))])


@pytest.mark.parametrize("values", [{}, {"track_spline_length": 3000.0}])
def test_what_is_not_known_is_null(values: dict[str, Any]) -> None:
    pages = [encode(snapshot_of(packet_id=packet, **values)) for packet in (10, 10, 11, 50, 3, 4)]
    check(*walks_of(pages, block_rows=2), select("physics_steps,lap_valid,lap_distance,line_position,slip_ratio"))


def test_no_samples_are_no_lines() -> None:
    assert list(print_lines(Columns.of([]))) == []


def test_lines_of_resampled_moments_are_those_of_their_samples() -> None:
    samples, _ = walks_of_drive("laps", hertz=2)
    pages, times = [encode(sample) for sample in samples], [sample.elapsed for sample in samples]
    wanted: list[Sample] = []
    snapshots = [
        decode(page, elapsed=time, sequence=row) for row, (page, time) in enumerate(zip(pages, times, strict=True))
    ]
    for snapshot in resample(snapshots, 7.0):
        wanted.append(derive(snapshot, wanted[-1] if wanted else None))
    check(wanted, derive_columns(resample_blocks(blocks_of(pages, times, [40] * len(pages)), 7.0), Sample.NAMES))
