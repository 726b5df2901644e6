"""The game's pages as files that Linux programs read, made from inside its Wine prefix and before the game.

Named mappings that are backed by files in ``/dev/shm``: the game finds mappings of its names there already, writes them
as it writes its own, and nothing is ever copied.
"""

import mmap
import os
import sys
from contextlib import suppress
from pathlib import Path
from typing import Final

from ac_native_memory import PAGE_FILE_SIZE, PAGES
from telemetry.errors import SinkError, UsageError
from telemetry.recorder import Closing

DIRECTORY: Final = Path("Z:/dev/shm")
"""Where Linux programs look for page files, as Wine shows it."""

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
With a Wine of your own: WINEPREFIX=/path/to/the/prefix wine py.exe main.py bridge"""


class Bridge(Closing):
    """Page files and the named mappings that they back, there until it is closed.

    Raises :class:`telemetry.UsageError` where this is no Windows program under Wine, :class:`telemetry.SinkError` where
    the mappings exist already (a bridge that comes after the game silently bridges nothing) or cannot be made.
    """

    def __init__(self, directory: Path = DIRECTORY, *, prefix: str = "") -> None:
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
        names = [prefix + name for name in PAGES]
        for name in names:
            if _exists(name):
                raise SinkError(
                    f"The shared memory {name} exists already: the game runs, or another program holds its pages. "
                    "The bridge has to come first: end the game and that program, start the bridge, then the game."
                )
        try:
            for name in names:
                self._make(name)
        except OSError as error:
            self.close()
            raise SinkError(f"The bridge's files in {directory} cannot be made: {error.strerror}.") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the mappings and remove the files; those in ``left`` stay until the game that still maps them ends."""
        while self._maps:
            self._maps.pop().close()
        while self._files:
            path = self._files.pop()
            with suppress(OSError):
                path.unlink(missing_ok=True)
            if path.exists():
                self.left.append(path)

    def _make(self, name: str) -> None:
        path = self.directory / name
        with path.open("r+b" if path.exists() else "x+b") as file:
            self._files.append(path)
            file.truncate(PAGE_FILE_SIZE)
            file.write(bytes(PAGE_FILE_SIZE))  # what a game before left behind is no game
            file.flush()
            os.fsync(file.fileno())
            self._maps.append(_map(file.fileno(), name))


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

    def _map(descriptor: int, name: str) -> mmap.mmap:
        return mmap.mmap(descriptor, PAGE_FILE_SIZE, tagname=name, access=mmap.ACCESS_WRITE)

else:

    def _exists(name: str) -> bool:
        raise NotImplementedError(name)

    def _map(descriptor: int, name: str) -> mmap.mmap:
        raise NotImplementedError(descriptor, name)
