"""The command line as its users run it: a process of its own, and what it says while it runs."""

import os
import re
import signal
import subprocess
import sys
import threading
from itertools import pairwise
from pathlib import Path
from typing import IO, Self

import orjson
import pytest

from tests.conftest import PATIENCE, REPOSITORY, wait_until

COMMAND = [sys.executable, str(REPOSITORY / "main.py")]
FAST = ["--source", "demo", "--speed", "max"]
with_signals = pytest.mark.skipif(
    sys.platform == "win32", reason="no test can send a signal to another process there; test_wine.py does from outside"
)


def run(
    *arguments: str | Path, cwd: Path | None = None, timeout: float = PATIENCE, **environment: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        capture_output=True,
        cwd=cwd or REPOSITORY,
        timeout=timeout,
        check=False,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
        env={**os.environ, **environment},
    )


def start(*arguments: str | Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        stdin=subprocess.DEVNULL,
        encoding="utf-8",
    )


def interrupt(process: subprocess.Popen[str]) -> tuple[str, str]:
    process.send_signal(signal.SIGINT)
    return process.communicate(timeout=PATIENCE)


class Watched:
    """A command that runs, and what its view has said so far."""

    def __init__(self, *arguments: str | Path) -> None:
        self.process = start(*arguments)
        self.lines: list[str] = []
        self.messages: list[str] = []
        streams = ((self.process.stdout, self.lines), (self.process.stderr, self.messages))
        self._threads = [threading.Thread(target=_collect, args=arguments) for arguments in streams]
        for thread in self._threads:
            thread.start()

    @property
    def states(self) -> list[str]:
        """The states it showed, in order; those that may pass before they are drawn are left out."""
        words = [re.search(r"\b(waiting|live|gone)\b", line) for line in self.lines]
        states = [word[0] for word in words if word]
        return [after for before, after in pairwise(["", *states]) if after != before]

    def shows(self, *states: str) -> None:
        """Wait until these are the states it showed."""
        wait_until(
            lambda: self.states == list(states),
            lambda: (self.states, self.lines, self.messages, self.process.poll()),
        )

    def end(self) -> str:
        """Wait for its normal end and give what it said on standard error."""
        code = self.process.wait(timeout=PATIENCE)
        self._join()
        said = "".join(self.messages)
        assert code == 0, said
        return said

    def interrupt(self) -> str:
        """Press Ctrl-C and give what it says until it has ended well."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def _join(self) -> None:
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.process.kill()
        self.process.wait()
        self._join()
        for stream in (self.process.stdout, self.process.stderr):
            assert stream is not None
            stream.close()


def _collect(stream: IO[str], lines: list[str]) -> None:
    lines.extend(stream)


_STOPPING = """
import os, sys
name, function = sys.argv[1], getattr(os, sys.argv[1])
def stop(*arguments, **options):
    setattr(os, name, function)
    print("stopped", flush=True)
    sys.stdin.read()
    return function(*arguments, **options)
setattr(os, name, stop)
sys.argv = ["main.py", *sys.argv[2:]]
from telemetry.cli import main
main()
"""


class Stopped:
    """A command that stands still where it calls this function of ``os`` for the first time: to be killed there."""

    def __init__(self, function: str, *arguments: str | Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", _STOPPING, function, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=REPOSITORY,
            encoding="utf-8",
        )
        assert self.process.stdout is not None
        if all(line.strip() != "stopped" for line in self.process.stdout):
            pytest.fail(f"it ended before: {self.process.communicate(timeout=PATIENCE)}")

    def kill(self) -> None:
        """End it as the system does where the memory is full: it can do nothing more."""
        self.process.kill()
        self.process.communicate(timeout=PATIENCE)

    def go_on(self) -> tuple[int, str]:
        """Let it come to its end; its exit code, and what it says on standard error."""
        _, said = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, said

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.returncode is None:
            self.kill()


def rows(path: Path) -> list[dict[str, object]]:
    return [orjson.loads(line) for line in path.read_bytes().splitlines()]


def rows_so_far(path: Path) -> list[dict[str, object]]:
    """Those lines of a recording that goes on which have reached the file whole."""
    data = path.read_bytes() if path.exists() else b""
    return [orjson.loads(line) for line in data[: data.rfind(b"\n") + 1].splitlines()]
