"""What a machine looks like to someone who wants to record: small probes, each with a finding in plain words."""

import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from ac_native_memory import PAGE_FILE_DIRECTORY, PAGES, PageReader, PagesError
from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError
from telemetry.fields.snapshot import Snapshot
from telemetry.game import LiveSource
from telemetry.game.proton import GAMES, Processes, find_sandbox
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Reading

SECONDS: Final = 1.5
"""How long the game is watched: it must be seen to move, and for long enough to count its steps."""

PACKAGES: Final = ("ac-telemetry", "numpy", "orjson", "rich", "typer", "zstandard")
RATE: Final = 60.0
COARSE_SECONDS: Final = 1e-3
LATE_SECONDS: Final = 3e-3
WRITTEN: Final = 16 << 20
SLOW_BYTES: Final = 10e6
FEW_BYTES: Final = 1e9

_STATUSES: Final = ("off", "replay", "live", "paused")
_ADVICE: Final = {
    State.WAITING: "Start a session in the game: its launcher and its menus have no telemetry.",
    State.LOADING: "Wait until the car stands on the track, then ask again.",
    State.GONE: "Start the next session.",
    State.STALLED: "If the game runs, it hangs; if not, these are the pages of one that ended without a word. "
    "Close the programs that hold them (other telemetry tools), or restart the game.",
}


class Status(StrEnum):
    """How good a finding is: ``warn`` spoils something, ``fail`` means that recording would not work."""

    OK = "ok"
    WARN = "warn"
    FAIL = "fail"


@dataclass(frozen=True)
class Finding:
    """What one probe found: a sentence, what to do if something is to be done, and the figures for a program."""

    topic: str
    status: Status
    message: str
    advice: str = ""
    facts: dict[str, object] = field(default_factory=dict)


@dataclass(frozen=True)
class Report:
    """All findings, in the order in which a person asks."""

    findings: tuple[Finding, ...]

    @property
    def ready(self) -> bool:
        """Whether recording would work now."""
        return all(finding.status is not Status.FAIL for finding in self.findings)

    def as_dict(self) -> dict[str, object]:
        """The report for a program."""
        return {"ready": self.ready, "findings": [asdict(finding) for finding in self.findings]}


def examine(
    directory: Path | None = None,
    folder: Path = Path(),
    *,
    processes: Processes | None = None,
    prefix: str = "",
    seconds: float = SECONDS,
) -> Report:
    """Look at everything: the game (or the page files in ``directory``), and ``folder`` as a place for recordings."""
    findings = [python(), packages(), check_clock_resolution(), check_sleep_jitter(), target(folder)]
    if directory is None:
        found = processes or (Processes() if sys.platform != "win32" else None)
        findings.append(game_process(found))
    if directory is not None or sys.platform != "win32":
        findings += page_files(directory or PAGE_FILE_DIRECTORY, prefix=prefix)
    findings += session(LiveSource(directory, prefix=prefix, processes=processes), seconds)
    return Report(tuple(findings))


# --- the machine ------------------------------------------------------------------------------------------------------


def python() -> Finding:
    """The Python that runs this, and whether it may see the game."""
    words = f"Python {platform.python_version()}, {64 if sys.maxsize > 2**32 else 32} bits, on {platform.platform()}."
    facts: dict[str, object] = {
        "version": platform.python_version(),
        "executable": sys.executable,
        "system": platform.platform(),
        "sandbox": find_sandbox(),
    }
    if "windowsapps" in sys.executable.lower():
        advice = (
            "Install Python from python.org, or use uv: the Store's lives in a sandbox, which may hide the game's "
            "shared memory and redirect files."
        )
        return Finding("python", Status.WARN, f"{words} It comes from the Microsoft Store.", advice, facts)
    if box := find_sandbox():
        advice = "If the game is not found below although it runs, run this program outside of it."
        return Finding("python", Status.WARN, f"{words} It runs inside {box}.", advice, facts)
    return Finding("python", Status.OK, words, facts=facts)


def packages() -> Finding:
    """The versions of this program and of what it is built on."""
    versions: dict[str, object] = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    words = ", ".join(f"{name} {number or '(not installed)'}" for name, number in versions.items())
    return Finding("packages", Status.OK, f"{words}.", facts=versions)


def check_clock_resolution() -> Finding:
    """How finely samples can be told apart in time."""
    steps = {"performance counter": _step_of(time.perf_counter), "wall clock": _step_of(time.time)}
    facts: dict[str, object] = {
        "performance_counter_s": steps["performance counter"],
        "wall_clock_s": steps["wall clock"],
    }
    fine = steps["performance counter"]
    words = f"Time stamps are {fine * 1e6:.2g} µs apart at best."
    if fine <= COARSE_SECONDS:
        return Finding("time stamps", Status.OK, words, facts=facts)
    return Finding("time stamps", Status.FAIL, words, "This machine's clock is too coarse for telemetry.", facts)


