"""Recording physics steps from the command line: the view, the keys and the markers of other terminals."""

from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from telemetry.base.amounts import DURATION_FORMS, parse_positive_duration
from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError
from telemetry.cli._shared.live_reference import LiveReference
from telemetry.cli._shared.messages import print_warning
from telemetry.cli._shared.options import STOP_PANEL
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.recording.interfaces import Listener, Source
from telemetry.recording.lap_tracker import LapTracker
from telemetry.recording.markers import MarkerInbox
from telemetry.recording.step_recorder import StepRecorder
from telemetry.recording.step_writer import StepWriter
from telemetry.recording.stop import StopRule
from telemetry.terminal.keyboard import Keyboard
from telemetry.terminal.view import View

if TYPE_CHECKING:
    from telemetry.recording.stats import StepRecordingStats

JsonSummary = Annotated[
    bool, typer.Option("--json-summary", help="Print the closing summary as JSON on standard output.")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class StopOptions:
    """When a recording of steps ends."""

    duration: Annotated[
        float | None,
        typer.Option(
            parser=parse_positive_duration,
            metavar="TIME",
            rich_help_panel=STOP_PANEL,
            help=f"End so long after the first step: {DURATION_FORMS}.",
        ),
    ] = None
    sessions: Annotated[
        int | None, typer.Option(min=1, metavar="N", rich_help_panel=STOP_PANEL, help="End after N sessions.")
    ] = None
    until_exit: Annotated[
        bool, typer.Option("--until-exit", rich_help_panel=STOP_PANEL, help="End when the game exits.")
    ] = False

    def stop_rule(self, laps: int | None = None) -> StopRule:
        """The rule of these options; UsageError for a number that is not greater than 0."""
        return StopRule(duration=self.duration, laps=laps, sessions=self.sessions, until_exit=self.until_exit)


def record_steps(
    source: Source,
    writer: StepWriter,
    clock: Clock,
    stop_rule: StopRule,
    *,
    thresholds: Thresholds = DEFAULTS,
    quiet: bool,
    json_summary: bool,
    reference: LiveReference | None = None,
) -> StepRecorder:
    """Record until something ends it, close the writer, and return the recorder with its statistics.

    Key m sets a marker, q ends. The view is drawn on standard error where standard output is for the JSON summary; it
    shows the delta to the reference.
    """
    notes: list[str] = []
    with ExitStack() as stack:
        stack.enter_context(writer)
        listeners: list[Listener[StepRecordingStats]] = []
        if not quiet:
            if reference is not None:
                reference.tell = notes.append  # the view has the terminal
            view = View(
                Console(stderr=json_summary),
                output=writer.name,
                thresholds=thresholds,
                find_reference=None if reference is None else reference.find,
            )
            listeners.append(stack.enter_context(view))
        tracker = LapTracker(thresholds, source.missing_fields)
        recorder = StepRecorder(source, writer, listeners, clock=clock, stop_rule=stop_rule, tracker=tracker)

        def on_key(key: str) -> None:
            if key in "mM":
                recorder.add_marker("key")
            elif key in "qQ":
                clock.stop()

        stack.enter_context(Keyboard(on_key))
        stack.enter_context(open_marker_inbox(writer.name, recorder))
        recorder.run()
    for note in notes:
        print_warning(note)
    return recorder


def open_marker_inbox(recording: str, recorder: StepRecorder) -> AbstractContextManager[object]:
    """Record the markers that other terminals send; where that is impossible, warn and record without them."""
    try:
        inbox = MarkerInbox(
            str(Path(recording).absolute()), lambda name, seconds: recorder.add_marker(name, seconds_ago=seconds)
        )
    except SinkError as error:
        print_warning(f"{error} The recording goes on without them.")
        return nullcontext()
    recorder.close_before_writer(inbox)
    return inbox
