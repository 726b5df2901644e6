"""The panels of the view, and the complete picture."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from ac_native_memory import Pages
from telemetry.base.text import (
    DASH,
)
from telemetry.fields.derived import Sample, derive
from telemetry.fields.display_limits import DISPLAY_LIMITS
from telemetry.fields.snapshot import decode
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.recording.game_state import State
from telemetry.recording.stats import RecordingStats, StepRecordingStats
from telemetry.terminal.draw import BAD, COLD, GOOD, PLAIN, WARN, pad_or_crop
from telemetry.terminal.panels import History, ViewState, plain_line, render, to_ascii
from telemetry.terminal.panels.car import rpm_bar, rpm_limit
from telemetry.terminal.panels.recorder import recorder_lines
from telemetry.terminal.panels.status import damage_lines, flag_lines, flags
from telemetry.terminal.panels.wheels import temperature_style, wear_style, wheel_lines
from tests.terminal.pictures import a_lap, a_sample, picture, text_of

NAN = math.nan
INF = math.inf
SIZES = [(80, 24), (120, 40), (104, 33), (80, 40), (60, 30), (200, 60), (80, 18), (40, 10), (20, 5), (7, 3), (1, 1)]


def test_engine_speed_is_scaled_to_the_present_limit_or_that_of_the_car_or_the_highest_so_far() -> None:
    history = History()
    history.highest_rpm = 4000
    assert rpm_limit(a_sample(max_rpm=7500, current_max_rpm=6000), history) == (6000, True)
    assert rpm_limit(a_sample(max_rpm=7500), history) == (7500, True)
    assert rpm_limit(a_sample(rpm=3000), history) == (4000, False)


def test_the_shift_zone_is_always_marked_and_red_when_reached() -> None:
    limit = 1000
    assert text_of([rpm_bar(a_sample(rpm=500, max_rpm=limit), History(), 25)]) == "▇" * 12 + "─" * 11 + "━" * 2
    low = rpm_bar(a_sample(rpm=int(DISPLAY_LIMITS.shift_rpm_fraction * limit) - 1, max_rpm=limit), History(), 25)
    high = rpm_bar(a_sample(rpm=int(DISPLAY_LIMITS.shift_rpm_fraction * limit), max_rpm=limit), History(), 25)
    assert (low[0].style, high[0].style) == (GOOD, BAD)


def test_temperatures_are_coloured_by_band() -> None:
    assert [temperature_style(celsius) for celsius in (20.0, 85.0, 110.0, 130.0)] == [COLD, GOOD, WARN, BAD]
    assert temperature_style(NAN) not in (COLD, GOOD, WARN, BAD)


def test_a_locked_wheel_says_so_and_glitches_do_not_move_the_columns() -> None:
    sample = a_sample(
        wheel_slip=(0.5, 9.5, 1e6, NAN),
        slip_ratio=(0.02, 1.0, None, None),
        wheel_locked=(False, True, False, False),
        tyre_worn=(0.12, 0.85, 0.99, None),
        tyre_core_temp=(85.0, 85.0, 85.0, 85.0),
        wheel_pressure=(26.5,) * 4,
        wheel_load=(3456.0,) * 4,
    )
    assert text_of([pad_or_crop(line, 76) for line in wheel_lines(sample, DEFAULTS, 76)]).splitlines() == [
        "   slip           1=peak ratio load N   psi  core  brake   worn             ",
        "FL ━━━━───┃───────  0.50  0.02   3456  26.5    85°     0°  ╸─────  12 %     ",
        "FR ━━━━━━━┃━━━━━━━  9.50  1.00   3456  26.5    85°     0°  ━━━━━─  85 % LOCK",
        f"RL ━━━━━━━┃━━━━━━━  >1e4     {DASH}   3456  26.5    85°     0°  ━━━━━━  99 %     ",
        f"RR ───────┃───────     {DASH}     {DASH}   3456  26.5    85°     0°  ──────   {DASH} %     ",
    ]


def test_wear_changes_its_colour_at_the_thresholds_in_use() -> None:
    assert [wear_style(worn, DEFAULTS) for worn in (0.5, 0.9, 0.99)] == [GOOD, WARN, BAD]
    thresholds = Thresholds(tyre_damaged=0.4, tyre_critical=0.8)
    assert [wear_style(worn, thresholds) for worn in (0.3, 0.5, 0.9)] == [GOOD, WARN, BAD]


def test_damage_changes_its_colour_at_the_thresholds_in_use() -> None:
    sample = a_sample(damage_level=(0.04, 0.1, 0.3, 0.6, 0.6))

    def bar_styles(thresholds: Thresholds) -> list[object]:
        bars = ("━", "╸")
        segments = [segment for line in damage_lines(sample, thresholds, 80) for segment in line]
        return [segment.style for segment in segments if segment.text.startswith(bars)]

    assert bar_styles(DEFAULTS) == [GOOD, WARN, WARN, BAD, BAD]
    assert bar_styles(Thresholds(damaged=0.2, critical=0.7)) == [GOOD, GOOD, WARN, WARN, WARN]


def test_no_flag_is_lit_on_a_calm_lap() -> None:
    assert [flag.lit for flag in flags(a_sample())] == [""] * 9


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"is_lap_valid": False}, "LAP INVALID"),
        ({"wheel_lock_detected": True}, "WHEEL LOCK"),
        ({"number_of_tyres_out": 1}, "1 TYRE OUT"),
        ({"number_of_tyres_out": 3}, "3 TYRES OUT"),
        ({"bodywork_damaged": True}, "BODY DAMAGE"),
        ({"bodywork_damaged": True, "bodywork_critical": True}, "BODY CRIT."),
        ({"tyre_damaged": True}, "TYRES WORN"),
        ({"tyre_damaged": True, "tyre_critical": True}, "TYRES GONE"),
        ({"flag": 2, "flag_name": "yellow"}, "YELLOW FLAG"),
        ({"flag": 5, "flag_name": "chequered"}, "CHEQUERED"),
        ({"is_in_pit_lane": 1}, "PIT LANE"),
        ({"is_in_pit_lane": 1, "is_in_pit": 1}, "IN PIT BOX"),
        ({"pit_limiter_on": 1}, "PIT LIMITER"),
        ({"drs_available": 1}, "DRS READY"),
        ({"drs_available": 1, "drs_enabled": 1}, "DRS OPEN"),
    ],
)
def test_a_flag_that_fires_is_lit_and_written_out_at_80_columns(change: dict[str, object], text: str) -> None:
    sample = a_sample(**change)
    assert [flag.lit for flag in flags(sample) if flag.lit] == [text]
    (lit,) = [segment for line in flag_lines(sample, 44) for segment in line if segment.style and segment.style.reverse]
    assert lit.text.strip() == text


def test_the_recorder_panel_shows_file_rates_and_faults() -> None:
    stats = RecordingStats(
        state=State.LIVE, rate_asked=333.0, samples=1001, duplicates=3, torn=1, size=12_345_678, first=2.0, latest=5.0
    )
    stats.jitter.add(0.1)
    lines = recorder_lines(ViewState(None, stats, History(), "monza.jsonl"), 76)
    assert text_of(lines).splitlines() == [
        "● monza.jsonl  12.3 MB             333.3 of 333 Hz   1,001 samples   0:00:03",
        "duplicates 3  torn 1  missed 0  dropped 0  gaps 0      jitter 0.10 / 0.10 ms",
    ]
    assert [segment.style for segment in lines[1] if segment.text.strip() in ("1", "0")] == [WARN, PLAIN, PLAIN, PLAIN]


def test_the_recorder_panel_counts_markers() -> None:
    stats = StepRecordingStats(state=State.LIVE, steps=10, markers=2)
    lines = recorder_lines(ViewState(None, stats, History(), "monza.mcap"), 76)
    assert text_of(lines).splitlines()[1].endswith("marker 2")


@pytest.mark.parametrize(
    ("share", "shown"), [(None, "0:00:30"), (0.0, "0:00:30   0 %"), (0.25, "0:00:30   25 %  0:01:30 left")]
)
def test_the_recorder_says_how_much_is_done_and_what_is_left_where_that_is_known(
    share: float | None, shown: str
) -> None:
    stats = StepRecordingStats(state=State.LIVE, steps=10_000, share=share, latest=30.0)
    lines = recorder_lines(ViewState(None, stats, History(), "monza.mcap"), 120)
    assert text_of(lines).splitlines()[0].endswith(f"10,000 steps   {shown}")


def test_without_an_output_the_view_says_that_nothing_is_recorded() -> None:
    assert "not recording" in picture(a_lap())
    assert "lap.jsonl" in picture(a_lap(), output="lap.jsonl")


def test_the_measured_rate_is_that_of_the_last_seconds_and_leaves_out_pauses_before() -> None:
    history = History()
    stats = RecordingStats(state=State.LIVE, first=0.0)
    for moment in range(60):
        stats.latest, stats.samples = 1000.0 + moment / 10.0, 500 + moment * 10
        history.add(a_sample(elapsed=stats.latest), stats)
    assert history.rate() == pytest.approx(100.0)
    assert stats.rate == pytest.approx(1089 / 1005.9)


def test_history_starts_again_when_time_runs_backwards() -> None:
    history = History()
    for elapsed in (1.0, 2.0, 0.5):
        history.add(a_sample(elapsed=elapsed), RecordingStats())
    assert list(history.elapsed) == [0.5]


def test_80_by_24_shows_everything_that_matters() -> None:
    shown = picture(a_lap(), RecordingStats(state=State.LIVE, rate_asked=333.0), output="lap.jsonl")
    for text in (
        "LIVE",
        " ks_mazda_mx5_cup · ks_nordschleife / tourist ",
        "practice  0:12:34 left",
        " 4   187 km/h",
        "6512",
        "1:23.456",
        "last 1:45.123",
        "best 1:44.012",
        "lap 2",
        "sector 1",
        "FL",
        "overall",
        "duplicates 0  torn 0  missed 0",
        "of 333 Hz",
    ):
        assert text in shown


@pytest.mark.parametrize(("name", "shown"), [("9", "9"), ("16", "16"), ("unknown", "?")])
def test_gears_of_two_digits_are_shown_and_what_is_no_gear_is_a_question_mark(name: str, shown: str) -> None:
    sample = a_sample(gear_name=name, speed_kmh=187.0)
    assert f" {shown}   187 km/h" in picture(sample)
    assert f"km/h  {shown}  " in plain_line(sample, RecordingStats())
    assert picture(sample, width=120, height=40).count("\n") == picture(a_sample(), width=120, height=40).count("\n")


def test_the_track_is_counted_from_the_timing_line_on_and_not_from_where_the_spline_begins() -> None:
    place = {"normalized_position": 0.1, "track_spline_length": 3000.0}
    (from_spline, from_line, before_line) = (
        next(line for line in picture(a_lap().replace(**place, lap_distance=metres)).splitlines() if "track " in line)
        for metres in (None, 1500.0, -45.0)
    )
    assert "10 %" in from_spline
    assert "1500 m" in from_line
    assert "-45 m" in before_line
    filled = [line.count("━") for line in (before_line, from_spline, from_line)]
    assert filled[0] == 0
    assert 0 < filled[1] < filled[2]


def test_120_by_40_uses_the_room_for_charts_treads_and_conditions() -> None:
    shown = picture(a_lap(), width=120, height=40)
    for text in ("inner  mid  outer", "gas", "km/h", "fuel", "road", "wind", "grip", "bias", "clutch", "██████"):
        assert text in shown


@pytest.mark.parametrize("state", [State.WAITING, State.LOADING, State.GONE])
def test_without_a_car_the_message_is_in_the_middle(state: State) -> None:
    shown = picture(a_lap(), RecordingStats(state=state, message="Waiting for the game."))
    lines = [line.strip() for line in shown.splitlines()]
    assert [line for line in lines if line] == [f"● {state.upper()}", "Waiting for the game."]
    assert lines.index(f"● {state.upper()}") == 10


@pytest.mark.parametrize("state", [State.PAUSED, State.MENU, State.REPLAY, State.STALLED, State.ENDED])
def test_values_that_are_not_of_now_are_dimmed_under_a_badge_and_its_message(state: State) -> None:
    view = ViewState(a_lap(), RecordingStats(state=state, message="The car stands still in time."), History())
    header, *panels = render(view, 80, 24)
    assert text_of([header]).startswith(f" ● {state.upper()}   The car stands still in time.")
    styles = {segment.style for line in panels for segment in line if segment.text.strip()}
    assert all(style is not None and style.dim and style.color is None for style in styles)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("state", list(State))
def test_the_picture_has_the_size_of_the_terminal(width: int, height: int, state: State) -> None:
    stats = RecordingStats(state=state, message="A sentence on how things are, long enough to be wrapped.", samples=5)
    for sample in (a_lap(), None):
        lines = render(ViewState(sample, stats, History(), "lap.jsonl"), width, height)
        assert [cell_len(text_of([line])) for line in lines] == [width] * height


def pages_of_noise() -> st.SearchStrategy[Pages]:
    odd_words = st.sampled_from(
        [b"\0\0\0\0", b"\xff\xff\xff\x7f", b"\0\0\0\x80", b"\0\0\xc0\x7f", b"\0\0\x80\x7f", b"\0\0\x80\xff", b"\0$tI"]
    )
    words = st.one_of(odd_words, st.binary(min_size=4, max_size=4))

    def page(size: int) -> st.SearchStrategy[bytes]:
        return st.lists(words, min_size=8, max_size=32).map(lambda some: (b"".join(some) * size)[:size])

    return st.builds(Pages, page(592), page(304), page(684), st.floats())


@settings(deadline=None, max_examples=60)
@given(st.lists(pages_of_noise(), min_size=1, max_size=3), st.floats(), st.sampled_from(SIZES[:6]))
def test_no_content_of_a_page_breaks_the_picture(noise: list[Pages], elapsed: float, size: tuple[int, int]) -> None:
    width, height = size
    stats = RecordingStats(state=State.LIVE, samples=3)
    history = History()
    before: Sample | None = None
    for pages in noise:
        before = derive(decode(pages, elapsed=elapsed), before)
        history.add(before, stats)
        lines = render(ViewState(before, stats, history, "x"), width, height)
        assert [cell_len(text_of([line])) for line in lines] == [width] * height
        assert all(segment.text.isprintable() for line in lines for segment in line)
        assert to_ascii(plain_line(before, stats)).isascii()
