"""Writing samples as MoTeC logs."""

from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import numpy as np

from telemetry.base.errors import SinkError
from telemetry.base.storage.output_file import Mode, OutputFile
from telemetry.base.text import format_count
from telemetry.base.typing import override
from telemetry.fields.blocks import Array
from telemetry.fields.columns import Columns
from telemetry.fields.derived import Sample
from telemetry.fields.selection import Column
from telemetry.formats.motec.channels import Names
from telemetry.formats.motec.ldx import ldx_path
from telemetry.formats.motec.options import DEFAULT_RATE_HZ, Gaps
from telemetry.formats.motec.series import ChannelValues, LogSeries, Take
from telemetry.formats.motec.slip_angle import NEEDED_FIELDS
from telemetry.formats.motec.spool import Spool
from telemetry.formats.motec.writer import MAX_BYTES, log_size, write_log
from telemetry.laps.model import Lap
from telemetry.recording.interfaces import Sink

MAX_HELD_S: Final = 600.0
"""The longest gap that is filled with the last sample; behind a longer one another log begins."""

ALSO_NEEDED: Final = frozenset({
    "elapsed", "timestamp", "run", "lap", "lap_time", "last_time", "car_model", "track", "track_configuration",
    "player_name", "tyre_compound", "session_name", "ac_version", "track_spline_length",
})  # fmt: skip
"""Fields that tell the laps, the time and the texts of a log."""

PENDING_ROWS: Final = 1024
"""Samples given one by one that are made columns at a time."""

_GRID_TOLERANCE: Final = 0.1
"""Periods by which a sample may be beside its place."""

_TYPES: Final[dict[str, Any]] = {
    field.name: object
    if field.dtype == "text"
    else np.int64
    if field.dtype == "integer" and not field.nullable
    else np.float64
    for field in Sample.FIELDS
}
"""The types of columns that are made of samples; None becomes NaN."""


