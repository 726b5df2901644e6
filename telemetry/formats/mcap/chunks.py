"""Which chunks of a recording must be read for a part of it."""

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class IndexedChunk(NamedTuple):
    """A chunk in the index of a file: its byte range, the log times [ns] of its first and last message, its channels.

    ``channels`` is empty if the index does not list them.
    """

    begin: int
    end: int
    first_time: int
    last_time: int
    channels: frozenset[int]


def select_chunks(chunks: Sequence[IndexedChunk], wanted: frozenset[int], begin_time: int | None) -> list[int] | None:
    """Offsets of the chunks needed to read the ``wanted`` channels from ``begin_time`` (None: from the beginning).

    Before the part, only the last chunk of each channel is needed: it holds the page as it was when the part begins.
    None if the index is not sufficient to choose: it is empty, unordered in time, lists no channels, or lists a chunk
    twice or inside another.
    """
    times = [chunk.first_time for chunk in chunks]
    if not chunks or times != sorted(times) or not all(chunk.channels for chunk in chunks):
        return None
    if any(before.end > after.begin for before, after in pairwise(chunks)):
        return None
    last_before: dict[int, int] = {}
    inside: list[int] = []
    for chunk in chunks:
        channels = wanted & chunk.channels
        if begin_time is None or chunk.last_time >= begin_time:
            if channels:
                inside.append(chunk.begin)
        else:
            last_before.update(dict.fromkeys(channels, chunk.begin))
    return [*sorted(set(last_before.values())), *inside]
