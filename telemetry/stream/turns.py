"""Turns: all clients together get one piece of work done each time round the event loop, so that samples never wait."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TypeVar

from telemetry.base.steps import Steps

_Result = TypeVar("_Result")


class Turns:
    """Whoever works for a client waits for its turn: turns follow each other in the order in which they were asked for.

    Between two of them the event loop does everything else that is due. A sample therefore waits for one turn at most,
    however many clients ask for however much.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()

    @asynccontextmanager
    async def take(self) -> AsyncIterator[None]:
        """Wait for a turn; the work within must be short."""
        async with self._lock:
            yield
            await asyncio.sleep(0)

    async def finish(self, steps: Steps[_Result]) -> tuple[_Result, int]:
        """Do work of many steps, each in a turn of its own; returns the result and the number of steps."""
        count = 0
        while True:
            async with self.take():
                try:
                    next(steps)
                except StopIteration as end:
                    return end.value, count
            count += 1
