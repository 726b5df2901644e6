"""What a command without a view says while its source has no game."""

from telemetry.base.typing import override
from telemetry.cli._shared.messages import print_message
from telemetry.fields.derived import Sample
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Listener
from telemetry.recording.stats import LoopStats


class MissingGamePrinter(Listener[LoopStats]):
    """Prints what the source waits for, once, and again when that has changed."""

    def __init__(self) -> None:
        self._printed = ""

    @override
    def on_reading(self, sample: Sample | None, stats: LoopStats) -> None:
        if stats.state not in (State.WAITING, State.GONE):
            self._printed = ""
        elif stats.message != self._printed:
            self._printed = stats.message
            print_message(stats.message)
