import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, NamedTuple

import pytest

from telemetry.base.typed_values import build


@dataclass(frozen=True, slots=True)
class Inner:
    number: int
    share: float = 0.0


@dataclass(frozen=True, slots=True)
class Outer:
    name: str
    kind: Literal["a", "b"]
    inner: tuple[Inner, ...] = ()
    by_name: Mapping[str, Inner | None] = field(default_factory=dict)
    rows: tuple[tuple[int | None, ...], ...] = ()
    lines: list[str] = field(default_factory=list)
    flag: bool = False
    anything: Any = None


def test_what_json_keeps_becomes_the_same_again() -> None:
    outer = Outer(
        "x\udcff", "b", (Inner(1, 0.1), Inner(2, float("inf"))), {"q": Inner(3), "r": None}, ((1, None), ()), ["z"],
        flag=True, anything={"a": [1, {"b": None}]},
    )  # fmt: skip
    assert build(Outer, json.loads(json.dumps(asdict(outer)))) == outer


def test_a_whole_number_stands_for_a_float_and_stays_whole() -> None:
    inner = build(Inner, {"number": 1, "share": 2})
    assert type(inner.share) is int


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([], "Outer is of a wrong type"),
        ({"name": "x"}, "Outer lacks 'kind'"),
        ({"name": "x", "kind": "a", "more": 1}, "Outer has no 'more'"),
        ({"name": 1, "kind": "a"}, "Outer.name is of a wrong type"),
        ({"name": "x", "kind": "c"}, "Outer.kind is of a wrong type"),
        ({"name": "x", "kind": ["a"]}, "Outer.kind is of a wrong type"),
        ({"name": "x", "kind": "a", "flag": 1}, "Outer.flag is of a wrong type"),
        ({"name": "x", "kind": "a", "inner": [{"number": True}]}, "Outer.inner[0].number is of a wrong type"),
        ({"name": "x", "kind": "a", "inner": {}}, "Outer.inner is of a wrong type"),
        ({"name": "x", "kind": "a", "by_name": {"q": 3}}, "Outer.by_name.q is of a wrong type"),
        ({"name": "x", "kind": "a", "rows": [[1], [1.5]]}, "Outer.rows[1][0] is of a wrong type"),
        ({"name": "x", "kind": "a", "lines": "z"}, "Outer.lines is of a wrong type"),
    ],
)
def test_what_the_declaration_does_not_allow_is_named(values: Any, message: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - its whole text is compared
        build(Outer, values)
    assert str(refusal.value) == message


class Pair(NamedTuple):
    number: int
    text: str | None


@dataclass(frozen=True, slots=True)
class Fixed:
    pair: Pair | None
    wheels: tuple[float | None, float | None]


def test_named_tuples_and_those_of_a_fixed_length_come_back() -> None:
    fixed = Fixed(Pair(1, None), (0.5, None))
    assert build(Fixed, json.loads(json.dumps(asdict(fixed)))) == fixed


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pair": None, "wheels": [1.0]}, "Fixed.wheels is of a wrong type"),
        ({"pair": None, "wheels": [1.0, "x"]}, "Fixed.wheels[1] is of a wrong type"),
        ({"pair": [1, "a", 2], "wheels": [1.0, 2.0]}, "Fixed.pair is of a wrong type"),
    ],
)
def test_tuples_of_another_length_or_kind_are_named(values: Any, message: str) -> None:
    with pytest.raises(ValueError) as refusal:  # noqa: PT011 - its whole text is compared
        build(Fixed, values)
    assert str(refusal.value) == message
