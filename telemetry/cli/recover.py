"""``recover``: finish recordings whose writer was killed."""

from telemetry.base.errors import UsageError
from telemetry.cli._shared import options
from telemetry.formats import mcap


def recover(files: options.Files) -> None:
    """Finish recordings that a crash or a full disk truncated.

    All steps that can be read are kept.
    """
    for path in files:
        if not path.name.endswith(mcap.SUFFIXES):
            raise UsageError(f"{path} needs no recovery: only .mcap files have an end that can be missing.")
        if not path.is_file():
            raise UsageError(f"There is no recording {path}.")
    for path in files:
        result = mcap.recover(path)
        if result.damage:
            print(f"{path}: {result.damage} The {result.steps:,} complete steps are in {result.path}.")
        elif result.finished:
            print(f"{path}: finished already, {result.steps:,} steps.")
        else:
            print(
                f"{path}: recovered, {result.steps:,} steps; {result.cut:,} bytes at its end were an incomplete record."
            )
