"""From messages to steps: a step is complete when a message with a later log time arrives."""

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Final, NamedTuple

from ac_native_memory import Pages
from telemetry.base.units import STEP_S
from telemetry.fields.pages import read_packet_id
from telemetry.formats.mcap.layout import EVENTS, GRAPHICS, PAGE_SIZES, PHYSICS, STATIC, Channel, seconds
from telemetry.formats.mcap.messages import Message, count_missing_steps, parse_event


class LoggedStep(NamedTuple):
    """The pages of one log time [ns], the steps missing before it, and whether it was repaired."""

    log_time: int
    pages: Pages
    missing: int
    repaired: bool


_MAX_EVENTS: Final = 1000
"""Events that are kept until their step comes: there are a few between two steps, unless a file has no steps."""


class PlayedTimes:
    """The times of steps as they are played, in seconds: where recorded ones go back, a physics step later each."""

    def __init__(self) -> None:
        self.latest = -math.inf
        """The time of the last step."""
        self.shift = 0.0
        """What is added to recorded times."""

    def restart(self) -> None:
        """The recording starts again."""
        self.shift = 0.0

    def follow(self, recorded: float) -> float:
        """The time at which a step is played that was recorded at this one."""
        before, self.latest = self.latest, recorded + self.shift
        if not self.latest >= before:
            self.latest = before + STEP_S
            self.shift = self.latest - recorded
        return self.latest


class StepBuilder:
    """Builds the steps of a recording from its messages in the order of the file.

    ``channels`` are those known so far; the caller may add to them. Without a channel of events, missing steps are
    counted by the packet ids of the physics page. Nothing is returned before all three pages are known.
    """

    def __init__(self, path: Path, channels: Mapping[int, Channel]) -> None:
        self._path = path
        self._channels = channels
        self._pages: dict[str, bytes] = {}
        self._events: list[Message] = []  # parsed with their step, so that a corrupt one leaves the step before intact
        self._has_new_pages = False
        self._log_time = self._publish_time = 0
        self._missing = 0
        self._repaired = False
        self._last: Pages | None = None

    def add(self, message: Message) -> LoggedStep | None:
        """Add a message; returns the step before it if that is now complete. Raises :class:`CorruptFile`."""
        step = self._build() if self._has_new_pages and message.log_time != self._log_time else None
        if message.topic == EVENTS:
            self._events.append(message)
            if len(self._events) > _MAX_EVENTS:
                self._apply_events()
        elif message.topic in PAGE_SIZES:
            self._pages[message.topic] = message.data
            self._has_new_pages = True
            self._log_time, self._publish_time = message.log_time, message.publish_time
        return step

    def finish(self) -> LoggedStep | None:
        """The last step, after the last message. Raises :class:`CorruptFile`."""
        if self._has_new_pages:
            return self._build()
        self._apply_events()
        return None

    def _build(self) -> LoggedStep | None:
        self._apply_events()
        self._has_new_pages = False
        if len(self._pages) < len(PAGE_SIZES):
            return None
        pages = Pages(self._pages[PHYSICS], self._pages[GRAPHICS], self._pages[STATIC], seconds(self._publish_time))
        has_events = any(channel.topic == EVENTS for channel in self._channels.values())
        if self._last is not None and not has_events:
            self._missing = max(0, read_packet_id(pages.physics) - read_packet_id(self._last.physics) - 1)
        step = LoggedStep(self._log_time, pages, self._missing, self._repaired)
        self._last, self._missing, self._repaired = pages, 0, False
        return step

    def _apply_events(self) -> None:
        for message in self._events:
            event = parse_event(self._path, message)
            if event.kind == "gap":
                self._missing += count_missing_steps(event)
            elif event.kind == "repaired":
                self._repaired = True
        self._events.clear()
