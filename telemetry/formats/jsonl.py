"""JSON lines, plain or compressed: one complete sample per line, whole whatever happens."""

import math
import os
import sys
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import IO, Final, NamedTuple, Protocol

import zstandard

from telemetry.base.clock import Clock, RateLimiter
from telemetry.base.errors import SinkError, SourceError
from telemetry.base.storage.atomic import publish
from telemetry.base.storage.lock import lock_file
from telemetry.base.storage.output_file import Mode, OutputFile
from telemetry.fields.derived import Sample
from telemetry.fields.selection import ALL_COLUMNS, Column
from telemetry.fields.snapshot import Snapshot
from telemetry.fields.wire import LineEncoder, parse_snapshot
from telemetry.recording.game_state import is_advancing, state_in_session
from telemetry.recording.interfaces import Reading, Sink, Source

SUFFIXES: Final = (".jsonl", ".jsonl.gz", ".jsonl.zst")

_CHUNK: Final = 1 << 16
_BUFFER: Final = 1 << 20
"""Bytes of lines that are handed on at the latest; lines are far smaller."""


class _Compressor(Protocol):
    def compress(self, data: bytes, /) -> bytes: ...
    def flush(self, mode: int = ..., /) -> bytes: ...


class _Decompressor(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, /) -> bytes: ...


class _Compression(NamedTuple):
    """How a suffix compresses: streams, and the flush modes that make all so far readable and that end the stream."""

    compressor: Callable[[], _Compressor]
    decompressor: Callable[[], _Decompressor]
    sync: int
    finish: int


_GZIP_WINDOW: Final = 31  # a gzip header around the largest window
_COMPRESSIONS: Final = {
    ".gz": _Compression(
        lambda: zlib.compressobj(6, zlib.DEFLATED, _GZIP_WINDOW),
        lambda: zlib.decompressobj(_GZIP_WINDOW),
        zlib.Z_SYNC_FLUSH,
        zlib.Z_FINISH,
    ),
    ".zst": _Compression(
        lambda: zstandard.ZstdCompressor().compressobj(),
        lambda: zstandard.ZstdDecompressor().decompressobj(),
        zstandard.COMPRESSOBJ_FLUSH_BLOCK,
        zstandard.COMPRESSOBJ_FLUSH_FINISH,
    ),
}


class JsonlSink(Sink):
    """Writes samples as JSON lines; made by :func:`create` or :func:`standard_output`. Raises :class:`SinkError`.

    Lines handed on by :meth:`flush` are readable as they are, compressed or not, also when the process is killed. Pipes
    get every line at once.
    """

    def __init__(self, output: OutputFile, columns: Sequence[Column], compression: _Compression | None = None) -> None:
        self.name = output.name
        self._output = output
        self._encoder = LineEncoder(columns)
        self._compression = compression
        self._compressor = compression.compressor() if compression else None
        self._pending: list[bytes] = []
        self._pending_bytes = 0
        self._written = False

    @property
    def size(self) -> int:
        """Bytes in the file so far."""
        return self._output.size

    def write(self, sample: Sample) -> None:
        """Take one sample."""
        line = self._encoder.encode(sample)
        self._pending.append(line)
        self._pending_bytes += len(line)
        if self._pending_bytes >= _BUFFER or not self._output.is_regular:
            self.flush()

    def flush(self) -> None:
        """Hand all lines to the operating system."""
        if self._pending:
            data = b"".join(self._pending)
            self._pending.clear()
            self._pending_bytes = 0
            self._written = True
            if self._compression and self._compressor:
                data = self._compressor.compress(data) + self._compressor.flush(self._compression.sync)
            self._output.write(data, after=None if self._compressor else b"\n")
        else:
            self._output.check()

    def close(self) -> None:
        """Write what is left and end the file."""
        if self._output.closed:
            return
        try:
            self.flush()
            if self._compression and self._compressor and self._written:
                self._output.write(self._compressor.flush(self._compression.finish))
        finally:
            self._output.close()


