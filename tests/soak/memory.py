"""The memory of what runs for hours: its slope while everything else is tried."""

import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from threading import Event, Thread
from typing import Final

from tests.soak.outcome import Failure, Outcome, Row, Topic
from tests.soak.workshop import Running

LONG_MINUTES: Final = 5.0
"""In a shorter time a slope says nothing: caches still fill."""
PAUSE_S: Final = 1.0
MAX_SLOPE_MB: Final = 0.25
"""MB per minute over the second half. A minute is four of the game, and `serve` grows until half an hour of it."""
MAX_GROWTH_MB: Final = 12.0
"""MB over the second half of a shorter time."""

COMMANDS: Final[dict[str, tuple[str, ...]]] = {
    "record": ("record", "drive.mcap", "--source", "demo", "--speed", "SPEED", "--quiet"),
    "serve": (
        "serve", "--source", "demo", "--speed", "SPEED", "--rate", "20", "--port", "0", "--record", "drive.mcap",
        "--json-output", "drive.jsonl.zst", "--quiet",
    ),
}  # fmt: skip


class MemoryWatch:
    """Commands whose memory is read once a second, from now until :meth:`rows`."""

    def __init__(self, only: Sequence[str], minutes: float) -> None:
        # At this speed fifteen minutes are an hour of the game; a short run leaves the processors to the others.
        self._is_long = minutes >= LONG_MINUTES
        self._speed = "4" if self._is_long else "1"
        self._folder = Path(tempfile.mkdtemp(prefix="soak-memory-"))
        self._stop = Event()
        self._running: dict[str, Running] = {}
        self._seen: dict[str, list[tuple[float, float]]] = {}
        for name in (name for name in COMMANDS if f"memory-{name}".startswith(tuple(only))):
            words = [self._speed if word == "SPEED" else word for word in COMMANDS[name]]
            arguments = [str(self._folder / f"{name}-{word}") if word.startswith("drive.") else word for word in words]
            self._running[name] = Running(*arguments)
            self._seen[name] = []
        self._thread = Thread(target=self._watch)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(PAUSE_S):
            for name, running in self._running.items():
                if (memory_mb := resident_mb(running.process.pid)) is not None:
                    self._seen[name].append((time.monotonic(), memory_mb))

    def rows(self, seed: int) -> list[Row]:
        """End the commands; a row for each."""
        self._stop.set()
        self._thread.join()
        rows = []
        for name, running in self._running.items():
            row = Row(self._topic(name))
            ended = not running.sleep(0.0)
            if ended:
                row.fail(Failure(row.topic.name, seed, f"it ended by itself: {running.said()[1]}"))
            elif sentence := self._judge(self._seen[name], row):
                row.fail(Failure(row.topic.name, seed, sentence))
            rows.append(row)
        self.close()
        return rows

    def _judge(self, seen: list[tuple[float, float]], row: Row) -> str:
        """What is wrong with the memory of a command; empty for nothing."""
        half = seen[len(seen) // 2 :]
        if len(half) < 10:
            row.not_tried = "too short a time"
            return ""
        slope = slope_per_minute(half)
        growth = half[-1][1] - half[0][1]
        if self._is_long and slope > MAX_SLOPE_MB:
            return f"it grows by {slope:.2f} MB a minute, from {half[0][1]:.1f} to {half[-1][1]:.1f} MB"
        if growth > MAX_GROWTH_MB:
            return f"it grew by {growth:.1f} MB in {half[-1][0] - half[0][0]:.0f} s"
        row.add(Outcome(slope if self._is_long else growth))
        return ""

    def _topic(self, name: str) -> Topic:
        what = f"memory of `{name}` at {self._speed} x, while all else is tried"
        worst = "{} MB a minute over the second half" if self._is_long else "{} MB more; too short for a slope"
        return Topic(name=f"memory-{name}", what=what, worst=worst, digits=2)

    def close(self) -> None:
        """End the commands and remove their files."""
        self._stop.set()
        self._thread.join()
        for running in self._running.values():
            running.close()
        shutil.rmtree(self._folder, ignore_errors=True)


def resident_mb(pid: int) -> float | None:
    """The memory of a process that no file stands for; None for one that has ended."""
    try:
        fields = dict(line.split(":", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines())
        return int(fields["RssAnon"].split()[0]) / 1024.0
    except (OSError, KeyError):
        return None


def slope_per_minute(seen: Sequence[tuple[float, float]]) -> float:
    """The slope of the line of least squares."""
    count = len(seen)
    mean_x, mean_y = sum(x for x, _ in seen) / count, sum(y for _, y in seen) / count
    above = sum((x - mean_x) * (y - mean_y) for x, y in seen)
    return 60.0 * above / sum((x - mean_x) ** 2 for x, _ in seen)
