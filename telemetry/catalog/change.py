"""Changes of a catalog: one process at a time, and each change happens in the moment in which the state is replaced."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Final

from telemetry.base.errors import SinkError, SourceError, UsageError
from telemetry.base.extras import require
from telemetry.base.sanitize import sanitize_filename
from telemetry.base.storage.atomic import remove_file, rename, sync_name, sync_to_disk
from telemetry.base.storage.lock import CATALOG_LOCK_NAME, lock_catalog
from telemetry.base.storage.output_file import make_folder
from telemetry.base.storage.temporary import temporary_folder
from telemetry.catalog.read import ID_DIGITS, ReadOptions, ReadRecording
from telemetry.catalog.shards import SAMPLES_FOLDER, describe_shard, groups_to_merge, hash_file, merge_shards
from telemetry.catalog.state import STATE_NAME, CatalogState, Row, absolute, load_state, path_of, save_state
from telemetry.catalog.tables import PURPOSE, publish_tables
from telemetry.formats import find_format

RECORDINGS_FOLDER: Final = "recordings"
"""Where copies of recordings lie."""

COMMIT_S: Final = 2.0
"""Seconds after which what was read becomes part of the catalog: a kill costs no more of it."""


class CatalogChange:
    """A catalog that this process changes; made by :func:`change_catalog`."""

    def __init__(self, folder: Path, state: CatalogState, unfinished: Path) -> None:
        self.folder = folder
        self.state = state
        self.unfinished = unfinished
        """A folder for files that are being made; it is removed in the end."""
        self._known = {row["recording_id"] for row in state.recordings}
        self._by_path = {row["path"]: row for row in state.recordings if not row["copied"]}
        self._is_changed = False
        self._committed = monotonic()

    def knows(self, path: Path) -> bool:
        """Whether this file was added before and has the size and the time of its last change that it had then."""
        row = self._by_path.get(absolute(path))
        try:
            status = path.stat()
        except OSError:
            return False
        return row is not None and (status.st_size, status.st_mtime_ns) == (row["size"], row["modified_ns"])

    def holds(self, recording_id: str) -> bool:
        """Whether a recording of this content is in the catalog."""
        return recording_id in self._known

    def read_options(self, *, again: bool = False) -> ReadOptions:
        """How recordings are read for this catalog; with ``again`` those too that it holds."""
        known = frozenset[str]() if again else frozenset(self._known)
        return ReadOptions(self.unfinished, self.state.fields, self.state.rate_hz, known)

    def add(self, read: ReadRecording, *, copy: bool = False) -> bool:
        """Add a recording that was read; false where one of the same content is in the catalog already.

        What lay under the same path with another content before is replaced. With ``copy`` the catalog gets a copy of
        the file. All becomes part of the catalog with the next :meth:`commit`. Raises
        :class:`telemetry.SourceError` where the recording has changed meanwhile, and OSError.
        """
        recording_id = read.recording["recording_id"]
        if self.holds(recording_id):
            for path, _ in read.shards.values():
                path.unlink(missing_ok=True)
            return False
        before = self._by_path.get(read.recording["path"])
        if copy:
            self._copy(read)
        if before is not None:
            self.remove([before["recording_id"]])
        for name, (path, shard) in read.shards.items():
            self._place(path, name, shard)
        self.state.recordings.append(read.recording)
        self.state.laps += read.laps
        self._known.add(recording_id)
        if not copy:
            self._by_path[read.recording["path"]] = read.recording
        self._is_changed = True
        return True

    def remove(self, recording_ids: Sequence[str]) -> None:
        """Remove recordings with their laps and samples; a file that holds others' samples too is written anew.

        Where such a file cannot be read, those laps stay without samples. Raises OSError.
        """
        gone = set(recording_ids)
        touched = {row["shard"] for row in self.state.laps if row["recording_id"] in gone and row["shard"]}
        self.state.laps = [row for row in self.state.laps if row["recording_id"] not in gone]
        self.state.recordings = [row for row in self.state.recordings if row["recording_id"] not in gone]
        self._by_path = {row["path"]: row for row in self.state.recordings if not row["copied"]}
        self._known -= gone
        for name in touched:
            rows = [row for row in self.state.laps if row["shard"] == name]
            if rows and not self._rewrite(rows):
                for row in rows:
                    row.update(shard=None, row_group=None, samples=None)
            self.state.shards.pop(name, None)
        self._is_changed = True

    def merge(self, *, every: bool = False) -> int:
        """Put small files of samples together, where there are many or ``every`` one; returns how many were.

        Files that cannot be read stay as they are. Raises OSError.
        """
        merged = 0
        for group in groups_to_merge(self.state, every=every):
            rows = [row for row in self.state.laps if row["shard"] in set(group)]
            if self._rewrite(rows):
                for name in group:
                    self.state.shards.pop(name, None)
                merged += len(group)
                self._is_changed = True
        return merged

    def commit_if_due(self) -> None:
        """Commit where the last one is some seconds ago."""
        if monotonic() - self._committed > COMMIT_S:
            self.commit()

    def commit(self) -> None:
        """Make what was done so far part of the catalog. Raises :class:`telemetry.SinkError`."""
        try:
            if self._is_changed:
                save_state(self.folder, self.state)
                self._is_changed = False
            publish_tables(self.folder, self.state)
            _remove_strangers(self.folder, self.state)
        except OSError as error:
            raise SinkError(
                f"The catalog {self.folder} cannot be written: {error.strerror or error}. It is as it was before."
            ) from error
        self._committed = monotonic()

    def _rewrite(self, rows: Sequence[Row]) -> bool:
        """Write the samples of these laps, which are of one track, into one new file; false if they cannot be read."""
        pyarrow = require("pyarrow", extra="catalog", purpose=PURPOSE)
        path = self.unfinished / "merged.parquet"
        try:
            ordered = merge_shards(self.folder, rows, path, self.state.fields)
        except (FileNotFoundError, IndexError, pyarrow.ArrowException):
            return False
        name, shard = describe_shard(path, ordered)
        self._place(path, name, shard)
        for number, row in enumerate(ordered):
            row.update(shard=name, row_group=number)
        return True

    def _place(self, path: Path, name: str, shard: Row) -> None:
        """Give a closed file of samples its name in the catalog."""
        _move(path, path_of(self.folder, name))
        self.state.shards[name] = shard

    def _copy(self, read: ReadRecording) -> None:
        """Copy a recording into the catalog."""
        row = read.recording
        source = Path(row["path"])
        known = find_format(source)
        suffix = next((end for end in known.suffixes if source.name.endswith(end)), "") if known else source.suffix
        stem = sanitize_filename(source.name.removesuffix(suffix))
        name = f"{RECORDINGS_FOLDER}/{row['recording_id'][:ID_DIGITS]}-{stem}{suffix}"
        unfinished = self.unfinished / "copied"
        shutil.copyfile(source, unfinished)
        if hash_file(unfinished) != row["recording_id"]:
            raise SourceError(f"{source} changed while it was read. Add it again when it is finished.")
        _move(unfinished, path_of(self.folder, name))
        row.update(path=name, copied=True)


@contextmanager
def change_catalog(folder: Path, new: CatalogState | None = None) -> Iterator[CatalogChange]:
    """The catalog in this folder, to be changed; ``new`` is the state of one that is made where there is none.

    What is not committed is forgotten, and what killed commands left is removed. Raises :class:`telemetry.SinkError`
    where another command changes it, or it cannot be written, and what :func:`load_state` does.
    """
    require("pyarrow.parquet", extra="catalog", purpose=PURPOSE)
    if new is None and not (folder / STATE_NAME).exists():
        load_state(folder)
    _check_folder(folder)
    lock = lock_catalog(folder)
    try:
        state = new if new is not None and not (folder / STATE_NAME).exists() else load_state(folder)
        _remove_strangers(folder, state)
        with temporary_folder(folder) as unfinished:
            yield CatalogChange(folder, state, unfinished)
    except OSError as error:
        raise SinkError(f"The catalog {folder} cannot be written: {error.strerror or error}.") from error
    finally:
        lock.close()


def _check_folder(folder: Path) -> None:
    """Raise UsageError for a folder that holds other things and no catalog: they would lie among its files."""
    try:
        others = [path.name for path in folder.iterdir()] if folder.exists() else []
    except OSError as error:
        raise UsageError(f"{folder} is no folder for a catalog: {error.strerror}.") from error
    if others and not {STATE_NAME, CATALOG_LOCK_NAME} & set(others):
        raise UsageError(f"{folder} holds other files and no catalog. Name another folder with --catalog.")


def _move(path: Path, target: Path) -> None:
    """Give a closed file its name in the catalog, which follows from its content."""
    make_folder(target.parent)
    sync_to_disk(path)
    rename(path, target)
    sync_name(target)


def _remove_strangers(folder: Path, state: CatalogState) -> None:
    """Remove files of samples and copies that the state does not name: what was killed, or has been replaced."""
    names = {*state.shards, *(row["path"] for row in state.recordings if row["copied"])}
    for path in (*(folder / SAMPLES_FOLDER).glob("*/*.parquet"), *(folder / RECORDINGS_FOLDER).glob("*")):
        if path.relative_to(folder).as_posix() not in names:
            with suppress(OSError, SinkError):  # on Windows another program may read it: then the next change does it
                remove_file(path)
