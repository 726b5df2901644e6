"""The page of a report: one file with its style, its scripts and its data, which asks for nothing from anywhere."""

import base64
import hashlib
import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Final

from telemetry.analysis.figures import Panel
from telemetry.analysis.place_figures import gg_figure, map_figure
from telemetry.analysis.report.markup import Html, join, line_keys, picture, section, sentences, tag
from telemetry.analysis.report.sections import (
    corners_section,
    definitions_section,
    laps_section,
    quality_section,
    summary,
    words_section,
)
from telemetry.analysis.report.stint_report import StintReport
from telemetry.analysis.report.svg import Size
from telemetry.analysis.report.tables import stints_table, tyres_table, use_table
from telemetry.analysis.report.trace_data import TraceData, to_page_values, trace_panels
from telemetry.analysis.stint_figures import damper_panels, stint_figure, tyre_panels
from telemetry.base.errors import UsageError
from telemetry.base.sanitize import sanitize_html, sanitize_script
from telemetry.base.storage.atomic import atomic_write
from telemetry.base.text import format_count, to_unicode_values
from telemetry.base.version import VERSION

_PAGE: Final = Path(__file__).with_name("page")
_DASHBOARD: Final = Path(__file__).parents[2] / "stream" / "dashboard"

SMALL: Final = Size(300.0, 200.0)
SQUARE: Final = Size(320.0, 320.0)
WIDE: Final = {"delta_s": Size(760.0, 160.0), "speed_kmh": Size(760.0, 190.0), "gear": Size(760.0, 142.0)}
_LOW: Final = Size(760.0, 120.0)
"""Sizes of drawings; a page of paper is about 760 units wide."""


def write_page(report: StintReport, data: TraceData | None, path: Path, *, overwrite: bool = False) -> None:
    """Write the page; raises :class:`telemetry.SinkError` where the file cannot be written, or exists."""
    text = make_page(report, data)
    with atomic_write(path, overwrite=overwrite) as unfinished:
        unfinished.write_bytes(text.encode())


