"""The full-screen view of a terminal, of which only the lines that changed are written."""

from rich.console import Console
from rich.control import Control
from rich.segment import ControlType, Segment, Segments

from telemetry.fields.derived import Sample
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.laps.reference_delta import ReferenceFollower
from telemetry.recording.stats import LoopStats
from telemetry.terminal.panels import CURRENT_STATES, History, Line, ViewState, render, to_ascii


class Screen:
    """Draws pictures of the view on a terminal; ``output`` is the name of the file that is being written."""

    def __init__(
        self,
        console: Console,
        *,
        output: str | None = None,
        thresholds: Thresholds = DEFAULTS,
        follower: ReferenceFollower | None = None,
    ) -> None:
        self._console = console
        self._output = output
        self._thresholds = thresholds
        self._follower = follower
        self._is_legacy = console.legacy_windows
        self._is_ascii = console.legacy_windows or console.options.ascii_only
        self._history = History()
        self._last_sample: Sample | None = None
        self._drawn: list[Line] = []
        self._size = (0, 0)
        self._key: tuple[object, ...] = ()
        self._is_open = False

    def open(self) -> None:
        """Switch to the alternate screen and hide the cursor."""
        self._is_open = True
        self._console.set_alt_screen(True)  # the old Windows console has none, and is cleared instead
        self._console.show_cursor(False)

    def close(self) -> None:
        """Restore the screen and the cursor; harmless when done twice."""
        if not self._is_open:
            return
        self._is_open = False
        try:
            if not self._console.is_alt_screen:
                self._console.print(Segments(self._clear(self._size[1])), end="")
            self._console.show_cursor()
            self._console.set_alt_screen(False)
        except OSError:  # the terminal has gone away, and its state with it
            return

    def draw(self, sample: Sample | None, stats: LoopStats) -> None:
        """Show the newest sample and how the recording goes; writes nothing where the picture is the same."""
        width, height = self._console.size
        state = stats.state
        # By identity: comparing hundreds of values would cost more than it saves.
        key = (id(sample), state, stats.message, stats.count, stats.size, *stats.faults.values(), width, height)
        if key == self._key and sample is self._last_sample:
            return
        self._key = key
        if sample is not None and sample is not self._last_sample and state in CURRENT_STATES:
            self._history.add(sample, stats)
        self._last_sample = sample
        lines = render(
            ViewState(sample, stats, self._history, self._output, self._thresholds, self._follower), width, height
        )
        if self._is_ascii:
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
        if not self._is_legacy:
            return [Control.clear().segment, Control.home().segment]
        # Rich cannot clear the old Windows console as a whole, only line by line.
        erase = Control((ControlType.ERASE_IN_LINE, 2)).segment
        rows = [segment for row in range(height) for segment in (self._move_to(row), erase)]
        return [*rows, Control.home().segment]

    def _move_to(self, row: int) -> Segment:
        # Rich counts from one on the old Windows console, and from zero everywhere else.
        return (Control.move_to(1, row + 1) if self._is_legacy else Control.move_to(0, row)).segment
