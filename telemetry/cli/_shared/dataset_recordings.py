"""The recordings of a dataset: files, folders, lists of them, and laps of the catalog."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from telemetry.base.errors import UsageError
from telemetry.base.text_file import TextFormatError, read_text
from telemetry.catalog.selection import parse_selection
from telemetry.cli._shared.input_files import check_file_exists, exists, find_recordings
from telemetry.cli._shared.messages import print_warning

if TYPE_CHECKING:
    from telemetry.catalog.store import CatalogStore


class DatasetRecordings(NamedTuple):
    """Recordings, and the laps that are wanted of some of them."""

    paths: tuple[Path, ...]
    laps: dict[Path, tuple[tuple[int, int], ...]]
    """Run and number of each lap that is wanted; nothing for a recording of which all are."""
    left_out: int
    """Recordings of the catalog that have gone, or have changed since they were added; each was told in a warning."""


def find_recordings_and_laps(arguments: Iterable[str], catalog: "CatalogStore") -> DatasetRecordings:
    """The recordings of the arguments, those of a folder sorted by name, and those of laps of the catalog.

    Raises UsageError if there are none, or no such laps.
    """
    named: dict[Path, None] = {}
    laps: dict[Path, set[tuple[int, int]]] = {}
    left_out: set[str] = set()
    for argument in arguments:
        selection = None if exists(Path(argument)) else parse_selection(argument)
        if selection is None:
            named |= dict.fromkeys(_find_recordings([argument]))
            continue
        from telemetry.catalog.lap_recordings import recordings_of_laps
        from telemetry.catalog.state import load_state

        state = load_state(catalog)
        found, problems = recordings_of_laps(catalog, state, selection.choose(state.laps))
        for path, rows in found.items():
            laps.setdefault(path, set()).update((row["run"], row["number"]) for row in rows)
        left_out |= set(problems)
    for problem in sorted(left_out):
        print_warning(problem)
    paths = (*named, *(path for path in laps if path not in named))
    if not paths:
        raise UsageError("None of these recordings of the catalog is there, and a dataset is made of recordings.")
    chosen = {path: tuple(sorted(wanted)) for path, wanted in laps.items() if path not in named}
    return DatasetRecordings(paths, chosen, len(left_out))


def _find_recordings(arguments: Iterable[str], *, lists: bool = True) -> Iterator[Path]:
    """The recordings of the arguments, those of a folder sorted by name; UsageError if there are no recordings."""
    for argument in arguments:
        if lists and argument.startswith("@") and not exists(Path(argument)):
            yield from _find_recordings(_read_list(Path(argument[1:])), lists=False)
        else:
            for path in find_recordings([Path(argument)]):
                check_file_exists(path)
                yield path


def _read_list(path: Path) -> list[str]:
    """The lines of a list of recordings that are not empty."""
    try:
        lines = read_text(path).split("\n")
    except (OSError, TextFormatError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise UsageError(f"The list of recordings {path} cannot be read: {reason}.") from error
    return [line.strip() for line in lines if line.strip()]
