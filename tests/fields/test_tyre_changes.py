import math
from collections.abc import Iterable
from itertools import pairwise
from random import Random
from typing import Any

import numpy as np
import pytest

from telemetry.fields.derived import Sample, derive
from telemetry.fields.metrics.tyres import COMPOUND_FLOORS, tyre_floor
from telemetry.fields.tyre_changes import are_tyres_changed, may_have_changed
from tests.conftest import sample_of, snapshot_of

GP60 = "GP 60s (V)"
COMPOUNDS = ("Slicks Medium (M)", "Semislicks (SM)", "Street (ST)", "GP70 Hard (H)", "Cinturato (C)", GP60)
BASE = snapshot_of()
IN_LANE: dict[str, Any] = {"is_in_pit_lane": 1}
IN_BOX: dict[str, Any] = {"is_in_pit": 1, "is_in_pit_lane": 1}


def follow(rows: Iterable[dict[str, Any]], *, rate: float = 10.0) -> list[Sample]:
    """Samples one after the other, so many a second."""
    samples: list[Sample] = []
    for number, row in enumerate(rows):
        time = {"packet_id": 1000 + round(number / rate / 0.003), "elapsed": number / rate}
        samples.append(derive(BASE.replace(**{**time, **row}), samples[-1] if samples else None))
    return samples


def wear_of(compound: str, *values: float, **place: Any) -> list[dict[str, Any]]:
    """Rows in which all four tyres have these values of ``tyre_wear``."""
    return [{"tyre_compound": compound, "tyre_wear": (value,) * 4, **place} for value in values]


def ramp(first: float, last: float, count: int) -> list[float]:
    return [first + (last - first) * step / (count - 1) for step in range(count)]


def life_of(compound: str) -> float:
    return 100.0 - tyre_floor(compound)


@pytest.mark.parametrize("rate", [1.0, 10.0, 333.0])
@pytest.mark.parametrize("compound", COMPOUNDS)
def test_a_new_set_in_the_box_is_not_worn_whatever_a_compound_loses_in_its_life(compound: str, rate: float) -> None:
    life = life_of(compound)
    worn = 99.5 - 0.45 * life
    rows = [
        *wear_of(compound, *ramp(99.0, 99.5, 10), *ramp(99.5, worn, 10)),
        *wear_of(compound, worn, worn, **IN_LANE),
        *wear_of(compound, worn, 99.0, 99.0, **IN_BOX),
    ]
    samples = follow(rows, rate=rate)
    assert samples[-3].tyre_worn == pytest.approx((0.45 * life / (life - 0.5),) * 4)
    assert samples[-2].tyre_worn == (0.0,) * 4
    assert samples[-1].tyre_wear_best == (99.0,) * 4


def test_a_small_rise_in_the_box_is_a_new_set_of_a_compound_that_loses_little() -> None:
    samples = follow([*wear_of(GP60, 100.0, 98.6), *wear_of(GP60, 98.6, 99.0, **IN_BOX)])
    assert samples[-2].tyre_worn == pytest.approx((0.7,) * 4)
    assert samples[-1].tyre_worn == (0.0,) * 4


def test_a_new_set_may_have_less_grip_than_the_old_one_that_was_scrubbed_in() -> None:
    """The wear falls from 99.9 to 99.0: half a life of this compound in one sample."""
    samples = follow([*wear_of(GP60, 99.0, 100.0, 99.9), *wear_of(GP60, 99.9, 99.0, **IN_BOX)])
    assert samples[-1].tyre_worn == (0.0,) * 4


def test_a_new_set_comes_with_the_jump_into_the_box() -> None:
    for before, after in ((98.6, 99.0), (99.9, 99.0)):
        samples = follow([*wear_of(GP60, 100.0, before), *wear_of(GP60, after, **IN_BOX)], rate=30.0)
        assert samples[-1].tyre_worn == (0.0,) * 4


def test_a_new_set_is_seen_by_the_first_sample_after_the_box() -> None:
    samples = follow([*wear_of(GP60, 100.0, 98.6), *wear_of(GP60, 98.6, **IN_BOX), *wear_of(GP60, 99.0)], rate=1.0)
    assert samples[-1].tyre_worn == (0.0,) * 4


@pytest.mark.parametrize("compound", COMPOUNDS)
def test_a_new_set_is_seen_although_the_pits_are_not(compound: str) -> None:
    """The recording has a gap, or no such fields."""
    samples = follow(wear_of(compound, 100.0, 99.5 - 0.3 * life_of(compound), 99.5))
    assert samples[-2].tyre_worn[0] != 0.0
    assert samples[-1].tyre_worn == (0.0,) * 4


@pytest.mark.parametrize("place", [{}, IN_LANE, IN_BOX], ids=["track", "lane", "box"])
@pytest.mark.parametrize("rate", [0.2, 1.0, 10.0])
@pytest.mark.parametrize("compound", COMPOUNDS)
def test_scrubbing_in_is_no_change_of_tyres(compound: str, rate: float, place: dict[str, Any]) -> None:
    """From 99.5 to 100 within a minute and then down: the tyres stay the same."""
    rise = ramp(99.5, 100.0, max(round(60 * rate), 2))
    fall = ramp(100.0, 100.0 - 0.1 * life_of(compound), max(round(60 * rate), 2))
    samples = follow(wear_of(compound, *rise, *fall, **place), rate=rate)
    floor = tyre_floor(compound)
    assert not any(are_tyres_changed(now, before, floor) for before, now in pairwise(samples))
    assert samples[len(rise) - 1].tyre_worn == (0.0,) * 4
    assert samples[-1].tyre_wear_best == (100.0,) * 4
    assert samples[-1].tyre_worn == pytest.approx((0.1,) * 4)


