from pathlib import Path

import pytest

from telemetry.base.errors import SourceError
from telemetry.formats.mcap.layout import EVENTS, GRAPHICS, PHYSICS, STATIC, default_channels
from telemetry.formats.mcap.messages import Message
from telemetry.formats.mcap.steps import LoggedStep, StepBuilder
from tests.conftest import pages_of

PATH = Path("drive.mcap")
CHANNELS = default_channels(1)
PAGES = pages_of()._replace(timestamp=0.0)


def page(topic: str, log_time: int) -> Message:
    data = {STATIC: PAGES.static, GRAPHICS: PAGES.graphics, PHYSICS: PAGES.physics}
    return Message(8, topic, log_time, 0, data[topic], is_cdr=False)


def event(data: bytes, log_time: int) -> Message:
    return Message(8, EVENTS, log_time, 0, data, is_cdr=False)


def test_a_step_is_complete_when_a_later_message_arrives_and_at_the_end() -> None:
    builder = StepBuilder(PATH, CHANNELS)
    messages = [
        page(STATIC, 10),
        page(GRAPHICS, 10),
        event(b'{"kind":"gap","timestamp":0,"steps":2}', 10),
        page(PHYSICS, 10),
        event(b'{"kind":"repaired","timestamp":0}', 13),
        page(PHYSICS, 13),
    ]
    first = LoggedStep(10, PAGES, missing=2, repaired=False)
    assert [builder.add(message) for message in messages] == [None, None, None, None, first, None]
    assert builder.finish() == LoggedStep(13, PAGES, missing=0, repaired=True)
    assert builder.finish() is None


def test_steps_before_all_three_pages_are_known_are_left_out() -> None:
    builder = StepBuilder(PATH, CHANNELS)
    messages = [page(PHYSICS, 10), page(STATIC, 13), page(GRAPHICS, 16)]
    assert [builder.add(message) for message in messages] == [None, None, None]
    assert builder.finish() == LoggedStep(16, PAGES, missing=0, repaired=False)


def test_a_corrupt_event_leaves_the_step_before_it_intact() -> None:
    builder = StepBuilder(PATH, CHANNELS)
    for topic in (STATIC, GRAPHICS, PHYSICS):
        builder.add(page(topic, 10))
    assert builder.add(event(b"not JSON", 13)) == LoggedStep(10, PAGES, missing=0, repaired=False)
    with pytest.raises(SourceError, match=r"at byte 8: an event"):
        builder.finish()


def test_events_without_a_step_are_counted_once_and_not_kept() -> None:
    builder = StepBuilder(PATH, CHANNELS)
    for number in range(2500):
        assert builder.add(event(b'{"kind":"gap","timestamp":0,"steps":2}', number)) is None
    for topic in (STATIC, GRAPHICS, PHYSICS):
        builder.add(page(topic, 3000))
    assert builder.finish() == LoggedStep(3000, PAGES, missing=5000, repaired=False)
