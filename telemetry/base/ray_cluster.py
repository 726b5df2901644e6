"""Work on many items at once on a Ray: the processors of one machine, or of many that share what the work needs."""

import logging
import math
import os
import signal
import socket
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.base.extras import require
from telemetry.base.program import program_digest

PURPOSE: Final = "The engine ray"

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

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

Work = Callable[[_Item, Path], _Result]
"""What is done with an item, in any process on any machine; the path is the directory of the calling process.

It may run twice, when a machine dies after the work: its outputs need names that follow from the item."""


@dataclass(frozen=True, slots=True)
class RemoteFailure:
    """In place of a result: why there is none, as the end of a sentence."""

    reason: str


@dataclass(frozen=True, slots=True)
class RayCluster:
    """A Ray that this process is connected to; made by :func:`connect_to_ray`."""

    ray: Any
    workers: int | None
    """How many items are worked on at once; None: more than one per processor."""
    is_shared: bool
    """Whether it runs for others too, on machines that may have other programs and files."""

    def run(
        self, work: Work[_Item, _Result], items: Sequence[_Item], clock: Clock
    ) -> Generator[tuple[int, _Result | RemoteFailure], None, None]:
        """The number of each item, from 0, and its result as soon as it is there.

        An item whose process or machine dies is tried once more. Stopping ``clock`` ends the iteration without the
        results that are not there yet.
        """
        ray = self.ray
        task = ray.remote(num_cpus=1, max_retries=1)(work)
        directory = Path.cwd()
        waiting = deque(range(len(items)))
        running: dict[Any, int] = {}
        try:
            while (waiting or running) and not clock.stopped:
                # More than one item per processor, so that none is idle; machines that join later are used too.
                max_running = self.workers or math.ceil(1.5 * ray.cluster_resources().get("CPU", 1))
                while waiting and len(running) < max_running:
                    number = waiting.popleft()
                    running[task.remote(items[number], directory)] = number
                done, _ = ray.wait(list(running), timeout=_POLL_S)
                for reference in done:
                    yield running.pop(reference), _result(ray, reference)
        finally:
            for reference in running:
                ray.cancel(reference, force=True)
            if running:
                ray.wait(list(running), num_returns=len(running), timeout=_TIMEOUT_S)

    def check_machines(self, check: Work[_Item, str], item: _Item) -> None:
        """Raise UsageError where ``check`` has something to say on a machine, or a machine has another program.

        A Ray that was started here needs no check.
        """
        if not self.is_shared:
            return
        ray = self.ray
        scheduling = require("ray.util.scheduling_strategies", extra="ray", purpose=PURPOSE)
        nodes = [node for node in ray.nodes() if node["Alive"] and node["Resources"].get("CPU", 0) >= 1]
        if not nodes:
            raise UsageError("This Ray has no processor.")
        task = ray.remote(num_cpus=0, max_retries=0)(check_machine)
        for node in nodes:
            strategy = scheduling.NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
            reference = task.options(scheduling_strategy=strategy).remote(check, item, Path.cwd(), program_digest())
            name = node["NodeManagerHostname"]
            try:
                problem = ray.get(reference, timeout=_TIMEOUT_S)
            except ray.exceptions.GetTimeoutError:
                problem = f"the machine {name} does not answer."
            except ray.exceptions.RayError as error:
                problem = (
                    f"the machine {name} cannot run this program; install the same ac-telemetry there. "
                    f"{_last_line(error)}"
                )
            if problem:
                raise UsageError(f"Nothing was done: {problem}")


@contextmanager
def connect_to_ray(address: str | None, workers: int | None) -> Iterator[RayCluster]:
    """The Ray at ``address``, or one that is started on this machine and ends with the block.

    It has no log output, no dashboard and no signal handlers. Raises UsageError where it is not installed, cannot be
    reached, or not be started.
    """
    ray = prepare_ray()
    if address:
        _ping(address)
    numbers = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) is not None]
    handlers = [signal.getsignal(number) for number in numbers]
    local: dict[str, Any] = {
        "num_cpus": workers,
        "include_dashboard": False,
        "object_store_memory": _STORE_BYTES,
    }
    try:
        ray.init(
            # "local" starts a new one even if RAY_ADDRESS names another.
            address=address or "local",
            logging_level=logging.CRITICAL,
            log_to_driver=False,
            **({} if address else local),
        )
    except (ConnectionError, ValueError, RuntimeError, OSError) as error:
        problem = f"Ray cannot be reached at {address}" if address else "Ray cannot be started"
        raise UsageError(f"{problem}: {' '.join(str(error).split())}") from error
    finally:
        for number, handler in zip(numbers, handlers, strict=True):
            signal.signal(number, handler)
    try:
        yield RayCluster(ray, workers, is_shared=address is not None)
    finally:
        ray.shutdown()


def prepare_ray() -> Any:
    """Ray, with what keeps it quiet; UsageError where it is not installed."""
    os.environ.update(_QUIET)
    return require("ray", extra="ray", purpose=PURPOSE)


def check_machine(check: Work[_Item, str], item: _Item, directory: Path, expected_program: str) -> str:
    """Why this machine cannot do the work; empty if it can."""
    if program_digest() != expected_program:
        return (
            f"the machine {socket.gethostname()} has {program_digest()}, this one {expected_program}; all need the "
            "same version."
        )
    return check(item, directory)


def missing_path(paths: Sequence[Path], shared: str) -> str:
    """The first of these paths that does not exist on this machine, as a sentence, and what must be ``shared``."""
    for path in paths:
        if not path.exists():
            return f"{path} does not exist on the machine {socket.gethostname()}. {shared}"
    return ""


def _ping(address: str) -> None:
    """Raise UsageError if nothing listens at the address; Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not host or not port.isdecimal():  # a word, like ``auto``
        return
    try:
        socket.create_connection((host, int(port)), timeout=_PING_TIMEOUT_S).close()
    except (OSError, OverflowError, UnicodeError) as error:  # UnicodeError: a name that no computer can have
        raise UsageError(f"Ray cannot be reached at {address}: {error}.") from error


def _result(ray: Any, reference: Any) -> Any:
    try:
        return ray.get(reference)
    except ray.exceptions.OutOfMemoryError:
        return RemoteFailure("its machine has too little memory.")
    except (ray.exceptions.WorkerCrashedError, ray.exceptions.NodeDiedError, ray.exceptions.ObjectLostError):
        return RemoteFailure("its process or its machine died.")
    except ray.exceptions.RayError as error:
        return RemoteFailure(_last_line(error))


def _last_line(error: Exception) -> str:
    """The reason, which Ray puts at the end of its message."""
    return str(error).strip().splitlines()[-1]
