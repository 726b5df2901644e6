"""Follows the laps of a recording step by step, and decodes a page only where something may have changed."""

from typing import Final, Literal, NamedTuple

from ac_native_memory import Pages
from telemetry.fields.derived import DEFAULTS, Sample, Thresholds, derive
from telemetry.fields.pages import mask_fields, read_lap_time_ms, read_packet_id, read_tyres_out
from telemetry.fields.snapshot import PageDecoder, warm_up
from telemetry.laps.detector import LapState, advance, finish
from telemetry.laps.model import Lap
from telemetry.laps.progress import LapInProgress
from telemetry.recording.interfaces import Step

FOLLOW_SECONDS: Final = 0.03
"""How often what runs from frame to frame is followed."""

SegmentKind = Literal["session", "stint", "lap"]
"""What a recording can be cut into at a moment of the race itself."""


class StepUpdate(NamedTuple):
    """What a step brought that the one before had not: a sample, the parts that begin with it, the laps it settled.

    ``lap`` is the number of the lap that runs, which the game may count some frames later.
    """

    sample: Sample
    lap: int
    started: frozenset[SegmentKind]
    laps: tuple[Lap, ...]


class LapTracker:
    """Follows steps and tells of each what is new.

    It looks closer thirty times a second, and at once where something changes that counts: tyres leave the track, the
    lap clock starts anew, or what does not run from frame to frame. Laps seen through it are those of all the steps, at
    a tenth of the work.
    """

    def __init__(self, thresholds: Thresholds = DEFAULTS) -> None:
        warm_up()
        self._decoder = PageDecoder()
        self._thresholds = thresholds
        self._state = LapState()
        self._before: Sample | None = None
        self._graphics = b""
        self._last_seen = (b"", b"", 0)

    def update(self, step: Step) -> StepUpdate | None:
        """What the step brought; None where it has no pages, or nothing in them that matters here."""
        pages = step.pages
        if pages is None or not self._needs_decode(pages, step.elapsed):
            return None
        before = self._before
        self._before = sample = derive(self._decoder.decode(pages, elapsed=step.elapsed), before, self._thresholds)
        running = self._state.running
        self._state, laps = advance(self._state, sample)
        now = self._state.running
        return StepUpdate(sample, now.number if now else 1, _started_segments(running, now, before, sample), laps)

    def _needs_decode(self, pages: Pages, elapsed: float) -> bool:
        standing, before = self._last_seen, self._before
        drawn = pages.graphics != self._graphics
        self._graphics = pages.graphics
        of_graphics = _without_volatile_fields(pages.graphics) if drawn else standing[0]
        self._last_seen = (of_graphics, pages.static, read_tyres_out(pages.physics))
        if before is None or self._last_seen != standing or read_packet_id(pages.physics) < before.packet_id:
            return True
        lap_time = read_lap_time_ms(pages.graphics)
        return lap_time < before.current_time or (drawn and elapsed - before.elapsed >= FOLLOW_SECONDS)

    def finish(self) -> tuple[Lap, ...]:
        """The laps that are left when no more steps come."""
        state, self._state = self._state, LapState()
        return finish(state)


_VOLATILE: Final = (
    *("graphics_packet_id", "current_time_text", "current_time", "session_time_left", "distance_traveled"),
    *("normalized_position", "world_position_x", "world_position_y", "world_position_z", "wind_speed"),
    "wind_direction",
)
_without_volatile_fields: Final = mask_fields("graphics", _VOLATILE)


def _started_segments(
    before: LapInProgress | None, now: LapInProgress | None, last: Sample | None, sample: Sample
) -> frozenset[SegmentKind]:
    """The parts that begin with this sample."""
    if now is None:
        return frozenset()
    if before is None or now.start_index != before.start_index:
        return frozenset({"session", "stint", "lap"})
    parts: set[SegmentKind] = set()
    if now.first is not before.first and now.first is sample:
        parts.add("lap")
    if last is not None and last.is_in_pit_lane and not sample.is_in_pit_lane:
        parts.add("stint")
    return frozenset(parts)
