"""LeRobot, version 3.0 of its layout: Parquet without images, for policies that learn from numbers."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from telemetry.base.errors import UsageError
from telemetry.base.extras import require
from telemetry.base.typing import override
from telemetry.recording.interfaces import Closeable
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts
from telemetry.rl.datasets.exporter import (
    DatasetSummary,
    EpisodeEntry,
    Exporter,
    ExportResult,
    RecordingResult,
    StagedRecording,
)
from telemetry.rl.datasets.formats.parquet import fixed_lists, task_chapter, write_spec
from telemetry.rl.datasets.transitions import Trajectory, trajectories, trajectory_entry
from telemetry.rl.needed_fields import needed_fields, sample_fields
from telemetry.rl.observation import layout
from telemetry.rl.spec import Spec
from telemetry.tracks.geometry import Floats

VERSION: Final = "v3.0"
"""``codebase_version`` of the layout."""

FILES_IN_A_CHUNK: Final = 1000

_STEPS: Final = "steps.parquet"

_FILE: Final = "chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"

_QUANTILES: Final = {"q01": 0.01, "q10": 0.1, "q50": 0.5, "q90": 0.9, "q99": 0.99}

_INDICES: Final[dict[str, str]] = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
"""The columns that every dataset has, and their types."""

ColumnStatistics = dict[str, Any]
"""``min``, ``max``, ``mean``, ``std`` and quantiles of one column, (k,) each, and its ``count``, (1,)."""

Statistics = dict[str, ColumnStatistics]
"""The statistics of an episode by column."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeRobotExporter(Exporter):
    """Writes ``OUT/data/chunk-*/file-*.parquet``, one file for each recording, and ``OUT/meta``."""

    spec: Spec

    @property
    @override
    def title(self) -> str:
        return f"LeRobot {VERSION}"

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
        """Raise UsageError if pyarrow is missing, or the specification does not fit the layout."""
        require("pyarrow", extra="parquet", purpose="The format lerobot")
        if self.spec.observation.shape != "flat":
            raise UsageError('The format lerobot needs flat observations; set observation.shape = "flat".')
        if not float(self.spec.control_hz).is_integer():
            raise UsageError(f"LeRobot needs a whole number of steps per second, got {self.spec.control_hz:g}.")

    @override
    def convert(
        self, episodes: Iterator[Episode], config: EpisodeConfig, folder: Path, skipped: SkipCounts
    ) -> ExportResult:
        """Write the steps of a recording; indices that count through the dataset are added at the end."""
        from pyarrow import parquet

        entries: list[EpisodeEntry] = []
        with ExitStack() as stack:
            writer: Any = None
            for episode in episodes:
                for trajectory in trajectories(self.spec, episode, skipped, self.tracks):
                    table = self._make_table(trajectory)
                    if writer is None:
                        writer = stack.enter_context(parquet.ParquetWriter(folder / _STEPS, table.schema))
                    writer.write_table(table)
                    entries.append(trajectory_entry(trajectory, _STEPS))
        return ExportResult(tuple(entries))

    def _make_table(self, trajectory: Trajectory) -> Any:
        """The columns of an episode that do not depend on other episodes."""
        import pyarrow as pa

        frames = np.arange(trajectory.steps)
        return pa.table(
            {
                "observation.state": fixed_lists(trajectory.observations[:-1]),
                "action": fixed_lists(trajectory.actions),
                "next.reward": pa.array(trajectory.rewards.astype(np.float32)),
                "next.done": pa.array(trajectory.terminations),
                "next.truncated": pa.array(trajectory.truncations),
                "timestamp": pa.array((frames / self.spec.control_hz).astype(np.float32)),
                "frame_index": pa.array(frames),
            }
        )

    @override
    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> DatasetSummary:
        """Number episodes, steps and tasks through all recordings, and describe them in ``meta``."""
        tasks: dict[str, int] = {}
        statistics: list[Statistics] = []
        results: list[RecordingResult] = []
        steps = 0
        meta = folder / "meta"
        with _EpisodesFile(meta / "episodes" / _FILE.format(chunk_index=0, file_index=0)) as episodes_file:
            for number, recording in enumerate(staged):
                numbering = _Numbering(*divmod(number, FILES_IN_A_CHUNK), len(statistics), steps)
                episodes = _number_episodes(recording, numbering, tasks)
                data_file = f"data/{_FILE.format(chunk_index=numbering.chunk, file_index=numbering.file)}"
                _write_data(episodes, folder / data_file)
                episodes_file.write(episodes, numbering)
                statistics += [episode.statistics for episode in episodes]
                results.append(recording.result.moved({_STEPS: data_file}))
                steps += sum(episode.length for episode in episodes)
        _write_tasks(tasks, meta / "tasks.parquet")
        _write_json(_join_statistics(statistics), meta / "stats.json")
        _write_json(self._info(len(statistics), steps, len(tasks)), meta / "info.json")
        write_spec(self.spec, folder)
        return DatasetSummary(tuple(results), (("Reading", _READING), ("Columns", _COLUMNS), task_chapter(self.spec)))

    def _info(self, episodes: int, steps: int, tasks: int) -> dict[str, Any]:
        """The content of ``meta/info.json``."""
        names = {"observation.state": list(layout(self.spec).names), "action": list(self.spec.action.names)}
        features: dict[str, Any] = {
            name: {"dtype": "float32", "shape": [len(numbers)], "names": numbers} for name, numbers in names.items()
        }
        types = {"next.reward": "float32", "next.done": "bool", "next.truncated": "bool", **_INDICES}
        features |= {name: {"dtype": kind, "shape": [1], "names": None} for name, kind in types.items()}
        return {
            "codebase_version": VERSION,
            "robot_type": "assetto_corsa",
            "total_episodes": episodes,
            "total_frames": steps,
            "total_tasks": tasks,
            "chunks_size": FILES_IN_A_CHUNK,
            "data_files_size_in_mb": 100,
            "video_files_size_in_mb": 200,
            "fps": int(self.spec.control_hz),
            "splits": {"train": f"0:{episodes}"},
            "data_path": f"data/{_FILE}",
            "video_path": None,
            "features": features,
        }