@pytest.mark.parametrize("compound", COMPOUNDS)
def test_driving_out_of_the_box_is_no_change_of_tyres(compound: str) -> None:
    """Worn tyres that the stop left on the car, one sample a second, five times the wear."""
    life = life_of(compound)
    rows = [
        *wear_of(compound, 100.0, 100.0 - 0.5 * life),
        *wear_of(compound, 100.0 - 0.5 * life, 100.0 - 0.505 * life, **IN_BOX),
        *wear_of(compound, 100.0 - 0.51 * life, 100.0 - 0.515 * life, **IN_LANE),
        *wear_of(compound, 100.0 - 0.52 * life),
    ]
    worn = follow([row | {"aid_tire_rate": 5.0} for row in rows], rate=1.0)[-1].tyre_worn
    assert worn == pytest.approx((0.52,) * 4)


def test_laps_between_two_samples_in_the_box_are_wear_and_no_new_set() -> None:
    """A recording of the pits only: a minute and a half on the track lies between two samples."""
    rows = [*wear_of(GP60, 100.0, **IN_BOX), *wear_of(GP60, 99.0, **IN_BOX)]
    assert follow(rows, rate=1 / 90)[-1].tyre_worn == pytest.approx((0.5,) * 4)


def test_a_tyre_that_stays_on_the_car_stays_worn() -> None:
    rows = [
        *wear_of(GP60, 100.0, 99.0),
        {"tyre_compound": GP60, "tyre_wear": (99.0, 99.0, 99.5, 99.5), **IN_BOX},
    ]
    assert follow(rows)[-1].tyre_worn == pytest.approx((0.5, 0.5, 0.0, 0.0))


def test_a_set_is_new_with_those_tyres_that_hardly_differ() -> None:
    """The old front tyres are where the new ones begin, the old rear tyres far below."""
    rows = [
        {"tyre_compound": GP60, "tyre_wear": (100.0,) * 4},
        {"tyre_compound": GP60, "tyre_wear": (98.99, 98.99, 98.2, 98.2), **IN_BOX},
        {"tyre_compound": GP60, "tyre_wear": (99.0,) * 4, **IN_BOX},
    ]
    assert follow(rows)[-1].tyre_worn == (0.0,) * 4


@pytest.mark.parametrize(
    "missing", [{"aid_tire_rate": math.nan}, {"packet_id": 0}, {"packet_id": 0, "elapsed": math.nan}]
)
def test_a_new_set_is_seen_in_recordings_of_chosen_fields(missing: dict[str, Any]) -> None:
    rows = [*wear_of(GP60, 100.0, 99.9), *wear_of(GP60, 99.9, 99.0, **IN_BOX)]
    assert follow([row | missing for row in rows])[-1].tyre_worn == (0.0,) * 4


def test_wear_that_is_not_published_is_no_change_of_tyres() -> None:
    """The pages are zeros for the first second of a session."""
    empty, new = (derive(snapshot_of(tyre_wear=(wear,) * 4, **IN_BOX)) for wear in (0.0, 99.5))
    assert not are_tyres_changed(new, empty, 88.0)
    assert not are_tyres_changed(empty, new, 88.0)


def test_tyres_that_are_not_known_are_nothing_to_look_at() -> None:
    change = np.array([[math.nan] * 4, [0.0, math.nan, 0.0, 0.0], [-math.inf, math.nan, 0.0, 0.0]])
    assert may_have_changed(change, np.array([88.0] * 3)).tolist() == [False, False, True]


@pytest.mark.parametrize("floor", [0.0, 40.0, 88.0, 99.9, 120.0])
def test_columns_look_at_every_change_that_samples_show(floor: float) -> None:
    random = Random(floor)
    found = 0
    for _ in range(300):
        wear, wear_before = (
            tuple(random.choice((math.nan, 0.0, 99.3, 99.0, 98.0, 60.0, math.inf)) for _ in range(4)) for _ in range(2)
        )
        now = snapshot_of(tyre_wear=wear, packet_id=1010, **random.choice(({}, IN_LANE, IN_BOX)))
        before = derive(snapshot_of(tyre_wear=wear_before, packet_id=1000))
        if are_tyres_changed(now, before, floor):
            found += 1
            with np.errstate(invalid="ignore"):
                change = np.subtract([wear], [wear_before])
            assert may_have_changed(change, np.array([floor])).tolist() == [True], (wear, wear_before)
    assert found > 10


def test_a_compound_whose_name_is_not_written_yet_is_no_other_one() -> None:
    samples = follow([*wear_of(GP60, 100.0, 99.0), *wear_of("", 99.0), *wear_of(GP60, 99.0)])
    assert samples[-1].tyre_worn == pytest.approx((0.5,) * 4)


def test_a_restart_brings_new_tyres() -> None:
    before = derive(snapshot_of(packet_id=9000, tyre_wear=(94.0,) * 4), sample_of(tyre_wear=(100.0,) * 4))
    assert before.tyre_worn == pytest.approx((0.5,) * 4)
    after = derive(snapshot_of(packet_id=310, tyre_wear=(93.9,) * 4), before)
    assert after.tyre_worn == (0.0,) * 4


def test_a_floor_of_ones_own_says_how_much_a_change_is() -> None:
    before = sample_of(sample_of(tyre_wear=(100.0,) * 4), tyre_wear=(99.0,) * 4)
    now = snapshot_of(tyre_wear=(99.3,) * 4, packet_id=1010)
    assert not are_tyres_changed(now, before, 88.0)
    assert are_tyres_changed(now, before, 98.0)
    assert are_tyres_changed(now, before, 99.9)


def test_every_known_floor_is_that_of_a_compound() -> None:
    assert all(50.0 <= floor <= 99.0 for _, floor in COMPOUND_FLOORS)
