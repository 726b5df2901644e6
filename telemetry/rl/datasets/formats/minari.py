"""Minari datasets in HDF5, for d3rlpy, TorchRL and others."""

import copy
import math
import os
import re
import shutil
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from telemetry.base.errors import UsageError
from telemetry.base.extras import require
from telemetry.base.storage.atomic import atomic_write_text
from telemetry.base.typing import override
from telemetry.rl.datasets.array_file import ArrayFile
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts
from telemetry.rl.datasets.exporter import (
    DatasetSummary,
    EpisodeEntry,
    Exporter,
    ExportResult,
    StagedRecording,
    safe_name,
)
from telemetry.rl.datasets.formats.parquet import task_chapter, write_spec
from telemetry.rl.datasets.formats.part_arrays import open_arrays
from telemetry.rl.datasets.transitions import Trajectory, trajectories, trajectory_entry
from telemetry.rl.needed_fields import needed_fields, sample_fields
from telemetry.rl.spec import Spec

ROOT_VARIABLE: Final = "MINARI_DATASETS_PATH"
"""The environment variable with the folder of all datasets."""

ENVIRONMENT: Final = "AssettoCorsa/Drive-v0"
"""The environment of ``recover_environment()``, with the specification of the dataset and the demo as its source."""

_REQUIREMENTS: Final = ("gymnasium>=1.0,<2",)
"""What ``recover_environment()`` needs besides this project, which stands in no registry.

Minari compares them with what is installed, and names the others in a ``pip install``.
"""

_ARRAYS: Final = "arrays.npz"
_STEPS_AT_ONCE: Final = 1 << 15
"""Steps of the episodes that are passed to Minari at a time: each time it opens its file anew."""
_ID: Final = re.compile(r"(?:[-\w]{2,}/)*[-\w]+\w-v\d+", re.ASCII)
_NAMESPACE_FILE: Final = "namespace_metadata.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class MinariExporter(Exporter):
    """Writes ``ROOT/ID/data/main_data.hdf5``."""

    spec: Spec
    dataset_id: str

    @property
    @override
    def title(self) -> str:
        return f"Minari, {self.dataset_id}"

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
        """Raise UsageError if a library is missing, or the id is not valid."""
        if not _ID.fullmatch(self.dataset_id):
            raise UsageError(
                f"--name {self.dataset_id} is not a valid id of a Minari dataset. Use letters, digits, _ and -, with / "
                "between folders of two letters or more, and a version at the end: spa/me-v0."
            )
        for module in ("gymnasium", "h5py", "minari", "PIL"):  # Minari needs Pillow without declaring it
            require(module, extra="minari", purpose="The format minari")

    @override
    def convert(
        self, episodes: Iterator[Episode], config: EpisodeConfig, folder: Path, skipped: SkipCounts
    ) -> ExportResult:
        """Write the arrays of a recording into one file."""
        entries: list[EpisodeEntry] = []
        with ArrayFile(folder / _ARRAYS) as file:
            for episode in episodes:
                for trajectory in trajectories(self.spec, episode, skipped, self.tracks):
                    file.write({f"{len(entries)}/{key}": values for key, values in _flatten(trajectory).items()})
                    entries.append(trajectory_entry(trajectory, ""))
        return ExportResult(tuple(entries))

    @override
    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> DatasetSummary:
        """Make the dataset, with some episodes in memory at a time."""
        import gymnasium
        import minari

        import telemetry.rl  # noqa: F401 - registers the environment

        environment = copy.deepcopy(gymnasium.spec(ENVIRONMENT))
        environment.kwargs = {"source": "demo", "specification": self.spec.to_dict()}
        # The specification has it already, but d3rlpy cannot open an environment without it.
        environment.max_episode_steps = math.ceil(self.spec.end.seconds * self.spec.control_hz) or None
        results = tuple(recording.result for recording in staged)
        entries = [entry for result in results for entry in result.episodes]
        cars = ", ".join(sorted({entry.car for entry in entries}))
        tracks = ", ".join(sorted({entry.track for entry in entries}))
        policies = sorted({result.policy or "human" for result in results})
        dataset: Any = None
        with _minari_root(folder / ".minari") as root, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`(code_permalink|author_email)` is set to None", UserWarning)
            for buffers in (some for recording in staged for some in _make_buffers(recording)):
                if dataset is not None:
                    dataset.update_dataset_from_buffer(buffers)
                    continue
                dataset = minari.create_dataset_from_buffers(
                    self.dataset_id,
                    buffers,
                    env=environment,
                    eval_env=environment,
                    data_format="hdf5",
                    algorithm_name=", ".join(policies),
                    author={entry.driver or "unknown" for entry in entries},
                    description=f"Driving in Assetto Corsa: {cars} at {tracks}.",
                    requirements=list(_REQUIREMENTS),
                )
            del dataset
            (root / self.dataset_id / "data").rename(folder / "data")
        shutil.rmtree(folder / ".minari")
        write_spec(self.spec, folder)
        reading = _READING.format(id=self.dataset_id)
        return DatasetSummary(
            results, (("Reading", reading), task_chapter(self.spec), ("Infos", _INFOS)), message=reading
        )


