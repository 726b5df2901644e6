"""Files of a recording of steps: what OUT and its options name, and the writer that makes them."""

import re
import string
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from telemetry.base.amounts import parse_positive_duration, parse_size
from telemetry.base.errors import UsageError
from telemetry.base.text import format_size
from telemetry.base.units import STEPS_PER_SECOND
from telemetry.cli._shared.messages import print_message
from telemetry.cli._shared.options import DURABLE_HELP, MIN_RATE_HZ, check_is_not_source
from telemetry.fields.thresholds import Thresholds
from telemetry.formats import (
    find_format,
    not_for_recording,
    recording_suffix,
    recording_suffixes,
    unsupported_file_type,
)
from telemetry.recording.file_names import DEFAULT_TEMPLATE, LAP_TEMPLATE, PLACEHOLDERS, Template
from telemetry.recording.interfaces import PageSink
from telemetry.recording.recording_id import RECORDING_ID, make_recording_id
from telemetry.recording.retention import prune
from telemetry.recording.rotation import (
    OpenFile,
    RecordingFolder,
    RollingBuffer,
    RotatingWriter,
    Split,
)
from telemetry.recording.step_writer import SingleFileWriter, StepWriter
from telemetry.sources import open_page_sink

if TYPE_CHECKING:
    from telemetry.delivery.outbox import Outbox

FILES_PANEL: Final = "Files"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileOptions:
    """How the files of a recording are named, split, kept and deleted."""

    split: Annotated[
        Split | None,
        typer.Option(
            parser=Split.parse,
            metavar="BY",
            rich_help_panel=FILES_PANEL,
            help="Start a new file for each session, lap, stint, size:200MB or time:10m.",
        ),
    ] = None
    name: Annotated[
        str | None,
        typer.Option(
            metavar="TEMPLATE",
            rich_help_panel=FILES_PANEL,
            help=f"Names of the files in a folder, like [bold]{LAP_TEMPLATE}[/]. Placeholders: "
            f"{', '.join(PLACEHOLDERS)}.",
        ),
    ] = None
    suffix: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="SUFFIX",
            rich_help_panel=FILES_PANEL,
            help="Format of the files in a folder, like jsonl.zst. Default: mcap.",
        ),
    ] = None
    overwrite: Annotated[
        bool, typer.Option("--overwrite", rich_help_panel=FILES_PANEL, help="Replace a file that exists.")
    ] = False
    durable: Annotated[bool, typer.Option("--durable", rich_help_panel=FILES_PANEL, help=DURABLE_HELP)] = False
    max_total: Annotated[
        float | None,
        typer.Option(
            parser=parse_size,
            metavar="SIZE",
            rich_help_panel=FILES_PANEL,
            help="Delete the oldest recordings of the folder above this total size, like 20GB.",
        ),
    ] = None
    keep_last: Annotated[
        float | None,
        typer.Option(
            parser=parse_positive_duration,
            metavar="TIME",
            rich_help_panel=FILES_PANEL,
            help="Keep only the last 90s or 20m, say, in memory; each marker (key m, or command marker) saves them.",
        ),
    ] = None

    def for_folder(self) -> list[str]:
        """The options given that apply to the files of a folder only."""
        values = {
            "--split": self.split,
            "--name": self.name,
            "--format": self.suffix,
            "--keep-last": self.keep_last,
            "--max-total": self.max_total,
        }
        return [option for option, value in values.items() if value is not None]


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputTarget:
    """What the argument OUT names: one file, or the files of a folder."""

    text: str
    path: Path
    """The file, or the folder."""
    suffix: str
    """One of :func:`telemetry.formats.recording_suffixes`; empty where OUT does not say."""
    template: str = ""
    """Names of the files in the folder; empty where OUT does not say."""
    is_file: bool = False


def open_step_writer(
    source: str,
    out: str | None,
    options: FileOptions,
    open_file: OpenFile,
    *,
    quiet: bool,
    outbox: "Outbox | None" = None,
) -> StepWriter:
    """The writer of a recording into OUT; raises UsageError where OUT and the options contradict each other.

    What waits in ``outbox`` is not deleted to make room.
    """
    target = parse_output(out)
    check_output(source, target, options)
    if target.is_file:
        return SingleFileWriter(open_file(target.path), target.path)
    return _open_folder_writer(target, options, open_file, quiet=quiet, outbox=outbox)


def parse_output(out: str | None) -> OutputTarget:
    """Tell a file, a folder and a template of file names apart; raises UsageError for any other OUT."""
    if out is None:
        raise UsageError("Missing argument OUT: a file, a folder, or a name template (or use --plan).")
    if out in ("", "-"):
        raise UsageError("record writes files; for lines in a pipe use: read --json-output -")
    path = Path(out)
    suffix = recording_suffix(out) or ""
    if "{" in out:
        fixed = next(index for index, part in enumerate(path.parts) if "{" in part)
        template = "/".join(path.parts[fixed:]).removesuffix(suffix)
        return OutputTarget(text=out, path=Path(*path.parts[:fixed]), suffix=suffix, template=template)
    return OutputTarget(text=out, path=path, suffix=suffix, is_file=bool(suffix) and not path.is_dir())


