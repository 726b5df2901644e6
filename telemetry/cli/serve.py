"""``serve``: the stream for programs and browsers."""

import math
import secrets
import sys
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Final, NamedTuple, get_type_hints

import typer

from telemetry.base.amounts import parse_duration
from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.cli._shared import options
from telemetry.cli._shared.acgym import AcgymOptions, run_acgym_server
from telemetry.cli._shared.collect import address_query, check_collect_options, run_collect_server
from telemetry.cli._shared.delivery import DeliverOptions, delivering, finish_delivery, status_reader
from telemetry.cli._shared.live_reference import Reference, context_finder, open_reference
from telemetry.cli._shared.messages import print_lines, print_message
from telemetry.cli._shared.missing_game import MissingGamePrinter
from telemetry.cli._shared.option_groups import OptionGroup, expand_option_groups, option_names
from telemetry.cli._shared.step_files import FileOptions, file_opener, open_step_writer
from telemetry.cli._shared.step_recording import open_marker_inbox
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.cli._shared.thresholds import AllThresholds
from telemetry.cli._shared.track_choice import AcRoot
from telemetry.fields.held import describe_missing, held_columns
from telemetry.fields.selection import ALL_COLUMNS, Column
from telemetry.fields.thresholds import Thresholds
from telemetry.recording.interfaces import Event, Listener, Sink
from telemetry.recording.lap_tracker import LapTracker
from telemetry.recording.sample_recorder import SampleRecorder, SamplingOptions
from telemetry.recording.stats import RecordingStats
from telemetry.recording.step_recorder import CaptureThread, StepRecorder
from telemetry.recording.step_writer import StepWriter
from telemetry.recording.stop import StopRule
from telemetry.sources import open_sink

if TYPE_CHECKING:
    from telemetry.delivery.background import BackgroundDelivery
    from telemetry.stream import ServerOptions

DEFAULT_RATE_HZ: Final = 20.0
DEFAULT_PORT: Final = 8765

_MIN_STALL_SECONDS: Final = 0.5

_GENERATE: Final = "new"

_CLIENTS_PANEL: Final = "Who may connect"
_FILES_PANEL: Final = "Writing at the same time"


class Protocol(StrEnum):
    """The protocol of the clients."""

    WEBSOCKET = "websocket"
    ACGYM = "acgym"


