"""One ``.npz`` file with the keys of D4RL: arrays of all steps, one episode after the other."""

import zipfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

import numpy as np

from telemetry.base.errors import UsageError
from telemetry.base.typing import override
from telemetry.rl.datasets.array_file import ArrayFile
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts
from telemetry.rl.datasets.exporter import (
    DatasetSummary,
    EpisodeEntry,
    Exporter,
    ExportResult,
    StagedRecording,
)
from telemetry.rl.datasets.formats.parquet import task_chapter, write_spec
from telemetry.rl.datasets.formats.part_arrays import open_arrays
from telemetry.rl.datasets.transitions import Trajectory, trajectories, trajectory_entry
from telemetry.rl.needed_fields import needed_fields, sample_fields
from telemetry.rl.spec import Spec

FILE: Final = "dataset.npz"
_BY_TRAJECTORY: Final = ".trajectories.npz"


@dataclass(frozen=True, slots=True, kw_only=True)
class NpzExporter(Exporter):
    """Writes ``OUT/dataset.npz``."""

    spec: Spec

    @property
    @override
    def title(self) -> str:
        return "NumPy archive with the keys of D4RL"

    @property
    @override
    def needed_fields(self) -> frozenset[str]:
        return needed_fields(self.spec)

    @property
    @override
    def sample_fields(self) -> frozenset[str]:
        return sample_fields(self.spec)

    @override
    def check(self) -> None:
        """Raise UsageError if observations are not flat."""
        if self.spec.observation.shape != "flat":
            raise UsageError('The format npz needs flat observations; set observation.shape = "flat".')

    @override
    def convert(
        self, episodes: Iterator[Episode], config: EpisodeConfig, folder: Path, skipped: SkipCounts
    ) -> ExportResult:
        """Write the arrays of a recording into one file, with one array in memory at a time."""
        entries: list[EpisodeEntry] = []
        by_trajectory = folder / _BY_TRAJECTORY
        with ArrayFile(by_trajectory) as file:
            for episode in episodes:
                for trajectory in trajectories(self.spec, episode, skipped, self.tracks):
                    file.write({f"{len(entries)}/{key}": values for key, values in d4rl_arrays(trajectory).items()})
                    entries.append(trajectory_entry(trajectory, FILE))
        if entries:
            _join(by_trajectory, [entry.steps for entry in entries], folder / FILE)
        by_trajectory.unlink()
        return ExportResult(tuple(entries))

    @override
    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> DatasetSummary:
        """Join the arrays of the recordings, with one array in memory at a time."""
        results = tuple(recording.result for recording in staged)
        steps = [entry.steps for result in results for entry in result.episodes]
        ai_driven = np.array([entry.ai_driven for result in results for entry in result.episodes])
        starts = np.concatenate([[0], np.cumsum(steps)[:-1]]).astype(np.int64)
        first = next(iter(staged))
        with zipfile.ZipFile(folder / FILE, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as archive:
            with open_arrays(first.folder / FILE) as arrays:
                shapes = {key: (arrays[key].shape[1:], arrays[key].dtype) for key in arrays}
            for key, (shape, kind) in shapes.items():
                with _member(archive, key, (sum(steps), *shape), kind) as member:
                    for recording in staged:
                        with open_arrays(recording.folder / FILE) as arrays:
                            member.write(np.ascontiguousarray(arrays[key]).data)
            for key, values in (("episode_starts", starts), ("episode_ai_driven", ai_driven)):
                with _member(archive, key, values.shape, values.dtype) as member:
                    member.write(values.data)
        write_spec(self.spec, folder)
        return DatasetSummary(results, (("Keys", _KEYS), task_chapter(self.spec)))


def _join(by_trajectory: Path, steps: Sequence[int], path: Path) -> None:
    """Make one file of the arrays of all trajectories, which have so many steps, out of those of each."""
    with np.load(by_trajectory) as arrays, zipfile.ZipFile(path, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for key in [name.removeprefix("0/") for name in arrays if name.startswith("0/")]:
            first = arrays[f"0/{key}"]
            with _member(archive, key, (sum(steps), *first.shape[1:]), first.dtype) as member:
                for number in range(len(steps)):
                    member.write(np.ascontiguousarray(arrays[f"{number}/{key}"]).data)


def d4rl_arrays(trajectory: Trajectory) -> dict[str, Any]:
    """The steps of a trajectory by the keys of D4RL: (T,) or (T, k) each."""
    return {
        "observations": trajectory.observations[:-1],
        "actions": trajectory.actions,
        "rewards": trajectory.rewards.astype(np.float32),
        "next_observations": trajectory.observations[1:],
        "terminals": trajectory.terminations,
        "timeouts": trajectory.truncations,
        **{f"infos/{name}": values[:-1] for name, values in trajectory.infos.items()},
    }


@contextmanager
def _member(archive: zipfile.ZipFile, key: str, shape: tuple[int, ...], kind: Any) -> Iterator[IO[bytes]]:
    """An array of an archive, to which the caller writes the numbers row by row."""
    # ZipInfo has no date by default, so that equal arrays make equal files.
    info = zipfile.ZipInfo(f"{key}.npy")
    info.compress_type = archive.compression
    with archive.open(info, "w", force_zip64=True) as member:
        header = {"descr": np.lib.format.dtype_to_descr(np.dtype(kind)), "fortran_order": False, "shape": shape}
        np.lib.format.write_array_header_1_0(member, header)
        yield member


_KEYS: Final = """\
`dataset.npz` holds arrays with a row for each step: `observations`, `actions`, `rewards` and `next_observations`
(float32), `terminals` (the task ended) and `timeouts` (truncated; the drive went on), `infos/...` of the sample
before the step, `episode_starts`, the row at which each episode begins, and `episode_ai_driven`, whether the
game's AI drove some of it."""
