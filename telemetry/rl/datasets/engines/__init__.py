"""Engines convert many recordings at once: in processes of this machine, or in those of Ray."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final, Literal, Protocol

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.rl.datasets.convert import Job
from telemetry.rl.datasets.engines.local import LocalEngine
from telemetry.rl.datasets.engines.ray import RayEngine
from telemetry.rl.datasets.exporter import RecordingResult, Watch

EngineName = Literal["local", "ray"]


class WorkerEngine(Protocol):
    """Runs jobs."""

    def run(self, jobs: Sequence[Job], clock: Clock, watch: Watch) -> Iterator[RecordingResult]:
        """The result of each job as soon as it is done; ends early, without half-done parts, if the clock is stopped.

        Every error, also that a process died, becomes the ``error`` of a result.
        """


def _local(workers: int | None, address: str | None) -> WorkerEngine:
    if address is not None:
        raise UsageError("--address is for Ray; add --engine ray.")
    return LocalEngine(workers)


ENGINES: Final[Mapping[EngineName, Callable[[int | None, str | None], WorkerEngine]]] = {
    "local": _local,
    "ray": RayEngine,
}
"""Makes the engine of a name, from the number of recordings at once (None: as many as possible) and an address.

Raises :class:`telemetry.UsageError` if the engine cannot work.
"""