class MotecSink(Sink):
    """Writes equidistant samples as channels of one log after the other; made by :func:`create`.

    Gaps end a log or are filled, as ``gaps`` says; the first log has the name of the file, those behind gaps have a
    number, and beside each lies its ``.ldx``. A field that is absent throughout has no channel. Nothing is written
    before it is closed. Raises :class:`telemetry.SinkError`, also for samples that are not equidistant.
    """

    def __init__(
        self, path: Path, columns: Sequence[Column], *, mode: Mode, names: Names, gaps: Gaps, rate: int | None
    ) -> None:
        self.name = str(path)
        self._path = path
        self._mode = mode
        self._fields = tuple(dict.fromkeys(field.name for column in columns for field in column.fields))
        self._names = names
        self._holds = gaps == "hold"
        self._rate = rate
        self._rows: list[Sample] = []
        self._logs: list[LogSeries] = []
        self._lap_times_ms: dict[tuple[int, int], int] = {}
        self._held = 0
        self._size = 0
        self._failed = False
        self._is_open = True
        self._output = OutputFile.open(path, mode)
        self._spool = Spool(path.parent)

    @property
    @override
    def size(self) -> int:
        return self._size

    @property
    @override
    def needed_fields(self) -> frozenset[str]:
        return ALSO_NEEDED.union(NEEDED_FIELDS if "slip_ratio" in self._fields else ())

    @property
    @override
    def notes(self) -> tuple[str, ...]:
        notes = []
        if len(self._logs) > 1:
            others = ", ".join(self._log_path(number).name for number in range(1, len(self._logs)))
            notes.append(f"A pause or gap ends a log, so it goes on in {others}; --gaps hold fills gaps instead.")
        if self._held:
            notes.append(f"{format_count(self._held, 'gap')} filled with the sample before.")
        return tuple(notes)

    @override
    def add_laps(self, laps: Sequence[Lap]) -> None:
        self._lap_times_ms = {(lap.start_index, lap.number): lap.time_ms for lap in laps if lap.time_ms}

    @override
    def write(self, sample: Sample) -> None:
        self._rows.append(sample)
        if len(self._rows) >= PENDING_ROWS:
            self._add_rows()

    @override
    def write_columns(self, columns: Columns) -> None:
        self._add_rows()
        if len(columns):
            self._add(lambda name: columns[name])

    @override
    def flush(self) -> None:
        """Does nothing: a log is written when it is closed."""

    @override
    def close(self) -> None:
        if not self._is_open:
            return
        self._is_open = False
        with ExitStack() as stack:
            stack.callback(self._output.close)
            stack.callback(self._spool.close)
            if self._failed:
                return
            self._add_rows()
            for number, log in enumerate(self._logs):
                output = stack.enter_context(_Closing(self._log_path(number), self._mode)) if number else self._output
                self._write_log(log, output, self._log_path(number))

    def _log_path(self, number: int) -> Path:
        return self._path.with_stem(f"{self._path.stem}_{number + 1}") if number else self._path

    def _add_rows(self) -> None:
        rows, self._rows = self._rows, []
        if rows:
            self._add(lambda name: np.array([getattr(row, name) for row in rows], dtype=_TYPES[name]))

    def _add(self, take: Take) -> None:
        try:
            self._add_to_logs(take)
        except SinkError:
            self._failed = True
            raise

    def _add_to_logs(self, take: Take) -> None:
        """Append samples to the last log, or to others behind gaps."""
        elapsed = take("elapsed")
        if self._rate is None:
            self._rate = _find_rate(elapsed)
        rate = self._rate
        start = self._logs[-1].start if self._logs else float(elapsed[0])
        exact = (elapsed - start) * rate
        places = np.rint(exact).astype(np.int64)
        ends = [*(np.flatnonzero(np.diff(places) != 1) + 1).tolist(), len(places)]
        if rate == 0 or np.abs(exact - places).max() > _GRID_TOLERANCE:
            raise SinkError(
                f"{self.name}: the samples of a MoTeC log are equidistant, a whole number of them a second. Convert "
                "with --rate, like --rate 50."
            )
        values = ChannelValues(self._fields, self._names, take)
        begin = 0
        log_began = 0
        for end in ends:
            place = int(places[begin]) - log_began
            log = self._logs[-1] if self._logs else None
            missing = 0 if log is None else place - log.count
            if log is not None and self._holds and 0 < missing <= MAX_HELD_S * rate:
                log.hold(missing)
                self._held += 1
            elif log is None or missing:
                log = LogSeries(start=float(elapsed[begin]), rate=rate, names=self._names, spool=self._spool)
                self._logs.append(log)
                log_began = int(places[begin])
            log.append(values, begin, end)
            begin = end

    def _write_log(self, log: LogSeries, output: OutputFile, path: Path) -> None:
        channels = log.channels()
        if log_size(len(channels), log.count) > MAX_BYTES:
            raise SinkError(
                f"{path} would have more than 4 GB, which a MoTeC log cannot have. Convert with fewer --fields or a "
                "lower --rate."
            )
        beside = ldx_path(path)
        try:
            with output.buffered() as file:
                write_log(file, log.rate, channels, log.about, log.venue_length_m)
                size = file.tell()
            with _Closing(beside, self._mode) as details, details.buffered() as file:
                file.write(log.ldx(self._lap_times_ms))
        except OSError as error:
            raise SinkError(f"Writing to {path} ended: {error.strerror}.") from error
        if path == self._path:
            self._size = size


class _Closing:
    """An output file that is closed at the end of a block."""

    def __init__(self, path: Path, mode: Mode) -> None:
        self._output = OutputFile.open(path, mode)

    def __enter__(self) -> OutputFile:
        return self._output

    def __exit__(self, *_: object) -> None:
        self._output.close()


def create(
    path: Path,
    columns: Sequence[Column],
    *,
    mode: Mode = "new",
    names: Names = "acti",
    gaps: Gaps = "split",
    rate: int | None = None,
) -> MotecSink:
    """A sink that writes this log, with channels under names of this kind; ``rate`` is that of the samples.

    Without a rate it is what the times of the samples say. Raises :class:`telemetry.SinkError`.
    """
    return MotecSink(path, columns, mode=mode, names=names, gaps=gaps, rate=rate)


def _find_rate(elapsed: Array) -> int:
    """The whole number of samples a second that these times show; 0 if they show none."""
    if len(elapsed) < 2:
        return DEFAULT_RATE_HZ
    period = float(np.median(np.diff(elapsed)))
    return round(1.0 / period) if period > 0.0 else 0
