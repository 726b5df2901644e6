"""``serve``: the stream for programs and browsers."""

import math
import secrets
import sys
from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.cli._shared import options
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.cli.serve_acgym import serve_acgym
from telemetry.cli.thresholds import THRESHOLD_NAMES, with_threshold_options
from telemetry.fields.derived import Thresholds
from telemetry.recording.sample_recorder import SampleRecorder, SamplingOptions
from telemetry.recording.step_recorder import CaptureThread, StepRecorder
from telemetry.recording.step_writer import SingleFileWriter
from telemetry.sources import open_page_sink, open_sink, open_source

if TYPE_CHECKING:
    from telemetry.recording.interfaces import Sink

_GENERATE: Final = "new"
_CLIENTS: Final = "Who may connect"
_FILES: Final = "Writing at the same time"
_ACGYM: Final = "For assetto_corsa_gym (--protocol acgym)"


_ACGYM_ONLY_OPTIONS: Final = ("lock_step", "actuator", "restart_button", "management_port", "acgym", "ac_root")
_OF_WEBSOCKET: Final = (
    "token", "allow_origin", "stall_timeout", "compress", "loop", "duration", "json_output", "record", "include_paused",
    *(name for name in THRESHOLD_NAMES if name != "steer_lock"),
)  # fmt: skip


class Protocol(StrEnum):
    """What clients speak."""

    WEBSOCKET = "websocket"
    ACGYM = "acgym"


