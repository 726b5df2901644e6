"""Files in an object store that are read like those on a disk: fetched whole into a folder first."""

import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from telemetry.base.errors import SourceError
from telemetry.base.extras import require
from telemetry.base.storage.regular_file import open_regular_file
from telemetry.stores.object_store import PURPOSE, SCHEME, ObjectStore, is_object_store, open_object_store


class RemoteFile(NamedTuple):
    """An object of a store, as it was when it was listed. Its ``str`` is its address."""

    url: str
    size: int
    modified_ns: int
    """Unix time, by the clock of the store."""

    def __str__(self) -> str:
        return self.url

    @property
    def name(self) -> str:
        """The end of the address."""
        return self.url.rpartition("/")[2]

    @contextmanager
    def fetched(self, folder: Path) -> Iterator[Path]:
        """A copy in this folder, with the same name, removed in the end. Raises StoreError, SourceError and OSError."""
        path = folder / self.name
        try:
            with open_remote(self.url) as stream, path.open("xb") as file:
                shutil.copyfileobj(stream, file, 1 << 22)
            yield path
        except FileNotFoundError as error:
            raise SourceError(f"{self.url} has gone.") from error
        finally:
            path.unlink(missing_ok=True)


def find_remote_files(url: str) -> list[RemoteFile]:
    """The object at this address, or all that lie below it, by name; none where there is nothing. Raises StoreError."""
    store, name = _split(url.rstrip("/"))
    fs = require("pyarrow.fs", extra="s3", purpose=PURPOSE)
    with store.errors(name):
        found = [store.filesystem.get_file_info(store.path(name))] if name else []
        if not found or not found[0].is_file:
            below = store.path(name) if name else store.root
            found = store.filesystem.get_file_info(fs.FileSelector(below, recursive=True, allow_not_found=True))
    files = (RemoteFile(f"{SCHEME}{one.path}", one.size, one.mtime_ns) for one in found if one.is_file)
    return sorted(files)


@contextmanager
def open_remote(url: str) -> Iterator[Any]:
    """An object to read bytes of. Raises StoreError, and FileNotFoundError."""
    store, name = _split(url)
    with store.errors(name):
        stream: AbstractContextManager[Any] = store.filesystem.open_input_stream(store.path(name))
        with stream as opened:
            yield opened


def open_place(place: str) -> AbstractContextManager[Any]:
    """A file at this path, or an object at this address, to read bytes of. Raises StoreError and OSError."""
    return open_remote(place) if is_object_store(place) else open_regular_file(Path(place))


def _split(url: str) -> tuple[ObjectStore, str]:
    """The bucket and the rest of an address."""
    bucket, _, name = url.removeprefix(SCHEME).partition("/")
    return _open_bucket(bucket), name


@lru_cache(maxsize=8)
def _open_bucket(bucket: str) -> ObjectStore:
    return open_object_store(f"{SCHEME}{bucket}")