def make_page(report: StintReport, data: TraceData | None) -> str:
    """The page as HTML."""
    style = "\n".join(_text(_DASHBOARD / "vendor" / "uPlot.min.css", _PAGE / "report.css"))
    plot, script = _library(), _script()
    policy = (
        f"default-src 'none'; style-src {_hash(style)}; script-src {_hash(plot)} {_hash(script)}; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    place = report.laps[0].lap.car_and_track if report.laps else None
    title = f"{place.car or 'unknown car'}, {place.track_name}" if place is not None else "No lap"
    values = None if data is None else to_page_values(data, report)
    data_text = sanitize_script(json.dumps(to_unicode_values(values), ensure_ascii=False, allow_nan=False))
    return "".join(
        [
            '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{sanitize_html(policy)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="color-scheme" content="light dark">',
            f"<title>{sanitize_html(title)}</title><style>{style}</style></head>\n<body>",
            _without_folders(_body(report, data, title), report),
            f'<script type="application/json" id="data">{data_text}</script>',
            f"<script>{plot}</script><script>{script}</script></body></html>\n",
        ]
    )


def _without_folders(body: str, report: StintReport) -> str:
    """The page with the names of recordings alone: their folders, like a user's name, are nobody else's business."""
    for path in sorted((one.recording.path for one in report.recordings), key=lambda path: -len(str(path))):
        body = body.replace(sanitize_html(str(path)), sanitize_html(path.name))
    return body


def _body(report: StintReport, data: TraceData | None, title: str) -> Html:
    sections = [
        words_section(report),
        corners_section(report),
        _traces(report, data),
        laps_section(report),
        _stint(report),
        _tyres(report),
        _grip(report),
        _dampers(report),
        quality_section(report),
        definitions_section(),
    ]
    lacks = sentences(report.missing.get("valid", ""), report.missing.get("laps", ""))
    return join([_header(report, title), tag("main", join([summary(report), lacks, *sections])), _footer()])


def _header(report: StintReport, title: str) -> Html:
    count = format_count(len(report.recordings), "recording")
    sessions = ", ".join(dict.fromkeys(one.lap.session.replace("_", " ") for one in report.laps))
    length = report.track.length_m if report.track is not None else None
    parts = [sessions, format_count(len(report.laps), "lap"), count, f"{length:,.0f} m" if length else ""]
    return tag("header", join([tag("h1", title), tag("p", " · ".join(part for part in parts if part))]))


def _footer() -> Html:
    return tag("footer", f"ac-telemetry {VERSION}")


def _traces(report: StintReport, data: TraceData | None) -> Html:
    """The traces with a cursor over all, and the map; on paper, and without scripts, the median and the best lap."""
    laps = [one.driven for one in (report.middle, report.best) if one is not None and one.driven is not None]
    if data is None or not laps:
        return section("traces", "Traces", sentences("No lap can be put on the track, so there are no traces."))
    static = _static_traces(trace_panels(laps, report))
    try:
        figure = map_figure(laps, report.track, "gain" if len(laps) > 1 else "speed")
        course = picture(figure.panels[0], SQUARE, has_axes=False, title=_map_title(report))
    except UsageError as error:
        course = sentences(_capital(str(error)))
    note = (
        ""
        if len(report.shown) <= len(data.laps)
        else f"Traces of the {len(data.laps)} fastest laps of {len(report.shown)}."
    )
    live = tag("div", "", id="plots")
    aside = tag("aside", join([tag("div", course, id="map"), tag("div", "", id="values")]))
    return section(
        "traces",
        "Traces",
        sentences(note),
        tag("div", "", id="controls"),
        tag("div", join([tag("div", join([live, tag("div", static, class_="static")])), aside]), class_="traces"),
        definition="delta",
    )


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _static_traces(panels: Sequence[tuple[str, Panel]]) -> Html:
    """The traces as drawings: the corners are named in the first one, and the axis in the last."""
    drawn = []
    for at, (channel, panel) in enumerate(panels):
        bands = panel.bands if not at else tuple(replace(band, short="") for band in panel.bands)
        axis = panel.x if at == len(panels) - 1 else replace(panel.x, label="", unit="")
        wanted = replace(panel, bands=bands, x=axis)
        drawn.append(picture(wanted, WIDE.get(channel, _LOW), legend=channel == "speed_kmh"))
    return join(drawn)


def _map_title(report: StintReport) -> str:
    if report.middle is None or report.best is None:
        return "Speed of the lap in km/h"
    return f"Lap {report.middle.label} on lap {report.best.label}, in s per 100 m"


def _stint(report: StintReport) -> Html:
    drawn: list[Html] = []
    notes: list[str] = []
    for file in () if report.overview is None else report.overview.files:
        try:
            figure = stint_figure(file.laps)
        except UsageError as error:
            notes.append(str(error))
            continue
        name = _file_title(report, file.path)
        drawn += [picture(panel, SMALL, title=name) for panel in figure.panels]
        notes += [f"{name}: {note}" if name else note for note in figure.notes]
    return section(
        "stint",
        "Stint and fuel",
        tag("div", join([*drawn, stints_table(report)]), class_="gallery"),
        sentences(*dict.fromkeys(notes)),
        definition="trend",
    )


def _file_title(report: StintReport, path: Path) -> str:
    """The name of a recording over a drawing, where there are several."""
    return report.file_name(path) if report.overview is not None and len(report.overview.files) > 1 else ""


def _tyres(report: StintReport) -> Html:
    drawn: list[Html] = []
    keys = Html("")
    for path in dict.fromkeys(one.path for one in report.laps):
        known = [(one.lap, one.tyres) for one in report.laps if one.path == path and one.tyres is not None]
        if known:
            panels = tyre_panels([lap for lap, _ in known], [tyres for _, tyres in known])
            drawn += [picture(panel, SMALL, title=_file_title(report, path), legend=False) for panel in panels]
            keys = line_keys(panels[0])
    if not drawn:
        return section("tyres", "Tyres", sentences("No lap can be looked at."))
    gallery = tag("div", join(drawn), class_="gallery")
    return section("tyres", "Tyres", gallery, keys, tyres_table(report), definition="wear")


def _grip(report: StintReport) -> Html:
    laps = [one.driven for one in (report.middle, report.best) if one is not None and one.driven is not None]
    if not laps or report.envelope is None:
        return section("grip", "Grip", sentences(report.missing.get("grip", "No lap can be looked at.")))
    panels = gg_figure(laps, report.envelope).panels
    drawn = [picture(panel, SQUARE) for panel in panels]
    text = "Each lap in the envelope of the car: its slowest, its middle and its fastest band of speed."
    return section(
        "grip",
        "Grip",
        tag("p", text, class_="aside"),
        tag("div", join([*drawn, use_table(report)]), class_="gallery"),
        definition="envelope",
    )


def _dampers(report: StintReport) -> Html:
    if report.dampers is None:
        return section("dampers", "Dampers", sentences(report.missing.get("dampers", "No lap can be looked at.")))
    panels = damper_panels([("", "lap", report.dampers)])
    text = f"{report.dampers.seconds / 60.0:.1f} minutes of driving."
    return section("dampers", "Dampers", tag("p", text, class_="aside"), _gallery(panels), definition="dampers")


def _gallery(panels: Iterable[Panel], *more: str) -> Html:
    return tag("div", join([*(picture(panel, SMALL) for panel in panels), *more]), class_="gallery")


def _text(*paths: Path) -> list[str]:
    return [path.read_text("utf-8") for path in paths]


@cache
def _library() -> str:
    return "".join(_text(_DASHBOARD / "vendor" / "uPlot.iife.min.js"))


@cache
def _script() -> str:
    """The modules of the page as one script, because a page that is opened from a file may load no modules."""
    modules = _text(_DASHBOARD / "ui" / "format.js", *(_PAGE / name for name in ("model.js", "traces.js", "main.js")))
    bare = (re.sub(r"^(import .*\n|export )", "", module, flags=re.MULTILINE) for module in modules)
    return f'"use strict";\n(() => {{\n{"".join(bare)}}})();'


def _hash(content: str) -> str:
    """The content of an inline element as the page's policy names it."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
