"""The samples that a catalog keeps of a recording's laps as a source, for laps whose recording has gone or changed."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from telemetry.base.errors import SourceError
from telemetry.base.typing import override
from telemetry.base.units import STEP_MS
from telemetry.catalog.shards import read_lap_samples
from telemetry.catalog.state import Row
from telemetry.catalog.store import CatalogStore
from telemetry.fields.blocks import Array, TextColumn
from telemetry.fields.column_block import AnyColumn, ColumnBlock
from telemetry.fields.metrics.enums import SESSION_NAMES
from telemetry.fields.snapshot import Snapshot
from telemetry.laps.lap_reference import GAP_INTERVALS
from telemetry.laps.model import Lap, SampleRef
from telemetry.recording.column_recording import COUNTED_FIELDS, ColumnRecording
from telemetry.recording.game_state import GameStatus

if TYPE_CHECKING:
    import pyarrow as pa

_TEXTS: Final = {
    "car_model": "car",
    "track": "track",
    "track_configuration": "layout",
    "player_name": "driver",
    "tyre_compound": "tyre_compound",
}
"""Raw fields that are texts, and the columns of a lap that tell them."""

_NUMBERS: Final = ("air_temp", "road_temp", "surface_grip", "wind_speed", "ballast")
"""Raw fields that the row of a lap tells of its start."""

_SESSIONS: Final = {name: number for number, name in SESSION_NAMES.items()}

_TOLD: Final = {
    "current_time": ("lap_time", "elapsed"),
    "packet_id": ("elapsed",),
    "track_spline_length": ("lap_distance", "normalized_position"),
}
"""Raw fields that follow from columns of the catalog, and those columns."""

_CLOCK_WINDOW_MS: Final = 500.0
"""How far on either side of a sample others tell its lap clock."""

_MIN_METRES: Final = 1.0
"""Way of a lap below which nothing is told of the length of the track."""


class LapSamples(ColumnRecording):
    """Laps of one recording as a source, in the order in which they are given: that in which they were driven.

    They have the fields and the rate of the catalog. What the rows of the laps tell, and the lap clock and the length
    of the track that follow from the samples, are filled in; what the recording held besides is missing. Raises
    :class:`telemetry.SourceError` where samples have gone or are damaged.
    """

    def __init__(self, store: CatalogStore, rows: Sequence[Row], path: Path) -> None:
        """``path`` is what the source is called."""
        self._store = store
        self._rows = rows
        self._held = frozenset(read_lap_samples(store, rows[0]).column_names)
        super().__init__(path)

    @property
    @override
    def missing_fields(self) -> frozenset[str]:
        told = {name for name, needed in _TOLD.items() if self._held.issuperset(needed)}
        numbers = {name for name in _NUMBERS if any(row[name] is not None for row in self._rows)}
        filled = {*_TEXTS, *numbers, *told, "completed_laps", "last_time", "session", "status"}
        return frozenset(Snapshot.NAMES) - self._held - COUNTED_FIELDS - filled

    @override
    def read_columns(self, fields: Collection[str], rows: int) -> Iterator[ColumnBlock]:
        from telemetry.formats.parquet.columns import WrongColumn, find_columns, read_column

        before_ms = 0
        for row in self._rows:
            table = read_lap_samples(self._store, row)
            columns: dict[str, AnyColumn] = {}
            try:
                for name, column in find_columns(table.schema).items():
                    columns[name] = read_column(column, table.column(column.name).combine_chunks())
            except (WrongColumn, ValueError) as error:
                raise SourceError(f"{self.path}: the catalog's samples of it are damaged: {error}.") from None
            columns |= _told_by_samples(table)
            columns |= _told_by_row(row, len(table), before_ms)
            yield ColumnBlock(len(table), columns)
            before_ms = row["time_ms"] or 0


def make_laps(rows: Sequence[Row]) -> list[Lap]:
    """The laps of these rows of one recording, as :class:`LapSamples` has their samples; both in this order.

    Where a lap was cut first is not known of them.
    """
    begin = min((row["recorded_at"] for row in rows if row["recorded_at"] is not None), default=0.0)
    laps: list[Lap] = []
    sequence = 0
    for row in rows:
        count = row["samples"] or 0
        laps.append(_make_lap(row, sequence, count, begin))
        sequence += count
    return laps


def _make_lap(row: Row, sequence: int, count: int, begin: float) -> Lap:
    recorded_at = row["recorded_at"] or begin
    elapsed = recorded_at - begin
    seconds = (row["time_ms"] or row["measured_ms"] or 0) / 1e3

    def reference(number: int, passed: float) -> SampleRef | None:
        return SampleRef(number, _steps(elapsed + passed), elapsed + passed, recorded_at + passed) if count else None

    return Lap(
        number=row["number"],
        start_index=row["run"],
        start=row["start"],
        end=row["end"],
        first=reference(sequence, 0.0),
        last=reference(sequence + count - 1, seconds),
        time_ms=row["time_ms"],
        measured_ms=row["measured_ms"],
        sectors_ms=tuple(row["sectors_ms"]),
        invalid_because=tuple(row["invalid_because"]),
        game_verdict=row["game_verdict"],
        first_cut_m=None,
        first_cut_position=None,
        out_lap=row["kind"] == "out",
        in_lap=row["kind"] == "in",
        in_pits=row["kind"] in ("out", "in", "pit"),
        ai_driven=row["ai_driven"],
        stint=row["stint"],
        paused_s=row["paused_s"],
        top_speed_kmh=row["top_speed_kmh"],
        fuel_used_l=row["fuel_used_l"],
        fuel_left_l=row["fuel_left_l"],
        tyre_compound=row["tyre_compound"],
        tyre_worn=tuple(row["tyre_worn"]),
        session=row["session"],
        car=row["car"],
        track=row["track"],
        layout=row["layout"],
    )


def _told_by_samples(table: "pa.Table") -> Mapping[str, Array]:
    names = set(table.column_names)
    told: dict[str, Array] = {}
    if names.issuperset(("lap_time", "elapsed")):
        told["current_time"] = _lap_clock_ms(_numbers(table, "lap_time"), _numbers(table, "elapsed") * 1e3)
    if "elapsed" in names:
        told["packet_id"] = np.rint(np.nan_to_num(_numbers(table, "elapsed")) * 1e3 / STEP_MS).astype(np.int32)
    if names.issuperset(("lap_distance", "normalized_position")):
        told["track_spline_length"] = np.full(len(table), _length_m(table), dtype=np.float32)
    return told


def _lap_clock_ms(lap_time_ms: Array, elapsed_ms: Array) -> Array:
    """The lap clock at each sample in whole ms, shape (n,).

    In samples at a rate the lap time is that of the recorded sample before, which may be long ago where few were
    recorded; the newest ones of each second tell what lies between it and the other clock.
    """
    clock = np.nan_to_num(lap_time_ms)
    usual_ms = float(np.median(np.diff(elapsed_ms))) if len(clock) > 1 else 0.0
    is_new_stretch = (np.diff(clock) < 0.0) | (np.diff(elapsed_ms) > GAP_INTERVALS * usual_ms)
    rows = max(round(_CLOCK_WINDOW_MS / usual_ms), 1) if usual_ms > 0.0 else 1
    for stretch in np.split(np.arange(len(clock)), np.flatnonzero(is_new_stretch) + 1):
        lag_ms = np.pad(clock[stretch] - elapsed_ms[stretch], rows, constant_values=-np.inf)
        newest = np.lib.stride_tricks.sliding_window_view(lag_ms, 2 * rows + 1).max(axis=1)
        clock[stretch] = np.maximum.accumulate(elapsed_ms[stretch] + newest)
    whole: Array = np.rint(clock).astype(np.int32)
    return whole


def _length_m(table: "pa.Table") -> float:
    """The length of the track by two places of the lap that are far apart; 0 where none are."""
    metres, position = _numbers(table, "lap_distance"), _numbers(table, "normalized_position")
    driven = np.unwrap(position, period=1.0)
    known = np.flatnonzero(np.isfinite(metres) & np.isfinite(driven))
    if not len(known):
        return 0.0
    first, last = known[0], known[np.argmax(metres[known])]
    share = driven[last] - driven[first]
    way_m = metres[last] - metres[first]
    return float(way_m / share) if share > 0.0 and way_m > _MIN_METRES else 0.0


def _told_by_row(row: Row, count: int, before_ms: int) -> Mapping[str, AnyColumn]:
    def repeat(value: Any, kind: str) -> Array:
        return np.full(count, value, dtype=kind)

    texts = {field: TextColumn(np.zeros(count, dtype=np.intp), (row[name] or "",)) for field, name in _TEXTS.items()}
    numbers = {name: repeat(row[name], "f4") for name in _NUMBERS if row[name] is not None}
    whole = {
        "completed_laps": row["number"] - 1,
        "last_time": before_ms,
        "session": _SESSIONS.get(row["session"], -1),
        "status": GameStatus.LIVE,
    }
    return {**texts, **numbers, **{name: repeat(value, "i4") for name, value in whole.items()}}


def _numbers(table: "pa.Table", name: str) -> Array:
    values: Array = table.column(name).to_numpy().astype(np.float64)
    return values


def _steps(seconds: float) -> int:
    return round(seconds * 1e3 / STEP_MS)
