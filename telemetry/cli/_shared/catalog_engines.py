"""Where recordings of a catalog are, and which machines read them."""

from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing, contextmanager
from math import inf
from pathlib import Path

from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError, UsageError
from telemetry.base.ray_cluster import RayCluster, RemoteFailure, connect_to_ray
from telemetry.catalog.change import CatalogChange
from telemetry.catalog.jobs import (
    JobFailed,
    MergedFile,
    MergeJob,
    ReadJob,
    check_paths,
    merge_files,
    read_on_machine,
)
from telemetry.catalog.read import ReadRecording
from telemetry.cli._shared.input_files import FileFailure, find_recordings
from telemetry.cli._shared.options import EngineKind
from telemetry.cli._shared.stopping import Interrupted
from telemetry.formats import is_found_in_folders
from telemetry.stores import is_object_store
from telemetry.stores.remote_file import RemoteFile, find_remote_files

RecordingPlace = Path | RemoteFile


@contextmanager
def connect_engine(engine: EngineKind, address: str | None, jobs: int | None) -> Iterator[RayCluster | None]:
    """The Ray to read on, or None for processes of this machine. Raises UsageError where it cannot be reached."""
    if engine is EngineKind.RAY:
        with connect_to_ray(address, jobs) as cluster:
            yield cluster
        return
    if address is not None:
        raise UsageError("--address is for Ray; add --engine ray.")
    yield None


def find_places(texts: Sequence[str], own: Path | None) -> list[RecordingPlace]:
    """The recordings that a command names: files, patterns, folders, and what lies at or below addresses of a store.

    What lies in the catalog's ``own`` folder is left out; an address below which nothing is stays, to be told.
    """
    found: list[RecordingPlace] = []
    for text in texts:
        if is_object_store(text):
            files = find_remote_files(text)
            found += [file for file in files if file.url == text or is_found_in_folders(Path(file.name))]
            if not files:
                found.append(RemoteFile(text, 0, 0))
        else:
            found += find_recordings([Path(text)])
    return [place for place in found if not (own and isinstance(place, Path) and own in place.resolve().parents)]


def merge_on_ray(cluster: RayCluster, jobs: Sequence[MergeJob]) -> Iterator[MergedFile | None]:
    """Put files together on a Ray, one task for each new file; those of which one fails stay as they are."""
    results: list[MergedFile | None] = [None] * len(jobs)
    for number, found in cluster.run(merge_files, jobs, Clock(inf)):
        results[number] = None if isinstance(found, RemoteFailure) else found
    return iter(results)


def read_on_ray(
    cluster: RayCluster,
    change: CatalogChange,
    places: Sequence[RecordingPlace],
    clock: Clock,
    recall: Callable[[RecordingPlace], bool | None],
) -> Generator[ReadRecording | FileFailure | bool, None, None]:
    """The results in order; those that are there too early wait for the others."""
    recalled = [recall(place) for place in places]
    left = [place for place, known in zip(places, recalled, strict=True) if known is None]
    options = change.read_options(again=True)  # a task need not carry the ids of all that is known
    jobs = [ReadJob(place, options, change.store) for place in left]
    if jobs:
        cluster.check_machines(check_paths, jobs[0])
    early: dict[int, ReadRecording | FileFailure] = {}
    with closing(cluster.run(read_on_machine, jobs, clock)) as results:
        done = 0
        for place, known in zip(places, recalled, strict=True):
            if known is not None:
                yield known
                continue
            while done not in early:
                try:
                    number, found = next(results)
                except StopIteration:
                    raise Interrupted(f"Stopped before {place} was read. The same command goes on.") from None
                early[number] = _without_failure(found, left[number])
            yield early.pop(done)
            done += 1


def _without_failure(
    found: ReadRecording | JobFailed | RemoteFailure, place: RecordingPlace
) -> ReadRecording | FileFailure:
    if isinstance(found, RemoteFailure):
        return FileFailure(place, TelemetryError(f"{place} was not read: {found.reason}"))
    return FileFailure(place, TelemetryError(found.reason)) if isinstance(found, JobFailed) else found
