"""Start the stand-in for the game (``standin.c``), where there is one.

It is a Windows program: tests that need it run in a Windows Python (``scripts/test-windows``), which finds it by the
environment variable ``AC_STANDIN_EXE``. Elsewhere they are skipped.
"""

from __future__ import annotations

import os
import subprocess
import sys
import uuid
from contextlib import contextmanager
from typing import TYPE_CHECKING, Self

import pytest

import ac_native_memory as ac
from tests.conftest import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
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
    """A running stand-in; its mappings have names of their own unless a ``prefix``, "" for the game's, is given."""

    def __init__(self, *options: str, prefix: str | None = None) -> None:
        self.prefix = f"test_{uuid.uuid4().hex}_" if prefix is None else prefix
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
        said, _ = self.process.communicate(f"{command}\n", timeout=PATIENCE)
        _, physics, _, graphics = said.split()
        return int(physics), int(graphics)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.kill()
        self.process.communicate()


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _SECTION_QUERY = 1
    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.OpenFileMappingW.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.LPCWSTR)
    _kernel32.OpenFileMappingW.restype = wintypes.HANDLE
    _kernel32.CreateMutexW.argtypes = (wintypes.LPVOID, wintypes.BOOL, wintypes.LPCWSTR)
    _kernel32.CreateMutexW.restype = wintypes.HANDLE
    _kernel32.WaitForSingleObject.argtypes = (wintypes.HANDLE, wintypes.DWORD)
    for _function in (_kernel32.ReleaseMutex, _kernel32.CloseHandle):
        _function.argtypes = (wintypes.HANDLE,)

    def existing_mappings(prefix: str = "") -> list[str]:
        """Which of the game's named mappings exist, by opening them as the system's own tools do."""
        found = []
        for name in ac.PAGES:
            if handle := _kernel32.OpenFileMappingW(_SECTION_QUERY, False, prefix + name):
                _kernel32.CloseHandle(handle)
                found.append(name)
        return found

    @contextmanager
    def real_names() -> Iterator[None]:
        """The game's real names for one test at a time, whatever other runs go on; at first no game has them."""
        mutex = _kernel32.CreateMutexW(None, False, "ac_telemetry_tests")
        taken, taken_from_the_dead = 0, 0x80
        assert _kernel32.WaitForSingleObject(mutex, 300_000) in (taken, taken_from_the_dead)
        try:
            wait_until(lambda: not existing_mappings())
            yield
        finally:
            _kernel32.ReleaseMutex(mutex)
            _kernel32.CloseHandle(mutex)

else:

    def existing_mappings(prefix: str = "") -> list[str]:
        """Nothing has such names elsewhere."""
        return []

    @contextmanager
    def real_names() -> Iterator[None]:
        """Nothing has such names elsewhere."""
        yield
