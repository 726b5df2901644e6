"""Quality reports of recordings, read one after the other with a progress bar."""

import math
from collections.abc import Iterator
from pathlib import Path

from telemetry.analysis.quality import RecordingAnalysis, analyze_recording
from telemetry.base.clock import Clock
from telemetry.cli._shared.input_files import FileFailure, process_files
from telemetry.cli._shared.progress import reading_progress
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.fields.thresholds import Thresholds
from telemetry.sources import open_source


def read_reports(
    paths: list[Path], tyres_out: int, *, include_ai: bool = False
) -> Iterator[RecordingAnalysis | FileFailure]:
    """The analysis of each recording, as soon as it has been read, or why there is none.

    Raises Interrupted on a signal.
    """
    thresholds = Thresholds(tyres_out=tyres_out)
    clock = Clock(math.inf)

    def read_report(path: Path) -> RecordingAnalysis:
        with open_source(path) as source, reading_progress() as progress:
            progress.start(f"Reading {path.name}", source)

            analysis = analyze_recording(
                source, path, clock=clock, thresholds=thresholds, include_ai=include_ai, watch=progress.watch
            )
        if clock.stopped:
            raise Interrupted(f"Stopped before {path} was read.")
        return analysis

    with stop_on_signal(clock):
        yield from process_files(paths, read_report)
