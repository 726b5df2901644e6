"""Which raw fields of a recording a task needs: one that lacks some of them would give zeros for data."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from typing import Final

from telemetry.base.text import join_names
from telemetry.fields.held import raw_fields_of
from telemetry.fields.snapshot import Snapshot
from telemetry.rl.features import COMPUTED_FEATURES
from telemetry.rl.reward import PLACE_ON_TRACK, TERMS
from telemetry.rl.spec import Spec

MAX_NAMES: Final = 10
"""Missing fields that a sentence names."""

_COMPUTED: Final = {
    "speed": ("speed_kmh",),
    "lap_phase": ("normalized_position",),
    "track_offset": PLACE_ON_TRACK,
    "track_heading": (*PLACE_ON_TRACK, "heading"),
    "curvature_ahead": (*PLACE_ON_TRACK, "normalized_position"),
}
"""What the features of :data:`~telemetry.rl.features.COMPUTED_FEATURES` are computed from."""

_CONTROLS: Final = ("steer_angle", "gas", "brake")

_ALWAYS: Final = (
    *("packet_id", "status", "completed_laps", "current_time", "last_time", "best_time", "normalized_position"),
    *("world_position_x", "world_position_y", "world_position_z", "number_of_tyres_out", "distance_traveled"),
)
"""What tells the state of the game and the lap, and what the infos of every step hold."""


_OF_EVERY_STEP: Final = frozenset(
    {*_ALWAYS, *_CONTROLS, "elapsed", "session", "track", "car_model", "lap_time", "lap_distance", "is_lap_valid"}
    | {"track_spline_length", "bodywork_critical", "tyre_critical"}
)
"""The fields of a sample that every step of a trajectory is made of."""


def sample_fields(spec: Spec) -> frozenset[str]:
    """The fields of a sample, derived ones too, that trajectories of this task are made of."""
    return _OF_EVERY_STEP.union(_named_fields(spec))


def needed_fields(spec: Spec) -> frozenset[str]:
    """The raw fields that observations, actions, rewards, end rules and infos of this task are made of."""
    return raw_fields_of(_named_fields(spec))


def _named_fields(spec: Spec) -> list[str]:
    names = [*_ALWAYS, *_CONTROLS]
    for feature in spec.observation.fields:
        names += _COMPUTED[feature.name] if feature.name in COMPUTED_FEATURES else (feature.name,)
    for term, weight in spec.reward.weights.items():
        if weight:
            names += TERMS[term].reads
    if spec.end.bodywork_critical:
        names.append("bodywork_critical")
    if spec.end.tyre_critical:
        names.append("tyre_critical")
    if spec.end.backwards_metres or spec.end.no_progress_seconds:
        names.append("track_spline_length")
    return names


def describe_lacking(needed: Iterable[str], missing: AbstractSet[str]) -> str:
    """The needed fields that are missing, in the order of a sample, for a person; empty where all are held."""
    wanted = frozenset(needed)
    return join_names([name for name in Snapshot.NAMES if name in wanted and name in missing], MAX_NAMES)
