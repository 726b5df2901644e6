"""Clients as they should be, in a process of their own: ``python -m tests.soak.good_clients URL SECONDS``.

They count samples and measure the gaps between them and their delay, while others do what they should not. Another one
comes twice a second and goes after its first sample. The last line of the output is JSON.
"""

import asyncio
import json
import sys
import time
from typing import Any, Final

from websockets.asyncio.client import connect
from websockets.exceptions import WebSocketException

CLIENTS: Final = 4
NEWCOMER_PAUSE_S: Final = 0.5
NEWCOMER_PATIENCE_S: Final = 10.0


class Measures:
    """What all clients together saw."""

    def __init__(self) -> None:
        self.samples = 0
        self.worst_gap_s = 0.0
        self.delays_s: list[float] = []
        self.lost: list[str] = []
        self.newcomers = 0
        self.refused: list[str] = []
        self.worst_newcomer_s = 0.0

    def summary(self) -> dict[str, Any]:
        """The figures as JSON."""
        delays = sorted(self.delays_s)
        return {
            "samples": self.samples,
            "worst_gap_s": self.worst_gap_s,
            "p99_delay_s": delays[int(0.99 * (len(delays) - 1))] if delays else None,
            "lost": self.lost,
            "newcomers": self.newcomers,
            "refused": self.refused,
            "worst_newcomer_s": self.worst_newcomer_s,
        }


async def stay(url: str, end: float, measures: Measures, ready: asyncio.Semaphore) -> None:
    """Read every sample until the end."""
    try:
        async with connect(f"{url}/?fields=sequence,timestamp", compression=None, open_timeout=30.0) as socket:
            last = None
            while (left := end - time.monotonic()) > 0.0:
                try:
                    async with asyncio.timeout(left):
                        message = await socket.recv()
                except TimeoutError:
                    break
                now = time.monotonic()
                if last is None:
                    ready.release()
                else:
                    measures.worst_gap_s = max(measures.worst_gap_s, now - last)
                last = now
                measures.samples += 1
                measures.delays_s.append(time.time() - json.loads(message)["timestamp"])
            if last is not None:
                measures.worst_gap_s = max(measures.worst_gap_s, time.monotonic() - last)
    except (OSError, WebSocketException) as error:
        measures.lost.append(repr(error))
        ready.release()


async def come_and_go(url: str, end: float, measures: Measures) -> None:
    """Connect again and again, and wait for one sample."""
    while time.monotonic() < end - 1.0:
        began = time.monotonic()
        try:
            async with (
                asyncio.timeout(NEWCOMER_PATIENCE_S),
                connect(f"{url}/?fields=sequence", compression=None, close_timeout=0.5, open_timeout=None) as socket,
            ):
                await socket.recv()
                measures.worst_newcomer_s = max(measures.worst_newcomer_s, time.monotonic() - began)
        except (OSError, WebSocketException, TimeoutError) as error:
            measures.refused.append(repr(error))
        measures.newcomers += 1
        await asyncio.sleep(NEWCOMER_PAUSE_S)


async def watch(url: str, seconds: float) -> None:
    """Connect, say so, and print the figures after so many seconds."""
    measures, ready = Measures(), asyncio.Semaphore(0)
    end = time.monotonic() + seconds
    async with asyncio.TaskGroup() as group:
        for _ in range(CLIENTS):
            group.create_task(stay(url, end, measures, ready))
        for _ in range(CLIENTS):
            await ready.acquire()
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        group.create_task(come_and_go(url, end, measures))
    sys.stdout.write(json.dumps(measures.summary()) + "\n")


if __name__ == "__main__":
    asyncio.run(watch(sys.argv[1], float(sys.argv[2])))
