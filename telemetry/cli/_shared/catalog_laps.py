"""Laps of the catalog for the commands that look at laps."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.analysis.recorded_laps import LapRecording
from telemetry.base.errors import UsageError
from telemetry.catalog.lap_recordings import LapReader
from telemetry.catalog.lap_samples import make_laps
from telemetry.catalog.selection import LapSelection
from telemetry.catalog.state import Row, load_state
from telemetry.catalog.store import CatalogStore
from telemetry.cli._shared.lap_choice import RecordedLap, best_of
from telemetry.cli._shared.messages import print_warning
from telemetry.laps.car_and_track import CarAndTrack

if TYPE_CHECKING:
    from telemetry.cli._shared.lap_choice import Library


class CatalogLaps:
    """The laps of a catalog; raises what :func:`telemetry.catalog.state.load_state` does.

    Which of many laps is wanted is decided by their rows, and only the recordings of those that are wanted are read, by
    ``library``.
    """

    def __init__(self, store: CatalogStore, library: "Library", *, include_ai: bool = False) -> None:
        self._library, self._include_ai = library, include_ai
        self._state = load_state(store)
        self._reader = LapReader(store, self._state, lambda path: library.read(path)[0], print_warning)
        self._rows: dict[int, Row] = {}
        """By the identity of the lap that was made of it."""
        self._known: list[RecordedLap] = []

    def choose(self, selection: LapSelection) -> list[RecordedLap]:
        """The laps that are meant, as their rows tell them; to be read with :meth:`read`."""
        return self._of_rows(selection.choose(self._state.laps))

    def laps(self) -> list[RecordedLap]:
        """All laps of the catalog, as their rows tell them; to be read with :meth:`read`."""
        return self._of_rows(self._state.laps)

    def others(self, than: LapSelection) -> list[RecordedLap]:
        """All laps but this one, as their rows tell them; to be read with :meth:`read`."""
        (row,) = than.choose(self._state.laps)
        return self._of_rows([one for one in self._state.laps if one["lap_id"] != row["lap_id"]])

    def find(self, selection: LapSelection, like: CarAndTrack | None = None) -> RecordedLap:
        """The lap that is meant; of several the best valid one, with this car and on this track.

        Raises :class:`telemetry.UsageError` where there is none.
        """
        laps = self.choose(selection)
        if not selection.is_one_lap:
            if like is not None:
                laps = [one for one in laps if one.lap.car_and_track == like]
            if like is not None and not laps:
                raise UsageError(f"{selection.text} has no lap of {like.car or 'this car'} on {like.track_name}.")
            laps = [best_of(laps, selection.text, takes_lap=False)]
        return self.read(laps)[0]

    def read(self, laps: Sequence[RecordedLap]) -> list[RecordedLap]:
        """These laps out of what holds their samples: their recordings, or the catalog where these have gone."""
        found = self._reader.find([self._rows[id(one.lap)] for one in laps])
        for recording, _ in found:
            self._library.add(recording)
        return [RecordedLap(recording, lap.allow_ai() if self._include_ai else lap) for recording, lap in found]

    def _of_rows(self, rows: Sequence[Row]) -> list[RecordedLap]:
        found = []
        for row in rows:
            (lap,) = make_laps([row])
            one = RecordedLap(LapRecording(Path(row["file"]), (lap,)), lap.allow_ai() if self._include_ai else lap)
            self._rows[id(one.lap)] = row
            found.append(one)
        self._known += found  # so that no other lap has the identity of one of them
        return found
