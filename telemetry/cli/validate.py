"""``validate``: whether recordings are good enough for a data set."""

from collections.abc import Iterable
from typing import Annotated, Any

import typer
from rich.console import Console

from telemetry.analysis.quality import MAX_GAP_SHARE, QualityFinding, QualityReport, list_findings
from telemetry.cli._shared import options
from telemetry.cli._shared.input_files import FileFailure, FileFailures
from telemetry.cli._shared.messages import print_json
from telemetry.cli._shared.quality_reports import read_reports
from telemetry.cli._shared.session_results import ResultOption, hold_against, read_result
from telemetry.cli._shared.tables import label_table, table_console, to_markup
from telemetry.cli._shared.thresholds import TyresOut
from telemetry.fields.thresholds import DEFAULTS


def validate(
    files: options.Files,
    max_gap_share: Annotated[
        float,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="SHARE",
            help="Allowed share of missing physics steps at the full rate, like 0.001.",
        ),
    ] = MAX_GAP_SHARE,
    strict: Annotated[bool, typer.Option("--strict", help="Treat warnings as errors.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as one JSON array.")] = False,
    column_map: options.NamedColumns = None,
    jobs: options.Jobs = None,
    tyres_out: TyresOut = DEFAULTS.tyres_out,
    session_result: ResultOption = None,
) -> None:
    """Check whether recordings are good enough for a data set.

    All that they hold is read, also where one has a summary. The exit code is 1 if one of them is not.
    """
    official = read_result(session_result)
    console = table_console()
    results: list[dict[str, Any]] = []
    all_valid = True
    failures = FileFailures(len(files), None if as_json else console)
    for result in read_reports(files, tyres_out, jobs, read_all=True, column_map=column_map):
        if isinstance(result, FileFailure):
            failures.add(result)
            finding = {"name": "unreadable", "severity": "error", "message": str(result.error)}
            results.append({**result.to_dict(), "valid": False, "findings": [finding]})
            continue
        report = result.report
        findings = list_findings(report, max_gap_share=max_gap_share)
        if official is not None:
            _, differences = hold_against(result.laps, official)
            findings += tuple(QualityFinding("session_result", "error", text) for text in differences)
        if strict:
            findings = tuple(QualityFinding(finding.name, "error", finding.message) for finding in findings)
        valid = all(finding.severity != "error" for finding in findings)
        all_valid = all_valid and valid
        if as_json:
            entries = [
                {"name": finding.name, "severity": finding.severity, "message": finding.message} for finding in findings
            ]
            results.append({"file": report.file, "valid": valid, "findings": entries})
        else:
            _print_findings(console, report, findings, valid=valid)
    if as_json:
        print_json(results)
    failures.check()
    if not all_valid:
        raise typer.Exit(1)


def _print_findings(
    console: Console, report: QualityReport, findings: Iterable[QualityFinding], *, valid: bool
) -> None:
    verdict = "[bold green]valid[/]" if valid else "[bold red]not valid[/]"
    console.print(f"[bold]{to_markup(report.file)}[/]  {verdict}", highlight=False, soft_wrap=True)
    table = label_table()
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True)
    table.add_column()
    for finding in findings:
        colour = "red" if finding.severity == "error" else "yellow"
        table.add_row(f"  [{colour}]{finding.severity}[/]", finding.name, to_markup(finding.message))
    if table.row_count:
        console.print(table, highlight=False)
