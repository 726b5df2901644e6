"""The shared memory of a game under Wine: the unnamed files that it maps, and its pages among them."""

import itertools
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Final, NamedTuple

from ac_native_memory import PageReader, PagesError, PagesMissing
from telemetry.base.errors import SourceError
from telemetry.game.proton.page_recognition import classify_pages
from telemetry.game.proton.processes import Processes, user_name
from telemetry.game.proton.sandbox import HIDING_SANDBOXES, USE_BRIDGE, find_sandbox

MAX_MAPPING_BYTES: Final = 1 << 16
"""Size above which a mapping is not a page; the game's have 4,096 bytes."""


class MemoryAccessDenied(SourceError):
    """The game runs, and the system does not let its memory be read; the text says what to do."""


class GameLoading(PagesMissing):
    """The game runs, and its pages cannot be recognised yet: it loads its session."""


class GameHiddenBySandbox(PagesMissing):
    """No game can be seen from inside this sandbox, whether one runs or not; the text says what to do."""


class Section(NamedTuple):
    """A small file without a name that a process maps for writing; ``span`` is where, as ``/proc`` writes it."""

    span: str
    inode: int
    name: str


class GameMemory:
    """Opens the pages of a game among these processes; ``current`` is the one whose pages were opened last.

    ``current`` holds the process number and its start time; None where no game was found.
    """

    def __init__(self, processes: Processes) -> None:
        self.processes = processes
        self.current: tuple[int, str] | None = None
        self._root = processes.root

    def open_pages(self) -> PageReader:
        """The pages of the running game.

        Raises :class:`ac_native_memory.PagesMissing` where no game runs, :class:`GameHiddenBySandbox` where none could
        be seen, :class:`GameLoading` where it has not written its pages, :class:`MemoryAccessDenied` where it may not
        be read.
        """
        self.current = None
        problem: Exception | None = None
        for pid in self.processes.games():
            try:
                reader = self.open_pages_of(pid)
            except (MemoryAccessDenied, PagesError) as error:
                problem = problem or error
            else:
                self.current = (pid, self.processes.start_time(pid))
                return reader
        if problem is None and (box := find_sandbox()) in HIDING_SANDBOXES:
            problem = GameHiddenBySandbox(
                f"No game is to be seen from inside {box}. If one runs outside, run this program there too. "
                + USE_BRIDGE
            )
        raise problem or PagesMissing("No game is running.")

    def still_runs(self) -> bool:
        """Whether the game whose pages were opened last still runs."""
        return self.current is not None and self.processes.start_time(self.current[0]) == self.current[1] != ""

    def open_pages_of(self, pid: int) -> PageReader:
        """The pages of this game; raises as :meth:`open_pages` does."""
        try:
            sections = self.sections(pid)
        except PermissionError:
            raise MemoryAccessDenied(self.explain_denial(pid)) from None
        with ExitStack() as stack:
            files = self._open_sections(pid, sections)
            for file in files:
                stack.callback(os.close, file)
            if sections and not files:
                raise MemoryAccessDenied(self.explain_denial(pid))
            contents = [os.read(file, MAX_MAPPING_BYTES) for file in files]
            order = classify_pages(contents)
            if order is None:
                raise GameLoading(f"The game is running (process {pid}) and has not written its telemetry yet.")
            # By descriptors that are held: what /proc/PID/fd/N means may have changed since it was read.
            return PageReader.of_files(*(f"/proc/self/fd/{files[index]}" for index in order))

    def sections(self, pid: int) -> list[Section]:
        """The small unnamed files that a process shares and may write; PermissionError where that is kept secret."""
        sections: dict[tuple[int, str], Section] = {}
        try:
            with Path(self._root, str(pid), "maps").open(encoding="utf-8", errors="surrogateescape") as maps:
                for line in maps:
                    if " rw-s 00000000 " not in line or not line.endswith(" (deleted)\n"):
                        continue
                    span, _, _, _, inode, name = line.rstrip("\n").split(None, 5)
                    begin, end = (int(address, 16) for address in span.split("-"))
                    if end - begin <= MAX_MAPPING_BYTES:
                        sections.setdefault((int(inode), name), Section(span, int(inode), name))
        except (FileNotFoundError, ProcessLookupError):  # it has just ended
            return []
        return list(sections.values())

    def explain_denial(self, pid: int) -> str:
        """Why the memory of this process cannot be read, as far as that can be known, and what to do."""
        begin = f"The game is running (process {pid}), but its shared memory may not be read"
        game_user, our_user = self.processes.user(pid), self.processes.user("self")
        if game_user != our_user:
            return (
                f"{begin}: it belongs to {user_name(game_user)} and this program runs as {user_name(our_user)}. "
                "Run both as the same user."
            )
        if box := find_sandbox():
            return f"{begin} from inside {box}. Run this program outside of it. {USE_BRIDGE}"
        return (
            f"{begin}: the system protects the game's process (Wine programs with capabilities of their own, a "
            f"security module, or a hardened kernel). {USE_BRIDGE}"
        )

    def _open_sections(self, pid: int, sections: Sequence[Section]) -> list[int]:
        """Descriptors of the files that can be opened: through those of their holders, else (as root) the mapping."""
        # By inode and name, not by device: on Btrfs that in maps differs from that of the file.
        missing = {(section.inode, section.name): section for section in sections}
        names = {section.name for section in sections}
        files = []
        held = (self._descriptors(holder) for holder in (pid, *self.processes.servers()))
        mapped = ((section.name, f"{self._root}/{pid}/map_files/{section.span}") for section in sections)
        for name, path in itertools.chain(itertools.chain.from_iterable(held), mapped):
            if not missing:
                break
            if name in names:
                with suppress(OSError):
                    file = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
                    if missing.pop((os.fstat(file).st_ino, name), None):
                        files.append(file)
                    else:
                        os.close(file)
        return files

    def _descriptors(self, pid: int) -> Iterator[tuple[str, str]]:
        """The target of each file that a process has open, and the path by which another process may open it."""
        with suppress(OSError):
            for path in Path(self._root, str(pid), "fd").iterdir():
                with suppress(OSError):
                    yield os.readlink(path), str(path)  # noqa: PTH115 - a wineserver has thousands