def find_root(output: Path | None) -> Path:
    """The folder of all datasets: the one that the user names, else that of the variable, else Minari's default."""
    if output is not None:
        return output
    return Path(os.environ.get(ROOT_VARIABLE) or Path.home() / ".minari" / "datasets")


def make_id(name: str | None, recording: Path) -> str:
    """The id of a dataset: the user's name with a version, or one made from the name of a recording."""
    if name is None:
        stem = safe_name(recording.name.partition(".")[0], allowed="-_")
        return f"assetto_corsa/{stem.strip('-_') or 'drive'}-v0"
    return name if re.search(r"-v\d+$", name) else f"{name}-v0"


def mark_namespaces(root: Path, dataset_id: str) -> None:
    """Mark the folders above a dataset as namespaces of Minari."""
    folder = root
    for name in dataset_id.split("/")[:-1]:
        folder /= name
        if not (folder / _NAMESPACE_FILE).exists():
            atomic_write_text(folder / _NAMESPACE_FILE, "{}")


def _flatten(trajectory: Trajectory) -> dict[str, Any]:
    """All arrays of a trajectory in one dictionary; nested ones have names like ``infos/time``."""
    values = trajectory.observations
    observations = values if isinstance(values, dict) else {"": values}
    return {
        **{f"observations/{name}": array for name, array in observations.items()},
        "actions": trajectory.actions,
        "rewards": trajectory.rewards,
        "terminations": trajectory.terminations,
        "truncations": trajectory.truncations,
        **{f"infos/{name}": array for name, array in trajectory.infos.items()},
        # Minari wants one entry per observation, and the first observation has no reward.
        **{f"terms/{name}": np.concatenate([[0.0], array]) for name, array in trajectory.terms.items()},
    }


def _make_buffers(recording: StagedRecording) -> Iterator[list[Any]]:
    """The episodes of a recording as Minari's buffers, some at a time."""
    from minari.data_collector import EpisodeBuffer

    buffers: list[Any] = []
    steps = 0
    with open_arrays(recording.folder / _ARRAYS) as file:
        for number, entry in enumerate(recording.result.episodes):
            arrays = {name.removeprefix(f"{number}/"): file[name] for name in file if name.startswith(f"{number}/")}
            observations = _under(arrays, "observations")
            buffer = EpisodeBuffer(
                observations=observations.get("", observations),
                actions=arrays["actions"],
                rewards=arrays["rewards"],
                terminations=arrays["terminations"],
                truncations=arrays["truncations"],
                infos={**_under(arrays, "infos"), "reward_terms": _under(arrays, "terms")},
                options={
                    "recording": entry.recording,
                    "car": entry.car,
                    "track": entry.track,
                    "session": entry.session,
                    "end": entry.end,
                    "ai_driven": entry.ai_driven,
                },
            )
            buffers.append(buffer)
            steps += entry.steps
            if steps >= _STEPS_AT_ONCE:
                yield buffers
                buffers, steps = [], 0
    if buffers:
        yield buffers


def _under(arrays: dict[str, Any], group: str) -> dict[str, Any]:
    """The arrays whose names begin with ``group/``, by the rest of their names."""
    return {key.removeprefix(f"{group}/"): values for key, values in arrays.items() if key.startswith(f"{group}/")}


@contextmanager
def _minari_root(folder: Path) -> Iterator[Path]:
    """Make Minari use this folder inside the block."""
    folder = folder.absolute()  # Minari mixes up relative paths
    before = os.environ.get(ROOT_VARIABLE)
    os.environ[ROOT_VARIABLE] = str(folder)
    try:
        yield folder
    finally:
        if before is None:
            del os.environ[ROOT_VARIABLE]
        else:
            os.environ[ROOT_VARIABLE] = before


_READING: Final = """\
```python
import minari

dataset = minari.load_dataset("{id}")
env = dataset.recover_environment()  # the demo's car; source="live" for the game
```

Minari searches in `MINARI_DATASETS_PATH`, by default `~/.minari/datasets`."""

_INFOS: Final = """\
For every observation: the recording's `time` in s, `packet_id`, `lap`, `lap_time_ms`, `last_time_ms`,
`best_time_ms`, `position` on the lap, `world_x`, `world_y`, `world_z`, `tyres_out`, `lap_valid`, and `reward_terms`,
the weighted value of each term of the reward. The options of an episode name its recording, car, track, session
and what ended it, and say whether the game's AI drove some of it (`ai_driven`)."""
