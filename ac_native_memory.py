"""Assetto Corsa's three shared-memory pages: their layout, a reader and a writer.

This module needs nothing but the standard library and can be copied out and used alone::

    import ac_native_memory as ac

    with ac.PageReader() as reader:
        pages = reader.copy()
    print(ac.SPageFilePhysics.from_buffer_copy(pages.physics).speedKmh)

The structures use the names of the game's SDK. Units and meanings are in ``telemetry.fields.snapshot``. The fields
after ``localVelocity`` (physics) and ``windDirection`` (graphics) exist in the game but in no edition of the SDK.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import re
import stat
import sys
import time
from collections.abc import Callable, Sequence
from ctypes import LittleEndianStructure, c_float, c_int32, c_uint16
from pathlib import Path
from types import TracebackType
from typing import ClassVar, NamedTuple, Self

PAGE_FILE_DIRECTORY = Path("/dev/shm")  # noqa: S108 - the directory that Proton bridges use by convention
"""The directory of the page files outside Windows, unless another is given."""

PAGE_FILE_SIZE = 4096
"""Bytes of a page file that this module creates: Windows rounds the game's own mapping up to the same size."""

SETTLE_SECONDS = 20e-6
"""A page counts as complete when it has not changed for this long; the game writes one within a few microseconds."""

ATTEMPTS = 100
"""How often :meth:`PageReader.copy` reads a page that keeps changing: about 2 ms of a 3 ms physics step."""

MAX_CLOCK_ERROR_SECONDS = 0.5
"""By how much the time of a copy may differ from the system's clock."""

# Text is declared in 16-bit units: c_wchar has four bytes outside Windows, which would shift all fields after it.
Text15 = c_uint16 * 15
Text33 = c_uint16 * 33
Wheels = c_float * 4
Vector = c_float * 3


class SPageFilePhysics(LittleEndianStructure):
    """``acpmf_physics``, 592 bytes, written once per 3 ms physics step."""

    _layout_ = "ms"
    _pack_ = 4
    _fields_: ClassVar = [
        ("packetId", c_int32),
        ("gas", c_float),
        ("brake", c_float),
        ("fuel", c_float),
        ("gear", c_int32),
        ("rpms", c_int32),
        ("steerAngle", c_float),
        ("speedKmh", c_float),
        ("velocity", Vector),
        ("accG", Vector),
        ("wheelSlip", Wheels),
        ("wheelLoad", Wheels),
        ("wheelsPressure", Wheels),
        ("wheelAngularSpeed", Wheels),
        ("tyreWear", Wheels),
        ("tyreDirtyLevel", Wheels),
        ("tyreCoreTemperature", Wheels),
        ("camberRAD", Wheels),
        ("suspensionTravel", Wheels),
        ("drs", c_float),
        ("tc", c_float),
        ("heading", c_float),
        ("pitch", c_float),
        ("roll", c_float),
        ("cgHeight", c_float),
        ("carDamage", c_float * 5),
        ("numberOfTyresOut", c_int32),
        ("pitLimiterOn", c_int32),
        ("abs", c_float),
        ("kersCharge", c_float),
        ("kersInput", c_float),
        ("autoShifterOn", c_int32),
        ("rideHeight", c_float * 2),
        ("turboBoost", c_float),
        ("ballast", c_float),
        ("airDensity", c_float),
        ("airTemp", c_float),
        ("roadTemp", c_float),
        ("localAngularVel", Vector),
        ("finalFF", c_float),
        ("performanceMeter", c_float),
        ("engineBrake", c_int32),
        ("ersRecoveryLevel", c_int32),
        ("ersPowerLevel", c_int32),
        ("ersHeatCharging", c_int32),
        ("ersIsCharging", c_int32),
        ("kersCurrentKJ", c_float),
        ("drsAvailable", c_int32),
        ("drsEnabled", c_int32),
        ("brakeTemp", Wheels),
        ("clutch", c_float),
        ("tyreTempI", Wheels),
        ("tyreTempM", Wheels),
        ("tyreTempO", Wheels),
        ("isAIControlled", c_int32),
        ("tyreContactPoint", Vector * 4),
        ("tyreContactNormal", Vector * 4),
        ("tyreContactHeading", Vector * 4),
        ("brakeBias", c_float),
        ("localVelocity", Vector),
        ("P2PActivations", c_int32),
        ("P2PStatus", c_int32),
        ("currentMaxRpm", c_int32),
    ]


