"""``recover``: finish recordings whose writer was killed."""

import math
from pathlib import Path

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.base.text import format_count
from telemetry.cli._shared import options
from telemetry.cli._shared.input_files import FileFailure, FileFailures, process_files
from telemetry.cli._shared.messages import print_lines
from telemetry.cli._shared.progress import reading_progress, share_progress
from telemetry.cli._shared.quality_reports import recall_analysis_of, store_summaries
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.cli._shared.tables import table_console
from telemetry.fields.thresholds import DEFAULTS
from telemetry.formats import Recovered, WatchShare, all_formats, find_format, unsupported_file_type


def recover(files: options.Files) -> None:
    """Finish recordings that a crash or a full disk truncated.

    All samples that can be read are kept, and then every program can read them: a compressed file has its end. An .mcap
    file without a summary gets one.
    """
    failures = FileFailures(len(files), table_console(), "recovered")
    with share_progress() as start:
        results = list(process_files(files, lambda path: _recover_file(path, start(f"Recovering {path.name}"))))
    for path, result in zip(files, results, strict=True):
        if isinstance(result, FileFailure):
            failures.add(result)
        else:
            print_lines(f"{path}: {_describe(result)}")
    recovered = [result.path for result in results if isinstance(result, Recovered)]
    clock = Clock(math.inf)
    with stop_on_signal(clock), reading_progress() as progress:
        # What was finished already may have been killed, or stopped, before its summary was stored.
        lacking = (path for path in recovered if recall_analysis_of(path, DEFAULTS) is None)
        store_summaries(lacking, DEFAULTS, clock, progress)
    failures.check()


def _recover_file(path: Path, watch: WatchShare) -> Recovered:
    known = find_format(path)
    if known is not None and known.recover is not None:
        return known.recover(path, watch)
    recoverable = [suffix for known in all_formats() if known.recover for suffix in known.suffixes]
    if known is None:
        raise unsupported_file_type(path, tuple(recoverable))
    reason = (
        f"needs no recovery: a {known.name} file has no end that can be missing"
        if known.survives_kill
        else f"cannot be recovered: a {known.name} file holds nothing that can be read before it has its end"
    )
    raise UsageError(f"{path} {reason}. The command 'recover' is for {', '.join(recoverable)}.")


def _describe(result: Recovered) -> str:
    if result.damage:
        return f"{result.damage} The {result.steps:,} complete steps are in {result.path}."
    known = find_format(result.path)
    count = format_count(result.steps, "step" if known is not None and known.keeps_pages else "sample")
    if result.was_complete:
        return f"finished already, {count}."
    if not result.discarded_bytes:
        return f"recovered, {count}; its end was missing."
    return f"recovered, {count}; {result.discarded_bytes:,} bytes at its end were an incomplete record."
