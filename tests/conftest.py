"""What tests share: pages to start from, and samples made of them."""

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import chdir, contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from ac_native_memory import Pages, SPageFileGraphic, SPageFilePhysics, SPageFileStatic, units_of
from telemetry.fields.derived import Sample, derive
from telemetry.fields.snapshot import Snapshot, decode, encode
from telemetry.fields.thresholds import Thresholds
from tests import leftovers
from tests.once import FOLDER_VARIABLE
from tests.waiting import PATIENCE, wait_until

__all__ = ["PATIENCE", "wait_until"]

REPOSITORY = Path(__file__).parent.parent
real_time = pytest.mark.xdist_group("real time")
"""On tests that measure time, or own a port, shared memory, a keyboard or a browser: they run one by one."""

READABLE = ".mcap, .jsonl, .jsonl.gz, .jsonl.zst, .csv, .csv.gz, .parquet, .ld"
"""The suffixes of what can be read, as sentences list them."""

GOING_SECONDS = 5.0
"""How long what a test ended may take to be gone."""

# A machine that stalls is no mistake of the code under test.
settings.register_profile(
    "steady",
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.too_slow],
    database=None,
    print_blob=True,
)
settings.load_profile("steady")

if sys.platform == "win32":
    import _winapi

    _create_process = _winapi.CreateProcess

    def _create_process_under_wine(*arguments: Any) -> Any:
        """Start a process; Wine was seen, once in some thousand times, to fail at that with an internal error."""
        try:
            return _create_process(*arguments)
        except OSError as error:
            if error.winerror != 1359:
                raise
            time.sleep(1.0)
            return _create_process(*arguments)

    _winapi.CreateProcess = _create_process_under_wine

MakePages = Callable[..., Pages]


def pages_of(**values: Any) -> Pages:
    """Pages of a car at rest in a live session, with other values in the fields named by their wire names."""
    physics, graphics, static = SPageFilePhysics(), SPageFileGraphic(), SPageFileStatic()
    physics.packetId = 1000
    physics.gear = 1
    physics.clutch = 1.0
    physics.tyreWear = (100.0, 100.0, 100.0, 100.0)
    graphics.packetId = 301
    graphics.status = 2
    static.tyreRadius = (0.33, 0.33, 0.34, 0.34)
    static.trackSPlineLength = 3000.0
    static.sectorCount = 3
    texts = {"smVersion": "1.7", "acVersion": "1.16.4", "carModel": "demo_gt3", "track": "demo_ring"}
    for name, text in texts.items():
        field = getattr(static, name)
        field[:] = memoryview(units_of(text, len(field))).cast("H")
    pages = Pages(bytes(physics), bytes(graphics), bytes(static), 1_700_000_000.0)
    return encode(decode(pages).replace(**values)) if values else pages


@contextmanager
def limited_file_size(size: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let no file of this process grow beyond ``size`` bytes; Python ignores the signal of that, and gets the error."""
    import resource

    monkeypatch.setattr(sys, "dont_write_bytecode", True)  # truncated byte code would fail every later process
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def snapshot_of(**values: Any) -> Snapshot:
    """The snapshot of such pages; values need not fit into a page."""
    return decode(pages_of()).replace(**values)


def sample_of(before: Sample | None = None, thresholds: Thresholds | None = None, **values: Any) -> Sample:
    """The sample of such a snapshot."""
    return derive(snapshot_of(**values), before, thresholds or Thresholds())


def unique_name() -> str:
    """The beginning of names where the whole machine shares them; what is left under it is found and reported."""
    return f"{leftovers.OWN_NAME}{uuid.uuid4().hex}_"


def pytest_configure(config: pytest.Config) -> None:
    """What the processes of a run share: a folder, and byte code where Python may not keep any beside its modules."""
    if "PYTEST_XDIST_WORKER" in os.environ:
        return
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    folder = Path(tempfile.mkdtemp(prefix="ac-telemetry-run-"))
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    if config.getoption("numprocesses", 0):
        patch.setenv(FOLDER_VARIABLE, str(folder))
    patch.setenv("RAY_memory_monitor_refresh_ms", "0")  # else Ray kills workers when what else runs fills the memory
    writable = os.access(REPOSITORY, os.W_OK)
    if os.environ.get("PYTHONDONTWRITEBYTECODE") or not writable:  # without any, Python starts half as quickly
        cache: pytest.Cache | None = getattr(config, "cache", None)
        code = cache.mkdir("byte-code") if cache is not None and writable else folder / "byte-code"
        patch.delenv("PYTHONDONTWRITEBYTECODE", raising=False)
        patch.setenv("PYTHONPYCACHEPREFIX", str(code))


def pytest_xdist_auto_num_workers() -> int:
    """One more than there are processors, for the one that measures time waits most of it; more would find no work."""
    return min((os.cpu_count() or 1) + 1, 4)


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Hand out whole files, and all those of ``real_time`` to one process."""
    from tests.groups import GroupScheduling

    return GroupScheduling(config, log)


@pytest.fixture(scope="session", autouse=True)
def usual_signals() -> Iterator[None]:
    """Signals as a terminal's foreground process has them: nohup and a shell's ``&`` let their children ignore some."""
    numbers = [getattr(signal, name) for name in ("SIGHUP", "SIGINT", "SIGQUIT") if hasattr(signal, name)]
    ignored = [number for number in numbers if signal.getsignal(number) == signal.SIG_IGN]
    for number in ignored:
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    yield
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)


