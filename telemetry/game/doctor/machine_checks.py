"""Checks of the machine: Python, packages, clock, timer and disk."""

import os
import platform
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Final

from telemetry.base.clock import Clock
from telemetry.base.units import STEP_S
from telemetry.game.doctor.report import DoctorFinding, DoctorStatus
from telemetry.game.proton import find_sandbox

PACKAGES: Final = ("ac-telemetry", "numpy", "orjson", "rich", "typer", "zstandard")
"""The packages whose versions are reported."""

COARSE_CLOCK_S: Final = 1e-3
"""Resolution of time stamps above which they are useless for telemetry."""

LATE_WAKE_S: Final = 3e-3
"""Median delay of a sleep above which rates near the game's are out of reach."""

TEST_FILE_BYTES: Final = 16 << 20
"""Size of the file that is written to measure the disk."""

SLOW_DISK_BYTES_PER_S: Final = 10e6
"""Speed below which a disk may not keep up with a recording."""

LITTLE_SPACE_BYTES: Final = 1e9
"""Free space below which a recording may soon fill the disk."""


def check_python() -> DoctorFinding:
    """The Python that runs this program, and whether it can see the game."""
    message = f"Python {platform.python_version()}, {64 if sys.maxsize > 2**32 else 32} bits, on {platform.platform()}."
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
        return DoctorFinding(
            "python", DoctorStatus.WARN, f"{message} It comes from the Microsoft Store.", advice, facts
        )
    if box := find_sandbox():
        advice = "If the game is not found below although it runs, run this program outside of it."
        return DoctorFinding("python", DoctorStatus.WARN, f"{message} It runs inside {box}.", advice, facts)
    return DoctorFinding("python", DoctorStatus.OK, message, facts=facts)


def check_packages() -> DoctorFinding:
    """The versions of this program and of the packages it uses."""
    versions: dict[str, object] = {}
    for name in PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = None
    message = ", ".join(f"{name} {number or '(not installed)'}" for name, number in versions.items())
    return DoctorFinding("packages", DoctorStatus.OK, f"{message}.", facts=versions)


def check_clock_resolution() -> DoctorFinding:
    """How far apart in time samples must be for their time stamps to differ."""
    steps = {"performance counter": _smallest_step(time.perf_counter), "wall clock": _smallest_step(time.time)}
    facts: dict[str, object] = {
        "performance_counter_s": steps["performance counter"],
        "wall_clock_s": steps["wall clock"],
    }
    fine = steps["performance counter"]
    message = f"Time stamps are {fine * 1e6:.2g} µs apart at best."
    if fine <= COARSE_CLOCK_S:
        return DoctorFinding("time stamps", DoctorStatus.OK, message, facts=facts)
    return DoctorFinding(
        "time stamps", DoctorStatus.FAIL, message, "This machine's clock is too coarse for telemetry.", facts
    )


def _smallest_step(clock: Callable[[], float]) -> float:
    """The smallest step that this clock made while it was read, in seconds."""
    steps = []
    for _ in range(50):
        before = now = clock()
        while now == before:
            now = clock()
        steps.append(now - before)
    return min(steps)


def check_sleep_jitter() -> DoctorFinding:
    """How late this program wakes from a sleep of a physics step."""
    clock = Clock()
    delays = []
    for _ in range(100):
        deadline = clock.now() + STEP_S
        clock.sleep_until(deadline)
        delays.append(clock.now() - deadline)
    delays.sort()
    median, p99 = statistics.median(delays), delays[-2]
    facts: dict[str, object] = {"late_p50_s": median, "late_p99_s": p99}
    message = f"Sleeps end {median * 1e3:.2f} ms late, one in a hundred {p99 * 1e3:.2f} ms."
    if median <= LATE_WAKE_S:
        return DoctorFinding("sleeping", DoctorStatus.OK, message, facts=facts)
    highest_rate = 0.5 / median
    advice = (
        f"Ask for no more than {highest_rate:.0f} samples per second, or close programs that keep the processor busy."
    )
    return DoctorFinding("sleeping", DoctorStatus.WARN, message, advice, facts)


def check_disk(folder: Path) -> DoctorFinding:
    """Whether recordings can be written to this folder, and how fast."""
    block = os.urandom(1 << 20)
    absolute = folder.absolute()
    try:
        with tempfile.TemporaryFile(dir=folder, buffering=0) as file:
            begin = time.perf_counter()
            for _ in range(TEST_FILE_BYTES // len(block)):
                file.write(block)
            os.fsync(file.fileno())
            speed = TEST_FILE_BYTES / (time.perf_counter() - begin)
        free = shutil.disk_usage(folder).free
    except OSError as error:
        message = f"Nothing can be written into {absolute}: {error.strerror}."
        return DoctorFinding("target folder", DoctorStatus.FAIL, message, "Name another folder with --output-dir.")
    message = f"{absolute} takes {speed / 1e6:,.0f} MB/s; {free / 1e9:,.1f} GB are free."
    facts: dict[str, object] = {"folder": str(absolute), "bytes_per_second": speed, "free_bytes": free}
    if speed < SLOW_DISK_BYTES_PER_S:
        return DoctorFinding(
            "target folder", DoctorStatus.WARN, message, "Record to a quicker disk, or at a lower rate.", facts
        )
    if free < LITTLE_SPACE_BYTES:
        advice = "An hour at 60 Hz takes about a gigabyte uncompressed; a name that ends in .zst takes far less."
        return DoctorFinding("target folder", DoctorStatus.WARN, message, advice, facts)
    return DoctorFinding("target folder", DoctorStatus.OK, message, facts=facts)
