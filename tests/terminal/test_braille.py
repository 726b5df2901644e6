import math

from telemetry.terminal.braille import EMPTY, BrailleCanvas, Dashes, braille_curve


def test_a_rising_line_goes_from_the_bottom_left_to_the_top_right() -> None:
    assert braille_curve([0.0, 1.0, 2.0, 3.0], 2, 1, 0.0, 3.0) == ["\u2860\u280a"]


def test_an_empty_cell_is_as_wide_as_a_full_one() -> None:
    assert braille_curve([None, math.nan, 1.0, 1.0], 2, 1, 0.0, 1.0) == [f"{EMPTY}\u2809"]
    assert braille_curve([], 2, 1, 0.0, 1.0) == [EMPTY * 2]


def test_no_peak_is_lost_where_many_values_share_a_column() -> None:
    values = [0.0] * 1000
    values[503] = 1.0
    top, bottom = braille_curve(values, 10, 2, 0.0, 1.0)
    assert sum(cell != EMPTY for cell in top) == 1
    assert EMPTY not in bottom


def test_jumps_are_joined() -> None:
    (line,) = braille_curve([0.0, 0.0, 1.0, 1.0], 2, 1, 0.0, 1.0)
    assert line == "\u28c0\u280f"


def test_values_beyond_the_scale_stay_at_its_edge() -> None:
    assert braille_curve([9.0, -9.0], 1, 1, 0.0, 1.0) == braille_curve([1.0, 0.0], 1, 1, 0.0, 1.0)
    assert len(braille_curve([1.0, 1.0], 1, 3, 1.0, 1.0)) == 3


def test_dashes_go_on_from_one_piece_of_a_line_to_the_next() -> None:
    canvas, dashes = BrailleCanvas(6, 1), Dashes("..  ")
    for column in range(11):
        canvas.line((column, 0), (column + 1, 0), dashes=dashes)
    assert canvas.lines() == ["\u2809\u2800\u2809\u2800\u2809\u2800"]
    whole = BrailleCanvas(6, 1)
    whole.line((0, 0), (11, 0), dashes=Dashes(""))
    assert whole.lines() == ["\u2809" * 6]
