"""Plain Parquet: a row per step with observation, action and reward, and all fields of the sample."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from telemetry.base.extras import require
from telemetry.base.typing import override
from telemetry.fields.held import held_columns
from telemetry.fields.selection import ALL_COLUMNS
from telemetry.formats.parquet.sink import create
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts
from telemetry.rl.datasets.exporter import (
    DatasetSummary,
    EpisodeEntry,
    Exporter,
    ExportResult,
    StagedRecording,
    is_ai_driven,
    link_or_copy,
    safe_name,
)
from telemetry.rl.datasets.transitions import Trajectory, trajectories, trajectory_entry
from telemetry.rl.needed_fields import needed_fields, sample_fields
from telemetry.rl.observation import layout
from telemetry.rl.spec import Spec

SPEC: Final = "spec.json"
"""The file with the specification."""

COLUMNS: Final = {
    "episode": "number of the episode, unique in its file",
    "step": "0-based step of its episode",
    "recording": "the recording's file name",
    "lap": "the lap's number in its recording",
    "ai_driven": "the game's AI drove some of the episode",
    "observation": "what is observed before the step",
    "action": "what was in force during the step, as the sample after it recorded it",
    "reward": "what the step gave",
    "next_observation": "what is observed after the step",
    "terminated": "the step ended the task",
    "truncated": "the episode was cut off after the step",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetExporter(Exporter):
    """Writes ``OUT/data/*.parquet``, one file for each recording; Hugging Face's ``datasets`` can load them."""

    spec: Spec

    @property
    @override
    def title(self) -> str:
        return "Parquet"

    @property
    @override
    def needed_fields(self) -> frozenset[str]:
        return needed_fields(self.spec)

    @property
    @override
    def sample_fields(self) -> frozenset[str]:
        return sample_fields(self.spec)

    @property
    @override
    def keeps_all_fields(self) -> bool:
        return True

    @override
    def check(self) -> None:
        """Raise UsageError if pyarrow is missing."""
        require("pyarrow", extra="parquet", purpose="The format parquet")

    @override
    def convert(
        self, episodes: Iterator[Episode], config: EpisodeConfig, folder: Path, skipped: SkipCounts
    ) -> ExportResult:
        """Write the table of a recording."""
        from pyarrow import parquet

        entries: list[EpisodeEntry] = []
        with ExitStack() as stack:
            writer: Any = None
            for episode in episodes:
                for trajectory in trajectories(self.spec, episode, skipped, self.tracks):
                    table = self._make_table(trajectory, len(entries), folder)
                    if writer is None:
                        path = folder / f"{safe_name(episode.recording.partition('.')[0])}.parquet"
                        writer = parquet.ParquetWriter(path, table.schema, compression="zstd")
                        stack.enter_context(writer)
                    writer.write_table(table)
                    entries.append(trajectory_entry(trajectory, path.name))
        return ExportResult(tuple(entries))

    def _make_table(self, trajectory: Trajectory, number: int, folder: Path) -> Any:
        """The rows of one trajectory: the columns of the task, then all fields of the samples."""
        import pyarrow as pa
        from pyarrow import parquet

        temporary = folder / ".fields.parquet"
        columns_held = held_columns(ALL_COLUMNS, trajectory.episode.missing)
        with create(temporary, columns_held) as sink:
            for part in trajectory.samples[:-1].all_fields():
                sink.write_columns(part)
        # Read from memory: pyarrow can keep a file open for a moment, and Windows cannot remove an open file.
        table = parquet.read_table(pa.BufferReader(temporary.read_bytes()))
        temporary.unlink()
        table = table.drop_columns([name for name in table.column_names if name in COLUMNS])
        steps = trajectory.steps
        columns: dict[str, Any] = {
            "episode": pa.array(np.full(steps, number, dtype=np.int64)),
            "step": pa.array(np.arange(steps)),
            "recording": pa.array([trajectory.episode.recording] * steps),
            "lap": pa.array(trajectory.infos["lap"][:-1]),
            "ai_driven": pa.array(np.full(steps, is_ai_driven(trajectory.samples))),
            **_observation_columns("observation", trajectory.observations, slice(0, -1)),
            "action": fixed_lists(trajectory.actions),
            "reward": pa.array(trajectory.rewards),
            **_observation_columns("next_observation", trajectory.observations, slice(1, None)),
            "terminated": pa.array(trajectory.terminations),
            "truncated": pa.array(trajectory.truncations),
        }
        for index, (name, values) in enumerate(columns.items()):
            meaning = {"meaning": COLUMNS[name.partition(".")[0]]}
            table = table.add_column(index, pa.field(name, values.type, metadata=meaning), values)
        # The metadata of the temporary file describe one drive, which is wrong for a file with several episodes.
        return table.replace_schema_metadata({"specification": self.spec.to_json()})

    @override
    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> DatasetSummary:
        """Number the tables, write the specification, and describe the files for ``datasets``."""
        results = []
        for recording in staged:
            names = {entry.file: f"data/{recording.number:05d}-{entry.file}" for entry in recording.result.episodes}
            for name, target in names.items():
                link_or_copy(recording.folder / name, folder / target)
            results.append(recording.result.moved(names))
        write_spec(self.spec, folder)
        text = "\n".join(f"- `{name}`: {meaning}" for name, meaning in COLUMNS.items())
        chapters = (
            ("Columns", f"{text}\n- and every other field of the sample before the step, as `fields` lists them"),
            task_chapter(self.spec),
            ("Reading", _READING),
        )
        front = "---\nconfigs:\n- config_name: default\n  data_files: data/*.parquet\n---\n\n"
        return DatasetSummary(tuple(results), chapters, front_matter=front)


def write_spec(spec: Spec, folder: Path) -> None:
    """Write the specification of the numbers."""
    (folder / SPEC).write_text(json.dumps(spec.to_dict(), indent=2) + "\n", encoding="utf-8")


def task_chapter(spec: Spec) -> tuple[str, str]:
    """The chapter of a card about the numbers of observations and actions, and the reward."""
    names = layout(spec).names
    rows = [f"- Observation ({len(names)} numbers): {', '.join(f'`{name}`' for name in names)}"]
    rows.append(f"- Action: {', '.join(f'`{name}`' for name in spec.action.names)}, each -1..1")
    weights = ", ".join(f"{weight:g} x `{name}`" for name, weight in spec.reward.weights.items())
    rows.append(f"- Reward: {weights or 'none'}")
    rows.append(f"- Everything, with scales, bounds and end rules: `{SPEC}`, for `telemetry.rl.load_spec`")
    return "Task", "\n".join(rows)


def fixed_lists(values: Any) -> Any:
    """An array (n, k) as an Arrow column of lists of k numbers."""
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def _observation_columns(name: str, values: Any, rows: slice) -> dict[str, Any]:
    if isinstance(values, dict):
        return {f"{name}.{key}": fixed_lists(array[rows]) for key, array in values.items()}
    return {name: fixed_lists(values[rows])}


_READING: Final = """\
```python
from datasets import load_dataset

rows = load_dataset("FOLDER", split="train").with_format("numpy")
```

`terminated` steps have no future. After a `truncated` step the drive went on: its value is that of
`next_observation`."""
