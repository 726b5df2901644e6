"""Which figures of a quality report speak against using the recording as a data set."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Literal

from telemetry.analysis.quality.report import GAP_PERIODS, QualityReport
from telemetry.base.text import format_count

MAX_GAP_SHARE: Final = 0.001
"""The fraction of physics steps that may be missing in a recording at the full rate."""

MAX_GAP_INTERVAL_SHARE: Final = 0.01
"""The fraction of intervals that may be gaps in a recording below the full rate."""

MIN_DRIVING_SPEED_KMH: Final = 1.0
"""A standing car stays below this speed, although it rocks on its springs."""

ESSENTIAL_FIELDS: Final = (
    "packet_id",
    "gas",
    "brake",
    "gear",
    "steer_angle",
    "speed_kmh",
    "wheel_angular_speed",
    "tyre_wear",
    "car_damage",
    "number_of_tyres_out",
    "local_velocity_z",
    "status",
    "session",
    "completed_laps",
    "current_time",
    "tyre_compound",
    "normalized_position",
    "flag",
    "car_model",
    "track",
    "tyre_radius",
    "track_spline_length",
)
"""The raw fields that a data set needs: the driver's inputs, and all fields that derived ones are computed from."""

Severity = Literal["error", "warning"]
"""``error``: a data set must not have it. ``warning``: the user of the data set should know it."""


@dataclass(frozen=True, slots=True)
class QualityFinding:
    """A problem of a recording: a name for programs, and a message for people."""

    name: str
    severity: Severity
    message: str


def list_findings(report: QualityReport, *, max_gap_share: float = MAX_GAP_SHARE) -> tuple[QualityFinding, ...]:
    """The problems of a recording, errors before warnings; empty for a good recording.

    ``max_gap_share`` is the fraction of physics steps, 0 to 1, that may be missing at the full rate.
    """
    if report.samples == 0:
        return (QualityFinding("no_samples", "error", "The recording contains no samples."),)
    return (
        *(QualityFinding(name, "error", message) for name, message in _errors(report, max_gap_share)),
        *(QualityFinding(name, "warning", message) for name, message in _warnings(report)),
    )


def _errors(report: QualityReport, max_gap_share: float) -> Iterator[tuple[str, str]]:
    if not report.finished:
        yield "cut", "The file is truncated: the recording was not closed."
    gaps = report.gaps
    if report.full_rate and gaps.share > max_gap_share:
        gaps_text = format_count(gaps.count, "gap")
        limit = f"limit: {max_gap_share * 100:g}%"
        yield "gaps", f"{gaps.share:.3%} of the physics steps are missing ({gaps.missing:,} in {gaps_text}; {limit})."
    if not report.full_rate and gaps.share > MAX_GAP_INTERVAL_SHARE:
        figures = f"longest: {gaps.longest_s:.3g} s; limit: {MAX_GAP_INTERVAL_SHARE * 100:g}%"
        yield "gaps", f"{gaps.share:.1%} of the intervals are longer than {GAP_PERIODS:g} sampling periods ({figures})."
    if report.torn:
        yield "torn", f"{format_count(report.torn, 'sample')} may be torn (data of two physics steps)."
    if report.time_backwards:
        yield "time_backwards", f"The time of the samples goes back {format_count(report.time_backwards, 'time')}."
    if missing := [name for name in ESSENTIAL_FIELDS if name in report.missing_fields]:
        yield "missing_fields", f"Required fields are missing: {', '.join(missing)}."
    if non_finite := [name for name in ESSENTIAL_FIELDS if name in report.non_finite]:
        counts = ", ".join(f"{name} ({format_count(report.non_finite[name], 'sample')})" for name in non_finite)
        yield "non_finite", f"NaN or infinite values: {counts}."
    if "speed_kmh" not in report.missing_fields and not (report.top_speed_kmh or 0.0) > MIN_DRIVING_SPEED_KMH:
        yield "never_moved", "The car never moved."


def _warnings(report: QualityReport) -> Iterator[tuple[str, str]]:
    if len(report.cars) > 1:
        yield "several_cars", f"The recording contains {len(report.cars)} cars: {', '.join(report.cars)}."
    if len(report.tracks) > 1:
        yield "several_tracks", f"The recording contains {len(report.tracks)} tracks: {', '.join(report.tracks)}."
    if not report.laps.counted:
        yield "no_lap", "No lap was completed."
    if report.out_of_range:
        ranges = [
            f"{name} ({values.lowest:g} to {values.highest:g}, {format_count(values.count, 'sample')})"
            for name, values in report.out_of_range.items()
        ]
        yield "out_of_range", f"Values outside the valid range: {', '.join(ranges)}."
    if report.empty_fields:
        yield (
            "empty_fields",
            (
                f"0 in all samples: {', '.join(report.empty_fields)}. The program that wrote them may not have known "
                "them, or have read another layout of the game's pages."
            ),
        )
