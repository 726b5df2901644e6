"""The infos of many cars as Gymnasium's vector environments have them: arrays by name, each with a mask of the cars."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from telemetry.fields.blocks import Array


def mask_infos(infos: Mapping[str, Any], mask: Array) -> dict[str, Any]:
    """The infos of some cars, with their masks: 0, or None, for the others. Masks among them are made anew."""
    masked: dict[str, Any] = {}
    for name, values in infos.items():
        if name.startswith("_"):
            continue
        if isinstance(values, dict):
            masked[name] = mask_infos(values, mask)
        else:
            kept = np.zeros_like(values) if values.dtype != object else np.full(len(values), None, dtype=object)
            kept[mask] = values[mask]
            masked[name] = kept
        masked[f"_{name}"] = mask.copy()
    return masked


def add_masks(infos: Mapping[str, Any], count: int) -> dict[str, Any]:
    """The infos of all of so many cars, with their masks."""
    masked: dict[str, Any] = {}
    for name, values in infos.items():
        masked[name] = add_masks(values, count) if isinstance(values, dict) else values
        masked[f"_{name}"] = np.ones(count, bool)
    return masked


def set_info(infos: Mapping[str, Any], index: int, info: Mapping[str, Any]) -> None:
    """Replace the info of one car."""
    for name, value in info.items():
        if isinstance(value, dict):
            set_info(infos[name], index, value)
        else:
            infos[name][index] = value


def join_infos(infos: Mapping[int, Mapping[str, Any]], count: int) -> dict[str, Any]:
    """The infos of single cars, by car, as arrays of ``count`` rows without masks."""
    joined = _empty(next(iter(infos.values())), count)
    for index, info in infos.items():
        set_info(joined, index, info)
    return joined


def _empty(info: Mapping[str, Any], count: int) -> dict[str, Any]:
    empty: dict[str, Any] = {}
    for name, value in info.items():
        if isinstance(value, dict):
            empty[name] = _empty(value, count)
        elif isinstance(value, np.ndarray):
            empty[name] = np.zeros((count, *value.shape), value.dtype)
        elif isinstance(value, bool | int | float):
            empty[name] = np.zeros(count, type(value))
        else:
            empty[name] = np.full(count, None, dtype=object)
    return empty