def _parse_stall_timeout(text: str) -> float:
    seconds = parse_duration(str(text))
    if seconds < _MIN_STALL_SECONDS:
        raise UsageError(f"{text!r} is too short; {_MIN_STALL_SECONDS:g}s is the least.")
    return seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientOptions:
    """Which clients may connect, and how they are served."""

    token: Annotated[
        str | None,
        typer.Option(
            metavar="T",
            rich_help_panel=_CLIENTS_PANEL,
            envvar="AC_TELEMETRY_TOKEN",
            help="Token that clients must send, as ws://...?token=T. [bold]new[/] generates one and prints it.",
        ),
    ] = None
    allow_origin: Annotated[
        list[str] | None,
        typer.Option(
            metavar="O",
            rich_help_panel=_CLIENTS_PANEL,
            help="Let pages of another site connect, like [bold]http://localhost:3000[/]. May be given several times.",
        ),
    ] = None
    clients_per_address: Annotated[
        int,
        typer.Option(
            min=1,
            metavar="N",
            rich_help_panel=_CLIENTS_PANEL,
            help="Clients at a time from one other address; raise it where many share one.",
        ),
    ] = 100
    stall_timeout: Annotated[
        float,
        typer.Option(
            parser=_parse_stall_timeout,
            metavar="TIME",
            rich_help_panel=_CLIENTS_PANEL,
            help="Disconnect a client that has read nothing for so long, like 30s.",
        ),
    ] = 30.0
    compress: Annotated[
        bool,
        typer.Option(
            "--compress", rich_help_panel=_CLIENTS_PANEL, help="Compress, for slow networks; costs processor time."
        ),
    ] = False

    def make_token(self) -> str | None:
        """The token that clients must send, generated where that is wanted; UsageError for an empty one."""
        if self.token == "":
            raise UsageError("--token is empty; leave it out, or use --token new.")
        return secrets.token_urlsafe(12) if self.token == _GENERATE else self.token

    def describe_server(self, host: str, port: int | None, token: str | None) -> "ServerOptions":
        """The options of a server for these clients."""
        from telemetry.stream import ServerOptions

        return ServerOptions(
            host=host,
            port=DEFAULT_PORT if port is None else port,
            token=token,
            allowed_origins=self.allow_origin or (),
            clients_per_address=self.clients_per_address,
            stall_timeout_s=self.stall_timeout,
            compress=self.compress,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamFileOptions:
    """Files that are written while the stream is served."""

    json_output: Annotated[
        str | None,
        typer.Option(metavar="FILE", rich_help_panel=_FILES_PANEL, help="Write JSON lines too, as read does."),
    ] = None
    record: Annotated[
        str | None,
        typer.Option(
            metavar="OUT",
            rich_help_panel=_FILES_PANEL,
            help="Record every physics step into this file, folder or template of names, as record does.",
        ),
    ] = None
    durable: Annotated[bool, typer.Option("--durable", rich_help_panel=_FILES_PANEL, help=options.DURABLE_HELP)] = False

    def check(self, source: str) -> None:
        """Raise UsageError where the options do not fit the source."""
        if self.record is not None and options.is_stream(source):
            raise UsageError("--record needs the game's pages, which a stream does not carry; use --json-output.")
        if self.json_output == "":
            raise UsageError("--json-output needs the name of a file, or - for standard output.")
        if self.durable and self.record is None and self.json_output is None:
            raise UsageError("--durable is for a file; name one with --record or --json-output.")

    def open_sinks(self, columns: tuple[Column, ...]) -> list[Sink]:
        """What samples are written to; raises SinkError where the file cannot be made."""
        return [open_sink(self.json_output, columns=columns, durable=self.durable)] if self.json_output else []


_WEBSOCKET_ONLY: Final = (
    *option_names(ClientOptions),
    *option_names(StreamFileOptions),
    *option_names(DeliverOptions),
    "begin",
    "end",
    "loop",
    "duration",
    "include_paused",
    "reference",
    "collect",
    *(name for name in option_names(Thresholds) if name != "steer_lock"),
)


_ACGYM_ONLY: Final = {
    name: hint for name, hint in get_type_hints(AcgymOptions, include_extras=True).items() if name != "ac_root"
}
"""Options of the other protocol; the folder of the game is for both."""


@expand_option_groups
def serve(
    ctx: typer.Context,
    *,
    source_options: options.SourcePartOptions,
    loop: options.Loop = False,
    collect: Annotated[
        str | None,
        typer.Option(
            metavar="RIGS",
            help="Serve the streams of other machines: [bold]ws://rig1,ws://rig2[/], or a file like [bold]@rigs.txt[/] "
            "with a line [bold]name = address[/] for each.",
        ),
    ] = None,
    protocol: Annotated[
        Protocol,
        typer.Option(help="[bold]websocket[/]: the stream. [bold]acgym[/]: as the command serve-acgym.", hidden=True),
    ] = Protocol.WEBSOCKET,
    rate: Annotated[float | None, options.rate_option("Samples", "20")] = None,
    duration: options.Duration = None,
    include_paused: Annotated[
        bool,
        typer.Option("--include-paused", help="Send samples of pauses, replays, menus and a frozen game too."),
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing.")] = False,
    host: Annotated[
        str,
        typer.Option(
            metavar="ADDRESS",
            rich_help_panel=_CLIENTS_PANEL,
            help="Address to listen on; [bold]0.0.0.0[/] is all networks. Default: this machine only.",
        ),
    ] = "127.0.0.1",
    port: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=65535,
            metavar="PORT",
            rich_help_panel=_CLIENTS_PANEL,
            help="Port to listen on; 0 finds a free one. Default: 8765.",
        ),
    ] = None,
    reference: Reference = None,
    ac_root: AcRoot = None,
    client_options: ClientOptions,
    file_options: StreamFileOptions,
    deliver_options: DeliverOptions,
    acgym_options: Annotated[AcgymOptions, OptionGroup(_ACGYM_ONLY, hidden=True)],
    thresholds: AllThresholds,
) -> None:
    """Stream the telemetry to WebSocket clients and browsers.

    For assetto_corsa_gym see the command serve-acgym.
    """
    _check_protocol(ctx, protocol)
    if protocol is Protocol.ACGYM:
        steer_lock = thresholds.steer_lock
        acgym_options = replace(acgym_options, ac_root=ac_root)
        run_acgym_server(
            source_options, acgym_options, host=host, port=port, rate=rate, steer_lock=steer_lock, quiet=quiet
        )
        return
    if collect is not None:
        check_collect_options(ctx)
        token = client_options.make_token()
        if token is None:
            _warn_if_open(host)
        server_options = client_options.describe_server(host, port, token)
        run_collect_server(collect, server_options, duration=duration, quiet=quiet)
        return
    from telemetry.stream import StreamServer

    clock = source_options.make_clock()
    if math.isinf(clock.speed):
        raise UsageError("--speed max would end the stream at once. Use a number, like --speed 20.")
    file_options.check(source_options.source)
    deliver_options.check(is_recording=file_options.record is not None)
    token = client_options.make_token()
    rate = DEFAULT_RATE_HZ if rate is None else rate
    sampling = SamplingOptions(rate=rate, include_paused=include_paused, thresholds=thresholds)
    stop_rule = StopRule(duration=duration)
    compared = open_reference(reference, source_options, thresholds, ac_root, quiet=quiet)
    options.tune_for_low_latency()
    with ExitStack() as stack:
        stack.enter_context(stop_on_signal(clock))
        source = stack.enter_context(source_options.open(loop=loop))
        delivery = deliver_options.start(file_options.record)
        if delivery is not None:
            stack.callback(finish_delivery, delivery, clock, Clock(math.inf), quiet=quiet)  # when the file is closed
        recording = _open_recording(stack, source_options, file_options, thresholds, delivery, loop=loop)
        server_options = replace(
            client_options.describe_server(host, port, token),
            source=source.name,
            rate=rate,
            thresholds=thresholds,
            missing_fields=source.missing_fields,
            find_context=context_finder(compared, ac_root),
            read_delivery=status_reader(delivery),
        )
        on_marker = _marker_forwarder(recording.recorder) if recording else None
        server = StreamServer(server_options, on_marker=on_marker, unix_time=lambda: source.moment(clock).timestamp)
        stack.enter_context(server)
        if not quiet:
            _print_address(server.url, source.name, token, file_options.json_output)
        if token is None:
            _warn_if_open(host)
        columns = held_columns(ALL_COLUMNS, source.missing_fields)
        sinks = file_options.open_sinks(columns)
        listeners: list[Listener[RecordingStats]] = [server]
        if not quiet:
            listeners.append(MissingGamePrinter())
        recorder = SampleRecorder(source, sinks, listeners, clock=clock, options=sampling, stop_rule=stop_rule)
        if recording is not None:
            stack.enter_context(CaptureThread(recording.recorder, clock.stop))
            stack.enter_context(open_marker_inbox(recording.writer.name, recording.recorder))
        stats = recorder.run()
    if not quiet:
        _print_summary(stats, recording, file_options)


