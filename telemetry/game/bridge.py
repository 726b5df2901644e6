"""Named mappings of a Wine prefix that are files on Linux, created inside the prefix before the game creates its own.

They are backed by files in ``/dev/shm``: the game finds mappings with the names of its pages and writes into them, so
that nothing is copied. In the other direction a program on Linux writes what the game reads.
"""

import mmap
import os
import sys
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from ac_native_memory import PAGE_FILE_SIZE, PAGES
from telemetry.base.errors import SinkError, UsageError
from telemetry.base.storage.regular_file import open_without_waiting
from telemetry.base.typing import override
from telemetry.recording.interfaces import Closeable

DIRECTORY: Final = Path("Z:/dev/shm")
"""Where Linux programs look for page files, as Wine shows it."""

PAGE_FILES: Final[Mapping[str, int]] = dict.fromkeys(PAGES, PAGE_FILE_SIZE)
"""The names of the game's pages, and the size of each in bytes."""

PURPOSE: Final = (
    "The bridge is for the game under Wine or Proton: it runs in a Windows Python in the game's own prefix, before the "
    "game, and shows its pages as files in /dev/shm to Linux programs that cannot read the game by themselves."
)
HOW_TO: Final = f"""\
{PURPOSE}
This program needs no bridge: `uv run main.py read` on Linux reads the running game itself.

For other programs, with Assetto Corsa from Steam (244210 is its number there):
1. Once, install Python for Windows (python.org, 64-bit) in the game's prefix, and this program's packages in it:
     protontricks-launch --appid 244210 python-3.13-amd64.exe
     protontricks-launch --appid 244210 py.exe -m pip install .
2. Before each session, and before the game:
     protontricks-launch --appid 244210 py.exe main.py bridge
With a Wine of your own: WINEPREFIX=/path/to/the/prefix wine py.exe main.py bridge

To drive from Linux through Custom Shaders Patch (docs/rl.md), `bridge --csp` shows its controls instead of the
pages, at any time before the first reset; the car is the program's for as long as that runs."""


EXISTS: Final = (
    "The shared memory {} exists already: the game runs, or another program holds its pages. "
    "The bridge has to come first: end the game and that program, start the bridge, then the game."
)


class Bridge(Closeable):
    """Named mappings with these names and sizes (in bytes), and the files behind them, until it is closed.

    Raises :class:`telemetry.UsageError` where this is not a Windows program under Wine, :class:`telemetry.SinkError`
    where the mappings exist already (the bridge must create them first; ``exists`` is the message) or cannot be
    created. ``left`` holds the files that remained after closing.
    """

    def __init__(
        self, directory: Path = DIRECTORY, sizes: Mapping[str, int] = PAGE_FILES, *, exists: str = EXISTS
    ) -> None:
        self.directory = directory
        self.left: list[Path] = []
        self._maps: list[mmap.mmap] = []
        self._files: list[Path] = []
        if sys.platform != "win32":
            raise UsageError(HOW_TO)
        if not directory.is_dir():
            raise UsageError(
                f"{PURPOSE} This is Windows itself, or a prefix that hides {directory}: here every program reads the "
                "game directly."
            )
        for name in sizes:
            if _exists(name):
                raise SinkError(exists.format(name))
        try:
            for name, size in sizes.items():
                self._create(name, size)
        except OSError as error:
            self.close()
            raise SinkError(
                f"The bridge's file {error.filename or directory} cannot be made: {error.strerror}."
            ) from error
        except BaseException:
            self.close()
            raise

    @override
    def close(self) -> None:
        """Close the mappings and remove the files; those in ``left`` stay until the game that still maps them exits."""
        while self._maps:
            self._maps.pop().close()
        while self._files:
            path = self._files.pop()
            with suppress(OSError):
                path.unlink(missing_ok=True)
            if path.exists():
                self.left.append(path)

    def _create(self, name: str, size: int) -> None:
        path = self.directory / name
        with open(path, "r+b" if path.exists() else "x+b", opener=open_without_waiting) as file:
            self._files.append(path)
            file.truncate(size)
            file.write(bytes(size))  # pages of an earlier game must not look like a running one
            file.flush()
            os.fsync(file.fileno())
            self._maps.append(_map(file.fileno(), size, name))


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.OpenFileMappingW.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.LPCWSTR)
    _kernel32.OpenFileMappingW.restype = wintypes.HANDLE
    _kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)
    _FILE_MAP_READ: Final = 4

    def _exists(name: str) -> bool:
        handle = _kernel32.OpenFileMappingW(_FILE_MAP_READ, False, name)
        if handle:
            _kernel32.CloseHandle(handle)
        return bool(handle)

    def _map(descriptor: int, size: int, name: str) -> mmap.mmap:
        return mmap.mmap(descriptor, size, tagname=name, access=mmap.ACCESS_WRITE)

else:

    def _exists(name: str) -> bool:
        raise NotImplementedError(name)

    def _map(descriptor: int, size: int, name: str) -> mmap.mmap:
        raise NotImplementedError(descriptor, size, name)
