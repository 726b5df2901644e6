"""The complete picture: which panels there is room for, and where they go."""

import textwrap
from collections.abc import Sequence
from typing import Final

from rich.segment import Segment

from telemetry.base.text import format_duration
from telemetry.fields.derived import Sample
from telemetry.recording.game_state import State
from telemetry.terminal.draw import LABEL, LIT, PLAIN, TITLE, VALUE, Line, justify, line_width, pad_or_crop, to_cells
from telemetry.terminal.panels.car import big_car_lines, car_lines
from telemetry.terminal.panels.lap import big_lap_lines, lap_lines, lap_title
from telemetry.terminal.panels.recorder import chart_lines, chart_title, recorder_lines
from telemetry.terminal.panels.status import condition_line, condition_lines, damage_lines, flag_lines
from telemetry.terminal.panels.view_state import CURRENT_STATES, STATES_WITHOUT_CAR, ViewState
from telemetry.terminal.panels.wheels import wheel_lines, wheels_title

STATE_COLOURS: Final = {State.LIVE: "green", State.REPLAY: "blue", State.STALLED: "red", State.GONE: "red"}
"""Colours of the badges of states; all other badges are yellow."""

MIN_FRAMED_HEIGHT: Final = 23
"""Lines below the header that the panels need to have frames."""

MIN_TWO_COLUMN_WIDTH: Final = 72
"""Cells that two panels side by side need."""

MIN_THREE_COLUMN_WIDTH: Final = 112
"""Cells that damage, flags and conditions side by side need."""


def render(view: ViewState, width: int, height: int) -> list[Line]:
    """The complete picture: exactly ``height`` lines of exactly ``width`` cells, for any values."""
    sample = view.sample
    if sample is None or view.stats.state in STATES_WITHOUT_CAR:
        lines = render_message(view, width, height)
    else:
        lines = render_live(view, sample, width, height)
    lines += [[] for _ in range(height - len(lines))]
    return [pad_or_crop(line, width) for line in lines[:height]]


