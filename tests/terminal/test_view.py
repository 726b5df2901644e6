"""The view on a terminal, in a pipe and in a file."""

import io
import math
import re
import sys
import threading

import pytest
from rich.console import Console, ConsoleDimensions

from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.laps.lap_reference import LapReference, ReferenceSegment
from telemetry.recording.game_state import State
from telemetry.recording.stats import RecordingStats
from telemetry.terminal import View
from telemetry.terminal.plain_lines import PlainLines
from telemetry.terminal.screen import Screen
from tests.conftest import main_in_process
from tests.terminal.pictures import a_lap, a_pipe, a_sample, a_terminal

NAN = math.nan
INF = math.inf


ENTER, LEAVE = "\x1b[?1049h", "\x1b[?1049l"
HIDE, SHOW = "\x1b[?25l", "\x1b[?25h"


def test_the_terminal_is_restored_at_the_end() -> None:
    console, raw = a_terminal()
    with View(console) as view:
        view.on_reading(a_lap(), RecordingStats(state=State.LIVE))
    written = raw.getvalue().decode()
    assert written.startswith(ENTER)
    assert HIDE in written
    assert "ks_mazda_mx5_cup" in written
    assert written.endswith(SHOW + LEAVE)


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_the_terminal_is_restored_after_an_exception_too(error: type[BaseException]) -> None:
    console, raw = a_terminal()
    with pytest.raises(error), View(console):
        raise error
    assert raw.getvalue().decode().endswith(SHOW + LEAVE)


def test_the_view_leaves_no_thread_behind() -> None:
    before = threading.active_count()
    with View(a_terminal()[0]):
        assert threading.active_count() == before + 1
    assert threading.active_count() == before


def test_the_newest_sample_is_drawn_even_when_the_view_ends_at_once() -> None:
    console, raw = a_terminal()
    with View(console) as view:
        for elapsed in range(100):
            view.on_reading(a_sample(car_model=f"car{elapsed}"), RecordingStats(state=State.LIVE))
    assert "car99" in raw.getvalue().decode()


def test_lines_that_did_not_change_are_not_drawn_again() -> None:
    console, raw = a_terminal()
    screen = Screen(console)
    sample, stats = a_lap(), RecordingStats(state=State.LIVE)
    screen.draw(sample, stats)
    once = len(raw.getvalue())
    screen.draw(sample, stats)
    assert len(raw.getvalue()) == once
    screen.draw(a_lap(), stats)  # another sample of the same values
    assert len(raw.getvalue()) == once


def test_only_the_lines_that_changed_are_written() -> None:
    console, raw = a_terminal()
    screen = Screen(console)
    screen.draw(a_lap(), RecordingStats(state=State.LIVE))
    once = len(raw.getvalue())
    screen.draw(a_lap().replace(gas=0.5), RecordingStats(state=State.LIVE))
    (move,) = re.findall(r"\x1b\[(\d+);1H", raw.getvalue()[once:].decode())
    assert move == "5"


def test_another_size_of_the_terminal_is_drawn_from_scratch() -> None:
    console, raw = a_terminal()
    screen = Screen(console)
    screen.draw(a_lap(), RecordingStats(state=State.LIVE))
    once = len(raw.getvalue())
    console.size = ConsoleDimensions(120, 40)
    screen.draw(a_lap(), RecordingStats(state=State.LIVE))
    written = raw.getvalue()[once:].decode()
    assert written.startswith("\x1b[2J")
    assert len(re.findall(r"\x1b\[\d+;1H", written)) == 40


def test_the_view_colours_wear_by_the_thresholds_that_it_was_given() -> None:
    yellow, green = "\x1b[33m", "\x1b[32m"
    for thresholds, colour in ((DEFAULTS, green), (Thresholds(tyre_damaged=0.7), yellow)):
        console, raw = a_terminal()
        with View(console, thresholds=thresholds) as view:
            view.on_reading(a_lap().replace(tyre_worn=(0.75,) * 4), RecordingStats(state=State.LIVE))
        assert raw.getvalue().decode().count(f"{colour}  75 % ") == 4


