"""Damage and wear as the game writes them in a drive, and what the flags make of them."""

from typing import Any

import pytest

from telemetry.fields.derived import Sample, derive
from telemetry.fields.metrics.tyres import tyre_floor
from telemetry.fields.thresholds import Thresholds
from tests.conftest import snapshot_of

BASE = snapshot_of()
IN_BOX: dict[str, Any] = {"is_in_pit": 1, "is_in_pit_lane": 1}


def drive(*rows: dict[str, Any], thresholds: Thresholds | None = None) -> list[Sample]:
    """Samples of ten a second, each with these values."""
    samples: list[Sample] = []
    for number, row in enumerate(rows):
        snapshot = BASE.replace(**{"packet_id": 1000 + 33 * number, "elapsed": number / 10.0, **row})
        samples.append(derive(snapshot, samples[-1] if samples else None, thresholds or Thresholds()))
    return samples


def worn_out(compound: str, floor: float) -> list[dict[str, Any]]:
    """A whole life: new at 99.5, scrubbed in to 100 in 50 samples, and down to the floor of the compound in 100."""
    scrub = [99.5 + step / 100.0 for step in range(50)]
    life = [100.0 - (100.0 - floor) * step / 100.0 for step in range(101)]
    return [{"tyre_compound": compound, "tyre_wear": (value,) * 4} for value in (*scrub, *life)]


# Wear


@pytest.mark.parametrize(
    ("compound", "floor"),
    [
        ("Slicks Medium (M)", 88.0),
        ("Slicks (S)", 88.0),
        ("Semislicks (SM)", 70.0),
        ("Street (ST)", 80.0),
        ("Street90s (S9)", 88.0),
        ("Vintage (V)", 88.0),
        ("GP70 Soft (S)", 90.0),
        ("GP70 Hard (H)", 95.0),
        ("60s GP (V)", 98.0),
        ("GP 60s (V)", 98.0),
        ("Cinturato (C)", 96.0),
    ],
)
def test_wear_runs_from_new_to_gone_over_the_life_of_each_compound(compound: str, floor: float) -> None:
    assert tyre_floor(compound) == floor
    samples = drive(*worn_out(compound, floor))
    worn = [max(tyre for tyre in sample.tyre_worn if tyre is not None) for sample in samples]
    assert worn == pytest.approx([0.0] * 50 + [step / 100.0 for step in range(101)])
    flags = [(sample.tyre_damaged, sample.tyre_critical) for sample in samples[50:]]
    assert (flags[79], flags[81]) == ((False, False), (True, False))
    assert (flags[94], flags[96], flags[100]) == ((True, False), (True, True), (True, True))
    assert not any(damaged or critical for damaged, critical in flags[:80])


def test_a_new_set_ends_the_flags_of_wear_in_its_sample() -> None:
    old = worn_out("Slicks Medium (M)", 88.0)
    stand = [{**old[-1], **IN_BOX}] * 5
    fitted = [{**old[0], **IN_BOX}] * 5
    samples = drive(*old, *stand, *fitted, *old)
    at_box, at_new = samples[len(old) + 4], samples[len(old) + 5]
    assert (at_box.tyre_damaged, at_box.tyre_critical) == (True, True)
    assert (at_new.tyre_damaged, at_new.tyre_critical) == (False, False)
    assert at_new.tyre_worn == (0.0,) * 4
    assert samples[-1].tyre_critical


def test_a_softer_compound_has_a_life_of_its_own() -> None:
    samples = drive(*worn_out("GP70 Hard (H)", 95.0), {"tyre_compound": "GP70 Soft (S)", "tyre_wear": (94.9,) * 4})
    assert samples[-2].tyre_critical
    assert samples[-1].tyre_worn == (0.0,) * 4


def test_tyres_never_wear_where_the_session_has_no_wear() -> None:
    rows = [{"aid_tire_rate": 0.0, "tyre_wear": (99.5,) * 4}] * 50
    assert {(sample.tyre_worn, sample.tyre_damaged, sample.tyre_critical) for sample in drive(*rows)} == {
        ((0.0,) * 4, False, False)
    }


