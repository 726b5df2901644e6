"""File formats: a folder for each, with everything that reads and writes its files.

Each folder declares its :class:`Format`; :mod:`telemetry.formats.table` lists the built-in ones and finds those that
other distributions bring. Nobody else asks for a suffix or for a class of a format.
"""

from telemetry.formats.format import ChannelOptions, Format, PreparedChannels, Recovered, WatchShare
from telemetry.formats.table import (
    FORMATS,
    all_formats,
    can_be_read,
    find_format,
    format_label,
    is_found_in_folders,
    is_recording,
    not_for_recording,
    readable_suffixes,
    recording_suffix,
    recording_suffixes,
    stem_of,
    unsupported_file_type,
)

__all__ = [
    "FORMATS",
    "ChannelOptions",
    "Format",
    "PreparedChannels",
    "Recovered",
    "WatchShare",
    "all_formats",
    "can_be_read",
    "find_format",
    "format_label",
    "is_found_in_folders",
    "is_recording",
    "not_for_recording",
    "readable_suffixes",
    "recording_suffix",
    "recording_suffixes",
    "stem_of",
    "unsupported_file_type",
]
