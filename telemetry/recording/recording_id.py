"""The id of a recording: all files of one recording have it, and what is converted from them keeps it."""

import os
from typing import Final

RECORDING_ID: Final = "recording_id"
"""Its key in the metadata of a file."""


def make_recording_id() -> str:
    """A new id: 32 random hexadecimal digits."""
    return os.urandom(16).hex()
