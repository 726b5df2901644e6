"""Fields of many samples as arrays."""

from typing import Any

import numpy as np

from telemetry.fields.derived import Sample


class SampleColumns:
    """Returns fields of samples as arrays: (n,) for a number, (n, k) for an array or for several fields."""

    def __init__(self, samples: tuple[Sample, ...]) -> None:
        self._samples = samples

    def __call__(self, *names: str) -> Any:
        """The fields of these names as float64; None becomes NaN."""
        get = Sample.getter(*names)
        return np.array([get(sample) for sample in self._samples], dtype=np.float64)

    def integers(self, name: str) -> Any:
        """A field of integers or flags as int64."""
        get = Sample.getter(name)
        return np.array([get(sample) for sample in self._samples], dtype=np.int64)
