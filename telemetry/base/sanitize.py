"""Texts that the game, its mods or a stranger chose, made harmless for what they go into: one function a medium.

Files for programs (MCAP, JSON lines, Parquet) and the stream hold texts as they are; the dashboard shows them as text
only, never as HTML.
"""

import html
import re
import unicodedata
from functools import lru_cache
from typing import Final

REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"

MAX_NAME_LENGTH: Final = 120
"""Bytes of a file name in UTF-8, without its suffix; some file systems allow 143, most 255."""

_HIDDEN: Final = "\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff"
"""Control characters, line separators, and what turns the direction of text around or has no width."""

_CONTROLS: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")

_FORMULA: Final = re.compile(r"['\s]*(?![-+][-+\d.,:\s]*\Z)[=+\-@＝＋－＠]", re.DOTALL)  # noqa: RUF001 - also formulas
"""A text that spreadsheets calculate. Not a number with a sign, or a time like ``-:--.---``."""

_MARKUP: Final = re.compile(r"[\\`*\[\]|~$]|(?<![^\W_])_|_(?![^\W_])|:(?=//)|(?<=\bwww)\.|\A[-+#=]", re.IGNORECASE)
"""Characters that mean something in Markdown where they stand; an underscore within a word does not."""
_ENTITIES: Final = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})

_YAML_NAME: Final = re.compile(
    r"(?![\d_.eE+-]+\Z|0[bxo]|(?:y|yes|n|no|true|false|on|off|null)\Z)\w[\w.-]*", re.ASCII | re.IGNORECASE
)
"""A text that needs no quotes in YAML, where it is neither a number nor a word like ``no``."""

_FORBIDDEN: Final = re.compile(rf'[<>:"/\\|?*{_HIDDEN}]+')
_DEVICES: Final = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)", re.IGNORECASE)
"""What Windows opens as a device, whatever follows the first dot, and with blanks before it."""


def sanitize_terminal(text: str) -> str:
    """One line of text without what could move the cursor, command the terminal, or change the order of letters.

    Each such character becomes a replacement mark; a line break is one of them.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(
        character if character.isprintable() or unicodedata.category(character) == "Zs" else REPLACEMENT
        for character in text
    )


@lru_cache(maxsize=256)  # the same few in thousands of rows
def sanitize_csv(text: str) -> str:
    """The text as a cell that stays in its row and that no spreadsheet takes for a formula.

    A control character becomes a replacement mark. A formula gets an apostrophe in front, as a person would type it;
    :func:`read_csv_text` removes it.
    """
    if text.isascii() and text.isprintable() and text[:1].isalnum():
        return text
    text = _CONTROLS.sub(REPLACEMENT, text)
    return f"'{text}" if _FORMULA.match(text) else text


def read_csv_text(cell: str) -> str:
    """The text that :func:`sanitize_csv` made this cell of."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


def sanitize_markdown(text: str) -> str:
    """The text for a line or a table of a Markdown document, which shows it as it is: no markup, HTML or link."""
    text = _MARKUP.sub(r"\\\g<0>", sanitize_terminal(" ".join(text.split())))
    text = re.sub(r"\A(\d+)([.)])(?=\s|\Z)", r"\1\\\2", text)  # begins no numbered list
    return text.translate(_ENTITIES)


def sanitize_yaml(text: str) -> str:
    """The text as a scalar of YAML: as it is where that is a plain name, else quoted."""
    if _YAML_NAME.fullmatch(text):
        return text
    quoted = sanitize_terminal(text).replace("\\", "\\\\").replace('"', '\\"')
    return f'"{quoted}"'


def sanitize_metric_label(text: str) -> str:
    """The text as the value of a label in Prometheus' text format, to be put between quotes."""
    return sanitize_terminal(text).replace("\\", "\\\\").replace('"', '\\"')


def sanitize_json(json: str) -> str:
    """A JSON text of the same values, in which no character commands a terminal or changes the order of letters."""
    return re.sub(f"(?!\n)[{_HIDDEN}]", lambda match: f"\\u{ord(match[0]):04x}", json)


def sanitize_html(text: str) -> str:
    """The text for an element, or a quoted attribute, of a web page, which shows it as it is: no markup of its own."""
    return html.escape(sanitize_terminal(text))


def sanitize_script(json: str) -> str:
    """A JSON text of the same values that ends no element of a web page when it stands in one of scripts."""
    return re.sub("[<>&\u2028\u2029]", lambda match: f"\\u{ord(match[0]):04x}", json)


def sanitize_filename(name: str) -> str:
    """The name without what systems forbid or hide: reserved characters and words, a dot or blank at its end."""
    name = _FORBIDDEN.sub("-", name).strip(" .")
    name = shorten_utf8(name, MAX_NAME_LENGTH).rstrip(" .")
    return shorten_utf8(f"_{name}", MAX_NAME_LENGTH).rstrip(" .") if not name or _DEVICES.match(name) else name


def is_safe_filename(name: str) -> bool:
    """Whether every system takes a name for that of a file in this folder, and none for more than that."""
    return bool(name) and not _FORBIDDEN.search(name) and name == name.rstrip(" .") and not _DEVICES.match(name)


def shorten_utf8(text: str, size: int) -> str:
    """The beginning of the text that fits this many bytes, without a partial character."""
    return text.encode("utf-8", "surrogatepass")[:size].decode("utf-8", "ignore") if utf8_size(text) > size else text


def utf8_size(text: str) -> int:
    """The bytes of a text in UTF-8."""
    return len(text.encode("utf-8", "surrogatepass"))  # an argument on Linux may hold what is no character
