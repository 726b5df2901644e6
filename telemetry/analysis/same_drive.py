"""Notices that two recordings hold the same drive: a file and its conversion, a copy under another name, a part of it.

What a recording holds is compared, not its bytes: the car's place and the physics step at the first sample of each
second. So a conversion to another format or rate is recognised, and so is what two programs recorded side by side.
"""

import hashlib
import math
from array import array
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from telemetry.base.typed_values import build
from telemetry.base.units import STEP_S
from telemetry.fields.lap_changes import MAX_SPEED_MS
from telemetry.fields.snapshot import Snapshot
from telemetry.recording.interfaces import Source
from telemetry.recording.recording_id import RECORDING_ID

if TYPE_CHECKING:
    from telemetry.fields.blocks import Array
    from telemetry.fields.columns import Columns

MIN_SHARED: Final = 0.95
"""Fraction of a recording that another one must hold too: two programs do not start and end in the same moment."""

MAX_STEPS_APART: Final = 100
"""Physics steps between two samples of the same moment: a resampled one holds the number of the sample before it, which
is up to 0.2 s old in a recording of 5 Hz."""

MAX_METRES_APART: Final = 5.0
"""Metres between two samples of the same moment: the game moves the car once per frame."""

MIN_OVERLAP_S: Final = 5
"""Seconds that two recordings share before that is reported: the files of a split recording share one."""

STANDING_CLOCK_S: Final = 2.0
"""Seconds of the recording after which another sample is taken although its time stamp is in the same second."""

SAME_TIME_S: Final = 1e-6
"""Seconds by which two time stamps may differ that were copied."""

_DAY_S: Final = 86_400.0
_LATEST_S: Final = 1e11
"""Unix time after which a time stamp is taken for garbage."""


class _Names(NamedTuple):
    """Who drove what and where."""

    car: str
    track: str
    layout: str
    driver: str


@dataclass(frozen=True, slots=True)
class _SavedFingerprint:
    """A fingerprint as values of JSON."""

    recording_id: str
    samples: int
    names: list[list[str]]
    first_s: float
    last_s: float
    seconds: list[int]
    delays_s: list[float]
    packet_ids: list[int]
    positions: list[float]
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DriveFingerprint:
    """What a recording holds, at the first sample of each second of its time stamps: about 80 kB for an hour."""

    recording_id: str
    """The id in its metadata; empty where the format has none, and in old recordings."""
    samples: int
    """How many it holds."""
    names: frozenset[tuple[str, ...]]
    """Cars, tracks, layouts and drivers that occur together."""
    first_s: float
    last_s: float
    """The earliest and the latest time stamp in Unix seconds; NaN without time stamps."""
    seconds: "array[int]"
    """The Unix seconds in which it has a sample."""
    delays_s: "array[float]"
    """How long after the full second each of these samples is."""
    packet_ids: "array[int]"
    """Their physics steps; empty where the recording does not hold them."""
    positions: "array[float]"
    """Their x and z in metres, one after the other; empty where the recording does not hold them."""
    digest: str
    """A digest of one sample a second of a recording without time stamps, which can only be compared with its copies;
    empty for all others."""

    def to_values(self) -> dict[str, Any]:
        """The fingerprint as values of JSON; the floats among them come back exactly."""
        return {entry.name: _to_lists(getattr(self, entry.name)) for entry in fields(self)}

    @classmethod
    def from_values(cls, values: Mapping[str, Any]) -> "DriveFingerprint":
        """The fingerprint of what :meth:`to_values` gave; raises KeyError, TypeError and ValueError for others."""
        saved = build(_SavedFingerprint, values)
        try:
            return cls(
                recording_id=saved.recording_id,
                samples=saved.samples,
                names=frozenset(_Names(*names) for names in saved.names),
                first_s=saved.first_s,
                last_s=saved.last_s,
                seconds=array("q", saved.seconds),
                delays_s=array("d", saved.delays_s),
                packet_ids=array("q", saved.packet_ids),
                positions=array("f", saved.positions),
                digest=saved.digest,
            )
        except OverflowError as error:
            raise ValueError("a number of the fingerprint is out of range") from error

    def holds(self, other: "DriveFingerprint") -> bool:
        """Whether the other recording holds nothing, or next to nothing, but what this one holds too."""
        if self.names and not other.names <= self.names:
            return False
        if self.digest or other.digest:
            return self.digest == other.digest
        shared_s = min(self.last_s, other.last_s) - max(self.first_s, other.first_s)
        if not shared_s >= MIN_SHARED * (other.last_s - other.first_s):
            return False
        return self.count_shared(other) >= MIN_SHARED * len(other.seconds)

    def count_shared(self, other: "DriveFingerprint") -> int:
        """The seconds of the other recording in which this one holds the same drive."""
        if not min(self.last_s, other.last_s) >= max(self.first_s, other.first_s):
            return 0
        places: defaultdict[int, list[int]] = defaultdict(list)  # several where the computer's clock was set back
        for place, second in enumerate(self.seconds):
            places[second].append(place)
        return sum(
            any(self._is_alike(place, other, number) for place in places.get(second, ()))
            for number, second in enumerate(other.seconds)
        )

    def _is_alike(self, place: int, other: "DriveFingerprint", number: int) -> bool:
        """Whether the sample at a place in this recording can be of the same drive as one of the other recording."""
        if self.recording_id and self.recording_id == other.recording_id:
            return True
        apart_s = other.delays_s[number] - self.delays_s[place]
        if not (self.packet_ids and other.packet_ids) and not (self.positions and other.positions):
            return abs(apart_s) <= SAME_TIME_S
        if self.packet_ids and other.packet_ids:
            steps = other.packet_ids[number] - self.packet_ids[place]
            low, high = sorted((0.0, apart_s / STEP_S))  # in a pause there are fewer than the time says
            if not low - MAX_STEPS_APART <= steps <= high + MAX_STEPS_APART:
                return False
        if self.positions and other.positions:
            x, z = (other.positions[2 * number + axis] - self.positions[2 * place + axis] for axis in (0, 1))
            return math.hypot(x, z) <= MAX_METRES_APART + MAX_SPEED_MS * abs(apart_s)
        return True


