"""What tests share: pages to start from, and samples made of them."""

import ctypes
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ac_native_memory import Pages, SPageFileGraphic, SPageFilePhysics, SPageFileStatic, units_of
from telemetry.derived import Sample, Thresholds, derive
from telemetry.snapshot import Snapshot, decode, encode

REPOSITORY = Path(__file__).parent.parent

MakePages = Callable[..., Pages]


def pages_of(**values: Any) -> Pages:
    """Pages of a car at rest in a live session, with other values in the fields named by their wire names."""
    physics, graphics, static = SPageFilePhysics(), SPageFileGraphic(), SPageFileStatic()
    physics.packetId = 1000
    physics.gear = 1
    physics.clutch = 1.0
    physics.tyreWear = (100.0, 100.0, 100.0, 100.0)
    graphics.packetId = 301
    graphics.status = 2
    static.tyreRadius = (0.33, 0.33, 0.34, 0.34)
    static.trackSPlineLength = 3000.0
    static.sectorCount = 3
    texts = {"smVersion": "1.7", "acVersion": "1.16.4", "carModel": "demo_gt3", "track": "demo_ring"}
    for name, text in texts.items():
        field = getattr(static, name)
        field[:] = memoryview(units_of(text, len(field))).cast("H")
    pages = Pages(bytes(physics), bytes(graphics), bytes(static), 1_700_000_000.0)
    return encode(decode(pages).replace(**values)) if values else pages


def snapshot_of(**values: Any) -> Snapshot:
    """The snapshot of such pages; values need not fit into a page."""
    return decode(pages_of()).replace(**values)


def sample_of(before: Sample | None = None, thresholds: Thresholds | None = None, **values: Any) -> Sample:
    """The sample of such a snapshot."""
    return derive(snapshot_of(**values), before, thresholds or Thresholds())


def wait_until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    """Wait for another process or thread; fail when it takes too long."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            pytest.fail("what was waited for did not happen")
        time.sleep(0.01)


def sizes() -> tuple[int, int, int]:
    """Bytes of the three pages."""
    return (ctypes.sizeof(SPageFilePhysics), ctypes.sizeof(SPageFileGraphic), ctypes.sizeof(SPageFileStatic))
