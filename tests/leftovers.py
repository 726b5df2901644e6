"""What a test may leave behind: nothing. Here is how to see that there is something."""

import ctypes
import os
import signal
import sys
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import ac_native_memory as ac

OWN_NAME: Final = f"test_{os.getpid()}_"
"""How the names begin that tests of this process take where the whole machine shares them."""

_BY_PYTHON: Final = ("multiprocessing.resource_tracker", "multiprocessing.forkserver")
"""Processes that Python keeps until the interpreter ends, named in their command lines."""

_BY_WINE: Final = frozenset(
    {"conhost.exe", "explorer.exe", "plugplay.exe", "rpcss.exe", "services.exe", "svchost.exe", "winedevice.exe"}
    | {"wineboot.exe", "wineserver", "wineserver64"}
)
"""Processes that Wine keeps for a minute after the last program: the next one starts quicker."""

_OF_TOOLS: Final = frozenset(
    {".git", ".hypothesis", ".import_linter_cache", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv"}
    | {".venv-heavy", ".venv-oldest", "__pycache__", "uv.lock"}
)
"""What tools keep in the checkout."""

_OF_LIBRARIES: Final = ("SB3-", "node-compile-cache", "ray", "torchinductor_")
"""How the names begin that Stable-Baselines3, npm, Ray and PyTorch keep in the temporary folder; for heavy tests."""


class Process(NamedTuple):
    """A process; its start time distinguishes it from a later one with the same number."""

    number: int
    began: str
    command: str


def adopt_orphans() -> None:
    """Make what our children start and leave our own children, so that it is found; Linux alone can."""
    if sys.platform == "linux":
        set_child_subreaper = 36
        ctypes.CDLL(None).prctl(set_child_subreaper, 1, 0, 0, 0)


def children() -> set[Process]:
    """The processes that were started from this one and run; none where the system does not say."""
    found = set()
    for task in Path("/proc/self/task").glob("*/children"):
        with suppress(OSError):  # a thread that has ended
            found |= {process for number in task.read_text().split() if (process := _process(int(number)))}
    return found


def _process(number: int) -> Process | None:
    """This process, unless it has ended or is one that Python or Wine keeps."""
    folder = Path("/proc", str(number))
    try:
        name, _, rest = folder.joinpath("stat").read_text().partition("(")[2].rpartition(")")
        state, *figures = rest.split()
        command = folder.joinpath("cmdline").read_bytes().decode(errors="replace").replace("\0", " ").strip()
    except OSError:
        return None
    if state == "Z" or name in _BY_WINE or any(mark in command for mark in _BY_PYTHON):
        return None
    return Process(number, figures[18], command or name)


def end_all(processes: Iterable[Process]) -> None:
    """End them, whatever they do."""
    if sys.platform != "win32":
        for process in processes:
            with suppress(OSError):
                os.kill(process.number, signal.SIGKILL)


def in_shared_memory() -> set[str]:
    """The files in shared memory whose names only a test of this process, or a game, would take."""
    folder = ac.PAGE_FILE_DIRECTORY
    if sys.platform == "win32" or not folder.is_dir():
        return set()
    return {path.name for path in folder.iterdir() if path.name.startswith((OWN_NAME, *ac.PAGES))}


def in_temporary_folder() -> set[str]:
    """The names in the temporary folder, without those that libraries keep there."""
    names = {path.name for path in Path(tempfile.gettempdir()).iterdir()}
    return {name for name in names if not name.startswith(_OF_LIBRARIES)}


def in_checkout(root: Path) -> set[str]:
    """The files of the checkout, without those that tools keep there."""
    found = set()
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in _OF_TOOLS and not name.endswith(".egg-info")]
        found |= {str(Path(folder, name).relative_to(root)) for name in files if name not in _OF_TOOLS}
    return found
