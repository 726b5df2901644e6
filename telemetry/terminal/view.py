"""The live view: the car, the lap and the recording in a terminal, or plain lines where there is none."""

import math
from collections.abc import Callable
from threading import Event, Thread
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType, Segment, Segments

from telemetry.fields.derived import Sample
from telemetry.recording.stats import LoopStats
from telemetry.terminal.panels import (
    CURRENT_STATES,
    EMPTY_STATES,
    History,
    Line,
    ViewState,
    frame,
    plain_line,
    sanitize,
    to_ascii,
)

if TYPE_CHECKING:
    from telemetry.recording.game_state import State

DRAW_SECONDS: Final = 0.1
"""Pause between two pictures: a view takes at most ten of them a second, however fast it is shown samples."""

LINE_SECONDS: Final = 1.0
"""Time between two plain lines."""


class View:
    """Shows the newest sample while its ``with`` block lasts, drawn by a thread of its own; a recorder's watcher.

    On a terminal it fills another screen and gives the old one back, whatever happens; elsewhere it writes a line a
    second. It never raises because of a value, and a terminal that has gone away ends the view, not the recording.
    ``output`` is the name of the file being written; with ``changes_only`` the lines tell changes of the state alone.
    """

    def __init__(self, console: Console, *, output: str | None = None, changes_only: bool = False) -> None:
        self._output = output
        self._latest: tuple[Sample | None, LoopStats] | None = None
        self._stop = Event()
        self._thread: Thread | None = None
        self._error: Exception | None = None
        full_screen = console.is_terminal and not console.is_dumb_terminal
        self._canvas: _Screen | _Lines = (
            _Screen(console) if full_screen else _Lines(console, math.inf if changes_only else LINE_SECONDS)
        )

    def on_reading(self, sample: Sample | None, stats: LoopStats) -> None:
        """Keep the newest sample for the next picture; nothing else, for the sampling loop calls it."""
        self._latest = sample, stats

    def __enter__(self) -> Self:
        try:
            self._canvas.open()
            # Not a daemon: it is joined on every way out, before the terminal is handed back.
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
        finally:  # also when a second Ctrl-C cuts the wait short
            self._canvas.close()

    def _work(self) -> None:
        try:
            while not self._stop.is_set():
                self._draw()
                self._stop.wait(DRAW_SECONDS)
            self._draw()
        except OSError:  # nobody looks any more
            return
        except Exception as error:  # noqa: BLE001 - raised by the thread that started this one
            self._error = error

    def _draw(self) -> None:
        if self._latest is None:
            return
        sample, stats = self._latest
        # The health is the recorder's own and may already be that of the next sample, which comes in a moment.
        if sample is not None or stats.state not in CURRENT_STATES:
            self._canvas.draw(sample, stats, self._output)


class _Screen:
    """A whole terminal, of which only the lines that changed are written."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._legacy = console.legacy_windows
        self._ascii = console.legacy_windows or console.options.ascii_only
        self._history = History()
        self._seen: Sample | None = None
        self._drawn: list[Line] = []
        self._size = (0, 0)
        self._key: tuple[object, ...] = ()
        self._opened = False

    def open(self) -> None:
        self._opened = True
        self._console.set_alt_screen(True)  # not there on the old Windows console, which is cleared instead
        self._console.show_cursor(False)

    def close(self) -> None:
        if not self._opened:
            return
        self._opened = False
        try:
            if not self._console.is_alt_screen:
                self._console.print(Segments(self._clear(self._size[1])), end="")
            self._console.show_cursor()
            self._console.set_alt_screen(False)
        except OSError:  # the terminal has gone away, and took its state with it
            return

    def draw(self, sample: Sample | None, stats: LoopStats, output: str | None) -> None:
        width, height = self._console.size
        state = stats.state
        # By identity: comparing hundreds of values would cost more than it saves.
        key = (id(sample), state, stats.message, stats.count, stats.size, *stats.faults.values(), width, height)
        if key == self._key and sample is self._seen:
            return
        self._key = key
        if sample is not None and sample is not self._seen and state in CURRENT_STATES:
            self._history.add(sample, stats)
        self._seen = sample
        lines = frame(ViewState(sample, stats, self._history, output), width, height)
        if self._ascii:
            lines = [[Segment(to_ascii(text), style) for text, style, _ in line] for line in lines]
        self._write(lines, (width, height))

    def _write(self, lines: list[Line], size: tuple[int, int]) -> None:
        segments: list[Segment] = []
        if size != self._size:
            self._size, self._drawn = size, [[] for _ in lines]
            segments += self._clear(size[1])
        for row, (line, old) in enumerate(zip(lines, self._drawn, strict=True)):
            if line != old:
                segments.append(self._move_to(row))
                segments += line
        self._drawn = lines
        if segments:
            self._console.print(Segments(segments), end="", crop=False, soft_wrap=True)

    def _clear(self, height: int) -> list[Segment]:
        if not self._legacy:
            return [Control.clear().segment, Control.home().segment]
        # Rich cannot clear the old Windows console, but lines of it.
        erase = Control((ControlType.ERASE_IN_LINE, 2)).segment
        rows = [segment for row in range(height) for segment in (self._move_to(row), erase)]
        return [*rows, Control.home().segment]

    def _move_to(self, row: int) -> Segment:
        # On the old Windows console, and nowhere else, Rich counts from one.
        return (Control.move_to(1, row + 1) if self._legacy else Control.move_to(0, row)).segment


class _Lines:
    """A pipe or a file: a plain ASCII line about once a second, and one at once when the state changes."""

    def __init__(self, console: Console, pause: float = LINE_SECONDS, clock: Callable[[], float] = monotonic) -> None:
        self._console = console
        self._pause = pause
        self._clock = clock
        self._told: tuple[State, str] | None = None
        self._due = 0.0

    def open(self) -> None:
        pass

    def close(self) -> None:
        pass

    def draw(self, sample: Sample | None, stats: LoopStats, output: str | None) -> None:  # noqa: ARG002
        now = self._clock()
        state, message = stats.state, stats.message
        news = (state, message) != self._told
        lively = sample is not None and state in CURRENT_STATES
        if not news and not (lively and now >= self._due):
            return
        self._told = (state, message)
        self._due = now + self._pause
        if sample is not None and lively:
            line = plain_line(sample, stats)
        else:
            moment = f"{sample.elapsed:8.1f} s  " if sample is not None and state not in EMPTY_STATES else ""
            line = f"{moment}{state:<7}  {sanitize(message)}".rstrip()
        self._console.out(to_ascii(line), highlight=False)
