"""Delivery beside a recording, in a process of its own."""

import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from telemetry.delivery.background import BackgroundDelivery, DeliverySettings
from telemetry.delivery.outbox import Outbox
from telemetry.delivery.retry import FIRST_S, LONGEST_S, Backoff
from tests.conftest import wait_until
from tests.delivery.recordings import short_recording
from tests.leftovers import children


@contextmanager
def delivering(drives: Path, target: Path) -> Iterator[BackgroundDelivery]:
    delivery = BackgroundDelivery(DeliverySettings(folder=drives, target=str(target)))
    try:
        yield delivery
    finally:
        delivery.close()


def never() -> bool:
    return False


def delivered_names(share: Path) -> list[str]:
    return [path.name for path in share.glob("recordings/*.mcap")]


def test_what_is_added_is_delivered_while_the_recording_goes_on_and_the_rest_at_its_end(
    drives: Path, share: Path
) -> None:
    with delivering(drives, share) as delivery:
        delivery.outbox.add(drives / "drive.mcap", str(share), tyres_out=3)
        wait_until(lambda: len(delivered_names(share)) == 1, lambda: delivery.status)
        short_recording(drives / "second.mcap", seed=2)
        delivery.outbox.add(drives / "second.mcap", str(share))
        status = delivery.finish(never)
    assert (status.waiting, status.error) == (0, "")
    assert len(delivered_names(share)) == 2


def test_the_end_does_not_wait_for_a_target_that_is_away(drives: Path, tmp_path: Path) -> None:
    with delivering(drives, tmp_path / "away") as delivery:
        delivery.outbox.add(drives / "drive.mcap", str(tmp_path / "away"))
        status = delivery.finish(never)
    assert status.waiting == 1
    assert status.error.startswith("There is no folder")


def test_the_rest_is_left_for_later_when_that_is_enough(drives: Path, share: Path) -> None:
    with delivering(drives, share) as delivery:
        delivery.outbox.add(drives / "drive.mcap", str(share))
        status = delivery.finish(lambda: True)
    assert status.waiting + len(delivered_names(share)) >= 1
    assert Outbox(drives).status().waiting == status.waiting


@pytest.mark.skipif(sys.platform == "win32", reason="no system but Linux lists our child processes here")
def test_a_killed_process_costs_nothing_that_waits(drives: Path, share: Path) -> None:
    before = children()
    with delivering(drives, share) as delivery:
        wait_until(lambda: any("spawn_main" in process.command for process in children() - before))
        for process in children() - before:
            if "spawn_main" in process.command:
                os.kill(process.number, signal.SIGKILL)
        delivery.outbox.add(drives / "drive.mcap", str(share))
        wait_until(lambda: delivery.status.error, lambda: delivery.status)
        assert delivery.status.error == "The process that delivers has ended. It starts again."
    assert Outbox(drives).status().waiting == 1


def test_waits_grow_while_a_target_fails_and_are_short_again_afterwards() -> None:
    backoff = Backoff(2.0)
    waits = [backoff.after(failed=True) for _ in range(2000)]
    assert 0.75 * FIRST_S <= waits[0] <= FIRST_S
    assert all(0.75 * LONGEST_S <= wait <= LONGEST_S for wait in waits[10:])
    assert backoff.after(failed=False) == 2.0
    assert backoff.after(failed=True) <= FIRST_S