class _Numbering(NamedTuple):
    """Where the episodes of a recording are in the dataset."""

    chunk: int
    file: int
    first_episode: int
    first_step: int


@dataclass(frozen=True, slots=True)
class _NumberedEpisode:
    """An episode with its final columns."""

    task: str
    ai_driven: bool
    """Whether the game's AI drove some of it."""
    first_step: int
    table: Any
    """All columns, as an Arrow table with one row per step."""
    statistics: Statistics

    @property
    def length(self) -> int:
        return int(self.table.num_rows)


def _number_episodes(
    recording: StagedRecording, numbering: _Numbering, tasks: dict[str, int]
) -> list[_NumberedEpisode]:
    """The episodes of a recording with the indices of the dataset; new tasks are added to ``tasks``."""
    import pyarrow as pa
    from pyarrow import parquet

    table = parquet.read_table(pa.BufferReader((recording.folder / _STEPS).read_bytes()))
    episodes = []
    start = 0
    for number, entry in enumerate(recording.result.episodes, numbering.first_episode):
        task = f"Drive {entry.car} at {entry.track}."
        first_step = numbering.first_step + start
        columns = {
            "episode_index": np.full(entry.steps, number),
            "index": np.arange(first_step, first_step + entry.steps),
            "task_index": np.full(entry.steps, tasks.setdefault(task, len(tasks))),
        }
        rows = table.slice(start, entry.steps)
        for name, values in columns.items():
            rows = rows.append_column(name, pa.array(values))
        episodes.append(_NumberedEpisode(task, entry.ai_driven, first_step, rows, _episode_statistics(rows)))
        start += entry.steps
    return episodes


def _write_data(episodes: Sequence[_NumberedEpisode], path: Path) -> None:
    """Write the steps of a recording: ``data/chunk-*/file-*.parquet``."""
    import pyarrow as pa
    from pyarrow import parquet

    path.parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.concat_tables([episode.table for episode in episodes]), path)


