"""Changes of a catalog: one process at a time, and each change happens in the moment in which the state is replaced."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from secrets import randbelow
from socket import gethostname
from threading import Event
from time import monotonic, time
from typing import Final

from telemetry.base.errors import SinkError, SourceError, TelemetryError
from telemetry.base.extras import require
from telemetry.base.sanitize import sanitize_filename
from telemetry.base.storage.file_content import FileVersion, hash_file
from telemetry.catalog.jobs import MergedFile, MergeJob, merge_files
from telemetry.catalog.read import ID_DIGITS, ReadOptions, ReadRecording
from telemetry.catalog.same_drives import LapsByTime
from telemetry.catalog.shards import groups_to_merge
from telemetry.catalog.state import CatalogState, Row, absolute, is_here, load_state, save_state
from telemetry.catalog.store import PURPOSE, RECORDINGS_FOLDER, CatalogStore, Place, as_store
from telemetry.catalog.tables import publish_tables
from telemetry.formats import stem_of
from telemetry.formats.motec.ldx import ldx_name
from telemetry.stores import is_object_store
from telemetry.stores.remote_file import RemoteFile
from telemetry.stores.revisions import ReplacedMeanwhileError

COMMIT_S: Final = 2.0
"""Seconds after which what was read becomes part of the catalog: a kill costs no more of it."""

MAX_COMMIT_SHARE: Final = 0.1
"""Of the time, for commits: each writes the rows of all laps, and a catalog of many is committed less often."""

ATTEMPTS: Final = 20
"""How often a change is made that meets those of other machines."""

MAX_CONFLICT_PAUSE_MS: Final = 500

MAX_PAUSE_S: Final = 12 * 3600.0
"""Seconds without a commit after which other machines may have removed what this one has uploaded."""

RunMerges = Callable[[Sequence[MergeJob]], Iterable[MergedFile | None]]
"""Does :func:`telemetry.catalog.jobs.merge_files` for each job; the results are in the order of the jobs."""


def run_here(jobs: Sequence[MergeJob]) -> Iterator[MergedFile | None]:
    """In this process, one after the other."""
    return map(merge_files, jobs)


class CatalogChange:
    """A catalog that this process changes; made by :func:`change_catalog`."""

    def __init__(self, store: CatalogStore, state: CatalogState, unfinished: Path) -> None:
        self.store = store
        self.state = state
        self.unfinished = unfinished
        """A folder for files that are being made; it is removed in the end."""
        self._by_time: LapsByTime | None = None
        self._adopt(state)
        self._steps: list[Callable[[], None]] = []
        """What was done since the last commit, to be done again where another machine changed the catalog meanwhile."""
        self._is_changed = False
        self._committed = monotonic()
        self._commit_pause_s = COMMIT_S
        self._committed_at = time()

    def knows(self, path: Path | RemoteFile) -> bool:
        """Whether this file was added before and has the size and the time of its last change that it had then."""
        now: FileVersion | None
        if isinstance(path, RemoteFile):
            row, now = self._by_path.get(path.url), FileVersion(path.size, path.modified_ns)
        else:
            row, now = self._by_path.get(absolute(path)), FileVersion.find(path)
        return row is not None and now == (row["size"], row["modified_ns"])

    def holds(self, recording_id: str) -> bool:
        """Whether a recording of this content is in the catalog."""
        return recording_id in self._known

    def read_options(self, *, again: bool = False) -> ReadOptions:
        """How recordings are read for this catalog; with ``again`` those too that it holds."""
        known = frozenset[str]() if again else frozenset(self._known)
        return ReadOptions(self.unfinished, self.state.fields, self.state.rate_hz, known)

    @property
    def is_committed(self) -> bool:
        """Whether all that was done is part of the catalog."""
        return not self._is_changed

    def same_drive(self, read: ReadRecording) -> str | None:
        """The file of another recording in the catalog that holds the laps of this one; None where there is none."""
        if self._by_time is None:
            self._by_time = LapsByTime(self.state.laps)
        return self._by_time.find_same_drive(read.laps)

    def add(self, read: ReadRecording, *, copy: bool = False) -> bool:
        """Add a recording that was read; false where one of the same content is in the catalog already.

        What lay under the same path with another content before is replaced. With ``copy`` the catalog gets a copy of
        the file. All becomes part of the catalog with the next :meth:`commit`. Raises
        :class:`telemetry.SourceError` where the recording has changed meanwhile, and OSError.
        """
        recording_id = read.recording["recording_id"]
        if self.holds(recording_id):
            for path, _ in read.shards.values():
                if path is not None:
                    path.unlink(missing_ok=True)
            return False
        replaced = self._by_path.get(read.recording["path"])
        if not is_object_store(read.recording["path"]):
            read.recording["stored_on"] = None if read.recording["copied"] else gethostname()
            if copy:
                self._copy(read)
        for name, (path, _) in read.shards.items():
            if path is not None:
                self.store.put(path, name)
        if replaced is not None:
            self.remove([replaced["recording_id"]])
        self._do(partial(self._insert, read))
        return True

    def remove(self, recording_ids: Sequence[str]) -> None:
        """Remove recordings with their laps and samples; a file that holds others' samples too is written anew.

        Where such a file cannot be read, those laps stay without samples. Raises OSError.
        """
        self._do(partial(self._remove, frozenset(recording_ids)))

    def _insert(self, read: ReadRecording) -> None:
        """Add rows whose files have their names; the rows are copied, for merging changes those of the state."""
        if self.holds(read.recording["recording_id"]):
            return
        self.state.shards |= {name: shard for name, (_, shard) in read.shards.items()}
        row = dict(read.recording)
        self.state.recordings.append(row)
        self.state.laps += map(dict, read.laps)
        if self._by_time is not None:
            self._by_time.add(read.laps)
        self._known.add(row["recording_id"])
        if is_here(row):
            self._by_path[row["path"]] = row

    def _remove(self, gone: AbstractSet[str]) -> None:
        touched = {row["shard"] for row in self.state.laps if row["recording_id"] in gone and row["shard"]}
        self.state.laps = [row for row in self.state.laps if row["recording_id"] not in gone]
        self.state.recordings = [row for row in self.state.recordings if row["recording_id"] not in gone]
        self._adopt(self.state)
        for name in touched:
            rows = [row for row in self.state.laps if row["shard"] == name]
            self.state.shards.pop(name, None)
            if rows and (found := merge_files(self._merge_job(rows))):
                self._place(found, rows)
            else:
                for row in rows:
                    row.update(shard=None, row_group=None, samples=None)

    def merge(self, *, every: bool = False, run: RunMerges = run_here) -> int:
        """Put small files of samples together, where there are many or ``every`` one; returns how many were.

        Files that cannot be read stay as they are. ``run`` does the work for each. Raises OSError.
        """
        merged = 0
        groups = groups_to_merge(self.state, every=every)
        rows: dict[str, list[Row]] = {}
        for row in self.state.laps:
            rows.setdefault(row["shard"], []).append(row)
        jobs = [self._merge_job([row for name in group for row in rows.get(name, ())]) for group in groups]
        for group, job, found in zip(groups, jobs, run(jobs), strict=True):
            if found is not None:
                self._place(found, job.rows)
                for name in group:
                    if name != found.name:
                        self.state.shards.pop(name, None)
                merged += len(group)
                self._is_changed = True
        return merged

    def commit_if_due(self) -> None:
        """Commit where the last one is some seconds ago."""
        if monotonic() - self._committed > self._commit_pause_s:
            self.commit()

    def commit(self) -> None:
        """Make what was done so far part of the catalog. Raises :class:`telemetry.SinkError`."""
        began = monotonic()
        with _telling(self.store, "It is as it was before."):
            if self._is_changed:
                self._save()
        with _telling(self.store, "It has changed all the same, but for its tables for other programs."):
            state = self.state
            for _ in range(ATTEMPTS):
                publish_tables(self.store, state, self.unfinished)
                if self.store.is_current(state.revision):
                    break
                state = load_state(self.store)  # another machine's, which may have published its tables before ours
        self._committed = monotonic()
        self._commit_pause_s = max(COMMIT_S, (self._committed - began) / MAX_COMMIT_SHARE)
        self._committed_at = time()

    def _save(self) -> None:
        """Replace the state; where another machine has, do all again on that one's."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                save_state(self.store, self.state)
                break
            except ReplacedMeanwhileError:
                if attempt == ATTEMPTS:
                    raise
                Event().wait(randbelow(MAX_CONFLICT_PAUSE_MS) / 1e3)  # else two machines meet again
                self._start_again()
        self._steps.clear()
        self._is_changed = False

    def _start_again(self) -> None:
        """Do on the catalog as it is now what was done since the last commit, but for putting files together."""
        if time() - self._committed_at > MAX_PAUSE_S:
            raise SinkError(f"This computer slept while it changed {self.store}. Run the same command again.")
        theirs = load_state(self.store)
        if (theirs.fields, theirs.rate_hz) != (self.state.fields, self.state.rate_hz):
            raise SinkError(f"{self.store} was made meanwhile, with other settings. Run the same command again.")
        self._adopt(theirs)
        for step in self._steps:
            step()

    def _do(self, step: Callable[[], None]) -> None:
        step()
        self._steps.append(step)
        self._is_changed = True

    def _adopt(self, state: CatalogState) -> None:
        self.state = state
        self._by_time = None
        self._known = {row["recording_id"] for row in state.recordings}
        self._by_path = {row["path"]: row for row in state.recordings if is_here(row)}

    def _merge_job(self, rows: Sequence[Row]) -> MergeJob:
        return MergeJob(self.store, rows, self.state.fields)

    def _place(self, file: MergedFile, rows: Iterable[Row]) -> None:
        """Say in the rows of laps where their samples are now."""
        self.state.shards[file.name] = file.shard
        places = {lap_id: number for number, lap_id in enumerate(file.lap_ids)}
        for row in rows:
            row.update(shard=file.name, row_group=places[row["lap_id"]])

    def _copy(self, read: ReadRecording) -> None:
        """Copy a recording into the catalog."""
        row = read.recording
        source = Path(row["path"])
        stem = stem_of(source)
        own_name = f"{sanitize_filename(stem)}{source.name.removeprefix(stem)}"
        name = f"{RECORDINGS_FOLDER}/{row['recording_id'][:ID_DIGITS]}-{own_name}"
        unfinished = self.unfinished / "copied"
        shutil.copyfile(source, unfinished)
        if hash_file(unfinished) != row["recording_id"]:
            raise SourceError(f"{source} changed while it was read. Add it again when it is finished.")
        if (own := ldx_name(source.name)) and (copied := ldx_name(name)) and source.with_name(own).is_file():
            shutil.copyfile(source.with_name(own), self.unfinished / "beside")
            self.store.put(self.unfinished / "beside", copied)
        self.store.put(unfinished, name)
        row.update(path=name, copied=True, stored_on=None)


