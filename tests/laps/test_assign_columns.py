"""The laps of samples in columns are, value for value, those of samples one after the other."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.fields.blocks import RowBlock
from telemetry.fields.columns import Columns, derive_columns
from telemetry.fields.derived import Sample
from telemetry.fields.snapshot import Snapshot
from telemetry.laps.assign import LAP_FIELDS, assign_laps
from telemetry.laps.assign_columns import LapAssigner
from telemetry.laps.detector import laps
from telemetry.laps.model import Lap
from tests.constructed import changed, drive, samples_of

NAMES = sorted(LAP_FIELDS)


def columns_of(samples: Sequence[Sample], size: int) -> list[Columns]:
    """The columns of these samples, in blocks of ``size``."""
    snapshots = [Snapshot.of(sample[: len(Snapshot.FIELDS)]) for sample in samples]
    blocks = [RowBlock(snapshots[at : at + size]) for at in range(0, len(snapshots), size)]
    return list(derive_columns(blocks, NAMES))


def check(samples: Sequence[Sample], blocks: Sequence[Columns], found: Sequence[Lap]) -> None:
    """Compare both ways."""
    assigner = LapAssigner(found)
    assigned = [assigner.assign(block) for block in blocks]
    wanted = list(assign_laps(samples, found))
    for name in NAMES:
        in_columns = [value for block in assigned for value in block[name].tolist()]
        assert in_columns == [getattr(sample, name) for sample in wanted], name


DRIVE = list(samples_of(changed(drive([9.0, 12.0, 10.5], rate=5.0), 10.0, 11.0, number_of_tyres_out=4)))
BLOCKS = columns_of(DRIVE, 111)


@pytest.mark.parametrize("size", [7, 1000])
@pytest.mark.parametrize(("clock_late", "count_late"), [(0.0, 0.0), (0.0, 0.3), (0.2, 0.2), (0.3, 0.0)])
def test_laps_are_assigned_to_columns_as_to_samples(size: int, clock_late: float, count_late: float) -> None:
    rows = drive([9.0, 12.0, 10.5], rate=20.0, clock_late=clock_late, count_late=count_late)
    samples = list(samples_of(changed(rows, 10.0, 11.0, number_of_tyres_out=4)))
    blocks = columns_of(samples, size)
    check(samples, blocks, list(laps(samples)))
    check(samples, blocks, [])


lap_parts: st.SearchStrategy[dict[str, Any]] = st.fixed_dictionaries(
    {
        "number": st.integers(1, 4),
        "start_index": st.integers(1, 2),
        "end": st.sampled_from(["line", "recording", "session"]),
        "measured_ms": st.none() | st.sampled_from([0, 9000, 12_000]),
        "first_time_ms": st.none() | st.sampled_from([-3, 0, 40]),
        "first_cut_position": st.none() | st.just(0.5),
        "invalid_because": st.sampled_from([(), ("cut",)]),
    }
)


@given(st.lists(st.tuples(lap_parts, st.integers(0, 80), st.integers(0, 80)), max_size=4))
def test_any_laps_are_assigned_to_columns_as_to_samples(parts: list[tuple[dict[str, Any], int, int]]) -> None:
    (template, *_) = laps(DRIVE)
    found = []
    begin = 0
    for values, gap, length in parts:
        first, last = begin + gap, begin + gap + length
        begin = last + 1
        places = {"sequence": first, "packet_id": 50 * first}
        assert template.first is not None
        made = {"first": template.first._replace(**places), "last": template.first._replace(sequence=last)}
        found.append(Lap(**{**{name: getattr(template, name) for name in Lap.__slots__}, **values, **made}))
    check(DRIVE, BLOCKS, found)
