"""A stored recording for programs: its laps, and its samples as columns, tables and data frames."""

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack, overload

from telemetry.base.checks import require_positive
from telemetry.base.errors import UsageError
from telemetry.base.typing import override
from telemetry.fields.columns import Columns
from telemetry.fields.held import held_columns
from telemetry.fields.schema import Field
from telemetry.fields.selection import ALL_COLUMNS, Column, field_names, select
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.assign import LAP_FIELDS
from telemetry.laps.choice import SampleRanges, choose_laps, describe_lap_numbers
from telemetry.laps.model import Lap, in_recorded_order
from telemetry.recording.interfaces import Closeable, Source
from telemetry.recording.recorded_laps import laps_of_recording
from telemetry.recording.selection import Selection, select_columns
from telemetry.sources import open_source

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from telemetry.formats.parquet.tables import ArrowTable

Fields = str | Collection[str] | None
"""Names, globs and groups of fields as :func:`telemetry.select` takes them; None for all that the recording holds."""

LapsWanted = Lap | Iterable[int | Lap] | None
"""Laps, or numbers of laps; None for the whole recording."""


class ColumnArguments(TypedDict, total=False):
    """The keyword arguments of :meth:`Recording.columns`; all may be left out."""

    begin: float | None
    """Leave out the samples before, in seconds since the first sample of the recording."""
    end: float | None
    """Leave out the samples from then on."""
    laps: LapsWanted
    """Only the samples of these laps."""
    rate: float | None
    """Samples per second, interpolated; None for every sample as it was recorded."""
    include_paused: bool
    """Give the samples of pauses, replays and menus too."""


class Laps(Sequence[Lap]):
    """Laps of a recording, in the order in which they were driven."""

    def __init__(self, laps: Iterable[Lap], recording: str) -> None:
        self._laps = tuple(laps)
        self._recording = recording

    def valid(self) -> "Laps":
        """Those that are valid (:attr:`telemetry.laps.Lap.valid`)."""
        return Laps((lap for lap in self if lap.valid), self._recording)

    def complete(self) -> "Laps":
        """Those that the game counted."""
        return Laps((lap for lap in self if lap.complete), self._recording)

    def fastest(self) -> Lap | None:
        """The valid lap with the lowest official time, the earlier one of equals; None where there is none."""
        timed = [lap for lap in self.valid() if lap.time_ms is not None]
        return min(timed, key=lambda lap: lap.time_ms or 0, default=None)

    def number(self, number: int, *, run: int | None = None) -> Lap:
        """The lap with this number, as the game counts from 1; ``run`` says of which start, of 1 or more.

        Raises :class:`telemetry.UsageError` where there is none, and where there are several and ``run`` is not given.
        """
        found = [lap for lap in self if lap.number == number and run in (None, lap.start_index)]
        if len(found) == 1:
            return found[0]
        if not found:
            content = describe_lap_numbers(self) if len(self) else "none"
            of_run = "" if run is None else f" of run {run}"
            raise UsageError(f"There is no lap {number}{of_run} of {self._recording}: it has {content}.")
        runs = ", ".join(str(lap.start_index) for lap in found)
        raise UsageError(f"{self._recording} has {len(found)} laps {number}. Say the run of the one wanted: {runs}.")

    @override
    def __len__(self) -> int:
        return len(self._laps)

    @overload
    def __getitem__(self, index: int) -> Lap: ...
    @overload
    def __getitem__(self, index: slice) -> "Laps": ...
    @override
    def __getitem__(self, index: int | slice) -> "Lap | Laps":
        """By the place in the recording, from 0; :meth:`number` is by the number of the lap."""
        return Laps(self._laps[index], self._recording) if isinstance(index, slice) else self._laps[index]

    @override
    def __repr__(self) -> str:
        return f"<{describe_lap_numbers(self) if self else 'no lap'} of {self._recording}>"


