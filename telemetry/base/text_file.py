"""Text files that people wrote or converted: UTF-8, with or without a byte order mark, and what it is if not."""

from pathlib import Path
from typing import Final

from telemetry.base.storage.regular_file import read_regular_file

BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
"""What Windows PowerShell 5 and older editors put in front of text in UTF-8."""

MAX_TEXT_BYTES: Final = 1 << 24
"""The borders of the longest track have a tenth of it."""

_UTF_32_MARKS: Final = (b"\xff\xfe\0\0", b"\0\0\xfe\xff")
_UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")


class TextFormatError(ValueError):
    """Bytes that are no text in UTF-8; the text says what they are, like ``it is text in UTF-16, ...``, without a dot.

    ``offset`` is the index of the first wrong byte.
    """

    def __init__(self, reason: str, offset: int = 0) -> None:
        super().__init__(reason)
        self.offset = offset


def check_not_utf16(beginning: bytes) -> None:
    """Raise :class:`TextFormatError` for the beginning of a text in UTF-16 or UTF-32; four bytes are enough."""
    name = ""
    if beginning.startswith(_UTF_32_MARKS):
        name = "UTF-32"
    elif beginning.startswith(_UTF_16_MARKS) or (len(beginning) > 1 and beginning[:2].count(0) == 1):
        # Without a mark: the first character of any text we read is ASCII, half of whose unit is zero.
        name = "UTF-16"
    if name:
        raise TextFormatError(
            f"it is text in {name}, as > in Windows PowerShell writes it, and has to be UTF-8. Convert it, in "
            "PowerShell with: Get-Content OLD | Set-Content -Encoding utf8 NEW, elsewhere with: "
            f"iconv -f {name} -t UTF-8 OLD > NEW"
        )


def decode_text(data: bytes) -> str:
    """The text, without a byte order mark; raises :class:`TextFormatError` where it is not in UTF-8."""
    check_not_utf16(data[:4])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise TextFormatError("it is not text in UTF-8", error.start) from None


def read_text(path: Path) -> str:
    """The text of a regular file, as :func:`decode_text` reads it; raises OSError and :class:`TextFormatError`."""
    return decode_text(read_regular_file(path, MAX_TEXT_BYTES))
