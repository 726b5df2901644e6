"""Text in tables for people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.markup import render

from telemetry.cli._shared.tables import to_markup

PARTS = ("\\", "[", "]", "[2026]", "[bold]", "[/]", "a", "#", "/", " ", "1")


@pytest.mark.parametrize(
    "text", [r"C:\drives\[2026] GT3\a.mcap", r"C:\[a] b", r"\\server\[1", "[bold]x[/]", r"\\[", "[]"]
)
def test_names_with_brackets_are_shown_as_they_are(text: str) -> None:
    assert render(to_markup(text)).plain == text


@given(st.lists(st.sampled_from(PARTS)).map("".join))
def test_any_text_is_shown_as_it_is_alone_and_in_a_style(text: str) -> None:
    assert render(to_markup(text)).plain == text
    assert render(f"[bold]{to_markup(text)}[/]  {to_markup(text)}").plain == f"{text}  {text}"
