"""What each number of a report means, in a sentence, with where ``docs/analysis.md`` defines it."""

from typing import Final, NamedTuple


class Definition(NamedTuple):
    """The definition of one number."""

    title: str
    text: str
    """A sentence or two, for a driver."""
    chapter: str
    """The heading in ``docs/analysis.md`` under which it stands."""


_AXIS, _LAP, _CORNER, _WHOLE, _MORE, _REPORT = (
    "The axis and the delta",
    "A lap as a whole",
    "A lap in a corner",
    "Laps together",
    "More measures",
    "The report",
)

DEFINITIONS: Final = {
    "time": Definition(
        "time",
        "The official lap time; with ~ the one measured by the lap clock and the steps of the physics.",
        _AXIS,
    ),
    "gap": Definition("gap", "Lap time less that of the best lap of the report.", _REPORT),
    "sector": Definition("S1, S2, ...", "The game's own sector times.", _REPORT),
    "valid": Definition(
        "valid",
        "From line to line, not refused by the game, without a cut, the pits and the AI; else the reasons.",
        _REPORT,
    ),
    "delta": Definition(
        "delta",
        "Time of a lap less that of the reference at the same place of the track, + = slower; at the line the "
        "official difference.",
        _AXIS,
    ),
    "median": Definition(
        "median lap",
        "The lap, besides the best one, whose time is nearest to the median of the laps of the report.",
        _REPORT,
    ),
    "theoretical": Definition(
        "theoretical best",
        "The best sectors of valid laps added up, with the laps that drove them.",
        _WHOLE,
    ),
    "consistency": Definition(
        "consistency",
        "The standard deviation of the times of clean laps: valid, from line to line, at most 7 % slower than the"
        " fastest.",
        _WHOLE,
    ),
    "trend": Definition(
        "trend",
        "The slope of a straight line through the clean laps of a stint in seconds per lap, with the interval "
        "that holds it in 95 % of cases.",
        _WHOLE,
    ),
    "fuel": Definition(
        "fuel per lap",
        "The median of clean laps, in litres burnt; laps left: what is in the tank at the end of the last lap, "
        "divided by it.",
        _WHOLE,
    ),
    "wear": Definition(
        "wear per lap",
        "The median over clean laps of the share of a tyre's life that a lap takes.",
        _WHOLE,
    ),
    "possible": Definition(
        "possible lap",
        "The time on the line of the best lap at the edge of the car's own envelope everywhere, forwards and "
        "backwards.",
        _LAP,
    ),
    "envelope": Definition(
        "envelope",
        "By bands of 20 km/h and 24 directions the 95th percentile of the horizontal acceleration.",
        _LAP,
    ),
    "use": Definition(
        "use",
        "The acceleration as a share of the envelope in its direction: the mean by time where it is known, and "
        "the seconds at 90 % and more.",
        _LAP,
    ),
    "lost": Definition(
        "lost",
        "Delta gained in the segment of the corner, from the middle of the straight before it to that behind it; "
        "mean over the laps besides the best one.",
        _CORNER,
    ),
    "total": Definition("total", "The delta at the end of the segment.", _CORNER),
    "braking": Definition("brakes", "Metres before the apex at which the braking for the corner begins.", _CORNER),
    "peak_brake": Definition("brake", "The most brake of it, in percent of the pedal.", _CORNER),
    "release": Definition(
        "release",
        "Metres before the apex at which the brake is released, negative behind it.",
        _CORNER,
    ),
    "entry": Definition("entry", "Speed at the begin of the corner.", _CORNER),
    "min": Definition("min", "The lowest speed between begin and end of the corner.", _CORNER),
    "exit": Definition("exit", "Speed at the end of the corner.", _CORNER),
    "throttle": Definition("throttle", "Seconds from the apex to at least half throttle.", _CORNER),
    "gear": Definition("gear", "At the apex, as the dashboard shows it.", _CORNER),
    "peak_g": Definition("g", "The highest lateral acceleration in the corner.", _CORNER),
    "offset": Definition("line", "Metres to the left of the line of the best lap at the apex.", _CORNER),
    "corner_time": Definition("time in the corner", "From the begin of the corner to its end.", _CORNER),
    "full_throttle": Definition("full throttle", "Time of the lap with more than 95 % throttle.", _LAP),
    "brake_time": Definition("braking", "Time of the lap with more than 5 % brake.", _LAP),
    "coasting": Definition("coasting", "Time of the lap with less than 5 % of either pedal above 30 km/h.", _LAP),
    "overlap": Definition("overlap", "Time of the lap with more than 10 % of both pedals.", _LAP),
    "top": Definition("top", "The highest speed of the lap.", _LAP),
    "dampers": Definition(
        "damper speed",
        "The speed of the wheel in the suspension in mm/s, as shares of time; needs 150 samples a second or more.",
        _MORE,
    ),
    "pressure": Definition("pressure", "Mean by time above 50 km/h, hot.", _MORE),
    "core": Definition("core", "Mean temperature of the tyre's core above 50 km/h.", _MORE),
    "tread": Definition(
        "inner, middle, outer",
        "Mean temperatures of the three parts of the tread above 50 km/h.",
        _MORE,
    ),
    "spread": Definition("inner less outer", "Above 50 km/h, + = the inner part of the tread is hotter.", _MORE),
    "quality": Definition("data quality", "What 'info' and 'validate' say of the recording.", _REPORT),
}
"""By the name that the page links to. Each is told in ``docs/analysis.md``, which a test holds true."""
