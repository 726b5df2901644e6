"""Telemetry of the racing simulator Assetto Corsa, for programs.

Iterate over the samples of any source::

    import telemetry

    with telemetry.open_source("demo") as source:
        for sample in telemetry.samples(source, rate=10, duration=5):
            print(sample.speed_kmh, sample.is_lap_valid)

Everything public is named here and imported when it is used for the first time; ``uv run main.py fields`` lists what a
:class:`Sample` holds.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ac_native_memory import Pages
    from telemetry.base.clock import Clock
    from telemetry.base.errors import NoGameError, SinkError, SourceError, TelemetryError, UsageError
    from telemetry.fields.columns import Columns
    from telemetry.fields.derived import Sample, derive
    from telemetry.fields.schema import Field
    from telemetry.fields.selection import Column, json_schema, select
    from telemetry.fields.snapshot import Snapshot, decode, encode
    from telemetry.fields.thresholds import Thresholds
    from telemetry.recording.api import record, samples
    from telemetry.recording.game_state import State
    from telemetry.recording.interfaces import Reading, Sink, Source
    from telemetry.recording.stats import RecordingStats
    from telemetry.sources import open_sink, open_source
    from telemetry.sources.recording import Recording, open_recording
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "Clock": "telemetry.base.clock",
            "Column": "telemetry.fields.selection",
            "Columns": "telemetry.fields.columns",
            "Field": "telemetry.fields.schema",
            "NoGameError": "telemetry.base.errors",
            "Pages": "ac_native_memory",
            "Reading": "telemetry.recording.interfaces",
            "Recording": "telemetry.sources.recording",
            "RecordingStats": "telemetry.recording.stats",
            "Sample": "telemetry.fields.derived",
            "Sink": "telemetry.recording.interfaces",
            "SinkError": "telemetry.base.errors",
            "Snapshot": "telemetry.fields.snapshot",
            "Source": "telemetry.recording.interfaces",
            "SourceError": "telemetry.base.errors",
            "State": "telemetry.recording.game_state",
            "TelemetryError": "telemetry.base.errors",
            "Thresholds": "telemetry.fields.thresholds",
            "UsageError": "telemetry.base.errors",
            "decode": "telemetry.fields.snapshot",
            "derive": "telemetry.fields.derived",
            "encode": "telemetry.fields.snapshot",
            "json_schema": "telemetry.fields.selection",
            "open_recording": "telemetry.sources.recording",
            "open_sink": "telemetry.sources",
            "open_source": "telemetry.sources",
            "record": "telemetry.recording.api",
            "samples": "telemetry.recording.api",
            "select": "telemetry.fields.selection",
        },
    )

__all__ = [
    "Clock",
    "Column",
    "Columns",
    "Field",
    "NoGameError",
    "Pages",
    "Reading",
    "Recording",
    "RecordingStats",
    "Sample",
    "Sink",
    "SinkError",
    "Snapshot",
    "Source",
    "SourceError",
    "State",
    "TelemetryError",
    "Thresholds",
    "UsageError",
    "decode",
    "derive",
    "encode",
    "json_schema",
    "open_recording",
    "open_sink",
    "open_source",
    "record",
    "samples",
    "select",
]
