"""The folder beside a dataset in which it is made: it outlives whatever ends the work, which goes on in it."""

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from telemetry.base.errors import SinkError, UsageError
from telemetry.base.storage.atomic import atomic_write_text, rename, sync_to_disk
from telemetry.base.storage.lock import lock_dataset_folder
from telemetry.recording.interfaces import Closeable

REQUEST: Final = "request.json"

_ANEW: Final = "Do it as it was begun, name another folder, or throw away what is done with --restart."


class StagingFolder(Closeable):
    """Where the dataset ``path`` is made, by one process at a time: its parts, and then the dataset itself.

    ``settings`` are all that the parts depend on but the recordings. Closed, it keeps the parts that are there, and is
    gone when there are none or the dataset is published. Raises :class:`telemetry.UsageError` where ``path`` exists, or
    parts were made with other settings and ``restart`` does not throw them away, and :class:`telemetry.SinkError`.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, restart: bool = False) -> None:
        refuse_existing(path)
        self.path = path
        self.folder = path.with_name(f".unfinished-{path.name}")
        self.parts = self.folder / "parts"
        self._dataset = self.folder / "dataset"
        self._published = False
        self._lock = lock_dataset_folder(self.folder)
        try:
            self._sweep()
            if restart:
                shutil.rmtree(self.parts, ignore_errors=True)
            else:
                self._compare(settings)
            atomic_write_text(self.folder / REQUEST, json.dumps(settings, indent=1))
            self.parts.mkdir(exist_ok=True)
        except OSError as error:
            self.close()
            raise SinkError(f"The folder {self.folder} cannot be written: {error.strerror}.") from error
        except UsageError:
            self._lock.close()  # what is another's stays as it is
            raise

    @contextmanager
    def dataset(self) -> Iterator[Path]:
        """An empty folder, which becomes the dataset when the block ends well; else only the parts are left.

        Raises :class:`telemetry.SinkError`, and UsageError where somebody else made the dataset meanwhile.
        """
        try:
            self._dataset.mkdir()
            yield self._dataset
            sync_to_disk(self._dataset)
            refuse_existing(self.path)
            rename(self._dataset, self.path)
        except OSError as error:
            raise SinkError(
                f"The dataset {self.path} cannot be written: {error.strerror or error}. The same command goes on with "
                "what is converted."
            ) from error
        self._published = True

    def close(self) -> None:
        """Let others in, and leave nothing that is of no use."""
        self._sweep()
        empty = not any(self.parts.glob("*"))
        self._lock.close()  # Windows removes no folder with an open file in it
        if self._published or empty:
            shutil.rmtree(self.folder, ignore_errors=True)

    def _compare(self, settings: Mapping[str, Any]) -> None:
        """Refuse parts that were made with other settings."""
        if not any(self.parts.glob("*")):
            return
        path = self.folder / REQUEST
        try:
            before = json.loads(path.read_bytes())
            changes = _changes(before, json.loads(json.dumps(settings)))
        except (OSError, ValueError, AttributeError) as error:
            raise UsageError(f"{path} is damaged, so it cannot be gone on with; --restart throws it away.") from error
        if changes:
            raise UsageError(f"What is done in {self.folder} was begun otherwise: {'; '.join(changes)}. {_ANEW}")

    def _sweep(self) -> None:
        """Take away what was under way when the work ended."""
        shutil.rmtree(self._dataset, ignore_errors=True)
        for folder in self.parts.glob("*.*"):
            shutil.rmtree(folder, ignore_errors=True)


def refuse_existing(path: Path) -> None:
    """UsageError where something is there already: a dataset is made anew or not at all."""
    if path.exists():
        raise UsageError(f"{path} exists already and stays untouched; name another folder, or take it away.")


def _changes(before: Any, now: Any, name: str = "") -> list[str]:
    """What is not as it was, by its dotted name: ``cut.rate was 25.0 and is 10.0``."""
    if isinstance(before, dict) and isinstance(now, dict):
        keys = dict.fromkeys((*before, *now))
        return [
            change
            for key in keys
            for change in _changes(before.get(key), now.get(key), f"{name}.{key}" if name else key)
        ]
    return [] if before == now else [f"{name} was {_text(before)} and is {_text(now)}"]


def _text(value: Any) -> str:
    return "nothing" if value is None else json.dumps(value, ensure_ascii=False)
