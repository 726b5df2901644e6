"""A MoTeC log as a recording."""

from collections.abc import Collection, Iterator, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import Final

import numpy as np

from telemetry.base.errors import SourceError
from telemetry.base.text import join_names
from telemetry.base.typing import override
from telemetry.fields.blocks import TextColumn
from telemetry.fields.column_block import AnyColumn, ColumnBlock
from telemetry.fields.metrics.enums import SESSION_NAMES
from telemetry.fields.snapshot import Snapshot
from telemetry.formats.motec.beacons import decode_beacons, tell_laps
from telemetry.formats.motec.contents import Contents
from telemetry.formats.motec.layout import BEACON_CHANNEL
from telemetry.formats.motec.ldx import LogDetails, ldx_path, read_ldx
from telemetry.formats.motec.log import Channel, Log, read_log
from telemetry.formats.motec.names import fold_to_ascii
from telemetry.recording.column_recording import ColumnRecording
from telemetry.recording.game_state import GameStatus

OTHER_CHANNELS: Final = "other_channels"
"""The metadata that names the channels which are no field of ours."""

_MAX_OTHER_CHANNELS: Final = 200

_COUNTED_FIELDS: Final = frozenset({"elapsed", "sequence"})
"""Fields that follow from the place of a sample."""

_LAP_CLOCK: Final = ("completed_laps", "current_time", "last_time")
"""Fields that beacons tell where no channel does."""

_COMPOUND: Final = "Tires: "
"""What ACTI, and we, write in front of the tyres in the short comment."""


class MotecRecording(ColumnRecording):
    """A log as a source: its channels are fields by :mod:`telemetry.formats.motec.channels`.

    Samples are as far apart as those of the quickest channel that is a field; slower channels are interpolated or held
    between theirs. Laps are those of the channels, else those of the ``.ldx`` beside the file, else those of a logger's
    beacon channel. Raises :class:`SourceError` for a file, or an ``.ldx`` beside it, that cannot be read.
    """

    def __init__(self, path: Path, *, loop: bool = False, begin: float | None = None, end: float | None = None) -> None:
        self._log = read_log(path)
        self._details = _read_details(path)
        self._contents = Contents(self._log)
        if not self._contents.length:
            names = [describe_channel(channel) for channel in self._log.channels]
            raise SourceError(
                f"{path} holds no channel of a car's motion that is known here: "
                f"{join_names(names, 10) or 'it has none at all'}. "
                "The command 'fields --motec' lists the names and units that are."
            )
        self._beacons = np.array(self._find_beacons())
        self._texts = _find_texts(self._log, self._details)
        super().__init__(path, loop=loop, begin=begin, end=end)

    @property
    def log(self) -> Log:
        """The log with all of its channels, also those that are no field."""
        return self._log

    @property
    @override
    def metadata(self) -> Mapping[str, str]:
        about = {name: self._log.about[name] for name in ("event_comment", "comment") if name in self._log.about}
        others = [describe_channel(channel) for channel in self._contents.unknown]
        others += self._log.unreadable
        if others:
            about[OTHER_CHANNELS] = join_names(others, _MAX_OTHER_CHANNELS)
        return about

    @property
    @override
    def duration_s(self) -> float:
        return self._contents.length / self._contents.rate

    @cached_property
    def missing_fields(self) -> frozenset[str]:
        """The raw fields that neither a channel nor anything else in the log holds."""
        held = self._contents.fields | _COUNTED_FIELDS | self._texts.keys()
        if self._start is not None:
            held |= {"timestamp"}
        if self._has_beacons:
            held |= set(_LAP_CLOCK)
        if self._session is not None:
            held |= {"session"}
        if self._log.venue_length_m:
            held |= {"track_spline_length"}
        return frozenset(Snapshot.NAMES) - held

    @override
    def read_columns(self, fields: Collection[str], rows: int) -> Iterator[ColumnBlock]:
        length = self._contents.length
        for begin in range(0, length, rows):
            end = min(begin + rows, length)
            yield ColumnBlock(
                end - begin,
                self._load(fields, begin, end),
                lambda names, begin=begin, end=end: self._load(names, begin, end),  # type: ignore[misc]
            )

    def _load(self, names: Collection[str], begin: int, end: int) -> dict[str, AnyColumn]:
        """The columns of these fields, as far as the log tells them."""
        length = end - begin
        elapsed = np.arange(begin, end) / self._contents.rate
        columns: dict[str, AnyColumn] = {
            "elapsed": elapsed,
            "sequence": np.arange(begin, end),
            "timestamp": elapsed + (0.0 if self._start is None else self._start),
            "status": np.full(length, GameStatus.LIVE, dtype=np.int32),
            "track_spline_length": np.full(length, self._log.venue_length_m, dtype=np.float32),
        }
        if self._session is not None:
            columns["session"] = np.full(length, self._session, dtype=np.int32)
        if self._has_beacons:
            columns |= tell_laps(self._beacons, elapsed)
        for name, text in self._texts.items():
            columns[name] = TextColumn(np.zeros(length, dtype=np.intp), (text,))
        columns |= self._contents.columns(names, begin, end)
        return {name: columns[name] for name in names if name in columns}

    @cached_property
    def _start(self) -> float | None:
        """When the log began, in Unix seconds, its date and time taken as local; None where it does not say."""
        date, time = self._log.about.get("date", ""), self._log.about.get("time", "")
        for form in ("%d/%m/%Y %H:%M:%S", "%d/%m/%Y %H:%M"):
            try:
                return datetime.strptime(f"{date} {time}", form).timestamp()  # noqa: DTZ007 - logs know no time zone
            except (ValueError, OverflowError, OSError):
                continue
        return None

    @cached_property
    def _session(self) -> int | None:
        """The game's number of the session; None where the log does not name one."""
        named = self._log.about.get("event_session") or self._log.about.get("session", "")
        numbers = {name: number for number, name in SESSION_NAMES.items()} | {"qualifying": 1}
        return numbers.get(named.casefold().replace(" ", "_"))

    @cached_property
    def _has_beacons(self) -> bool:
        return bool(len(self._beacons)) and self._contents.fields.isdisjoint(_LAP_CLOCK)

    def _find_beacons(self) -> tuple[float, ...]:
        if self._details.beacons_s:
            return self._details.beacons_s
        channel = next((one for one in self._log.channels if one.id == BEACON_CHANNEL and one.rate_hz == 1), None)
        if channel is None or channel.dtype.kind == "f":
            return ()
        return decode_beacons(channel.samples(), self._log.beacon_id)


