"""Where recordings are delivered to: a folder, which may be another machine's, or an object store.

A file appears there whole or not at all. What went wrong is a :class:`telemetry.stores.StoreError`; then there is
nothing under the name, or what was there before.
"""

import errno
import os
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Protocol

from telemetry.base.errors import UsageError
from telemetry.base.storage.atomic import rename, sync_name
from telemetry.base.storage.file_content import read_chunks
from telemetry.base.typing import override
from telemetry.stores import ObjectStore, StoreError, is_object_store, open_object_store
from telemetry.stores.uploads import check_size, upload

INCOMING_NAME: Final = ".incoming"
"""The folder of a target for files that are not whole yet: outside of the tree that readers look into."""

ABANDONED_S: Final = 7 * 86_400.0
"""Age after which an unfinished file is one of a machine that will not finish it."""

_FOLDER_REASONS: Final = {
    errno.ENOSPC: "it is full. Make room there",
    errno.EDQUOT: "it is full: the quota of this user is used up. Make room there",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.EROFS: "it is mounted read-only",
    errno.ENOENT: "it has gone. Is it still mounted",
    errno.ESTALE: "it has gone. Is it still mounted",
    errno.EIO: "it cannot be reached",
    errno.ETIMEDOUT: "it does not answer in time",
}


class Target(Protocol):
    """A place for files; names have slashes."""

    url: str
    """The place for sentences."""

    def size_of(self, name: str) -> int | None:
        """The size of a file; None where there is none."""
        ...

    def put(self, name: str, content: Iterable[bytes], size: int) -> None:
        """Put a file there whole, in place of one of that name; not at all where anything raises."""
        ...

    def read(self, name: str) -> Iterator[bytes]:
        """The content of a file."""
        ...


def open_target(text: str, endpoint: str | None = None) -> Target:
    """The target at ``s3://bucket/prefix`` or in a folder, which must exist.

    Raises :class:`telemetry.UsageError` for what cannot be one, and :class:`StoreError` where the folder is missing.
    """
    if is_object_store(text):
        return ObjectStoreTarget(open_object_store(text, endpoint))
    if "://" in text:
        raise UsageError(f"{text} is no target: expected a folder, or s3://bucket/prefix.")
    if endpoint is not None:
        raise UsageError(f"--endpoint is for s3://, and {text} is a folder.")
    return FolderTarget(Path(text).absolute())


def check_target(text: str, endpoint: str | None = None) -> None:
    """Raise :class:`telemetry.UsageError` for what can be no target; a folder or store that is away is none of that."""
    try:
        open_target(text, endpoint)
    except StoreError:
        return


def target_name(text: str) -> str:
    """The target as an outbox remembers it, whichever folder a later command runs in."""
    return text.rstrip("/") if is_object_store(text) else str(Path(text).absolute())


class FolderTarget(Target):
    """A folder of this machine or of another one (SMB, NFS).

    It is never made: where a share is not mounted, an empty folder of its name would take the recordings instead.
    """

    def __init__(self, folder: Path) -> None:
        self.url = str(folder)
        self._folder = folder
        self._check()
        self._remove_abandoned()

    @override
    def size_of(self, name: str) -> int | None:
        with self._errors():
            self._check()
            try:
                return (self._folder / name).stat().st_size
            except FileNotFoundError:
                return None

    @override
    def put(self, name: str, content: Iterable[bytes], size: int) -> None:
        path = self._folder / name
        incoming = self._folder / INCOMING_NAME
        with self._errors():
            self._check()
            incoming.mkdir(exist_ok=True)
            staged = incoming / f"{secrets.token_hex(16)}.part"
        try:
            with self._errors():
                file = staged.open("xb")
            with file:
                for chunk in content:
                    with self._errors():
                        file.write(chunk)
                with self._errors():
                    file.flush()
                    os.fsync(file.fileno())
            with self._errors():
                if staged.stat().st_size != size:
                    raise StoreError(f"{self.url}: it kept only a part of {name}. Is it full?")
                path.parent.mkdir(parents=True, exist_ok=True)
                self._rename(staged, path, size)
        finally:
            with suppress(OSError):
                staged.unlink(missing_ok=True)

    @override
    def read(self, name: str) -> Iterator[bytes]:
        with self._errors(), (self._folder / name).open("rb") as file:
            yield from read_chunks(file)

    def _remove_abandoned(self) -> None:
        """Remove the unfinished files of machines that broke off long ago, by the clock of the folder's own machine."""
        incoming = self._folder / INCOMING_NAME
        with suppress(OSError):
            probe = incoming / f"{secrets.token_hex(16)}.now"
            probe.touch(exist_ok=False)
            now = probe.stat().st_mtime
            probe.unlink()
            for path in list(incoming.iterdir()):
                if now - path.stat().st_mtime > ABANDONED_S:
                    path.unlink(missing_ok=True)

    @staticmethod
    def _rename(staged: Path, path: Path, size: int) -> None:
        try:
            rename(staged, path)
        except PermissionError:  # on Windows: another machine reads what it delivered just now, which is the same
            if path.stat().st_size != size:
                raise
        sync_name(path)

    def _check(self) -> None:
        if not self._folder.is_dir():
            raise StoreError(f"There is no folder {self.url}. Is it mounted? Make it where it is new.")

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = _FOLDER_REASONS.get(error.errno or 0) or error.strerror or str(error)
            raise StoreError(f"{self.url}: {reason}.") from error


class ObjectStoreTarget(Target):
    """A bucket of an object store, or what begins with a prefix in it."""

    def __init__(self, store: ObjectStore) -> None:
        self.url = store.url
        self._store = store

    @override
    def size_of(self, name: str) -> int | None:
        with self._store.errors():
            info = self._store.filesystem.get_file_info(self._store.path(name))
        size: int | None = info.size if info.is_file else None
        return size

    @override
    def put(self, name: str, content: Iterable[bytes], size: int) -> None:
        upload(self._store, name, content)
        check_size(self._store, name, size)

    @override
    def read(self, name: str) -> Iterator[bytes]:
        with self._store.errors(), self._store.filesystem.open_input_stream(self._store.path(name)) as stream:
            yield from read_chunks(stream)
