"""Users get what they got before: lines, recordings, files and messages as fixtures/unchanged says."""

import json
from pathlib import Path

import pytest

from tests.unchanged import OBSERVATIONS, STORED, differences


@pytest.mark.parametrize("name", OBSERVATIONS)
def test_what_users_get_is_as_it_was(name: str, tmp_path: Path) -> None:
    before = json.loads((STORED / f"{name}.json").read_text(encoding="utf-8"))
    assert differences(before, json.loads(json.dumps(OBSERVATIONS[name](tmp_path)))) == []


def test_a_difference_is_named_with_its_place() -> None:
    before = {"a": {"fields": "x:1 y:2", "n": [1, 2]}, "b": 3}
    assert differences(before, {"a": {"fields": "x:1 y:4", "n": [1, 2]}, "b": 3, "c": None}) == [
        "/a/fields: only before ['y:2'], only now ['y:4']"
    ]
    assert differences(before, {"a": {"fields": "y:2 x:1", "n": [1]}}) == [
        "/a/fields: in another order",
        "/a/n: [1, 2] became [1]",
        "/b: 3 became nothing",
    ]