def describe_channel(channel: Channel) -> str:
    """A channel's name and unit, as in ``Brake Pos [%]``: a known name with a strange unit is another quantity."""
    return f"{channel.name} [{channel.unit}]" if channel.unit else channel.name


def _read_details(path: Path) -> LogDetails:
    beside = ldx_path(path)
    return read_ldx(beside) if beside.is_file() else LogDetails()


def _find_texts(log: Log, details: LogDetails) -> dict[str, str]:
    """The texts of the game's pages that a log tells; without letters beyond ASCII unless the ``.ldx`` has them."""
    about = log.about
    venue, driver = (
        _in_full(about.get("venue", ""), details, "Venue"),
        _in_full(about.get("driver", ""), details, "Driver"),
    )
    texts = {
        "car_model": _in_full(about.get("vehicle", "") or about.get("vehicle_name", ""), details, "Vehicle Id"),
        "player_name": driver,
    }
    track = about.get("venue_name", "")
    if track and venue.startswith(f"{track}-"):
        texts |= {"track": track, "track_configuration": venue.removeprefix(f"{track}-")}
    else:
        texts["track"] = venue or track
    if about.get("comment", "").startswith(_COMPOUND):
        texts["tyre_compound"] = about["comment"].removeprefix(_COMPOUND)
    return {name: text for name, text in texts.items() if text}


def _in_full(text: str, details: LogDetails, name: str) -> str:
    """The text as the ``.ldx`` has it, if it is the same text in full."""
    full = details.details.get(name, "")
    return full if text and fold_to_ascii(full)[:64] == text else text