class SPageFileGraphic(LittleEndianStructure):
    """``acpmf_graphics``, 304 bytes, written once per drawn frame."""

    _layout_ = "ms"
    _pack_ = 4
    _fields_: ClassVar = [
        ("packetId", c_int32),
        ("status", c_int32),
        ("session", c_int32),
        ("currentTime", Text15),
        ("lastTime", Text15),
        ("bestTime", Text15),
        ("split", Text15),
        ("completedLaps", c_int32),
        ("position", c_int32),
        ("iCurrentTime", c_int32),
        ("iLastTime", c_int32),
        ("iBestTime", c_int32),
        ("sessionTimeLeft", c_float),
        ("distanceTraveled", c_float),
        ("isInPit", c_int32),
        ("currentSectorIndex", c_int32),
        ("lastSectorTime", c_int32),
        ("numberOfLaps", c_int32),
        ("tyreCompound", Text33),
        ("replayTimeMultiplier", c_float),
        ("normalizedCarPosition", c_float),
        ("carCoordinates", Vector),
        ("penaltyTime", c_float),
        ("flag", c_int32),
        ("idealLineOn", c_int32),
        ("isInPitLane", c_int32),
        ("surfaceGrip", c_float),
        ("mandatoryPitDone", c_int32),
        ("windSpeed", c_float),
        ("windDirection", c_float),
        ("timeLimitSessionLeft", c_int32),
        ("isEscMenuVisible", c_int32),
    ]


class SPageFileStatic(LittleEndianStructure):
    """``acpmf_static``, 684 bytes, written once per run of the game."""

    _layout_ = "ms"
    _pack_ = 4
    _fields_: ClassVar = [
        ("smVersion", Text15),
        ("acVersion", Text15),
        ("numberOfSessions", c_int32),
        ("numCars", c_int32),
        ("carModel", Text33),
        ("track", Text33),
        ("playerName", Text33),
        ("playerSurname", Text33),
        ("playerNick", Text33),
        ("sectorCount", c_int32),
        ("maxTorque", c_float),
        ("maxPower", c_float),
        ("maxRpm", c_int32),
        ("maxFuel", c_float),
        ("suspensionMaxTravel", Wheels),
        ("tyreRadius", Wheels),
        ("maxTurboBoost", c_float),
        ("deprecated_1", c_float),
        ("deprecated_2", c_float),
        ("penaltiesEnabled", c_int32),
        ("aidFuelRate", c_float),
        ("aidTireRate", c_float),
        ("aidMechanicalDamage", c_float),
        ("aidAllowTyreBlankets", c_int32),
        ("aidStability", c_float),
        ("aidAutoClutch", c_int32),
        ("aidAutoBlip", c_int32),
        ("hasDRS", c_int32),
        ("hasERS", c_int32),
        ("hasKERS", c_int32),
        ("kersMaxJ", c_float),
        ("engineBrakeSettingsCount", c_int32),
        ("ersPowerControllerCount", c_int32),
        ("trackSPlineLength", c_float),
        ("trackConfiguration", Text33),
        ("ersMaxJ", c_float),
        ("isTimedRace", c_int32),
        ("hasExtraLap", c_int32),
        ("carSkin", Text33),
        ("reversedGridPositions", c_int32),
        ("pitWindowStart", c_int32),
        ("pitWindowEnd", c_int32),
    ]


Page = SPageFilePhysics | SPageFileGraphic | SPageFileStatic

PAGES: dict[str, type[Page]] = {
    "acpmf_physics": SPageFilePhysics,
    "acpmf_graphics": SPageFileGraphic,
    "acpmf_static": SPageFileStatic,
}
"""The names of the mappings and the structure that each holds, in the order of :class:`Pages`."""