class _EpisodesFile(Closeable):
    """Writes ``meta/episodes/chunk-000/file-000.parquet``: a row for each episode, with its statistics."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True)
        self._path = path
        self._writer: Any = None

    def write(self, episodes: Sequence[_NumberedEpisode], numbering: _Numbering) -> None:
        """Write the rows of the episodes of one recording."""
        import pyarrow as pa
        from pyarrow import parquet

        rows = [
            {
                "episode_index": number,
                "tasks": [episode.task],
                "length": episode.length,
                "ai_driven": episode.ai_driven,
                "data/chunk_index": numbering.chunk,
                "data/file_index": numbering.file,
                "dataset_from_index": episode.first_step,
                "dataset_to_index": episode.first_step + episode.length,
                "meta/episodes/chunk_index": 0,
                "meta/episodes/file_index": 0,
                **{
                    f"stats/{column}/{name}": values.tolist()
                    for column, by_name in episode.statistics.items()
                    for name, values in by_name.items()
                },
            }
            for number, episode in enumerate(episodes, numbering.first_episode)
        ]
        table = pa.Table.from_pylist(rows)
        if self._writer is None:
            self._writer = parquet.ParquetWriter(self._path, table.schema)
        self._writer.write_table(table)

    @override
    def close(self) -> None:
        if self._writer is not None:
            self._writer.close()


def _episode_statistics(table: Any) -> Statistics:
    """The statistics of all columns of an episode."""
    return {name: _column_statistics(_numbers(table.column(name))) for name in table.column_names}


def _numbers(column: Any) -> Floats:
    """A column of numbers, flags or lists of as many numbers each, as an array (n, k)."""
    array = column.combine_chunks()
    values = array.flatten() if hasattr(array, "flatten") and array.type.num_fields else array
    numbers: Floats = values.to_numpy(zero_copy_only=False).astype(np.float64)
    return numbers.reshape(len(array), -1)


def _column_statistics(values: Floats) -> ColumnStatistics:
    return {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "count": np.array([len(values)]),
        **{name: np.quantile(values, fraction, axis=0) for name, fraction in _QUANTILES.items()},
    }


def _join_statistics(statistics: Sequence[Statistics]) -> dict[str, dict[str, list[float]]]:
    """The statistics of all episodes together, by column.

    They are exact, except for quantiles: these are the mean of the episodes' quantiles, as in LeRobot itself.
    """
    joined = {}
    for column in statistics[0]:
        stacked = {name: np.stack([episode[column][name] for episode in statistics]) for name in statistics[0][column]}
        weights = stacked["count"] / stacked["count"].sum()
        mean = (stacked["mean"] * weights).sum(axis=0)
        variance = ((stacked["std"] ** 2 + (stacked["mean"] - mean) ** 2) * weights).sum(axis=0)
        values = {
            "min": stacked["min"].min(axis=0),
            "max": stacked["max"].max(axis=0),
            "mean": mean,
            "std": np.sqrt(variance),
            "count": stacked["count"].sum(axis=0),
            **{name: (stacked[name] * weights).sum(axis=0) for name in _QUANTILES},
        }
        joined[column] = {name: array.tolist() for name, array in values.items()}
    return joined


def _write_tasks(tasks: dict[str, int], path: Path) -> None:
    """Write the tasks like a pandas data frame with the task as its index, because LeRobot reads them so."""
    import pyarrow as pa
    from pyarrow import parquet

    text = {"pandas_type": "unicode", "numpy_type": "object", "metadata": None}
    number = {"pandas_type": "int64", "numpy_type": "int64", "metadata": None}
    pandas = {
        "index_columns": ["__index_level_0__"],
        "column_indexes": [{"name": None, "field_name": None, **text, "metadata": {"encoding": "UTF-8"}}],
        "columns": [
            {"name": "task_index", "field_name": "task_index", **number},
            {"name": None, "field_name": "__index_level_0__", **text},
        ],
        "pandas_version": "2.2.0",
    }
    table = pa.table({"task_index": pa.array(tasks.values(), pa.int64()), "__index_level_0__": pa.array(tasks)})
    parquet.write_table(table.replace_schema_metadata({"pandas": json.dumps(pandas)}), path)


def _write_json(values: Any, path: Path) -> None:
    path.write_text(json.dumps(values, indent=4) + "\n", encoding="utf-8")


_READING: Final = """\
```python
from lerobot.datasets.lerobot_dataset import LeRobotDataset

dataset = LeRobotDataset("me/drives", root="FOLDER")
```"""

_COLUMNS: Final = """\
`observation.state` before the step, `action` and `next.reward` of the step, `next.done` where the task ended,
`next.truncated` where the episode was cut off and the drive went on. `timestamp` counts from the beginning of the
episode. There are no pictures. What is observed after the last step of an episode has no place in this layout.
The table of episodes in `meta` says which of them the game's AI drove, or a part of them (`ai_driven`)."""
