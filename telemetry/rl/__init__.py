"""Reinforcement learning on Assetto Corsa: one specification, and the environment that follows it.

``gymnasium.make("telemetry.rl:AssettoCorsa/Drive-v0", source="demo")`` makes an environment; importing this package
registers it, with others whose source is settled: ``Demo-v0``, ``Replay-v0`` and ``Live-v0``. The specification, and
all that exporters need, does without Gymnasium, the extra ``gym``.
"""

from importlib import import_module
from typing import Any

from telemetry.base.extras import MissingExtraError, is_installed, require
from telemetry.rl.episode import Ending, EpisodeState, Outcome, advance, advance_recorded, begin, check_end, info
from telemetry.rl.features import Feature
from telemetry.rl.observation import layout, observe
from telemetry.rl.reward import reward
from telemetry.rl.spec import Action, End, Observation, Reward, Spec, as_spec, load_spec
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
"""The names of the environments, and the source that each has unless another is asked for; None: it must be."""


def __getattr__(name: str) -> Any:
    """``DriveEnv``, which needs Gymnasium, when it is asked for."""
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
        )


_register()
