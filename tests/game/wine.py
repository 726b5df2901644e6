"""A real Wine on Linux, with the stand-in for the game in it."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import uuid
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from telemetry.game.proton import Processes
from tests.conftest import PATIENCE, REPOSITORY, unique_name

if TYPE_CHECKING:
    from types import ModuleType, TracebackType


def windows_python() -> ModuleType | None:
    """The script that makes a Windows Python, where it has made one."""
    os.environ["PATH"] += os.pathsep + "/usr/lib/wine"
    spec = importlib.util.spec_from_file_location("windows_python", REPOSITORY / "scripts/windows/python.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    there = all(map(shutil.which, module.DEBIAN_PACKAGES)) and any(module.CACHE.glob("python-*/python.exe"))
    return module if there else None


WINDOWS = windows_python() if sys.platform == "linux" else None
needs_wine = pytest.mark.skipif(WINDOWS is None, reason="needs Wine on Linux: scripts/windows-python provision")
as_root = pytest.mark.skipif(
    sys.platform == "win32" or os.getuid() != 0, reason="needs root, to become an ordinary user"
)
ORDINARY_USER, ANOTHER_USER = 64_001, 64_002


class Wine:
    """A Wine prefix with the stand-in for the game, under a process name that only this test uses."""

    def __init__(self, user: int | None = None) -> None:
        assert WINDOWS
        self.folder = Path(tempfile.mkdtemp(prefix="ac-wine-"))
        self.folder.chmod(0o755)
        self.user = user
        self.prefix, self.python = WINDOWS.provision()
        self.name = f"acs_{uuid.uuid4().hex[:6]}.exe"
        WINDOWS.compile_c(REPOSITORY / "tests/game/standin.c", self.folder / self.name, "-lwinmm")
        if user is not None:
            # What tells a prefix's processes where its server is belongs to the original.
            own = shutil.ignore_patterns("wineserver")
            self.prefix = Path(shutil.copytree(self.prefix, self.folder / "prefix", symlinks=True, ignore=own))
            for path in (self.folder, *self.folder.rglob("*")):
                if sys.platform != "win32":
                    os.chown(path, user, user, follow_symlinks=False)
        self.environment = WINDOWS.wine_environment(self.prefix) | WINDOWS.OWN_BYTE_CODE
        if user is not None:
            self.environment |= {"HOME": str(self.folder), "TMPDIR": str(self.folder)}
        self.run(WINDOWS.WINE_SERVER, "-p60")
        self.settle()

    @property
    def identity(self) -> dict[str, Any]:
        return {} if self.user is None else {"user": self.user, "group": self.user, "extra_groups": []}

    def run(self, *command: str) -> None:
        null = subprocess.DEVNULL
        subprocess.run(
            command, env=self.environment, stdin=null, stdout=null, stderr=null, timeout=PATIENCE, check=False,
            cwd=self.folder, **self.identity,
        )  # fmt: skip

    def settle(self) -> None:
        """Start and end a process: after that Wine knows that those before it have ended."""
        assert WINDOWS
        self.run(WINDOWS.WINE, "cmd", "/c", "exit")

    def start(self, program: Path, *arguments: str, cwd: Path | None = None) -> subprocess.Popen[str]:
        return subprocess.Popen(
            ["wine64", str(program), *arguments], env=self.environment, cwd=cwd or self.folder, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, **self.identity,
        )  # fmt: skip

    def game(self, *options: str, prefix: str = "") -> StandIn:
        prefix = prefix or unique_name()
        return StandIn(self.start(self.folder / self.name, "--prefix", prefix, *options))

    def processes(self) -> Processes:
        return Processes(games=(self.name,))

    def close(self) -> None:
        assert WINDOWS
        if self.user is not None:
            self.run(WINDOWS.WINE_SERVER, "-k")
        shutil.rmtree(self.folder, ignore_errors=True)


class StandIn:
    """A running stand-in, seen from Linux."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self.process = process
        assert process.stdout
        assert process.stdout.readline() == "ready\n"

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
