import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.base.nearest import count_edits, describe_nearest, find_nearest

COMMANDS = ("read", "record", "marker", "laps", "fields", "serve", "serve-acgym")


@pytest.mark.parametrize(
    ("word", "nearest"),
    [
        ("recod", "record"),
        ("markr", "marker"),
        ("lasp", "laps"),
        ("lap", "laps"),
        ("Field", "fields"),
        ("acgym", "serve-acgym"),
        ("compare", None),
        ("x", None),
        ("", None),
        ("record" * 50, "record"),
        ("[" * 5000, None),
    ],
)
def test_the_nearest_name_is_like_the_word_or_there_is_none(word: str, nearest: str | None) -> None:
    assert find_nearest(word, COMMANDS) == nearest


def test_the_hint_is_a_sentence_or_nothing() -> None:
    assert describe_nearest("recod", COMMANDS) == " Did you mean record?"
    assert describe_nearest("compare", COMMANDS) == ""


@pytest.mark.parametrize(
    ("first", "second", "edits"), [("", "abc", 3), ("gear", "gear", 0), ("geer", "gear", 1), ("khm", "kmh", 1)]
)
def test_edits_count_letters(first: str, second: str, edits: int) -> None:
    assert count_edits(first, second) == count_edits(second, first) == edits


@given(st.text("abcd", max_size=6), st.text("abcd", max_size=6), st.integers(0, 7))
def test_edits_above_a_limit_need_not_be_counted(first: str, second: str, most: int) -> None:
    edits = count_edits(first, second)
    assert min(count_edits(first, second, most), most + 1) == min(edits, most + 1)


@given(st.text("abcd", max_size=8), st.lists(st.text("abcd", max_size=8), max_size=4))
def test_the_nearest_name_is_found_as_if_all_edits_were_counted(word: str, known: list[str]) -> None:
    nearest = find_nearest(word, known)
    slips = max(1, len(word) // 3)
    near = [(count_edits(word, name), len(name), name) for name in known if count_edits(word, name) <= slips]
    if near:
        assert nearest == min(near)[2]
    else:
        assert (
            nearest is None
            or nearest.startswith(word)
            or nearest.endswith(word)
            or word.startswith(nearest)
            or (word.endswith(nearest))
        )
