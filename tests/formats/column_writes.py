"""What the tests of writing columns share: the same moments as samples, and as blocks of columns."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from ac_native_memory import Pages
from telemetry.fields.columns import Columns, derive_columns
from telemetry.fields.derived import Sample
from telemetry.fields.thresholds import DEFAULTS
from telemetry.recording.interfaces import Sink
from tests.drives import SEEDS, frames_at
from tests.fields.test_columns import blocks_of, samples_of


class Walks(NamedTuple):
    """The same moments in both walks of the data."""

    samples: list[Sample]
    blocks: list[Columns]


def walks_of(pages: Sequence[Pages], times: Sequence[float] | None = None, block_rows: int = 3) -> Walks:
    """The samples of these pages, and the blocks of their columns; a tenth of a second apart unless told."""
    times = [index * 0.1 for index in range(len(pages))] if times is None else times
    blocks = blocks_of(pages, times, [block_rows] * len(pages))
    return Walks(samples_of(pages, times, DEFAULTS), list(derive_columns(blocks, Sample.NAMES)))


def walks_of_drive(scenario: str, *, hertz: int = 5, block_rows: int = 100) -> Walks:
    """A whole drive of the demo."""
    frames = frames_at(scenario, SEEDS.get(scenario, 0), 90.0, hertz)
    return walks_of([frame.pages for frame in frames], [frame.seconds for frame in frames], block_rows)


def write_samples(create: Callable[[], Sink], samples: Iterable[Sample]) -> Path:
    """The file that these samples make, one after the other."""
    with create() as sink:
        for sample in samples:
            sink.write(sample)
    return Path(sink.name)


def write_blocks(create: Callable[[], Sink], blocks: Iterable[Columns]) -> Path:
    """The file that these columns make."""
    with create() as sink:
        for columns in blocks:
            sink.write_columns(columns)
    return Path(sink.name)
