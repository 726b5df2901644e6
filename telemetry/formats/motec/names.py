"""Texts of logs: as readers can take them, and by which our logs are known."""

import unicodedata
from typing import Final

EXPORTED_BY: Final = "exported by ac-telemetry"
"""What the comment of the event says in our logs."""


def fold_to_ascii(text: str) -> str:
    """The text in ASCII: letters without their marks, and a question mark for what has no like.

    Readers lose a whole name, or stop, where it holds anything else.
    """
    plain = unicodedata.normalize("NFKD", text)
    kept = "".join(character for character in plain if not unicodedata.combining(character))
    return "".join(one if one.isascii() and one.isprintable() else "?" for one in kept)