class Recording(Closeable):
    """A stored recording, made by :func:`open_recording`. It may be read as often as wanted.

    Of its samples are given those in which game time advances, unless ``include_paused`` says that pauses, replays and
    menus are wanted, and further only

    * those from ``begin`` on and before ``end``, in seconds since the first sample of the recording, and
    * those of ``laps``: numbers as the game counts them, or laps out of :meth:`laps`.

    With a ``rate`` in Hz they are interpolated to that many a second, on one grid for the whole recording; nothing is
    filtered. ``sequence`` counts the samples given, and ``physics_steps`` are those since the one before among them;
    all other derived fields follow from all samples before, whether they are given or not. The command ``convert``
    writes the same. What the recording does not hold is NaN, masked, or null, and never 0.

    All methods raise :class:`telemetry.UsageError` for arguments that fit nothing, and
    :class:`telemetry.SourceError` where the file is corrupt, behind what is intact.
    """

    def __init__(self, source: Source, *, thresholds: Thresholds = DEFAULTS, include_ai: bool = False) -> None:
        self.name = source.name
        self._source = source
        self._thresholds = thresholds
        self._include_ai = include_ai

    @property
    def metadata(self) -> Mapping[str, str]:
        """What the recording says of itself, like ``driver`` and ``notes``."""
        return self._source.metadata

    @property
    def fields(self) -> tuple[Field, ...]:
        """The declarations of the fields that the recording holds or that follow from them, with unit and meaning."""
        return tuple(column.fields[0] for column in held_columns(ALL_COLUMNS, self._source.missing_fields))

    def laps(self) -> Laps:
        """The laps of the whole recording; found once."""
        return self._laps

    def columns(
        self,
        fields: Fields = None,
        *,
        begin: float | None = None,
        end: float | None = None,
        laps: LapsWanted = None,
        rate: float | None = None,
        include_paused: bool = False,
    ) -> Iterator[Columns]:
        """The samples in blocks, of which one or two are in memory at a time.

        A block holds the columns of the chosen fields under their own names: numpy arrays of shape (n,) or, of a field
        that is an array, (n, 4) and the like. :attr:`Columns.fields` are their declarations.
        """
        names = field_names(self._choose(fields))
        missing = self._source.missing_fields
        begin_s, end_s = _check_times(begin, end)
        if rate is not None:
            require_positive("rate", rate)
        chosen = self._choose_laps(laps)
        selection = Selection(
            fields=None if fields is None else names,
            rate=rate,
            include_paused=include_paused,
            ranges=SampleRanges() if chosen is None else SampleRanges.of_laps(chosen),
            first=chosen[0].first if chosen else None,
            begin=begin_s,
            end=end_s,
            laps=self._laps if names & LAP_FIELDS else (),
            thresholds=self._thresholds,
        )
        return (columns.limit(names, missing) for columns in select_columns(self._source, selection))

    def to_arrow(self, fields: Fields = None, **arguments: Unpack[ColumnArguments]) -> "ArrowTable":
        """The samples of :meth:`columns` as a table of pyarrow, the same that ``convert`` writes as Parquet.

        Numbers are float32, times float64, arrays lists of a fixed size; a column's metadata hold its unit and meaning.
        Raises :class:`telemetry.UsageError` where pyarrow is not installed.
        """
        from telemetry.formats.parquet.tables import to_table

        return to_table(self.columns(fields, **arguments), self._choose(fields), self._source.missing_fields)

    def to_pandas(self, fields: Fields = None, **arguments: Unpack[ColumnArguments]) -> "pd.DataFrame":
        """The samples as a data frame of pandas, with a column for each number of an array, like ``tyre_wear_fl``.

        The names are those of ``convert`` to CSV. Raises :class:`telemetry.UsageError` where pandas is not installed.
        """
        from telemetry.formats.parquet.tables import to_pandas

        return to_pandas(self.to_arrow(fields, **arguments), self._choose(fields))

    def to_polars(self, fields: Fields = None, **arguments: Unpack[ColumnArguments]) -> "pl.DataFrame":
        """The samples as a data frame of polars, with arrays in columns of the type ``Array``.

        Raises :class:`telemetry.UsageError` where polars is not installed.
        """
        from telemetry.formats.parquet.tables import to_polars

        return to_polars(self.to_arrow(fields, **arguments))

    @override
    def close(self) -> None:
        self._source.close()

    @cached_property
    def _laps(self) -> Laps:
        laps = laps_of_recording(self._source, thresholds=self._thresholds)
        return Laps((lap.allow_ai() if self._include_ai else lap for lap in laps), self.name)

    def _choose(self, fields: Fields) -> tuple[Column, ...]:
        """The chosen columns; of all, those that the recording holds."""
        return held_columns(ALL_COLUMNS, self._source.missing_fields) if fields is None else select(fields)

    def _choose_laps(self, laps: LapsWanted) -> list[Lap] | None:
        """The chosen laps in the order of their samples, each once; None for the whole recording."""
        if laps is None:
            return None
        wanted = [laps] if isinstance(laps, Lap) else list(laps)
        numbers = [(number, number) for number in wanted if isinstance(number, int)]
        chosen = [lap for lap in wanted if isinstance(lap, Lap) and lap.first is not None]
        if numbers or not chosen:
            chosen += choose_laps(self._laps, self.name, numbers)
        return in_recorded_order({lap.first_sequence: lap for lap in chosen}.values())


def open_recording(
    path: str | Path,
    *,
    thresholds: Thresholds = DEFAULTS,
    include_ai: bool = False,
    column_map: str | Path | None = None,
) -> Recording:
    """The recording in this file, whatever its format.

    With ``include_ai`` laps can be valid that the game's AI drove. ``column_map`` is a TOML file that names the columns
    of a table of another program. Raises :class:`telemetry.UsageError` where there is
    no such recording, and :class:`telemetry.SourceError` for a file that cannot be read.
    """
    if not Path(path).is_file():
        raise UsageError(f"There is no recording {path}.")
    columns = None if column_map is None else Path(column_map)
    return Recording(open_source(Path(path), column_map=columns), thresholds=thresholds, include_ai=include_ai)


def _check_times(begin: float | None, end: float | None) -> tuple[float, float]:
    """The limits of a part, in seconds."""
    begin_s, end_s = -math.inf if begin is None else begin, math.inf if end is None else end
    if not begin_s < end_s:
        raise UsageError(f"The end of a part must be later than its beginning, got {begin_s:g} s to {end_s:g} s.")
    return begin_s, end_s
