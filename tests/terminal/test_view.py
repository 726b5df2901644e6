import io
import math
import re
import threading

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, ConsoleDimensions
from rich.segment import Segment

from ac_native_memory import Pages
from telemetry.base.text import (
    DASH,
    format_delta,
    format_duration,
    format_lap_time,
    format_number,
    format_size,
    percent,
    sanitize,
    share_of,
)
from telemetry.fields.derived import Sample, derive
from telemetry.fields.snapshot import decode
from telemetry.recording.game_state import State
from telemetry.recording.stats import RecordingStats
from telemetry.terminal.draw import BAD, COLD, GOOD, PLAIN, WARN, bar, big_digits, centred_bar, chart, pad_or_crop
from telemetry.terminal.panels import History, Line, ViewState, frame, plain_line, to_ascii
from telemetry.terminal.panels.car import SHIFT_ZONE, rpm_bar, rpm_limit
from telemetry.terminal.panels.recorder import recorder_lines
from telemetry.terminal.panels.status import flag_lines, flags
from telemetry.terminal.panels.wheels import temperature_style, wheel_lines
from telemetry.terminal.view import View, _Lines, _Screen

NAN = math.nan
INF = math.inf
SIZES = [(80, 24), (120, 40), (104, 33), (80, 40), (60, 30), (200, 60), (80, 18), (40, 10), (20, 5), (7, 3), (1, 1)]


def a_sample(**changes: object) -> Sample:
    zeros = derive(decode(Pages(bytes(592), bytes(304), bytes(684), 0.0)))
    return zeros.replace(**changes) if changes else zeros


def a_lap() -> Sample:
    return a_sample(
        car_model="ks_mazda_mx5_cup",
        track="ks_nordschleife",
        track_configuration="tourist",
        session_name="practice",
        session_time_left=754_000.0,
        elapsed=12.0,
        completed_laps=1,
        current_time=83_456,
        last_time=105_123,
        best_time=104_012,
        speed_kmh=187.4,
        gear=5,
        gear_name="4",
        rpm=6512,
        max_rpm=7500,
        gas=1.0,
    )


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(segment.text for segment in line) for line in lines)


def picture(
    sample: Sample | None,
    stats: RecordingStats | None = None,
    *,
    width: int = 80,
    height: int = 24,
    output: str | None = None,
) -> str:
    return text_of(
        frame(ViewState(sample, stats or RecordingStats(state=State.LIVE), History(), output), width, height)
    )


def a_terminal(*, encoding: str = "utf-8", no_color: bool = False) -> tuple[Console, io.BytesIO]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="", write_through=True)
    environment = {"TERM": "xterm-256color"}
    console = Console(
        file=file,
        force_terminal=True,
        width=80,
        height=24,
        no_color=no_color,
        legacy_windows=False,
        color_system="standard",
        _environ=environment,
    )
    return console, raw


def a_pipe(encoding: str = "utf-8") -> tuple[Console, io.BytesIO]:
    raw = io.BytesIO()
    return Console(file=io.TextIOWrapper(raw, encoding=encoding, newline="", write_through=True), _environ={}), raw


# --- figures ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("milliseconds", "text"),
    [
        (83_456, "1:23.456"),
        (1, "0:00.001"),
        (0, "-:--.---"),
        (-5, "-:--.---"),
        (5_999_999, "99:59.999"),
        (6_000_000, "1:40:00"),
        (2**31 - 1, "596:31:23"),
    ],
)
def test_a_lap_time_reads_as_on_a_timing_screen(milliseconds: int, text: str) -> None:
    assert format_lap_time(milliseconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(754.9, "0:12:34"), (3600.0, "1:00:00"), (0.0, ""), (-1.0, ""), (INF, ""), (NAN, ""), (1e30, "")],
)
def test_only_a_positive_and_finite_duration_is_shown(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (12_345_678, "12.3 MB"), (5 * 10**12, "5000.0 GB")]
)
def test_a_size_has_the_unit_that_keeps_it_short(size: int, text: str) -> None:
    assert format_size(size) == text


@pytest.mark.parametrize(
    ("value", "decimals", "width", "text"),
    [
        (0.824, 2, 5, "0.82"),
        (123.456, 2, 5, "123.5"),
        (99_999.4, 2, 5, "99999"),
        (1e6, 2, 5, ">1e4"),
        (-1e6, 2, 5, "<-1e3"),
        (INF, 2, 5, ">1e4"),
        (-INF, 2, 5, "<-1e3"),
        (1e6, 0, 3, "99+"),
        (-1e6, 0, 3, "-99"),
        (NAN, 2, 5, DASH),
        (None, 2, 5, DASH),
    ],
)
def test_a_figure_never_takes_more_room_than_it_has(value: float | None, decimals: int, width: int, text: str) -> None:
    assert format_number(value, decimals, width) == text


