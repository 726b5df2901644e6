"""Everything outside the process: one module per thing, and the two functions that find the right one."""

from pathlib import Path

from telemetry.errors import UsageError
from telemetry.io import jsonl
from telemetry.io.demo import DemoSource
from telemetry.io.shared_memory import LiveSource
from telemetry.recorder import Sink, Source
from telemetry.selection import ALL_COLUMNS, Column


def open_source(what: str | Path, *, wait: bool = True, loop: bool = False, seed: int = 0) -> Source:
    """The source of this name: ``live``, ``demo``, ``demo:SCENARIO``, a directory with page files, or a recording.

    ``wait`` is about a game that is not running, ``loop`` about a recording's end, ``seed`` about the demo. Raises
    :class:`telemetry.UsageError` or :class:`telemetry.SourceError` where there is no such source.
    """
    name, _, scenario = str(what).partition(":")
    if what == "live":
        return LiveSource(wait=wait)
    path = Path(what)
    try:
        is_directory, exists = path.is_dir(), path.exists()
    except OSError as error:
        raise UsageError(f"There is no source {str(what)!r}: {error.strerror}.") from error
    if name == "demo" and not exists:
        return DemoSource(scenario or "laps", seed=seed)
    if is_directory and str(what):
        return LiveSource(path, wait=wait)
    if path.name.endswith(jsonl.SUFFIXES):
        return jsonl.JsonlRecording(path, loop=loop)
    if exists and str(what):
        raise UsageError(f"{path} is no recording that can be read; those end in {', '.join(jsonl.SUFFIXES)}.")
    raise UsageError(
        f"There is no source {str(what)!r}. Say live, demo, demo:SCENARIO, a directory with page files, or a recording "
        f"({', '.join(jsonl.SUFFIXES)})."
    )


def open_sink(path: str | Path, *, columns: tuple[Column, ...] = ALL_COLUMNS, mode: jsonl.Mode = "new") -> Sink:
    """The sink that writes JSON lines to this file, compressed by its suffix; ``-`` is standard output.

    Raises :class:`telemetry.SinkError` where the file cannot be written, or exists and ``mode`` is ``new``.
    """
    if str(path) == "-":
        return jsonl.standard_output(columns)
    return jsonl.create(Path(path), columns, mode=mode)
