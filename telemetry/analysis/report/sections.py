"""The sections of the page: what the numbers of a report look like."""

from collections.abc import Iterator, Sequence
from typing import Final

from telemetry.analysis.comparison import Comparison, Part, words_of
from telemetry.analysis.corner_report import CornerReport
from telemetry.analysis.figures import WHEEL_TONES
from telemetry.analysis.lap_overview import LapOverview
from telemetry.analysis.quality import list_findings
from telemetry.analysis.report.definitions import DEFINITIONS
from telemetry.analysis.report.markup import (
    Column,
    Html,
    escape,
    join,
    number,
    section,
    sentences,
    spread,
    table,
    tag,
    tiles,
)
from telemetry.analysis.report.stint_report import ReadRecording, ReportedLap, StintReport
from telemetry.analysis.report.values import gap_s, label_of
from telemetry.base.text import (
    DASH,
    format_count,
    format_duration,
    format_lap_time,
    format_measured_lap_time,
    format_sector_time,
    format_size,
)

_CORNER_COLUMNS: Final = (
    ("braking_m", Column("brakes m", "braking"), 0),
    ("peak_brake", Column("brake %", "peak_brake"), 0),
    ("release_m", Column("release m", "release"), 0),
    ("entry_kmh", Column("entry km/h", "entry"), 0),
    ("min_kmh", Column("min km/h", "min"), 1),
    ("exit_kmh", Column("exit km/h", "exit"), 1),
    ("throttle_s", Column("throttle s", "throttle"), 2),
    ("gear", Column("gear", "gear"), 0),
    ("peak_g", Column("g", "peak_g"), 2),
    ("offset_m", Column("line m", "offset"), 1),
    ("time_s", Column("time s", "corner_time"), 2),
)
"""The measures of a corner that are shown, and their decimals."""


def summary(report: StintReport) -> Html:
    """The figures that sum a report up."""
    return tiles(_tiles(report))


def _tiles(report: StintReport) -> Iterator[tuple[str, str, str, str]]:
    best, middle, overview = report.best, report.middle, report.overview
    if best is not None:
        yield "best lap", "time", lap_time(best), f"lap {best.label}"
    if middle is not None:
        gap = number(gap_s(middle, report), 3, sign=True)
        yield "median lap", "median", lap_time(middle), f"lap {middle.label}, {gap} s"
    if overview is not None and overview.theoretical is not None:
        laps = ", ".join(label_of(one.lap, report) for one in overview.theoretical.sectors)
        yield (
            "theoretical best",
            "theoretical",
            format_lap_time(overview.theoretical.time_ms),
            f"sectors of laps {laps}",
        )
    if report.possible is not None:
        yield "possible lap", "possible", format_lap_time(round(report.possible.time_s * 1e3)), "at the car's envelope"
    if overview is not None:
        yield from _overview_tiles(overview)


def _overview_tiles(overview: LapOverview) -> Iterator[tuple[str, str, str, str]]:
    even, fuel, tyres = overview.consistency, overview.fuel, overview.tyres
    if even.deviation_s is not None:
        share = number(100.0 * (even.deviation_share or 0.0), 2)
        yield "consistency", "consistency", f"±{number(even.deviation_s, 3)} s", f"{share} % of {even.laps} clean laps"
    trends = [one.stint.trend for one in overview.stints if one.stint.trend is not None]
    if len(trends) == 1:
        low, high = number(trends[0].low, 3, sign=True), number(trends[0].high, 3, sign=True)
        yield "trend per lap", "trend", f"{number(trends[0].slope, 3, sign=True)} s", f"{low} to {high} in 95 %"
    if fuel.per_lap_l is not None:
        left = "" if fuel.laps_left is None else f"{number(fuel.left_l, 1)} l: {number(fuel.laps_left, 1)} laps left"
        yield "fuel per lap", "fuel", f"{number(fuel.per_lap_l, 2)} l", left
    if tyres.worst is not None:
        wheel = WHEEL_TONES[tyres.per_lap.index(tyres.worst)]
        yield "wear per lap", "wear", f"{number(100.0 * tyres.worst, 1)} %", wheel


