"""Pieces of the page: every text in them is made harmless here, and every number has a link to its definition."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from telemetry.analysis.figures import ColourScale, Panel
from telemetry.analysis.report.definitions import DEFINITIONS
from telemetry.analysis.report.svg import SHADES, Size, draw_panel
from telemetry.base.sanitize import sanitize_html
from telemetry.base.text import DASH, format_number

MINUS: Final = "\N{MINUS SIGN}"


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


class Column(NamedTuple):
    """A column of a table."""

    title: str
    definition: str = ""
    """The name of its definition; empty where the title says it all."""
    is_text: bool = False


def escape(text: str) -> Html:
    """The text as markup; markup stays as it is."""
    return text if isinstance(text, Html) else Html(sanitize_html(text))


def join(parts: Iterable[str]) -> Html:
    """Pieces of markup, and texts, one after the other."""
    return Html("".join(map(escape, parts)))


def tag(name: str, content: str, **attributes: str) -> Html:
    """An element; ``class_`` is its class."""
    written = "".join(
        f' {key.strip("_").replace("_", "-")}="{sanitize_html(value)}"' for key, value in attributes.items()
    )
    return Html(f"<{name}{written}>{escape(content)}</{name}>")


def defined(title: str, definition: str) -> Html:
    """A title with a link to its definition; KeyError for one that there is not."""
    if not definition:
        return escape(title)
    return tag("a", title, href=f"#def-{definition}", title=DEFINITIONS[definition].text, class_="defined")


def number(value: float | None, decimals: int = 0, *, sign: bool = False) -> str:
    """A number, with a real minus sign; a dash where there is none."""
    return format_number(value, decimals, 9, sign=sign).replace("-", MINUS).strip()


def spread(mean: float | None, deviation: float | None, decimals: int, *, sign: bool = False) -> Html:
    """A mean with what it differs by from lap to lap."""
    if mean is None:
        return escape(DASH)
    more = "" if deviation is None else tag("small", f" ±{number(deviation, max(decimals, 1))}")
    return join([number(mean, decimals, sign=sign), more])


def table(columns: Sequence[Column], rows: Iterable[Sequence[str]], footer: Sequence[str] = (), name: str = "") -> Html:
    """A table in a box that scrolls sideways where it must; the first cell of a row is its heading."""
    head = join(tag("th", defined(one.title, one.definition), **_cell(one, scope="col")) for one in columns)
    body = join(tag("tr", _row(columns, row)) for row in rows)
    foot = tag("tfoot", tag("tr", _row(columns, footer))) if footer else ""
    label = {"aria_label": name} if name else {}
    inner = join([tag("thead", tag("tr", head)), tag("tbody", body), foot])
    return tag("div", tag("table", inner, **label), class_="scroll", tabindex="0")


def _row(columns: Sequence[Column], cells: Sequence[str]) -> Html:
    first, *rest = cells
    heading = tag("th", first, **_cell(columns[0], scope="row"))
    return join([heading, *(tag("td", cell, **_cell(one)) for one, cell in zip(columns[1:], rest, strict=True))])


def _cell(column: Column, **attributes: str) -> dict[str, str]:
    return {**attributes, "class_": "text"} if column.is_text else attributes


def section(identity: str, title: str, *content: str, definition: str = "") -> Html:
    """A section with its heading; it can be linked to."""
    return tag("section", join([tag("h2", defined(title, definition)), *content]), id=identity)


def sentences(*texts: str) -> Html:
    """Sentences about what cannot be said."""
    return join(tag("p", text, class_="missing") for text in texts if text)


def picture(panel: Panel, size: Size, *, has_axes: bool = True, title: str = "", legend: bool = True) -> Html:
    """A panel as a figure with its title and a legend of its lines."""
    heading = tag("figcaption", title or panel.title) if title or panel.title else ""
    under = line_keys(panel) if legend else ""
    return tag("figure", join([heading, Html(draw_panel(panel, size, has_axes=has_axes)), under]))


def line_keys(panel: Panel) -> Html:
    """What the lines of a panel are, and what their colours mean."""
    names = [(one.tone.replace(" ", "-"), one.name) for one in panel.series if one.name and one.colours is None]
    keys = [tag("span", name, class_=f"key tone-{tone}") for tone, name in names]
    scale = [] if panel.scale is None else [colour_key(panel.scale)]
    return tag("p", join([*keys, *scale]), class_="keys") if keys or scale else Html("")


def colour_key(scale: ColourScale) -> Html:
    """What the colours of a line mean, from the lowest value to the highest."""
    low, high = scale.low_text or number(scale.low), scale.high_text or number(scale.high)
    shades = join(tag("i", "", class_=f"shade-{at}") for at in range(SHADES))
    kind = "diverging" if scale.is_diverging else "rising"
    title = "" if scale.low_text else f"{scale.title}: "
    return tag("span", join([f"{title}{low} ", tag("span", shades, class_=f"shades {kind}"), f" {high}"]))


def tiles(entries: Iterable[tuple[str, str, str, str]]) -> Html:
    """Figures that sum a report up: title, definition, value, and what belongs to it."""
    found = (
        tag("div", join([tag("dt", defined(title, name)), tag("dd", value), tag("dd", aside, class_="aside")]))
        for title, name, value, aside in entries
    )
    return tag("dl", join(found), class_="tiles")
