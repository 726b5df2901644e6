"""Samples of a log that is being gathered, kept in a temporary file.

A log has one channel after the other, and samples come with all channels at once.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, overload

import numpy as np

from telemetry.base.errors import SinkError
from telemetry.base.typing import override
from telemetry.fields.blocks import Array

Change = Callable[[Array], Array]


class Spool:
    """A file without a name beside the log, made when it is needed, and gone with the process.

    Raises :class:`telemetry.SinkError` where it cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._file: IO[bytes] | None = None

    def add(self, samples: Array) -> "SpooledSamples":
        """Keep these samples in the file."""
        try:
            if self._file is None:
                self._file = tempfile.TemporaryFile(dir=self._folder)  # noqa: SIM115 - closed with the spool
            place = self._file.seek(0, 2)
            self._file.write(samples.tobytes())
        except OSError as error:
            raise SinkError(f"A temporary file in {self._folder} cannot be written: {error.strerror}.") from error
        return SpooledSamples(self._file, place, samples.dtype, len(samples))

    def close(self) -> None:
        """Remove the file."""
        if self._file is not None:
            self._file.close()


class SpooledSamples:
    """Some samples in the file."""

    def __init__(self, file: IO[bytes], place: int, dtype: "np.dtype[np.generic]", count: int) -> None:
        self._file = file
        self._place = place
        self._dtype = dtype
        self._count = count

    def read(self) -> Array:
        """The samples."""
        self._file.seek(self._place)
        samples: Array = np.frombuffer(self._file.read(self._count * self._dtype.itemsize), self._dtype)
        return samples


class Parts(Sequence[Array]):
    """Samples in parts, of which those in a spool are read when they are asked for."""

    def __init__(self) -> None:
        self._parts: list[Array | SpooledSamples] = []
        self._changes: tuple[Change, ...] = ()

    def append(self, samples: Array) -> None:
        """More samples."""
        self._parts.append(samples)

    def repeat_last(self, count: int) -> None:
        """The last sample so many times again."""
        self._parts.append(np.repeat(self[-1][-1:], count))

    def spool(self, spool: Spool) -> None:
        """Put those that are in memory into the spool, as one part."""
        in_memory = [part for part in self._parts if not isinstance(part, SpooledSamples)]
        if in_memory:
            self._parts = [*self._parts[: -len(in_memory)], spool.add(np.concatenate(in_memory))]

    def changed(self, change: Change) -> "Parts":
        """The same, each part changed when it is asked for."""
        parts = Parts()
        parts._parts, parts._changes = self._parts, (*self._changes, change)
        return parts

    @override
    def __len__(self) -> int:
        return len(self._parts)

    @overload
    def __getitem__(self, index: int) -> Array: ...

    @overload
    def __getitem__(self, index: slice) -> list[Array]: ...

    @override
    def __getitem__(self, index: int | slice) -> Array | list[Array]:
        if isinstance(index, slice):
            return [self._take(part) for part in self._parts[index]]
        return self._take(self._parts[index])

    @override
    def __iter__(self) -> Iterator[Array]:
        return map(self._take, self._parts)

    def _take(self, part: Array | SpooledSamples) -> Array:
        samples = part.read() if isinstance(part, SpooledSamples) else part
        for change in self._changes:
            samples = change(samples)
        return samples
