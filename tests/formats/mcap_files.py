"""Makes MCAP recordings for tests, and reads them with the library's own reader."""

import math
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from mcap.reader import SeekingReader

from ac_native_memory import Pages
from telemetry.base.clock import Clock
from telemetry.demo.source import DemoSource
from telemetry.formats.mcap.recording import McapRecording
from telemetry.formats.mcap.sink import create
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Step
from tests.conftest import pages_of

START = 1_700_000_000.0


EVENTS = "/ac_telemetry/events"


def drive(count: int) -> list[Step]:
    """Steps of a car that moves: each has a physics page of its own, every fifth a new graphics page too."""
    base = pages_of()
    steps = []
    for index in range(count):
        physics = (1000 + index).to_bytes(4, "little") + base.physics[4:]
        graphics = (1 + 2 * (index // 5)).to_bytes(4, "little") + base.graphics[4:]
        pages = Pages(physics, graphics, base.static, START + index / 100)
        steps.append(Step(State.LIVE, pages, index / 100))
    return steps


def demo(count: int) -> list[Step]:
    steps = (step for step in DemoSource("laps").steps(Clock(math.inf)) if step.pages)
    return list(islice(steps, count))


def write(path: Path, steps: Sequence[Step], *, flush_every: int = 0, **options: Any) -> None:
    with create(path, **options) as sink:
        for index, step in enumerate(steps):
            sink.write(step)
            if flush_every and index % flush_every == flush_every - 1:
                sink.flush()


def unfinished(path: Path, steps: Sequence[Step], *, flush_every: int = 10) -> None:
    """What a writer leaves that is killed after its last flush."""
    sink = create(path)
    for index, step in enumerate(steps):
        sink.write(step)
        if index % flush_every == flush_every - 1:
            sink.flush()
    sink.flush()
    data = path.read_bytes()
    sink.close()
    path.write_bytes(data)


def pages_in(path: Path, **options: Any) -> list[Pages]:
    return [step.pages for step in McapRecording(path, **options).read_steps() if step.pages]


def messages(path: Path) -> list[tuple[str, Any]]:
    """Topics and messages as the library's own reader gives them, checksums checked."""
    with path.open("rb") as file:
        reader = SeekingReader(file, validate_crcs=True)
        return [(channel.topic, message) for _, channel, message in reader.iter_messages(log_time_order=False)]


def chunk_places(path: Path) -> list[int]:
    with path.open("rb") as file:
        summary = SeekingReader(file).get_summary()
    assert summary is not None
    return [index.chunk_start_offset for index in summary.chunk_indexes]