def create(path: Path, columns: Sequence[Column] = ALL_COLUMNS, *, mode: Mode = "new") -> JsonlSink:
    """A sink that writes this file, compressed by its suffix (``.gz``, ``.zst``).

    An existing file is an error unless ``mode`` says to overwrite it, at the first line, or to append to it, which
    first mends a last line that was cut. Raises :class:`SinkError`.
    """
    compression = _COMPRESSIONS.get(path.suffix)
    if mode == "append" and path.is_file():
        try:
            _repair_tail(path, compression)
        except OSError as error:
            raise SinkError(f"The file {path} cannot be written: {error.strerror}.") from error
    output = OutputFile.open(path, mode, instead="Use --append to continue it, or --overwrite.")
    return JsonlSink(output, columns, compression)


def standard_output(columns: Sequence[Column] = ALL_COLUMNS) -> JsonlSink:
    """A sink that writes to standard output: UTF-8 with plain newlines on every system."""
    # A duplicate: closing it leaves the interpreter's own standard output in peace.
    return JsonlSink(OutputFile(os.dup(sys.stdout.fileno()), "standard output"), columns)


class JsonlRecording(Source):
    """A recording in JSON lines as a source: it plays at its own pace, its derived fields computed anew.

    It plays between ``begin`` and ``end`` if these are given, in seconds since its first sample; the sample at ``end``
    is left out. Fields that the file lacks read as 0, NaN or the empty text. A last line that was cut is left out.
    Raises :class:`SourceError` for what is no recording.
    """

    def __init__(self, path: Path, *, loop: bool = False, begin: float | None = None, end: float | None = None) -> None:
        self.name = str(path)
        self._path = path
        self._loop = loop
        self._begin = 0.0 if begin is None else begin
        self._end = math.inf if end is None else end
        if next(self.snapshots(), None) is None:
            raise SourceError(f"{path} holds no sample.")
        if (begin is not None or end is not None) and next(self._excerpt(), None) is None:
            raise SourceError(f"{path} holds no sample between the times asked for.")

    def snapshots(self) -> Iterator[Snapshot]:
        """The recorded snapshots, as fast as they can be read."""
        for number, (line, whole) in enumerate(_lines(self._path), start=1):
            try:
                yield parse_snapshot(line)
            except ValueError as error:
                if whole:
                    raise SourceError(f"{self._path}, line {number}: {error}.") from error

    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        """The snapshots when their time has come; with a ``rate``, no more of them per second than that."""
        began = clock.now()
        first: float | None = None
        shift, elapsed = 0.0, 0.0
        packet_id: int | None = None
        thinning = RateLimiter(rate)
        while True:
            for number, (recorded, snapshot) in enumerate(self._excerpt()):
                if first is None:
                    first = recorded
                elif number == 0:  # the file goes round
                    shift = elapsed + DEFAULT_INTERVAL_S - recorded
                elapsed = recorded + shift
                if not thinning.accept(elapsed):
                    continue
                if not clock.sleep_until(began + elapsed - first):
                    return
                state = state_in_session(snapshot.status, snapshot.is_esc_menu_visible)
                moved, packet_id = snapshot.packet_id != packet_id, snapshot.packet_id
                yield Reading(state, snapshot.replace(elapsed=elapsed), is_advancing(state, moved=moved))
            if not self._loop:
                return

    def _excerpt(self) -> Iterator[tuple[float, Snapshot]]:
        """The snapshots asked for, each with the time at which it was recorded, which never goes back."""
        first: float | None = None
        shift, elapsed = 0.0, -DEFAULT_INTERVAL_S
        for snapshot in self.snapshots():
            before, elapsed = elapsed, snapshot.elapsed + shift
            if not elapsed >= before:  # the file was appended to, or holds no times
                elapsed = before + DEFAULT_INTERVAL_S
                shift = elapsed - snapshot.elapsed if math.isfinite(snapshot.elapsed) else 0.0
            if first is None:
                first = elapsed
            if elapsed - first >= self._end:
                return
            if elapsed - first >= self._begin:
                yield elapsed, snapshot


DEFAULT_INTERVAL_S: Final = 0.1
"""Seconds between samples of a recording that does not say."""


