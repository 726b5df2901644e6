"""What a recording holds, held against what the demo published."""

import csv
import gzip
import io
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import Any, Final

import orjson
import zstandard

from ac_native_memory import Pages
from telemetry.fields.pages import read_packet_id
from telemetry.fields.snapshot import Snapshot, decode
from telemetry.formats.mcap.recording import McapRecording
from tests.soak.outcome import TrialFailed
from tests.soak.published_demo import PublishedDemo

COMPARED_ROWS: Final = 40
"""Rows of a file of samples whose values are compared one by one; the others only have to be in order."""
PHYSICS: Final = tuple(field.name for field in Snapshot.FIELDS if field.group == "physics")


def read_rows(path: Path) -> list[dict[str, Any]]:
    """The rows of a complete file of samples; TrialFailed for one that is not complete."""
    data = path.read_bytes()
    try:
        if path.suffix == ".gz":
            data = gzip.decompress(data)
        elif path.suffix == ".zst":
            with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(data), read_across_frames=True) as reader:
                data = reader.read()
    except (OSError, EOFError, zstandard.ZstdError) as error:
        raise TrialFailed(f"{path.name} does not decompress to its end: {error}") from error
    if data and not data.endswith(b"\n"):
        raise TrialFailed(f"{path.name} ends within a line")
    if ".csv" in path.suffixes:
        return list(csv.DictReader(io.StringIO(data.decode())))
    return [orjson.loads(line) for line in data.splitlines()]


def check_steps(path: Path, demo: PublishedDemo) -> int | None:
    """The last step of a MCAP file, None without any; TrialFailed for one that stands twice or was never published."""
    last: int | None = None
    for step in McapRecording(path).read_steps():
        if step.pages is None or not any(step.pages.physics):
            continue
        packet_id = read_packet_id(step.pages.physics)
        if last is not None and packet_id <= last:
            raise TrialFailed(f"{path.name}: step {packet_id} stands after step {last}")
        last = packet_id
        if demo.physics(packet_id) != step.pages.physics:
            raise TrialFailed(f"{path.name}: the page of step {packet_id} was never published")
        if not demo.has_frame(step.pages.graphics, step.pages.static):
            raise TrialFailed(f"{path.name}: graphics or static page of step {packet_id} was never published")
    return last


def check_rows(path: Path, demo: PublishedDemo, random: Random, *, every_step: bool) -> int | None:
    """The last step of a file of samples, None without any; TrialFailed as for :func:`check_steps`."""
    rows = read_rows(path)
    for before, now in pairwise(rows):
        if int(now["sequence"]) != int(before["sequence"]) + 1:
            raise TrialFailed(f"{path.name}: sample {now['sequence']} stands after sample {before['sequence']}")
        is_later = int(now["packet_id"]) - int(before["packet_id"])
        if is_later < (1 if every_step else 0):
            raise TrialFailed(f"{path.name}: step {now['packet_id']} stands after step {before['packet_id']}")
    for row in random.sample(rows, min(COMPARED_ROWS, len(rows))) + rows[-1:]:
        _compare(path, row, demo)
    return int(rows[-1]["packet_id"]) if rows else None


def _compare(path: Path, row: dict[str, Any], demo: PublishedDemo) -> None:
    packet_id = int(row["packet_id"])
    page = demo.physics(packet_id)
    if page is None:
        raise TrialFailed(f"{path.name}: step {packet_id} was never published")
    expected = decode(Pages(page, bytes(304), bytes(684), 0.0))
    for name in PHYSICS:
        wanted, value = getattr(expected, name), row.get(name)
        if name not in row or isinstance(wanted, tuple):
            continue  # a table has a column for each part of an array
        if float(value if value not in (None, "") else "nan") != float(wanted):
            raise TrialFailed(f"{path.name}: {name} of step {packet_id} is {value}, and was {wanted}")
