"""The counters of a rig, as its ``/healthz`` has them."""

import math
from dataclasses import fields
from typing import Any, Final, get_type_hints

import orjson

from telemetry.recording.game_state import State
from telemetry.stream.stream_stats import StreamStats
from telemetry.stream.upstream import parse_state

_TYPES: Final = get_type_hints(StreamStats)


def parse_stats(data: bytes) -> StreamStats | None:
    """The counters in this JSON; None where it holds none. What an older version does not count is 0."""
    try:
        values = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    if not isinstance(values, dict) or "state" not in values:
        return None
    return StreamStats(**{field.name: _take(values, field.name) for field in fields(StreamStats)})


def _take(values: dict[str, Any], name: str) -> Any:
    kind, value = _TYPES[name], values.get(name)
    if kind is State:
        return parse_state(values)[0]
    if kind is str:
        return value[:200] if isinstance(value, str) else ""
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return int(value) if kind is int else float(value)
    return None if kind not in (int, float) else kind(0)
