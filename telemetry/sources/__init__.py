"""Sources and sinks by name: the source that a name stands for, and the sink for a file by its suffix."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from telemetry.base.errors import SinkError, UsageError
from telemetry.base.storage.output_file import Mode
from telemetry.fields.held import MISSING_FIELDS, held_columns, parse_missing
from telemetry.fields.selection import ALL_COLUMNS, Column
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.formats import (
    FORMATS,
    all_formats,
    find_format,
    jsonl,
    not_for_recording,
    readable_suffixes,
    recording_suffixes,
    unsupported_file_type,
)
from telemetry.recording.durable import DurablePageSink, DurableSink, check_durable
from telemetry.recording.filters import DecimatingSink, StepToSampleSink
from telemetry.recording.interfaces import PageSink, Sink, Source

WRITABLE_SUFFIXES: Final = tuple(suffix for known in FORMATS for suffix in known.suffixes)
"""The suffixes of the built-in formats, all of which can be written."""


def open_source(
    what: str | Path,
    *,
    wait: bool = True,
    loop: bool = False,
    seed: int = 0,
    begin: float | None = None,
    end: float | None = None,
    column_map: Path | None = None,
) -> Source:
    """The source of this name: ``live``, ``demo``, ``demo:SCENARIO``, a directory of page files, a recording, a stream.

    The demo's circuit with its timing line elsewhere on the spline is ``demo:line=0.8`` or ``demo:SCENARIO,line=0.8``.
    A stream is that of another ``serve``, named by its address, ``ws://`` or ``wss://``.
    ``wait`` is about a game that is not running, ``seed`` about the demo, ``loop`` about a recording's end; ``begin``
    and ``end`` are the part of a recording to play, in seconds since its first sample. ``column_map`` is a file that
    names the columns of tables of other programs; our own formats do without. Raises
    :class:`telemetry.UsageError` or :class:`telemetry.SourceError` where there is no such source.
    """
    # Each kind of source is imported when it is opened: most programs open one.
    name, _, rest = str(what).partition(":")
    if what == "live":
        return _open_live(None, wait=wait)
    if name in ("ws", "wss"):
        from telemetry.stream.client import WebSocketSource

        return WebSocketSource(str(what), wait=wait)
    path = Path(what)
    try:
        is_directory, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise UsageError(f"There is no source {str(what)!r}: {error.strerror}.") from error
    if name == "demo" and not exists:
        from telemetry.demo.settings import DemoSettings
        from telemetry.demo.source import DemoSource

        demo = DemoSettings.parse(rest)
        return DemoSource(demo.scenario, seed=seed, line=demo.line, grid_m=demo.grid_m)
    if is_directory and str(what):
        return _open_live(path, wait=wait)
    known = find_format(path)
    if known is not None and known.name_columns is not None and column_map is not None:
        return known.name_columns(column_map)(path, loop=loop, begin=begin, end=end)
    if known is not None and known.open_reader is not None:
        return known.open_reader(path, loop=loop, begin=begin, end=end)
    if exists and str(what):
        raise unsupported_file_type(path, readable_suffixes())
    raise UsageError(
        f"There is no source {str(what)!r}. Say live, demo, demo:SCENARIO, demo:line=POSITION, a directory with page "
        f"files, a recording ({', '.join(readable_suffixes())}), or a stream (ws://HOST:PORT)."
    )


def _open_live(path: Path | None, *, wait: bool) -> Source:
    from telemetry.game.source import LiveSource

    return LiveSource(path, wait=wait)


def open_sink(
    path: str | Path, *, columns: tuple[Column, ...] = ALL_COLUMNS, mode: Mode = "new", durable: bool = False
) -> Sink:
    """The sink that writes samples to this file while they come; ``-`` is standard output.

    The suffix decides on the format; a file with any other suffix holds JSON lines. ``durable`` has each flush on the
    disk, so that a power cut costs no more than a kill. Raises :class:`telemetry.SinkError`
    where the file cannot be written, or exists and ``mode`` is ``new``, and :class:`telemetry.UsageError` for a format
    whose files cannot be read when their writer was killed, or that keeps pages.
    """
    if str(path) == "-":
        from telemetry.formats.jsonl.sink import standard_output

        if durable:
            raise UsageError("--durable is for a file on a disk, which standard output is not.")
        return standard_output(columns)
    path = Path(path)
    known = find_format(path) or jsonl.FORMAT
    if known.open_sample_sink is None:
        if known.open_step_sink is None:
            raise UsageError(f"{path}: {known.name} files can be read, but not written. Name a .jsonl file.")
        raise UsageError(
            f"{path}: {known.name} holds the game's pages, not samples. Name a .jsonl file, or write this one with: "
            f"record {path}"
        )
    if not known.survives_kill:
        raise not_for_recording(path, known)
    if mode == "append" and not known.can_append and path.exists():
        able = ", ".join(other.name for other in all_formats() if other.can_append)
        raise SinkError(f"{path} cannot be continued: only {able} can. Use --overwrite, or another name.")
    if durable:
        check_durable(path)
    sink = known.open_sample_sink(path, columns, mode=mode, units=False)
    return DurableSink(sink, path) if durable else sink


def open_page_sink(
    path: Path,
    *,
    rate: float | None = None,
    thresholds: Thresholds = DEFAULTS,
    metadata: Mapping[str, str] | None = None,
    overwrite: bool = False,
    durable: bool = False,
) -> PageSink:
    """The sink that writes steps to this file, by its suffix, decimated to ``rate`` per second where one is given.

    A format that keeps pages gets them as they are, and ``metadata`` with them; others hold samples, without the fields
    that ``metadata`` calls missing. ``durable`` has each flush on the disk. Raises :class:`telemetry.SinkError` where
    the file cannot be written, or exists and must not be overwritten, and :class:`telemetry.UsageError` for a file that
    cannot be recorded.
    """
    known = find_format(path)
    metadata = metadata or {}
    sink: PageSink
    if durable:
        check_durable(path)
    if known is None or not known.is_recording:
        raise unsupported_file_type(path, recording_suffixes())
    if known.open_step_sink is not None:
        sink = known.open_step_sink(path, metadata=metadata, overwrite=overwrite)
    elif known.open_sample_sink is not None:
        mode: Mode = "overwrite" if overwrite else "new"
        columns = held_columns(ALL_COLUMNS, parse_missing(metadata.get(MISSING_FIELDS, "")))
        sink = StepToSampleSink(known.open_sample_sink(path, columns, mode=mode, units=False), thresholds)
    else:
        raise unsupported_file_type(path, recording_suffixes())
    if durable:
        sink = DurablePageSink(sink, path)
    return sink if rate is None else DecimatingSink(sink, rate)
