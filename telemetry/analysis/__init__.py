"""What can be computed from complete recordings, without changing them.

- Laps against laps: :func:`read_recording` finds the laps of a recording, :func:`trace` makes columns over one axis of
  one of them, :func:`align` and :func:`delta` compare them at the same places, and :func:`find_track` gives the track
  with its corners. What each number means: ``docs/analysis.md``.
- :mod:`~telemetry.analysis.quality` reports on a recording: laps, rate, gaps, pauses and odd values, and whether it is
  good enough for a data set (``info`` and ``validate`` print it).
- :mod:`~telemetry.analysis.plan_report` writes the report on all recordings of a plan's folder.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.analysis.known_tracks import find_track, load_track
    from telemetry.analysis.recorded_laps import LapRecording, read_recording, trace
    from telemetry.analysis.traces import Trace, align, delta, make_grid
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "LapRecording": "telemetry.analysis.recorded_laps",
            "Trace": "telemetry.analysis.traces",
            "align": "telemetry.analysis.traces",
            "delta": "telemetry.analysis.traces",
            "find_track": "telemetry.analysis.known_tracks",
            "load_track": "telemetry.analysis.known_tracks",
            "make_grid": "telemetry.analysis.traces",
            "read_recording": "telemetry.analysis.recorded_laps",
            "trace": "telemetry.analysis.recorded_laps",
        },
    )

__all__ = [
    "LapRecording",
    "Trace",
    "align",
    "delta",
    "find_track",
    "load_track",
    "make_grid",
    "read_recording",
    "trace",
]
