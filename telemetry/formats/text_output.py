"""Writing text files: lines are collected, and written in large blocks, compressed or not."""

from typing import Final

from telemetry.base.storage.output_file import OutputFile
from telemetry.base.typing import override
from telemetry.formats.compression import Compression
from telemetry.recording.interfaces import Sink

_MAX_PENDING_BYTES: Final = 1 << 20
"""Bytes of lines after which they are written at the latest; a line is far smaller."""


class TextOutput:
    """Collects lines for an output file. Raises :class:`telemetry.SinkError`.

    What :meth:`flush` has written can be read, compressed or not, also when the process is killed: it ends the
    compressed stream, and the next lines are written over that end. Pipes get every line at once.
    """

    def __init__(self, output: OutputFile, compression: Compression | None) -> None:
        self.name = output.name
        self._output = output
        self._compression = compression
        self._compressor = compression.compressor() if compression else None
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._stream_started = False
        self._end = b""
        """The end of the compressed stream in the file, while the stream goes on."""

    @property
    def size(self) -> int:
        """Bytes in the file so far."""
        return self._output.size

    def add(self, lines: bytes) -> None:
        """Add one line or several, each with its line feed."""
        self._pending.append(lines)
        self._pending_bytes += len(lines)
        if self._pending_bytes >= _MAX_PENDING_BYTES or not self._output.is_regular:
            self.flush()

    def flush(self) -> None:
        """Hand all lines to the operating system."""
        if self._pending:
            self._write_pending(None if self._compression is None else self._compression.sync)
        else:
            self._output.check()

    def close(self) -> None:
        """Write the lines that are left and end the file; harmless when done twice."""
        if self._output.closed:
            return
        try:
            if self._pending or self._stream_started:
                self._write_pending(None if self._compression is None else self._compression.finish)
            else:
                self._output.check()
        finally:
            self._output.close()

    def _write_pending(self, mode: int | None) -> None:
        data = b"".join(self._pending)
        self._pending.clear()
        self._pending_bytes = 0
        if self._compression is None or self._compressor is None or mode is None:
            self._output.write(data, after=b"\n")
            return
        self._stream_started = True
        data = self._compressor.compress(data) + self._compressor.flush(mode)
        goes_on = self._output.is_regular and mode == self._compression.sync
        end = self._compression.end_of(self._compressor) if goes_on else b""
        self._output.write(data + end, over=self._end)
        self._end = end


class TextSink(Sink):
    """Base of the sinks that write samples as lines of text. Raises :class:`telemetry.SinkError`."""

    def __init__(self, output: TextOutput) -> None:
        self.name = output.name
        self._output = output

    @property
    @override
    def size(self) -> int:
        return self._output.size

    @override
    def flush(self) -> None:
        self._output.flush()

    @override
    def close(self) -> None:
        self._output.close()
