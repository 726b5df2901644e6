"""``recover``: finish recordings whose writer was killed."""

from telemetry.base.errors import UsageError
from telemetry.cli._shared import options
from telemetry.formats import FORMATS, Recovered, find_format


def recover(files: options.Files) -> None:
    """Finish recordings that a crash or a full disk truncated.

    All steps that can be read are kept.
    """
    recoverable = ", ".join(suffix for known in FORMATS if known.recover for suffix in known.suffixes)
    jobs = []
    for path in files:
        known = find_format(path)
        if known is None or known.recover is None:
            raise UsageError(f"{path} needs no recovery: only {recoverable} files have an end that can be missing.")
        if not path.is_file():
            raise UsageError(f"There is no recording {path}.")
        jobs.append((path, known.recover))
    for path, recover_file in jobs:
        print(f"{path}: {_describe(recover_file(path))}")


def _describe(result: Recovered) -> str:
    if result.damage:
        return f"{result.damage} The {result.steps:,} complete steps are in {result.path}."
    if result.was_complete:
        return f"finished already, {result.steps:,} steps."
    return f"recovered, {result.steps:,} steps; {result.discarded_bytes:,} bytes at its end were an incomplete record."
