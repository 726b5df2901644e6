"""Lines, bars, charts and big digits of the view."""

import math

from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.segment import Segment

from telemetry.terminal.draw import GOOD, bar, big_digits, centred_bar, chart, pad_or_crop, to_cells
from telemetry.terminal.panels import to_ascii
from tests.terminal.pictures import text_of

NAN = math.nan
INF = math.inf


@given(st.text(), st.integers(0, 30))
def test_cleaned_text_fits_any_width_exactly(text: str, width: int) -> None:
    (line,) = [pad_or_crop([Segment(to_cells(text)), Segment(to_cells(text))], width)]
    assert cell_len(text_of([line])) == width


@given(st.text())
def test_ascii_text_is_ascii_and_as_wide_as_the_text_it_stands_for(text: str) -> None:
    plain = to_ascii(to_cells(text))
    assert plain.isascii()
    assert len(plain) == cell_len(to_cells(text))


def test_bars_are_drawn_in_half_cells() -> None:
    assert [text_of([bar(share, 4, GOOD)]) for share in (0.0, 0.125, 0.5, 1.0, 7.0)] == [
        "────",
        "╸───",
        "━━──",
        "━━━━",
        "━━━━",
    ]


def test_a_centred_bar_points_right_for_positive_values() -> None:
    assert [text_of([centred_bar(value, 9, GOOD)]) for value in (-1.0, -0.5, 0.0, 0.5, NAN)] == [
        "▇▇▇▇┼────",
        "──▇▇┼────",
        "────┼────",
        "────┼▇▇──",
        "────┼────",
    ]


def test_a_chart_shows_the_newest_values_at_the_right() -> None:
    assert text_of(chart([0.0, 0.5, 1.0, NAN], 1.0, 5, 2, GOOD)) == "   ▇ \n ▁██▁"
    assert text_of(chart([1.0, 0.0, 1.0], 1.0, 2, 1, GOOD)) == "▁▇"


def test_big_digits_are_five_lines_of_the_same_width() -> None:
    assert big_digits("1.") == ["  ██     ", "████     ", "  ██     ", "  ██     ", "██████ ██"]
    assert big_digits("x") == big_digits("?")