class FingerprintBuilder:
    """Makes the fingerprint of a recording from its samples, added in order."""

    def __init__(self, source: Source) -> None:
        missing = source.missing_fields
        self._recording_id = source.metadata.get(RECORDING_ID, "")
        self._holds_names = missing.isdisjoint(("car_model", "track", "track_configuration", "player_name"))
        self._holds_steps = "packet_id" not in missing
        self._holds_positions = missing.isdisjoint(("world_position_x", "world_position_z"))
        self._samples = 0
        self._names: set[_Names] = set()
        self._first_s, self._last_s = math.inf, -math.inf
        self._second, self._elapsed_s = -1, 0.0
        """The second, and the seconds since the start of the recording, of the sample that was taken last."""
        self._seconds = array("q")
        self._delays_s = array("d")
        self._packet_ids = array("q")
        self._positions = array("f")
        self._untimed = hashlib.sha256()
        self._has_untimed = False

    def watch(self, blocks: "Iterable[Columns]") -> "Iterator[Columns]":
        """The same blocks of samples, each added on its way."""
        for columns in blocks:
            timestamp, elapsed = columns["timestamp"], columns["elapsed"]
            rows = self._find_seconds(timestamp, elapsed)
            if rows is None:
                times = enumerate(zip(timestamp.tolist(), elapsed.tolist(), strict=True))
                for index, (time, since) in times:
                    if self._is_wanted(time, since):
                        self._take(columns.snapshot(index))
            else:
                for index in rows:
                    self._take(columns.snapshot(index))
            yield columns

    def _find_seconds(self, timestamp: "Array", elapsed: "Array") -> list[int] | None:
        """The samples of a block that begin another second; None where the time stamps need a closer look."""
        import numpy as np

        is_timed = (timestamp > 0.0) & (timestamp < _LATEST_S)
        if not len(timestamp) or not is_timed.all():
            return None
        seconds = timestamp.astype(np.int64)
        is_new = seconds != np.append(self._second, seconds[:-1])
        taken = np.maximum.accumulate(np.where(is_new, np.arange(len(seconds)), -1))
        since = elapsed - np.where(taken < 0, self._elapsed_s, elapsed[taken])
        if (since >= STANDING_CLOCK_S).any():
            return None
        self._samples += len(seconds)
        self._last_s = max(self._last_s, float(timestamp.max()))
        rows: list[int] = np.flatnonzero(is_new).tolist()
        return rows

    def _is_wanted(self, timestamp: float, elapsed: float) -> bool:
        """Whether a sample with these times is the first of its second; each is counted."""
        self._samples += 1
        if not 0.0 < timestamp < _LATEST_S:
            second = _untimed_second(elapsed)
            return not (self._has_untimed and second == self._second)
        self._last_s = max(self._last_s, timestamp)
        return int(timestamp) != self._second or elapsed - self._elapsed_s >= STANDING_CLOCK_S

    def _take(self, sample: Snapshot) -> None:
        timestamp = sample.timestamp
        self._add_names(sample)
        if not 0.0 < timestamp < _LATEST_S:
            self._has_untimed, self._second = True, _untimed_second(sample.elapsed)
            self._untimed.update(repr(sample[: len(Snapshot.FIELDS)]).encode("utf-8", "surrogatepass"))
            return
        second = int(timestamp)
        self._second, self._elapsed_s = second, sample.elapsed
        self._first_s = min(self._first_s, timestamp)
        self._seconds.append(second)
        self._delays_s.append(timestamp - second)
        if self._holds_steps:
            self._packet_ids.append(sample.packet_id)
        if self._holds_positions:
            self._positions.extend((sample.world_position_x, sample.world_position_z))

    def finish(self) -> DriveFingerprint:
        """The fingerprint of all samples added so far."""
        has_times = bool(self._seconds)
        return DriveFingerprint(
            recording_id=self._recording_id,
            samples=self._samples,
            names=frozenset(self._names),
            first_s=self._first_s if has_times else math.nan,
            last_s=self._last_s if has_times else math.nan,
            seconds=self._seconds,
            delays_s=self._delays_s,
            packet_ids=self._packet_ids,
            positions=self._positions,
            digest=self._untimed.hexdigest() if self._has_untimed else "",
        )

    def _add_names(self, sample: Snapshot) -> None:
        if self._holds_names and sample.car_model and sample.track:
            self._names.add(_Names(sample.car_model, sample.track, sample.track_configuration, sample.player_name))


