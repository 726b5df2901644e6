"""A recording as a backend: it is replayed step by step, and commands change nothing."""

import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError, UsageError
from telemetry.base.typing import override
from telemetry.fields.derived import Sample, derive
from telemetry.fields.resample import resample
from telemetry.formats import can_be_read, readable_suffixes, unsupported_file_type
from telemetry.recording.api import samples
from telemetry.recording.interfaces import Source
from telemetry.rl.action import Command
from telemetry.rl.backends.base import Backend, Ready, StepResult
from telemetry.sources import open_source

ReadSamples = Callable[[Source, float], Iterator[Sample]]
"""Reads the samples of a recording at a control rate in Hz."""


def recorded_samples(source: Source, control_hz: float) -> Iterator[Sample]:
    """The samples of a recording at the control rate, pauses included, as fast as possible.

    Each is the first one at or after its deadline, as a reader of the running game would have got it.
    """
    return samples(source, rate=control_hz, include_paused=True, clock=Clock(math.inf))


def resampled(source: Source, control_hz: float) -> Iterator[Sample]:
    """The samples of a recording at exactly the control rate, interpolated from the recorded ones."""
    readings = source.readings(Clock(math.inf), None)
    before: Sample | None = None
    snapshots = (reading.snapshot for reading in readings if reading.snapshot is not None)
    for snapshot in resample(snapshots, control_hz):
        before = derive(snapshot, before)
        yield before


class ReplayBackend(Backend):
    """The episodes of a recording one after the other; after the last, or with a seed, it starts again.

    An episode begins with the last sample of the one before, so that no step is lost between them, or else with the
    next one that is ready, so that pauses and wrecks are skipped. ``read_samples`` reads the samples at the control
    rate. Raises :class:`telemetry.TelemetryError` if the file cannot be read.
    """

    accepts_actions = False

    def __init__(self, path: Path, control_hz: float, read_samples: ReadSamples = recorded_samples) -> None:
        if not can_be_read(path):
            raise unsupported_file_type(path, readable_suffixes())
        self.name = f"replay:{path}"
        self._path = path
        self._hz = control_hz
        self._read_samples = read_samples
        self._source: Source | None = None
        self._samples: Iterator[Sample] = iter(())
        self._latest: Sample | None = None
        self._next: Sample | None = None
        with open_source(path) as source:  # fails at once if the file is not a recording
            self._missing_fields = source.missing_fields

    @property
    @override
    def missing_fields(self) -> frozenset[str]:
        return self._missing_fields

    @override
    def reset(self, seed: int | None, rng: np.random.Generator, options: Mapping[str, Any], ready: Ready) -> Sample:
        """The latest sample or the next that is ready, or the first one after ``begin`` seconds, given in ``options``.

        Raises UsageError for a negative ``begin``, and SourceError if no sample is ready.
        """
        begin = options.get("begin")
        if begin is not None and not (isinstance(begin, int | float) and begin >= 0.0):
            raise UsageError(f"options: begin must be a number of seconds from 0 on, got {begin!r}.")
        if seed is not None or begin is not None or self._next is None:
            self._rewind(begin)
        first = self._seek(ready)
        if first is None and begin is None and seed is None:
            self._rewind(None)
            first = self._seek(ready)
        if first is None:
            raise SourceError(f"No episode can begin in {self._path}: it needs two samples that violate no end rule.")
        return first

    @override
    def advance(self, command: Command) -> StepResult:
        sample = self._take()
        return StepResult(sample, last=self._next is None)

    @override
    def close(self) -> None:
        if self._source is not None:
            self._source.close()
            self._source = None
        self._samples, self._latest, self._next = iter(()), None, None

    def _rewind(self, begin: float | None) -> None:
        self.close()
        self._source = open_source(self._path, begin=begin)
        self._samples = self._read_samples(self._source, self._hz)
        self._next = next(self._samples, None)

    def _take(self) -> Sample | None:
        self._latest, self._next = self._next, next(self._samples, None)
        return self._latest

    def _seek(self, ready: Ready) -> Sample | None:
        """The latest sample or the next one that is ready and has a successor."""
        sample = self._take() if self._latest is None else self._latest
        while sample is not None and self._next is not None:
            if ready(sample):
                return sample
            sample = self._take()
        return None