def test_wear_that_is_not_published_is_no_worn_tyre() -> None:
    rows = [{"tyre_wear": (0.0,) * 4}] * 3
    assert {(sample.tyre_worn, sample.tyre_damaged, sample.tyre_critical) for sample in drive(*rows)} == {
        ((None,) * 4, False, False)
    }


def test_wear_that_is_not_published_is_absent_with_any_floor() -> None:
    rows = ({"tyre_wear": (100.0,) * 4}, {"tyre_wear": (0.0,) * 4})
    assert drive(*rows, thresholds=Thresholds(tyre_floor=0.0))[-1].tyre_worn == (None,) * 4
    assert drive(*rows)[-1].tyre_worn == (None,) * 4


def test_wear_begins_where_the_game_begins_to_publish_it() -> None:
    """The pages are zeros for the first second of a session."""
    zeros, new = {"tyre_wear": (0.0,) * 4}, {"tyre_wear": (99.5,) * 4}
    for place in ({}, IN_BOX):
        samples = drive({**zeros, **place}, {**new, **place}, {"tyre_wear": (93.75,) * 4})
        assert samples[1].tyre_worn == (0.0,) * 4
        assert samples[2].tyre_worn == (0.5,) * 4


def test_a_single_worn_tyre_is_enough() -> None:
    sample = drive({"tyre_wear": (100.0,) * 4}, {"tyre_wear": (99.0, 99.0, 99.0, 88.1)})[-1]
    assert (sample.tyre_damaged, sample.tyre_critical) == (True, True)


# Damage


def hit(*zones: float) -> dict[str, Any]:
    """Damage of front, rear, left and right in the game's unit, with the overall maximum beside them."""
    return {"car_damage": (*zones, max(zones))}


def test_damage_grows_by_hits_and_a_repair_in_the_pits_ends_its_flags() -> None:
    samples = drive(
        hit(0.0, 0.0, 0.0, 0.0),
        hit(4.9, 0.0, 0.0, 0.0),  # a touch
        hit(12.5, 0.0, 3.0, 0.0),
        hit(12.5, 62.5, 3.0, 0.0),
        hit(150.0, 62.5, 3.0, 0.0),
        {**hit(150.0, 62.5, 3.0, 0.0), **IN_BOX},
        {**hit(0.0, 0.0, 0.0, 0.0), **IN_BOX},
        hit(0.0, 0.0, 0.0, 0.0),
    )
    assert [sample.bodywork_damaged for sample in samples] == [False, False, True, True, True, True, False, False]
    assert [sample.bodywork_critical for sample in samples] == [False, False, False, True, True, True, False, False]
    assert samples[3].damage_level == (0.125, 0.625, 0.03, 0.0, 0.625)
    assert samples[4].damage_level == (1.0, 0.625, 0.03, 0.0, 1.0)
    assert samples[-1].damage_level == (0.0,) * 5


@pytest.mark.parametrize("zone", range(5))
def test_each_zone_is_damage(zone: int) -> None:
    zones = [0.0] * 5
    zones[zone] = 150.0
    (sample,) = drive({"car_damage": tuple(zones)})
    assert sample.damage_level == tuple(value / 150.0 for value in zones)
    assert (sample.bodywork_damaged, sample.bodywork_critical) == (True, True)


def test_a_session_without_damage_has_no_flags() -> None:
    rows = [{"aid_mechanical_damage": 0.0, **hit(0.0, 0.0, 0.0, 0.0)}] * 3
    assert not any(sample.bodywork_damaged or sample.bodywork_critical for sample in drive(*rows))


def test_the_limits_of_damage_and_wear_can_be_set() -> None:
    strict = Thresholds(damaged=0.01, critical=0.1, tyre_damaged=0.1, tyre_critical=0.4)
    rows = ({"tyre_wear": (100.0,) * 4}, {"tyre_wear": (94.0,) * 4, **hit(12.0, 0.0, 0.0, 0.0)})
    sample, usual = drive(*rows, thresholds=strict)[-1], drive(*rows)[-1]
    assert (sample.bodywork_damaged, sample.bodywork_critical) == (True, True)
    assert (sample.tyre_damaged, sample.tyre_critical) == (True, True)
    assert (usual.bodywork_damaged, usual.bodywork_critical) == (True, False)
    assert (usual.tyre_damaged, usual.tyre_critical) == (False, False)