def _untimed_second(elapsed: float) -> int:
    """The second of the recording in which a sample without a time stamp lies."""
    return int(elapsed) if 0.0 <= elapsed < _LATEST_S else -1


def find_copies(fingerprints: Sequence[DriveFingerprint]) -> Mapping[int, int]:
    """The recordings that hold nothing but what another one holds too, by index, and that other one.

    The other one is no copy itself: it is the longest of them, or has the most samples.
    """
    longest_first = sorted(
        range(len(fingerprints)),
        key=lambda index: (
            -len(fingerprints[index].seconds),
            -fingerprints[index].samples,
            not fingerprints[index].recording_id,
            index,
        ),
    )
    copies: dict[int, int] = {}
    kept_on: defaultdict[int, list[int]] = defaultdict(list)
    """Recordings that are no copies, by the day of their time stamps."""
    for index in longest_first:
        fingerprint = fingerprints[index]
        if not fingerprint.samples:
            continue
        days = _days(fingerprint)
        original = next((other for other in kept_on[days[0]] if fingerprints[other].holds(fingerprint)), None)
        if original is not None:
            copies[index] = original
            continue
        for day in days:
            kept_on[day].append(index)
    return copies


def find_overlaps(fingerprints: Sequence[DriveFingerprint]) -> Iterator[tuple[int, int, int]]:
    """Pairs of recordings that hold the same drive for some seconds, by index, the longer one first; and how long."""
    on_day: defaultdict[int, list[int]] = defaultdict(list)
    for index, fingerprint in enumerate(fingerprints):
        if not fingerprint.samples or fingerprint.digest:
            continue
        days = _days(fingerprint)
        for before in dict.fromkeys(other for day in days for other in on_day[day]):
            longer, shorter = sorted((before, index), key=lambda one: -len(fingerprints[one].seconds))
            if (seconds := fingerprints[longer].count_shared(fingerprints[shorter])) >= MIN_OVERLAP_S:
                yield longer, shorter, seconds
        for day in days:
            on_day[day].append(index)


def describe_copy(copy: object, original: object) -> str:
    """The sentence for a person about a recording that is not taken a second time."""
    return f"{copy} is left out: {original} holds the same drive."


def _days(fingerprint: DriveFingerprint) -> range:
    """The days of its time stamps, as numbers; -1 without time stamps."""
    if fingerprint.digest:
        return range(-1, 0)
    return range(int(fingerprint.first_s // _DAY_S), int(fingerprint.last_s // _DAY_S) + 1)


def _to_lists(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(list(names) for names in value)
    return value.tolist() if isinstance(value, array) else value
