"""MCAP recordings: every physics step with the game's pages byte for byte, readable by robotics tools.

A recording has a channel for each page, whose ROS 2 schema names every field at its exact offset, and one for events.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from telemetry.formats.format import Format, Recovered, WatchShare, ignore
from telemetry.recording.interfaces import PageSink, Source

__all__ = ["FORMAT"]


def _open_reader(path: Path, *, loop: bool, begin: float | None, end: float | None) -> Source:
    from telemetry.formats.mcap.recording import McapRecording

    return McapRecording(path, loop=loop, begin=begin, end=end)


def _open_step_sink(path: Path, *, metadata: Mapping[str, str], overwrite: bool) -> PageSink:
    from telemetry.formats.mcap.sink import create

    return create(path, metadata=metadata, overwrite=overwrite)


def _recover(path: Path, watch: WatchShare = ignore) -> Recovered:
    from telemetry.formats.mcap.recovery import recover

    return recover(path, watch)


def _store_summary(path: Path, values: Any) -> bool:
    from telemetry.formats.mcap.stored_summary import store_summary

    return store_summary(path, values)


FORMAT: Final = Format(
    name="MCAP",
    suffixes=(".mcap",),
    open_reader=_open_reader,
    open_step_sink=_open_step_sink,
    survives_kill=True,
    recover=_recover,
    store_summary=_store_summary,
)
