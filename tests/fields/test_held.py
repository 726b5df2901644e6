import pytest

from telemetry.fields.derived import METRICS, Sample
from telemetry.fields.held import (
    MISSING_FIELDS,
    describe_missing,
    held_columns,
    parse_missing,
    raw_fields_of,
    unknown_fields,
)
from telemetry.fields.metrics.metric import raw_inputs
from telemetry.fields.selection import ALL_COLUMNS, select
from telemetry.fields.snapshot import Snapshot


def test_every_metric_is_derived_from_raw_fields() -> None:
    for metric in METRICS:
        inputs = raw_inputs(metric)
        assert inputs, metric.name
        assert inputs <= set(Snapshot.NAMES), metric.name


@pytest.mark.parametrize(
    ("missing", "unknown"),
    [
        ("fuel", set()),
        ("gear", {"gear_name"}),
        ("packet_id", {"run", "physics_steps"}),
        ("number_of_tyres_out", {"is_lap_valid", "lap_valid"}),
        ("tyre_radius", {"longitudinal_slip", "slip_ratio", "wheel_lock_detected", "wheel_locked"}),
        ("car_damage", {"damage_level", "bodywork_damaged", "bodywork_critical"}),
        (
            "current_time",
            {"lap", "lap_time", "lap_valid", "is_lap_valid", "line_position", "lap_distance"},
        ),
    ],
)
def test_what_is_derived_from_a_missing_field_is_not_known(missing: str, unknown: set[str]) -> None:
    assert unknown_fields(frozenset({missing})) == {missing, *unknown}


def test_columns_without_what_they_need_are_left_out() -> None:
    missing = frozenset({"gear", "acc_g_x"})
    asked = select("speed_kmh,gear,gear_name,accG,velocity,yaw")
    assert [column.key for column in held_columns(asked, missing)] == ["speed_kmh", "velocity", "yaw"]
    assert held_columns(ALL_COLUMNS, frozenset()) == ALL_COLUMNS
    held = {column.key for column in held_columns(ALL_COLUMNS, missing)}
    assert held == set(Sample.NAMES) - {"gear", "gear_name", "acc_g_x"}


def test_fields_need_the_raw_fields_that_they_are_derived_from() -> None:
    assert raw_fields_of(["fuel", "gear_name", "damage_level"]) == {"fuel", "gear", "car_damage"}
    with pytest.raises(KeyError):
        raw_fields_of(["speed"])


def test_metadata_name_the_missing_fields() -> None:
    missing = frozenset({"gear", "fuel"})
    metadata = describe_missing(missing)
    assert metadata == {MISSING_FIELDS: "fuel,gear"}
    assert parse_missing(metadata[MISSING_FIELDS]) == missing
    assert describe_missing(frozenset()) == {}
    assert parse_missing("") == parse_missing("not_a_field") == frozenset()
