"""The recordings that a command is given: folders and patterns among them, and the failures among many of them."""

import glob
from collections.abc import Callable, Generator, Iterable
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeVar

from telemetry.base.errors import TelemetryError, UsageError
from telemetry.base.text import format_count, join_names
from telemetry.cli._shared.stopping import Interrupted

if TYPE_CHECKING:
    from rich.console import Console

    from telemetry.stores.remote_file import RemoteFile

_MAX_NAMES: Final = 5
"""Failed files that the closing sentence names; each was named with its reason before."""


_Result = TypeVar("_Result")
_Place = TypeVar("_Place", bound="Path | RemoteFile")


class FailedFilesError(TelemetryError):
    """Some of several files could not be processed; the others were."""


def find_recordings(paths: Iterable[Path]) -> list[Path]:
    """Replace patterns by the files that match, and folders by all recordings in and below them, sorted.

    Hidden files are left out. A pattern that nothing matches, and a folder without a recording, stay as they are.
    """
    return [file for path in expand_patterns(paths) for file in _recordings_below(path) or [path]]


def _recordings_below(path: Path) -> list[Path]:
    from telemetry.formats import is_found_in_folders

    try:
        files = sorted(file for file in path.rglob("*") if file.is_file() and is_found_in_folders(file))
    except OSError:  # a name that is too long, for example
        return []
    return [file for file in files if not any(part.startswith(".") for part in file.relative_to(path).parts)]


def expand_patterns(paths: Iterable[Path]) -> list[Path]:
    """Replace patterns like ``*.mcap``, which no shell of Windows does, by the files that match, sorted.

    What exists under its literal name is never a pattern, be it the whole path or one of its folders. A pattern that
    nothing matches stays as it is.
    """
    return [match for path in paths for match in _expand_pattern(path) or [path]]


def exists(path: Path) -> bool:
    """Whether there is something of this name; false for a name that no file can have, for example a long one."""
    try:
        return path.exists()
    except OSError:
        return False


def _expand_pattern(path: Path) -> list[Path]:
    if exists(path) or not glob.has_magic(str(path)):
        return [path]
    found = [Path(path.anchor)]
    for part in path.relative_to(path.anchor).parts:
        found = [match for folder in found for match in _find_matches(folder, part)]
    return sorted(found)


def _find_matches(folder: Path, part: str) -> list[Path]:
    """The entries of a folder that one part of a pattern means; hidden ones only where it begins with a dot."""
    literal = folder / part
    if exists(literal):
        return [literal]
    if not glob.has_magic(part):
        return []
    try:
        entries = list(folder.iterdir())
    except OSError:  # a file, or a folder that may not be read
        return []
    is_hidden = part.startswith(".")
    return [entry for entry in entries if entry.name.startswith(".") == is_hidden and fnmatch(entry.name, part)]


def check_file_exists(path: Path) -> None:
    """Raise UsageError for a path that is not a file, with what it is instead."""
    try:
        is_file, is_folder = path.is_file(), path.is_dir()
    except OSError as error:  # a name that is too long, for example
        raise UsageError(f"There is no recording {path}: {error.strerror}.") from error
    if is_folder:
        raise UsageError(f"There is no recording in the folder {path}.")
    if not is_file and glob.has_magic(str(path)):
        raise UsageError(f"There is no recording {path}: no file matches.")
    if not is_file:
        raise UsageError(f"There is no recording {path}.")


class FileFailure(NamedTuple):
    """A file that could not be processed, and why."""

    path: "Path | RemoteFile"
    error: TelemetryError

    def to_dict(self) -> dict[str, Any]:
        """The entry of this file in JSON output, the same in all commands."""
        return {"file": str(self.path), "error": str(self.error)}


def process_files(
    paths: Iterable[_Place], process: Callable[[_Place], _Result]
) -> Generator[_Result | FileFailure, None, None]:
    """The result for each file, one after the other, or why there is none: no file stops those after it.

    Raises Interrupted where ``process`` does.
    """
    for path in paths:
        try:
            if isinstance(path, Path):
                check_file_exists(path)
            yield process(path)
        except Interrupted:
            raise
        except TelemetryError as error:
            yield FileFailure(path, error)


class FileFailures:
    """The failures among the files of a command, which are named in place and decide on its exit code.

    The only file of a command is not named in place: its error is the command's. ``verb`` completes the closing
    sentence, like ``read`` in ``1 of 3 recordings could not be read``.
    """

    def __init__(self, total: int, console: "Console | None", verb: str = "read") -> None:
        self._total = total
        self._console = console if total > 1 else None
        self._verb = verb
        self._failures: list[FileFailure] = []

    def add(self, failure: FileFailure) -> None:
        """Count a failure and print it, where there is a console."""
        self._failures.append(failure)
        if self._console is None:
            return
        from telemetry.cli._shared.tables import label_table, to_markup

        name = to_markup(str(failure.path))
        self._console.print(f"[bold]{name}[/]  [bold red]not {self._verb}[/]", highlight=False, soft_wrap=True)
        table = label_table()
        table.add_row("  [red]error[/]", to_markup(str(failure.error)))
        self._console.print(table, highlight=False)

    def check(self) -> None:
        """Raise the error of the only file, or FailedFilesError, which names those of several that failed."""
        if not self._failures:
            return
        if self._total == 1:
            raise self._failures[0].error
        names = [str(failure.path) for failure in self._failures]
        raise FailedFilesError(
            f"{len(names)} of {format_count(self._total, 'recording')} could not be {self._verb}: "
            f"{join_names(names, _MAX_NAMES)}."
        )
