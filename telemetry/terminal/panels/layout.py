"""The whole picture: which panels there is room for, and where they go."""

import textwrap
from collections.abc import Sequence
from typing import Final

from rich.segment import Segment

from telemetry.base.text import format_duration, sanitize
from telemetry.fields.derived import Sample
from telemetry.recording.game_state import State
from telemetry.terminal.draw import LABEL, LIT, PLAIN, TITLE, VALUE, Line, justify, length_of, pad_or_crop
from telemetry.terminal.panels.car import big_car_lines, car_lines
from telemetry.terminal.panels.lap import big_lap_lines, lap_lines
from telemetry.terminal.panels.recorder import recorder_lines, trace_lines, trace_title
from telemetry.terminal.panels.status import condition_line, condition_lines, damage_lines, flag_lines
from telemetry.terminal.panels.view_state import CURRENT_STATES, EMPTY_STATES, ViewState
from telemetry.terminal.panels.wheels import wheel_lines, wheels_title

STATE_COLOURS: Final = {State.LIVE: "green", State.REPLAY: "blue", State.STALLED: "red", State.GONE: "red"}
"""How the badge of a state is coloured; all others are yellow."""

BASE_HEIGHT: Final = 23
"""Lines that the panels take below the header, in their smallest frames."""

ABREAST_WIDTH: Final = 72
"""From here on two panels stand beside each other."""

ROOMY_WIDTH: Final = 112
"""From here on the conditions stand beside damage and flags."""


def frame(scene: ViewState, width: int, height: int) -> list[Line]:
    """The picture: exactly ``height`` lines of exactly ``width`` cells, whatever the values are."""
    sample = scene.sample
    if sample is None or scene.stats.state in EMPTY_STATES:
        lines = message_frame(scene, width, height)
    else:
        lines = live_frame(scene, sample, width, height)
    lines += [[] for _ in range(height - len(lines))]
    return [pad_or_crop(line, width) for line in lines[:height]]


