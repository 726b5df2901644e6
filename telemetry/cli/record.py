"""``record``: every physics step into files, and ``marker`` and ``recover``, which go with it."""

import re
import string
import sys
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Annotated, Final

import orjson
import typer
from rich.console import Console

from telemetry.base.errors import TelemetryError, UsageError
from telemetry.base.storage.lock import FileLock
from telemetry.cli._shared import options
from telemetry.cli._shared.stopping import stop_on_signal
from telemetry.cli.plan import finish_plan, load_plan, open_plan_folder, runs_of, status_printer
from telemetry.fields.derived import DEFAULTS, Thresholds
from telemetry.formats import jsonl
from telemetry.recording.file_names import DEFAULT_TEMPLATE, LAP_TEMPLATE, PLACEHOLDERS, Template
from telemetry.recording.interfaces import Event, Listener, PageSink
from telemetry.recording.markers import send_marker
from telemetry.recording.retention import prune
from telemetry.recording.rotation import OpenFile, RollingBuffer, RotatingWriter, Split, parse_duration, parse_size
from telemetry.recording.stats import RecordingStats
from telemetry.recording.step_recorder import StepRecorder
from telemetry.recording.step_writer import SingleFileWriter, StepWriter
from telemetry.recording.stop import StopRule
from telemetry.sources import RECORDING_SUFFIXES, open_page_sink, open_source
from telemetry.terminal.keyboard import Keyboard
from telemetry.terminal.view import View

_LIMITS: Final = "When to end"
_FILES: Final = "Files"


