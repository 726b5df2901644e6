"""What sinks write to: a file that always ends at a record boundary, even if a write fails or the process dies."""

import errno
import os
import stat
import sys
from contextlib import suppress
from io import BufferedWriter
from pathlib import Path
from typing import Literal, Self

from telemetry.base.errors import SinkError
from telemetry.base.storage.lock import HeldError, is_in_place, lock_file

Mode = Literal["new", "append", "overwrite"]


def make_folder(folder: Path) -> None:
    """Make the folder of an output, where it is missing; SinkError where that is impossible."""
    if str(folder).startswith("\\\\.\\"):  # devices and pipes of Windows, which lie in no folder
        return
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SinkError(f"The folder {folder} cannot be created: {error.strerror}.") from error


class OutputFile:
    """A file that only this process writes, a pipe or a device; it has no buffer of its own.

    A new file that nothing was written to is removed again, and a file that is to be overwritten keeps its content
    until the first write. Raises :class:`telemetry.SinkError`, also for a file that another process is writing.
    """

    def __init__(self, descriptor: int, name: str, path: Path | None = None, *, mode: Mode = "new") -> None:
        self.name = name
        self._file = open(descriptor, "wb", buffering=0)  # noqa: SIM115 - closed by `close`
        status = os.fstat(descriptor)
        self._path = path if stat.S_ISREG(status.st_mode) else None
        self._identity = (status.st_dev, status.st_ino)
        self._made = mode == "new"
        if self._path:
            try:
                lock_file(descriptor, name)
                if path and not is_in_place(descriptor, path):
                    raise HeldError(f"{name} was removed or replaced just now, by another process. Try again.")
            except SinkError:
                self._file.close()
                raise
        self.size = self._file.seek(0, os.SEEK_END) if self._path and mode == "append" else 0

    @classmethod
    def open(cls, path: Path, mode: Mode = "new", *, instead: str = "Use --overwrite to replace it.") -> Self:
        """Open this file; one that exists is an error, with what to do ``instead``, unless ``mode`` says otherwise.

        Folders that are missing are made.
        """
        make_folder(path.parent)
        flags = os.O_WRONLY | os.O_CREAT | getattr(os, "O_BINARY", 0)
        try:
            existed = path.exists()
            if mode == "new" and (not existed or path.is_file()):  # a named pipe or a device is written as it is
                flags |= os.O_EXCL
            descriptor = os.open(path, flags, 0o666)
        except FileExistsError:
            raise SinkError(f"The file {path} exists already and stays untouched. {instead}") from None
        except OSError as error:
            raise SinkError(f"The file {path} cannot be written: {error.strerror}.") from error
        return cls(descriptor, str(path), path, mode=mode if existed else "new")

    @property
    def is_regular(self) -> bool:
        """Whether it is a file with a name, as opposed to a pipe or a device."""
        return self._path is not None

    @property
    def closed(self) -> bool:
        """Whether it was closed, by :meth:`close` or by an error."""
        return self._file.closed

    def buffered(self) -> BufferedWriter:
        """The empty file with a buffer, for a library that writes into it itself; who closes that closes the file."""
        if self._path:
            self._file.truncate(0)
        return BufferedWriter(self._file)

    def write(self, data: bytes, *, after: bytes | None = None, over: bytes = b"") -> None:
        """Write all of it; if that fails, truncate to complete records, which end with ``after``, and raise SinkError.

        The data replaces ``over``, the last bytes of the file, which come back if that fails. Raises it also where the
        file was removed: on Linux, writing would go on without an error and without a file.
        """
        view, done = memoryview(data), 0
        try:
            if self.size == 0 and self._path:
                self._file.truncate(0)
            if over:
                self._file.seek(self.size - len(over))
            while done < len(data):
                done += self._file.write(view[done:]) or 0
        except OSError as error:
            if after is not None:
                self.size += data.rfind(after, 0, done) + 1
            if self._path:
                with suppress(OSError):
                    if over:
                        self._file.seek(self.size - len(over))
                        self._file.write(over)
                    self._file.truncate(self.size)
            self.close()
            # Windows calls a pipe without a reader an invalid argument.
            closed = error.errno == errno.EPIPE or (error.errno == errno.EINVAL and not self.is_regular)
            reason = "its reader closed it" if closed else error.strerror
            kept = f" Everything before is intact ({self.size:,} bytes)." if self.size else ""
            raise SinkError(f"Writing to {self.name} ended: {reason}.{kept}") from error
        self.size += done - len(over)
        self.check()

    def check(self) -> None:
        """Raise SinkError for a file that was removed or replaced."""
        if self._path and not self._is_in_place(self._path):
            self._file.close()
            raise SinkError(f"The file {self.name} was removed or replaced while it was being written.")

    def close(self) -> None:
        """Close the file; harmless when done twice."""
        if self.closed:
            return
        useless = self._path if self._made and self.size == 0 else None
        if useless and not self._is_in_place(useless):
            useless = None
        if useless and sys.platform != "win32":  # while it is still held: nobody else's recording is in it
            useless.unlink(missing_ok=True)
        self._file.close()
        if useless and sys.platform == "win32":  # which removes no open file
            with suppress(OSError):
                useless.unlink(missing_ok=True)

    def _is_in_place(self, path: Path) -> bool:
        try:
            status = path.stat()
        except OSError:
            return False
        return (status.st_dev, status.st_ino) == self._identity
