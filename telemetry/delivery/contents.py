"""What is delivered of a recording: its content, with a name that follows from it, and a row that describes it."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import orjson

from telemetry.analysis.quality import QualityReport, RecordingAnalysis, analyze_recording, recall_analysis
from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError
from telemetry.base.host import host_name
from telemetry.base.storage.file_content import FileVersion, hash_chunks, read_chunks
from telemetry.base.storage.regular_file import open_regular_file
from telemetry.base.text import to_unicode, to_unicode_values
from telemetry.base.version import VERSION
from telemetry.formats import stem_of
from telemetry.recording.interfaces import Source
from telemetry.sources import open_source
from telemetry.stores.uploads import PART_BYTES

ROW_FORMAT: Final = 1
"""To be increased when a row means something else."""

RECORDINGS_FOLDER: Final = "recordings"
"""The folder of a target that recordings and their rows are delivered to."""

CHUNK_BYTES: Final = PART_BYTES
"""What is uploaded as one part: chunks of that size need not be put together."""

_PLAUSIBLE: Final = (946_684_800.0, 4_102_444_800.0)
"""Unix time of the years 2000 and 2100: what lies outside is no time of day."""


@dataclass(frozen=True, slots=True)
class Content:
    """A finished recording as it was when its hash was made."""

    path: Path
    size: int
    modified_ns: int
    sha256: str

    @property
    def name(self) -> str:
        """Its name at every target: the same content has the same name, whoever delivers it."""
        return f"{RECORDINGS_FOLDER}/{self.sha256}{self.path.name.removeprefix(stem_of(self.path))}"

    @property
    def row_name(self) -> str:
        """The name of its row."""
        return f"{RECORDINGS_FOLDER}/{self.sha256}.json"

    def chunks(self, chunk_bytes: int = CHUNK_BYTES) -> Iterator[bytes]:
        """The bytes; :class:`telemetry.SourceError`, before the last of them, where the file has changed since."""
        try:
            with open_regular_file(self.path) as file:
                left = self.size
                while left > 0 and (chunk := file.read(min(chunk_bytes, left))):
                    left -= len(chunk)
                    if left == 0:
                        self.check()
                    yield chunk
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read: {error.strerror}.") from error
        if left:
            raise _changed(self.path)

    def check(self) -> None:
        """Raise :class:`telemetry.SourceError` where the file has changed since."""
        try:
            now = FileVersion.of(self.path)
        except OSError as error:
            raise SourceError(f"{self.path} cannot be read: {error.strerror}.") from error
        if now != (self.size, self.modified_ns):
            raise _changed(self.path)


def read_content(path: Path, go_on: Callable[[], None]) -> Content:
    """The content of a finished recording; ``go_on`` is called between blocks, and may raise.

    Raises :class:`telemetry.SourceError` where the file cannot be read, or changes meanwhile.
    """
    try:
        version = FileVersion.of(path)
        with open_regular_file(path) as file:
            digest = hash_chunks(checked(read_chunks(file, CHUNK_BYTES), go_on))
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    content = Content(path, *version, digest)
    content.check()
    return content


def checked(chunks: Iterable[bytes], go_on: Callable[[], None]) -> Iterator[bytes]:
    """The same bytes; ``go_on`` is called for each chunk, and may raise."""
    for chunk in chunks:
        go_on()
        yield chunk


def make_row(content: Content, file: str, clock: Clock) -> bytes:
    """The row of a recording in JSON; ``file`` is what it was called.

    Raises :class:`telemetry.SourceError` where it cannot be read, or is truncated. If ``clock`` is stopped before all
    is read, the row is incomplete.
    """
    with open_source(content.path) as source:
        analysis = recall_analysis(source, content.path) or analyze_recording(source, content.path, clock=clock)
        metadata = dict(source.metadata)
        driver = metadata.get("driver") or _player_of(source)
    report = analysis.report
    if not report.finished and not clock.stopped:
        raise SourceError(f"{content.path} has no end, as after a crash. Mend it with: recover {content.path}")
    row = {
        "format": ROW_FORMAT,
        "sha256": content.sha256,
        "size": content.size,
        "name": content.name.rpartition("/")[2],
        "file": file,
        "host": metadata.get("host") or host_name(),
        "driver": driver,
        **_headline(report, analysis),
        "metadata": metadata,
        "summary": {**report.to_dict(), "file": file},
        "version": VERSION,
    }
    return orjson.dumps(to_unicode_values(row), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def _headline(report: QualityReport, analysis: RecordingAnalysis) -> dict[str, Any]:
    """What one asks first, where SQL finds it without going into objects."""
    first = next((lap.first for lap in analysis.laps if lap.first is not None), None)
    begin = first.timestamp if first is not None and _PLAUSIBLE[0] <= first.timestamp <= _PLAUSIBLE[1] else None
    return {
        "begin": None if begin is None else datetime.fromtimestamp(begin, UTC).isoformat(timespec="seconds"),
        "seconds": round(report.span_s, 3),
        "cars": list(report.cars),
        "tracks": list(report.tracks),
        "sessions": list(report.sessions),
        "laps": report.laps.counted,
        "valid_laps": report.laps.valid,
        "best_ms": min((best.time_ms for best in report.laps.best), default=None),
    }


def _player_of(source: Source) -> str:
    """The player's name in the first sample; empty where there is none."""
    for reading in source.readings(Clock(math.inf), None):
        if reading.snapshot is not None:
            return to_unicode(reading.snapshot.player_name)
    return ""


def _changed(path: Path) -> SourceError:
    return SourceError(f"{path} changed while it was delivered. It is delivered again when it is finished.")
