"""Parts of a change that any process on any machine can do: they leave files whose names follow from their content."""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from telemetry.base.errors import TelemetryError
from telemetry.base.extras import require
from telemetry.base.ray_cluster import missing_path
from telemetry.catalog.read import ReadOptions, ReadRecording, read_for_catalog
from telemetry.catalog.shards import describe_shard, merge_shards
from telemetry.catalog.state import Row
from telemetry.catalog.store import PURPOSE, CatalogStore
from telemetry.stores.remote_file import RemoteFile

_SHARED: Final = (
    "All machines need recordings and catalog under the same path, on a shared file system, or both in an object store."
)


@dataclass(frozen=True, slots=True)
class ReadJob:
    """A recording that a machine reads for a catalog."""

    place: Path | RemoteFile
    options: ReadOptions
    store: CatalogStore


class JobFailed(NamedTuple):
    """In place of a result: what another machine said of a recording."""

    reason: str


def read_on_machine(job: ReadJob, directory: Path) -> ReadRecording | JobFailed:
    """Read a recording, and give its files of samples their names in the catalog."""
    if problem := check_paths(job, directory):
        return JobFailed(f"{job.place} was not read: {problem}")
    os.chdir(directory)
    try:
        with job.store.unfinished() as folder:
            read = read_for_catalog(job.place, replace(job.options, unfinished=folder))
            if read is None:
                return JobFailed(f"{job.place} is in the catalog already.")
            for name, (path, _) in read.shards.items():
                if path is not None:
                    job.store.put(path, name)
    except TelemetryError as error:
        return JobFailed(str(error))
    except OSError as error:
        return JobFailed(f"{job.place} was not read: {error.strerror or error}.")
    return replace(read, shards={name: (None, shard) for name, (_, shard) in read.shards.items()})


def check_paths(job: ReadJob, directory: Path) -> str:
    """What this machine lacks for a job, as a sentence; empty if nothing."""
    places = [directory / path for path in (job.place, job.store.folder) if isinstance(path, Path)]
    return missing_path(places, _SHARED)


@dataclass(frozen=True, slots=True)
class MergeJob:
    """Laps of one track whose files become one."""

    store: CatalogStore
    rows: Sequence[Row]
    fields: tuple[str, ...]


class MergedFile(NamedTuple):
    """The file that they have become."""

    name: str
    shard: Row
    lap_ids: list[str]
    """In the order of its row groups."""


def merge_files(job: MergeJob, directory: Path | None = None) -> MergedFile | None:
    """Write the file, with its name in the catalog; None where one of the old files cannot be read. Raises OSError."""
    pyarrow = require("pyarrow", extra="catalog", purpose=PURPOSE)
    if directory is not None:
        os.chdir(directory)
    with job.store.unfinished() as folder:
        path = folder / "merged.parquet"
        try:
            ordered = merge_shards(job.store, job.rows, path, job.fields)
        except (FileNotFoundError, IndexError, pyarrow.ArrowException):
            return None
        name, shard = describe_shard(path, ordered)
        job.store.put(path, name)
    return MergedFile(name, shard, [row["lap_id"] for row in ordered])
