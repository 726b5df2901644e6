"""Copying the steps of a recording with their pages as they are, and what happened between them."""

from collections.abc import Callable
from typing import Final

from telemetry.base.clock import Clock
from telemetry.laps.choice import SampleRanges
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, PageSink, Source, Step

_ROUNDING_S: Final = 1e-6

_RECREATED_EVENTS: Final = ("gap", "repaired")
"""Events that a page sink writes itself, from what each step says."""

_STATES_OF_PAGES: Final = (State.LIVE, State.MENU, State.PAUSED, State.REPLAY)
"""States that a page sink finds in the steps themselves."""


def copy_steps(
    recording: Source, ranges: SampleRanges, sink: PageSink, *, clock: Clock, watch: Callable[[float], None]
) -> tuple[int, float]:
    """Write the wanted steps and events; returns the number of steps, and the seconds from the first to the last.

    ``watch`` is told the time of each step that is read, in seconds.
    """
    events = recording.events()
    event = next(events, None)
    count, first, last = 0, 0.0, 0.0
    number = 0
    latest: Step | None = None  # the step before, if it was wanted
    for step in recording.steps(clock):
        if step.pages is None:
            continue
        while event is not None and _is_before(event, step):
            if latest is not None or not number:
                _copy_event(event, latest, sink)
            event = next(events, None)
        watch(step.elapsed)
        is_continued = latest is not None
        latest = None
        if ranges.contain(number, step.elapsed):
            latest, last = step, step.elapsed
            first = first if count else last
            count += 1
            # A gap before the first step of a range belongs to what was left out.
            sink.write(step if is_continued or not number else step._replace(missing=0))
        number += 1
    while event is not None and latest is not None and not clock.stopped:
        _copy_event(event, latest, sink)
        event = next(events, None)
    return count, last - first


def _copy_event(event: Event, latest: Step | None, sink: PageSink) -> None:
    """Forward an event, unless the sink writes it by itself."""
    if event.kind in _RECREATED_EVENTS:
        return
    if event.kind == "clock" and latest is not None and _is_at(event, latest):
        return  # the sink has found it in the step itself
    if event.kind != "state":
        sink.add_event(event)
        return
    state = event.values.get("state")
    if latest is None or latest.pages is None or state not in set(State) - set(_STATES_OF_PAGES):
        return
    if event.elapsed is not None:
        sink.write(Step(State(state), elapsed=max(event.elapsed, latest.elapsed), timestamp=event.timestamp))
    else:
        seconds = max(event.timestamp - latest.pages.timestamp, 0.0)
        sink.write(Step(State(state), elapsed=latest.elapsed + seconds))


def _is_before(event: Event, step: Step) -> bool:
    """Whether an event happened before a step, by the clock of the steps if possible: the time of day may step."""
    if event.elapsed is not None:
        return event.elapsed < step.elapsed
    return step.pages is not None and event.timestamp < step.pages.timestamp


def _is_at(event: Event, step: Step) -> bool:
    """Whether an event happened at this step, and not between it and another; times in files are rounded."""
    return event.elapsed is None or abs(event.elapsed - step.elapsed) <= _ROUNDING_S
