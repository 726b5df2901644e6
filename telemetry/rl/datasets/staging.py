"""The folder beside a dataset in which it is made. It survives an interruption, so that the work can be resumed."""

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from telemetry.base.documents import DocumentError, read_json
from telemetry.base.errors import SinkError, UsageError
from telemetry.base.storage.atomic import atomic_write_text, rename, sync_to_disk
from telemetry.base.storage.lock import lock_dataset_folder
from telemetry.base.storage.temporary import make_private_folder, remove_abandoned, remove_locked_folder
from telemetry.base.typing import override
from telemetry.recording.interfaces import Closeable

REQUEST: Final = "request.json"
"""The file with the settings of the conversion."""

_NEXT_ACTION: Final = "Use the former settings, name another folder, or discard what is done with --restart."


class StagingFolder(Closeable):
    """The folder in which one process makes the dataset ``path``: first its parts, then the dataset itself.

    A part is the result of one recording. ``settings`` is everything that the parts depend on, except the recordings.
    When it is closed, the folder is kept if it has parts that are not published yet. Raises
    :class:`telemetry.UsageError` if ``path`` exists, and if there are parts with other settings that ``restart`` does
    not discard; raises :class:`telemetry.SinkError` if the folder cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, restart: bool = False) -> None:
        refuse_existing(path)
        self.path = path
        self.folder = path.with_name(f".unfinished-{path.name}")
        self.parts = self.folder / "parts"
        self._dataset = self.folder / "dataset"
        self._published = False
        make_private_folder(self.folder)
        self._lock = lock_dataset_folder(self.folder)
        try:
            self._remove_unfinished()
            if restart:
                shutil.rmtree(self.parts, ignore_errors=True)
            else:
                self._check_settings(settings)
            atomic_write_text(self.folder / REQUEST, json.dumps(settings, indent=1))
            self.parts.mkdir(exist_ok=True)
        except OSError as error:
            self.close()
            raise SinkError(f"The folder {self.folder} cannot be written: {error.strerror}.") from error
        except UsageError:
            self._lock.close()  # keep the parts
            raise

    @contextmanager
    def dataset(self) -> Iterator[Path]:
        """An empty folder that becomes the dataset if the block ends without an error; else only the parts stay.

        Raises :class:`telemetry.SinkError`, and UsageError if the dataset has come to exist in the meantime.
        """
        try:
            self._dataset.mkdir()
            yield self._dataset
            sync_to_disk(self._dataset)
            refuse_existing(self.path)
            rename(self._dataset, self.path)
        except OSError as error:
            raise SinkError(
                f"The dataset {self.path} cannot be written: {error.strerror or error}. Run the same command again: it "
                "continues with the recordings that are converted."
            ) from error
        self._published = True

    @override
    def close(self) -> None:
        """Release the lock; remove the folder if nothing in it is needed."""
        self._remove_unfinished()
        if self._published or not self._has_parts():
            remove_locked_folder(self.folder, self._lock)
        self._lock.close()

    def _check_settings(self, settings: Mapping[str, Any]) -> None:
        """Raise UsageError if there are parts with other settings."""
        if not self._has_parts():
            return
        path = self.folder / REQUEST
        try:
            before = read_json(path)
            changes = _changes(before, json.loads(json.dumps(settings)))
        except (OSError, DocumentError) as error:
            raise UsageError(f"{path} is corrupt, so the work cannot be resumed; discard it with --restart.") from error
        if changes:
            raise UsageError(
                f"The work in {self.folder} was started with other settings: {'; '.join(changes)}. {_NEXT_ACTION}"
            )

    def _remove_unfinished(self) -> None:
        """Remove what was incomplete when the work ended."""
        shutil.rmtree(self._dataset, ignore_errors=True)
        remove_abandoned(self.parts)  # not what a process works in that has outlived its parent

    def _has_parts(self) -> bool:
        """Whether there is the part of a recording, or one that a process still makes."""
        return self.parts.is_dir() and any(self.parts.iterdir())


def refuse_existing(path: Path) -> None:
    """Raise UsageError if there is something already: a dataset never replaces anything."""
    if os.path.lexists(path):
        raise UsageError(f"{path} exists already and is not changed; name another folder, or remove it.")


def _changes(before: Any, now: Any, name: str = "") -> list[str]:
    """The differences, by dotted name: ``episodes.rate was 25.0 and is 10.0``."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = dict.fromkeys((*before, *now))
        return [
            change
            for key in keys
            for change in _changes(before.get(key), now.get(key), f"{name}.{key}" if name else key)
        ]
    return [] if before == now else [f"{name} was {_text(before)} and is {_text(now)}"]


def _text(value: Any) -> str:
    return "not set" if value is None else json.dumps(value, ensure_ascii=False)
