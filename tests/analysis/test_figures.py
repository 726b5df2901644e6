import numpy as np

from telemetry.analysis.figures import thin

NAN = float("nan")


def test_a_thinned_series_keeps_the_ends_and_both_extremes_of_each_column() -> None:
    x = np.arange(1000.0)
    y = np.zeros(1000)
    y[333], y[334] = 9.0, -7.0

    rows = thin(x, y, 10, 0.0, 999.0)

    assert {0, 333, 334, 999} <= set(rows.tolist())
    assert len(rows) <= 4 * 10
    assert (np.diff(rows) > 0).all()


def test_a_thinned_series_stays_broken_where_nothing_is_known() -> None:
    x = np.arange(1000.0)
    y = np.ones(1000)
    y[500] = NAN

    rows = thin(x, y, 10, 0.0, 999.0)

    assert 500 in rows
    assert {499, 501} <= set(rows.tolist())


def test_what_lies_outside_is_left_out_but_for_one_value_on_either_side() -> None:
    x = np.arange(10.0)

    assert thin(x, x, 100, 3.0, 5.0).tolist() == [2, 3, 4, 5, 6]
    assert not len(thin(x, x, 100, 20.0, 30.0))
