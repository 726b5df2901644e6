"""Writing JSON lines."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from telemetry.base.errors import SinkError
from telemetry.base.storage.output_file import Mode, OutputFile
from telemetry.base.typing import override
from telemetry.fields.derived import Sample
from telemetry.fields.selection import ALL_COLUMNS, Column
from telemetry.fields.wire import LineEncoder
from telemetry.formats.compression import compression_for
from telemetry.formats.jsonl.repair import repair_tail
from telemetry.formats.text_output import TextOutput, TextSink

if TYPE_CHECKING:
    from telemetry.fields.columns import Columns


class JsonlSink(TextSink):
    """Writes samples as JSON lines; made by :func:`create` or :func:`standard_output`. Raises :class:`SinkError`.

    Lines that :meth:`flush` has written can be read, compressed or not, also when the process is killed. Pipes get
    every line at once.
    """

    def __init__(self, output: TextOutput, columns: Sequence[Column]) -> None:
        super().__init__(output)
        self._columns = columns
        self._encoder = LineEncoder(columns)

    @override
    def write(self, sample: Sample) -> None:
        self._output.add(self._encoder.encode(sample))

    @override
    def write_columns(self, columns: "Columns") -> None:
        from telemetry.fields.printed import print_lines

        for lines in print_lines(columns, self._columns):
            self._output.add(lines)


def create(path: Path, columns: Sequence[Column] = ALL_COLUMNS, *, mode: Mode = "new") -> JsonlSink:
    """A sink that writes this file, compressed by its suffix (``.gz``, ``.zst``).

    An existing file is an error unless ``mode`` says to overwrite it, which happens at the first line, or to append to
    it, which first repairs a truncated last line. Raises :class:`SinkError`.
    """
    if mode == "append" and path.is_file():
        try:
            repair_tail(path)
        except OSError as error:
            raise SinkError(f"The file {path} cannot be written: {error.strerror}.") from error
    output = OutputFile.open(path, mode, instead="Use --append to continue it, or --overwrite.")
    return JsonlSink(TextOutput(output, compression_for(path)), columns)


def standard_output(columns: Sequence[Column] = ALL_COLUMNS) -> JsonlSink:
    """A sink that writes to standard output: UTF-8 with plain newlines on every system."""
    # A duplicate: closing it must not close the interpreter's own standard output.
    output = OutputFile(os.dup(sys.stdout.fileno()), "standard output")
    return JsonlSink(TextOutput(output, None), columns)
