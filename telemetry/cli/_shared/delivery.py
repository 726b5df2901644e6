"""Options and sentences of delivery, for ``deliver`` and for the commands that record."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from telemetry.base.amounts import parse_size
from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError, UsageError
from telemetry.base.text import format_count, format_duration, format_size
from telemetry.cli._shared.messages import print_message, print_warning
from telemetry.cli._shared.step_files import parse_output
from telemetry.game.doctor import DoctorFinding, DoctorStatus
from telemetry.recording.interfaces import PageSink
from telemetry.recording.rotation import OpenFile

if TYPE_CHECKING:
    from telemetry.delivery.background import BackgroundDelivery
    from telemetry.delivery.outbox import DeliveryStatus

_PANEL: Final = "Delivery"

Endpoint = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        rich_help_panel=_PANEL,
        help="The address of a store that is not Amazon's, like [bold]http://nas:9000[/]. Default: AWS_ENDPOINT_URL.",
    ),
]
MaxRate = Annotated[
    float | None,
    typer.Option(
        parser=parse_size,
        metavar="SIZE",
        rich_help_panel=_PANEL,
        help="Send at most so much per second, like [bold]2MB[/].",
    ),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverOptions:
    """Where the files of a recording are delivered to while it goes on."""

    deliver: Annotated[
        str | None,
        typer.Option(
            metavar="TARGET",
            rich_help_panel=_PANEL,
            help="Deliver each file when it is finished, to a folder that exists or to [bold]s3://bucket/prefix[/].",
        ),
    ] = None
    endpoint: Endpoint = None
    max_rate: MaxRate = None

    def check(self, *, is_recording: bool = True) -> None:
        """Raise UsageError for options without what they need, and for what can be no target."""
        if self.deliver is not None and not is_recording:
            raise UsageError("--deliver is for recordings; name one with --record OUT.")
        if self.deliver is None:
            for option, value in (("--endpoint", self.endpoint), ("--max-rate", self.max_rate)):
                if value is not None:
                    raise UsageError(f"{option} is for --deliver TARGET.")
            return
        from telemetry.delivery.targets import check_target

        check_target(self.deliver, self.endpoint)

    def start(self, out: str | None) -> "BackgroundDelivery | None":
        """Begin to deliver what will be recorded into OUT; None where nothing is to be."""
        if self.deliver is None:
            return None
        from telemetry.delivery.background import BackgroundDelivery, DeliverySettings
        from telemetry.delivery.deliverer import DeliveryOptions
        from telemetry.delivery.targets import target_name

        output = parse_output(out)
        return BackgroundDelivery(
            DeliverySettings(
                folder=(output.path.parent if output.is_file else output.path).absolute(),
                target=target_name(self.deliver),
                endpoint=self.endpoint,
                options=DeliveryOptions(max_rate=self.max_rate),
            )
        )


def delivering(delivery: "BackgroundDelivery | None", open_file: OpenFile, tyres_out: int) -> OpenFile:
    """A function that opens a file as ``open_file`` does, and has it delivered when it is finished.

    It waits from its beginning: where the computer crashes, the outbox knows of it.
    """
    if delivery is None:
        return open_file

    def open_and_add(path: Path) -> PageSink:
        sink = open_file(path)
        try:
            delivery.outbox.add(path, delivery.settings.target, tyres_out=tyres_out)
        except TelemetryError:
            sink.close()
            raise
        return sink

    return open_and_add


def finish_delivery(delivery: "BackgroundDelivery", clock: Clock, reading: Clock, *, quiet: bool) -> "DeliveryStatus":
    """Deliver the rest; what still waits then.

    ``clock`` is that of the recording, which has ended. Stopping it now, if it runs still, leaves the rest for later,
    and so does stopping ``reading``.
    """
    was_stopped = clock.stopped

    def is_enough() -> bool:
        return reading.stopped or (clock.stopped and not was_stopped)

    settings = delivery.settings
    if not quiet:
        print_message(f"Delivering to {settings.target}. Ctrl-C leaves the rest for later.")
    status = delivery.finish(is_enough)
    if status.error:
        print_warning(status.error)
    if not quiet or status.waiting:
        print_message(describe_waiting(status, settings.folder, settings.target))
    return status


def describe_waiting(status: "DeliveryStatus", folder: Path, target: str) -> str:
    """What waits, and what to do: a sentence."""
    if not status.waiting:
        return f"All recordings were delivered to {target}."
    return (
        f"{format_count(status.waiting, 'recording')} ({format_size(status.waiting_bytes)}) "
        f"{'waits' if status.waiting == 1 else 'wait'}. To go on: deliver {folder} {target}"
    )


def check_outbox(folder: Path) -> Iterator[DoctorFinding]:
    """What waits to be delivered from a folder of recordings; nothing where nothing was ever to be."""
    from telemetry.delivery.outbox import OUTBOX_NAME, Outbox

    if not (folder / OUTBOX_NAME).is_dir():
        return
    outbox = Outbox(folder)
    waiting = outbox.waiting()
    if not waiting:
        yield DoctorFinding("delivery", DoctorStatus.OK, "All recordings were delivered.")
    for target in sorted({entry.target for entry in waiting}):
        status = outbox.status(target)
        age = "" if status.oldest_s is None else f", the first for {format_duration(status.oldest_s)}"
        yield DoctorFinding(
            "delivery",
            DoctorStatus.WARN if status.error else DoctorStatus.OK,
            f"{format_count(status.waiting, 'recording')} ({format_size(status.waiting_bytes)}) for {target}{age}. "
            f"{status.error}".strip(),
            f"Deliver them with: deliver {folder} {target}",
            {"target": target, **status.to_dict()},
        )


def status_reader(delivery: "BackgroundDelivery | None") -> Callable[[], dict[str, Any]] | None:
    """A function that gives what waits, for a program; None where nothing is delivered."""
    if delivery is None:
        return None
    return lambda: {"target": delivery.settings.target, **delivery.status.to_dict()}
