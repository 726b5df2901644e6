"""Waiting for what another process or thread does."""

import time
from collections.abc import Callable

import pytest

PATIENCE = 120.0
"""Seconds that anything may take at all, on a machine that has other things to do. Only what hangs takes so long."""


def wait_until(condition: Callable[[], object], seen: Callable[[], object] | None = None) -> None:
    """Wait for another process or thread; fail, and say what was ``seen`` instead, only when it must be hanging."""
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            pytest.fail(f"what was waited for did not happen{f'; instead: {seen()}' if seen else ''}")
        time.sleep(0.01)
