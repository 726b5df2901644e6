"""What the game publishes and what follows from it: every field with its name, unit, meaning, type and valid range.

- :class:`Snapshot` holds the raw fields of the game's three pages; :func:`decode` and :class:`PageDecoder` read pages.
- :class:`Sample` adds the derived fields; :func:`derive` calculates them with the limits in :class:`Thresholds`.
- :func:`select` chooses columns by name; :mod:`~telemetry.fields.wire` reads and writes them as JSON lines.
- :mod:`~telemetry.fields.resample` gives snapshots at a fixed rate.

To add a raw field, add one line to :class:`Snapshot`; to add a derived one, see :mod:`telemetry.fields.metrics`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telemetry.fields.derived import METRICS, Sample, derive
    from telemetry.fields.schema import Field
    from telemetry.fields.selection import Column, json_schema, select
    from telemetry.fields.snapshot import PageDecoder, Snapshot, decode, encode
    from telemetry.fields.thresholds import DEFAULTS, Thresholds
    from telemetry.fields.wire import LineEncoder, parse_snapshot
else:
    from telemetry.base.lazy import lazy_attributes

    __getattr__, __dir__ = lazy_attributes(
        __name__,
        {
            "DEFAULTS": "telemetry.fields.thresholds",
            "METRICS": "telemetry.fields.derived",
            "Column": "telemetry.fields.selection",
            "Field": "telemetry.fields.schema",
            "LineEncoder": "telemetry.fields.wire",
            "PageDecoder": "telemetry.fields.snapshot",
            "Sample": "telemetry.fields.derived",
            "Snapshot": "telemetry.fields.snapshot",
            "Thresholds": "telemetry.fields.thresholds",
            "decode": "telemetry.fields.snapshot",
            "derive": "telemetry.fields.derived",
            "encode": "telemetry.fields.snapshot",
            "json_schema": "telemetry.fields.selection",
            "parse_snapshot": "telemetry.fields.wire",
            "select": "telemetry.fields.selection",
        },
    )

__all__ = [
    "DEFAULTS",
    "METRICS",
    "Column",
    "Field",
    "LineEncoder",
    "PageDecoder",
    "Sample",
    "Snapshot",
    "Thresholds",
    "decode",
    "derive",
    "encode",
    "json_schema",
    "parse_snapshot",
    "select",
]
