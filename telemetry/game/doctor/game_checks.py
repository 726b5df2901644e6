"""Checks of the game: its process, page files of a bridge or a dump, the session and each page."""

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from ac_native_memory import PAGE_FILE_DIRECTORY, PAGES, PageReader, PagesError
from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError
from telemetry.fields.snapshot import Snapshot
from telemetry.game.doctor.report import DoctorFinding, DoctorStatus
from telemetry.game.doctor.windows_processes import list_processes
from telemetry.game.proton import GAMES, Processes
from telemetry.game.source import LiveSource
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Reading

WATCH_SECONDS: Final = 1.5
"""How long the game is watched: it must be seen to move, and for long enough to count its steps."""

WATCH_RATE_HZ: Final = 60.0
"""Readings per second while the game is watched."""

_STATUSES: Final = ("off", "replay", "live", "paused")
_ADVICE: Final = {
    State.WAITING: "Start a session in the game: its launcher and its menus have no telemetry.",
    State.LOADING: "Wait until the car stands on the track, then ask again.",
    State.GONE: "Start the next session.",
    State.STALLED: "If the game runs, it is frozen; if not, these are the pages of one that has crashed. "
    "Close the programs that hold them (other telemetry tools), or restart the game.",
}


def check_process(processes: Processes | None) -> DoctorFinding:
    """Whether the game's process can be seen; pages of a bridge can be recorded without it."""
    pids = processes.games() if processes else [pid for pid, name in list_processes() if name.lower() in GAMES]
    facts: dict[str, object] = {"pids": pids}
    if pids:
        return DoctorFinding(
            "game process", DoctorStatus.OK, f"The game runs: process {', '.join(map(str, pids))}.", facts=facts
        )
    message = f"No process is called {' or '.join(GAMES)}."
    return DoctorFinding("game process", DoctorStatus.WARN, message, facts=facts)


def check_page_files(directory: Path, *, prefix: str = "", root: Path = Path("/proc")) -> list[DoctorFinding]:
    """Whether there are page files of a bridge or a dump, and whether they change."""
    paths = [directory / f"{prefix}{name}" for name in PAGES]
    there = [path for path in paths if path.exists()]
    if not there and directory == PAGE_FILE_DIRECTORY:
        return []  # no bridge, and none is needed
    if not there:
        advice = f"Page files are called {', '.join(PAGES)}."
        return [DoctorFinding("page files", DoctorStatus.WARN, f"There are no page files in {directory}.", advice)]
    facts: dict[str, object] = {"files": {str(path): path.stat().st_size for path in there}}
    if len(there) < len(paths):
        message = f"Only some page files are there: {', '.join(map(str, there))}."
        return [DoctorFinding("page files", DoctorStatus.WARN, message, "Restart the bridge that makes them.", facts)]
    try:
        with PageReader(directory, prefix=prefix) as reader:
            before = reader.copy()
            Clock().sleep_until(0.1)
            after = reader.copy()
    except PagesError as error:
        return [
            DoctorFinding("page files", DoctorStatus.WARN, str(error), "Restart the bridge that makes them.", facts)
        ]
    held = find_holders(there[0], root)
    by = f" {', '.join(f'{name} ({pid})' for pid, name in held)} holds them." if held else ""
    facts["holders"] = [{"pid": pid, "name": name} for pid, name in held]
    message = f"Page files in {directory}"
    if after.physics != before.physics:
        return [DoctorFinding("page files", DoctorStatus.OK, f"{message}, and they move.{by}", facts=facts)]
    if not any(after.physics):
        return [
            DoctorFinding(
                "page files", DoctorStatus.OK, f"{message}, all empty: a bridge with no game.{by}", facts=facts
            )
        ]
    message += ", and they stand still: a pause or a replay, or left over from a session that is no more"
    advice = "" if held else "If no game runs, remove them."
    return [DoctorFinding("page files", DoctorStatus.WARN, f"{message}.{by}", advice, facts)]


def find_holders(path: Path, root: Path = Path("/proc")) -> list[tuple[int, str]]:
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
    return any(os.readlink(descriptor) == path for descriptor in (process / "fd").iterdir())  # noqa: PTH115 - a text


def check_session(source: LiveSource, seconds: float = WATCH_SECONDS) -> list[DoctorFinding]:
    """What a recording would find now: the state of the game, and each page."""
    try:
        with source:
            readings = list(_watch(source, seconds))
            origin, sizes = source.origin, source.sizes
    except SourceError as error:
        return [DoctorFinding("session", DoctorStatus.FAIL, str(error))]
    last = readings[-1]
    facts: dict[str, object] = {"state": last.state, "origin": origin, "torn": last.torn}
    if last.snapshot is None:
        message, advice = last.message, _ADVICE.get(last.state, "")
        if last.state is State.WAITING and not last.message.startswith("Waiting"):
            advice = ""  # the message says why the game cannot be read, and what to do
        elif last.state is State.WAITING:
            message = f"The pages in {origin} show no session." if origin else "No session of the game is to be seen."
        return [DoctorFinding("session", DoctorStatus.FAIL, message, advice, facts)]
    snapshots = [reading.snapshot for reading in readings if reading.snapshot is not None]
    found = describe_pages(snapshots[0], last.snapshot, sizes)
    if last.state in _ADVICE:
        return [*found, DoctorFinding("session", DoctorStatus.FAIL, last.message, _ADVICE[last.state], facts)]
    message = f"{last.snapshot.car_model} on {last.snapshot.track}, read from {origin}."
    return [*found, DoctorFinding("session", DoctorStatus.OK, f"{last.message} {message}".strip(), facts=facts)]


def _watch(source: LiveSource, seconds: float) -> Iterator[Reading]:
    clock = Clock()
    for reading in source.readings(clock, WATCH_RATE_HZ):
        yield reading
        if clock.now() >= seconds:
            return


def describe_pages(first: Snapshot, last: Snapshot, sizes: Sequence[int]) -> list[DoctorFinding]:
    """A finding for each page: its last state, and how often it changes between two snapshots."""
    seconds = last.elapsed - first.elapsed
    steps = frames = None
    if seconds > 0.2:
        steps = (last.packet_id - first.packet_id) / seconds
        frames = (last.graphics_packet_id - first.graphics_packet_id) / 2 / seconds
    status = _STATUSES[last.status] if 0 <= last.status < len(_STATUSES) else str(last.status)
    texts = (
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
        DoctorFinding(
            f"{name.removeprefix('acpmf_')} page",
            DoctorStatus.OK,
            f"{size:,} bytes; {text}",
            facts={"size": size} | fact,
        )
        for name, size, text, fact in zip(PAGES, sizes, texts, facts, strict=True)
    ]


def _speed(rate: float | None, what: str) -> str:
    if rate is None:
        return "not watched long enough to count"
    return f"{rate:.0f} {what} per second" if rate > 0.0 else "standing still"