@pytest.mark.skipif(sys.platform == "win32", reason="the old Windows console draws by other means than control codes")
@pytest.mark.parametrize(("threshold", "worn_colours"), [("0.001", {"33"}), ("0.9", {"32"})])
def test_read_colours_wear_by_the_threshold_of_the_command_line(threshold: str, worn_colours: set[str]) -> None:
    terminal = {"FORCE_COLOR": "1", "TERM": "xterm-256color", "COLUMNS": "80", "LINES": "24"}
    arguments = ("--source", "demo:worn", "--speed", "max", "--samples", "200", "--tyre-damaged", threshold)
    result = main_in_process("read", *arguments, cwd=None, **terminal)
    assert set(re.findall(r"\x1b\[(3\d)m +[1-9]\d* % ", result.stdout)) == worn_colours


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
    lines = PlainLines(console.file, clock=lambda: now)
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
        lines.draw(a_lap(), stats)
        counts.append(raw.getvalue().count(b"\n"))
    assert counts == [1, 1, 2, 3, 3, 4]


def test_a_message_is_written_once_and_again_when_it_changes() -> None:
    console, raw = a_pipe()
    lines = PlainLines(console.file, clock=lambda: 0.0)
    stats = RecordingStats(state=State.WAITING, message="Waiting.")
    for _ in range(3):
        lines.draw(None, stats)
    stats.state, stats.message = State.GONE, "The game has left."
    lines.draw(a_lap(), stats)
    assert raw.getvalue() == b"waiting  Waiting.\ngone     The game has left.\n"


def test_a_live_state_is_written_with_its_first_sample_and_not_before() -> None:
    console, raw = a_pipe()
    with View(console) as view:
        view.on_reading(None, RecordingStats(state=State.LIVE))
    assert raw.getvalue() == b""


def test_a_long_plain_line_is_not_broken() -> None:
    console, raw = a_pipe()
    with View(console) as view:
        view.on_reading(None, RecordingStats(message="word " * 60))
    assert raw.getvalue().count(b"\n") == 1


REFERENCE = LapReference(
    name="lap 2 of friend.ld",
    car_and_track=CarAndTrack("ks_mazda_mx5_cup", "ks_nordschleife", "tourist"),
    time_ms=100_000,
    line_position=0.0,
    fraction=(0.0, 1.0),
    times_ms=(0.0, 100_000.0),
    is_gap=(False,),
    segments=(ReferenceSegment("T1", 1, 0.0, 0.5), ReferenceSegment("T2 Karussell", 2, 0.5, 1.0)),
)


@pytest.mark.parametrize("width", [80, 120])
def test_the_delta_to_a_reference_and_what_the_last_corner_brought_are_drawn(width: int) -> None:
    console, raw = a_terminal()
    console.size = ConsoleDimensions(width, 40)
    with View(console, find_reference=lambda _: REFERENCE) as view:
        for share in range(60):
            place = share / 100.0
            sample = a_lap().replace(elapsed=place, normalized_position=place, current_time=int(101_000 * place))
            view.on_reading(sample, RecordingStats(state=State.LIVE))
    drawn = re.sub("\x1b[^A-Za-z]*[A-Za-z]", "", raw.getvalue().decode())
    assert "lap, delta to 1:40.000" in drawn
    assert ("lap 2 of friend.ld" in drawn) == (width == 120)
    assert "+0.590" in drawn
    assert "T1 +0.50" in drawn


def test_without_a_reference_for_this_track_the_panel_says_so() -> None:
    console, raw = a_terminal()
    with View(console, find_reference=lambda _: None) as view:
        view.on_reading(a_lap().replace(performance_meter=-0.25), RecordingStats(state=State.LIVE))
    drawn = raw.getvalue().decode()
    assert "lap, no reference" in drawn
    assert "-0.250" in drawn


def test_a_line_of_text_has_the_delta_too() -> None:
    console, raw = a_pipe()
    with View(console, find_reference=lambda _: REFERENCE) as view:
        for share in range(60):
            place = share / 100.0
            sample = a_lap().replace(normalized_position=place, current_time=int(99_000 * place))
            view.on_reading(sample, RecordingStats(state=State.LIVE))
    assert re.search(r"  delta (-0\.590  T1 -0\.50|-)  ", raw.getvalue().decode())
