"""Everything that a report says about the laps of one car on one track, as values."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from typing import Final, NamedTuple

import numpy as np

from telemetry.analysis.comparison import Comparison, DrivenLap, compare_laps, driven_fields, driven_lap
from telemetry.analysis.corner_measures import CORNER_FIELDS, measure_corners
from telemetry.analysis.corner_report import CornerReport, report_corners
from telemetry.analysis.dampers import DAMPER_FIELDS, MIN_RATE_HZ, DamperHistogram, join_histograms, measure_dampers
from telemetry.analysis.grip import ENVELOPE_FIELDS, Envelope, GripUse, PossibleLap, envelope, grip_use, possible_lap
from telemetry.analysis.known_tracks import FoundTrack
from telemetry.analysis.lap_clock import Array
from telemetry.analysis.lap_measures import LapMeasure, measure_lap
from telemetry.analysis.lap_overview import LapOverview, LapsOfFile, summarize_laps
from telemetry.analysis.quality import QualityReport
from telemetry.analysis.recorded_laps import LapRecording, columns_of_laps, require_positions
from telemetry.analysis.stint import lap_seconds
from telemetry.analysis.traces import TRACE_FIELDS
from telemetry.analysis.tyres import TYRE_FIELDS, TyreMeasure, measure_tyres
from telemetry.base.errors import TelemetryError, UsageError
from telemetry.laps.model import Lap
from telemetry.tracks.definition import Track

KEPT_CHANNELS: Final = tuple(dict.fromkeys((*CORNER_FIELDS, *ENVELOPE_FIELDS, "steer_angle", *TRACE_FIELDS[-2:])))
"""The channels that are kept of each lap, for traces, corners and g-g; the others are measured as they are read."""

MIN_COMPARED: Final = 2
"""Laps below which nothing is compared."""

_CHANNELS: Final = tuple(dict.fromkeys((*ENVELOPE_FIELDS, "steer_angle", *TYRE_FIELDS, *DAMPER_FIELDS)))
_FIELDS: Final = driven_fields(_CHANNELS)


class ReadRecording(NamedTuple):
    """A recording that was looked through: its laps, and its quality report."""

    recording: LapRecording
    quality: QualityReport


@dataclass(frozen=True, eq=False)
class ReportedLap:
    """A lap of a report. What was measured of it is None where it was not looked at, or cannot be told."""

    label: str
    """Its number, made unique among all laps of the report."""
    path: Path
    lap: Lap
    driven: DrivenLap | None = None
    measure: LapMeasure | None = None
    tyres: TyreMeasure | None = None
    dampers: DamperHistogram | None = None

    @property
    def seconds(self) -> float | None:
        """Its time; None for a lap that is not complete."""
        return lap_seconds(self.lap)


@dataclass(frozen=True, eq=False)
class StintReport:
    """The laps of one car on one track, and all that can be said about them together."""

    recordings: tuple[ReadRecording, ...]
    laps: tuple[ReportedLap, ...]
    """All laps, in the order in which they were driven."""
    shown: tuple[ReportedLap, ...]
    """Those that corners, traces and the rest are about, from the fastest to the slowest."""
    found: FoundTrack | None
    comparison: Comparison | None
    """The median lap against the best one."""
    corners: tuple[CornerReport, ...]
    overview: LapOverview | None
    """What the laps show without their samples; None without a lap."""
    dampers: DamperHistogram | None
    envelope: Envelope | None
    use: Mapping[str, GripUse]
    """How much of the envelope each lap uses, by its label."""
    possible: PossibleLap | None
    """The lap that the envelope allows on the line of the best lap."""
    missing: Mapping[str, str] = field(default_factory=dict)
    """What cannot be said and why: a sentence for each section that lacks something."""

    @property
    def best(self) -> ReportedLap | None:
        """The lap that the others are compared with."""
        return self.shown[0] if self.shown else None

    @property
    def middle(self) -> ReportedLap | None:
        """The lap that is compared with the best one."""
        if self.comparison is None:
            return None
        return next(one for one in self.shown if one.driven is self.comparison.lap)

    @property
    def track(self) -> Track | None:
        """The track of the laps; None where they hold no course."""
        return None if self.found is None else self.found.track

    def file_name(self, path: Path) -> str:
        """The name of a recording without its folders, after its letter if it has one."""
        letters = _letters([(one.path, one.lap) for one in self.laps])
        return f"{letters[path]}: {path.name}" if len(letters) > 1 and path in letters else path.name


def make_stint_report(
    recordings: Sequence[ReadRecording], laps: Sequence[tuple[Path, Lap]], found: FoundTrack | None
) -> StintReport:
    """The report on these laps of these recordings, which are of one car on one track; each recording is read once.

    What laps cannot be put on the track, and what the recordings do not hold, is told in :attr:`StintReport.missing`;
    nothing is raised for it.
    """
    missing: dict[str, str] = {}
    every = _labelled(laps)
    measured = {id(one.lap): one for one in _measured(_chosen(every, missing), recordings, found, missing)}
    every = [measured.get(id(one.lap), one) for one in every]
    shown = sorted((one for one in every if one.driven is not None), key=lambda one: one.seconds or np.inf)
    driven = [one.driven for one in shown if one.driven is not None]
    limits = _envelope(driven, missing)
    by_path: dict[Path, list[Lap]] = {}
    for path, lap in laps:
        by_path.setdefault(path, []).append(lap)
    overviews = summarize_laps(LapsOfFile(path, own) for path, own in by_path.items())
    return StintReport(
        recordings=tuple(recordings),
        laps=tuple(every),
        shown=tuple(shown),
        found=found,
        comparison=_comparison(driven, found, missing),
        corners=_corners(driven, found, missing),
        overview=overviews[0] if overviews else None,
        dampers=_dampers(shown, missing),
        envelope=limits,
        use={} if limits is None else dict(_uses(shown, limits)),
        possible=_possible(driven, limits),
        missing=missing,
    )


def _labelled(laps: Sequence[tuple[Path, Lap]]) -> list[ReportedLap]:
    """The laps with labels: numbers, after a letter for the file where there are several, and with the run."""
    letters = _letters(laps)
    runs = {path: len({lap.start_index for other, lap in laps if other == path}) for path in letters}
    return [
        ReportedLap(
            f"{letters[path] if len(letters) > 1 else ''}{lap.number}"
            f"{f' (run {lap.start_index})' if runs[path] > 1 else ''}",
            path,
            lap,
        )
        for path, lap in laps
    ]


def _letters(laps: Sequence[tuple[Path, Lap]]) -> dict[Path, str]:
    """A letter for each file."""
    return {path: _letter(at) for at, path in enumerate(dict.fromkeys(path for path, _ in laps))}


def _letter(at: int) -> str:
    """A to Z, AA, AB and so on."""
    return (_letter(at // 26 - 1) if at >= 26 else "") + chr(ord("A") + at % 26)


def _chosen(laps: Sequence[ReportedLap], missing: dict[str, str]) -> list[ReportedLap]:
    """The valid laps, without those from the grid if there are others; where none is valid, those that are complete."""
    valid = [one for one in laps if one.lap.valid and one.lap.time_ms]
    if valid:
        return [one for one in valid if one.lap.start == "line"] or valid
    reasons = ", ".join(dict.fromkeys(reason for one in laps for reason in one.lap.invalid_because))
    complete = [one for one in laps if one.lap.complete and one.lap.first is not None]
    if complete:
        missing["valid"] = (
            f"No lap is valid ({reasons or 'none has an official time'}): all that follows is about invalid laps."
        )
    else:
        missing["valid"] = f"No lap is complete ({reasons or 'no lap was driven'}), so no lap can be looked at."
    return complete


def _measured(
    chosen: Sequence[ReportedLap],
    recordings: Sequence[ReadRecording],
    found: FoundTrack | None,
    missing: dict[str, str],
) -> Iterator[ReportedLap]:
    """The laps with what was measured of them, those that can be put on the track."""
    problems: list[str] = []
    for recording in (one.recording for one in recordings):
        own = {id(one.lap): one for one in chosen if one.path == recording.path}
        try:
            if own:
                require_positions(recording)
            for lap, columns in columns_of_laps(recording, [one.lap for one in own.values()], _FIELDS):
                try:
                    yield _measure(own[id(lap)], columns, found)
                except UsageError as error:
                    problems.append(str(error))
        except TelemetryError as error:
            problems.append(str(error))
    if problems:
        missing["laps"] = " ".join(dict.fromkeys(problems))


def _measure(one: ReportedLap, columns: Mapping[str, Array], found: FoundTrack | None) -> ReportedLap:
    track = None if found is None else found.track
    driven = driven_lap(one.path, one.lap, columns, track, _CHANNELS)
    trace = driven.trace
    return replace(
        one,
        driven=replace(driven, trace=replace(trace, channels={name: trace[name] for name in KEPT_CHANNELS})),
        measure=measure_lap(trace, [] if track is None else measure_corners(track, trace)),
        tyres=measure_tyres([trace]),
        dampers=measure_dampers([trace]),
    )


def _comparison(driven: Sequence[DrivenLap], found: FoundTrack | None, missing: dict[str, str]) -> Comparison | None:
    """The lap whose time is nearest to the median of all, against the fastest one."""
    if len(driven) < MIN_COMPARED:
        missing["comparison"] = (
            "There is one lap only, so it cannot be compared." if driven else "No lap can be compared."
        )
        return None
    times = [seconds for one in driven if (seconds := lap_seconds(one.lap)) is not None]
    middle_s = median(times)
    middle = min(driven[1:], key=lambda one: abs((lap_seconds(one.lap) or np.inf) - middle_s))
    return compare_laps(middle, driven[0], found)


def _corners(
    driven: Sequence[DrivenLap], found: FoundTrack | None, missing: dict[str, str]
) -> tuple[CornerReport, ...]:
    if not driven:
        return ()
    if found is None:
        missing["corners"] = "The laps hold no positions in the world, so the corners of the track cannot be told."
        return ()
    if not found.track.corners:
        missing["corners"] = "No corners of this track are known."
    return tuple(report_corners(found, driven, driven[0]))


def _dampers(shown: Sequence[ReportedLap], missing: dict[str, str]) -> DamperHistogram | None:
    found = [one.dampers for one in shown if one.dampers is not None]
    if not found and shown:
        rate_hz = max(one.driven.trace.rate_hz for one in shown if one.driven is not None)
        missing["dampers"] = (
            "The laps hold no movement of the suspension."
            if rate_hz >= MIN_RATE_HZ
            else f"The laps were recorded at {rate_hz:.3g} Hz. Damper speeds need {MIN_RATE_HZ:.0f} Hz or more: less "
            "shows how the body moves, and not the wheel."
        )
    return join_histograms(found)


def _envelope(driven: Sequence[DrivenLap], missing: dict[str, str]) -> Envelope | None:
    if not driven:
        return None
    try:
        return envelope(one.trace for one in driven)
    except UsageError as error:
        missing["grip"] = str(error)
        return None


def _uses(shown: Sequence[ReportedLap], limits: Envelope) -> Iterator[tuple[str, GripUse]]:
    for one in shown:
        use = None if one.driven is None else grip_use(one.driven.trace, limits)
        if use is not None:
            yield one.label, use


def _possible(driven: Sequence[DrivenLap], limits: Envelope | None) -> PossibleLap | None:
    if limits is None or not np.isfinite(limits.limit_g).any():
        return None
    try:
        return possible_lap(driven[0].trace, limits)
    except UsageError:
        return None
