"""Minari, in HDF5: what d3rlpy, TorchRL and others load by its name."""

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
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts
from telemetry.rl.datasets.exporter import (
    DatasetSummary,
    EpisodeEntry,
    Exporter,
    ExportResult,
    StagedRecording,
    episode_entry,
    safe_name,
)
from telemetry.rl.datasets.formats.parquet import task_chapter, write_spec
from telemetry.rl.datasets.transitions import Trajectory, trajectories
from telemetry.rl.spec import Spec

ROOT_VARIABLE: Final = "MINARI_DATASETS_PATH"

ENVIRONMENT: Final = "AssettoCorsa/Drive-v0"
"""What ``recover_environment()`` makes, with the specification of the dataset, and the demo as its source."""

_ARRAYS: Final = "arrays.npz"
_ID: Final = re.compile(r"(?:[-\w]{2,}/)*[-\w]+\w-v\d+", re.ASCII)
_NAMESPACE_FILE: Final = "namespace_metadata.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class MinariExporter(Exporter):
    """Writes ``ROOT/ID/data/main_data.hdf5``."""

    spec: Spec
    dataset_id: str

    @property
    def title(self) -> str:
        """The format, for a person."""
        return f"Minari, {self.dataset_id}"

    def check(self) -> None:
        """UsageError where a library is missing, or the id is none."""
        if not _ID.fullmatch(self.dataset_id):
            raise UsageError(
                f"--name {self.dataset_id}: this is no name of a Minari dataset. It is made of letters, digits, _ and "
                "-, with / between folders of two letters or more, and ends in a version: spa/me-v0."
            )
        for module in ("gymnasium", "h5py", "minari", "PIL"):  # Minari does not say that it needs Pillow
            require(module, extra="minari", purpose="The format minari")

    def convert(self, found: Iterator[Episode], cut: EpisodeConfig, folder: Path, skipped: SkipCounts) -> ExportResult:
        """Keep the arrays of a recording in a file of their own."""
        del cut
        arrays: dict[str, Any] = {}
        entries: list[EpisodeEntry] = []
        for episode in found:
            for one in trajectories(self.spec, episode, skipped):
                arrays |= {f"{len(entries)}/{key}": values for key, values in _arrays_of(one).items()}
                entries.append(episode_entry(episode, "", steps=one.steps, end=one.reason, terminated=one.terminated))
        if entries:
            np.savez(folder / _ARRAYS, **arrays)
        return ExportResult(tuple(entries))

    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> DatasetSummary:
        """Make the dataset of what the recordings gave, one after the other."""
        import gymnasium
        import minari

        import telemetry.rl  # noqa: F401 - registers the environment

        environment = copy.deepcopy(gymnasium.spec(ENVIRONMENT))
        environment.kwargs = {"source": "demo", "specification": self.spec.to_dict()}
        # Said a second time for d3rlpy, which opens no environment without it.
        environment.max_episode_steps = math.ceil(self.spec.end.seconds * self.spec.control_hz) or None
        results = tuple(part.result for part in staged)
        entries = [entry for result in results for entry in result.episodes]
        cars, tracks = (
            ", ".join(sorted(set(names))) for names in zip(*((e.car, e.track) for e in entries), strict=True)
        )
        policies = sorted({result.policy or "human" for result in results})
        dataset: Any = None
        with _root(folder / ".minari") as root, warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`(code_permalink|author_email)` is set to None", UserWarning)
            for part in staged:
                buffers = _buffers(part)
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
                    requirements=["ac-telemetry[gym]"],
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
    """Where Minari keeps its datasets: the folder that the user names, else that of its variable, else its own."""
    if output is not None:
        return output
    return Path(os.environ.get(ROOT_VARIABLE) or Path.home() / ".minari" / "datasets")


def make_id(name: str | None, recording: Path) -> str:
    """The dataset's id: the user's, with a version, or one made of a recording's name."""
    if name is None:
        stem = safe_name(recording.name.partition(".")[0], allowed="-_")
        return f"assetto_corsa/{stem.strip('-_') or 'drive'}-v0"
    return name if re.search(r"-v\d+$", name) else f"{name}-v0"


def mark_namespaces(root: Path, dataset_id: str) -> None:
    """Make the folders above a dataset what Minari takes for namespaces."""
    folder = root
    for part in dataset_id.split("/")[:-1]:
        folder /= part
        if not (folder / _NAMESPACE_FILE).exists():
            (folder / _NAMESPACE_FILE).write_text("{}", encoding="utf-8")


def _arrays_of(one: Trajectory) -> dict[str, Any]:
    observations = one.observations if isinstance(one.observations, dict) else {"": one.observations}
    return {
        **{f"observations/{name}": values for name, values in observations.items()},
        "actions": one.actions,
        "rewards": one.rewards,
        "terminations": one.terminations,
        "truncations": one.truncations,
        **{f"infos/{name}": values for name, values in one.infos.items()},
        # The first observation was rewarded with nothing: infos are as many as observations.
        **{f"terms/{name}": np.concatenate([[0.0], values]) for name, values in one.terms.items()},
    }


def _buffers(part: StagedRecording) -> list[Any]:
    from minari.data_collector import EpisodeBuffer

    with np.load(part.folder / _ARRAYS) as file:
        arrays = dict(file)
    buffers = []
    for place, entry in enumerate(part.result.episodes):
        own = {
            key.removeprefix(f"{place}/"): values for key, values in arrays.items() if key.startswith(f"{place}/")
        }  # fmt: skip
        observations = _under(own, "observations")
        buffers.append(
            EpisodeBuffer(
                observations=observations.get("", observations),
                actions=own["actions"],
                rewards=own["rewards"],
                terminations=own["terminations"],
                truncations=own["truncations"],
                infos={**_under(own, "infos"), "reward_terms": _under(own, "terms")},
                options={
                    "recording": entry.recording,
                    "car": entry.car,
                    "track": entry.track,
                    "session": entry.session,
                    "end": entry.end,
                },
            )
        )
    return buffers


def _under(arrays: dict[str, Any], group: str) -> dict[str, Any]:
    return {key.removeprefix(f"{group}/"): values for key, values in arrays.items() if key.startswith(f"{group}/")}


@contextmanager
def _root(folder: Path) -> Iterator[Path]:
    """Inside, Minari keeps its datasets there; it loses its way in one that is not absolute."""
    folder = folder.absolute()
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

Minari looks into `MINARI_DATASETS_PATH`, by default `~/.minari/datasets`."""

_INFOS: Final = """\
For every observation: the recording's `time` in s, `packet_id`, `lap`, `lap_time_ms`, `last_time_ms`,
`best_time_ms`, `position` on the lap, `world_x`, `world_y`, `world_z`, `tyres_out`, `lap_valid`, and `reward_terms`,
what each term of the reward gave, weights applied. The options of an episode name its recording, car, track, session
and what ended it."""
