"""The laps of a recording and their samples as columns: what traces are made of."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from telemetry.analysis.lap_clock import Array
from telemetry.analysis.traces import TRACE_FIELDS, Trace, make_trace
from telemetry.base.errors import UsageError
from telemetry.fields.columns import Columns
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.model import Lap, in_recorded_order
from telemetry.recording.recorded_laps import laps_of_recording
from telemetry.sources import open_source
from telemetry.sources.recording import Recording, open_recording


@dataclass(frozen=True, slots=True)
class LapRecording:
    """A recording and its laps."""

    path: Path
    laps: tuple[Lap, ...]
    missing: frozenset[str] = field(default=frozenset())
    """The raw fields that it does not hold."""
    column_map: Path | None = None
    """The file by which the columns of a table of another program are known."""

    def lap(self, number: int) -> Lap:
        """The first lap of this number, which a restart gives to several; :class:`telemetry.UsageError` if none."""
        for lap in self.laps:
            if lap.number == number and lap.first is not None:
                return lap
        have = ", ".join(str(lap.number) for lap in self.laps if lap.first is not None) or "none"
        raise UsageError(f"{self.path} has no lap {number}; it has {have}.")

    def open(self) -> Recording:
        """Its samples, to be read; raises what :func:`telemetry.open_recording` does."""
        return open_recording(self.path, column_map=self.column_map)


def read_recording(
    path: Path,
    *,
    thresholds: Thresholds = DEFAULTS,
    include_ai: bool = False,
    column_map: Path | None = None,
    watch: Callable[[Iterable[Columns]], Iterable[Columns]] = iter,
) -> LapRecording:
    """The recording of this name with its laps; ``watch`` is given the blocks in which they are found.

    Laps that are stored in the recording, and still hold, are not looked for again.

    Raises what :func:`telemetry.open_source` does.
    """
    with open_source(path, column_map=column_map) as source:
        found, missing = list(laps_of_recording(source, thresholds=thresholds, watch=watch)), source.missing_fields
    return LapRecording(path, tuple(lap.allow_ai() if include_ai else lap for lap in found), missing, column_map)


def columns_of_laps(
    recording: LapRecording, laps: Iterable[Lap], fields: Sequence[str]
) -> Iterator[tuple[Lap, dict[str, Array]]]:
    """These laps, in the order in which they were driven, with these fields of their samples.

    The samples are those in which game time advances, shape (n, ...) for each field; what is absent is NaN. The
    recording is read once for all of them, and one lap at a time is in memory. Raises :class:`telemetry.UsageError` for
    a lap without samples.
    """
    wanted = list(laps)
    for lap in wanted:
        if lap.first is None or lap.last is None:
            raise UsageError(f"Lap {lap.number} of {recording.path} has no samples.")
    if not wanted:
        return
    with recording.open() as opened:
        blocks = ({name: block[name] for name in fields} for block in opened.columns(fields, laps=wanted))
        rest: dict[str, Array] | None = None
        for lap in in_recorded_order(wanted):
            found: dict[str, list[Array]] = {name: [] for name in fields}
            missing = lap.last_sequence - lap.first_sequence + 1
            while missing and (block := rest or next(blocks, None)) is not None:
                count = len(block[fields[0]])
                for name in fields:  # copied, because a view on pages would keep all of them in memory
                    found[name].append(_with_nan(block[name][:missing].copy()))
                rest = {name: column[missing:] for name, column in block.items()} if count > missing else None
                missing -= min(count, missing)
            yield lap, {name: np.concatenate(parts) if parts else np.zeros(0) for name, parts in found.items()}


def lap_columns(recording: LapRecording, lap: Lap, fields: Sequence[str]) -> dict[str, Array]:
    """These fields of the samples of one lap, as :func:`columns_of_laps` gives them."""
    ((_, columns),) = columns_of_laps(recording, [lap], fields)
    return columns


def _with_nan(column: Array) -> Array:
    """The column with NaN in place of what is masked."""
    if not isinstance(column, np.ma.MaskedArray):
        return column
    numbers = np.asarray(column, dtype=np.float64)
    numbers[np.ma.getmaskarray(column)] = np.nan
    return numbers


def require_positions(recording: LapRecording) -> None:
    """Raise :class:`telemetry.UsageError` where a recording holds no positions, or no lap clock."""
    for name in ("normalized_position", "current_time"):
        if name in recording.missing:
            raise UsageError(f"{recording.path} does not hold {name}, so its laps cannot be put on the track.")


def laps_of(recording: Recording) -> LapRecording:
    """An opened recording (:func:`telemetry.open_recording`) and its laps."""
    held = {field.name for field in recording.fields}
    missing = frozenset(name for name in Snapshot.NAMES if name not in held)
    return LapRecording(Path(recording.name), tuple(recording.laps()), missing)


def trace(
    recording: LapRecording | Recording, lap: Lap, fields: Sequence[str] = (), *, line_position: float | None = None
) -> Trace:
    """The trace of a lap of a recording, with these fields as its channels.

    ::

        with telemetry.open_recording("drive.mcap") as recording:
            best = trace(recording, recording.laps().fastest(), ["speed_kmh", "brake"])

    A field that the recording does not hold is NaN. Raises :class:`telemetry.UsageError` where the lap cannot be put on
    the track, because the recording holds no positions, or no lap clock.
    """
    if isinstance(recording, Recording):
        recording = laps_of(recording)
    require_positions(recording)
    wanted = dict.fromkeys((*fields, *TRACE_FIELDS))
    return make_trace(lap_columns(recording, lap, tuple(wanted)), lap, tuple(fields), line_position)