def message_frame(scene: ViewState, width: int, height: int) -> list[Line]:
    """The state and its message in the middle, for when there is no car to show."""
    stats = scene.stats
    badge = state_badge(stats.state)
    paragraphs = sanitize(stats.message.replace("\n", " "))
    texts = textwrap.wrap(paragraphs, max(min(width - 4, 60), 1))
    middle: list[Line] = [[badge], [], *([Segment(text, PLAIN)] for text in texts)]
    foot = panel("recorder", recorder_lines(scene, width - 4), width) if stats.count else []
    top = max((height - len(foot) - len(middle)) // 2, 0)
    lines: list[Line] = [[] for _ in range(top)]
    lines += [[Segment(" " * max((width - length_of(line)) // 2, 0), PLAIN), *line] for line in middle]
    lines += [[] for _ in range(height - len(foot) - len(lines))]
    return lines + foot


def live_frame(scene: ViewState, sample: Sample, width: int, height: int) -> list[Line]:
    """The panels, as many and as large as there is room for; what does not fit is missing at the bottom."""
    panels = _panels(scene, sample, width, height - 1)
    if scene.stats.state not in CURRENT_STATES:
        panels = [[Segment(segment.text, LABEL) for segment in line] for line in panels]
    return [header(scene, sample, width), *panels]


def _panels(scene: ViewState, sample: Sample, width: int, height: int) -> list[Line]:
    if height < BASE_HEIGHT:
        return _bare_panels(scene, sample, width)
    if width < ABREAST_WIDTH:
        return _stacked_panels(scene, sample, width)
    spare = height - BASE_HEIGHT
    roomy = width >= ROOMY_WIDTH
    tall = spare >= 9 and width >= 104
    if tall:
        spare -= 4
    conditions = not roomy and spare >= 3
    if conditions:
        spare -= 3

    left = (width - 4 if tall else width) // 2
    right = width - left
    if tall:
        car, lap = big_car_lines(scene, sample, left - 4), big_lap_lines(sample, right - 4)
    else:
        car, lap = car_lines(scene, sample, left - 4), lap_lines(sample, right - 4)
    lines = beside(panel("car", car, left), panel("lap", lap, right))
    lines += panel(wheels_title(sample), wheel_lines(sample, width - 4), width)
    if spare >= 5:
        lines += panel(trace_title(scene.history, width), trace_lines(scene.history, width - 4, spare - 2), width)
    lines += _status_panels(sample, width, roomy=roomy)
    if conditions:
        lines += panel("conditions", [condition_line(sample, width - 4)], width)
    return lines + panel("recorder", recorder_lines(scene, width - 4), width)


def _status_panels(sample: Sample, width: int, *, roomy: bool) -> list[Line]:
    damage = 34 if roomy else 32 + (width - 80) // 2 if width > 80 else 32
    flags = 46 if roomy else width - damage
    lines = beside(
        panel("damage %", damage_lines(sample, damage - 4), damage),
        panel("flags", flag_lines(sample, flags - 4), flags),
    )
    if roomy:
        rest = width - damage - flags
        lines = beside(lines, panel("conditions", condition_lines(sample, rest - 4), rest))
    return lines


def _stacked_panels(scene: ViewState, sample: Sample, width: int) -> list[Line]:
    """For terminals too narrow for two panels abreast, the panels one below the other."""
    inner = width - 4
    return [
        *panel("car", car_lines(scene, sample, inner), width),
        *panel("lap", lap_lines(sample, inner), width),
        *panel(wheels_title(sample), wheel_lines(sample, inner), width),
        *panel("flags", flag_lines(sample, inner), width),
        *panel("recorder", recorder_lines(scene, inner), width),
        *panel("damage %", damage_lines(sample, inner), width),
    ]


def _bare_panels(scene: ViewState, sample: Sample, width: int) -> list[Line]:
    """For terminals too low for frames, the lines alone, the most wanted first."""
    if width < ABREAST_WIDTH:
        return [
            *car_lines(scene, sample, width),
            *lap_lines(sample, width),
            *wheel_lines(sample, width),
            *flag_lines(sample, width),
            *recorder_lines(scene, width),
            *damage_lines(sample, width),
        ]
    half = (width - 7) // 2
    gap: Line = [Segment("   ", PLAIN)]
    top = zip(car_lines(scene, sample, half), lap_lines(sample, half), strict=True)
    low = zip(damage_lines(sample, 28), flag_lines(sample, width - 35), strict=True)
    lines = [
        *([*pad_or_crop(car, half), *gap, *lap] for car, lap in top),
        *wheel_lines(sample, width - 4),
        *([*pad_or_crop(damage, 28), *gap, *flags] for damage, flags in low),
        *recorder_lines(scene, width - 4),
    ]
    return [[Segment("  ", PLAIN), *line] for line in lines]


def panel(title: str, lines: Sequence[Line], width: int) -> list[Line]:
    """The lines in a box with a title."""
    name = pad_or_crop([Segment(title, TITLE)], min(length_of([Segment(title)]), width - 6))
    top = [Segment("╭─ ", LABEL), *name, Segment(f" {'─' * (width - 5 - length_of(name))}╮", LABEL)]
    left, right = Segment("│ ", LABEL), Segment(" │", LABEL)
    bottom = [Segment(f"╰{'─' * (width - 2)}╯", LABEL)]
    return [top, *([left, *pad_or_crop(line, width - 4), right] for line in lines), bottom]


def beside(left: list[Line], right: list[Line]) -> list[Line]:
    """Two blocks of the same height, one at the right of the other."""
    return [[*one, *other] for one, other in zip(left, right, strict=True)]


def state_badge(state: State) -> Segment:
    """The state as a lit sign."""
    return Segment(f" ● {state.upper()} ", LIT[STATE_COLOURS.get(state, "yellow")])


def header(scene: ViewState, sample: Sample, width: int) -> Line:
    """State, car and track, and at the right the session and what time of it is left."""
    track = sanitize(sample.track)
    if sample.track_configuration:
        track += f" / {sanitize(sample.track_configuration)}"
    dot = Segment(" · ", LABEL)
    left: Line = [state_badge(scene.stats.state), Segment("  ", PLAIN)]
    if scene.stats.message:
        left += [Segment(sanitize(scene.stats.message), VALUE), dot]
    left += [Segment(sanitize(sample.car_model) or "no car", VALUE), dot, Segment(track or "no track", PLAIN)]
    right: Line = [Segment("  ", PLAIN), Segment(sample.session_name.replace("_", " "), TITLE), Segment(" ", PLAIN)]
    if session_left := format_duration(sample.session_time_left / 1000.0):
        right += [Segment(f" {session_left}", VALUE), Segment(" left ", LABEL)]
    return justify(left, right, width)
