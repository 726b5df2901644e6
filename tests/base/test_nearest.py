import pytest

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
