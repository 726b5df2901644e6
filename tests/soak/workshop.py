"""Where trials work: folders, processes of the command line, and a demo that publishes its pages."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple, Self

from tests.soak.published_demo import PublishedDemo

REPOSITORY = Path(__file__).parents[2]
COMMAND = (sys.executable, str(REPOSITORY / "main.py"))
PATIENCE_S = 120.0
"""Seconds after which a command that should have ended counts as one that hangs."""


class Ended(NamedTuple):
    """How a process ended, and what it said."""

    code: int
    out: str
    err: str
    seconds: float


class Running:
    """A command in a process group of its own."""

    def __init__(self, *arguments: str | Path, wrapper: tuple[str, ...] = ()) -> None:
        self.arguments = tuple(map(str, arguments))
        self.began = time.monotonic()
        self._out, self._err = (tempfile.TemporaryFile() for _ in range(2))  # noqa: SIM115 - closed by `close`
        self.process = subprocess.Popen(
            [*wrapper, *COMMAND, *self.arguments],
            stdin=subprocess.DEVNULL,
            stdout=self._out,
            stderr=self._err,
            start_new_session=True,
            cwd=REPOSITORY,
        )

    @property
    def seconds(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.began

    def said(self) -> tuple[str, str]:
        """What it wrote so far to standard output and standard error."""
        out, err = (os.pread(file.fileno(), 1 << 20, 0).decode(errors="replace") for file in (self._out, self._err))
        return out, err

    def sleep(self, seconds: float) -> bool:
        """Wait so long, or until the process ends; whether it still runs."""
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        return self.process.poll() is None

    def signal(self, number: int) -> None:
        """Send a signal to the command alone, not to its children."""
        self.process.send_signal(number)

    def kill(self, *, group: bool = True) -> None:
        """End it as a power button would, without a chance to clean up."""
        if group:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def has_children(self) -> bool:
        """Whether a process of its group still runs."""
        try:
            os.killpg(self.process.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def end(self, timeout: float = PATIENCE_S) -> Ended | None:
        """Wait for its own end; None for a command that hangs, which is killed."""
        try:
            code = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            self.close()
            return None
        ended = Ended(code, *self.said(), self.seconds)
        self.close()
        return ended

    def close(self) -> None:
        """Kill it if it still runs, and forget what it said; harmless when done twice."""
        if not self._out.closed:  # afterwards its number may be that of another process
            self.kill()
            self._out.close()
            self._err.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


def run(*arguments: str | Path, timeout: float = PATIENCE_S, wrapper: tuple[str, ...] = ()) -> Ended | None:
    """Run a command to its end; None for one that hangs."""
    return Running(*arguments, wrapper=wrapper).end(timeout)


class Workshop:
    """Everything that trials share; safe to use from several threads. ``seed`` is that of the published demo."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.root = Path(tempfile.mkdtemp(prefix="soak-"))
        self._lock = threading.Lock()
        self._numbers = 0
        self._demo: PublishedDemo | None = None
        self._recordings: dict[tuple[str, float], Path] = {}
        self.typical_seconds: dict[str, float] = {}
        """How long a command takes that nobody kills, by a name that the trials choose."""
        self.digests: dict[str, dict[str, str]] = {}
        """Digests of what such a command made, by the same name."""

    @contextmanager
    def folder(self) -> Iterator[Path]:
        """An empty folder, removed afterwards."""
        with self._lock:
            self._numbers += 1
            path = self.root / f"trial-{self._numbers}"
        path.mkdir()
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)

    def demo(self) -> PublishedDemo:
        """A demo that publishes its pages in real time, until :meth:`stop_demo`."""
        with self._lock:
            if self._demo is None:
                pages = Path(tempfile.mkdtemp(prefix="soak-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
                self._demo = PublishedDemo(pages, self.seed, (*COMMAND,))
            return self._demo

    def stop_demo(self) -> None:
        """End the published demo; the next use starts a new one."""
        with self._lock:
            if self._demo is not None:
                self._demo.close()
                self._demo = None

    def recording(self, suffix: str, seconds: float) -> Path:
        """A complete recording of the demo of so many seconds, made once."""
        with self._lock:
            key = (suffix, seconds)
            if key not in self._recordings:
                path = self.root / f"source-{seconds:g}s{suffix}"
                rate = () if suffix == ".mcap" else ("--rate", "50")
                ended = run(
                    "record", path, "--source", "demo", "--speed", "max", "--duration", f"{seconds:g}",
                    "--seed", str(self.seed), *rate, "--quiet",
                )  # fmt: skip
                if ended is None or ended.code:
                    raise RuntimeError(f"No recording could be made: {ended}")
                self._recordings[key] = path
            return self._recordings[key]

    def close(self) -> None:
        """End what runs and remove all files."""
        self.stop_demo()
        shutil.rmtree(self.root, ignore_errors=True)