def _lines(path: Path) -> Iterator[tuple[bytes, bool]]:
    """The lines of a file, and of each whether it was ended; what a killed writer left unfinished is not an error."""
    rest = b""
    for data in _chunks(path, _COMPRESSIONS.get(path.suffix)):
        *lines, rest = (rest + data).split(b"\n")
        for line in lines:
            yield line, True
    if rest.strip(b"\0"):  # a system that crashed can leave NULs behind
        yield rest, False


def _chunks(path: Path, compression: _Compression | None) -> Iterator[bytes]:
    """The file's bytes, decompressed, as far as they go."""
    try:
        with path.open("rb") as file:
            stream = compression.decompressor() if compression else None
            while data := file.read(_CHUNK):
                if compression is None or stream is None:
                    yield data
                    continue
                while data:
                    yield stream.decompress(data)
                    data = b""
                    if stream.eof:
                        data, stream = stream.unused_data, compression.decompressor()
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    except (zlib.error, zstandard.ZstdError) as error:
        raise SourceError(f"{path} is damaged, or not compressed as its name says.") from error


def _repair_tail(path: Path, compression: _Compression | None) -> None:
    """Make the file end after a whole line, so that it can be continued; OSError or :class:`SinkError` where not."""
    with path.open("rb") as file:
        lock_file(file.fileno(), str(path))
        _refuse_what_is_no_recording(path)
        if compression is None:
            _repair_text_tail(path)
        elif not _is_complete(path, compression):
            _repair_compressed_tail(path, compression, file)


def _repair_compressed_tail(path: Path, compression: _Compression, held: IO[bytes]) -> None:
    mended = path.with_name(path.name + ".mending")
    try:
        sink = mended.open("wb")
        with sink:
            stream = compression.compressor()
            for line, whole in _lines(path):
                if whole:
                    sink.write(stream.compress(line + b"\n"))
            sink.write(stream.flush(compression.finish))
        held.close()  # Windows replaces no open file
        publish(mended, path)
    except SourceError as error:
        raise SinkError(f"{error} It cannot be continued.") from error
    finally:
        mended.unlink(missing_ok=True)


def _refuse_what_is_no_recording(path: Path) -> None:
    """Raise :class:`SinkError` for a file whose first line is no sample: mending it would destroy what it is."""
    try:
        first = next(_lines(path), None)
        if first is not None:
            line, whole = first
            if whole:
                parse_snapshot(line)
            elif not line.startswith(b'{"'):
                parse_snapshot(b"")
    except ValueError as error:
        raise SinkError(f"{path} is no recording and stays untouched: {error}.") from error
    except SourceError as error:
        raise SinkError(f"{error} It cannot be continued.") from error


def _repair_text_tail(path: Path) -> None:
    with path.open("r+b") as file:
        end = size = file.seek(0, os.SEEK_END)
        tail, newline = b"", -1
        while end > 0 and newline < 0:
            start = max(0, end - _CHUNK)
            file.seek(start)
            tail = file.read(end - start) + tail
            newline = tail.rfind(b"\n")
            end = start
        rest = tail[newline + 1 :]
        try:
            parse_snapshot(rest)
        except ValueError:
            file.truncate(size - len(rest))
        else:  # whole, but for its newline
            file.seek(0, os.SEEK_END)
            file.write(b"\n")


def _is_complete(path: Path, compression: _Compression) -> bool:
    """Whether the last compressed stream was ended, and the text in it after a whole line."""
    last = b"\n"
    stream: _Decompressor | None = None
    try:
        with path.open("rb") as file:
            while data := file.read(_CHUNK):
                while data:
                    if stream is None or stream.eof:
                        stream = compression.decompressor()
                    last = stream.decompress(data)[-1:] or last
                    data = stream.unused_data if stream.eof else b""
    except (zlib.error, zstandard.ZstdError) as error:
        raise SinkError(f"{path} is damaged, or not compressed as its name says; it cannot be continued.") from error
    return (stream is None or stream.eof) and last == b"\n"
