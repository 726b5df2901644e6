"""The Ray engine: the processors of one or many machines that share a file system."""

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
from telemetry.rl.datasets.provenance import program_digest

_POLL_S: Final = 0.2
"""How often the clock is checked."""

_TIMEOUT_S: Final = 60.0
"""How long a machine may take to answer."""

_PING_TIMEOUT_S: Final = 10.0

_STORE_BYTES: Final = 100 << 20
"""Memory for objects sent between processes: results of recordings, never their samples."""

_QUIET: Final = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else it sends the working directory to every machine
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else it warns about a future change
}

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
        os.environ.update(_QUIET)
        require("ray", extra="ray", purpose="The engine ray")

    def run(self, jobs: Sequence[Job], clock: Clock, watch: Watch) -> Iterator[RecordingResult]:
        """The results; a recording whose process or machine dies is tried once more.

        Raises UsageError if Ray cannot be reached, or a machine of it cannot convert.
        """
        del watch
        if not jobs:
            return
        with self._connected() as ray:
            if self.address is not None:
                _check_machines(ray, jobs[0])
            task = ray.remote(num_cpus=1, max_retries=1)(convert_remote)
            directory = Path.cwd()
            waiting = deque(jobs)
            running: dict[Any, Job] = {}
            try:
                while (waiting or running) and not clock.stopped:
                    # More than one job per processor, so that none is idle; machines that join later are used too.
                    max_running = self.workers or math.ceil(1.5 * ray.cluster_resources().get("CPU", 1))
                    while waiting and len(running) < max_running:
                        job = waiting.popleft()
                        running[task.remote(job, directory)] = job
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
        """Ray without log output, dashboard and signal handlers; a Ray that was started here ends with the block."""
        import ray

        if self.address:
            _ping(self.address)
        local = {"num_cpus": self.workers, "include_dashboard": False, "object_store_memory": _STORE_BYTES}
        numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not None]
        handlers = [signal.getsignal(number) for number in numbers]
        try:
            ray.init(
                # "local" starts a new one even if RAY_ADDRESS names another.
                address=self.address or "local",
                logging_level=logging.CRITICAL,
                log_to_driver=False,
                **({} if self.address else local),
            )
        except (ConnectionError, ValueError, RuntimeError, OSError) as error:
            problem = f"Ray cannot be reached at {self.address}" if self.address else "Ray cannot be started"
            raise UsageError(f"{problem}: {' '.join(str(error).split())}") from error
        finally:
            for number, handler in zip(numbers, handlers, strict=True):
                signal.signal(number, handler)
        try:
            yield ray
        finally:
            ray.shutdown()


def _ping(address: str) -> None:
    """Raise UsageError if nothing listens at the address; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():  # a word, like ``auto``
        return
    try:
        socket.create_connection((host, int(port)), timeout=_PING_TIMEOUT_S).close()
    except (OSError, OverflowError, UnicodeError) as error:  # UnicodeError: a name that no computer can have
        raise UsageError(f"Ray cannot be reached at {address}: {error}.") from error


def convert_remote(job: Job, directory: Path) -> RecordingResult:
    """Run a job in a process on any machine, in the directory of the calling process."""
    if problem := _missing_path(job, directory):
        return job.failed(f"{job.path} was not converted: {problem}")
    os.chdir(directory)
    return convert(job, Clock(math.inf)) or job.failed(f"{job.path} was not converted: it was stopped.")


def _missing_path(job: Job, directory: Path) -> str:
    """The path of a job that does not exist on this machine, as a sentence; empty if all exist."""
    for path in (directory, directory / job.path, directory / job.parts):
        if not path.exists():
            return f"{path} does not exist on the machine {socket.gethostname()}. {_SHARED}"
    return ""


def check_machine(job: Job, directory: Path, expected_program: str) -> str:
    """Why this machine cannot convert; empty if it can."""
    if program_digest() != expected_program:
        return (
            f"the machine {socket.gethostname()} has {program_digest()}, this one {expected_program}; all need the "
            "same version."
        )
    return _missing_path(job, directory)


def _check_machines(ray: Any, job: Job) -> None:
    """Raise UsageError if a machine of the Ray cannot convert."""
    from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

    nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
    if not nodes:
        raise UsageError("This Ray has no processor.")
    task = ray.remote(num_cpus=0, max_retries=0)(check_machine)
    for node in nodes:
        strategy = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
        reference = task.options(scheduling_strategy=strategy).remote(job, Path.cwd(), program_digest())
        name = node["NodeManagerHostname"]
        try:
            problem = ray.get(reference, timeout=_TIMEOUT_S)
        except ray.exceptions.GetTimeoutError:
            problem = f"the machine {name} does not answer."
        except ray.exceptions.RayError as error:
            problem = (
                f"the machine {name} cannot run this program; install the same ac-telemetry there. {_last_line(error)}"
            )
        if problem:
            raise UsageError(f"Nothing was converted: {problem}")


def _result(ray: Any, reference: Any, job: Job) -> RecordingResult:
    try:
        result: RecordingResult = ray.get(reference)
    except ray.exceptions.OutOfMemoryError:
        return job.failed(f"{job.path} was not converted: its machine has too little memory.")
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError):
        return job.failed(f"{job.path} was not converted: its process or its machine died.")
    except ray.exceptions.RayError as error:
        return job.failed(f"{job.path} was not converted: {_last_line(error)}")
    return result


def _last_line(error: Exception) -> str:
    """The reason, which Ray puts at the end of its message."""
    return str(error).strip().splitlines()[-1]
