"""How many physics steps a file of a plan holds, whatever its format: the manifest says it."""

from dataclasses import dataclass
from pathlib import Path

from telemetry.base.typing import override
from telemetry.fields.pages import read_packet_id
from telemetry.plans.manifest import FileRecord
from telemetry.recording.filters import ForwardingSink
from telemetry.recording.interfaces import PageSink, Step


@dataclass(slots=True)
class StepCount:
    """Counts the physics steps of a file, and those that are missing in it."""

    steps: int = 0
    missing: int = 0
    packet_id: int | None = None
    """That of the latest step: further copies of a step do not count."""

    def add(self, step: Step) -> None:
        """Count one step."""
        if step.pages is None:
            return
        self.missing += step.missing
        number = read_packet_id(step.pages.physics)
        self.steps += number != self.packet_id
        self.packet_id = number

    def file_record(self, name: str, path: Path) -> FileRecord:
        """The entry of the finished file in the manifest; ``name`` is its path in the plan's folder."""
        return FileRecord(file=name, finished=True, bytes=path.stat().st_size, steps=self.steps, missing=self.missing)


class CountingSink(ForwardingSink):
    """Forwards every step to another sink, and counts it."""

    def __init__(self, sink: PageSink) -> None:
        super().__init__(sink)
        self.count = StepCount()

    @override
    def write(self, step: Step) -> None:
        self.count.add(step)
        super().write(step)
