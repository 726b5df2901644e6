"""JSON lines, plain or compressed: a complete sample per line, readable after whatever ended its writer."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from telemetry.base.storage.output_file import Mode
from telemetry.fields.selection import Column
from telemetry.formats.format import Format, Recovered, WatchShare, ignore
from telemetry.recording.interfaces import Sink, Source

__all__ = ["FORMAT"]


def _open_reader(path: Path, *, loop: bool, begin: float | None, end: float | None) -> Source:
    from telemetry.formats.jsonl.recording import JsonlRecording

    return JsonlRecording(path, loop=loop, begin=begin, end=end)


def _open_sample_sink(path: Path, columns: Sequence[Column], *, mode: Mode, units: bool) -> Sink:  # noqa: ARG001 - it has none
    from telemetry.formats.jsonl.sink import create

    return create(path, columns, mode=mode)


def _recover(path: Path, watch: WatchShare = ignore) -> Recovered:
    from telemetry.formats.jsonl.recovery import recover

    return recover(path, watch)


FORMAT: Final = Format(
    name="JSON lines",
    suffixes=(".jsonl", ".jsonl.gz", ".jsonl.zst"),
    open_reader=_open_reader,
    open_sample_sink=_open_sample_sink,
    survives_kill=True,
    can_append=True,
    recover=_recover,
)
