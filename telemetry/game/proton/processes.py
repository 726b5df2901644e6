"""The processes of this machine as ``/proc`` shows them, and among them the game and Wine's server."""

import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import pwd

GAMES: Final = ("acs.exe", "acs_x86.exe")
"""Names of the game's process, in 64 and in 32 bits."""

SERVERS: Final = ("wineserver", "wineserver64", "wineserver32")
"""Names of Wine's own process, which holds every mapping of its prefix open."""

COMM_LENGTH: Final = 15
"""Characters of a process's name that Linux keeps."""


class Processes:
    """The processes that can be seen from here; ``root`` is ``/proc``.

    Made to be asked twice a second for hours: a process's command line is read only when its name is new.
    """

    def __init__(self, root: Path = Path("/proc"), games: Sequence[str] = GAMES) -> None:
        self.root = os.fspath(root)
        self._games = games
        self._names = {name[:COMM_LENGTH].encode() for name in games}
        self._others: dict[str, bytes] = {}

    def games(self) -> list[int]:
        """The process numbers of running games, newest first."""
        pids = []
        others = {}
        for pid in self._pids():
            name = self._name(pid)
            if name in self._names:
                pids.append(int(pid))
            elif self._others.get(pid) == name:
                others[pid] = name
            elif self._program(pid) in self._games:  # its first thread goes by a name of its own
                pids.append(int(pid))
            else:
                others[pid] = name
        self._others = others
        return sorted(pids, reverse=True)

    def servers(self) -> list[int]:
        """The process numbers of running wineservers."""
        names = {name[:COMM_LENGTH].encode() for name in SERVERS}
        return [int(pid) for pid in self._pids() if self._name(pid) in names]

    def start_time(self, pid: int) -> str:
        """When the process began, in clock ticks since the system's start; empty when it no longer runs.

        It distinguishes the process from a later one with the same number.
        """
        _, _, status = read_small_file(f"{self.root}/{pid}/stat").rpartition(b")")
        words = status.split()
        has_ended = len(words) < 20 or words[0] in (b"Z", b"X")
        return "" if has_ended else words[19].decode()

    def user(self, pid: int | str) -> int:
        """The number of the user that a process (``"self"``: this one) runs as; -1 where that is unknown."""
        match = re.search(rb"^Uid:\s*\d+\s+(\d+)", read_small_file(f"{self.root}/{pid}/status"), re.MULTILINE)
        return int(match[1]) if match else -1

    def _pids(self) -> Iterator[str]:
        with suppress(OSError):
            yield from filter(str.isdigit, os.listdir(self.root))  # noqa: PTH208 - twice a second, for hours

    def _name(self, pid: str) -> bytes:
        return read_small_file(f"{self.root}/{pid}/comm").rstrip(b"\n")

    def _program(self, pid: str) -> str:
        """The file name of a process's program in its command line, which may be a path of Windows or of Linux."""
        program = read_small_file(f"{self.root}/{pid}/cmdline").split(b"\0", 1)[0].decode("utf-8", "replace")
        return re.split(r"[\\/]", program)[-1]


def user_name(user: int) -> str:
    """The user of this number, for a person."""
    if sys.platform != "win32":
        with suppress(KeyError):
            return f"user {pwd.getpwuid(user).pw_name}"
    return f"user {user}"


def read_small_file(path: str) -> bytes:
    """A small file of ``/proc``; empty where the process has ended or may not be read."""
    try:
        file = os.open(path, os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.read(file, 4096)
    except OSError:
        return b""
    finally:
        os.close(file)
