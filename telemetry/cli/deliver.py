"""``deliver``: finished recordings to a place that many rigs share."""

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError, UsageError
from telemetry.base.text import format_count, format_size
from telemetry.cli._shared.delivery import Endpoint, MaxRate, describe_waiting
from telemetry.cli._shared.input_files import find_recordings
from telemetry.cli._shared.messages import print_json, print_message, print_warning
from telemetry.cli._shared.stopping import Interrupted, stop_on_signal
from telemetry.formats import is_recording

if TYPE_CHECKING:
    from telemetry.delivery.deliverer import Deliverer, DeliveryRound
    from telemetry.delivery.outbox import Outbox


class NotDeliveredError(TelemetryError):
    """Some recordings still wait."""


def deliver(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="The folder of the recordings, or one recording in it.")
    ],
    target: Annotated[
        str,
        typer.Argument(
            metavar="TARGET", help="A folder that exists, like [bold]/mnt/lab[/], or [bold]s3://bucket/prefix[/]."
        ),
    ],
    endpoint: Endpoint = None,
    max_rate: MaxRate = None,
    delete_after: Annotated[
        bool,
        typer.Option(
            "--delete-after", help="Delete a recording here once the target was read back and holds the same bytes."
        ),
    ] = False,
    keep_trying: Annotated[
        bool,
        typer.Option(
            "--keep-trying",
            help="Go on until Ctrl-C: with recordings that are finished later, and with a target that fails.",
        ),
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")] = False,
) -> None:
    """Deliver the finished recordings of a folder to a place that many rigs share.

    What is there already is not sent again; the same command goes on after a kill or an outage.
    """
    from telemetry.delivery.deliverer import Deliverer, DeliveryOptions
    from telemetry.delivery.outbox import Outbox
    from telemetry.delivery.targets import check_target, open_target, target_name

    if not folder.exists():
        raise UsageError(f"There is no folder {folder}.")
    if keep_trying and as_json:
        raise UsageError("--json is printed in the end, which --keep-trying does not have.")
    name = target_name(target)
    open_it = partial(open_target, name, endpoint)
    check_target(name, endpoint)
    outbox = Outbox(folder if folder.is_dir() else folder.parent)
    options = DeliveryOptions(max_rate=max_rate, delete_after=delete_after)
    clock = Clock()
    with (
        stop_on_signal(clock),
        Deliverer(outbox, name, open_it, options=options, clock=clock, on_file=_print_file) as deliverer,
    ):
        if keep_trying:
            _keep_delivering(deliverer, folder, name, clock, delete_after=delete_after)
        _add_all(outbox, folder, name, delete_after=delete_after)
        done = deliverer.run()
    status = outbox.status(name)
    if as_json:
        print_json({"target": name, **_counts(done), **status.to_dict()})
    elif done.removed or not keep_trying:
        print_message(_describe(done, name))
    for sentence in done.failures.values():
        print_warning(sentence)
    if clock.stopped:
        raise Interrupted(f"Stopped. {describe_waiting(status, folder, target)}")
    if done.store_error:
        raise NotDeliveredError(f"{done.store_error} {describe_waiting(status, folder, target)}")
    if done.failures:
        raise NotDeliveredError(f"{format_count(len(done.failures), 'recording')} could not be delivered.")


def _keep_delivering(deliverer: "Deliverer", folder: Path, target: str, clock: Clock, *, delete_after: bool) -> None:
    """Deliver again and again until the clock is stopped; each new sentence about the target is printed once."""
    from telemetry.delivery.background import LOOK_S
    from telemetry.delivery.retry import Backoff

    backoff = Backoff(LOOK_S)
    said = ""
    while not clock.stopped:
        _add_all(deliverer.outbox, folder, target, delete_after=delete_after)
        done = deliverer.run()
        sentence = done.store_error or next(iter(done.failures.values()), "")
        if sentence != said and sentence:
            print_warning(sentence)
        if said and not sentence:
            print_message("It works again.")
        said = sentence
        if done.delivered or done.removed:
            print_message(_describe(done, target))
        clock.sleep_until(clock.now() + backoff.after(failed=bool(done.store_error)))
    raise Interrupted(f"Stopped. {describe_waiting(deliverer.outbox.status(target), folder, target)}")


def _add_all(outbox: "Outbox", folder: Path, target: str, *, delete_after: bool) -> None:
    """Have every recording delivered that was not; with ``delete_after`` those too that are still here."""
    for path in find_recordings([folder]):
        if path.is_file() and is_recording(path) and (delete_after or outbox.delivered(path, target) is None):
            outbox.add(path, target)


def _print_file(path: Path) -> None:
    print_message(f"{path}: {format_size(path.stat().st_size)}")


def _counts(done: "DeliveryRound") -> dict[str, Any]:
    return {
        "delivered": [str(path) for path in done.delivered],
        "known": [str(path) for path in done.known],
        "removed": [str(path) for path in done.removed],
        "busy": [str(path) for path in done.busy],
        "failed": [{"file": str(path), "error": sentence} for path, sentence in done.failures.items()],
        "bytes_sent": done.bytes_sent,
    }


def _describe(done: "DeliveryRound", target: str) -> str:
    parts = [f"{format_count(len(done.delivered), 'recording')} delivered ({format_size(done.bytes_sent)})"]
    for paths, words in (
        (done.known, "there already"),
        (done.removed, "deleted here"),
        (done.busy, "being recorded now"),
    ):
        if paths:
            parts.append(f"{len(paths)} {words}")
    return f"{target}: {', '.join(parts)}."
