"""A catalog in an object store, which many machines may read and change at once.

Files of samples are immutable and named by their content: who writes one disturbs nobody. ``catalog.json`` is replaced
only where it still is the one that was read (a conditional write); whoever was too late reads the new one, does its
change again on that, and tries again.
"""

import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from telemetry.base.errors import SourceError
from telemetry.base.extras import require
from telemetry.base.sanitize import is_safe_filename
from telemetry.base.storage.file_content import read_chunks
from telemetry.base.storage.temporary import temporary_folder
from telemetry.catalog.store import PURPOSE, RECORDINGS_FOLDER, SAMPLES_FOLDER, STATE_NAME, StoredState
from telemetry.stores import ObjectStore, open_object_store
from telemetry.stores.revisions import find_revision, read_revision, replace_revision
from telemetry.stores.uploads import check_size, upload

NEEDED_FOR: Final = timedelta(days=1)
"""How long a file that belongs to no catalog stays: another machine may be about to name it, or still read it."""


class S3Store:
    """A catalog at ``s3://bucket/prefix``. Nothing is asked of the store before it is needed."""

    folder: Path | None = None

    def __init__(self, url: str, endpoint: str | None = None) -> None:
        self._url = url.rstrip("/")
        self._endpoint = endpoint
        self._opened: ObjectStore | None = None

    def __str__(self) -> str:
        return self._url

    def __reduce__(self) -> Any:  # a process of another machine opens it anew, with its own credentials
        return (S3Store, (self._url, self.objects.endpoint))

    @property
    def objects(self) -> ObjectStore:
        """The store. Raises UsageError for an address that is none."""
        if self._opened is None:
            self._opened = open_object_store(self._url, self._endpoint)
        return self._opened

    def locate(self, name: str) -> str:
        """The address of a file."""
        if not all(is_safe_filename(part) for part in name.split("/")):
            raise SourceError(f"{self._url}/{STATE_NAME} names a file that is none of the catalog's: {name!r}.")
        return f"{self._url}/{name}"

    def path_of(self, name: str) -> str:
        """The path of a file for pyarrow; SourceError for one outside."""
        self.locate(name)
        return self.objects.path(name)

    def errors(self, name: str) -> AbstractContextManager[None]:
        """Its errors as sentences."""
        return self.objects.errors(name)

    def is_current(self, state_revision: str | None) -> bool:
        """Whether ``catalog.json`` has this ETag."""
        return find_revision(self.objects, STATE_NAME) == state_revision

    def exists(self) -> bool:
        """Whether there is a catalog."""
        with self.objects.errors():
            return bool(self.objects.filesystem.get_file_info(self.path_of(STATE_NAME)).is_file)

    def read_state(self) -> StoredState:
        """What is in ``catalog.json``, and its ETag."""
        return StoredState(*read_revision(self.objects, STATE_NAME))

    def write_state(self, state: StoredState) -> str:
        """Replace ``catalog.json``; :class:`telemetry.stores.revisions.ReplacedMeanwhileError` for another revision."""
        return replace_revision(self.objects, STATE_NAME, state.data, state.revision)

    def unfinished(self) -> AbstractContextManager[Path]:
        """A folder of this machine's own."""
        return temporary_folder(Path(tempfile.gettempdir()))

    def change(self) -> AbstractContextManager[Path]:
        """Nobody is kept away, see :meth:`write_state`."""
        return self.unfinished()

    def put(self, path: Path, name: str) -> None:
        """Upload a file, and see that it is there whole."""
        size = path.stat().st_size
        self.replace(path, name)
        check_size(self.objects, name, size)

    def replace(self, path: Path, name: str) -> None:
        """Upload a file."""
        self.locate(name)
        with path.open("rb") as file:
            upload(self.objects, name, read_chunks(file))
        path.unlink()

    def open_parquet(self, name: str) -> Any:
        """A Parquet file of which only what is asked for is fetched."""
        parquet = require("pyarrow.parquet", extra="catalog", purpose=PURPOSE)
        with self.objects.errors(name):
            # Column chunks that lie together are fetched at once.
            return parquet.ParquetFile(self.objects.filesystem.open_input_file(self.path_of(name)), pre_buffer=True)

    def open(self, name: str) -> AbstractContextManager[Any]:
        """A stream."""
        stream: AbstractContextManager[Any] = self.objects.filesystem.open_input_stream(self.path_of(name))
        return stream

    def strangers(self, names: set[str]) -> Iterator[str]:
        """Those that are old by the store's own clock, which is the same for all machines."""
        fs = require("pyarrow.fs", extra="s3", purpose=PURPOSE)
        with self.objects.errors():
            now = self.objects.filesystem.get_file_info(self.path_of(STATE_NAME)).mtime or datetime.now(UTC)
            for folder in (SAMPLES_FOLDER, RECORDINGS_FOLDER):
                chosen = fs.FileSelector(self.objects.path(folder), recursive=True, allow_not_found=True)
                for one in self.objects.filesystem.get_file_info(chosen):
                    name = one.path.removeprefix(f"{self.objects.root}/")
                    if one.is_file and name not in names and now - one.mtime > NEEDED_FOR:
                        yield name

    def remove(self, name: str) -> None:
        """Delete an object."""
        with self.objects.errors(name):
            self.objects.filesystem.delete_file(self.path_of(name))
