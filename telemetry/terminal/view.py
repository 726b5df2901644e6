"""The live view: the car, the lap and the recording in a terminal, or plain lines where there is no terminal."""

import math
import sys
from collections import deque
from collections.abc import Callable
from threading import Event, Thread
from types import TracebackType
from typing import TYPE_CHECKING, Final, Protocol, Self

from telemetry.fields.derived import Sample
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.car_and_track import CarAndTrack
from telemetry.laps.lap_reference import LapReference
from telemetry.laps.reference_delta import ReferenceFollower
from telemetry.recording.stats import LoopStats
from telemetry.terminal.panels.view_state import CURRENT_STATES
from telemetry.terminal.plain_lines import LINE_INTERVAL_S, PlainLines

if TYPE_CHECKING:
    from rich.console import Console

DRAW_INTERVAL_S: Final = 0.1
"""Seconds between two pictures: at most ten a second, however many samples arrive."""

MAX_WAITING_SAMPLES: Final = 4096
"""Samples that wait to be compared with a reference; of more the newest are taken."""


class Canvas(Protocol):
    """What a view draws on."""

    def open(self) -> None:
        """Prepare for the first picture."""
        ...

    def close(self) -> None:
        """Restore what was changed; harmless when done twice."""
        ...

    def draw(self, sample: Sample | None, stats: LoopStats) -> None:
        """Show the newest sample and how the recording goes."""
        ...


class View:
    """Shows the newest sample while its ``with`` block lasts; a :class:`telemetry.recording.interfaces.Listener`.

    It draws in a thread of its own. On a terminal it fills the alternate screen and always restores the normal one;
    elsewhere it writes a line a second. No value of a sample makes it fail, and when the terminal goes away only the
    view ends, not the recording.

    :param console: where to draw; None writes plain lines to standard error, without loading rich
    :param output: name of the file that is being written
    :param changes_only: write a plain line only when the state changes
    :param thresholds: where damage and wear of tyres change their colours
    :param find_reference: gives the lap that a drive with this car on this track is compared with, in the view's thread
    """

    def __init__(
        self,
        console: "Console | None",
        *,
        output: str | None = None,
        changes_only: bool = False,
        thresholds: Thresholds = DEFAULTS,
        find_reference: Callable[[CarAndTrack], LapReference | None] | None = None,
    ) -> None:
        self._follower = None if find_reference is None else ReferenceFollower(find_reference)
        self._not_followed: deque[Sample] = deque(maxlen=MAX_WAITING_SAMPLES)
        self._latest: tuple[Sample | None, LoopStats] | None = None
        self._stop = Event()
        self._thread: Thread | None = None
        self._error: Exception | None = None
        self._canvas: Canvas
        if console is not None and console.is_terminal and not console.is_dumb_terminal:
            from telemetry.terminal.screen import Screen

            self._canvas = Screen(console, output=output, thresholds=thresholds, follower=self._follower)
        else:
            stream = sys.stderr if console is None else console.file
            self._canvas = PlainLines(stream, math.inf if changes_only else LINE_INTERVAL_S, follower=self._follower)

    def on_reading(self, sample: Sample | None, stats: LoopStats) -> None:
        """Keep the newest reading for the next picture, and nothing else: the sampling loop calls this."""
        before, self._latest = self._latest, (sample, stats)
        if self._follower is not None and sample is not None and (before is None or sample is not before[0]):
            self._not_followed.append(sample)

    def __enter__(self) -> Self:
        try:
            self._canvas.open()
            # Not a daemon: it is joined on every way out, before the terminal is restored.
            self._thread = Thread(target=self._work, name="view")
            self._thread.start()
        except BaseException:
            self._finish()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()
        if self._error is not None and error is None:
            raise self._error

    def _finish(self) -> None:
        self._stop.set()
        try:
            if self._thread is not None and self._thread.is_alive():
                self._thread.join()
        finally:  # also when a second Ctrl-C interrupts the wait
            self._canvas.close()

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                self._draw()
                self._stop.wait(DRAW_INTERVAL_S)
            self._draw()
        except OSError:  # the terminal has gone away
            return
        except Exception as error:  # noqa: BLE001 - raised by the thread that started this one
            self._error = error

    def _draw(self) -> None:
        if self._latest is None:
            return
        if self._follower is not None:
            while self._not_followed:
                self._follower.add(self._not_followed.popleft())
        sample, stats = self._latest
        # The recorder updates the counters in place: they may already be live while the first sample is on its way.
        if sample is not None or stats.state not in CURRENT_STATES:
            self._canvas.draw(sample, stats)