SIZES = tuple(ctypes.sizeof(structure) for structure in PAGES.values())
"""Bytes of each structure, in the order of :class:`Pages`."""


class PagesError(Exception):
    """The pages cannot be read or written; the message says why."""


class PagesMissing(PagesError):
    """The pages do not exist: the game is not running."""


class WrongGame(PagesError):
    """The pages belong to another game that uses the same names."""


class Pages(NamedTuple):
    """Copies of the three pages, each complete by the rule of :meth:`PageReader.copy`.

    ``timestamp`` is the Unix time of the copy in seconds, always within half a second of the system's clock. The reader
    adds what the performance counter measures to the time at which it was opened, and starts again from the system's
    clock when that differs by more: when it was set, or the computer slept. Otherwise the time never goes back.
    """

    physics: bytes
    graphics: bytes
    static: bytes
    timestamp: float


def text_of(units: bytes | Sequence[int]) -> str:
    """The text in UTF-16 units (bytes of a page, or a field of a structure) up to its first NUL; for any units."""
    data = units if isinstance(units, bytes) else b"".join(unit.to_bytes(2, "little") for unit in units)
    return data.decode("utf-16-le", "replace").split("\0", 1)[0]


def units_of(text: str, length: int) -> bytes:
    """``text`` in ``length`` UTF-16 units, padded with NUL; truncated so that there is always a NUL at the end."""
    data = text.encode("utf-16-le", "replace")[: 2 * (length - 1)]
    return data.ljust(2 * length, b"\0")


def check_game(static: bytes) -> bool:
    """Whether the original game has written this static page; False: it has not been written yet.

    Raises :class:`WrongGame` for the pages of Competizione and Evo, which have the same names but other fields.
    """
    version = text_of(static[: ctypes.sizeof(Text15)])
    if not version:
        return False
    if not re.fullmatch(r"1\.[0-7]", version):
        raise WrongGame(
            f"The shared memory belongs to another game: its version is {version!r}, and the original Assetto Corsa "
            "writes '1.7'. Competizione and Evo use the same names for other data; close that game first."
        )
    return True


if sys.platform == "win32":
    _Memory = mmap.mmap  # Windows does not let anybody truncate a file that is mapped
else:

    class _PageFile:
        """A page in a file, read and written by system calls: truncating a mapped file would kill the process."""

        def __init__(self, descriptor: int) -> None:
            self._descriptor = descriptor

        def __getitem__(self, part: slice) -> bytes:
            data = os.pread(self._descriptor, part.stop, 0)
            if len(data) < part.stop:
                raise PagesMissing("A page file was truncated.")
            return data

        def __setitem__(self, part: slice, data: bytes) -> None:
            os.pwrite(self._descriptor, data, 0)

        def size(self) -> int:
            return os.fstat(self._descriptor).st_size

        def close(self) -> None:
            os.close(self._descriptor)

    _Memory = _PageFile


