"""Reading a MoTeC log (``.ld``): what it says of itself, and its channels, whose samples are read when asked for."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from telemetry.base.errors import SourceError
from telemetry.fields.blocks import Array
from telemetry.formats.motec.layout import (
    EVENT,
    HEADER,
    MARK,
    NODE,
    NODE_BYTES,
    SAMPLE_TYPES,
    UNIT_IN_SHORT_NAME,
    VEHICLE,
    VENUE,
    Structure,
    decode_text,
    read_structure,
)

MAX_CHANNELS: Final = 10_000
"""Channels of a log: real ones have up to some hundred."""

MAX_DECIMALS: Final = 30
"""Decimal places of a channel, in either direction: real ones have -1 to 10."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Channel:
    """One channel of a log."""

    path: Path
    name: str
    short_name: str
    unit: str
    id: int
    """The number of the quantity in MoTeC's catalogue, or one that the writer chose."""
    rate_hz: int
    """Samples per second; sample ``k`` was taken ``k / rate_hz`` seconds after the log began."""
    count: int
    offset: int
    """Where its samples begin in the file."""
    dtype: np.dtype[Any]
    shift: int
    multiplier: int
    scale: int
    decimals: int

    @property
    def is_exact(self) -> bool:
        """Whether its values are its samples as they are in the file."""
        scaling = (self.shift, self.multiplier, self.scale, self.decimals)
        return self.dtype.kind == "f" and scaling == (0, 1, 1, 0)

    def samples(self, begin: int = 0, end: int | None = None) -> Array:
        """Some samples as the file holds them, of its own type, shape (n,); SourceError where it cannot be read."""
        end = self.count if end is None else min(end, self.count)
        begin = min(begin, end)
        try:
            samples: Array = np.fromfile(
                self.path, self.dtype, end - begin, offset=self.offset + begin * self.dtype.itemsize
            )
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read: {error.strerror}.") from error
        if len(samples) < end - begin:
            raise SourceError(f"{self.path} became shorter while it was read.")
        return samples

    def values(self, begin: int = 0, end: int | None = None) -> Array:
        """Some samples in the channel's unit, float64, or float32 if the file holds these; shape (n,).

        NaN stays NaN. Raises SourceError where the file cannot be read.
        """
        samples = self.samples(begin, end)
        if self.is_exact:
            return samples
        with np.errstate(all="ignore"):  # a file can hold any numbers
            values = samples.astype(np.float64)
            values *= 10.0**-self.decimals / self.scale
            values += self.shift
            values *= self.multiplier
        return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """A log: what it says of itself, and its channels in the order of the file."""

    path: Path
    about: Mapping[str, str]
    """Texts by their names: date, time, driver, vehicle, venue, session, comment, event, event_comment, ...; those that
    are empty are left out."""
    venue_length_m: float
    """The length of the track; 0 where the log does not say it."""
    beacon_id: int
    """The number of the beacons at the line."""
    channels: tuple[Channel, ...]
    unreadable: tuple[str, ...]
    """A phrase on each channel whose samples nobody can interpret."""

    @property
    def duration_s(self) -> float:
        """The length of its longest channel."""
        return max((channel.count / channel.rate_hz for channel in self.channels), default=0.0)


def read_log(path: Path) -> Log:
    """The log in this file; raises :class:`telemetry.SourceError` for one that is none, or is damaged."""
    try:
        with path.open("rb") as file:
            return _Reader(path, file).read()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error


