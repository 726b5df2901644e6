"""Elements of the live view: styles, bars, charts and big digits, all of a known width in cells."""

import math
from collections.abc import Sequence
from typing import Final
from unicodedata import category

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style

from telemetry.base.sanitize import REPLACEMENT, sanitize_terminal
from telemetry.base.text import DASH, fraction_of

Line = list[Segment]
"""One line of the view; its segments hold neither line breaks nor control codes."""

# Only the sixteen colours of the terminal and its attributes: they are readable in every theme, light or dark.
# A warning is reversed and not only coloured, so it stands out without colours too.
PLAIN: Final = Style()
LABEL: Final = Style(dim=True)
VALUE: Final = Style(bold=True)
TITLE: Final = Style(color="cyan")
GOOD: Final = Style(color="green")
WARN: Final = Style(color="yellow")
BAD: Final = Style(color="red", bold=True)
COLD: Final = Style(color="blue")
COOL: Final = Style(color="cyan")
LIT: Final = {
    colour: Style(color=colour, bold=True, reverse=True) for colour in ("red", "yellow", "green", "blue", "cyan")
}
LIT["white"] = Style(bold=True, reverse=True)

_PLAIN_FORMS: Final = str.maketrans(
    {
        **dict.fromkeys("▁▂▃", "."),
        **dict.fromkeys("▄▅▆", ":"),
        **dict.fromkeys("▇█", "#"),
        **dict.fromkeys("━╸", "="),
        **dict.fromkeys("╭╮╰╯┼", "+"),
        "─": "-",
        "│": "|",
        "┃": "|",
        DASH: "-",
        "·": "-",
        "●": "*",
        "°": " ",
    }
)


def to_cells(text: str) -> str:
    """The text harmless and as wide as it is counted, without marks on letters and wide blanks, which may be not."""
    if text.isascii():
        return sanitize_terminal(text)
    return "".join(
        character if character.isprintable() and category(character)[0] != "M" else REPLACEMENT for character in text
    )


def to_ascii(text: str) -> str:
    """The text in ASCII and of the same width, for consoles that cannot show more."""
    if text.isascii():
        return text
    return "".join(
        character if character.isascii() else "?" * cell_len(character) for character in text.translate(_PLAIN_FORMS)
    )


def pad_or_crop(line: Line, width: int) -> Line:
    """The line cropped or padded to exactly ``width`` cells."""
    fitted: Line = []
    left = max(width, 0)
    for segment in line:
        length = cell_len(segment.text)
        if length >= left:
            if left:
                fitted.append(segment if length == left else Segment(set_cell_size(segment.text, left), segment.style))
            return fitted
        fitted.append(segment)
        left -= length
    fitted.append(Segment(" " * left, PLAIN))
    return fitted


def line_width(line: Line) -> int:
    """The width of the line in cells."""
    return sum(cell_len(segment.text) for segment in line)


def justify(left: Line, right: Line, width: int) -> Line:
    """A line with one part at either end; where they do not both fit, the left one is cropped."""
    room = width - line_width(right)
    return [*pad_or_crop(left, room), *right] if room >= 0 else pad_or_crop(right, width)


def thick_bar(fraction: float, width: int, style: Style) -> Line:
    """A horizontal bar of ``width`` cells, nearly as high as the line; ``fraction`` is clamped to 0..1."""
    filled = round(min(max(fraction, 0.0), 1.0) * max(width, 0))
    return [Segment("▇" * filled, style), Segment("─" * (width - filled), LABEL)]


def bar(fraction: float, width: int, style: Style) -> Line:
    """A thin horizontal bar of ``width`` cells, drawn in half cells; ``fraction`` is clamped to 0..1."""
    halves = round(min(max(fraction, 0.0), 1.0) * max(width, 0) * 2)
    fill = "━" * (halves // 2) + "╸" * (halves % 2)
    return [Segment(fill, style), Segment("─" * (width - len(fill)), LABEL)]


def centred_bar(value: float, width: int, style: Style) -> Line:
    """A bar from the middle of an odd ``width``, to the right for positive values; ``value`` is clamped to -1..1."""
    arm = max(width, 1) // 2
    value = 0.0 if math.isnan(value) else min(max(value, -1.0), 1.0)
    length = round(abs(value) * arm)
    rest, fill = "─" * (arm - length), "▇" * length
    middle = Segment("┼", VALUE)
    if value < 0.0:
        return [Segment(rest, LABEL), Segment(fill, style), middle, Segment("─" * arm, LABEL)]
    return [Segment("─" * arm, LABEL), middle, Segment(fill, style), Segment(rest, LABEL)]


def chart(values: Sequence[float], full_scale: float, width: int, height: int, style: Style) -> list[Line]:
    """The newest ``width`` values as columns, the newest at the right; ``full_scale`` fills the height."""
    newest = values[-width:] if width > 0 else ()
    # An eighth of a cell stays free at the top, so that charts above each other stay apart.
    eighths = [round(fraction_of(value, full_scale) * (height * 8 - 1)) for value in newest]
    blank = " " * (width - len(eighths))
    rows: list[Line] = []
    for row in range(height - 1, -1, -1):
        floor = 1 if row == 0 else 0  # the lowest row has a thin line at 0, so that it differs from no value
        text = "".join(" ▁▂▃▄▅▆▇█"[min(max(value - row * 8, floor), 8)] for value in eighths)
        rows.append([Segment(blank + text, style)])
    return rows


_BIG_DIGITS: Final = {
    "0": ("###", "# #", "# #", "# #", "###"),
    "1": (" # ", "## ", " # ", " # ", "###"),
    "2": ("###", "  #", "###", "#  ", "###"),
    "3": ("###", "  #", "###", "  #", "###"),
    "4": ("# #", "# #", "###", "  #", "  #"),
    "5": ("###", "#  ", "###", "  #", "###"),
    "6": ("###", "#  ", "###", "# #", "###"),
    "7": ("###", "  #", "  #", "  #", "  #"),
    "8": ("###", "# #", "###", "# #", "###"),
    "9": ("###", "# #", "###", "  #", "###"),
    "N": ("## ", "# #", "# #", "# #", "# #"),
    "R": ("## ", "# #", "## ", "# #", "# #"),
    "-": ("   ", "   ", "###", "   ", "   "),
    "?": ("###", "  #", " ##", "   ", " # "),
    ":": (" ", "#", " ", "#", " "),
    ".": (" ", " ", " ", " ", "#"),
    " ": ("   ", "   ", "   ", "   ", "   "),
}
BIG_DIGIT_HEIGHT: Final = 5


def big_digits(text: str) -> list[str]:
    """The text five lines high, each pixel two cells wide; a character without a picture becomes a question mark."""
    pictures = [_BIG_DIGITS.get(character, _BIG_DIGITS["?"]) for character in text]
    return [
        " ".join(picture[row].replace("#", "██").replace(" ", "  ") for picture in pictures)
        for row in range(BIG_DIGIT_HEIGHT)
    ]
