"""The channels of a log that is being written: what was gathered for them, and what they tell of laps."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Final

import numpy as np

from telemetry.base.version import VERSION
from telemetry.fields.blocks import Array
from telemetry.fields.derived import Sample
from telemetry.formats.motec.beacons import LapColumns, find_beacons
from telemetry.formats.motec.channels import SLIP_ANGLES, Channel, Names, channels_for, own_channels
from telemetry.formats.motec.ldx import format_ldx
from telemetry.formats.motec.names import EXPORTED_BY
from telemetry.formats.motec.slip_angle import slip_angles
from telemetry.formats.motec.spool import Parts, Spool
from telemetry.formats.motec.writer import Series

Take = Callable[[str], Array]
"""The values of a field in some samples, as :class:`telemetry.fields.columns.Columns` has them."""

_LAP_FIELDS: Final = ("run", "lap", "lap_time", "last_time")
_TEXTS: Final = (
    "car_model", "track", "track_configuration", "player_name", "tyre_compound", "session_name", "ac_version",
)  # fmt: skip
_FIELDS: Final = {field.name: field for field in Sample.FIELDS}

_MAX_EXACT: Final = 1 << 24
"""The largest integer up to which float32 holds all."""

_RATE_CHANNEL: Final = "Raw Data Sample Rate"
"""ACTI's channel of the rate, which assetto_corsa_gym asks for."""


MAX_BYTES_IN_MEMORY: Final = 1 << 25
"""Of samples that are held in memory; further ones are put into a temporary file."""

_BYTES: Final = 4
"""Of a sample of a channel."""


class ChannelValues:
    """The values of some samples, for their channels, their laps and their texts."""

    def __init__(self, fields: tuple[str, ...], names: Names, take: Take) -> None:
        self.channels = channels_for(fields, names)
        self._take = take
        taken = {channel.field: take(channel.field) for channel in self.channels}
        self.values = [_channel_values(channel, taken[channel.field]) for channel in self.channels]
        if names == "acti" and "slip_ratio" in fields:
            angles = slip_angles(lambda name: _as_numbers(take(name)))
            self.channels += SLIP_ANGLES
            self.values += [_channel_values(channel, angles) for channel in SLIP_ANGLES]
        self.laps = [_as_numbers(take(name)) for name in _LAP_FIELDS]

    def number(self, name: str, row: int) -> float:
        """One value of a field, NaN where it is absent."""
        return float(_as_numbers(self._take(name)[row : row + 1])[0])

    def text(self, name: str, row: int) -> str:
        """One value of a text, empty where it is absent."""
        value = self._take(name)[row]
        return value if isinstance(value, str) else ""