def record(
    out: Annotated[
        str | None,
        typer.Argument(
            metavar="OUT",
            help="A file ([bold]drive.mcap[/], .jsonl, .jsonl.gz, .jsonl.zst), a folder, or a template like "
            "[bold]drives/{track}_{car}_{datetime}.mcap[/].",
        ),
    ] = None,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="Record the runs of this plan into its folder, or into OUT; see docs/plan.md."
        ),
    ] = None,
    source: options.Source = "live",
    rate: Annotated[
        str,
        typer.Option(
            metavar="HZ", help="Steps per second to keep; [bold]max[/] keeps every physics step the game makes, 333."
        ),
    ] = "max",
    no_wait: Annotated[bool, typer.Option("--no-wait", help="End with exit code 3 when no game is running.")] = False,
    speed: options.Speed = "1",
    begin: options.From = None,
    end: options.To = None,
    seed: options.Seed = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Show no view and no summary.")] = False,
    json_summary: Annotated[
        bool, typer.Option("--json-summary", help="Print the closing summary as JSON on standard output.")
    ] = False,
    split: Annotated[
        str | None,
        typer.Option(
            metavar="BY",
            rich_help_panel=_FILES,
            help="A new file for each session, lap, stint, size:200MB or time:10m.",
        ),
    ] = None,
    name: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE",
            rich_help_panel=_FILES,
            help=f"Names of the files in a folder, of {', '.join(PLACEHOLDERS)}; like [bold]{LAP_TEMPLATE}[/].",
        ),
    ] = None,
    suffix: Annotated[
        str | None,
        typer.Option(
            "--format", metavar="SUFFIX", rich_help_panel=_FILES, help="Format of the files in a folder. Default mcap."
        ),
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", rich_help_panel=_FILES, help="Replace a file that exists.")
    ] = False,
    max_total: Annotated[
        str | None,
        typer.Option(
            metavar="SIZE",
            rich_help_panel=_FILES,
            help="Delete the oldest recordings of the folder when they are more than this together, like 20GB.",
        ),
    ] = None,
    keep_last: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            rich_help_panel=_FILES,
            help="Keep only the last 120s, say, in memory; a marker (key m, or the command marker) saves them.",
        ),
    ] = None,
    driver: Annotated[str, typer.Option(rich_help_panel=_FILES, help="Who drives; kept in the recording.")] = "",
    notes: Annotated[str, typer.Option(rich_help_panel=_FILES, help="Anything to remember; kept likewise.")] = "",
    tags: Annotated[str, typer.Option(metavar="LIST", rich_help_panel=_FILES, help="Words to find it by.")] = "",
    duration: Annotated[
        float | None,
        typer.Option(min=0.0, metavar="S", rich_help_panel=_LIMITS, help="End this many seconds after the first step."),
    ] = None,
    laps: Annotated[
        int | None, typer.Option(min=1, metavar="N", rich_help_panel=_LIMITS, help="End when N laps were completed.")
    ] = None,
    sessions: Annotated[
        int | None, typer.Option(min=1, metavar="N", rich_help_panel=_LIMITS, help="End after N sessions.")
    ] = None,
    until_exit: Annotated[
        bool, typer.Option("--until-exit", rich_help_panel=_LIMITS, help="End when the game is left.")
    ] = False,
    tyres_out: Annotated[
        int, typer.Option(min=1, max=4, help="Tyres off the track that spoil a lap.")
    ] = DEFAULTS.tyres_out,
) -> None:
    """Record every physics step, whole and lossless, into files that survive anything.

    Press m to set a marker, q or Ctrl-C to end.
    """
    stop_rule = StopRule(duration=duration, laps=laps, sessions=sessions, until_exit=until_exit)
    thresholds = Thresholds(tyres_out=tyres_out)
    clock = options.make_clock(speed, source)
    described = {"source": source, "rate": rate, "driver": driver, "notes": notes, "tags": tags}
    open_file = file_opener(
        rate, thresholds, {key: value for key, value in described.items() if value}, overwrite=overwrite
    )
    planned = None
    if plan is not None:
        contradicting = {
            "--rate": rate != "max", "--split": split, "--name": name, "--format": suffix, "--overwrite": overwrite,
            "--max-total": max_total, "--keep-last": keep_last, "--driver": driver, "--notes": notes, "--tags": tags,
            "--laps": laps, "--tyres-out": tyres_out != DEFAULTS.tyres_out,
        }  # fmt: skip
        planned = load_plan(plan, out, [option for option, given in contradicting.items() if given])
    batch = None
    options.tune_for_low_latency()
    with ExitStack() as stack:
        stack.enter_context(stop_on_signal(clock))
        first, last = options.parse_time_range(source, begin, end)
        origin = stack.enter_context(open_source(source, wait=not no_wait, seed=seed, begin=first, end=last))
        writer: StepWriter
        if planned is not None:
            lock = FileLock(planned[1] / ".recording", f"Another recording works in {planned[1]} now.")
            stack.callback(lock.close)
            tell = status_printer(quiet=quiet, json_summary=json_summary)
            writer = batch = open_plan_folder(*planned, source, wait=not no_wait, tell=tell)
            if batch.manifest.complete:
                if json_summary:
                    _print_json({"source": origin.name, "files": [], "runs": runs_of(batch.manifest)})
                finish_plan(batch, stopped=False, quiet=quiet)
                return
        else:
            writer = _writing(
                source, out, split, name, suffix, keep_last, max_total, open_file, overwrite=overwrite, quiet=quiet
            )
        stack.enter_context(writer)
        listeners: list[Listener] = []
        if not quiet:
            view = View(Console(stderr=True) if json_summary else Console(), output=writer.name)
            listeners.append(stack.enter_context(view))
        capture = StepRecorder(origin, writer, listeners, clock=clock, stop_rule=stop_rule, thresholds=thresholds)

        def pressed(key: str) -> None:
            if key in "mM":
                capture.add_event(Event("marker", time.time(), {"name": "key"}))
            elif key in "qQ":
                clock.stop()

        stack.enter_context(Keyboard(pressed))
        stack.enter_context(options.marker_inbox(writer.name, capture))
        stats = capture.run()
    files = [str(path) for path in writer.files]
    if json_summary:
        summary = {"source": origin.name, "files": files, "sessions": capture.sessions, **stats_dict(stats)}
        if batch is not None:
            summary["runs"] = runs_of(batch.manifest)
        _print_json(summary)
    elif not quiet:
        every_step = rate == "max" and not source.startswith(("ws:", "wss:")) and not source.endswith(jsonl.SUFFIXES)
        print(describe(stats, files, every_step=every_step), file=sys.stderr)
    if batch is not None:
        finish_plan(batch, stopped=clock.stopped, quiet=quiet)


def marker(name: Annotated[str, typer.Argument(metavar="NAME", help="What to remember the moment by.")]) -> None:
    """Put a marker into every recording that runs now."""
    reached = send_marker(name)
    if not reached:
        raise TelemetryError("No recording runs.")
    for recording in reached:
        print(recording)


def file_opener(rate: str, thresholds: Thresholds, metadata: dict[str, str], *, overwrite: bool = False) -> OpenFile:
    """Makes files with so many steps per second, which is checked here."""
    try:
        hertz = None if rate == "max" else float(rate)
    except ValueError:
        raise UsageError(f"--rate {rate} is neither a number nor max.") from None
    if hertz is not None and not 0.0 < hertz <= 333.0:
        raise UsageError(f"--rate {rate} makes no sense; the game makes 333 steps a second.")

    def open_file(path: Path) -> PageSink:
        return open_page_sink(path, rate=hertz, thresholds=thresholds, metadata=metadata, overwrite=overwrite)

    return open_file