@contextmanager
def change_catalog(place: Place, new: CatalogState | None = None) -> Iterator[CatalogChange]:
    """A catalog to be changed; ``new`` is the state of one that is made where there is none.

    What is not committed is forgotten, and what killed commands left is removed. Raises :class:`telemetry.SinkError`
    where another command changes it, or it cannot be written, and what :func:`load_state` does.
    """
    require("pyarrow.parquet", extra="catalog", purpose=PURPOSE)
    store = as_store(place)
    if new is None and not store.exists():
        load_state(store)
    with _telling(store), store.change() as unfinished:
        state = new if new is not None and not store.exists() else load_state(store)
        change = CatalogChange(store, state, unfinished)
        yield change
        if change.is_committed:  # only now: others may have put there what a later commit names
            _remove_strangers(store, change.state)


@contextmanager
def _telling(store: CatalogStore, consequence: str = "") -> Iterator[None]:
    """Tell of an error of the place of the files, and what it costs."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise SinkError(f"The catalog {store} cannot be written: {reason}. {consequence}".rstrip()) from error


def _remove_strangers(store: CatalogStore, state: CatalogState) -> None:
    """Remove files of samples and copies that the state does not name: what was killed, or has been replaced."""
    copies = {row["path"] for row in state.recordings if row["copied"]}
    names = {*state.shards, *copies, *filter(None, map(ldx_name, copies))}
    for name in store.strangers(names):
        with suppress(OSError, TelemetryError):  # then the next change does it
            store.remove(name)