@pytest.fixture(scope="session", autouse=True)
def own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """A temporary folder and a user's folder for state that nobody else has; nothing is left in the former."""
    tmp_path_factory.getbasetemp()  # where the system's temporary folder is
    folder = Path(tempfile.mkdtemp(prefix="ac-telemetry-"))
    folder.chmod(0o711)  # tests that become another user go through it
    state = folder / "state"
    state.mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(folder / "temporary"))
        Path(tempfile.gettempdir()).mkdir(mode=0o711)
        for name in ("TMPDIR", "TEMP", "TMP"):
            patch.setenv(name, tempfile.gettempdir())
        for name in ("XDG_STATE_HOME", "XDG_DATA_HOME", "LOCALAPPDATA"):
            patch.setenv(name, str(state))
        yield
        left = leftovers.in_temporary_folder()
    shutil.rmtree(folder, ignore_errors=True)
    assert not left, "files are left in the temporary folder"


@pytest.fixture(scope="session", autouse=True)
def nothing_is_left_by_the_session(own_folders: None) -> Iterator[None]:
    """What fixtures of modules and of the session start and make is gone at the end too."""
    leftovers.adopt_orphans()
    files = leftovers.in_checkout(REPOSITORY)
    with nothing_is_left():
        yield
    assert leftovers.in_checkout(REPOSITORY) - files == set(), "files are left in the checkout"


@pytest.fixture(autouse=True)
def nothing_is_left_by_a_test() -> Iterator[None]:
    """No process that a test started outlives it, and no file that it made outside its own folder."""
    with nothing_is_left():
        yield


@contextmanager
def nothing_is_left() -> Iterator[None]:
    """Fail when processes or files are there afterwards that were not before; those that are about to go may."""
    processes, temporary, shared = leftovers.children(), leftovers.in_temporary_folder(), leftovers.in_shared_memory()

    def left() -> tuple[set[leftovers.Process], set[str], set[str]]:
        return (
            leftovers.children() - processes,
            leftovers.in_temporary_folder() - temporary,
            leftovers.in_shared_memory() - shared,
        )

    yield
    end = time.monotonic() + GOING_SECONDS
    while any(found := left()) and time.monotonic() < end:
        time.sleep(0.01)
    leftovers.end_all(found[0])
    assert found == (set(), set(), set()), "processes, temporary files or files in shared memory are left"


def main_in_process(
    *arguments: str | Path, cwd: Path | None = None, **environment: str
) -> subprocess.CompletedProcess[str]:
    """What the command line does with these arguments, in this process: for what does not need one of its own.

    Its standard streams are files, so that it may write to their descriptors; tests of pipes, signals and the end of a
    process start one.
    """
    from telemetry.cli import main

    command = ["main.py", *map(str, arguments)]
    switch_interval = sys.getswitchinterval()
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err, pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", command)
        streams = [(TextIOWrapper(file, encoding="utf-8", newline="\n"), file) for file in (out, err)]
        patch.setattr(sys, "stdout", streams[0][0])
        patch.setattr(sys, "stderr", streams[1][0])
        for name, value in environment.items():
            patch.setenv(name, value)
        code: str | int | None = None
        try:
            with chdir(cwd or REPOSITORY):
                main()
        except SystemExit as end:
            code = end.code
        finally:
            sys.setswitchinterval(switch_interval)
        said = []
        for stream, file in streams:
            stream.detach()
            file.seek(0)
            said.append(file.read().decode())
    assert code is None or isinstance(code, int), "a process would print this and end with 1"
    return subprocess.CompletedProcess(command, code or 0, *said)


def sizes() -> tuple[int, int, int]:
    """Bytes of the three pages."""
    return (ctypes.sizeof(SPageFilePhysics), ctypes.sizeof(SPageFileGraphic), ctypes.sizeof(SPageFileStatic))
