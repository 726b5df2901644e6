"""The samples of many cars, one each, as columns that go on from control step to control step."""

from collections.abc import Iterable
from typing import Any, Final

import numpy as np

from telemetry.demo.fleet.fields import FleetBlock
from telemetry.fields.blocks import Array, TextColumn
from telemetry.fields.columns import DerivedBlock
from telemetry.fields.derived import METRICS, Sample
from telemetry.fields.metrics.lap_steps import COMPARED, PROGRESS, follow_lap_steps
from telemetry.fields.metrics.metric import needs_before, raw_inputs
from telemetry.fields.metrics.tyres import tyre_floor_columns, tyre_wear_best
from telemetry.fields.thresholds import DEFAULTS
from telemetry.fields.tyre_changes import BEST_WEAR_PERCENT, may_have_changed
from telemetry.rl.sample_columns import SampleColumns

_FIELDS: Final = {field.name: field for field in Sample.FIELDS}
_METRICS: Final = {metric.name: metric for metric in METRICS}
_TYRES: Final = ("tyre_wear", "tyre_wear_best", "aid_tire_rate", "tyre_compound")
"""What the best wear of a tyre is told from, besides :data:`~telemetry.fields.metrics.lap_steps.COMPARED`."""


class FleetSamples:
    """The samples of a fleet after its latest control step: of these fields, and of those that they follow from."""

    def __init__(self, fields: Iterable[str], count: int) -> None:
        wanted = {*fields, *COMPARED, *PROGRESS, *_TYRES}
        self._derived = tuple(name for name in wanted if name in _METRICS and name not in (*PROGRESS, "tyre_wear_best"))
        self._raw = tuple(name for name in wanted if name not in _METRICS)
        inputs = {name for metric in self._derived for name in raw_inputs(_METRICS[metric])}
        self._decimals = tuple({*self._raw, *inputs})
        self._columns: dict[str, Any] = {name: _empty(name, count) for name in wanted}

    @property
    def columns(self) -> SampleColumns:
        """The samples; they stay as they are when the fleet goes on."""
        return SampleColumns(dict(self._columns))

    def take(self, index: int, sample: Sample, block: FleetBlock) -> None:
        """Set the sample of one car; ``block`` has the texts of all cars."""
        for name, column in self._columns.items():
            if isinstance(column, TextColumn):
                self._columns[name] = block.texts(name) if name not in _METRICS else column
            else:
                value = sample[Sample.INDEX[name]]
                column[index] = (
                    [np.nan if one is None else one for one in value]
                    if _FIELDS[name].shape
                    else (_missing(name) if value is None else value)
                )

    def advance(self, block: FleetBlock) -> None:
        """Replace the samples by those that follow them, of the fleet's fields now."""
        before = self._columns
        block.prepare(self._decimals)
        now: dict[str, Any] = {name: _take(block, name) for name in self._raw}

        def samples_of(row: int) -> tuple[Sample, Sample]:
            return _sample_of(now, row), _sample_of(before, row)

        progress = follow_lap_steps(before.__getitem__, now.__getitem__, samples_of)
        now.update(zip(PROGRESS, progress, strict=True))
        now["tyre_wear_best"] = _follow_wear(before, now)
        known = {"lap_progress": progress, "tyre_wear_best": now["tyre_wear_best"]}
        derived = DerivedBlock(block, None, DEFAULTS, known)
        for name in self._derived:
            now[name] = _plain(derived.derived(name))
        self._columns = now


def is_followed(name: str) -> bool:
    """Whether a field of a sample is known of the cars of a fleet."""
    if name in ("performance_meter", "current_time_text", "last_time_text", "best_time_text", "split_text"):
        return False
    metric = _METRICS.get(name)
    if metric is None or name in (*PROGRESS, "tyre_wear_best", "tyre_worn", "tyre_damaged", "tyre_critical"):
        return True
    return not needs_before(metric)


def _follow_wear(before: dict[str, Any], now: dict[str, Any]) -> Array:
    """``tyre_wear_best`` after the step: a running maximum, unless other tyres may have been fitted."""
    wear = now["tyre_wear"]
    best: Array = np.maximum(before["tyre_wear_best"], np.where(wear > 0.0, np.minimum(wear, BEST_WEAR_PERCENT), 0.0))
    floor = tyre_floor_columns(now["tyre_compound"])
    for row in np.flatnonzero(may_have_changed(wear - before["tyre_wear"], floor)).tolist():
        after, earlier = _sample_of(now, row), _sample_of(before, row)
        best[row] = tyre_wear_best(after, after.car_model, floor[row].item(), earlier)
    return best


def _sample_of(columns: dict[str, Any], row: int) -> Sample:
    """The sample of one car, with None in all fields that there are no columns of."""
    values: list[Any] = [None] * len(Sample.NAMES)
    for name, column in columns.items():
        values[Sample.INDEX[name]] = _value(name, column, row)
    return Sample.of(values)


def _value(name: str, column: Any, row: int) -> Any:
    if isinstance(column, TextColumn):
        return column.texts[column.codes[row]]
    value = column[row].tolist()
    if _FIELDS[name].shape:
        return tuple(value)
    return None if _FIELDS[name].nullable and value != value else value  # noqa: PLR0124 - only NaN differs from itself


def _take(block: FleetBlock, name: str) -> Any:
    dtype = _FIELDS[name].dtype
    if dtype == "text":
        return block.texts(name)
    return block.decimals(name) if dtype == "number" else block.array(name).astype(np.int64)


def _plain(column: Any) -> Any:
    """A column whose missing values are NaN."""
    if isinstance(column, np.ma.MaskedArray):
        return np.ma.filled(column.astype(np.float64), np.nan)
    return column


def _empty(name: str, count: int) -> Any:
    field = _FIELDS[name]
    if field.dtype == "text":
        return TextColumn(np.zeros(count, np.intp), ("",))
    dtype = np.float64 if field.dtype == "number" or field.nullable else np.int64 if field.dtype == "integer" else bool
    return np.zeros((count, *field.shape), dtype)


def _missing(name: str) -> float:
    assert _FIELDS[name].nullable, name
    return np.nan
