"""Recordings are read for a catalog, several at the same time."""

import math
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError
from telemetry.cli._shared.input_files import FileFailure
from telemetry.cli._shared.messages import print_warning
from telemetry.cli._shared.read_files import read_files
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.stores.remote_file import RemoteFile

if TYPE_CHECKING:
    from telemetry.base.ray_cluster import RayCluster
    from telemetry.catalog.change import CatalogChange
    from telemetry.catalog.read import ReadOptions, ReadRecording
    from telemetry.cli._shared.progress import ReadingProgress


def read_into(
    change: "CatalogChange",
    paths: Sequence[Path | RemoteFile],
    jobs: int | None,
    take: "Callable[[ReadRecording], object]",
    fail: Callable[[FileFailure], None],
    *,
    again: bool = False,
    clock: Clock | None = None,
    cluster: "RayCluster | None" = None,
) -> None:
    """Read recordings and hand each to ``take``, and those that cannot be read to ``fail``: none stops the others.

    They are read in processes of this machine, or on the ``cluster``. With ``again`` those are read too that the
    catalog holds, and nothing is committed. Raises Interrupted on a signal, which stops ``clock``.
    """
    clock = clock or Clock(math.inf)
    read_options = change.read_options(again=again)

    def recall(path: Path | RemoteFile) -> "bool | None":
        return True if not again and change.knows(path) else None

    with stop_on_signal(clock):
        if cluster is None:
            results = read_files(paths, partial(_read_one, options=read_options), clock, jobs, recall)
        else:
            from telemetry.cli._shared.catalog_engines import read_on_ray

            results = read_on_ray(cluster, change, paths, clock, recall)
        for path, result in zip(paths, results, strict=True):
            if isinstance(result, FileFailure):
                fail(result)
            elif not isinstance(result, bool):
                try:
                    take(result)
                except TelemetryError as error:
                    fail(FileFailure(path, error))
                if not again:
                    change.commit_if_due()


def add_recording(change: "CatalogChange", read: "ReadRecording", *, copy: bool) -> bool:
    """Add a recording that was read; says where its drive is there in another file. False if the catalog holds it."""
    other = change.same_drive(read)
    is_new = change.add(read, copy=copy)
    if is_new and other is not None:
        print_warning(
            f"{read.laps[0]['file']} is the same drive as {other}, and its laps are there twice. "
            f"To keep one: catalog remove {read.recording['recording_id'][:12]}"
        )
    return is_new


def _read_one(
    path: Path | RemoteFile, clock: Clock, progress: "ReadingProgress", *, options: "ReadOptions"
) -> "ReadRecording | bool":
    """The recording for the catalog; true where the catalog holds it."""
    from telemetry.catalog.read import read_for_catalog

    def watch(blocks: Iterable[Any]) -> Iterable[Any]:
        return takewhile(lambda _: not clock.stopped, progress.watch(blocks))

    found = read_for_catalog(path, options, watch)
    if clock.stopped:
        raise Interrupted(f"Stopped before {path} was read. The same command goes on.")
    return True if found is None else found
