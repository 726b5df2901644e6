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
    from telemetry.analysis.change import MeasureChange, did_it_change
    from telemetry.analysis.corner_measures import CornerMeasure, measure_corners
    from telemetry.analysis.grip import Envelope, envelope, possible_lap
    from telemetry.analysis.known_tracks import find_track, load_track
    from telemetry.analysis.lap_measures import LapMeasure, measure_lap
    from telemetry.analysis.lap_segments import Segment, SegmentDelta, segment_deltas, segments
    from telemetry.analysis.recorded_laps import LapRecording, read_recording, trace
    from telemetry.analysis.traces import Trace, align, delta, make_grid
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "CornerMeasure": "telemetry.analysis.corner_measures",
            "Envelope": "telemetry.analysis.grip",
            "LapMeasure": "telemetry.analysis.lap_measures",
            "LapRecording": "telemetry.analysis.recorded_laps",
            "MeasureChange": "telemetry.analysis.change",
            "Segment": "telemetry.analysis.lap_segments",
            "SegmentDelta": "telemetry.analysis.lap_segments",
            "Trace": "telemetry.analysis.traces",
            "align": "telemetry.analysis.traces",
            "delta": "telemetry.analysis.traces",
            "did_it_change": "telemetry.analysis.change",
            "envelope": "telemetry.analysis.grip",
            "find_track": "telemetry.analysis.known_tracks",
            "load_track": "telemetry.analysis.known_tracks",
            "make_grid": "telemetry.analysis.traces",
            "measure_corners": "telemetry.analysis.corner_measures",
            "measure_lap": "telemetry.analysis.lap_measures",
            "possible_lap": "telemetry.analysis.grip",
            "read_recording": "telemetry.analysis.recorded_laps",
            "segment_deltas": "telemetry.analysis.lap_segments",
            "segments": "telemetry.analysis.lap_segments",
            "trace": "telemetry.analysis.recorded_laps",
        },
    )

__all__ = [
    "CornerMeasure",
    "Envelope",
    "LapMeasure",
    "LapRecording",
    "MeasureChange",
    "Segment",
    "SegmentDelta",
    "Trace",
    "align",
    "delta",
    "did_it_change",
    "envelope",
    "find_track",
    "load_track",
    "make_grid",
    "measure_corners",
    "measure_lap",
    "possible_lap",
    "read_recording",
    "segment_deltas",
    "segments",
    "trace",
]
