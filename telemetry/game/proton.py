"""The game under Wine or Proton: its shared memory, found in ``/proc`` and opened read-only, with no bridge.

Wine keeps a named mapping of Windows in a file without a name (``tmpmap-*``, already deleted, or a memfd) that the game
maps and that the game and its wineserver hold open. Which file is which page shows only in what it holds.
"""

import ctypes
import itertools
import os
import re
import struct
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, NamedTuple

from ac_native_memory import (
    PAGES,
    SIZES,
    PageReader,
    PagesError,
    PagesMissing,
    SPageFileGraphic,
    SPageFilePhysics,
    SPageFileStatic,
    text_of,
)
from telemetry.base.errors import SourceError

if sys.platform != "win32":
    import pwd

GAMES: Final = ("acs.exe", "acs_x86.exe")
"""What the game's process is called, in 64 and in 32 bits."""

SERVERS: Final = ("wineserver", "wineserver64", "wineserver32")
"""What Wine's own process is called, which holds every mapping of its prefix open."""

COMM_LENGTH: Final = 15
"""Characters of a process's name that Linux keeps."""

LARGEST: Final = 1 << 16
"""Bytes of a mapping that is too large to be a page; the game's have 4,096."""


class MemoryAccessDenied(SourceError):
    """The game runs, and the system does not let its memory be read; the text says what to do."""


class GameLoading(PagesMissing):
    """The game runs, and no pages of it can be told yet: it loads its session."""


class GameHiddenBySandbox(PagesMissing):
    """No game is to be seen from inside this sandbox, whether one runs or not; the text says what to do."""


class Section(NamedTuple):
    """A small file without a name that a process maps for writing; ``span`` is where, as ``/proc`` writes it."""

    span: str
    inode: int
    name: str


