from collections.abc import Callable, Iterable

import pytest

from telemetry.fields.snapshot import Snapshot
from telemetry.laps.detector import laps
from telemetry.laps.model import Lap, best_laps
from tests.recorded import derived, drive


def laps_with_ai(drives: Callable[[float], bool]) -> list[Lap]:
    """Two complete laps of thirty seconds, sampled twice a second; ``drives`` says when the AI does, by the seconds."""
    return laps_of(one.replace(is_ai_controlled=int(drives(one.elapsed))) for one in drive(1, 2, 3)[:124])


def laps_of(snapshots: Iterable[Snapshot]) -> list[Lap]:
    return list(laps(derived(list(snapshots))))[:2]


def outline(found: Iterable[Lap]) -> list[tuple[bool, tuple[str, ...]]]:
    return [(lap.ai_driven, lap.invalid_because) for lap in found]


def test_a_lap_that_the_ai_drove_is_marked_and_neither_valid_nor_the_best() -> None:
    first, second = laps_with_ai(lambda seconds: seconds < 29.5)
    assert outline([first, second]) == [(True, ("driven by the AI",)), (False, ())]
    assert list(best_laps([first, second]).values()) == [second]
    assert first.to_dict()["ai_driven"] is True


def test_a_part_of_a_lap_is_enough() -> None:
    assert outline(laps_with_ai(lambda seconds: 40.0 <= seconds < 41.0)) == [(False, ()), (True, ("driven by the AI",))]


@pytest.mark.parametrize(("since", "first_is_marked"), [(29.5, False), (29.0, False), (28.5, True)])
def test_an_ai_that_takes_over_at_the_line_drives_the_next_lap(since: float, first_is_marked: bool) -> None:
    assert [lap.ai_driven for lap in laps_with_ai(lambda seconds: seconds >= since)] == [first_is_marked, True]


def test_a_lap_of_the_ai_is_valid_where_that_is_allowed_unless_something_else_is_wrong() -> None:
    snapshots = [one.replace(is_ai_controlled=1) for one in drive(1, 2, 3, cut=(2,))[:124]]
    first, second = (lap.allow_ai() for lap in laps_of(snapshots))
    assert outline([first]) == [(True, ())]
    assert second.ai_driven
    assert [why.split(" at ")[0] for why in second.invalid_because] == ["4 tyres out"]
    (driven,) = laps_of(drive(1)[:60])
    assert driven.allow_ai() is driven
