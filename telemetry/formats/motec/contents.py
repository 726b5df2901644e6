"""Which of our fields a log holds, and their columns on one time axis."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np

from telemetry.fields.blocks import Array
from telemetry.fields.schema import Field
from telemetry.fields.snapshot import Snapshot
from telemetry.formats.motec import log, units
from telemetry.formats.motec.channels import Channel, find_meanings, shows_derived_field
from telemetry.formats.motec.layout import BEACON_CHANNEL
from telemetry.formats.motec.names import EXPORTED_BY

_FIELDS: Final = {field.name: field for field in Snapshot.FIELDS}
_PERIODS: Final = {"angle_rad": 2.0 * np.pi, "angle_deg": 360.0, "lap_fraction": 1.0}
"""What is once around, for fields that are interpolated so."""


@dataclass(frozen=True, slots=True)
class Element:
    """A number of a field, and the channel that holds it."""

    channel: log.Channel
    meaning: Channel
    conversion: units.Conversion
    """From the channel's unit to that of its meaning."""

    def values(self, rate: float, begin: int, end: int) -> Array:
        """The numbers at ``k / rate`` seconds for these k, float64 or float32 as the file has it.

        Between the samples of a slower channel they are interpolated or held, as the field is.
        """
        channel = self.channel
        if channel.rate_hz == rate and end <= channel.count:
            return self._convert(channel.values(begin, end))
        positions = np.arange(begin, end) * (channel.rate_hz / rate)
        before = np.minimum(positions.astype(np.int64), channel.count - 1)
        first = int(before[0])
        values = self._convert(channel.values(first, int(before[-1]) + 2)).astype(np.float64)
        before -= first
        after = np.minimum(before + 1, len(values) - 1)
        start, interpolation = values[before], _FIELDS[self.meaning.field].interpolation
        if interpolation in ("held", "linear_per_lap"):
            return start
        delta = values[after] - start
        delta[~np.isfinite(delta)] = 0.0
        if period := _PERIODS.get(interpolation):
            delta -= period * np.round(delta / period)
        interpolated: Array = start + delta * np.clip(positions - first - before, 0.0, 1.0)
        return interpolated

    def _convert(self, values: Array) -> Array:
        factor, shift = self.conversion
        meaning = self.meaning
        if (factor, shift, meaning.factor, meaning.shift) == (1.0, 0.0, 1.0, 0.0):
            return values
        converted: Array = (values.astype(np.float64) * factor + shift - meaning.shift) / meaning.factor
        return converted


class Contents:
    """The channels of a log that are fields of ours; the others are ``unknown``."""

    def __init__(self, found: log.Log) -> None:
        self.unknown: list[log.Channel] = []
        """Channels that are no field of ours."""
        self._is_ours = EXPORTED_BY in found.about.get("event_comment", "")
        self._elements: dict[str, dict[tuple[int, ...], Element]] = {}
        for channel in found.channels:
            if not channel.count or channel.id == BEACON_CHANNEL or not self._add(channel):
                self.unknown.append(channel)
        quickest = max(self._all_elements(), key=lambda one: one.channel.rate_hz, default=None)
        self.rate = 0 if quickest is None else quickest.channel.rate_hz
        """Samples per second of the quickest of these channels; 0 if there is none."""
        self.length = max(
            (one.channel.count for one in self._all_elements() if one.channel.rate_hz == self.rate), default=0
        )
        """Samples at this rate."""

    @property
    def fields(self) -> frozenset[str]:
        """The raw fields that the log holds."""
        return frozenset(self._elements)

    def columns(self, names: Collection[str], begin: int, end: int) -> dict[str, Array]:
        """The columns of these fields from one sample to another, as far as the log holds them."""
        with np.errstate(all="ignore"):  # a file can hold any numbers
            return {name: self._column(_FIELDS[name], begin, end) for name in names if name in self._elements}

    def _add(self, channel: log.Channel) -> bool:
        for meaning in find_meanings(channel.name, is_ours=self._is_ours):
            conversion = units.find_conversion(channel.unit, meaning.unit)
            if conversion is None or (meaning.is_unit_needed and not channel.unit):
                continue
            self._elements.setdefault(meaning.field, {}).setdefault(
                meaning.element, Element(channel, meaning, conversion)
            )
            return True
        return shows_derived_field(channel.name)

    def _all_elements(self) -> Iterator[Element]:
        for elements in self._elements.values():
            yield from elements.values()

    def _column(self, field: Field, begin: int, end: int) -> Array:
        elements = self._elements[field.name]
        if field.shape == ():
            return _as_column(field, elements[()].values(self.rate, begin, end))
        column: Array = np.full((end - begin, *field.shape), np.nan)
        for place, element in elements.items():
            part = column
            for index in place[:-1]:
                part = part[:, index]
            part[:, place[-1]] = element.values(self.rate, begin, end)
        return _as_column(field, column)


def _as_column(field: Field, values: Array) -> Array:
    """Numbers as the game's pages have them."""
    if field.dtype == "integer":
        limits = np.iinfo(np.int32)
        whole = np.nan_to_num(np.rint(values.astype(np.float64)), nan=0.0)
        integers: Array = np.clip(whole, limits.min, limits.max).astype(np.int32)
        return integers
    return values.astype(np.float32)