class Processes:
    """The processes of this machine that can be seen from here, and among them the game; ``root`` is ``/proc``.

    Made to be asked twice a second for hours: a process's command line is read only when its name is new.
    """

    def __init__(self, root: Path = Path("/proc"), games: Sequence[str] = GAMES) -> None:
        self._root = os.fspath(root)
        self._games = games
        self._names = {name[:COMM_LENGTH].encode() for name in games}
        self._others: dict[str, bytes] = {}
        self.current: tuple[int, str] | None = None

    def games(self) -> list[int]:
        """The process numbers of running games, newest first."""
        found = []
        others = {}
        for pid in self._pids():
            name = _read(f"{self._root}/{pid}/comm").rstrip(b"\n")
            if name in self._names:
                found.append(int(pid))
            elif self._others.get(pid) == name:
                others[pid] = name
            elif self._program(pid) in self._games:  # its first thread goes by a name of its own
                found.append(int(pid))
            else:
                others[pid] = name
        self._others = others
        return sorted(found, reverse=True)

    def servers(self) -> list[int]:
        """The process numbers of running wineservers."""
        names = {name[:COMM_LENGTH].encode() for name in SERVERS}
        return [int(pid) for pid in self._pids() if _read(f"{self._root}/{pid}/comm").rstrip(b"\n") in names]

    def open_pages(self) -> PageReader:
        """The pages of the running game.

        Raises :class:`ac_native_memory.PagesMissing` where no game runs, :class:`GameHiddenBySandbox` where none could
        be seen, :class:`GameLoading` where it has not written its pages, :class:`MemoryAccessDenied` where it may not
        be read.
        """
        self.current = None
        problem: Exception | None = None
        for pid in self.games():
            try:
                reader = self.open_pages_of(pid)
            except (MemoryAccessDenied, PagesError) as error:
                problem = problem or error
            else:
                self.current = (pid, self._start(pid))
                return reader
        if problem is None and (box := sandbox()) in _HIDING_SANDBOXES:
            problem = GameHiddenBySandbox(
                f"No game is to be seen from inside {box}. If one runs outside, run this program there too. "
                + USE_BRIDGE
            )
        raise problem or PagesMissing("No game is running.")

    def still_runs(self) -> bool:
        """Whether the game whose pages were opened last is there still."""
        return self.current is not None and self._start(self.current[0]) == self.current[1] != ""

    def open_pages_of(self, pid: int) -> PageReader:
        """The pages of this game; raises as :meth:`open_pages` does."""
        try:
            sections = self.sections(pid)
        except PermissionError:
            raise MemoryAccessDenied(self.refusal(pid)) from None
        with ExitStack() as stack:
            files = self._open_sections(pid, sections)
            for file in files:
                stack.callback(os.close, file)
            if sections and not files:
                raise MemoryAccessDenied(self.refusal(pid))
            contents = [os.read(file, LARGEST) for file in files]
            order = classify_pages(contents)
            if order is None:
                raise GameLoading(f"The game is running (process {pid}) and has not written its telemetry yet.")
            # By descriptors that are held: what /proc/PID/fd/N means may have changed since it was looked at.
            return PageReader.of_files(*(f"/proc/self/fd/{files[index]}" for index in order))

    def sections(self, pid: int) -> list[Section]:
        """The small unnamed files that a process shares and may write; PermissionError where that is kept secret."""
        found: dict[tuple[int, str], Section] = {}
        try:
            with Path(self._root, str(pid), "maps").open(encoding="utf-8", errors="surrogateescape") as maps:
                for line in maps:
                    if " rw-s 00000000 " not in line or not line.endswith(" (deleted)\n"):
                        continue
                    span, _, _, _, inode, name = line.rstrip("\n").split(None, 5)
                    begin, end = (int(address, 16) for address in span.split("-"))
                    if end - begin <= LARGEST:
                        found.setdefault((int(inode), name), Section(span, int(inode), name))
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            return []
        return list(found.values())

    def refusal(self, pid: int) -> str:
        """Why the memory of this process cannot be read, as far as that can be known, and what to do."""
        begin = f"The game is running (process {pid}), but its shared memory may not be read"
        user, own = self._user(pid), self._user("self")
        if user != own:
            return (
                f"{begin}: it belongs to {_user_name(user)} and this program runs as {_user_name(own)}. "
                "Run both as the same user."
            )
        if box := sandbox():
            return f"{begin} from inside {box}. Run this program outside of it. {USE_BRIDGE}"
        return (
            f"{begin}: the system protects the game's process (Wine programs with capabilities of their own, a "
            f"security module, or a hardened kernel). {USE_BRIDGE}"
        )

    def _pids(self) -> Iterator[str]:
        with suppress(OSError):
            yield from filter(str.isdigit, os.listdir(self._root))  # noqa: PTH208 - twice a second, for hours

    def _program(self, pid: str) -> str:
        """The name of a process's program as its command line has it, of a path of Windows or of Linux."""
        program = _read(f"{self._root}/{pid}/cmdline").split(b"\0", 1)[0].decode("utf-8", "replace")
        return re.split(r"[\\/]", program)[-1]

    def _start(self, pid: int) -> str:
        """When the process began, which tells it from a later one of the same number; empty when it is no more."""
        _, _, status = _read(f"{self._root}/{pid}/stat").rpartition(b")")
        words = status.split()
        ended = len(words) < 20 or words[0] in (b"Z", b"X")
        return "" if ended else words[19].decode()

    def _user(self, pid: int | str) -> int:
        match = re.search(rb"^Uid:\s*\d+\s+(\d+)", _read(f"{self._root}/{pid}/status"), re.MULTILINE)
        return int(match[1]) if match else -1

    def _open_sections(self, pid: int, sections: Sequence[Section]) -> list[int]:
        """Descriptors of those files that can be opened: by their holders' own, else (root may) by the mapping."""
        # By inode and name, not by device: on Btrfs that in maps is another than that of the file.
        missing = {(section.inode, section.name): section for section in sections}
        names = {section.name for section in sections}
        files = []
        ways = (self._descriptors(holder) for holder in (pid, *self.servers()))
        mapped = ((section.name, f"{self._root}/{pid}/map_files/{section.span}") for section in sections)
        for name, path in itertools.chain(itertools.chain.from_iterable(ways), mapped):
            if not missing:
                break
            if name in names:
                with suppress(OSError):
                    file = os.open(path, os.O_RDONLY)
                    if missing.pop((os.fstat(file).st_ino, name), None):
                        files.append(file)
                    else:
                        os.close(file)
        return files

    def _descriptors(self, pid: int) -> Iterator[tuple[str, str]]:
        """What a process has open among the files without a name, and the path by which another may open it."""
        with suppress(OSError):
            for path in Path(self._root, str(pid), "fd").iterdir():
                with suppress(OSError):
                    yield os.readlink(path), str(path)  # noqa: PTH115 - a wineserver has thousands


USE_BRIDGE: Final = "Or use the bridge, which runs in the game's own prefix; `uv run main.py bridge` says how."


_SANDBOXES: Final = {
    "/.flatpak-info": "a Flatpak sandbox",
    "/run/pressure-vessel": "Steam's container",
    "/run/.containerenv": "a container",
    "/.dockerenv": "a container",
}


_HIDING_SANDBOXES: Final = ("a Flatpak sandbox", "Steam's container", "a Snap sandbox")
"""Where a player may find himself without knowing."""


def sandbox() -> str:
    """The sandbox or container that this program runs in, where a game outside may be hidden; empty where none is."""
    if sys.platform == "win32":
        return ""
    if "SNAP" in os.environ:
        return "a Snap sandbox"
    return next((name for path, name in _SANDBOXES.items() if Path(path).exists()), "")


def _user_name(user: int) -> str:
    if sys.platform != "win32":
        with suppress(KeyError):
            return f"user {pwd.getpwuid(user).pw_name}"
    return f"user {user}"


