import re

import pytest
from jsonschema import Draft202012Validator

from telemetry.base.errors import UsageError
from telemetry.fields.derived import Sample
from telemetry.fields.selection import ALL_COLUMNS, MAX_PATTERNS, json_schema, select, select_in_steps
from tests.conftest import sample_of


def keys(patterns: str) -> list[str]:
    return [column.key for column in select(patterns)]


def test_fields_keep_the_order_asked_and_come_once() -> None:
    assert keys("speed_kmh, gear,speed_kmh") == ["speed_kmh", "gear"]


def test_a_group_is_all_its_fields() -> None:
    assert keys("sample") == ["timestamp", "elapsed", "sequence"]
    assert keys("sample,physics,graphics,static,derived") == list(Sample.NAMES)


def test_a_glob_matches_wire_names() -> None:
    assert keys("velocity_?") == ["velocity_x", "velocity_y", "velocity_z"]
    assert keys("*_worn,tyre_d*") == ["tyre_worn", "tyre_dirty_level", "tyre_damaged"]


@pytest.mark.parametrize(
    ("asked", "name"),
    [
        ("yaw", "heading"),
        ("steer", "steer_angle"),
        ("throttle", "gas"),
        ("normalizedCarPosition", "normalized_position"),
        ("numberOfTyresOut", "number_of_tyres_out"),
        ("iCurrentTime", "current_time"),
        ("currentTime", "current_time_text"),
        ("packetId", "packet_id"),
        ("abs", "abs_setting"),
    ],
)
def test_an_alias_is_written_under_the_name_that_was_asked_for(asked: str, name: str) -> None:
    (column,) = select(asked)
    assert column.key == asked
    assert [field.name for field in column.fields] == [name]


def test_the_sdk_name_of_a_vector_is_an_array() -> None:
    (column,) = select("accG")
    sample = sample_of(acc_g_x=0.1, acc_g_y=0.2, acc_g_z=0.3)
    assert column.pick(sample) == (0.1, 0.2, 0.3)
    Draft202012Validator(json_schema([column])).validate({"accG": [0.1, 0.2, 0.3]})


def test_an_unknown_name_is_an_error_that_suggests_the_nearest() -> None:
    message = "There is no field 'sped_kmh'. Did you mean speed_kmh"
    with pytest.raises(UsageError, match=re.escape(message)):
        select("gear,sped_kmh")


def test_a_name_that_is_like_nothing_gets_no_suggestion() -> None:
    with pytest.raises(UsageError, match=r"There is no field 'qqqqqq'\. The command"):
        select("qqqqqq")
    with pytest.raises(UsageError, match="There is no field"):
        select("[" * 8000)  # in a moment, where a glob of so many brackets takes seconds


def test_no_name_at_all_is_an_error() -> None:
    with pytest.raises(UsageError, match="No field was selected"):
        select(" , ")


def test_the_schema_is_a_valid_schema_and_names_every_field() -> None:
    schema = json_schema(ALL_COLUMNS)
    Draft202012Validator.check_schema(schema)
    assert list(schema["properties"]) == list(Sample.NAMES)


def test_all_unknown_names_are_named_at_once() -> None:
    with pytest.raises(UsageError) as refusal:
        select("foo,gear,speed_khm,foo,bar*")
    assert str(refusal.value) == (
        "There are no fields 'foo', 'speed_khm' (did you mean speed_kmh?), 'bar*'. "
        "The command 'fields' lists all fields."
    )


def test_more_patterns_than_there_are_fields_are_refused() -> None:
    names = [f"*{number}" for number in range(MAX_PATTERNS + 1)]
    with pytest.raises(UsageError, match=f"{MAX_PATTERNS + 1} names of fields are too many: there are {MAX_PATTERNS}"):
        select(names)
    assert select(["gear", *["rpm", "rp?"] * MAX_PATTERNS]) == select("gear,rpm")


def test_only_globs_and_unknown_names_take_steps() -> None:
    assert list(select_in_steps("gear,physics,speedKmh,,")) == []
    assert list(select_in_steps("gear,tyre_*,*_x")) == [None, None]
    steps = select_in_steps("gear,geer,rmp")
    assert [next(steps) for _ in range(4)] == [None] * 4
    with pytest.raises(UsageError, match="There are no fields 'geer'"):
        next(steps)
