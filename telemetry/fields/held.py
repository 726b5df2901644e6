"""Which fields a recording can say something about: those that it holds, and those derived from nothing else.

A recording of chosen fields lacks the others. They read as 0, NaN or the empty text, which no sink may write: what a
file does not hold is not 0. Every source names the raw fields that it lacks
(:attr:`telemetry.recording.interfaces.Source.missing_fields`); everything else follows from that here.
"""

from collections.abc import Iterable, Sequence
from collections.abc import Set as AbstractSet

from telemetry.fields.derived import METRICS
from telemetry.fields.metrics.metric import raw_inputs
from telemetry.fields.selection import Column
from telemetry.fields.snapshot import Snapshot

MISSING_FIELDS = "missing_fields"
"""The key under which the metadata of a recording name the raw fields that it does not hold."""


def held_columns(columns: Sequence[Column], missing: AbstractSet[str]) -> tuple[Column, ...]:
    """The columns that a recording can fill that lacks these raw fields."""
    if not missing:
        return tuple(columns)
    unknown = unknown_fields(missing)
    return tuple(column for column in columns if unknown.isdisjoint(field.name for field in column.fields))


def unknown_fields(missing: AbstractSet[str]) -> frozenset[str]:
    """The raw fields that are missing, and the derived fields that cannot be told without them."""
    derived = (metric.name for metric in METRICS if not missing.isdisjoint(raw_inputs(metric)))
    return frozenset(missing).union(derived)


def raw_fields_of(names: Iterable[str]) -> frozenset[str]:
    """The raw fields that these fields are or are derived from; KeyError for a name that is not a field."""
    metrics = {metric.name: raw_inputs(metric) for metric in METRICS}
    return frozenset(raw for name in names for raw in ((name,) if name in Snapshot.INDEX else metrics[name]))


def describe_missing(missing: AbstractSet[str]) -> dict[str, str]:
    """The entry for the metadata of a recording; none where nothing is missing."""
    return {MISSING_FIELDS: ",".join(name for name in Snapshot.NAMES if name in missing)} if missing else {}


def parse_missing(text: str) -> frozenset[str]:
    """The raw fields in such an entry."""
    return frozenset(text.split(",")).intersection(Snapshot.NAMES)
