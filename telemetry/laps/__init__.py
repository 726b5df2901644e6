"""Samples to laps, and the delta of the running lap to a reference lap. Pure functions, no I/O.

:func:`laps` turns samples into complete and unfinished laps; :func:`advance` does the same one sample at a time, and
:func:`assign_laps` tells each sample of a recording its lap. Where
a lap ends is decided in ``detector.py``, by the signals of ``signals.py``; ``official_times.py`` waits for the time
that the game shows some frames later. ``delta.py`` compares the running lap with the best one.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.laps.assign import assign_laps
    from telemetry.laps.car_and_track import CarAndTrack
    from telemetry.laps.delta import DeltaTracker, LapDelta, ReferenceLap
    from telemetry.laps.detector import LapState, advance, finish, laps
    from telemetry.laps.model import Lap, SampleRef, best_laps
    from telemetry.laps.progress import LapInProgress
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "CarAndTrack": "telemetry.laps.car_and_track",
            "DeltaTracker": "telemetry.laps.delta",
            "Lap": "telemetry.laps.model",
            "LapDelta": "telemetry.laps.delta",
            "LapInProgress": "telemetry.laps.progress",
            "LapState": "telemetry.laps.detector",
            "ReferenceLap": "telemetry.laps.delta",
            "SampleRef": "telemetry.laps.model",
            "advance": "telemetry.laps.detector",
            "assign_laps": "telemetry.laps.assign",
            "best_laps": "telemetry.laps.model",
            "finish": "telemetry.laps.detector",
            "laps": "telemetry.laps.detector",
        },
    )

__all__ = [
    "CarAndTrack",
    "DeltaTracker",
    "Lap",
    "LapDelta",
    "LapInProgress",
    "LapState",
    "ReferenceLap",
    "SampleRef",
    "advance",
    "assign_laps",
    "best_laps",
    "finish",
    "laps",
]