def check_output(source: str, target: OutputTarget, options: FileOptions) -> None:
    """Raise UsageError where the options do not fit the target or each other."""
    out = target.text
    if options.split is not None and options.keep_last is not None:
        raise UsageError("--split and --keep-last contradict each other.")
    check_is_not_source(source, out)
    for_folder = options.for_folder()
    if target.is_file:
        if for_folder:
            raise UsageError(f"{for_folder[0]} is for files in a folder, and {out} is one file. Name a folder.")
        return
    if options.overwrite:
        raise UsageError("--overwrite is for one file; files in a folder are never overwritten.")
    is_unknown = not target.suffix and not target.template and target.path.suffix and not target.path.is_dir()
    if is_unknown and not for_folder:
        if (known := find_format(out)) is not None and known.open_sample_sink is not None:
            raise not_for_recording(out, known)
        raise unsupported_file_type(out, recording_suffixes(), otherwise="; or name a folder")
    if target.suffix and options.suffix is not None:
        raise UsageError(f"{out} names a format already; leave out --format.")
    if _folder_suffix(target, options) not in recording_suffixes():
        raise UsageError(f"Unsupported --format {options.suffix}. Supported: {', '.join(recording_suffixes())}.")
    if target.template and options.name is not None:
        raise UsageError(f"{out} is a template already; leave out --name.")
    if options.max_total is not None and target.path == Path():
        raise UsageError("--max-total deletes recordings: name a folder of their own for them.")


def parse_rate(text: str) -> float | None:
    """Steps per second of ``--rate``; None for ``max``. Raises UsageError."""
    if text == "max":
        return None
    try:
        rate_hz = float(text)
    except ValueError:
        raise UsageError(
            f"--rate {text}: expected a number from {MIN_RATE_HZ:g} to {STEPS_PER_SECOND} Hz, or max."
        ) from None
    if not MIN_RATE_HZ <= rate_hz <= STEPS_PER_SECOND:
        raise UsageError(f"--rate {text}: expected a number from {MIN_RATE_HZ:g} to {STEPS_PER_SECOND} Hz, or max.")
    return rate_hz


def file_opener(
    rate: str, thresholds: Thresholds, metadata: dict[str, str], *, overwrite: bool = False, durable: bool = False
) -> OpenFile:
    """A function that opens a file for ``rate`` steps per second; raises UsageError where that is not a rate."""
    rate_hz = parse_rate(rate)
    metadata = {RECORDING_ID: make_recording_id(), **metadata}  # one for all files of the recording

    def open_file(path: Path) -> PageSink:
        return open_page_sink(
            path, rate=rate_hz, thresholds=thresholds, metadata=metadata, overwrite=overwrite, durable=durable
        )

    return open_file


def _folder_suffix(target: OutputTarget, options: FileOptions) -> str:
    return target.suffix or f".{(options.suffix or 'mcap').lstrip('.')}"


def _open_folder_writer(
    target: OutputTarget, options: FileOptions, open_file: OpenFile, *, quiet: bool, outbox: "Outbox | None"
) -> RotatingWriter | RollingBuffer:
    split = options.split
    default = LAP_TEMPLATE if split and split.segment == "lap" else DEFAULT_TEMPLATE
    template = Template(target.template or options.name or default)
    folder, suffix = target.path, _folder_suffix(target, options)
    max_bytes = options.max_total
    pattern = _file_name_pattern(template, suffix)
    writer: RotatingWriter | RollingBuffer

    def delete_oldest(latest: Path) -> None:
        if max_bytes is None:
            return
        waiting = set() if outbox is None else {folder / entry.file for entry in outbox.waiting()}
        for path, size in prune(folder, pattern, max_bytes, {latest, *writer.open_files, *waiting}):
            if not quiet:
                print_message(
                    f"Deleted {path} ({size:,} bytes): more than {format_size(round(max_bytes))} of recordings."
                )

    files = RecordingFolder(folder, template, suffix, open_file, delete_oldest)
    keep_s = options.keep_last
    writer = RollingBuffer(files, keep_s) if keep_s is not None else RotatingWriter(files, split)
    return writer


def _file_name_pattern(template: Template, suffix: str) -> re.Pattern[str]:
    """A pattern of all file names that this template makes."""
    parts = [
        re.escape(text) + ("[^/]+" if field is not None else "")
        for text, field, _, _ in string.Formatter().parse(template.text)
    ]
    return re.compile("".join(parts) + r"(-\d+)?" + re.escape(suffix))
