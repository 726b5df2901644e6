"""The Ray engine: the processors of one or many machines that share a file system."""

import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from telemetry.base.clock import Clock
from telemetry.base.ray_cluster import RemoteFailure, connect_to_ray, missing_path, prepare_ray
from telemetry.rl.datasets.convert import Job, convert
from telemetry.rl.datasets.exporter import RecordingResult, Watch

_SHARED: Final = "All machines need recordings and output under the same path, on a shared file system."


@dataclass(frozen=True, slots=True)
class RayEngine:
    """Converts on the Ray at ``address``, or on one that it starts on this machine.

    Raises UsageError if Ray is not installed.
    """

    workers: int | None = None
    """How many recordings are converted at once; None: one per processor."""
    address: str | None = None

    def __post_init__(self) -> None:
        prepare_ray()

    def run(self, jobs: Sequence[Job], clock: Clock, watch: Watch) -> Iterator[RecordingResult]:
        """The results; a recording whose process or machine dies is tried once more.

        Raises UsageError if Ray cannot be reached, or a machine of it cannot convert.
        """
        del watch
        if not jobs:
            return
        with connect_to_ray(self.address, self.workers) as cluster:
            cluster.check_machines(check_paths, jobs[0])
            for number, found in cluster.run(convert_remote, jobs, clock):
                job = jobs[number]
                if isinstance(found, RemoteFailure):
                    yield job.failed(f"{job.path} was not converted: {found.reason}")
                else:
                    yield found


def convert_remote(job: Job, directory: Path) -> RecordingResult:
    """Run a job in a process on any machine, in the directory of the calling process."""
    if problem := check_paths(job, directory):
        return job.failed(f"{job.path} was not converted: {problem}")
    os.chdir(directory)
    return convert(job, Clock(math.inf)) or job.failed(f"{job.path} was not converted: it was stopped.")


def check_paths(job: Job, directory: Path) -> str:
    """The path of a job that does not exist on this machine, as a sentence; empty if all exist."""
    return missing_path((directory, directory / job.path, directory / job.parts), _SHARED)