class PageReader:
    """Reads the three pages. It opens them read-only and never creates anything.

    ``directory`` holds page files, which must be at least as large as the structures. Without a directory, Windows
    opens the game's own named mappings, and other systems the files in :data:`PAGE_FILE_DIRECTORY`. ``prefix`` is put
    before each name. Raises :class:`PagesMissing` if a page does not exist, :class:`PagesError` if it cannot be read.

    ``retries`` counts the copies that were discarded because the page changed meanwhile. ``torn`` counts the pages that
    changed all the time, for which :meth:`copy` returned the last complete copy again.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None, *, prefix: str = "") -> None:
        self._open(lambda name, size: _open_page(prefix + name, size, directory))

    @classmethod
    def of_files(
        cls, physics: str | os.PathLike[str], graphics: str | os.PathLike[str], static: str | os.PathLike[str]
    ) -> Self:
        """The pages in three files of any name, for example /proc/PID/fd/N of a game that runs under Wine."""
        paths = dict(zip(PAGES, (physics, graphics, static), strict=True))
        reader = cls.__new__(cls)
        reader._open(lambda name, size: _open_file(Path(paths[name]), size))  # noqa: SLF001 - an instance of this class
        return reader

    def _open(self, open_page: Callable[[str, int], _Memory]) -> None:
        self.retries = 0
        self.torn = 0
        self._epoch = time.time() - time.perf_counter()
        self._maps: list[_Memory] = []
        self._whole: list[bytes | None] = [None, None, None]
        try:
            for name, size in zip(PAGES, SIZES, strict=True):
                self._maps.append(open_page(name, size))
        except BaseException:
            self.close()
            raise

    def copy(self) -> Pages:
        """The three pages, read together.

        A page that changed since the last call is read again until it has not changed for :data:`SETTLE_SECONDS`. A
        writer that is suspended in the middle of a page for longer than that looks like one that has finished. Raises
        :class:`PagesMissing` if a page file was truncated, and :class:`PagesError` if a page changed all the time and
        there is no earlier copy of it.
        """
        look, whole = self.look, self._whole
        copies = [look(index) for index in range(3)]
        now = time.perf_counter()
        pending = [index for index in range(3) if copies[index] != whole[index]]
        for _ in range(ATTEMPTS):
            if not pending:
                break
            settled_at = now + SETTLE_SECONDS
            while time.perf_counter() < settled_at:
                pass
            now = time.perf_counter()
            unsettled = []
            for index in pending:
                again = look(index)
                if again == copies[index]:
                    whole[index] = again
                else:
                    copies[index] = again
                    unsettled.append(index)
            self.retries += len(unsettled)
            pending = unsettled
        self.torn += len(pending)
        physics, graphics, static = whole
        if physics is None or graphics is None or static is None:
            raise PagesError("The game's pages changed all the time, so that no complete copy could be read.")
        return Pages(physics, graphics, static, self._unix(now))

    def _unix(self, now: float) -> float:
        """The Unix time at which the performance counter showed ``now``, which is a moment ago."""
        wall = time.time()
        if abs(wall - (self._epoch + now)) > MAX_CLOCK_ERROR_SECONDS:
            self._epoch = wall - now
        return self._epoch + now

    def look(self, index: int) -> bytes:
        """One copy of one page, by its index in :class:`Pages`: the cheapest way to read a page, but it may be torn."""
        return self._maps[index][: SIZES[index]]

    @property
    def sizes(self) -> tuple[int, ...]:
        """Bytes of each page file; of a named mapping the size of its structure, because Windows reports no other."""
        return tuple(page.size() for page in self._maps)

    def close(self) -> None:
        """Close the pages; a second call does nothing."""
        while self._maps:
            self._maps.pop().close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class PageWriter:
    """Publishes pages as the game does: named mappings on Windows; page files elsewhere, or in a given directory.

    Files that this writer created are removed when it is closed, as a mapping disappears with the game. Files that
    existed before (those of a bridge) stay. Raises :class:`PagesError` if the pages cannot be created.
    """

    def __init__(self, directory: str | os.PathLike[str] | None = None, *, prefix: str = "") -> None:
        self._maps: list[_Memory] = []
        self._made: list[Path] = []
        try:
            for name, size in zip(PAGES, SIZES, strict=True):
                self._maps.append(self._create_page(prefix + name, size, directory))
        except BaseException:
            self.close()
            raise

    def write(self, physics: bytes | None = None, graphics: bytes | None = None, static: bytes | None = None) -> None:
        """Write the bytes of the given pages to shared memory; a page that is None is left unchanged."""
        for page, data, size in zip(self._maps, (physics, graphics, static), SIZES, strict=True):
            if data is not None:
                page[:size] = data

    def close(self) -> None:
        """Close the pages and remove the files that were created; a second call does nothing.

        Windows does not remove a file that a reader has open: it is then filled with zeros, like that of a bridge.
        """
        while self._maps:
            self._maps.pop().close()
        while self._made:
            path = self._made.pop()
            try:
                path.unlink(missing_ok=True)
            except PermissionError:
                with path.open("r+b") as file:  # nor does it truncate a mapped file
                    file.write(bytes(PAGE_FILE_SIZE))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _create_page(self, name: str, size: int, directory: str | os.PathLike[str] | None) -> _Memory:
        if sys.platform == "win32" and directory is None:
            return mmap.mmap(-1, size, tagname=name, access=mmap.ACCESS_WRITE)
        path = Path(directory or PAGE_FILE_DIRECTORY, name)
        try:
            existed = path.exists()
            with open(path, "r+b" if existed else "x+b", opener=_open_regular) as file:
                if not existed:
                    self._made.append(path)
                if os.fstat(file.fileno()).st_size < size:
                    file.truncate(PAGE_FILE_SIZE)
                return _memory_of(file.fileno(), size, mmap.ACCESS_WRITE)
        except OSError as error:
            raise PagesError(f"Cannot create the page file {path}: {error.strerror}.") from error


def _memory_of(descriptor: int, size: int, access: int) -> _Memory:
    """The page in this open file; the caller may close the descriptor."""
    if sys.platform == "win32":
        return mmap.mmap(descriptor, size, access=access)
    else:  # noqa: RET505 - a type checker then sees one system at a time
        return _PageFile(os.dup(descriptor))


def _open_page(name: str, size: int, directory: str | os.PathLike[str] | None) -> _Memory:
    if sys.platform == "win32" and directory is None:
        return _open_mapping(name, size)
    return _open_file(Path(directory or PAGE_FILE_DIRECTORY, name), size)


def _open_regular(path: str, flags: int) -> int:
    """Open a page file; PagesError for what is no regular file.

    Any user can put a named pipe under the name of a page and never write to it: opening it must not wait. What was
    opened is asked, not the name: nobody can put something else there in between. Nor is a page written through a link,
    which could lead to any file of this user.
    """
    if flags & os.O_RDWR:
        flags |= getattr(os, "O_NOFOLLOW", 0)
    descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0), 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise PagesError(f"{path} is not a regular file, so it holds no page of the game. Remove it.")
    return descriptor


def _open_file(path: Path, size: int) -> _Memory:
    try:
        with open(path, "rb", opener=_open_regular) as file:
            length = os.fstat(file.fileno()).st_size
            if length == 0:  # it is being created
                raise PagesMissing(f"The page file {path} is empty.")
            if length < size:
                raise PagesError(f"The page file {path} has {length} bytes; the game's page has {size}.")
            return _memory_of(file.fileno(), size, mmap.ACCESS_READ)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise PagesMissing(f"The page file {path} does not exist.") from error
    except OSError as error:
        raise PagesError(f"Cannot read the page file {path}: {error.strerror}.") from error


if sys.platform == "win32":
    from ctypes import wintypes

    _FILE_MAP_READ = 4
    _ERROR_FILE_NOT_FOUND = 2
    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.OpenFileMappingW.argtypes = (wintypes.DWORD, wintypes.BOOL, wintypes.LPCWSTR)
    _kernel32.OpenFileMappingW.restype = wintypes.HANDLE
    _kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)

    def _open_mapping(name: str, size: int) -> mmap.mmap:
        # mmap alone would create a missing mapping, read-only, which the game could then not write. So open it by name
        # first, and keep the handle while mapping, so that the name cannot disappear in between.
        handle = _kernel32.OpenFileMappingW(_FILE_MAP_READ, False, name)
        if not handle:
            code = ctypes.get_last_error()
            if code == _ERROR_FILE_NOT_FOUND:
                raise PagesMissing(f"The shared memory {name} does not exist.")
            raise PagesError(f"Cannot open the shared memory {name}: {ctypes.FormatError(code)}")
        try:
            return mmap.mmap(-1, size, tagname=name, access=mmap.ACCESS_READ)
        except OSError as error:
            raise PagesError(f"Cannot read the shared memory {name}: {error.strerror}.") from error
        finally:
            _kernel32.CloseHandle(handle)
