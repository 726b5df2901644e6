"""``fields`` as its users run it."""

import json
import re

import orjson
from jsonschema import Draft202012Validator

from telemetry.fields.derived import Sample
from tests.commands import FAST, run
from tests.conftest import main_in_process


def test_fields_lists_every_field_with_its_meaning() -> None:
    table = run("fields").stdout
    for field in Sample.FIELDS:
        assert re.search(rf"^{field.name} ", table, re.MULTILINE), field.name


def test_fields_can_be_filtered_and_read_by_programs() -> None:
    described = json.loads(main_in_process("fields", "tyre_w*", "currentMaxRpm", "--json").stdout)
    assert [field["name"] for field in described] == ["tyre_wear", "tyre_worn", "tyre_wear_best", "currentMaxRpm"]
    assert described[0]["page"] == "acpmf_physics"
    assert (described[0]["offset"], described[0]["layout"], described[0]["unit"]) == (120, "f32[4]", "%")
    assert (described[3]["offset"], described[3]["type"]) == (588, "integer")


def test_the_schema_of_some_fields_fits_a_recording_of_them() -> None:
    schema = json.loads(main_in_process("fields", "gear,accG", "--json-schema").stdout)
    result = main_in_process("read", *FAST, "--samples", "1", "--json-output", "-", "--fields", "gear,accG", "--quiet")
    Draft202012Validator(schema).validate(orjson.loads(result.stdout))
