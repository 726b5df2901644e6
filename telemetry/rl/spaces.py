"""The Gymnasium spaces of a specification."""

from typing import Any

import numpy as np
from gymnasium import spaces
from numpy.typing import NDArray

from telemetry.rl.observation import layout
from telemetry.rl.spec import Spec


def observation_space(spec: Spec) -> spaces.Space[Any]:
    """A float32 box with finite bounds, or a dictionary of such boxes in the units of the fields."""
    plan = layout(spec)
    if spec.observation.shape == "flat":
        return _box(plan.low / plan.scale, plan.high / plan.scale)
    return spaces.Dict({name: _box(plan.low[numbers], plan.high[numbers]) for name, numbers in plan.parts})


def action_space(spec: Spec) -> spaces.Box:
    """A float32 box of -1..1 with one axis for each of ``spec.action.names``."""
    return spaces.Box(-1.0, 1.0, (spec.action.size,), np.float32)


def _box(low: NDArray[np.float64], high: NDArray[np.float64]) -> spaces.Box:
    return spaces.Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)