@given(st.floats(), st.integers(0, 3), st.integers(3, 9), st.booleans())
def test_no_figure_is_too_long(value: float, decimals: int, width: int, sign: bool) -> None:
    assert len(format_number(value, decimals, width, sign=sign)) <= width


def test_a_gap_has_a_sign_unless_it_is_nothing() -> None:
    assert [format_delta(seconds) for seconds in (-0.1234, 0.1234, 1234.5)] == ["-0.123", "+0.123", "+1234.5"]
    assert [format_delta(seconds) for seconds in (-0.0001, NAN)] == [" 0.000", DASH]


def test_a_percentage_stays_within_four_characters() -> None:
    assert [percent(value) for value in (0.0, 0.345, 1.0, INF, -INF, None, NAN)] == [
        "0",
        "34",
        "100",
        "999",
        "-900",
        DASH,
        DASH,
    ]


def test_a_share_is_clamped_and_what_is_no_number_is_nothing() -> None:
    assert [share_of(value, 2.0) for value in (1.0, 5.0, -1.0, INF, -INF, NAN, None)] == [0.5, 1, 0, 1, 0, 0, 0]
    assert share_of(1.0, 0.0) == share_of(1.0, NAN) == 0.0


# --- lines ------------------------------------------------------------------------------------------------------------


@given(st.text(), st.integers(0, 30))
def test_cleaned_text_fits_any_width_exactly(text: str, width: int) -> None:
    (line,) = [pad_or_crop([Segment(sanitize(text)), Segment(sanitize(text))], width)]
    assert cell_len(text_of([line])) == width


@given(st.text())
def test_ascii_text_is_ascii_and_as_wide_as_the_text_it_stands_for(text: str) -> None:
    plain = to_ascii(sanitize(text))
    assert plain.isascii()
    assert len(plain) == cell_len(sanitize(text))


def test_names_from_the_game_cannot_move_the_cursor() -> None:
    assert sanitize("a\x1b[2Jb\nc") == "a�[2Jb�c"


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


# --- panels -----------------------------------------------------------------------------------------------------------


def test_engine_speed_is_scaled_to_the_limit_of_the_moment_else_of_the_car_else_to_the_highest_seen() -> None:
    history = History()
    history.highest_rpm = 4000
    assert rpm_limit(a_sample(max_rpm=7500, current_max_rpm=6000), history) == (6000, True)
    assert rpm_limit(a_sample(max_rpm=7500), history) == (7500, True)
    assert rpm_limit(a_sample(rpm=3000), history) == (4000, False)


def test_the_shift_zone_is_marked_in_any_case_and_lit_when_reached() -> None:
    limit = 1000
    assert text_of([rpm_bar(a_sample(rpm=500, max_rpm=limit), History(), 25)]) == "▇" * 12 + "─" * 11 + "━" * 2
    low = rpm_bar(a_sample(rpm=int(SHIFT_ZONE * limit) - 1, max_rpm=limit), History(), 25)
    high = rpm_bar(a_sample(rpm=int(SHIFT_ZONE * limit), max_rpm=limit), History(), 25)
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
    assert text_of([pad_or_crop(line, 76) for line in wheel_lines(sample, 76)]).splitlines() == [
        "   slip           1=peak ratio load N   psi  core  brake   worn             ",
        "FL ━━━━───┃───────  0.50  0.02   3456  26.5    85°     0°  ╸─────  12 %     ",
        "FR ━━━━━━━┃━━━━━━━  9.50  1.00   3456  26.5    85°     0°  ━━━━━─  85 % LOCK",
        f"RL ━━━━━━━┃━━━━━━━  >1e4     {DASH}   3456  26.5    85°     0°  ━━━━━━  99 %     ",
        f"RR ───────┃───────     {DASH}     {DASH}   3456  26.5    85°     0°  ──────   {DASH} %     ",
    ]


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


def test_the_recorder_panel_tells_file_rates_and_faults() -> None:
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


def test_without_an_output_the_view_says_that_nothing_is_recorded() -> None:
    assert "not recording" in picture(a_lap())
    assert "lap.jsonl" in picture(a_lap(), output="lap.jsonl")


def test_the_measured_rate_is_that_of_the_last_moments_not_of_a_run_with_pauses() -> None:
    history = History()
    stats = RecordingStats(state=State.LIVE, first=0.0)
    for moment in range(60):
        stats.latest, stats.samples = 1000.0 + moment / 10.0, 500 + moment * 10
        history.add(a_sample(elapsed=stats.latest), stats)
    assert history.rate() == pytest.approx(100.0)
    assert stats.rate == pytest.approx(1089 / 1005.9)


def test_history_starts_anew_when_time_runs_backwards() -> None:
    history = History()
    for elapsed in (1.0, 2.0, 0.5):
        history.add(a_sample(elapsed=elapsed), RecordingStats())
    assert list(history.elapsed) == [0.5]


