"""Ray: the processors of one machine or of many, which see recordings and dataset under the same paths."""

import logging
import math
import os
import signal
import socket
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.base.extras import require
from telemetry.rl.datasets.convert import Job, convert
from telemetry.rl.datasets.exporter import RecordingResult, Watch
from telemetry.rl.datasets.provenance import program

_POLL_S: Final = 0.2
"""Longest that a stopped clock goes unnoticed."""

_TIMEOUT_S: Final = 60.0
"""Time that a machine has to say what it sees."""

_PING_S: Final = 10.0

_STORE_BYTES: Final = 100 << 20
"""Memory for what goes between processes: what is said of recordings, never their samples."""

_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else it packs the working directory and sends it around
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns of a change to come
}

_SHARED: Final = "All machines have to see recordings and output under the same path, on a file system that they share."


@dataclass(frozen=True, slots=True)
class RayEngine:
    """So many recordings at once, by default one for each processor, of the Ray at an address, or of one of its own."""

    workers: int | None = None
    address: str | None = None

    def __post_init__(self) -> None:
        os.environ.update(_QUIET)
        require("ray", extra="ray", purpose="The engine ray")

    def run(self, jobs: Sequence[Job], clock: Clock, watch: Watch) -> Iterator[RecordingResult]:
        """What the recordings give; one whose process or machine dies is tried once more."""
        del watch
        if not jobs:
            return
        with self._connected() as ray:
            if self.address is not None:
                _ask_all(ray, jobs[0])
            task = ray.remote(num_cpus=1, max_retries=1)(_convert_remote)
            here = Path.cwd()
            left = deque(jobs)
            running: dict[Any, Job] = {}
            try:
                while (left or running) and not clock.stopped:
                    # A few wait at their machine already; machines that come later are used too.
                    most = self.workers or math.ceil(1.5 * ray.cluster_resources().get("CPU", 1))
                    while left and len(running) < most:
                        job = left.popleft()
                        running[task.remote(job, here)] = job
                    done, _ = ray.wait(list(running), timeout=_POLL_S)
                    for reference in done:
                        yield _result(ray, reference, running.pop(reference))
            finally:
                for reference in running:
                    ray.cancel(reference, force=True)
                if running:
                    ray.wait(list(running), num_returns=len(running), timeout=_TIMEOUT_S)

    @contextmanager
    def _connected(self) -> Iterator[Any]:
        """Ray, which says nothing, serves no page and leaves signals alone; one of its own ends with the block."""
        import ray  # noqa: PLC0415 - an extra

        if self.address:
            _ping(self.address)
        own = {"num_cpus": self.workers, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
        numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not None]
        handlers = [signal.getsignal(number) for number in numbers]
        try:
            ray.init(
                # Its own, whatever RAY_ADDRESS says.
                address=self.address or "local",
                logging_level=logging.CRITICAL,
                log_to_driver=False,
                **({} if self.address else own),
            )
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            where = f"There is no Ray to be reached at {self.address}" if self.address else "Ray cannot be started"
            raise UsageError(f"{where}: {' '.join(str(error).split())}") from error
        finally:
            for number, handler in zip(numbers, handlers, strict=True):
                signal.signal(number, handler)
        try:
            yield ray
        finally:
            ray.shutdown()


def _ping(address: str) -> None:
    """Refuse with UsageError where nobody listens; Ray itself would try for minutes."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdecimal():  # a word, like ``auto``
        return
    try:
        socket.create_connection((host, int(port)), timeout=_PING_S).close()
    except (OSError, OverflowError) as error:
        raise UsageError(f"There is no Ray to be reached at {address}: {error}.") from error


def _convert_remote(job: Job, directory: Path) -> RecordingResult:
    """What a recording gives, in a process that is somewhere, and works in the leader's directory."""
    if sentence := _unseen(job, directory):
        return job.failed(f"{job.path} was not converted: {sentence}")
    os.chdir(directory)
    return convert(job, Clock(math.inf)) or job.failed(f"{job.path} was not converted: it was stopped.")


def _unseen(job: Job, directory: Path) -> str:
    """What this machine does not see of a job; empty when all is there."""
    for path in (directory, directory / job.path, directory / job.parts):
        if not path.exists():
            return f"the machine {socket.gethostname()} does not see {path}. {_SHARED}"
    return ""


def _check_remote_paths(job: Job, directory: Path, theirs: str) -> str:
    """What speaks against converting on the machine that this runs on."""
    if program() != theirs:
        return f"the machine {socket.gethostname()} has {program()}, and this one {theirs}; all need the same."
    return _unseen(job, directory)


def _ask_all(ray: Any, job: Job) -> None:
    """Refuse with UsageError where a machine that would convert cannot."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy  # noqa: PLC0415 - an extra

    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    if not nodes:
        raise UsageError("This Ray has no processor.")
    task = ray.remote(num_cpus=0, max_retries=0)(_check_remote_paths)
    for node in nodes:
        strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        reference = task.options(scheduling_strategy=strategy).remote(job, Path.cwd(), program())
        name = node["NodeManagerHostname"]
        try:
            sentence = ray.get(reference, timeout=_TIMEOUT_S)
        except ray.exceptions.GetTimeoutError:
            sentence = f"the machine {name} does not answer."
        except ray.exceptions.RayError as error:
            sentence = (
                f"the machine {name} cannot run this program; install the same ac-telemetry there. {_last_line(error)}"
            )
        if sentence:
            raise UsageError(f"Nothing was converted: {sentence}")


def _result(ray: Any, reference: Any, job: Job) -> RecordingResult:
    try:
        result: RecordingResult = ray.get(reference)
    except ray.exceptions.OutOfMemoryError:
        return job.failed(f"{job.path} was not converted: its machine has too little memory.")
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError):
        return job.failed(f"{job.path} was not converted: the process that works on it, or its machine, dies.")
    except ray.exceptions.RayError as error:
        return job.failed(f"{job.path} was not converted: {_last_line(error)}")
    return result


def _last_line(error: Exception) -> str:
    """The reason at the end of what Ray has to say."""
    return str(error).strip().splitlines()[-1]
