"""Samples as arrays, for what is computed of all of them at once."""

from typing import Any

import numpy as np

from telemetry.fields.derived import Sample


class SampleColumns:
    """Takes fields of samples as arrays: (n,) for one number, (n, k) for several, or for several fields."""

    def __init__(self, samples: tuple[Sample, ...]) -> None:
        self._samples = samples

    def __call__(self, *names: str) -> Any:
        """The fields of these names as float64; None is NaN."""
        pick = Sample.getter(*names)
        return np.array([pick(sample) for sample in self._samples], dtype=np.float64)

    def whole(self, name: str) -> Any:
        """The same, of whole numbers and flags."""
        pick = Sample.getter(name)
        return np.array([pick(sample) for sample in self._samples], dtype=np.int64)
