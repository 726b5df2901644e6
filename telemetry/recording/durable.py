"""Sinks in front of other sinks that have every flush on the disk, where it survives a power cut."""

from collections.abc import Mapping
from pathlib import Path

from telemetry.base.errors import SinkError, UsageError
from telemetry.base.storage.atomic import sync_name, sync_to_disk
from telemetry.base.typing import override
from telemetry.fields.derived import Sample
from telemetry.recording.filters import ForwardingSink
from telemetry.recording.interfaces import PageSink, Sink


class DurablePageSink(ForwardingSink):
    """A sink of steps whose file is synced to the disk with each flush, and at its end."""

    def __init__(self, sink: PageSink, path: Path) -> None:
        super().__init__(sink)
        self._disk = _Disk(path)

    @override
    def flush(self) -> None:
        super().flush()
        self._disk.sync()

    @override
    def close(self) -> None:
        super().close()
        self._disk.sync()


class DurableSink(Sink):
    """A sink of samples whose file is synced to the disk with each flush, and at its end."""

    def __init__(self, sink: Sink, path: Path) -> None:
        self.name = sink.name
        self._sink = sink
        self._disk = _Disk(path)

    @property
    @override
    def size(self) -> int:
        return self._sink.size

    @override
    def add_metadata(self, metadata: Mapping[str, str]) -> None:
        self._sink.add_metadata(metadata)

    @override
    def write(self, sample: Sample) -> None:
        self._sink.write(sample)

    @override
    def flush(self) -> None:
        self._sink.flush()
        self._disk.sync()

    @override
    def close(self) -> None:
        self._sink.close()
        self._disk.sync()


def check_durable(path: Path) -> None:
    """Raise UsageError for an output that no disk keeps: a pipe or a device."""
    if path.exists() and not path.is_file():
        raise UsageError(f"--durable is for a file on a disk, which {path} is not.")


class _Disk:
    """The disk below a file. The first sync has the names of the file and of its folders on it too."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._named = False

    def sync(self) -> None:
        """Return when all that was written is on the disk; nothing where the file is not there. Raises SinkError."""
        try:
            sync_to_disk(self._path)
        except OSError as error:
            raise SinkError(f"{self._path} cannot be written to the disk: {error.strerror}.") from error
        if not self._named:
            for path in (self._path, *self._path.absolute().parents):
                sync_name(path)
            self._named = True
