"""Quality reports of recordings, read one after the other with a progress bar."""

import math
from collections.abc import Iterator
from pathlib import Path

from telemetry.analysis.quality import QualityReport, analyze_recording
from telemetry.base.clock import Clock
from telemetry.cli._shared.options import check_files_exist
from telemetry.cli._shared.progress import reading_progress
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.fields.thresholds import Thresholds
from telemetry.recording.interfaces import Reading
from telemetry.sources import open_source


def read_reports(paths: list[Path], tyres_out: int, *, include_ai: bool = False) -> Iterator[QualityReport]:
    """The report on each recording, as soon as it has been read.

    Raises UsageError where one does not exist, SourceError where one cannot be read, and Interrupted on a signal.
    """
    check_files_exist(paths)
    thresholds = Thresholds(tyres_out=tyres_out)
    clock = Clock(math.inf)
    with stop_on_signal(clock):
        for path in paths:
            with open_source(path) as source, reading_progress() as progress:
                progress.start(f"Reading {path.name}")

                def on_reading(reading: Reading) -> None:
                    if reading.snapshot is not None:
                        progress.update(reading.snapshot.elapsed)

                analysis = analyze_recording(
                    source, path, clock=clock, thresholds=thresholds, include_ai=include_ai, on_reading=on_reading
                )
            if clock.stopped:
                raise Interrupted(f"Stopped before {path} was read.")
            yield analysis.report