# --- the whole picture ------------------------------------------------------------------------------------------------


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


def test_120_by_40_uses_the_room_for_charts_treads_and_conditions() -> None:
    shown = picture(a_lap(), width=120, height=40)
    for text in ("inner  mid  outer", "gas", "km/h", "fuel", "road", "wind", "grip", "bias", "clutch", "██████"):
        assert text in shown


@pytest.mark.parametrize("state", [State.WAITING, State.LOADING, State.GONE])
def test_without_a_car_there_is_a_calm_message_in_the_middle(state: State) -> None:
    shown = picture(a_lap(), RecordingStats(state=state, message="Waiting for the game."))
    lines = [line.strip() for line in shown.splitlines()]
    assert [line for line in lines if line] == [f"● {state.upper()}", "Waiting for the game."]
    assert lines.index(f"● {state.upper()}") == 10


@pytest.mark.parametrize("state", [State.PAUSED, State.MENU, State.REPLAY, State.STALLED, State.ENDED])
def test_values_that_are_not_of_now_are_dimmed_under_a_badge_and_its_message(state: State) -> None:
    scene = ViewState(a_lap(), RecordingStats(state=state, message="The car stands still in time."), History())
    header, *panels = frame(scene, 80, 24)
    assert text_of([header]).startswith(f" ● {state.upper()}   The car stands still in time.")
    styles = {segment.style for line in panels for segment in line if segment.text.strip()}
    assert all(style is not None and style.dim and style.color is None for style in styles)


@pytest.mark.parametrize(("width", "height"), SIZES)
@pytest.mark.parametrize("state", list(State))
def test_the_picture_has_the_size_of_the_terminal(width: int, height: int, state: State) -> None:
    stats = RecordingStats(state=state, message="A sentence on how things are, long enough to be wrapped.", samples=5)
    for sample in (a_lap(), None):
        lines = frame(ViewState(sample, stats, History(), "lap.jsonl"), width, height)
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
def test_no_page_however_broken_breaks_the_picture(noise: list[Pages], elapsed: float, size: tuple[int, int]) -> None:
    width, height = size
    stats = RecordingStats(state=State.LIVE, samples=3)
    history = History()
    before: Sample | None = None
    for pages in noise:
        before = derive(decode(pages, elapsed=elapsed), before)
        history.add(before, stats)
        lines = frame(ViewState(before, stats, history, "x"), width, height)
        assert [cell_len(text_of([line])) for line in lines] == [width] * height
        assert all(segment.text.isprintable() for line in lines for segment in line)
        assert to_ascii(plain_line(before, stats)).isascii()


# --- on a terminal ----------------------------------------------------------------------------------------------------

ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def test_the_terminal_is_given_back_at_the_end() -> None:
    console, raw = a_terminal()
    with View(console) as view:
        view.on_reading(a_lap(), RecordingStats(state=State.LIVE))
    written = raw.getvalue().decode()
    assert written.startswith(ENTER)
    assert HIDE in written
    assert "ks_mazda_mx5_cup" in written
    assert written.endswith(SHOW + LEAVE)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_terminal_is_given_back_after_an_exception_too(error: type[BaseException]) -> None:
    console, raw = a_terminal()
    with pytest.raises(error), View(console):
        raise error
    assert raw.getvalue().decode().endswith(SHOW + LEAVE)


def test_the_view_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    with View(a_terminal()[0]):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_the_newest_moment_is_drawn_even_when_the_view_ends_at_once() -> None:
    console, raw = a_terminal()
    with View(console) as view:
        for elapsed in range(100):
            view.on_reading(a_sample(car_model=f"car{elapsed}"), RecordingStats(state=State.LIVE))
    assert "car99" in raw.getvalue().decode()


def test_what_did_not_change_is_not_drawn_again() -> None:
    console, raw = a_terminal()
    screen = _Screen(console)
    sample, stats = a_lap(), RecordingStats(state=State.LIVE)
    screen.draw(sample, stats, None)
    once = len(raw.getvalue())
    screen.draw(sample, stats, None)
    assert len(raw.getvalue()) == once
    screen.draw(a_lap(), stats, None)  # another sample of the same values
    assert len(raw.getvalue()) == once


def test_only_the_lines_that_changed_are_written() -> None:
    console, raw = a_terminal()
    screen = _Screen(console)
    screen.draw(a_lap(), RecordingStats(state=State.LIVE), None)
    once = len(raw.getvalue())
    screen.draw(a_lap().replace(gas=0.5), RecordingStats(state=State.LIVE), None)
    (move,) = re.findall(r"\x1b\[(\d+);1H", raw.getvalue()[once:].decode())
    assert move == "5"


