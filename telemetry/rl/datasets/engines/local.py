"""The local engine: processes of this machine, or this process alone."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from telemetry.base.clock import Clock
from telemetry.base.processes import ProcessDied, run_in_processes
from telemetry.rl.datasets.convert import Job, convert
from telemetry.rl.datasets.exporter import RecordingResult, Watch


@dataclass(frozen=True, slots=True)
class LocalEngine:
    """Converts in this process if ``workers`` is 1, else in that many other processes; None: one per core."""

    workers: int | None = None

    def run(self, jobs: Sequence[Job], clock: Clock, watch: Watch) -> Iterator[RecordingResult]:
        """The results; a recording whose process dies is tried once more, alone."""
        workers = min(self.workers or os.cpu_count() or 1, len(jobs))
        if workers <= 1:
            for job in jobs:
                if (result := None if clock.stopped else convert(job, clock, watch)) is not None:
                    yield result
            return
        with closing(run_in_processes(convert, jobs, workers, clock)) as results:
            for number, found in results:
                if isinstance(found, ProcessDied):
                    path = jobs[number].path
                    yield jobs[number].failed(
                        f"{path} was not converted: its process died, perhaps because the memory was full."
                    )
                elif found is not None:
                    yield found
