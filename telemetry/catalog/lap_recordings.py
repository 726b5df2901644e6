"""Laps of a catalog with their samples: those of the recording while it is there, or else those that the catalog keeps.

A recording has all fields at the rate at which it was recorded, so it comes first. The catalog's own samples stand for
one that has gone, or has changed since it was added: fewer fields, at the rate of the catalog.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from telemetry.analysis.recorded_laps import LapRecording
from telemetry.base.errors import SourceError, UsageError
from telemetry.base.storage.file_content import FileVersion, hash_file
from telemetry.base.text import format_count
from telemetry.base.typing import override
from telemetry.catalog.lap_samples import LapSamples, make_laps
from telemetry.catalog.read import ID_DIGITS
from telemetry.catalog.state import CatalogState, Row, recording_place
from telemetry.catalog.store import CatalogStore
from telemetry.laps.model import Lap
from telemetry.sources.recording import Recording
from telemetry.stores import is_object_store


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLaps(LapRecording):
    """The laps of a recording that has gone, with the samples that a catalog keeps of them."""

    store: CatalogStore
    """The catalog."""
    rows: tuple[Row, ...]

    @override
    def open(self) -> Recording:
        """Its samples; raises :class:`telemetry.SourceError` where these have gone too."""
        return Recording(LapSamples(self.store, self.rows, self.path))


def find_recording(store: CatalogStore, row: Row) -> tuple[Path, str]:
    """Where the recording of this row of ``recordings`` is, and why it cannot be read; an empty text where it can.

    A file that was only copied, or touched, is the same; whether it is is read from its content.
    """
    place = recording_place(store, row)
    path = Path(place)
    if is_object_store(place):
        return path, "lies in an object store"
    try:
        now = FileVersion.of(path)
        is_same = now.size == row["size"] and (
            now.modified_ns == row["modified_ns"] or hash_file(path) == row["recording_id"]
        )
    except (FileNotFoundError, NotADirectoryError):
        return path, "has gone"
    except OSError as error:
        return path, f"cannot be read ({error.strerror})"
    return path, "" if is_same else "has changed since it was added"


def recordings_of_laps(
    store: CatalogStore, state: CatalogState, rows: Sequence[Row]
) -> tuple[dict[Path, list[Row]], list[str]]:
    """The recordings of these laps that are still what was added, with their laps, and a sentence on each other one."""
    recordings = {row["recording_id"]: row for row in state.recordings}
    found: dict[Path, list[Row]] = {}
    problems = []
    for recording_id, laps in _by_recording(rows).items():
        path, problem = find_recording(store, recordings[recording_id])
        if problem:
            problems.append(f"{path} {problem}: {format_count(len(laps), 'lap')} of it left out.")
        else:
            found[path] = laps
    return found, problems


class LapReader:
    """Finds what the samples of laps of a catalog can be read from.

    ``read`` gives a recording that is still what was added, with its laps; ``tell`` takes a sentence on each one for
    which the catalog's own samples stand.
    """

    def __init__(
        self,
        store: CatalogStore,
        state: CatalogState,
        read: Callable[[Path], LapRecording],
        tell: Callable[[str], None],
    ) -> None:
        self._store, self._state = store, state
        self._read, self._tell = read, tell
        self._recordings = {row["recording_id"]: row for row in state.recordings}
        self._stored: dict[str, StoredLaps] = {}

    def find(self, rows: Sequence[Row]) -> list[tuple[LapRecording, Lap]]:
        """These laps of the catalog in their order, each with what holds its samples.

        Raises :class:`telemetry.UsageError` for a lap that neither its recording nor the catalog has samples of.
        """
        found: dict[str, tuple[LapRecording, Lap]] = {}
        for recording_id, wanted in _by_recording(rows).items():
            found |= self._find_in_recording(self._recordings[recording_id], wanted)
        return [found[row["lap_id"]] for row in rows]

    def _find_in_recording(self, recording: Row, rows: Sequence[Row]) -> dict[str, tuple[LapRecording, Lap]]:
        stored = self._stored.get(recording["recording_id"])
        path, problem = Path(recording["path"]), "has gone"
        if stored is None:
            path, problem = find_recording(self._store, recording)
            if not problem:
                try:
                    read = self._read(path)
                    return {row["lap_id"]: (read, _find_same(read.laps, row)) for row in rows}
                except (SourceError, UsageError) as error:
                    problem = f"cannot be read ({str(error).rstrip('.')})"
            stored = self._describe(recording, path, problem)
        laps = {row["lap_id"]: lap for row, lap in zip(stored.rows, stored.laps, strict=True)}
        for row in rows:
            if row["lap_id"] not in laps:
                raise UsageError(f"{path} {problem}, and the catalog has no samples of its lap {row['number']}.")
        return {row["lap_id"]: (stored, laps[row["lap_id"]]) for row in rows}

    def _describe(self, recording: Row, path: Path, problem: str) -> StoredLaps:
        """All laps of a recording that the catalog has samples of."""
        recording_id = recording["recording_id"]
        rows = [row for row in self._state.laps if row["recording_id"] == recording_id and row["shard"] is not None]
        if not rows:
            raise UsageError(f"{path} {problem}, and the catalog has no samples of it.")
        name = (self._store.folder or Path()) / f"{recording_id[:ID_DIGITS]}-{path.name}"
        missing = LapSamples(self._store, rows, name).missing_fields
        stored = StoredLaps(name, tuple(make_laps(rows)), missing, store=self._store, rows=tuple(rows))
        self._stored[recording_id] = stored
        self._tell(f"{path} {problem}: the catalog's samples of its laps are taken, at {self._state.rate_hz:g} Hz.")
        return stored


def _by_recording(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Laps by the id of their recording."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row["recording_id"], []).append(row)
    return found


def _find_same(laps: Sequence[Lap], row: Row) -> Lap:
    """The lap of this row among those of its recording; :class:`telemetry.UsageError` where it is no longer found."""
    place = int(row["lap_id"].rpartition("-")[2]) - 1
    candidates = [*laps[place : place + 1], *laps]
    for lap in candidates:
        if (lap.number, lap.start_index) == (row["number"], row["run"]) and lap.first is not None:
            return lap
    raise UsageError(f"its lap {row['number']} is no longer found")
