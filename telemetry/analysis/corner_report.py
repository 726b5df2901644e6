"""What laps did in each corner of their track: every measure with its spread, and the time lost against a reference."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from telemetry.analysis.comparison import DrivenLap
from telemetry.analysis.corner_measures import CornerMeasure, Spread, measure, spread, spreads, windows
from telemetry.analysis.known_tracks import FoundTrack
from telemetry.analysis.lap_segments import segment_deltas, segments
from telemetry.tracks.corners import Corner


@dataclass(frozen=True, slots=True)
class CornerReport:
    """One corner over laps."""

    corner: Corner
    lost: Spread
    """Seconds lost in its segment against the reference, + = lost; without laps where the reference is the only one."""
    measures: dict[str, Spread]
    """Each measure of :class:`CornerMeasure`, by its name."""
    reference: CornerMeasure

    def to_dict(self) -> dict[str, Any]:
        """The corner as JSON values."""
        return {
            **asdict(self.corner),
            "lost_s": asdict(self.lost),
            "measures": {name: asdict(one) for name, one in self.measures.items()},
            "reference": asdict(self.reference),
        }


def report_corners(found: FoundTrack, laps: Sequence[DrivenLap], reference: DrivenLap) -> list[CornerReport]:
    """Each corner of the track, that in which most is lost first; in driving order where nothing is compared.

    The reference is measured with the laps if it is one of them, and not compared with itself.
    """
    track = found.track
    parts = segments(track)
    others = [lap for lap in laps if lap.lap is not reference.lap]
    deltas = [segment_deltas(lap.trace, reference.trace, parts) for lap in others]
    reports = [
        CornerReport(
            window.corner,
            spread(lap[at].lost_s for lap in deltas),
            spreads([measure(window, lap.trace, reference.trace) for lap in laps]),
            measure(window, reference.trace),
        )
        for at, window in enumerate(windows(track))
    ]
    return sorted(reports, key=lambda one: -(one.lost.mean or 0.0))
