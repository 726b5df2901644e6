"""Telemetry of the racing simulator Assetto Corsa, for programs.

Iterate over the samples of any source::

    import telemetry

    with telemetry.open_source("demo") as source:
        for sample in telemetry.samples(source, rate=10, duration=5):
            print(sample.speed_kmh, sample.is_lap_valid)

Everything public is named here; ``uv run main.py fields`` lists what a :class:`Sample` holds.
"""

from ac_native_memory import Pages
from telemetry.base.clock import Clock
from telemetry.base.errors import NoGameError, SinkError, SourceError, TelemetryError, UsageError
from telemetry.fields.derived import Sample, Thresholds, derive
from telemetry.fields.schema import Field
from telemetry.fields.selection import Column, json_schema, select
from telemetry.fields.snapshot import Snapshot, decode, encode
from telemetry.recording.api import record, samples
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Reading, Sink, Source
from telemetry.recording.stats import RecordingStats
from telemetry.sources import open_sink, open_source

__all__ = [
    "Clock",
    "Column",
    "Field",
    "NoGameError",
    "Pages",
    "Reading",
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
    "open_sink",
    "open_source",
    "record",
    "samples",
    "select",
]