@with_threshold_options
def serve(
    ctx: typer.Context,
    source: options.Source = "live",
    protocol: Annotated[
        Protocol,
        typer.Option(
            help="[bold]websocket[/]: the stream. [bold]acgym[/]: what the plugin of assetto_corsa_gym says to its "
            "environment."
        ),
    ] = Protocol.WEBSOCKET,
    rate: Annotated[
        float | None,
        typer.Option(
            min=1.0, max=333.0, metavar="HZ", help="Samples per second. Default: 20; 25 for assetto_corsa_gym."
        ),
    ] = None,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            rich_help_panel=_CLIENTS,
            help="Where to listen. Default: this machine alone; [bold]0.0.0.0[/] is the whole network.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            min=0, max=65535, help="Where to listen; 0 finds a free one. Default: 8765; 2345 for assetto_corsa_gym."
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            rich_help_panel=_CLIENTS,
            envvar="AC_TELEMETRY_TOKEN",
            help="What clients must show, as ws://...?token=T. [bold]new[/] makes one up and prints it.",
        ),
    ] = None,
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="O",
            rich_help_panel=_CLIENTS,
            help="Let pages of another site connect, like [bold]http://localhost:3000[/]. May be given several times.",
        ),
    ] = None,
    stall_timeout: Annotated[
        float,
        typer.Option(
            min=0.5, metavar="S", rich_help_panel=_CLIENTS, help="Cut off a client that has not read for so long."
        ),
    ] = 30.0,
    compress: Annotated[
        bool,
        typer.Option(
            "--compress", rich_help_panel=_CLIENTS, help="Compress, for clients across a slow network; costs CPU."
        ),
    ] = False,
    speed: options.Speed = "1",
    loop: options.Loop = False,
    seed: options.Seed = 0,
    duration: options.Duration = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing.")] = False,
    json_output: Annotated[
        str | None,
        typer.Option(metavar="FILE", rich_help_panel=_FILES, help="Write one JSON object per line too, as read does."),
    ] = None,
    record: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            rich_help_panel=_FILES,
            help="Record every physics step into this .mcap too, as record does.",
        ),
    ] = None,
    include_paused: Annotated[
        bool, typer.Option("--include-paused", help="Send samples of pauses, replays, menus and stalls too.")
    ] = False,
    lock_step: Annotated[
        bool,
        typer.Option(
            "--lock-step",
            rich_help_panel=_ACGYM,
            help="Let the demo or a recording go on when the client answers, and at no other time.",
        ),
    ] = False,
    actuator: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            rich_help_panel=_ACGYM,
            help="What carries the client's actions to the live game: [bold]csp[/], [bold]vjoy[/], [bold]uinput[/].",
        ),
    ] = "none",
    restart_button: Annotated[
        int | None,
        typer.Option(
            min=1, metavar="N", rich_help_panel=_ACGYM, help="The button of vjoy or uinput that a reset presses."
        ),
    ] = None,
    management_port: Annotated[
        int, typer.Option(min=0, max=65535, rich_help_panel=_ACGYM, help="Where its questions and resets come.")
    ] = 2347,
    acgym: Annotated[
        Path | None,
        typer.Option(metavar="DIR", rich_help_panel=_ACGYM, help="A checkout of it, for its tracks and cars."),
    ] = None,
    ac_root: Annotated[
        Path | None,
        typer.Option(metavar="DIR", rich_help_panel=_ACGYM, help="The game's folder, for the borders of its tracks."),
    ] = None,
    *,
    thresholds: Thresholds,
) -> None:
    """Stream the telemetry to any number of WebSocket clients, and to browsers; or drive assetto_corsa_gym."""
    from telemetry.stream.access import is_loopback  # noqa: PLC0415 - nothing else needs websockets
    from telemetry.stream.server import StreamServer  # noqa: PLC0415 - as above

    _refuse_the_others(ctx, protocol)
    clock = options.make_clock(speed, source)
    if math.isinf(clock.speed):
        raise UsageError(
            "A stream is watched while it runs; --speed max would be over at once. Name a number."
            if protocol is Protocol.WEBSOCKET
            else "--speed max would run away from the client. With --lock-step it sets the pace itself."
        )
    if protocol is Protocol.ACGYM:
        serve_acgym(
            source, clock, lock_step=lock_step, actuator=actuator, restart_button=restart_button, rate=rate,
            host=host, port=port, quiet=quiet, management_port=management_port, seed=seed, acgym=acgym, ac_root=ac_root,
            steer_lock=thresholds.steer_lock,
        )  # fmt: skip
        return
    rate, port = 20.0 if rate is None else rate, 8765 if port is None else port
    if record is not None and source.startswith(("ws:", "wss:")):
        raise UsageError("--record keeps the pages of a game; of another machine's stream there is --json-output.")
    if json_output == "":
        raise UsageError("--json-output names no file.")
    if token == "":
        raise UsageError("--token is empty; leave it out, or say --token new.")
    if token == _GENERATE:
        token = secrets.token_urlsafe(12)
    options.tune_for_low_latency()
    with ExitStack() as stack:
        stack.enter_context(stop_on_signal(clock))
        origin = open_source(source, loop=loop, seed=seed)
        stack.callback(origin.close)
        capture = None
        if record is not None:
            beside = stack.enter_context(open_source(source, loop=loop, seed=seed))
            writer = stack.enter_context(SingleFileWriter(open_page_sink(record), record))
            capture = StepRecorder(beside, writer, clock=Clock(clock.speed), thresholds=thresholds)
        server = stack.enter_context(
            StreamServer(
                host, port, source=origin.name, rate=rate, token=token, allowed_origins=allow_origin or (),
                stall_timeout=stall_timeout, compress=compress, thresholds=thresholds,
                on_marker=capture.add_event if capture else None,
            )
        )  # fmt: skip
        if not quiet:
            _say(server.url, origin.name, token, json_output)
        if token is None and not is_loopback(host):
            print(
                f"Everybody who can reach {host} can watch. --token new lets in only those who know it.",
                file=sys.stderr, flush=True,
            )  # fmt: skip
        sinks: list[Sink] = [open_sink(json_output)] if json_output else []
        recorder = SampleRecorder(
            origin, sinks, [server], clock=clock,
            options=SamplingOptions(rate=rate, duration=duration, include_paused=include_paused, thresholds=thresholds),
        )  # fmt: skip
        if capture is not None:
            stack.enter_context(CaptureThread(capture, clock.stop))
            stack.enter_context(options.marker_inbox(str(record), capture))
        stats = recorder.run()
    if not quiet:
        print(f"{stats.samples:,} samples in {stats.seconds:.1f} s.", file=sys.stderr)
        if json_output:
            print(f"{json_output}: {stats.size:,} bytes.", file=sys.stderr)
        if capture is not None:
            print(f"{record}: {capture.stats.samples:,} steps, {capture.stats.size:,} bytes.", file=sys.stderr)


def _refuse_the_others(ctx: typer.Context, protocol: Protocol) -> None:
    """Refuse options that are about another protocol than the one that is spoken."""
    about = _OF_WEBSOCKET if protocol is Protocol.ACGYM else _ACGYM_ONLY_OPTIONS
    for name in about:
        where = ctx.get_parameter_source(name)
        if where is not None and where.name == "COMMANDLINE":
            raise UsageError(f"--{name.replace('_', '-')} has no meaning with --protocol {protocol.value}.")


def _say(url: str, source: str, token: str | None, output: str | None) -> None:
    query = f"/?token={token}" if token else ""
    page = url.replace("ws:", "http:", 1)
    # Standard output may carry JSON lines.
    stream = sys.stderr if output == "-" else sys.stdout
    print(
        f"Streaming {source} at {url}{query} - in a browser: {page}{query or '/'} - Ctrl-C ends.",
        file=stream,
        flush=True,
    )
