"""``recover``: finish recordings whose writer was killed."""

from pathlib import Path

from telemetry.base.errors import UsageError
from telemetry.cli._shared import options
from telemetry.cli._shared.input_files import FileFailure, FileFailures, process_files
from telemetry.cli._shared.tables import table_console
from telemetry.formats import FORMATS, Recovered, find_format


def recover(files: options.Files) -> None:
    """Finish recordings that a crash or a full disk truncated.

    All steps that can be read are kept.
    """
    failures = FileFailures(len(files), table_console(), "recovered")
    for path, result in zip(files, process_files(files, _recover_file), strict=True):
        if isinstance(result, FileFailure):
            failures.add(result)
        else:
            print(f"{path}: {_describe(result)}")
    failures.check()


def _recover_file(path: Path) -> Recovered:
    known = find_format(path)
    if known is None or known.recover is None:
        recoverable = ", ".join(suffix for known in FORMATS if known.recover for suffix in known.suffixes)
        raise UsageError(f"{path} needs no recovery: only {recoverable} files have an end that can be missing.")
    return known.recover(path)


def _describe(result: Recovered) -> str:
    if result.damage:
        return f"{result.damage} The {result.steps:,} complete steps are in {result.path}."
    if result.was_complete:
        return f"finished already, {result.steps:,} steps."
    return f"recovered, {result.steps:,} steps; {result.discarded_bytes:,} bytes at its end were an incomplete record."
