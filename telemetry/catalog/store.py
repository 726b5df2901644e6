"""Where the files of a catalog lie: in a folder of this machine, or in an object store."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Any, Final, NamedTuple, Protocol

from telemetry.base.errors import SinkError, SourceError, UsageError
from telemetry.base.extras import require
from telemetry.base.storage.atomic import remove_file, rename, replace_file, sync_name, sync_to_disk
from telemetry.base.storage.inside_folder import OutsideFolderError, path_inside
from telemetry.base.storage.lock import CATALOG_LOCK_NAME, lock_catalog
from telemetry.base.storage.output_file import make_folder
from telemetry.base.storage.regular_file import open_regular_file, read_regular_file
from telemetry.base.storage.temporary import temporary_folder

STATE_NAME: Final = "catalog.json"
"""The file that says which others belong to the catalog."""

MAX_STATE_BYTES: Final = 1 << 30
"""Of ``catalog.json``; a lap has about half a kilobyte in it."""

SAMPLES_FOLDER: Final = "samples"

RECORDINGS_FOLDER: Final = "recordings"
"""Where copies of recordings lie."""

PURPOSE: Final = "The catalog"


class StoredState(NamedTuple):
    """``catalog.json`` as it was read, or a new one that may be written."""

    data: bytes
    revision: str | None
    """Which one it is, where several machines may replace it; None in a folder, which has a lock."""


class CatalogStore(Protocol):
    """The files of a catalog, by names relative to it with slashes. Its ``str`` is what the user calls the catalog.

    All methods raise OSError, whose ``strerror`` is for a person, and :class:`telemetry.SourceError` for a name that
    leads out of the catalog.
    """

    folder: Path | None
    """The folder, where the files have paths on this machine."""

    def locate(self, name: str) -> str:
        """The path or the address of a file, for people and for the rows of recordings."""

    def errors(self, name: str) -> AbstractContextManager[None]:
        """For what reads an open file of this name: inside, an error of the store becomes a TelemetryError."""

    def is_current(self, state_revision: str | None) -> bool:
        """Whether ``catalog.json`` still is this one; only other machines can have replaced it."""

    def exists(self) -> bool:
        """Whether there is a catalog."""

    def read_state(self) -> StoredState:
        """What is in ``catalog.json``; FileNotFoundError where there is no catalog."""

    def write_state(self, state: StoredState) -> str | None:
        """Replace ``catalog.json`` at once or not at all; returns the new one's revision."""

    def unfinished(self) -> AbstractContextManager[Path]:
        """A folder of this process for files that are being made; removed in the end."""

    def change(self) -> AbstractContextManager[Path]:
        """Keep other commands from changing the catalog, as far as the store can; a folder for unfinished files.

        Raises :class:`telemetry.SinkError` where another command changes it.
        """

    def put(self, path: Path, name: str) -> None:
        """Give a closed file its name, which follows from its content; ``path`` has gone then."""

    def replace(self, path: Path, name: str) -> None:
        """Put a closed file in the place of the one of this name; ``path`` has gone then."""

    def open_parquet(self, name: str) -> Any:
        """A ``pyarrow.parquet.ParquetFile``, to be closed; raises pyarrow's ArrowException too."""

    def open(self, name: str) -> AbstractContextManager[Any]:
        """A file to read bytes of."""

    def strangers(self, names: set[str]) -> Iterator[str]:
        """Files of samples and copies of recordings that are not among ``names``, and that nobody needs any more."""

    def remove(self, name: str) -> None:
        """Delete a file."""


class FolderStore:
    """A catalog in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder: Path | None = folder
        self._folder = folder

    def __str__(self) -> str:
        return str(self._folder)

    def path_of(self, name: str) -> Path:
        """The path of a file; SourceError for one outside."""
        try:
            return path_inside(self._folder, name)
        except OutsideFolderError as error:
            raise SourceError(
                f"{self._folder / STATE_NAME} names a file that is none of the catalog's: {error}."
            ) from None

    def locate(self, name: str) -> str:
        """The path of a file."""
        return str(self.path_of(name))

    def errors(self, _: str) -> AbstractContextManager[None]:
        """Nothing that a caller does not know."""
        return nullcontext()

    def is_current(self, _: str | None) -> bool:
        """It is: the lock keeps others away."""
        return True

    def exists(self) -> bool:
        """Whether there is a catalog."""
        return (self._folder / STATE_NAME).exists()

    def read_state(self) -> StoredState:
        """What is in ``catalog.json``."""
        return StoredState(read_regular_file(self._folder / STATE_NAME, MAX_STATE_BYTES), None)

    def write_state(self, state: StoredState) -> None:
        """Replace ``catalog.json``; a reader, and whoever comes after a crash, sees the old or the new one."""
        with temporary_folder(self._folder) as temporary:
            unfinished = temporary / STATE_NAME
            unfinished.write_bytes(state.data)
            self.replace(unfinished, STATE_NAME)

    def unfinished(self) -> AbstractContextManager[Path]:
        """A folder on the same file system."""
        return temporary_folder(self._folder)

    @contextmanager
    def change(self) -> Iterator[Path]:
        """Hold the catalog's lock."""
        self._check_folder()
        lock = lock_catalog(self._folder)
        try:
            with self.unfinished() as unfinished:
                yield unfinished
        finally:
            lock.close()

    def put(self, path: Path, name: str) -> None:
        """Rename a file."""
        target = self.path_of(name)
        make_folder(target.parent)
        sync_to_disk(path)
        rename(path, target)
        sync_name(target)

    def replace(self, path: Path, name: str) -> None:
        """Rename a file, unless another process holds the one that is to go."""
        sync_to_disk(path)
        replace_file(path, self.path_of(name))

    def open_parquet(self, name: str) -> Any:
        """A Parquet file by its path."""
        return require("pyarrow.parquet", extra="catalog", purpose=PURPOSE).ParquetFile(self.path_of(name))

    def open(self, name: str) -> AbstractContextManager[Any]:
        """A regular file."""
        return open_regular_file(self.path_of(name))

    def strangers(self, names: set[str]) -> Iterator[str]:
        """All of them: the lock keeps other writers away, and readers hold what they have opened."""
        folder = self._folder
        for path in (*folder.glob(f"{SAMPLES_FOLDER}/*/*.parquet"), *folder.glob(f"{RECORDINGS_FOLDER}/*")):
            name = path.relative_to(folder).as_posix()
            if name not in names:
                yield name

    def remove(self, name: str) -> None:
        """Delete a file, unless another process holds it."""
        try:
            remove_file(self._folder / name)
        except SinkError as error:  # on Windows another program may read it
            raise OSError(str(error)) from error

    def _check_folder(self) -> None:
        """Raise UsageError for a folder that holds other things and no catalog: they would lie among its files."""
        folder = self._folder
        try:
            others = [path.name for path in folder.iterdir()] if folder.exists() else []
        except OSError as error:
            raise UsageError(f"{folder} is no folder for a catalog: {error.strerror}.") from error
        if others and not {STATE_NAME, CATALOG_LOCK_NAME} & set(others):
            raise UsageError(f"{folder} holds other files and no catalog. Name another folder with --catalog.")


Place = Path | CatalogStore
"""A catalog; one in a folder may be given by its path."""


def as_store(place: Place) -> CatalogStore:
    """The store of a catalog."""
    return FolderStore(place) if isinstance(place, Path) else place