def _read(path: str) -> bytes:
    """A small file of ``/proc``; empty where the process has ended or may not be looked at."""
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


# --- which page is which ----------------------------------------------------------------------------------------------


def classify_pages(contents: Sequence[bytes]) -> tuple[int, int, int] | None:
    """Which of these files are the physics, the graphics and the static page; None where that is not beyond doubt."""
    kinds: dict[str, list[int]] = {name: [] for name in PAGES}
    for index, content in enumerate(contents):
        kind = identify_page(content)
        if kind is not None:
            kinds[kind].append(index)
    physics, graphics, static = kinds.values()
    if len(physics) > 1:
        physics = [index for index in physics if _is_plausible_physics(contents[index])]
    if len(physics) == len(graphics) == len(static) == 1:
        return physics[0], graphics[0], static[0]
    return None


def identify_page(content: bytes) -> str | None:
    """The name of the page whose layout these bytes have; None where they have no page's, or are not written yet."""
    if len(content) < max(SIZES):
        return None
    for name, test in zip(PAGES, (_is_physics, _is_graphics, _is_static), strict=True):
        if test(content):
            return name
    return None


_LARGEST_INTEGER: Final = 10_000_000
"""More than any counter of a page; what is a float really is hundreds of millions when read as an integer."""

_MAX_IMPLAUSIBLE: Final = 3
"""So many numbers of a physics page may be out of all proportion: the game's own have glitches."""

_MIN_SIGNIFICANT: Final = 24
"""A car that stands still has so many numbers that are not nearly zero: loads, temperatures, where it is."""


def _is_physics(content: bytes) -> bool:
    size = ctypes.sizeof(SPageFilePhysics)
    if any(content[size:]):
        return False
    integers = _PHYSICS_INTEGERS(content)
    if integers[0] <= 0 or max(map(abs, integers)) > _LARGEST_INTEGER:
        return False
    numbers = [abs(number) for number in _PHYSICS_NUMBERS(content) if number != 0.0]
    odd = sum(not 1e-30 < number < 1e9 for number in numbers)  # also for NaN
    weighty = sum(1e-4 < number < 1e7 for number in numbers)
    return odd <= _MAX_IMPLAUSIBLE and weighty >= _MIN_SIGNIFICANT


def _is_plausible_physics(content: bytes) -> bool:
    """Whether a page with the layout of physics also holds what a car can do."""
    page = SPageFilePhysics.from_buffer_copy(content)
    pedals = (page.gas, page.brake, page.clutch, page.brakeBias)
    return (
        all(0.0 <= share <= 1.0 for share in pedals)
        and 0 <= page.gear <= 20
        and abs(page.steerAngle) <= 1.5
        and all(0.0 <= wear <= 100.5 for wear in page.tyreWear)
        and all(0.9 < sum(axis * axis for axis in normal) < 1.1 for normal in page.tyreContactNormal)
    )


_TIME: Final = re.compile(r"-:--:---|-?\d{1,4}:\d\d:\d\d\d")
_VERSION: Final = re.compile(r"\d{1,2}\.\d{1,2}")


def _is_graphics(content: bytes) -> bool:
    page = SPageFileGraphic.from_buffer_copy(content)
    return (
        page.packetId > 0
        and 0 <= page.status <= 3
        and -1 <= page.session <= 6
        and all(_TIME.fullmatch(text_of(text)) for text in (page.currentTime, page.lastTime, page.bestTime))
        and 0 <= page.completedLaps <= _LARGEST_INTEGER
        and {page.isInPit, page.isInPitLane} <= {0, 1}
    )


def _is_static(content: bytes) -> bool:
    page = SPageFileStatic.from_buffer_copy(content)
    version = text_of(page.smVersion)
    numbers = (page.maxTorque, page.maxPower, page.maxFuel, *page.tyreRadius, page.trackSPlineLength)
    return (
        _VERSION.fullmatch(version) is not None
        and not any(page.smVersion[len(version) :])
        and all(0 <= count <= 1000 for count in (page.numberOfSessions, page.numCars, page.sectorCount))
        and all(number == 0.0 or 1e-6 < number < 1e9 for number in numbers)
    )


def _words_of(*, integers: bool) -> struct.Struct:
    """Takes the integers, or the other words, out of a physics page."""
    words = []
    for _, kind, *_ in SPageFilePhysics._fields_:
        count = ctypes.sizeof(kind) // 4
        if (kind is ctypes.c_int32) is integers:
            words.append(f"{count}{'i' if integers else 'f'}")
        else:
            words.append(f"{4 * count}x")
    return struct.Struct("<" + "".join(words))


_PHYSICS_INTEGERS: Final = _words_of(integers=True).unpack_from
_PHYSICS_NUMBERS: Final = _words_of(integers=False).unpack_from