class _Reader:
    """Follows the pointers of one file, each of which may lead anywhere."""

    def __init__(self, path: Path, file: IO[bytes]) -> None:
        self._path = path
        self._file = file
        self._size = file.seek(0, 2)
        self._channels: list[Channel] = []
        self._unreadable: list[str] = []

    def read(self) -> Log:
        header = self._structure(HEADER, 0)
        if int(header["mark"]) != MARK or self._size < HEADER.itemsize:
            raise SourceError(f"{self._path} is not a MoTeC log: it does not begin like one.")
        about = self._texts(header, "date", "time", "driver", "vehicle", "venue", "session", "comment")
        length_m = 0.0
        if event_at := int(header["event"]):
            event = self._structure(EVENT, self._check_place(event_at, "event"))
            about |= self._texts(event, name="event", session="event_session", comment="event_comment")
            if venue_at := int(event["venue"]):
                venue = self._structure(VENUE, self._check_place(venue_at, "venue"))
                about |= self._texts(venue, name="venue_name")
                length_m = int(venue["length_mm"]) / 1e3
                if vehicle_at := int(venue["vehicle"]):
                    vehicle = self._structure(VEHICLE, self._check_place(vehicle_at, "vehicle"))
                    about |= self._texts(vehicle, name="vehicle_name", description="vehicle_description")
        self._read_channels(int(header["first_channel"]), int(header["node_kind"]) == UNIT_IN_SHORT_NAME)
        return Log(
            path=self._path,
            about={name: text for name, text in about.items() if text},
            venue_length_m=length_m,
            beacon_id=int(header["beacon_id"]),
            channels=tuple(self._channels),
            unreadable=tuple(self._unreadable),
        )

    @cached_property
    def _damaged(self) -> str:
        return f"{self._path} is damaged or truncated"

    def _structure(self, structure: Structure, place: int) -> Any:
        self._file.seek(place)
        return read_structure(structure, self._file.read(structure.itemsize))

    def _texts(self, block: Any, *same: str, **renamed: str) -> dict[str, str]:
        """Texts of a block, under their own or other names."""
        names = {**{name: name for name in same}, **renamed}
        return {key: decode_text(block[name].tobytes()) for name, key in names.items()}

    def _check_place(self, place: int, what: str) -> int:
        if place >= self._size:
            raise SourceError(
                f"{self._damaged}: its {what} is said to be at byte {place:,}, and it has {self._size:,} bytes."
            )
        return place

    def _read_channels(self, place: int, is_unit_first: bool) -> None:  # noqa: FBT001 - how every node of a file is
        seen: set[int] = set()
        while place:
            if place in seen:
                raise SourceError(f"{self._damaged}: its list of channels leads back to byte {place:,}.")
            if len(seen) == MAX_CHANNELS:
                raise SourceError(f"{self._damaged}: its list of channels has more than {MAX_CHANNELS:,}.")
            seen.add(place)
            if place + NODE_BYTES > self._size:
                raise SourceError(
                    f"{self._damaged}: a channel is said to be at byte {place:,}, and it has {self._size:,} bytes."
                )
            node = self._structure(NODE, place)
            self._add_channel(node, place, is_unit_first)
            place = int(node["next"])

    def _add_channel(self, node: Any, place: int, is_unit_first: bool) -> None:  # noqa: FBT001 - see above
        name = decode_text(node["name"].tobytes()) or f"channel at byte {place}"
        short_name, unit = decode_text(node["short_name"].tobytes()), decode_text(node["unit"].tobytes())
        if is_unit_first:
            short_name, unit = "", decode_text((node["short_name"].tobytes() + node["unit"].tobytes())[:12])
        dtype = SAMPLE_TYPES.get((int(node["kind"]), int(node["sample_size"])))
        if reason := _why_unreadable(node, dtype):
            self._unreadable.append(f"{name} ({reason})")
        if reason or dtype is None:
            return
        count, begin = int(node["count"]), int(node["samples"])
        if count and begin + count * dtype.itemsize > self._size:
            raise SourceError(
                f"{self._damaged}: the samples of {name!r} are said to end at byte "
                f"{begin + count * dtype.itemsize:,}, and it has {self._size:,} bytes."
            )
        channel = Channel(
            path=self._path,
            name=name,
            short_name=short_name,
            unit=unit,
            id=int(node["id"]),
            rate_hz=int(node["rate_hz"]),
            count=count,
            offset=begin,
            dtype=dtype,
            shift=int(node["shift"]),
            multiplier=int(node["multiplier"]),
            scale=int(node["scale"]),
            decimals=int(node["decimals"]),
        )
        self._channels.append(channel)


def _why_unreadable(node: Any, dtype: np.dtype[Any] | None) -> str:
    """Why the samples of a channel mean nothing; empty if they do."""
    if dtype is None:
        return f"samples of kind {node['kind']} with {node['sample_size']} bytes are not known"
    if not int(node["rate_hz"]):
        return "its rate is 0 Hz"
    if not int(node["scale"]):
        return "its scale is 0"
    if abs(int(node["decimals"])) > MAX_DECIMALS:
        return f"it has {node['decimals']} decimal places"
    return ""
