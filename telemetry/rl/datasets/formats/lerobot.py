"""LeRobot, version 3.0 of its layout: Parquet without pictures, for its policies that learn from numbers."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
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
)
from telemetry.rl.datasets.formats.parquet import fixed_lists, task_chapter, write_spec
from telemetry.rl.datasets.transitions import Trajectory, trajectories
from telemetry.rl.observation import layout
from telemetry.rl.spec import Spec

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
"""What every such dataset has, and of what type."""

Statistics = dict[str, Any]
"""``min``, ``max``, ``mean``, ``std``, ``count`` and quantiles of one column, each (k,), and the count (1,)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LeRobotExporter(Exporter):
    """Writes ``OUT/data/chunk-*/file-*.parquet``, a file for each recording, and ``OUT/meta``."""

    spec: Spec

    @property
    def title(self) -> str:
        """The format, for a person."""
        return f"LeRobot {VERSION}"

    def check(self) -> None:
        """UsageError where pyarrow is missing, or the specification has what the layout has not."""
        require("pyarrow", extra="parquet", purpose="The format lerobot")
        if self.spec.observation.shape != "flat":
            raise UsageError('The format lerobot takes flat observations; say observation.shape = "flat".')
        if not float(self.spec.control_hz).is_integer():
            raise UsageError(f"LeRobot counts whole steps a second, and no {self.spec.control_hz:g}.")

    def convert(self, found: Iterator[Episode], cut: EpisodeConfig, folder: Path, skipped: SkipCounts) -> ExportResult:
        """Write the steps of a recording, with episodes that are counted from its beginning."""
        del cut
        import pyarrow as pa
        from pyarrow import parquet

        tables: list[Any] = []
        entries: list[EpisodeEntry] = []
        for episode in found:
            for one in trajectories(self.spec, episode, skipped):
                tables.append(self._table(one))
                entries.append(
                    episode_entry(episode, _STEPS, steps=one.steps, end=one.reason, terminated=one.terminated)
                )
        if tables:
            parquet.write_table(pa.concat_tables(tables), folder / _STEPS)
        return ExportResult(tuple(entries))

    def _table(self, one: Trajectory) -> Any:
        import pyarrow as pa

        frames = np.arange(one.steps)
        return pa.table(
            {
                "observation.state": fixed_lists(one.observations[:-1]),
                "action": fixed_lists(one.actions),
                "next.reward": pa.array(one.rewards.astype(np.float32)),
                "next.done": pa.array(one.terminations),
                "next.truncated": pa.array(one.truncations),
                "timestamp": pa.array((frames / self.spec.control_hz).astype(np.float32)),
                "frame_index": pa.array(frames),
            }
        )

    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> DatasetSummary:
        """Count episodes, steps and tasks through all recordings, and write what is said of them in ``meta``."""
        import pyarrow as pa
        from pyarrow import parquet

        tasks: dict[str, int] = {}
        statistics: list[dict[str, Statistics]] = []
        results = []
        steps = 0
        meta = folder / "meta"
        told = meta / "episodes" / _FILE.format(chunk_index=0, file_index=0)
        told.parent.mkdir(parents=True)
        with ExitStack() as stack:
            writer: Any = None
            for number, part in enumerate(staged):
                chunk, file = divmod(number, FILES_IN_A_CHUNK)
                table = parquet.read_table(pa.BufferReader((part.folder / _STEPS).read_bytes()))
                own, first, rows = [], steps, []
                for entry in part.result.episodes:
                    task = f"Drive {entry.car} at {entry.track}."
                    indices = {
                        "episode_index": np.full(entry.steps, len(statistics)),
                        "index": np.arange(steps, steps + entry.steps),
                        "task_index": np.full(entry.steps, tasks.setdefault(task, len(tasks))),
                    }
                    own.append(_with(table.slice(steps - first, entry.steps), indices))
                    rows.append(
                        {
                            "episode_index": len(statistics),
                            "tasks": [task],
                            "length": entry.steps,
                            "data/chunk_index": chunk,
                            "data/file_index": file,
                            "dataset_from_index": steps,
                            "dataset_to_index": steps + entry.steps,
                            "meta/episodes/chunk_index": 0,
                            "meta/episodes/file_index": 0,
                        }
                    )
                    statistics.append(_statistics(own[-1]))
                    rows[-1] |= {
                        f"stats/{column}/{name}": values.tolist()
                        for column, found in statistics[-1].items()
                        for name, values in found.items()
                    }
                    steps += entry.steps
                target = f"data/{_FILE.format(chunk_index=chunk, file_index=file)}"
                (folder / target).parent.mkdir(parents=True, exist_ok=True)
                parquet.write_table(pa.concat_tables(own), folder / target)
                results.append(part.result.moved({_STEPS: target}))
                about_them = pa.Table.from_pylist(rows)
                if writer is None:
                    writer = stack.enter_context(parquet.ParquetWriter(told, about_them.schema))
                writer.write_table(about_them)
        _write_tasks(tasks, meta / "tasks.parquet")
        _write_json(_joined(statistics), meta / "stats.json")
        _write_json(self._info(len(statistics), steps, len(tasks)), meta / "info.json")
        write_spec(self.spec, folder)
        return DatasetSummary(tuple(results), (("Reading", _READING), ("Columns", _COLUMNS), task_chapter(self.spec)))

    def _info(self, episodes: int, steps: int, tasks: int) -> dict[str, Any]:
        names = {"observation.state": list(layout(self.spec).names), "action": list(self.spec.action.names)}
        features: dict[str, Any] = {
            name: {"dtype": "float32", "shape": [len(own)], "names": own} for name, own in names.items()
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


def _with(table: Any, columns: dict[str, Any]) -> Any:
    import pyarrow as pa

    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table


def _statistics(table: Any) -> dict[str, Statistics]:
    """The statistics of all columns of an episode."""
    columns = {name: np.array(table.column(name).to_pylist(), dtype=np.float64) for name in table.column_names}
    return {name: _of(values.reshape(len(values), -1)) for name, values in columns.items()}


def _of(values: Any) -> Statistics:
    return {
        "min": values.min(axis=0),
        "max": values.max(axis=0),
        "mean": values.mean(axis=0),
        "std": values.std(axis=0),
        "count": np.array([len(values)]),
        **{name: np.quantile(values, share, axis=0) for name, share in _QUANTILES.items()},
    }


def _joined(statistics: list[dict[str, Statistics]]) -> dict[str, dict[str, list[float]]]:
    """Those of all episodes together: exact but for quantiles, which are the means of theirs, as LeRobot has it."""
    joined = {}
    for column in statistics[0]:
        own = {name: np.stack([one[column][name] for one in statistics]) for name in statistics[0][column]}
        shares = own["count"] / own["count"].sum()
        mean = (own["mean"] * shares).sum(axis=0)
        spread = ((own["std"] ** 2 + (own["mean"] - mean) ** 2) * shares).sum(axis=0)
        values = {
            "min": own["min"].min(axis=0),
            "max": own["max"].max(axis=0),
            "mean": mean,
            "std": np.sqrt(spread),
            "count": own["count"].sum(axis=0),
            **{name: (own[name] * shares).sum(axis=0) for name in _QUANTILES},
        }
        joined[column] = {name: told.tolist() for name, told in values.items()}
    return joined


def _write_tasks(tasks: dict[str, int], path: Path) -> None:
    """The tasks as pandas writes them with the task as its index, which is how they are read."""
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
episode. There are no pictures. What is observed after the last step of an episode has no place in this layout."""