def _check_protocol(ctx: typer.Context, protocol: Protocol) -> None:
    """Raise UsageError for an option of another protocol than the one that is served."""
    for name in _WEBSOCKET_ONLY if protocol is Protocol.ACGYM else _ACGYM_ONLY:
        origin = ctx.get_parameter_source(name)
        if origin is not None and origin.name == "COMMANDLINE":
            option = {"begin": "from", "end": "to"}.get(name, name.replace("_", "-"))
            raise UsageError(f"--{option} has no meaning with --protocol {protocol.value}.")


class _Recording(NamedTuple):
    """What records every step beside the stream, and where to."""

    recorder: StepRecorder
    writer: StepWriter


def _open_recording(
    stack: ExitStack,
    source_options: options.SourceOptions,
    files: StreamFileOptions,
    thresholds: Thresholds,
    delivery: "BackgroundDelivery | None",
    *,
    loop: bool,
) -> _Recording | None:
    """A recording beside the stream, with a source and a clock of its own."""
    if files.record is None:
        return None
    source = stack.enter_context(source_options.open(loop=loop))
    open_file = file_opener("max", thresholds, describe_missing(source.missing_fields), durable=files.durable)
    open_file = delivering(delivery, open_file, thresholds.tyres_out)
    writer = stack.enter_context(
        open_step_writer(source_options.source, files.record, FileOptions(), open_file, quiet=True)
    )
    tracker = LapTracker(thresholds, source.missing_fields)
    return _Recording(StepRecorder(source, writer, clock=source_options.make_clock(), tracker=tracker), writer)


def _marker_forwarder(recorder: StepRecorder) -> Callable[[Event], None]:
    """Takes a client's marker into the recording, at the time of the recording's own clock."""
    return lambda event: recorder.add_marker(str(event.values["name"]))


def _print_address(url: str, source: str, token: str | None, json_output: str | None) -> None:
    query = address_query(token)
    page = url.replace("ws:", "http:", 1)
    stream = sys.stderr if json_output == "-" else sys.stdout  # which carries JSON lines then
    print_lines(
        f"Streaming {source} at {url}{query} - in a browser: {page}{query or '/'} - Ctrl-C ends.", stream=stream
    )


def _warn_if_open(host: str) -> None:
    from telemetry.stream import is_loopback

    if not is_loopback(host):
        print_message(
            f"Anyone who can reach {host} can watch; only this machine can set markers. "
            "--token new lets in only those who know the token, to do both."
        )


def _print_summary(stats: RecordingStats, recording: _Recording | None, files: StreamFileOptions) -> None:
    print_message(f"{stats.samples:,} samples in {stats.seconds:.1f} s.")
    if files.json_output:
        print_message(f"{files.json_output}: {stats.size:,} bytes.")
    if recording is not None:
        recorded = recording.recorder.stats
        names = ", ".join(map(str, recording.writer.files)) or recording.writer.name
        print_message(f"{names}: {recorded.steps:,} steps, {recorded.size:,} bytes.")
