"""Goes through what waits in an outbox and delivers it: each file once, and one that fails never stops the others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from telemetry.analysis.quality import recall_analysis, store_analysis
from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, SourceError, TelemetryError
from telemetry.base.storage.atomic import remove_file, sync_to_disk
from telemetry.base.storage.file_content import FileVersion, hash_chunks
from telemetry.base.storage.lock import FileLock, HeldError, held_file, lock_outbox
from telemetry.base.typing import override
from telemetry.delivery.contents import CHUNK_BYTES, Content, checked, make_row, read_content
from telemetry.delivery.outbox import OUTBOX_NAME, DeliveredFile, Outbox, WaitingFile
from telemetry.delivery.targets import Target
from telemetry.fields.thresholds import Thresholds
from telemetry.recording.interfaces import Closeable
from telemetry.sources import open_source
from telemetry.stores import StoreError

CHUNK_S: Final = 0.1
MIN_CHUNK_BYTES: Final = 4096
"""A throttled file is sent in chunks of a tenth of a second, so that others of the network come between."""


class DeliveryStopped(TelemetryError):
    """It was asked to stop in the middle; what was not delivered still waits."""


@dataclass(slots=True)
class DeliveryRound:
    """What one pass over an outbox came to."""

    delivered: list[Path] = field(default_factory=list)
    """Those that were sent."""
    known: list[Path] = field(default_factory=list)
    """Those that were there already, with the same content."""
    removed: list[Path] = field(default_factory=list)
    """Those that were deleted here, after the target had been read back."""
    busy: list[Path] = field(default_factory=list)
    """Those that are being recorded now: they wait without a fault."""
    failures: dict[Path, str] = field(default_factory=dict)
    """Why a file could not be delivered, as a sentence."""
    store_error: str = ""
    """Why the target does not do what it is asked for; then nothing more was tried."""
    bytes_sent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryOptions:
    """How recordings are delivered."""

    max_rate: float | None = None
    """Bytes per second at most, on average over a file; None: as fast as it goes."""
    delete_after: bool = False
    """Delete a recording here once the target was read back and holds the same."""


class Deliverer(Closeable):
    """Delivers from an outbox to a target; it holds the outbox until it is closed.

    ``clock`` ends a pass when it is stopped. ``on_file`` is called with each file before it is sent. Raises
    :class:`telemetry.base.storage.lock.HeldError` where another process delivers from this outbox.
    """

    def __init__(
        self,
        outbox: Outbox,
        target_name: str,
        open_target: Callable[[], Target],
        *,
        options: DeliveryOptions,
        clock: Clock,
        on_file: Callable[[Path], None] = lambda _: None,
    ) -> None:
        self.outbox = outbox
        self._target_name = target_name
        self._open_target = open_target
        self._target: Target | None = None
        self._options = options
        self._clock = clock
        self._on_file = on_file
        self._refused: dict[Path, FileVersion | None] = {}  # what could not be delivered
        self._lock: FileLock = lock_outbox(outbox.folder / OUTBOX_NAME, outbox.folder)

    @override
    def close(self) -> None:
        self._lock.close()

    def run(self) -> DeliveryRound:
        """Deliver what waits, the first first. Raises :class:`telemetry.SinkError` where the outbox cannot be written.

        Where the target fails, that is remembered and the rest waits. A file that could not be delivered before is
        tried again when it has changed.
        """
        done = DeliveryRound()
        for entry in self.outbox.waiting(self._target_name):
            if self._clock.stopped:
                break
            path = self.outbox.path(entry)
            try:
                self._deliver(entry, path, done)
            except DeliveryStopped:
                break
            except HeldError:
                done.busy.append(path)
            except StoreError as error:
                done.store_error = str(error)
                self.outbox.fail(entry, str(error))
                break
            except SourceError as error:
                done.failures[path] = str(error)
                self.outbox.fail(entry, str(error))
                self._refused[path] = FileVersion.find(path)
        return done

    def _deliver(self, entry: WaitingFile, path: Path, done: DeliveryRound) -> None:
        if not path.exists():  # deleted by its user, or never had anything in it
            self.outbox.forget(entry)
            return
        try:
            with held_file(path):
                pass
        except OSError as error:
            raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
        if path in self._refused and self._refused[path] == FileVersion.find(path):
            done.failures[path] = entry.error
            return
        delivered = self.outbox.delivered(path, self._target_name)
        if delivered is None and entry.tyres_out is not None:
            self._store_summary(path, Thresholds(tyres_out=entry.tyres_out))
        target = self._reach_target()
        content = read_content(path, self._go_on) if delivered is None else Content(path, *delivered)
        if delivered is None or self._options.delete_after:  # which asks again whether it is there
            self._put(target, content, entry.file, done)
        else:
            done.known.append(path)
        if self._options.delete_after:
            self._delete(target, content, done)
        self.outbox.finish(entry, DeliveredFile(content.size, content.modified_ns, content.sha256))

    def _reach_target(self) -> Target:
        if self._target is None:
            self._target = self._open_target()
        return self._target

    def _put(self, target: Target, content: Content, file: str, done: DeliveryRound) -> None:
        """Send a recording and then its row, each where it is not there yet."""
        is_there = target.size_of(content.name) == content.size
        if is_there and target.size_of(content.row_name):
            done.known.append(content.path)
            return
        row = make_row(content, file, self._clock)
        if self._clock.stopped:
            raise DeliveryStopped("Stopped.")
        if is_there:
            done.known.append(content.path)
        else:
            self._on_file(content.path)
            target.put(content.name, self._throttled(content), content.size)
            done.bytes_sent += content.size
            done.delivered.append(content.path)
        target.put(content.row_name, [row], len(row))

    def _store_summary(self, path: Path, thresholds: Thresholds) -> None:
        """Store what is found in a recording in it, as ``record`` does without a delivery; it may fail as there."""
        try:
            with open_source(path) as source:
                if recall_analysis(source, path, thresholds=thresholds) is not None:
                    return
            if store_analysis(path, clock=self._clock, thresholds=thresholds):
                sync_to_disk(path)
        except (OSError, SinkError):
            return  # a recording without a summary is a recording all the same
        if self._clock.stopped:
            raise DeliveryStopped("Stopped.")

    def _delete(self, target: Target, content: Content, done: DeliveryRound) -> None:
        """Delete the recording here, if the target gives it back as it is."""
        if hash_chunks(checked(target.read(content.name), self._go_on)) != content.sha256:
            raise SourceError(
                f"{content.path} stays: {target.url} holds something else under its name. Remove {content.name} there "
                "to have it delivered again."
            )
        content.check()
        try:
            remove_file(content.path)
        except OSError as error:
            raise SourceError(f"{content.path} was delivered, and cannot be deleted: {error.strerror}.") from error
        done.removed.append(content.path)

    def _go_on(self) -> None:
        if self._clock.stopped:
            raise DeliveryStopped("Stopped.")

    def _throttled(self, content: Content) -> Iterator[bytes]:
        """The bytes, no faster than the options say on average."""
        rate, begin, sent = self._options.max_rate, self._clock.now(), 0
        chunk_bytes = CHUNK_BYTES if rate is None else min(CHUNK_BYTES, max(MIN_CHUNK_BYTES, int(rate * CHUNK_S)))
        for chunk in content.chunks(chunk_bytes):
            if rate is not None:
                self._clock.sleep_until(begin + sent / rate)
            self._go_on()
            sent += len(chunk)
            yield chunk