def test_another_size_of_the_terminal_is_drawn_from_scratch() -> None:
    console, raw = a_terminal()
    screen = _Screen(console)
    screen.draw(a_lap(), RecordingStats(state=State.LIVE), None)
    once = len(raw.getvalue())
    console.size = ConsoleDimensions(120, 40)
    screen.draw(a_lap(), RecordingStats(state=State.LIVE), None)
    written = raw.getvalue()[once:].decode()
    assert written.startswith("\x1b[2J")
    assert len(re.findall(r"\x1b\[\d+;1H", written)) == 40


def test_a_console_that_cannot_show_more_than_ascii_gets_ascii() -> None:
    console, raw = a_terminal(encoding="cp1252")
    with View(console, output="möwe.jsonl") as view:
        view.on_reading(a_lap(), RecordingStats(state=State.LIVE))
    written = raw.getvalue().decode("cp1252")
    assert written.isascii()
    assert "m?we.jsonl" in written
    assert "+- " in written


def test_without_colours_flags_still_stand_out() -> None:
    console, raw = a_terminal(no_color=True)
    with View(console) as view:
        view.on_reading(a_sample(is_lap_valid=False), RecordingStats(state=State.LIVE))
    written = raw.getvalue().decode()
    assert not re.search(r"\x1b\[[0-9;]*\b3[0-7]m", written)
    assert "\x1b[1;7m LAP INVALID " in written


def test_a_terminal_that_has_gone_away_ends_the_view_and_nothing_else() -> None:
    class Gone(io.StringIO):
        gone = False

        def write(self, text: str) -> int:
            if self.gone:
                raise OSError(5, "Input/output error")
            return super().write(text)

    file = Gone()
    with View(Console(file=file, force_terminal=True, _environ={"TERM": "xterm"})) as view:
        file.gone = True
        view.on_reading(a_lap(), RecordingStats(state=State.LIVE))


def test_a_mistake_in_drawing_is_raised_where_the_view_ends_and_not_swallowed() -> None:
    console, raw = a_terminal()
    with pytest.raises(AttributeError), View(console) as view:
        view.on_reading("no sample", RecordingStats(state=State.LIVE))  # type: ignore[arg-type]
    assert raw.getvalue().decode().endswith(SHOW + LEAVE)


# --- without one ------------------------------------------------------------------------------------------------------


def test_a_pipe_gets_plain_lines_and_no_control_codes() -> None:
    console, raw = a_pipe("cp1252")
    with View(console) as view:
        view.on_reading(a_lap().replace(is_lap_valid=False), RecordingStats(state=State.LIVE, samples=12))
    assert raw.getvalue().decode("cp1252") == (
        "    12.0 s  live     lap 2  S1   1:23.456   187 km/h  4   6512 rpm  gas 100  brake   0  12 samples  "
        "lap invalid\n"
    )


def test_a_dumb_terminal_gets_plain_lines_too() -> None:
    raw = io.StringIO()
    console = Console(file=raw, force_terminal=True, _environ={"TERM": "dumb"})
    with View(console) as view:
        view.on_reading(None, RecordingStats(message="Waiting for the game."))
    assert raw.getvalue() == "waiting  Waiting for the game.\n"


def test_plain_lines_come_once_a_second_and_at_once_when_the_state_changes() -> None:
    console, raw = a_pipe()
    now = 0.0
    lines = _Lines(console, clock=lambda: now)
    stats = RecordingStats(state=State.LIVE)
    counts: list[int] = []
    for moment, state in (
        (0.0, State.LIVE),
        (0.9, State.LIVE),
        (1.0, State.LIVE),
        (1.1, State.PAUSED),
        (9.0, State.PAUSED),
        (9.1, State.LIVE),
    ):
        now, stats.state = moment, state
        lines.draw(a_lap(), stats, None)
        counts.append(raw.getvalue().count(b"\n"))
    assert counts == [1, 1, 2, 3, 3, 4]


def test_a_message_is_told_once_and_again_when_it_changes() -> None:
    console, raw = a_pipe()
    lines = _Lines(console, clock=lambda: 0.0)
    stats = RecordingStats(state=State.WAITING, message="Waiting.")
    for _ in range(3):
        lines.draw(None, stats, None)
    stats.state, stats.message = State.GONE, "The game has left."
    lines.draw(a_lap(), stats, None)
    assert raw.getvalue() == b"waiting  Waiting.\ngone     The game has left.\n"


def test_a_live_state_is_told_with_its_first_sample_and_not_before() -> None:
    console, raw = a_pipe()
    with View(console) as view:
        view.on_reading(None, RecordingStats(state=State.LIVE))
    assert raw.getvalue() == b""


def test_a_long_plain_line_is_not_broken() -> None:
    console, raw = a_pipe()
    with View(console) as view:
        view.on_reading(None, RecordingStats(message="word " * 60))
    assert raw.getvalue().count(b"\n") == 1
