"""Start the stand-in for the game (``standin.c``), where there is one.

It is a Windows program: tests that need it run in a Windows Python (``scripts/test-windows``), which finds it by the
environment variable ``AC_STANDIN_EXE``. Elsewhere they are skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from types import TracebackType

EXECUTABLE = os.environ.get("AC_STANDIN_EXE", "")

needs_standin = pytest.mark.skipif(
    sys.platform != "win32" or not EXECUTABLE,
    reason="needs Windows and the stand-in for the game: run scripts/test-windows",
)


def layout() -> dict[tuple[str, str], tuple[int, int]]:
    """Offset and size of each field by page and name, as the C compiler has them; ``sizeof`` names the whole page."""
    said = subprocess.check_output([EXECUTABLE, "--layout"], stdin=subprocess.DEVNULL, text=True)
    lines = (line.split() for line in said.splitlines())
    return {(page, name): (int(offset), int(size)) for page, name, offset, size in lines}


class StandIn:
    """A running stand-in whose mappings have names of their own: ``prefix`` stands before each."""

    def __init__(self, *options: str) -> None:
        self.prefix = f"test_{uuid.uuid4().hex}_"
        command = [EXECUTABLE, "--prefix", self.prefix, *options]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1)
        assert self.process.stdout
        assert self.process.stdout.readline() == "ready\n"

    def tell(self, command: str) -> None:
        """Let the player do something: pause, replay, live, exit or crash."""
        assert self.process.stdin
        self.process.stdin.write(f"{command}\n")

    def end(self, command: str = "exit") -> tuple[int, int]:
        """End it and give the packetIds that it wrote last: physics, graphics."""
        said, _ = self.process.communicate(f"{command}\n", timeout=10)
        _, physics, _, graphics = said.split()
        return int(physics), int(graphics)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()
