"""Quality reports of recordings, read one after the other with a progress bar."""

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError
from telemetry.base.storage.atomic import sync_to_disk
from telemetry.cli._shared.input_files import FileFailure, process_files
from telemetry.cli._shared.messages import print_warning
from telemetry.cli._shared.progress import ReadingProgress, reading_progress
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.fields.thresholds import Thresholds
from telemetry.recording.interfaces import Source
from telemetry.sources import open_source

if TYPE_CHECKING:
    from telemetry.analysis.quality import RecordingAnalysis
    from telemetry.fields.columns import Columns


def read_reports(
    paths: list[Path], tyres_out: int, *, include_ai: bool = False, read_all: bool = False
) -> "Iterator[RecordingAnalysis | FileFailure]":
    """The analysis of each recording, as soon as it is there, or why there is none.

    A summary that a recording holds is taken for it, unless all is to be read. Raises Interrupted on a signal.
    """
    from telemetry.analysis.quality import analyze_recording, recall_analysis

    thresholds = Thresholds(tyres_out=tyres_out)
    clock = Clock(math.inf)

    def read_report(path: Path) -> "RecordingAnalysis":
        with open_source(path) as source:
            if not read_all:
                stored = recall_analysis(source, path, thresholds=thresholds, include_ai=include_ai)
                if stored is not None:
                    return stored
            with reading_progress() as progress:
                progress.start(f"Reading {path.name}", source)
                analysis = analyze_recording(
                    source, path, clock=clock, thresholds=thresholds, include_ai=include_ai, watch=progress.watch
                )
        if clock.stopped:
            raise Interrupted(f"Stopped before {path} was read.")
        return analysis

    with stop_on_signal(clock):
        yield from process_files(paths, read_report)


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
