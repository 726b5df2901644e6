"""Reading JSON lines: a recording as a source."""

import math
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Final

import orjson

from telemetry.base.clock import Clock, RateLimiter
from telemetry.base.errors import SourceError
from telemetry.base.typing import override
from telemetry.fields.selection import all_keys
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.wire import parse_snapshot
from telemetry.formats.compression import BytesRead, is_complete
from telemetry.formats.jsonl.lines import read_lines
from telemetry.recording.game_state import is_advancing, state_in_session
from telemetry.recording.interfaces import Moment, PlayedMoment, Reading, Source
from telemetry.recording.stand_ins import StandIns

DEFAULT_INTERVAL_S: Final = 0.1
"""Seconds between samples of a recording that does not hold their times."""

_COUNTED_FIELDS: Final = frozenset({"sequence"})
"""Fields that every reader counts anew."""


class JsonlRecording(Source):
    """A recording in JSON lines as a source: it plays at its own pace, its derived fields computed again.

    It plays between ``begin`` and ``end`` if these are given, in seconds since its first sample; the sample at ``end``
    is left out. Fields that the file lacks read as 0, NaN or the empty text, but for the lap clock and the like, for
    which other fields stand in (:mod:`telemetry.recording.stand_ins`). A truncated last line is left out.
    Raises :class:`SourceError` for a file that is not a recording, or holds no sample in that part.
    """

    def __init__(self, path: Path, *, loop: bool = False, begin: float | None = None, end: float | None = None) -> None:
        self.name = str(path)
        self._path = path
        self._loop = loop
        self._played: PlayedMoment | None = None
        self._progress = BytesRead()
        self._begin = 0.0 if begin is None else begin
        self._end = math.inf if end is None else end
        if next(self.snapshots(), None) is None:
            raise SourceError(f"{path} holds no sample.")
        if (begin is not None or end is not None) and next(self._excerpt(), None) is None:
            raise SourceError(f"{path} holds no sample between the times asked for.")

    @cached_property
    def complete(self) -> bool:
        """Whether the file ends after a complete line, and its compressed stream, if it has one, has its end."""
        return is_complete(self._path)

    @cached_property
    def missing_fields(self) -> frozenset[str]:
        """The raw fields that the file lacks, by its first line."""
        line = next(read_lines(self._path), None)
        try:
            values = orjson.loads(line.text if line else b"")
        except orjson.JSONDecodeError:
            values = None
        keys = values if isinstance(values, dict) else {}
        known = all_keys()
        present = {field.name for key in keys for field in known.get(key, ())}
        return frozenset(Snapshot.NAMES) - present - _COUNTED_FIELDS

    @property
    @override
    def read_share(self) -> float:
        return self._progress.share

    def snapshots(self) -> Iterator[Snapshot]:
        """The recorded snapshots, as fast as they can be read; raises :class:`SourceError` for an invalid line."""
        self._progress = BytesRead()
        for line in read_lines(self._path, self._progress):
            try:
                yield parse_snapshot(line.text)
            except ValueError as error:
                if line.complete:
                    raise SourceError(f"{self._path}, line {line.number}: {error}.") from error

    @override
    def moment(self, clock: Clock) -> Moment:
        return super().moment(clock) if self._played is None else self._played.now(clock)

    @override
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        start = clock.now()
        first: float | None = None
        shift, elapsed = 0.0, 0.0
        packet_id: int | None = None
        limiter = RateLimiter(rate)
        while True:
            for number, (recorded, snapshot) in enumerate(self._excerpt()):
                if first is None:
                    first = recorded
                elif number == 0:  # the recording starts again
                    shift = elapsed + DEFAULT_INTERVAL_S - recorded
                elapsed = recorded + shift
                if not limiter.accept(elapsed):
                    continue
                if not clock.sleep_until(start + elapsed - first):
                    return
                self._played = PlayedMoment(elapsed, snapshot.timestamp, start - first)
                state = state_in_session(snapshot.status, snapshot.is_esc_menu_visible)
                moved, packet_id = packet_id not in (None, snapshot.packet_id), snapshot.packet_id
                yield Reading(state, snapshot.replace(elapsed=elapsed), is_advancing(state, moved=moved))
            if not self._loop:
                return

    def _excerpt(self) -> Iterator[tuple[float, Snapshot]]:
        """The snapshots of the part to play, each with the time at which it was recorded, which never decreases.

        In a file without ``elapsed``, the differences of ``timestamp`` or the physics steps stand for it.
        """
        stand_ins = StandIns(self.missing_fields)
        first: float | None = None
        shift, elapsed = 0.0, -DEFAULT_INTERVAL_S
        for snapshot in self.snapshots():
            recorded = stand_ins.tell_time(snapshot)
            before, elapsed = elapsed, recorded + shift
            if not elapsed >= before:  # the file was appended to, or holds no times
                elapsed = before + DEFAULT_INTERVAL_S
                shift = elapsed - recorded if math.isfinite(recorded) else 0.0
            filled = stand_ins.fill(snapshot, elapsed)
            if first is None:
                first = elapsed
            if elapsed - first >= self._end:
                return
            if elapsed - first >= self._begin:
                yield elapsed, filled
