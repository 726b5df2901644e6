"""Laps of the catalog as files: copies of their recordings, or their samples."""

import math
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, TelemetryError, UsageError
from telemetry.base.storage.atomic import atomic_write
from telemetry.base.text import format_count, format_size
from telemetry.catalog.export import TABLE_SUFFIXES, copy_recording, name_copies, write_samples
from telemetry.catalog.selection import parse_selection
from telemetry.catalog.state import CatalogState, Row, load_state
from telemetry.cli._shared.messages import print_message, print_warning
from telemetry.cli._shared.progress import progress_bar
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal

if TYPE_CHECKING:
    from telemetry.catalog.store import CatalogStore
    from telemetry.cli._shared.catalog_filters import FilterOptions


class IncompleteExportError(TelemetryError):
    """Some of what was asked for is not in the export; the rest is."""


def choose_laps(
    store: "CatalogStore", names: Sequence[str], filter_options: "FilterOptions"
) -> tuple[CatalogState, list[Row]]:
    """The laps that are named, or all, of which the filters leave; UsageError where there is none."""
    state = load_state(store)
    chosen: dict[str, Row] = {}
    for name in names:
        selection = parse_selection(name)
        if selection is None:
            raise UsageError(
                f"{name} is no lap of the catalog: say an id, best(track,car), or @catalog:track=spa,valid."
            )
        chosen |= {row["lap_id"]: row for row in selection.choose(state.laps)}
    rows = filter_options.choose(list(chosen.values()) if names else state.laps)
    if not rows:
        raise UsageError("No lap of the catalog fits. See: catalog laps.")
    return state, rows


def export_recordings(
    store: "CatalogStore", state: CatalogState, rows: Sequence[Row], folder: Path, *, overwrite: bool
) -> None:
    """Copy the recordings of these laps; those that cannot be copied are told, and the others are all the same.

    Raises IncompleteExportError, UsageError for a folder that is none, and SinkError where nothing can be written.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is a file. Name a folder for the copies, or a {' or '.join(TABLE_SUFFIXES)} file.")
    wanted = {row["recording_id"] for row in rows}
    recordings = [row for row in state.recordings if row["recording_id"] in wanted]
    names = name_copies(recordings)
    size = failed = known = 0
    clock = Clock(math.inf)
    with stop_on_signal(clock):
        for row in _watch(recordings, clock, "Copying"):
            try:
                copy = copy_recording(store, row, folder, names[row["recording_id"]], overwrite=overwrite)
            except TelemetryError as error:
                failed += 1
                print_warning(str(error))
            except OSError as error:
                raise SinkError(f"{folder} cannot be written: {error.strerror or error}.") from error
            else:
                known += copy is None
                size += row["size"]
    if failed < len(recordings):
        there = f", {known} of them there already" if known else ""
        print_message(f"{folder}: {format_count(len(recordings) - failed, 'recording')}{there}, {format_size(size)}.")
    if failed:
        raise IncompleteExportError(f"{failed} of {format_count(len(recordings), 'recording')} could not be copied.")


def export_samples(
    store: "CatalogStore", state: CatalogState, rows: Sequence[Row], path: Path, *, overwrite: bool
) -> None:
    """Write the samples of these laps, complete or not at all; laps without samples are told and left out.

    Raises UsageError for a file of another kind, SourceError for samples that have gone, and SinkError.
    """
    if path.suffix not in TABLE_SUFFIXES:
        raise UsageError(f"--out {path}: name a folder for the recordings, or a {' or '.join(TABLE_SUFFIXES)} file.")
    held = [row for row in rows if row["shard"] is not None]
    if not held:
        raise UsageError("None of these laps has samples in the catalog.")
    if len(held) < len(rows):
        print_warning(f"{format_count(len(rows) - len(held), 'lap')} without samples left out.")
    clock = Clock(math.inf)
    try:
        with stop_on_signal(clock), atomic_write(path, overwrite=overwrite) as unfinished:
            count = write_samples(store, state, _watch(held, clock, "Writing"), unfinished)
    except OSError as error:
        raise SinkError(f"{path} cannot be written: {error.strerror or error}.") from error
    size = format_size(path.stat().st_size)
    print_message(f"{path}: {format_count(len(held), 'lap')}, {format_count(count, 'sample')}, {size}.")


def _watch(rows: Sequence[Row], clock: Clock, activity: str) -> Iterator[Row]:
    """The rows one by one, with a progress bar; raises Interrupted when the clock was stopped."""
    with progress_bar() as progress:
        task = None if progress is None else progress.add_task(activity, total=len(rows), detail="")
        for number, row in enumerate(rows):
            if clock.stopped:
                raise Interrupted(f"Stopped: {number} of {len(rows)} were done.")
            yield row
            if progress is not None and task is not None:
                progress.update(task, completed=number + 1)
