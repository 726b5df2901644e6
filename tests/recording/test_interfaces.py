"""What the interfaces do for classes that do not do it themselves."""

from telemetry.base.typing import override
from telemetry.fields.blocks import RowBlock
from telemetry.fields.columns import derive_columns
from telemetry.fields.derived import METRICS, Sample
from telemetry.fields.snapshot import Snapshot
from telemetry.recording.interfaces import Sink
from tests.constructed import drive, samples_of


class SampleList(Sink):
    name = "samples"
    size = 0

    def __init__(self) -> None:
        self.samples: list[Sample] = []

    @override
    def write(self, sample: Sample) -> None:
        self.samples.append(sample)

    @override
    def flush(self) -> None:
        pass


def test_a_sink_of_samples_takes_columns_one_sample_after_the_other() -> None:
    wanted = list(samples_of(drive([3.0], rate=5.0)))
    sink = SampleList()
    rows = [Snapshot.of(sample[: len(Snapshot.FIELDS)]) for sample in wanted]
    for columns in derive_columns([RowBlock(rows[:9]), RowBlock(rows[9:])], [metric.name for metric in METRICS]):
        sink.write_columns(columns)
    assert sink.samples == wanted
