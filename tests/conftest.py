"""What tests share: pages to start from, and samples made of them."""

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import chdir
from io import TextIOWrapper
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from ac_native_memory import Pages, SPageFileGraphic, SPageFilePhysics, SPageFileStatic, units_of
from telemetry.fields.derived import Sample, Thresholds, derive
from telemetry.fields.snapshot import Snapshot, decode, encode

REPOSITORY = Path(__file__).parent.parent
PATIENCE = 120.0
"""Seconds that anything may take at all, on a machine that has other things to do. Only what hangs takes so long."""

# A machine that stalls is no mistake of the code under test.
settings.register_profile("steady", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")

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


def snapshot_of(**values: Any) -> Snapshot:
    """The snapshot of such pages; values need not fit into a page."""
    return decode(pages_of()).replace(**values)


def sample_of(before: Sample | None = None, thresholds: Thresholds | None = None, **values: Any) -> Sample:
    """The sample of such a snapshot."""
    return derive(snapshot_of(**values), before, thresholds or Thresholds())


def wait_until(condition: Callable[[], object], seen: Callable[[], object] | None = None) -> None:
    """Wait for another process or thread; fail, and say what was ``seen`` instead, only when it must be hanging."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"what was waited for did not happen{f'; instead: {seen()}' if seen else ''}")
        time.sleep(0.01)


@pytest.fixture(scope="session", autouse=True)
def byte_code(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Byte code for the processes that tests start, wherever this one may not keep any: it halves their start."""
    with pytest.MonkeyPatch.context() as patch:
        if os.environ.get("PYTHONDONTWRITEBYTECODE"):
            patch.delenv("PYTHONDONTWRITEBYTECODE")
            patch.setenv("PYTHONPYCACHEPREFIX", str(tmp_path_factory.mktemp("byte-code")))
        yield


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
