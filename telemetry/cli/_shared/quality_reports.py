"""Quality reports of recordings, read with a progress bar."""

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError
from telemetry.base.storage.atomic import sync_to_disk
from telemetry.cli._shared.messages import print_warning
from telemetry.cli._shared.progress import ReadingProgress
from telemetry.cli._shared.read_files import read_files
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.fields.thresholds import Thresholds
from telemetry.formats import find_format
from telemetry.recording.interfaces import Source
from telemetry.sources import open_source

if TYPE_CHECKING:
    from telemetry.analysis.quality import RecordingAnalysis
    from telemetry.cli._shared.input_files import FileFailure
    from telemetry.fields.columns import Columns


def read_reports(
    paths: Sequence[Path],
    tyres_out: int,
    jobs: int | None,
    *,
    include_ai: bool = False,
    read_all: bool = False,
    column_map: Path | None = None,
) -> "Iterator[RecordingAnalysis | FileFailure]":
    """The analysis of each recording, in this order, or why there is none; ``jobs`` as in :func:`read_files`.

    A summary that a recording holds is taken for it, unless all is to be read. Raises Interrupted on a signal.
    """
    thresholds = Thresholds(tyres_out=tyres_out)
    clock = Clock(math.inf)

    def recall(path: Path) -> "RecordingAnalysis | None":
        return None if read_all else recall_analysis_of(path, thresholds, include_ai=include_ai)

    with stop_on_signal(clock):
        read = partial(_read_report, thresholds=thresholds, include_ai=include_ai, column_map=column_map)
        yield from read_files(paths, read, clock, jobs, recall)


def recall_analysis_of(path: Path, thresholds: Thresholds, *, include_ai: bool = False) -> "RecordingAnalysis | None":
    """The summary that a recording holds of itself; None where it has none that can be taken."""
    from telemetry.analysis.quality import recall_analysis

    known = find_format(path)
    if known is None or known.store_summary is None:
        return None
    with open_source(path) as source:
        return recall_analysis(source, path, thresholds=thresholds, include_ai=include_ai)


def _read_report(
    path: Path,
    clock: Clock,
    progress: ReadingProgress,
    *,
    thresholds: Thresholds,
    include_ai: bool,
    column_map: Path | None,
) -> "RecordingAnalysis":
    from telemetry.analysis.quality import analyze_recording

    with open_source(path, column_map=column_map) as source:
        progress.start(f"Reading {path.name}", source)
        analysis = analyze_recording(
            source, path, clock=clock, thresholds=thresholds, include_ai=include_ai, watch=progress.watch
        )
    if clock.stopped:
        raise Interrupted(f"Stopped before {path} was read.")
    return analysis


def files_without_summary(paths: Iterable[Path], thresholds: Thresholds) -> list[Path]:
    """Those of these recordings that are there and hold no summary that can be taken."""
    found = []
    for path in paths:
        with suppress(OSError, TelemetryError):
            if path.exists() and recall_analysis_of(path, thresholds) is None:
                found.append(path)
    return found


def store_summaries(
    paths: Iterable[Path],
    thresholds: Thresholds,
    clock: Clock,
    progress: ReadingProgress,
    *,
    reading: Clock | None = None,
    durable: bool = False,
) -> int:
    """Store in each of these closed recordings what is found in it, so that it need not be read for that again.

    ``clock`` is that of what made them. Stopping it, if it runs still, leaves the others without a summary, and so does
    stopping ``reading``. With ``durable`` they are on the disk in the end, too. A recording in which nothing can be
    stored is told in a warning. Returns the bytes that were added.
    """
    from telemetry.analysis.quality import store_analysis

    reading = reading or Clock(math.inf)
    was_stopped = clock.stopped
    added = 0

    def watch(source: Source, blocks: "Iterable[Columns]") -> "Iterator[Columns]":
        progress.start(f"Summing up {source.name}", source)
        for columns in progress.watch(blocks):
            if clock.stopped and not was_stopped:
                reading.stop()
            yield columns

    for path in paths:
        if reading.stopped:
            break
        try:
            size = path.stat().st_size
            if store_analysis(path, clock=reading, thresholds=thresholds, watch=watch) and durable:
                sync_to_disk(path)
            added += path.stat().st_size - size
        except OSError as error:
            print_warning(f"{path} has no summary: {error.strerror}.")
        except TelemetryError as error:
            print_warning(f"{path} has no summary: {error}")
    return added
