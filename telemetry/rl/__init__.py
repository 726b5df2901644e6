"""Reinforcement learning on Assetto Corsa: the specification of a task, environments, actuators and datasets.

``gymnasium.make("telemetry.rl:AssettoCorsa/Drive-v0", source="demo")`` makes an environment. Importing this package
registers it, and the variants with a fixed source: ``Demo-v0``, ``Replay-v0`` and ``Live-v0``. The specification and
the exporters do not need Gymnasium, which the extra ``gym`` installs.
"""

from importlib import import_module
from typing import Any

from telemetry.base.extras import MissingExtraError, is_installed, require
from telemetry.rl.ending import Ending
from telemetry.rl.episode import EpisodeState, Outcome, advance, advance_recorded, begin, check_end, info
from telemetry.rl.features import Feature
from telemetry.rl.observation import layout, observe
from telemetry.rl.reward import reward
from telemetry.rl.spec import Action, End, Observation, Randomisation, Reward, Spec, as_spec, load_spec
from telemetry.sources.known_tracks import known_track
from telemetry.tracks.track import TrackMap

__all__ = [
    "Action",
    "End",
    "Ending",
    "EpisodeState",
    "Feature",
    "MissingExtraError",
    "Observation",
    "Outcome",
    "Randomisation",
    "Reward",
    "Spec",
    "TrackMap",
    "advance",
    "advance_recorded",
    "as_spec",
    "begin",
    "check_end",
    "info",
    "known_track",
    "layout",
    "load_spec",
    "observe",
    "reward",
]

ENVIRONMENTS = {"Drive": "demo", "Demo": "demo", "Replay": None, "Live": "live"}
"""The names of the environments and their default sources; None: the caller must name one."""


def __getattr__(name: str) -> Any:
    """Import ``DriveEnv``, which needs Gymnasium, on first use."""
    if name != "DriveEnv":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    require("gymnasium", extra="gym", purpose="The environment")
    return import_module("telemetry.rl.env").DriveEnv


def _register() -> None:
    if not is_installed("gymnasium"):
        return
    gymnasium = require("gymnasium", extra="gym", purpose="The environment")
    for name, source in ENVIRONMENTS.items():
        gymnasium.register(
            f"AssettoCorsa/{name}-v0",
            "telemetry.rl.env:DriveEnv",
            kwargs={} if source is None else {"source": source},
            nondeterministic=name == "Live",
            vector_entry_point="telemetry.rl.vector.env:DriveVectorEnv" if source == "demo" else None,
        )


_register()
