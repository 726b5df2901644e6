"""Recording: from a source to sinks and files.

A :class:`Source` yields readings or physics steps; a :class:`Sink` writes samples, a :class:`PageSink` steps. Two loops
connect them: :class:`SampleRecorder` at any rate (:func:`samples` and :func:`record` are its short forms) and
:class:`StepRecorder` for every physics step. Both end by a :class:`StopRule`, count in :class:`LoopStats` and write in
a thread of their own. Steps go to one file, to one after the other, or to a rolling buffer (:class:`StepWriter`).
``lap_tracker`` finds the laps of a recording of steps, ``filters`` thins it out, and ``retention`` deletes old files.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.recording.api import record, samples
    from telemetry.recording.file_names import Template
    from telemetry.recording.game_state import GameStateDetector, State
    from telemetry.recording.interfaces import Closeable, Event, Listener, PageSink, Reading, Sink, Source, Step
    from telemetry.recording.markers import MarkerInbox, running_recordings, send_marker
    from telemetry.recording.rotation import RecordingFolder, RollingBuffer, RotatingWriter, Split
    from telemetry.recording.sample_recorder import SampleRecorder, SamplingOptions
    from telemetry.recording.stats import LoopStats, RecordingStats, StepRecordingStats
    from telemetry.recording.step_recorder import CaptureThread, StepRecorder
    from telemetry.recording.step_writer import SingleFileWriter, StepWriter
    from telemetry.recording.stop import StopRule
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "CaptureThread": "telemetry.recording.step_recorder",
            "Closeable": "telemetry.recording.interfaces",
            "Event": "telemetry.recording.interfaces",
            "GameStateDetector": "telemetry.recording.game_state",
            "Listener": "telemetry.recording.interfaces",
            "LoopStats": "telemetry.recording.stats",
            "MarkerInbox": "telemetry.recording.markers",
            "PageSink": "telemetry.recording.interfaces",
            "Reading": "telemetry.recording.interfaces",
            "RecordingFolder": "telemetry.recording.rotation",
            "RecordingStats": "telemetry.recording.stats",
            "RollingBuffer": "telemetry.recording.rotation",
            "RotatingWriter": "telemetry.recording.rotation",
            "SampleRecorder": "telemetry.recording.sample_recorder",
            "SamplingOptions": "telemetry.recording.sample_recorder",
            "SingleFileWriter": "telemetry.recording.step_writer",
            "Sink": "telemetry.recording.interfaces",
            "Source": "telemetry.recording.interfaces",
            "Split": "telemetry.recording.rotation",
            "State": "telemetry.recording.game_state",
            "Step": "telemetry.recording.interfaces",
            "StepRecorder": "telemetry.recording.step_recorder",
            "StepRecordingStats": "telemetry.recording.stats",
            "StepWriter": "telemetry.recording.step_writer",
            "StopRule": "telemetry.recording.stop",
            "Template": "telemetry.recording.file_names",
            "record": "telemetry.recording.api",
            "running_recordings": "telemetry.recording.markers",
            "samples": "telemetry.recording.api",
            "send_marker": "telemetry.recording.markers",
        },
    )

__all__ = [
    "CaptureThread",
    "Closeable",
    "Event",
    "GameStateDetector",
    "Listener",
    "LoopStats",
    "MarkerInbox",
    "PageSink",
    "Reading",
    "RecordingFolder",
    "RecordingStats",
    "RollingBuffer",
    "RotatingWriter",
    "SampleRecorder",
    "SamplingOptions",
    "SingleFileWriter",
    "Sink",
    "Source",
    "Split",
    "State",
    "Step",
    "StepRecorder",
    "StepRecordingStats",
    "StepWriter",
    "StopRule",
    "Template",
    "record",
    "running_recordings",
    "samples",
    "send_marker",
]
