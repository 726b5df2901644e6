"""Whether this machine can record the game: small checks, each with a finding in plain words."""

import sys
from pathlib import Path

from ac_native_memory import PAGE_FILE_DIRECTORY
from telemetry.game.doctor.game_checks import WATCH_SECONDS, check_page_files, check_process, check_session
from telemetry.game.doctor.machine_checks import (
    check_clock_resolution,
    check_disk,
    check_packages,
    check_python,
    check_sleep_jitter,
)
from telemetry.game.doctor.report import DoctorFinding, DoctorReport, DoctorStatus
from telemetry.game.proton import Processes
from telemetry.game.source import LiveSource

__all__ = ["DoctorFinding", "DoctorReport", "DoctorStatus", "examine"]


def examine(
    directory: Path | None = None,
    folder: Path = Path(),
    *,
    processes: Processes | None = None,
    prefix: str = "",
    seconds: float = WATCH_SECONDS,
) -> DoctorReport:
    """Check everything: the game (or the page files in ``directory``), and ``folder`` as a place for recordings.

    The game is looked for among ``processes`` and watched for so many ``seconds``.
    """
    findings = [
        check_python(),
        check_packages(),
        check_clock_resolution(),
        check_sleep_jitter(),
        check_disk(folder),
    ]
    if directory is None:
        findings.append(check_process(processes or (Processes() if sys.platform != "win32" else None)))
    if directory is not None or sys.platform != "win32":
        findings += check_page_files(directory or PAGE_FILE_DIRECTORY, prefix=prefix)
    findings += check_session(LiveSource(directory, prefix=prefix, processes=processes), seconds)
    return DoctorReport(tuple(findings))