def _writing(
    source: str,
    out: str | None,
    split: str | None,
    name: str | None,
    suffix: str | None,
    keep_last: str | None,
    max_total: str | None,
    open_file: OpenFile,
    *,
    overwrite: bool,
    quiet: bool,
) -> StepWriter:
    """Where to write, by what OUT is and how it is to be cut."""
    if out is None:
        raise UsageError("Where to? Name a file, a folder or a template of names, or a plan with --plan.")
    if out in ("", "-"):
        raise UsageError("record writes files; for lines in a pipe there is: read --json-output -")
    if split is not None and keep_last is not None:
        raise UsageError("--split and --keep-last contradict each other.")
    path, ending = Path(out), next((known for known in RECORDING_SUFFIXES if out.endswith(known)), None)
    for_folder = {
        "--split": split,
        "--name": name,
        "--format": suffix,
        "--keep-last": keep_last,
        "--max-total": max_total,
    }
    options.refuse_source(source, out)
    is_file = ending is not None and "{" not in out and not path.is_dir()
    if is_file:
        asked = [option for option, value in for_folder.items() if value is not None]
        if asked:
            raise UsageError(f"{asked[0]} is about files in a folder, and {out} is one file. Name a folder.")
        return SingleFileWriter(open_file(path), path)
    if overwrite:
        raise UsageError("--overwrite is about one file; in a folder nothing is ever overwritten.")
    if ending is None and path.suffix and not path.is_dir() and not any(for_folder.values()) and "{" not in out:
        raise UsageError(
            f"{out} ends in nothing that can be recorded; that is {', '.join(RECORDING_SUFFIXES)}, or name a folder."
        )
    if ending is not None and suffix is not None:
        raise UsageError(f"{out} says its format already; leave out --format.")
    ending = ending or f".{(suffix or 'mcap').lstrip('.')}"
    if ending not in RECORDING_SUFFIXES:
        raise UsageError(f"--format {suffix} is nothing that can be recorded; that is {', '.join(RECORDING_SUFFIXES)}.")
    cut = Split.parse(split) if split is not None else None
    default = LAP_TEMPLATE if cut and cut.part == "lap" else DEFAULT_TEMPLATE
    folder, template = path, Template(name or default)
    if "{" in out:
        if name is not None:
            raise UsageError(f"{out} is a template already; leave out --name.")
        fixed = next(index for index, part in enumerate(path.parts) if "{" in part)
        folder = Path(*path.parts[:fixed])
        template = Template("/".join(path.parts[fixed:]).removesuffix(ending))
    limit = parse_size(max_total) if max_total is not None else None
    if limit is not None and folder == Path():
        raise UsageError("--max-total deletes recordings: name a folder of their own for them.")
    names = _names_of(template, ending)
    writer: list[RotatingWriter | RollingBuffer] = []

    def finished(latest: Path) -> None:
        keep = {latest, *writer[0].open_files}
        for deleted, size in prune(folder, names, limit, keep) if limit is not None else []:
            if not quiet:
                print(f"Deleted {deleted} ({size:,} bytes): more than {max_total} of recordings.", file=sys.stderr)

    if keep_last is not None:
        writer.append(RollingBuffer(folder, template, ending, open_file, parse_duration(keep_last), finished))
    else:
        writer.append(RotatingWriter(folder, template, ending, open_file, cut, finished))
    return writer[0]


def _names_of(template: Template, ending: str) -> re.Pattern[str]:
    """What the names in a folder look like that this template makes."""
    pieces = [
        re.escape(text) + ("[^/]+" if field is not None else "")
        for text, field, _, _ in string.Formatter().parse(template.text)
    ]
    return re.compile("".join(pieces) + r"(-\d+)?" + re.escape(ending))


def stats_dict(stats: RecordingStats) -> dict[str, object]:
    """The figures of a capture for a program."""
    return {
        "steps": stats.samples,
        "seconds": stats.seconds,
        "rate_measured_hz": stats.rate,
        "missing": stats.missed,
        "gaps": stats.gaps,
        "repaired": stats.torn,
        "dropped": stats.dropped,
        "laps": stats.laps,
        "bytes": stats.size,
    }


def _print_json(summary: dict[str, object]) -> None:
    print(orjson.dumps(summary, option=orjson.OPT_INDENT_2).decode())


def describe(stats: RecordingStats, files: list[str], *, every_step: bool) -> str:
    """The closing summary for a person; ``every_step`` says whether all that the game made was to be kept."""
    if stats.samples == 0:
        return "No steps."
    kept = stats.samples - stats.dropped
    all_steps = stats.samples + stats.missed
    parts = [f"{kept:,} steps {'in' if every_step else 'seen in'} {stats.seconds:.1f} s"]
    if stats.rate is not None:
        parts.append(f"{stats.rate:.1f} Hz")
    if every_step:
        parts.append(f"{kept / all_steps:.3%} of all steps kept, {stats.missed:,} missing, {stats.dropped:,} dropped")
        parts.append(f"{stats.torn:,} repaired")
    parts.append(f"{stats.laps:,} laps")
    text = "; ".join(parts) + "."
    if len(files) == 1:
        return f"{text}\n{files[0]}: {stats.size:,} bytes."
    return f"{text}\n{len(files)} files, {stats.size:,} bytes:\n" + "\n".join(files) if files else f"{text}\nNo file."