def lap_time(one: ReportedLap) -> str:
    """The time of a lap for a person."""
    lap = one.lap
    return format_measured_lap_time(lap.time_ms, lap.measured_ms if lap.complete else None) or DASH


def laps_section(report: StintReport) -> Html:
    """All laps with times, sectors, gap and validity, and how they were driven."""
    sectors = max((len(one.lap.sectors_ms) for one in report.laps), default=0)
    sectors = sectors if sectors > 1 else 0
    columns = [
        Column("lap"),
        Column("time", "time"),
        Column("gap", "gap"),
        *(Column(f"S{at + 1}", "sector") for at in range(sectors)),
        Column("top km/h", "top"),
        Column("full throttle s", "full_throttle"),
        Column("braking s", "brake_time"),
        Column("coasting s", "coasting"),
        Column("overlap s", "overlap"),
        Column("fuel l", "fuel"),
        Column("worn %", "wear"),
        Column("kind", is_text=True),
        Column("valid", "valid", is_text=True),
    ]
    fastest = [
        _least([one.lap.sectors_ms[at : at + 1] for one in report.laps if one.lap.valid]) for at in range(sectors)
    ]
    rows = [_lap_row(one, report, fastest) for one in report.laps]
    text = f"{format_count(len(report.laps), 'lap')}, {sum(one.lap.valid for one in report.laps)} valid"
    return section(
        "laps",
        "Laps",
        tag("p", text, class_="aside"),
        table(columns, rows, name="Laps"),
    )


def _least(times: Sequence[tuple[int | None, ...]]) -> int | None:
    return min((time for one in times for time in one if time), default=None)


def _lap_row(one: ReportedLap, report: StintReport, fastest: Sequence[int | None]) -> list[str]:
    lap, measure = one.lap, one.measure
    times = [*lap.sectors_ms, *(None,) * len(fastest)][: len(fastest)]
    cells = [
        _best(format_sector_time(time), is_best=time == least and lap.valid) if time else DASH
        for time, least in zip(times, fastest, strict=True)
    ]
    shares = (
        (None,) * 4
        if measure is None
        else (measure.full_throttle_s, measure.braking_s, measure.coasting_s, measure.overlap_s)
    )
    worn = max((tyre for tyre in lap.tyre_worn if tyre is not None), default=None)
    return [
        one.label,
        _best(lap_time(one), is_best=one is report.best),
        number(gap_s(one, report), 3, sign=True) if one is not report.best else DASH,
        *cells,
        number(lap.top_speed_kmh),
        *(number(share, 2) for share in shares),
        number(lap.fuel_used_l, 2),
        number(None if worn is None else 100.0 * worn),
        lap.kind,
        "yes" if lap.valid else ", ".join(lap.invalid_because),
    ]


def _best(text: str, *, is_best: bool) -> Html:
    return tag("b", text, class_="best") if is_best else escape(text)


def words_section(report: StintReport) -> Html:
    """The median lap against the best one: where most is lost and won, in words."""
    comparison, best, middle = report.comparison, report.best, report.middle
    if comparison is None or best is None or middle is None:
        return section("words", "Median against best", sentences(report.missing.get("comparison", "")))
    covered = "" if comparison.covered >= 0.9995 else f", {comparison.covered:.1%} of it covered"
    rest = comparison.unaccounted_s or 0.0
    heading = [
        f"Lap {middle.label}, {lap_time(middle)}, against lap {best.label}, {lap_time(best)}: ",
        tag("b", f"{number(comparison.official_s, 3, sign=True)} s"),
        covered,
        f", {number(rest, 3, sign=True)} s unaccounted for" if abs(rest) >= 0.0005 else "",
        ".",
    ]
    differs = tag("p", f"Differs: {'; '.join(comparison.differences)}.") if comparison.differences else ""
    lists = [_words("Most is lost", comparison, lost=True), _words("Most is won", comparison, lost=False)]
    return section(
        "words",
        "Median against best",
        tag("p", join(heading)),
        tag("div", join(lists), class_="words"),
        differs,
        sentences(*comparison.warnings),
        definition="median",
    )


