"""One ``.npz`` with the keys of D4RL, for whatever reads those: arrays of all steps, episodes one behind the other."""

import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from telemetry.base.errors import UsageError
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts
from telemetry.rl.datasets.exporter import (
    DatasetSummary,
    EpisodeEntry,
    Exporter,
    ExportResult,
    StagedRecording,
    episode_entry,
)
from telemetry.rl.datasets.formats.parquet import task_chapter, write_spec
from telemetry.rl.datasets.transitions import Trajectory, trajectories
from telemetry.rl.spec import Spec

FILE: Final = "dataset.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class NpzExporter(Exporter):
    """Writes ``OUT/dataset.npz``."""

    spec: Spec

    @property
    def title(self) -> str:
        """The format, for a person."""
        return "NumPy archive with the keys of D4RL"

    def check(self) -> None:
        """UsageError where observations are no arrays of one row a step."""
        if self.spec.observation.shape != "flat":
            raise UsageError('The format npz takes flat observations; say observation.shape = "flat".')

    def convert(self, found: Iterator[Episode], cut: EpisodeConfig, folder: Path, skipped: SkipCounts) -> ExportResult:
        """Write the arrays of a recording into a file of their own."""
        del cut
        made: list[dict[str, Any]] = []
        entries: list[EpisodeEntry] = []
        for episode in found:
            for one in trajectories(self.spec, episode, skipped):
                made.append(arrays_of(one))
                entries.append(episode_entry(episode, FILE, steps=one.steps, end=one.reason, terminated=one.terminated))
        if made:
            arrays: dict[str, Any] = {key: np.concatenate([part[key] for part in made]) for key in made[0]}
            np.savez(folder / FILE, **arrays)
        return ExportResult(tuple(entries))

    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> DatasetSummary:
        """Join what the recordings gave, with one of them in memory at a time."""
        results = tuple(part.result for part in staged)
        steps = [entry.steps for result in results for entry in result.episodes]
        starts = np.concatenate([[0], np.cumsum(steps)[:-1]]).astype(np.int64)
        first = next(iter(staged))
        with zipfile.ZipFile(folder / FILE, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
            with np.load(first.folder / FILE) as arrays:
                shapes = {key: (arrays[key].shape[1:], arrays[key].dtype) for key in arrays}
            for key, (shape, kind) in shapes.items():
                with _member(archive, key, (sum(steps), *shape), kind) as member:
                    for part in staged:
                        with np.load(part.folder / FILE) as arrays:
                            member.write(np.ascontiguousarray(arrays[key]).data)
            with _member(archive, "episode_starts", starts.shape, starts.dtype) as member:
                member.write(starts.data)
        write_spec(self.spec, folder)
        return DatasetSummary(results, (("Keys", _KEYS), task_chapter(self.spec)))


def arrays_of(one: Trajectory) -> dict[str, Any]:
    """The steps of a trajectory by the keys of D4RL."""
    return {
        "observations": one.observations[:-1],
        "actions": one.actions,
        "rewards": one.rewards.astype(np.float32),
        "next_observations": one.observations[1:],
        "terminals": one.terminations,
        "timeouts": one.truncations,
        **{f"infos/{name}": values[:-1] for name, values in one.infos.items()},
    }


@contextmanager
def _member(archive: zipfile.ZipFile, key: str, shape: tuple[int, ...], kind: Any) -> Iterator[IO[bytes]]:
    """An array of an archive, whose numbers are to be written row by row."""
    # Without a date, so that equal arrays make equal files.
    episode_entry = zipfile.ZipInfo(f"{key}.npy")
    episode_entry.compress_type = archive.compression
    with archive.open(episode_entry, "w", force_zip64=True) as member:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(kind)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(member, header)
        yield member


_KEYS: Final = """\
`dataset.npz` holds arrays with a row for each step: `observations`, `actions`, `rewards` and `next_observations`
(float32), `terminals` (the task ended) and `timeouts` (cut off there; the drive went on), `infos/...` of the sample
before the step, and `episode_starts`, the row at which each episode begins."""