class LogSeries:
    """One log: equidistant samples without a gap, channel by channel."""

    def __init__(self, *, start: float, rate: int, names: Names, spool: Spool) -> None:
        """``start`` is the time of the first sample; what the memory should not hold goes into the spool."""
        self._spool = spool
        self._bytes = 0
        """Of the samples in memory."""
        self.start = start
        self.rate = rate
        self.count = 0
        self.about: dict[str, str] = {}
        """Texts by the names of :attr:`telemetry.formats.motec.log.Log.about`."""
        self.venue_length_m = 0.0
        self._names = names
        self._channels: list[Channel] = []
        self._parts: list[Parts] = []
        self._laps = [Parts() for _ in _LAP_FIELDS]
        self._details: dict[str, str] = {}

    def append(self, values: ChannelValues, begin: int, end: int) -> None:
        """Some samples of these."""
        if not self.count:
            self._channels = values.channels
            self._parts = [Parts() for _ in values.channels]
            self._describe(values, begin)
        columns = (*values.values, *values.laps)
        for parts, column in zip((*self._parts, *self._laps), columns, strict=True):
            parts.append(column[begin:end])
        self._add_count(end - begin)

    def hold(self, count: int) -> None:
        """The last sample so many times again."""
        for parts in (*self._parts, *self._laps):
            parts.repeat_last(count)
        self._add_count(count)

    def channels(self) -> list[Series]:
        """The channels, without those that hold nothing; no two have the same name."""
        found: dict[str, Series] = {}
        for channel, parts in zip(self._channels, self._parts, strict=True):
            if all(np.isnan(part).all() for part in parts):
                continue
            series = _own_series(channel, parts) if channel.name in found else _series(channel, parts)
            found.setdefault(series.name, series)
        if self._names == "acti":
            rates = np.full(self.count, self.rate, dtype=np.float32)
            found.setdefault(_RATE_CHANNEL, Series(_RATE_CHANNEL, "Hz", [rates]))
        return list(found.values())

    def ldx(self, lap_times_ms: Mapping[tuple[int, int], int]) -> bytes:
        """The content of the file beside the log; lap times by start index and lap, as far as they are known."""
        run, lap, lap_time, last_time = map(np.concatenate, self._laps)
        beacons = find_beacons(self.rate, LapColumns(run, lap, lap_time, last_time), lap_times_ms)
        return format_ldx(beacons.times_us, beacons.lap_times_us, self._details)

    def _add_count(self, count: int) -> None:
        """Count these samples, and empty the memory where they are too many for it."""
        self.count += count
        self._bytes += count * (_BYTES * len(self._parts) + 8 * len(self._laps))
        if self._bytes > MAX_BYTES_IN_MEMORY:
            self._bytes = 0
            for parts in (*self._parts, *self._laps):
                parts.spool(self._spool)

    def _describe(self, values: ChannelValues, row: int) -> None:
        texts = {name: values.text(name, row) for name in _TEXTS}
        track, layout = texts["track"], texts["track_configuration"]
        session = texts["session_name"].replace("_", " ").upper()
        when = _local_time(values.number("timestamp", row))
        game = f"Assetto Corsa {texts['ac_version']}".strip()
        length_m = values.number("track_spline_length", row)
        self.venue_length_m = max(0.0, length_m)
        self.about = {
            "driver": texts["player_name"],
            "vehicle": texts["car_model"],
            "venue": f"{track}-{layout}" if layout else track,
            "comment": f"Tires: {texts['tyre_compound']}" if texts["tyre_compound"] else "",
            "event": "Assetto Corsa",
            "event_session": session,
            "event_comment": f"{game}, {EXPORTED_BY} {VERSION}",
            "venue_name": track,
            "vehicle_name": texts["car_model"],
            "vehicle_type": "Car",
        }
        details = {
            "Event": "event", "Venue": "venue", "Driver": "driver", "Vehicle Id": "vehicle",
            "Session": "event_session", "Short Comment": "comment", "Long Comment": "event_comment",
        }  # fmt: skip
        self._details = {name: self.about[key] for name, key in details.items() if self.about[key]}
        if when is not None:
            self.about |= {"date": f"{when:%d/%m/%Y}", "time": f"{when:%H:%M:%S}"}
            self._details |= {
                "Log Date": f"{when.day}/{when.month}/{when.year}",
                "Log Time": f"{when.hour}:{when.minute}:{when.second}",
            }


def _series(channel: Channel, parts: Parts) -> Series:
    if any(part.dtype.kind == "i" for part in parts):
        parts = parts.changed(lambda part: part.astype(np.int32))
    return Series(channel.name, channel.unit, parts)


def _own_series(channel: Channel, parts: Parts) -> Series:
    """The same under our name for the field, with its own numbers."""
    own = {one.element: one for one in own_channels(_FIELDS[channel.field])}[channel.element]
    return _series(own, parts.changed(lambda part: ((part - channel.shift) / channel.factor).astype(np.float32)))


def _channel_values(channel: Channel, column: Array) -> Array:
    """The samples of a channel: float32, or int32 for integers that float32 does not hold."""
    element = column
    for place in channel.element:
        element = element[:, place]
    is_plain = channel.factor == 1.0 and channel.shift == 0.0
    if is_plain and element.dtype.kind in "iu" and not np.ma.isMaskedArray(element):
        is_large = len(element) > 0 and int(np.abs(element.astype(np.int64)).max()) > _MAX_EXACT
        return element.astype(np.int32 if is_large else np.float32)
    with np.errstate(all="ignore"):  # pages can hold any numbers
        numbers = _as_numbers(element)
        if not is_plain:
            numbers = numbers.astype(np.float64) * channel.factor + channel.shift
        return numbers.astype(np.float32)


def _as_numbers(column: Array) -> Array:
    """A column as float32 or float64, with NaN for what is absent."""
    if np.ma.isMaskedArray(column):
        return np.ma.filled(column.astype(np.float64), np.nan)
    return column if column.dtype.kind == "f" else column.astype(np.float64)


def _local_time(timestamp: float) -> datetime | None:
    """A Unix time as the local one, without a zone; None where it is none that a log can hold."""
    try:
        return datetime.fromtimestamp(timestamp)  # noqa: DTZ006 - logs know no time zone
    except (ValueError, OverflowError, OSError):
        return None
