"""``--from`` and ``--to``: a part of a recording, in time or in laps."""

from telemetry.base.amounts import DURATION_FORMS, parse_duration
from telemetry.base.errors import UsageError
from telemetry.base.units import STEP_S
from telemetry.formats import can_be_read
from telemetry.sources import open_source


def parse_time_range(source: str, begin: str | None, end: str | None) -> tuple[float | None, float | None]:
    """Start and end in seconds since the recording's first sample; UsageError for a text that names no time."""
    if begin is None and end is None:
        return None, None
    if not can_be_read(source):
        raise UsageError("--from and --to are for recordings only.")
    first, last = _parse_time("--from", source, begin), _parse_time("--to", source, end)
    if first is not None and last is not None and last <= first:
        raise UsageError(f"--to {end} is not after --from {begin}.")
    return first, last


def _parse_time(option: str, source: str, text: str | None) -> float | None:
    if text is None:
        return None
    if text.startswith("lap:"):
        return _find_lap(option, source, text.removeprefix("lap:"))
    try:
        return parse_duration(text)
    except UsageError:
        raise UsageError(f"{option}: {text!r} is neither a time like {DURATION_FORMS} nor a lap like lap:3.") from None


def _find_lap(option: str, source: str, text: str) -> float:
    """The start of a lap for --from, and its end for --to."""
    from telemetry.recording.blocks import read_blocks
    from telemetry.recording.recorded_laps import laps_of_recording

    if not text.isdecimal():
        raise UsageError(f"{option} lap:{text}: expected a lap number, like lap:3.")
    number = int(text)
    with open_source(source) as recording:
        for lap in laps_of_recording(recording):
            if lap.number == number and lap.first and lap.last:
                first = next(read_blocks(recording, fields={"elapsed"}))
                first_s = float(first.array("elapsed")[0])
                return (lap.first.elapsed if option == "--from" else lap.last.elapsed + STEP_S) - first_s
    raise UsageError(f"{source} has no lap {number}; the command 'laps' lists its laps.")
