"""A vector environment for Stable-Baselines3, which takes none of Gymnasium's: :func:`as_vec_env`.

Stable-Baselines3 is not installed with this package; importing this module needs it.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from telemetry.base.errors import UsageError
from telemetry.base.typing import override

try:
    from stable_baselines3.common.vec_env import VecEnv
except ModuleNotFoundError as error:
    raise ImportError(
        f"telemetry.rl.sb3 needs {error.name}, which is not installed. Get it with: pip install stable-baselines3."
    ) from error

__all__ = ["VectorAdapter", "as_vec_env"]


def as_vec_env(env: Any, info_names: Sequence[str] = ()) -> "VectorAdapter":
    """The same cars as Stable-Baselines3 wants them.

    ``env`` is a vector environment whose ``autoreset_mode`` is ``SameStep``. The infos of a step hold the entries of
    ``info_names``; where an episode ends, all entries of its last step, ``terminal_observation`` and
    ``TimeLimit.truncated``. Raises UsageError for another mode.
    """
    return VectorAdapter(env, info_names)


class VectorAdapter(VecEnv):  # type: ignore[misc] # it is Any where it is not installed
    """See :func:`as_vec_env`."""

    def __init__(self, env: Any, info_names: Sequence[str] = ()) -> None:
        mode = env.metadata.get("autoreset_mode")
        if getattr(mode, "value", mode) != "SameStep":
            raise UsageError(
                "Stable-Baselines3 begins the next episode in the step that ends one: make the vector environment with "
                "autoreset_mode='SameStep'."
            )
        self.env = env
        self._info_names = tuple(info_names)
        self._actions: Any = None
        super().__init__(env.num_envs, env.single_observation_space, env.single_action_space)

    @override
    def reset(self) -> Any:
        """Begin an episode of every car; the seeds of :meth:`seed` count once."""
        seeds = None if all(seed is None for seed in self._seeds) else self._seeds
        observations, infos = self.env.reset(seed=seeds, options=self._options[0] or None)
        self.reset_infos = [_info_of(infos, index) for index in range(self.num_envs)]
        self._reset_seeds()
        self._reset_options()
        return observations

    @override
    def step_async(self, actions: Any) -> None:
        self._actions = actions

    @override
    def step_wait(self) -> tuple[Any, Any, Any, list[dict[str, Any]]]:
        observations, rewards, terminated, truncated, infos = self.env.step(self._actions)
        done = terminated | truncated
        shown = [infos[name] for name in self._info_names]
        own = [
            {name: values[index] for name, values in zip(self._info_names, shown, strict=True)}
            for index in range(self.num_envs)
        ]
        for index in np.flatnonzero(done).tolist():
            own[index] = {
                **_info_of(infos["final_info"], index),
                "terminal_observation": infos["final_obs"][index],
                "TimeLimit.truncated": bool(truncated[index] and not terminated[index]),
            }
        return observations, rewards.astype(np.float32), done, own

    @override
    def close(self) -> None:
        self.env.close()

    @override
    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """An attribute of the vector environment, which all cars share, once for each of them."""
        return [getattr(self.env, attr_name)] * len(self._indices(indices))

    @override
    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the vector environment; UsageError unless it is for all cars."""
        self._check_all(indices)
        setattr(self.env, attr_name, value)

    @override
    def env_method(self, method_name: str, *args: Any, indices: Any = None, **kwargs: Any) -> list[Any]:
        """Call a method of the vector environment once; its result for each car."""
        self._check_all(indices)
        return [getattr(self.env, method_name)(*args, **kwargs)] * self.num_envs

    @override
    def env_is_wrapped(self, wrapper_class: type[Any], indices: Any = None) -> list[bool]:
        return [isinstance(self.env, wrapper_class)] * len(self._indices(indices))

    def _indices(self, indices: Any) -> list[int]:
        return list(self._get_indices(indices))

    def _check_all(self, indices: Any) -> None:
        if len(self._indices(indices)) != self.num_envs:
            raise UsageError("The cars of a vector environment are one: attributes and methods belong to all of them.")


def _info_of(infos: dict[str, Any], index: int) -> dict[str, Any]:
    """The entries of one car."""
    return {
        name: _info_of(values, index) if isinstance(values, dict) else values[index]
        for name, values in infos.items()
        if not name.startswith("_")
    }
