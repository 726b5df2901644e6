"""Everything outside the process: one module per thing, and the two functions that find the right one."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from telemetry.base.errors import UsageError
from telemetry.base.storage.output_file import Mode
from telemetry.demo.source import DemoSource
from telemetry.fields.derived import DEFAULTS, Thresholds
from telemetry.fields.selection import ALL_COLUMNS, Column
from telemetry.formats import csv, jsonl, mcap, parquet
from telemetry.game import LiveSource
from telemetry.recording.filters import DecimatingSink, StepToSampleSink
from telemetry.recording.interfaces import PageSink, Sink, Source

RECORDING_SUFFIXES: Final = (*mcap.SUFFIXES, *jsonl.SUFFIXES)
"""What recordings end in: those that can be read, and those that can be written while the game runs."""


def open_source(
    what: str | Path,
    *,
    wait: bool = True,
    loop: bool = False,
    seed: int = 0,
    begin: float | None = None,
    end: float | None = None,
) -> Source:
    """The source of this name: ``live``, ``demo``, ``demo:SCENARIO``, a directory of page files, a recording, a stream.

    A stream is that of another ``serve``, named by its address, ``ws://`` or ``wss://``.
    ``wait`` is about a game that is not running, ``seed`` about the demo, ``loop`` about a recording's end; ``begin``
    and ``end`` are the part of a recording to play, in seconds since its first sample. Raises
    :class:`telemetry.UsageError` or :class:`telemetry.SourceError` where there is no such source.
    """
    name, _, scenario = str(what).partition(":")
    if what == "live":
        return LiveSource(wait=wait)
    if name in ("ws", "wss"):
        from telemetry.stream.client import WebSocketSource  # noqa: PLC0415 - slow to import, and seldom needed

        return WebSocketSource(str(what), wait=wait)
    path = Path(what)
    try:
        is_directory, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise UsageError(f"There is no source {str(what)!r}: {error.strerror}.") from error
    if name == "demo" and not exists:
        return DemoSource(scenario or "laps", seed=seed)
    if is_directory and str(what):
        return LiveSource(path, wait=wait)
    if path.name.endswith(mcap.SUFFIXES):
        return mcap.McapRecording(path, loop=loop, begin=begin, end=end)
    if path.name.endswith(jsonl.SUFFIXES):
        return jsonl.JsonlRecording(path, loop=loop, begin=begin, end=end)
    if exists and str(what):
        raise UsageError(f"{path} is no recording that can be read; those end in {', '.join(RECORDING_SUFFIXES)}.")
    raise UsageError(
        f"There is no source {str(what)!r}. Say live, demo, demo:SCENARIO, a directory with page files, a recording "
        f"({', '.join(RECORDING_SUFFIXES)}), or a stream (ws://HOST:PORT)."
    )


def open_sink(path: str | Path, *, columns: tuple[Column, ...] = ALL_COLUMNS, mode: Mode = "new") -> Sink:
    """The sink that writes this file by its suffix, CSV or JSON lines; ``-`` is standard output.

    Raises :class:`telemetry.SinkError` where the file cannot be written, or exists and ``mode`` is ``new``, and
    :class:`telemetry.UsageError` for a format that cannot be read when its writer was killed.
    """
    if str(path) == "-":
        return jsonl.standard_output(columns)
    path = Path(path)
    if path.name.endswith(parquet.SUFFIXES):
        raise UsageError(
            f"{path}: a Parquet file cannot be read when its recording was killed. Record to .mcap or .jsonl.zst, and "
            "make it with the command 'convert'."
        )
    if path.name.endswith(csv.SUFFIXES):
        return csv.create(path, columns, mode=mode)
    return jsonl.create(path, columns, mode=mode)


def open_finished_sink(path: Path, *, columns: tuple[Column, ...] = ALL_COLUMNS, units: bool = False) -> Sink:
    """The sink for a file that is replaced, and that nobody reads before it is closed: Parquet too.

    ``units`` adds a row of them to CSV. Raises :class:`telemetry.SinkError`.
    """
    if path.name.endswith(parquet.SUFFIXES):
        return parquet.create(path, columns, overwrite=True)
    if path.name.endswith(csv.SUFFIXES):
        return csv.create(path, columns, mode="overwrite", units=units)
    return jsonl.create(path, columns, mode="overwrite")


def open_page_sink(
    path: Path,
    *,
    rate: float | None = None,
    thresholds: Thresholds = DEFAULTS,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
) -> PageSink:
    """The sink that writes steps to this file, by its suffix, thinned to ``rate`` per second where one is given.

    MCAP keeps the pages as they are, and ``metadata`` with them; other formats hold samples. Raises
    :class:`telemetry.SinkError` where the file cannot be written, or exists and must not be overwritten.
    """
    if path.name.endswith(mcap.SUFFIXES):
        sink: PageSink = mcap.create(path, metadata=metadata, overwrite=overwrite)
    elif path.name.endswith(jsonl.SUFFIXES):
        sink = StepToSampleSink(jsonl.create(path, mode="overwrite" if overwrite else "new"), thresholds)
    else:
        raise UsageError(f"{path} ends in nothing that can be recorded; that is {', '.join(RECORDING_SUFFIXES)}.")
    return sink if rate is None else DecimatingSink(sink, rate)
