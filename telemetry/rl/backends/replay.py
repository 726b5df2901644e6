"""A recording as a world: what was driven goes by, step by step, and commands change nothing."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError, UsageError
from telemetry.fields.derived import Sample, derive
from telemetry.fields.resample import resample
from telemetry.recording.api import samples
from telemetry.recording.interfaces import Source
from telemetry.rl.action import Command
from telemetry.rl.backends.base import Backend, Ready, StepResult
from telemetry.sources import RECORDING_SUFFIXES, open_source

SamplesOf = Callable[[Source, float], Iterator[Sample]]


def recorded_samples(source: Source, control_hz: float) -> Iterator[Sample]:
    """The samples of a recording at the control rate, pauses included, as fast as they can be read.

    Each is the first at or after its moment, as a reader of the running game would have met it.
    """
    return samples(source, rate=control_hz, include_paused=True, clock=Clock(math.inf))


def resampled(source: Source, control_hz: float) -> Iterator[Sample]:
    """The samples of a recording at exactly the control rate, whatever its own: what lies between is interpolated."""
    readings = source.readings(Clock(math.inf), None)
    before: Sample | None = None
    for snapshot in resample((one.snapshot for one in readings if one.snapshot is not None), control_hz):
        before = derive(snapshot, before)
        yield before


class ReplayBackend(Backend):
    """The episodes of a recording one after the other; after the last, and with a seed, it begins anew.

    An episode begins with the next sample that may begin one, so that a pause or a wreck is not an episode each.
    ``samples_of`` says which samples a recording has at the control rate.
    """

    accepts_actions = False

    def __init__(self, path: Path, control_hz: float, samples_of: SamplesOf = recorded_samples) -> None:
        if not path.name.endswith(RECORDING_SUFFIXES):
            raise UsageError(f"{path} is no recording; those end in {', '.join(RECORDING_SUFFIXES)}.")
        self.name = f"replay:{path}"
        self._path = path
        self._hz = control_hz
        self._samples_of = samples_of
        self._source: Source | None = None
        self._samples: Iterator[Sample] = iter(())
        self._next: Sample | None = None
        open_source(path).close()  # so that a file that is none is told at once

    def reset(self, seed: int | None, rng: np.random.Generator, options: Mapping[str, Any], ready: Ready) -> Sample:  # noqa: ARG002 - there is no chance in a recording
        """The next sample with which an episode may begin, or the first after ``begin`` seconds in ``options``."""
        begin = options.get("begin")
        if begin is not None and not (isinstance(begin, int | float) and begin >= 0.0):
            raise UsageError(f"options: {begin!r} is no begin; that is a number of seconds from 0 on.")
        if seed is not None or begin is not None or self._next is None:
            self._rewind(begin)
        first = self._seek(ready)
        if first is None and begin is None and seed is None:
            self._rewind(None)
            first = self._seek(ready)
        if first is None:
            raise SourceError(f"{self._path} has no two samples with which an episode may begin.")
        return first

    def advance(self, command: Command) -> StepResult:  # noqa: ARG002 - it is ignored
        """The next recorded sample."""
        sample = self._take()
        return StepResult(sample, last=self._next is None)

    def close(self) -> None:
        """Let go of the file."""
        if self._source is not None:
            self._source.close()
            self._source = None
        self._samples, self._next = iter(()), None

    def _rewind(self, begin: float | None) -> None:
        self.close()
        self._source = open_source(self._path, begin=begin)
        self._samples = self._samples_of(self._source, self._hz)
        self._next = next(self._samples, None)

    def _take(self) -> Sample | None:
        sample, self._next = self._next, next(self._samples, None)
        return sample

    def _seek(self, ready: Ready) -> Sample | None:
        while (sample := self._take()) is not None and self._next is not None:
            if ready(sample):
                return sample
        return None
