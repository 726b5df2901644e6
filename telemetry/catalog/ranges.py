"""The files of a store for DuckDB: it fetches the ranges of them that it needs, by way of pyarrow and of fsspec.

So DuckDB reads a file in a store as it reads one on the disk, and leaves out every row group that the statistics rule
out, by numbers of any type and by what a join or a subquery asks for. (Over pyarrow's datasets it compares texts and
whole numbers only.) Its own extension for S3 would be fetched from the internet.
"""

import threading
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final

from telemetry.base.errors import SourceError, TelemetryError
from telemetry.base.extras import require
from telemetry.catalog.s3 import S3Store
from telemetry.catalog.store import PURPOSE

PROTOCOL: Final = "catalog"

_KEPT: Final = 2
"""Ranges that are kept: the last bytes of the first file, which say where its footer begins, and the footer."""


class OpenFiles:
    """The files of a query, each opened once, and why one could not be read."""

    def __init__(self, store: S3Store, sizes: Mapping[str, int]) -> None:
        self._store = store
        self.sizes = sizes
        self._opened: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._kept: dict[tuple[str, int, int], bytes] = {}
        self.problem: TelemetryError | None = None

    def read(self, name: str, begin: int, size: int) -> bytes:
        """A range of a file; that of the first file's footer, which DuckDB asks for several times, is kept."""
        if (kept := self._kept.get((name, begin, size))) is not None:
            return kept
        try:
            with self._store.objects.errors(name):
                with self._lock:
                    if name not in self._opened:
                        path = self._store.path_of(name)
                        self._opened[name] = self._store.objects.filesystem.open_input_file(path)
                data: bytes = self._opened[name].read_at(size, begin)
        except FileNotFoundError:
            self.problem = SourceError(f"The samples {self._store.locate(name)} have gone. See: catalog check.")
            raise
        except TelemetryError as error:
            self.problem = error
            raise
        if len(self._kept) < _KEPT:
            self._kept[name, begin, size] = data
        return data


def make_filesystem(files: OpenFiles) -> Any:
    """A file system for ``register_filesystem`` of DuckDB, of these files and no other.

    Their paths begin with ``catalog://`` and end with their names in the catalog.
    """
    fsspec: Any = require("fsspec", extra="s3", purpose=PURPOSE)

    class CatalogFiles(fsspec.AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types
        protocol = PROTOCOL
        cachable = False

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return path.removeprefix(f"{PROTOCOL}://").lstrip("/")

        def info(self, path: str, **_: Any) -> dict[str, Any]:
            name = self._strip_protocol(path)
            if name not in files.sizes:
                raise FileNotFoundError(path)
            return {"name": name, "size": files.sizes[name], "type": "file"}

        def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:  # noqa: FBT001, FBT002 - as fsspec has it
            found = self.info(path)
            return [found if detail else found["name"]]

        def modified(self, _: str) -> datetime:
            """Always the same: a file's content never changes."""
            return datetime(2000, 1, 1, tzinfo=UTC)

        def open(self, path: str, mode: str = "rb", **_: Any) -> "_Ranges":
            name = self._strip_protocol(path)
            if name not in files.sizes or "w" in mode or "a" in mode:
                raise FileNotFoundError(path)
            return _Ranges(files, name)

    return CatalogFiles()


class _Ranges:
    """A file of which several threads read ranges, each from a position of its own."""

    def __init__(self, files: OpenFiles, name: str) -> None:
        self._files = files
        self._name = name
        self._here = threading.local()

    def seek(self, position: int) -> int:
        self._here.position = position
        return position

    def tell(self) -> int:
        position: int = getattr(self._here, "position", 0)
        return position

    def read(self, size: int = -1) -> bytes:
        begin = self.tell()
        left = self._files.sizes[self._name] - begin
        data = self._files.read(self._name, begin, left if size < 0 else min(size, left))
        self._here.position = begin + len(data)
        return data

    def close(self) -> None:
        """Stay open: the next one who asks gets the same file."""
