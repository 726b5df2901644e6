"""Follows the laps of a recording step by step, and decodes the pages only where something may have changed."""

from typing import Final, Literal, NamedTuple

from ac_native_memory import Pages
from telemetry.fields.derived import Sample, derive
from telemetry.fields.pages import mask_fields, read_lap_time_ms, read_packet_id, read_tyres_out
from telemetry.fields.snapshot import PageDecoder, warm_up
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.detector import LapState, advance, finish
from telemetry.laps.model import Lap
from telemetry.laps.progress import LapInProgress
from telemetry.recording.interfaces import Step

DECODE_SECONDS: Final = 0.03
"""How often the pages are decoded although only volatile fields have changed."""

SegmentKind = Literal["session", "stint", "lap"]
"""The parts of a drive that a recording can be split into."""


class StepUpdate(NamedTuple):
    """What changed with a step."""

    sample: Sample
    """The decoded step."""
    lap: int
    """The number of the lap in progress, which the game may count some frames later."""
    started: frozenset[SegmentKind]
    """The segments that start with this step."""
    laps: tuple[Lap, ...]
    """The laps that are final from here on."""


class LapTracker:
    """Runs the lap detector over steps.

    It decodes at most 30 times a second, plus immediately when tyres leave the track, the lap clock restarts, or a
    non-volatile field changes. The laps are those that decoding every step would give, at a tenth of the work.
    ``missing`` names the raw fields that the source of the steps does not hold.
    """

    def __init__(self, thresholds: Thresholds = DEFAULTS, missing: frozenset[str] = frozenset()) -> None:
        warm_up()
        self._decoder = PageDecoder()
        self._thresholds = thresholds
        self._state = LapState(missing=missing)
        self._before: Sample | None = None
        self._graphics = b""
        self._last_seen = (b"", b"", 0)

    def update(self, step: Step) -> StepUpdate | None:
        """What changed with this step; None where it has no pages, or nothing in them matters here."""
        pages = step.pages
        if pages is None or not self._needs_decode(pages, step.elapsed):
            return None
        before = self._before
        self._before = sample = derive(self._decoder.decode(pages, elapsed=step.elapsed), before, self._thresholds)
        running = self._state.running
        self._state, laps = advance(self._state, sample)
        now = self._state.running
        return StepUpdate(sample, now.number if now else 1, _started_segments(running, now), laps)

    def _needs_decode(self, pages: Pages, elapsed: float) -> bool:
        seen_before, before = self._last_seen, self._before
        drawn = pages.graphics != self._graphics
        self._graphics = pages.graphics
        graphics = _without_volatile_fields(pages.graphics) if drawn else seen_before[0]
        self._last_seen = (graphics, pages.static, read_tyres_out(pages.physics))
        if before is None or self._last_seen != seen_before or read_packet_id(pages.physics) < before.packet_id:
            return True
        lap_time = read_lap_time_ms(pages.graphics)
        return lap_time < before.current_time or (drawn and elapsed - before.elapsed >= DECODE_SECONDS)

    def finish(self) -> tuple[Lap, ...]:
        """The laps that are final once no more steps come; the tracker starts from scratch."""
        state, self._state = self._state, LapState(missing=self._state.missing)
        return finish(state)


_VOLATILE: Final = (
    *("graphics_packet_id", "current_time_text", "current_time", "session_time_left", "distance_traveled"),
    *("normalized_position", "world_position_x", "world_position_y", "world_position_z", "wind_speed"),
    "wind_direction",
)
_without_volatile_fields: Final = mask_fields("graphics", _VOLATILE)


def _started_segments(before: LapInProgress | None, now: LapInProgress | None) -> frozenset[SegmentKind]:
    """The segments that start where one lap in progress became the other."""
    if now is None:
        return frozenset()
    if before is None or now.start_index != before.start_index:
        return frozenset({"session", "stint", "lap"})
    segments: set[SegmentKind] = set()
    # At a line the count may rise before the clock restarts: both begin the same lap.
    is_same_line = now.number == before.number and now.start in ("line", "joined") and before.start == "line"
    if now.first is not before.first and not is_same_line:
        segments.add("lap")
    if now.stint != before.stint:
        segments.add("stint")
    return frozenset(segments)
