"""``catalog watch``: what is finished in a folder is added to the catalog, until it is stopped."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, TelemetryError
from telemetry.base.storage.file_content import FileVersion
from telemetry.base.storage.lock import HeldError, held_file
from telemetry.base.text import format_count
from telemetry.catalog.change import change_catalog
from telemetry.cli._shared.catalog_reading import add_recording, read_into
from telemetry.cli._shared.input_files import FileFailure, find_recordings
from telemetry.cli._shared.messages import print_message, print_warning
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.sources import open_source
from telemetry.stores import StoreError

if TYPE_CHECKING:
    from telemetry.catalog.read import ReadRecording
    from telemetry.catalog.state import CatalogState
    from telemetry.catalog.store import CatalogStore
    from telemetry.stores.remote_file import RemoteFile


class WatchedFolder:
    """A folder that is looked at again and again, because drives of other computers do not say what changes in them.

    A file is finished that was the same at two looks, that no process of this computer is writing, and that has its
    proper end where its format has one. What was once given out, and :meth:`settle`-d, is given out again only when it
    has changed.
    """

    def __init__(self, folder: Path, own: Path | None = None) -> None:
        """``own`` is the folder of the catalog, whose files are no recordings of anybody."""
        self.folder = folder
        self._own = None if own is None else own.resolve()
        self._seen: dict[Path, FileVersion] = {}
        self._settled: dict[Path, FileVersion] = {}
        self.problem = ""
        """Why the folder could not be read at the last look, as a sentence."""
        self.unfinished: list[Path] = []
        """Files without their proper end that no process of this computer writes, first seen so at the last look."""

    def look(self) -> list[Path]:
        """The files that are finished now."""
        self.problem, self.unfinished = "", []
        try:
            next(self.folder.iterdir(), None)
        except OSError as error:
            self.problem = f"{self.folder} cannot be read: {error.strerror}."
            return []
        found = {path: FileVersion.find(path) for path in find_recordings([self.folder]) if path != self.folder}
        before, self._seen = self._seen, {path: status for path, status in found.items() if status is not None}
        ready = [
            path
            for path, status in self._seen.items()
            if before.get(path) == status
            and self._settled.get(path) != status
            and status.size
            and self._is_foreign(path)
        ]
        return [path for path in ready if self._is_finished(path)]

    def settle(self, path: Path) -> None:
        """Note that this file, as it was at the last look, needs no more work."""
        self._settled[path] = self._seen[path]

    def _is_foreign(self, path: Path) -> bool:
        return self._own is None or self._own not in path.resolve().parents

    def _is_finished(self, path: Path) -> bool:
        try:
            with held_file(path):
                pass
        except HeldError:
            return False
        except OSError:  # reading it will say why
            return True
        try:
            with open_source(path) as source:
                is_complete = source.complete
        except TelemetryError:
            return True
        if not is_complete:
            if path not in self._settled:
                self.unfinished.append(path)
            self.settle(path)
        return is_complete


def watch_folder(
    folder: Path, store: "CatalogStore", new: "CatalogState", *, every_s: float, jobs: int | None, copy: bool
) -> None:
    """Add what is finished in this folder to the catalog, until a signal ends it, which leaves the catalog whole.

    Nothing ends it but a signal: what goes wrong is told, once, and tried again where another try can help.
    """
    watched = WatchedFolder(folder, store.folder)
    clock = Clock()
    told = ""
    with stop_on_signal(clock):
        print_message(f"{folder}: watched every {every_s:g} s. Ctrl-C ends it.")
        while not clock.stopped:
            ready = watched.look()
            for path in watched.unfinished:
                print_warning(
                    f"{path} has no proper end, and waits until it has. If a crash truncated it: recover {path}"
                )
            problem = watched.problem
            if ready:
                try:
                    problem = _add(watched, ready, store, new, clock, jobs, copy=copy)
                except Interrupted:
                    break
                except TelemetryError as error:
                    problem = str(error)
            if problem and problem != told:
                print_warning(f"{problem} It is tried again every {every_s:g} s.")
            elif told and not problem:
                print_message(f"{folder}: it works again.")
            told = problem
            clock.sleep_until(clock.now() + every_s)


def _add(
    watched: WatchedFolder,
    paths: Sequence[Path],
    store: "CatalogStore",
    new: "CatalogState",
    clock: Clock,
    jobs: int | None,
    *,
    copy: bool,
) -> str:
    """Add these files; returns why some of them have to be tried again, as a sentence, or an empty text.

    Raises Interrupted, when what was read before is in the catalog, and what :func:`change_catalog` does.
    """
    again: dict[Path | RemoteFile, str] = {}
    with change_catalog(store, new) as change:

        def take(read: "ReadRecording") -> bool:
            is_new = add_recording(change, read, copy=copy)
            if is_new:
                print_message(f"{read.recording['path']}: {format_count(len(read.laps), 'lap')}.")
            return is_new

        def fail(failure: FileFailure) -> None:
            if isinstance(failure.error, SinkError | StoreError):
                again[failure.path] = str(failure.error)
            else:
                print_warning(f"Not added: {failure.error}")

        try:
            read_into(change, paths, jobs, take, fail, clock=clock)
            change.merge()
        except Interrupted:
            change.commit()
            raise
        change.commit()
    for path in paths:
        if path not in again:
            watched.settle(path)
    return next(iter(again.values()), "")
