"""MoTeC logs (``.ld`` with ``.ldx``): channels of equidistant samples, for MoTeC i2 and from it."""

import re
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final

from telemetry.base.errors import UsageError
from telemetry.base.storage.output_file import Mode
from telemetry.fields.selection import Column
from telemetry.formats.format import ChannelOptions, Format, OpenSampleSink, PreparedChannels
from telemetry.recording.interfaces import Sink, Source

__all__ = ["FORMAT"]


def _open_reader(path: Path, *, loop: bool, begin: float | None, end: float | None) -> Source:
    from telemetry.formats.motec.recording import MotecRecording

    return MotecRecording(path, loop=loop, begin=begin, end=end)


def _open_sample_sink(
    path: Path,
    columns: Sequence[Column],
    *,
    mode: Mode,
    units: bool,  # noqa: ARG001 - a channel always has its unit
    **options: Any,
) -> Sink:
    from telemetry.formats.motec.sink import create

    return create(path, columns, mode=mode, **options)


def _prepare_channels(options: ChannelOptions) -> PreparedChannels:
    from dataclasses import replace

    from telemetry.formats.motec.channels import NAMES, default_fields
    from telemetry.formats.motec.options import DEFAULT_RATE_HZ, GAPS, MAX_RATE_HZ

    rate = DEFAULT_RATE_HZ if options.rate is None else options.rate
    if rate != int(rate) or not 1 <= rate <= MAX_RATE_HZ:
        raise UsageError(
            f"A MoTeC log has a whole number of samples a second, 1 to {MAX_RATE_HZ}: got --rate {rate:g}."
        )
    chosen = {"names": options.names or NAMES[0], "gaps": options.gaps or GAPS[0]}
    for name, known in (("names", NAMES), ("gaps", GAPS)):
        if chosen[name] not in known:
            raise UsageError(f"--{name} is one of {', '.join(known)}: got {chosen[name]!r}.")
    sink: OpenSampleSink = partial(_open_sample_sink, rate=int(rate), names=chosen["names"], gaps=chosen["gaps"])
    return PreparedChannels(replace(FORMAT, open_sample_sink=sink), rate, default_fields())


def _is_log(path: Path) -> bool:
    """Whether a log is no copy: ``convert`` writes one, or several, beside the recording of the same name."""
    names = {path.stem, re.sub(r"_\d+$", "", path.stem)}
    suffixes = (".mcap", ".jsonl", ".jsonl.gz", ".jsonl.zst")
    return not any(path.with_name(name + suffix).exists() for name in names for suffix in suffixes)


FORMAT: Final = Format(
    name="MoTeC log",
    suffixes=(".ld",),
    open_reader=_open_reader,
    open_sample_sink=_open_sample_sink,
    prepare_channels=_prepare_channels,
    is_log=_is_log,
)