def render_message(view: ViewState, width: int, height: int) -> list[Line]:
    """The state and its message in the middle, where there is no car to show."""
    stats = view.stats
    badge = state_badge(stats.state)
    paragraphs = to_cells(stats.message.replace("\n", " "))
    texts = textwrap.wrap(paragraphs, max(min(width - 4, 60), 1))
    middle: list[Line] = [[badge], [], *([Segment(text, PLAIN)] for text in texts)]
    foot = panel("recorder", recorder_lines(view, width - 4), width) if stats.count else []
    top = max((height - len(foot) - len(middle)) // 2, 0)
    lines: list[Line] = [[] for _ in range(top)]
    lines += [[Segment(" " * max((width - line_width(line)) // 2, 0), PLAIN), *line] for line in middle]
    lines += [[] for _ in range(height - len(foot) - len(lines))]
    return lines + foot


def render_live(view: ViewState, sample: Sample, width: int, height: int) -> list[Line]:
    """The panels, as many and as large as there is room for; what does not fit is left out at the bottom."""
    panels = _panels(view, sample, width, height - 1)
    if view.stats.state not in CURRENT_STATES:
        panels = [[Segment(segment.text, LABEL) for segment in line] for line in panels]
    return [header(view, sample, width), *panels]


def _panels(view: ViewState, sample: Sample, width: int, height: int) -> list[Line]:
    if height < MIN_FRAMED_HEIGHT:
        return _unframed_panels(view, sample, width)
    if width < MIN_TWO_COLUMN_WIDTH:
        return _stacked_panels(view, sample, width)
    spare = height - MIN_FRAMED_HEIGHT
    has_three_columns = width >= MIN_THREE_COLUMN_WIDTH
    has_big_digits = spare >= 9 and width >= 104
    if has_big_digits:
        spare -= 4
    has_conditions_line = not has_three_columns and spare >= 3
    if has_conditions_line:
        spare -= 3

    left = (width - 4 if has_big_digits else width) // 2
    right = width - left
    if has_big_digits:
        car, lap = big_car_lines(view, sample, left - 4), big_lap_lines(sample, right - 4, view.follower)
    else:
        car, lap = car_lines(view, sample, left - 4), lap_lines(sample, right - 4, view.follower)
    lines = side_by_side(panel("car", car, left), panel(lap_title(view.follower, right), lap, right))
    lines += panel(wheels_title(sample), wheel_lines(sample, view.thresholds, width - 4), width)
    if spare >= 5:
        lines += panel(chart_title(view.history, width), chart_lines(view.history, width - 4, spare - 2), width)
    lines += _status_panels(view, sample, width, three_columns=has_three_columns)
    if has_conditions_line:
        lines += panel("conditions", [condition_line(sample, width - 4)], width)
    return lines + panel("recorder", recorder_lines(view, width - 4), width)


def _status_panels(view: ViewState, sample: Sample, width: int, *, three_columns: bool) -> list[Line]:
    damage = 34 if three_columns else 32 + (width - 80) // 2 if width > 80 else 32
    flags = 46 if three_columns else width - damage
    lines = side_by_side(
        panel("damage %", damage_lines(sample, view.thresholds, damage - 4), damage),
        panel("flags", flag_lines(sample, flags - 4), flags),
    )
    if three_columns:
        rest = width - damage - flags
        lines = side_by_side(lines, panel("conditions", condition_lines(sample, rest - 4), rest))
    return lines


def _stacked_panels(view: ViewState, sample: Sample, width: int) -> list[Line]:
    """The panels below each other, for terminals too narrow for two of them side by side."""
    inner = width - 4
    return [
        *panel("car", car_lines(view, sample, inner), width),
        *panel(lap_title(view.follower, width), lap_lines(sample, inner, view.follower), width),
        *panel(wheels_title(sample), wheel_lines(sample, view.thresholds, inner), width),
        *panel("flags", flag_lines(sample, inner), width),
        *panel("recorder", recorder_lines(view, inner), width),
        *panel("damage %", damage_lines(sample, view.thresholds, inner), width),
    ]


def _unframed_panels(view: ViewState, sample: Sample, width: int) -> list[Line]:
    """The lines without frames, the most important first, for terminals with few lines."""
    if width < MIN_TWO_COLUMN_WIDTH:
        return [
            *car_lines(view, sample, width),
            *lap_lines(sample, width, view.follower),
            *wheel_lines(sample, view.thresholds, width),
            *flag_lines(sample, width),
            *recorder_lines(view, width),
            *damage_lines(sample, view.thresholds, width),
        ]
    half = (width - 7) // 2
    gap: Line = [Segment("   ", PLAIN)]
    upper = zip(car_lines(view, sample, half), lap_lines(sample, half, view.follower), strict=True)
    lower = zip(damage_lines(sample, view.thresholds, 28), flag_lines(sample, width - 35), strict=True)
    lines = [
        *([*pad_or_crop(car, half), *gap, *lap] for car, lap in upper),
        *wheel_lines(sample, view.thresholds, width - 4),
        *([*pad_or_crop(damage, 28), *gap, *flags] for damage, flags in lower),
        *recorder_lines(view, width - 4),
    ]
    return [[Segment("  ", PLAIN), *line] for line in lines]


def panel(title: str, lines: Sequence[Line], width: int) -> list[Line]:
    """The lines in a box with a title."""
    name = pad_or_crop([Segment(title, TITLE)], min(line_width([Segment(title)]), width - 6))
    top = [Segment("╭─ ", LABEL), *name, Segment(f" {'─' * (width - 5 - line_width(name))}╮", LABEL)]
    left, right = Segment("│ ", LABEL), Segment(" │", LABEL)
    bottom = [Segment(f"╰{'─' * (width - 2)}╯", LABEL)]
    return [top, *([left, *pad_or_crop(line, width - 4), right] for line in lines), bottom]


def side_by_side(left: list[Line], right: list[Line]) -> list[Line]:
    """Two blocks of the same height beside each other."""
    return [[*left_line, *right_line] for left_line, right_line in zip(left, right, strict=True)]


def state_badge(state: State) -> Segment:
    """The state as a coloured badge."""
    return Segment(f" ● {state.upper()} ", LIT[STATE_COLOURS.get(state, "yellow")])


def header(view: ViewState, sample: Sample, width: int) -> Line:
    """State, car and track, and at the right the session and the time that is left of it."""
    track = to_cells(sample.track)
    if sample.track_configuration:
        track += f" / {to_cells(sample.track_configuration)}"
    dot = Segment(" · ", LABEL)
    left: Line = [state_badge(view.stats.state), Segment("  ", PLAIN)]
    if view.stats.message:
        left += [Segment(to_cells(view.stats.message), VALUE), dot]
    left += [Segment(to_cells(sample.car_model) or "no car", VALUE), dot, Segment(track or "no track", PLAIN)]
    right: Line = [Segment("  ", PLAIN), Segment(sample.session_name.replace("_", " "), TITLE), Segment(" ", PLAIN)]
    if session_left := format_duration(sample.session_time_left / 1000.0):
        right += [Segment(f" {session_left}", VALUE), Segment(" left ", LABEL)]
    return justify(left, right, width)
