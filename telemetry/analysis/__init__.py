"""What can be computed from complete recordings, without changing them.

- Laps against laps: :func:`read_recording` finds the laps of a recording, :func:`trace` makes columns over one axis of
  one of them, :func:`align` and :func:`delta` compare them at the same places, and :func:`find_track` gives the track
  with its corners, through which :func:`measure_corners` measures every lap. :func:`envelope` is what a car can do, and
  :func:`did_it_change` says whether two groups of laps differ by more than laps do anyway. What each number means:
  ``docs/analysis.md``.
- :mod:`~telemetry.analysis.quality` reports on a recording: laps, rate, gaps, pauses and odd values, and whether it is
  good enough for a data set (``info`` and ``validate`` print it).
- :mod:`~telemetry.analysis.plan_report` writes the report on all recordings of a plan's folder.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.analysis.balance import Balance, body_slip_deg, front_load_transfer, measure_balance, understeer_deg
    from telemetry.analysis.change import MeasureChange, did_it_change
    from telemetry.analysis.corner_measures import CornerMeasure, measure_corners
    from telemetry.analysis.dampers import DamperHistogram, measure_dampers
    from telemetry.analysis.driving import Phases, Smoothness, measure_phases, measure_smoothness
    from telemetry.analysis.grip import Envelope, envelope, possible_lap
    from telemetry.analysis.known_tracks import find_track, load_track
    from telemetry.analysis.lap_measures import LapMeasure, measure_lap
    from telemetry.analysis.lap_overview import LapOverview, summarize_laps
    from telemetry.analysis.lap_segments import Segment, SegmentDelta, segment_deltas, segments
    from telemetry.analysis.recorded_laps import LapRecording, read_recording, trace
    from telemetry.analysis.stint import clean_laps, consistency, find_stints, fuel_use, tyre_wear
    from telemetry.analysis.theoretical_best import TheoreticalBest, best_parts
    from telemetry.analysis.traces import Trace, align, delta, make_grid
    from telemetry.analysis.tyres import TyreMeasure, measure_tyres
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "Balance": "telemetry.analysis.balance",
            "CornerMeasure": "telemetry.analysis.corner_measures",
            "DamperHistogram": "telemetry.analysis.dampers",
            "Envelope": "telemetry.analysis.grip",
            "LapMeasure": "telemetry.analysis.lap_measures",
            "LapOverview": "telemetry.analysis.lap_overview",
            "LapRecording": "telemetry.analysis.recorded_laps",
            "MeasureChange": "telemetry.analysis.change",
            "Phases": "telemetry.analysis.driving",
            "Segment": "telemetry.analysis.lap_segments",
            "SegmentDelta": "telemetry.analysis.lap_segments",
            "Smoothness": "telemetry.analysis.driving",
            "TheoreticalBest": "telemetry.analysis.theoretical_best",
            "Trace": "telemetry.analysis.traces",
            "TyreMeasure": "telemetry.analysis.tyres",
            "align": "telemetry.analysis.traces",
            "best_parts": "telemetry.analysis.theoretical_best",
            "body_slip_deg": "telemetry.analysis.balance",
            "clean_laps": "telemetry.analysis.stint",
            "consistency": "telemetry.analysis.stint",
            "delta": "telemetry.analysis.traces",
            "did_it_change": "telemetry.analysis.change",
            "envelope": "telemetry.analysis.grip",
            "find_stints": "telemetry.analysis.stint",
            "find_track": "telemetry.analysis.known_tracks",
            "front_load_transfer": "telemetry.analysis.balance",
            "fuel_use": "telemetry.analysis.stint",
            "load_track": "telemetry.analysis.known_tracks",
            "make_grid": "telemetry.analysis.traces",
            "measure_balance": "telemetry.analysis.balance",
            "measure_corners": "telemetry.analysis.corner_measures",
            "measure_dampers": "telemetry.analysis.dampers",
            "measure_lap": "telemetry.analysis.lap_measures",
            "measure_phases": "telemetry.analysis.driving",
            "measure_smoothness": "telemetry.analysis.driving",
            "measure_tyres": "telemetry.analysis.tyres",
            "possible_lap": "telemetry.analysis.grip",
            "read_recording": "telemetry.analysis.recorded_laps",
            "segment_deltas": "telemetry.analysis.lap_segments",
            "segments": "telemetry.analysis.lap_segments",
            "summarize_laps": "telemetry.analysis.lap_overview",
            "trace": "telemetry.analysis.recorded_laps",
            "tyre_wear": "telemetry.analysis.stint",
            "understeer_deg": "telemetry.analysis.balance",
        },
    )

__all__ = [
    "Balance",
    "CornerMeasure",
    "DamperHistogram",
    "Envelope",
    "LapMeasure",
    "LapOverview",
    "LapRecording",
    "MeasureChange",
    "Phases",
    "Segment",
    "SegmentDelta",
    "Smoothness",
    "TheoreticalBest",
    "Trace",
    "TyreMeasure",
    "align",
    "best_parts",
    "body_slip_deg",
    "clean_laps",
    "consistency",
    "delta",
    "did_it_change",
    "envelope",
    "find_stints",
    "find_track",
    "front_load_transfer",
    "fuel_use",
    "load_track",
    "make_grid",
    "measure_balance",
    "measure_corners",
    "measure_dampers",
    "measure_lap",
    "measure_phases",
    "measure_smoothness",
    "measure_tyres",
    "possible_lap",
    "read_recording",
    "segment_deltas",
    "segments",
    "summarize_laps",
    "trace",
    "tyre_wear",
    "understeer_deg",
]
