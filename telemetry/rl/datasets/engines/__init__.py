"""What converts many recordings at once, each with the same code: processes of this machine, or those of Ray."""

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
    """Converts recordings."""

    def run(self, jobs: Sequence[Job], clock: Clock, watch: Watch) -> Iterator[RecordingResult]:
        """What the recordings give, each when it is done; ends early, with none half done, when the clock is stopped.

        Whatever happens to a recording, or to the process that works on it, is said in its piece.
        """


def _local(workers: int | None, address: str | None) -> WorkerEngine:
    if address is not None:
        raise UsageError("--address is that of a running Ray; say --engine ray.")
    return LocalEngine(workers)


ENGINES: Final[Mapping[EngineName, Callable[[int | None, str | None], WorkerEngine]]] = {
    "local": _local,
    "ray": RayEngine,
}
"""By name: what makes an engine of how many recordings are converted at once (None: as many as it can), and where.

Raises :class:`telemetry.UsageError` where it cannot work.
"""