def _words(title: str, comparison: Comparison, *, lost: bool) -> Html:
    parts = comparison.most(lost=lost)
    if not parts:
        return Html("")
    return tag("div", join([tag("h3", title), tag("ol", join(tag("li", _sentence(part)) for part in parts))]))


def _sentence(part: Part) -> Html:
    words = ", ".join(words_of(part))
    return join(
        [
            tag("b", part.delta.segment.label if part.lap else f"Segment {part.delta.segment.label}"),
            " ",
            tag(
                "b",
                f"{number(part.delta.lost_s, 3, sign=True)} s",
                class_="lost" if (part.delta.lost_s or 0.0) > 0.0 else "won",
            ),
            f" {words}" if words else "",
        ]
    )


def corners_section(report: StintReport) -> Html:
    """What laps did in each corner, sorted by the time lost."""
    if not report.corners:
        return section("corners", "Corners", sentences(report.missing.get("corners", "No lap can be looked at.")))
    columns = [Column("corner", is_text=True), Column("lost s", "lost"), *(column for _, column, _ in _CORNER_COLUMNS)]
    rows = [_corner_row(one) for one in report.corners]
    total = sum(one.lost.mean or 0.0 for one in report.corners)
    footer = ["total", number(total, 3, sign=True), *("" for _ in _CORNER_COLUMNS)]
    laps = max(one.lost.laps for one in report.corners)
    best = report.best.label if report.best else DASH
    text = (
        f"Mean of {format_count(laps, 'lap')} against lap {best}, ± from lap to lap."
        if laps
        else "One lap only, which loses nothing on itself."
    )
    return section(
        "corners",
        "Corners",
        tag("p", text, class_="aside"),
        table(columns, rows, footer if laps else (), name="Corners"),
    )


def _corner_row(one: CornerReport) -> list[str]:
    cells: list[str] = [one.corner.label, spread(one.lost.mean, one.lost.deviation, 3, sign=True)]
    for name, _, decimals in _CORNER_COLUMNS:
        measure = one.measures[name]
        if name == "gear":
            cells.append(
                DASH if measure.mean is None else number(measure.mean - 1.0, 0 if measure.mean % 1.0 == 0.0 else 1)
            )
            continue
        factor = 100.0 if name == "peak_brake" else 1.0
        deviation = None if measure.deviation is None else factor * measure.deviation
        cells.append(spread(None if measure.mean is None else factor * measure.mean, deviation, decimals))
    return cells


def quality_section(report: StintReport) -> Html:
    """What the recordings are like."""
    columns = [
        Column("recording", is_text=True),
        Column("size"),
        Column("samples"),
        Column("Hz"),
        Column("time"),
        Column("gaps"),
        Column("missing"),
        Column("torn"),
        Column("findings", "quality", is_text=True),
    ]
    rows = [_quality_row(one, report) for one in report.recordings]
    return section("quality", "Data quality", table(columns, rows, name="Data quality"), definition="quality")


def _quality_row(one: ReadRecording, report: StintReport) -> list[str]:
    quality = one.quality
    findings = "; ".join(finding.message for finding in list_findings(quality)) or "good"
    return [
        report.file_name(one.recording.path),
        format_size(quality.size),
        f"{quality.samples:,}",
        number(quality.rate_hz, 1),
        format_duration(quality.span_s) or DASH,
        f"{quality.gaps.count:,}",
        f"{quality.gaps.missing:,}",
        f"{quality.torn:,}",
        findings,
    ]


def definitions_section() -> Html:
    """What each number means; the links of the tables lead here."""
    entries = join(
        join(
            [
                tag("dt", one.title, id=f"def-{name}"),
                tag("dd", join([one.text, " ", tag("small", f"docs/analysis.md: {one.chapter}")])),
            ]
        )
        for name, one in DEFINITIONS.items()
    )
    return section("definitions", "What the numbers mean", tag("dl", entries, class_="definitions"))
