import math
import multiprocessing
import os
import time
from contextlib import closing

import pytest

from telemetry.base.clock import Clock
from telemetry.base.processes import ProcessDied, run_in_processes


def work(item: str, clock: Clock) -> str:
    """What the item says: end the process, fail, work until the clock is stopped, or be done at once."""
    if item == "die":
        os._exit(9)
    if item == "fail":
        raise ValueError(item)
    while item == "go on" and not clock.stopped:
        time.sleep(0.01)
    return item.upper()


def test_an_item_whose_process_dies_costs_no_other_its_result() -> None:
    found = dict(run_in_processes(work, ["a", "die", "b"], 2, Clock(math.inf)))
    assert found == {0: "A", 1: ProcessDied(), 2: "B"}


def test_a_stopped_clock_ends_all_work_and_all_processes() -> None:
    clock = Clock(math.inf)
    found = []
    for number, result in run_in_processes(work, ["go on", "a", "go on", "b"], 2, clock):
        found.append((number, result))
        clock.stop()
    assert found == [(1, "A")]
    assert multiprocessing.active_children() == []


def test_an_error_ends_all_work_and_all_processes() -> None:
    with (
        closing(run_in_processes(work, ["go on", "fail"], 2, Clock(math.inf))) as results,
        pytest.raises(ValueError, match=r"^fail$"),
    ):
        next(results)
    assert multiprocessing.active_children() == []