def _step_of(clock: Callable[[], float]) -> float:
    """The smallest step that this clock was seen to make."""
    steps = []
    for _ in range(50):
        before = now = clock()
        while now == before:
            now = clock()
        steps.append(now - before)
    return min(steps)


def check_sleep_jitter() -> Finding:
    """How late this program wakes."""
    clock = Clock()
    late = []
    for _ in range(100):
        deadline = clock.now() + 0.003
        clock.sleep_until(deadline)
        late.append(clock.now() - deadline)
    late.sort()
    usual, worst = statistics.median(late), late[-2]
    facts: dict[str, object] = {"late_p50_s": usual, "late_p99_s": worst}
    words = f"Sleeps end {usual * 1e3:.2f} ms late, one in a hundred {worst * 1e3:.2f} ms."
    if usual <= LATE_SECONDS:
        return Finding("sleeping", Status.OK, words, facts=facts)
    most = 0.5 / usual
    advice = f"Ask for no more than {most:.0f} samples per second, or close programs that keep the processor busy."
    return Finding("sleeping", Status.WARN, words, advice, facts)


def target(folder: Path) -> Finding:
    """Whether recordings can be written there, and how quickly."""
    block = os.urandom(1 << 20)
    place = folder.absolute()
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            begin = time.perf_counter()
            for _ in range(WRITTEN // len(block)):
                file.write(block)
            os.fsync(file.fileno())
            speed = WRITTEN / (time.perf_counter() - begin)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        words = f"Nothing can be written into {place}: {error.strerror}."
        return Finding("target folder", Status.FAIL, words, "Name another folder with --output-dir.")
    words = f"{place} takes {speed / 1e6:,.0f} MB/s; {free / 1e9:,.1f} GB are free."
    facts: dict[str, object] = {"folder": str(place), "bytes_per_second": speed, "free_bytes": free}
    if speed < SLOW_BYTES:
        return Finding("target folder", Status.WARN, words, "Record to a quicker disk, or at a lower rate.", facts)
    if free < FEW_BYTES:
        advice = "An hour at 60 Hz takes about a gigabyte uncompressed; a name that ends in .zst takes far less."
        return Finding("target folder", Status.WARN, words, advice, facts)
    return Finding("target folder", Status.OK, words, facts=facts)


# --- the game ---------------------------------------------------------------------------------------------------------


def game_process(processes: Processes | None) -> Finding:
    """Whether the game's process can be seen; what a bridge shows can be recorded without."""
    pids = processes.games() if processes else [pid for pid, name in _windows_processes() if name.lower() in GAMES]
    facts: dict[str, object] = {"pids": pids}
    if pids:
        return Finding("game process", Status.OK, f"The game runs: process {', '.join(map(str, pids))}.", facts=facts)
    words = f"No process is called {' or '.join(GAMES)}."
    return Finding("game process", Status.WARN, words, facts=facts)


def page_files(directory: Path, *, prefix: str = "", root: Path = Path("/proc")) -> list[Finding]:
    """The page files of a bridge or a dump, and what became of them."""
    paths = [directory / f"{prefix}{name}" for name in PAGES]
    there = [path for path in paths if path.exists()]
    if not there and directory == PAGE_FILE_DIRECTORY:
        return []  # no bridge, and none is needed
    if not there:
        advice = f"Page files are called {', '.join(PAGES)}."
        return [Finding("page files", Status.WARN, f"There are no page files in {directory}.", advice)]
    facts: dict[str, object] = {"files": {str(path): path.stat().st_size for path in there}}
    if len(there) < len(paths):
        words = f"Only some page files are there: {', '.join(map(str, there))}."
        return [Finding("page files", Status.WARN, words, "Restart the bridge that makes them.", facts)]
    try:
        with PageReader(directory, prefix=prefix) as reader:
            before = reader.copy()
            Clock().sleep_until(0.1)
            after = reader.copy()
    except PagesError as error:
        return [Finding("page files", Status.WARN, str(error), "Restart the bridge that makes them.", facts)]
    held = holders(there[0], root)
    by = f" {', '.join(f'{name} ({pid})' for pid, name in held)} holds them." if held else ""
    facts["holders"] = [{"pid": pid, "name": name} for pid, name in held]
    words = f"Page files in {directory}"
    if after.physics != before.physics:
        return [Finding("page files", Status.OK, f"{words}, and they move.{by}", facts=facts)]
    if not any(after.physics):
        return [Finding("page files", Status.OK, f"{words}, all empty: a bridge with no game.{by}", facts=facts)]
    words += ", and they stand still: a pause or a replay, or left over from a session that is no more"
    advice = "" if held else "If no game runs, remove them."
    return [Finding("page files", Status.WARN, f"{words}.{by}", advice, facts)]


def holders(path: Path, root: Path = Path("/proc")) -> list[tuple[int, str]]:
    """The processes that map this file or have it open, as far as this user may know."""
    found: list[tuple[int, str]] = []
    if not root.is_dir():
        return found
    for folder in root.iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            try:
                if _holds(folder, str(path)):
                    found.append((int(folder.name), (folder / "comm").read_text(errors="replace").strip()))
            except OSError:  # it has ended, or belongs to somebody else
                continue
    return sorted(found)


def _holds(process: Path, path: str) -> bool:
    if f" {path}\n".encode() in (process / "maps").read_bytes():
        return True
    return any(os.readlink(descriptor) == path for descriptor in (process / "fd").iterdir())  # noqa: PTH115


def session(source: LiveSource, seconds: float = SECONDS) -> list[Finding]:
    """What recording would find now: the state of the game, and each page."""
    try:
        with source:
            readings = list(_watch(source, seconds))
            origin, sizes = source.origin, source.sizes
    except SourceError as error:
        return [Finding("session", Status.FAIL, str(error))]
    last = readings[-1]
    facts: dict[str, object] = {"state": last.state, "origin": origin, "torn": last.torn}
    if last.snapshot is None:
        message, advice = last.message, _ADVICE.get(last.state, "")
        if last.state is State.WAITING and not last.message.startswith("Waiting"):
            advice = ""  # the message says why the game cannot be read, and what to do
        elif last.state is State.WAITING:
            message = f"The pages in {origin} show no session." if origin else "No session of the game is to be seen."
        return [Finding("session", Status.FAIL, message, advice, facts)]
    snapshots = [reading.snapshot for reading in readings if reading.snapshot is not None]
    found = _pages(snapshots[0], last.snapshot, sizes)
    if last.state in _ADVICE:
        return [*found, Finding("session", Status.FAIL, last.message, _ADVICE[last.state], facts)]
    words = f"{last.snapshot.car_model} on {last.snapshot.track}, read from {origin}."
    return [*found, Finding("session", Status.OK, f"{last.message} {words}".strip(), facts=facts)]


def _watch(source: LiveSource, seconds: float) -> Iterator[Reading]:
    clock = Clock()
    for reading in source.readings(clock, RATE):
        yield reading
        if clock.now() >= seconds:
            return


def _pages(first: Snapshot, last: Snapshot, sizes: Sequence[int]) -> list[Finding]:
    """Each page as it was last, and how quickly it changes."""
    seconds = last.elapsed - first.elapsed
    steps = frames = None
    if seconds > 0.2:
        steps = (last.packet_id - first.packet_id) / seconds
        frames = (last.graphics_packet_id - first.graphics_packet_id) / 2 / seconds
    status = _STATUSES[last.status] if 0 <= last.status < len(_STATUSES) else str(last.status)
    words = (
        f"step {last.packet_id:,}, {_speed(steps, 'steps')}.",
        f"status {status}, {_speed(frames, 'frames')}.",
        f"version {last.sm_version} of the pages, version {last.ac_version} of the game.",
    )
    facts: tuple[dict[str, object], ...] = (
        {"packet_id": last.packet_id, "rate_hz": steps},
        {"packet_id": last.graphics_packet_id, "rate_hz": frames, "status": last.status},
        {"sm_version": last.sm_version, "ac_version": last.ac_version},
    )
    return [
        Finding(
            f"{name.removeprefix('acpmf_')} page", Status.OK, f"{size:,} bytes; {word}", facts={"size": size} | fact
        )
        for name, size, word, fact in zip(PAGES, sizes, words, facts, strict=True)
    ]


def _speed(rate: float | None, what: str) -> str:
    if rate is None:
        return "not watched long enough to count"
    return f"{rate:.0f} {what} per second" if rate > 0.0 else "standing still"


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    class _ProcessEntry(ctypes.Structure):
        _fields_ = (
            ("size", wintypes.DWORD),
            ("usage", wintypes.DWORD),
            ("pid", wintypes.DWORD),
            ("heap", ctypes.c_size_t),
            ("module", wintypes.DWORD),
            ("threads", wintypes.DWORD),
            ("parent", wintypes.DWORD),
            ("priority", wintypes.LONG),
            ("flags", wintypes.DWORD),
            ("name", wintypes.WCHAR * 260),
        )

    _SNAPSHOT_OF_PROCESSES: Final = 2
    _kernel32 = ctypes.WinDLL("kernel32")
    _kernel32.CreateToolhelp32Snapshot.restype = wintypes.HANDLE
    _kernel32.Process32FirstW.argtypes = (wintypes.HANDLE, ctypes.POINTER(_ProcessEntry))
    _kernel32.Process32NextW.argtypes = (wintypes.HANDLE, ctypes.POINTER(_ProcessEntry))
    _kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)

    def _windows_processes() -> Iterator[tuple[int, str]]:
        entry = _ProcessEntry(size=ctypes.sizeof(_ProcessEntry))
        snapshot = _kernel32.CreateToolhelp32Snapshot(_SNAPSHOT_OF_PROCESSES, 0)
        try:
            more = _kernel32.Process32FirstW(snapshot, entry)
            while more:
                yield entry.pid, entry.name
                more = _kernel32.Process32NextW(snapshot, entry)
        finally:
            _kernel32.CloseHandle(snapshot)

else:

    def _windows_processes() -> Iterator[tuple[int, str]]:
        return iter(())
