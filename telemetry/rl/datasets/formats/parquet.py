"""Plain Parquet: a row for each step, with what was observed, done and rewarded, and all fields of the sample."""

import json
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from telemetry.base.extras import require
from telemetry.formats.parquet.sink import create
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts
from telemetry.rl.datasets.exporter import (
    DatasetSummary,
    EpisodeEntry,
    Exporter,
    ExportResult,
    StagedRecording,
    episode_entry,
    put,
    safe_name,
)
from telemetry.rl.datasets.transitions import Trajectory, trajectories
from telemetry.rl.observation import layout
from telemetry.rl.spec import Spec

SPEC: Final = "spec.json"

COLUMNS: Final = {
    "episode": "number of the episode, unique in its file",
    "step": "0-based step of its episode",
    "recording": "the recording's file name",
    "lap": "the lap's number in its recording",
    "observation": "what is observed before the step",
    "action": "what was in force during the step, as the sample after it recorded it",
    "reward": "what the step gave",
    "next_observation": "what is observed after the step",
    "terminated": "the step ended the task",
    "truncated": "the episode was cut off after the step",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class ParquetExporter(Exporter):
    """Writes ``OUT/data/*.parquet``, one file for each recording, which Hugging Face's ``datasets`` loads as it is."""

    spec: Spec

    @property
    def title(self) -> str:
        """The format, for a person."""
        return "Parquet"

    def check(self) -> None:
        """UsageError where pyarrow is missing."""
        require("pyarrow", extra="parquet", purpose="The format parquet")

    def convert(self, found: Iterator[Episode], cut: EpisodeConfig, folder: Path, skipped: SkipCounts) -> ExportResult:
        """Write the table of a recording."""
        del cut
        from pyarrow import parquet

        entries: list[EpisodeEntry] = []
        with ExitStack() as stack:
            writer: Any = None
            for episode in found:
                for one in trajectories(self.spec, episode, skipped):
                    table = self._table(one, len(entries), folder)
                    if writer is None:
                        path = folder / f"{safe_name(episode.recording.partition('.')[0])}.parquet"
                        writer = parquet.ParquetWriter(path, table.schema, compression="zstd")
                        stack.enter_context(writer)
                    writer.write_table(table)
                    entries.append(
                        episode_entry(episode, path.name, steps=one.steps, end=one.reason, terminated=one.terminated)
                    )
        return ExportResult(tuple(entries))

    def _table(self, one: Trajectory, episode: int, folder: Path) -> Any:
        """The rows of one trajectory, the fields of its samples behind what is of the task."""
        import pyarrow as pa
        from pyarrow import parquet

        part = folder / ".fields.parquet"
        with create(part, overwrite=True) as sink:
            for sample in one.samples[:-1]:
                sink.write(sample)
        # Out of memory: pyarrow may hold on to a file for a moment, and Windows removes none that is open.
        fields = parquet.read_table(pa.BufferReader(part.read_bytes()))
        part.unlink()
        steps = one.steps
        columns: dict[str, Any] = {
            "episode": pa.array(np.full(steps, episode, dtype=np.int64)),
            "step": pa.array(np.arange(steps)),
            "recording": pa.array([one.episode.recording] * steps),
            "lap": pa.array(one.infos["lap"][:-1]),
            **_observed("observation", one.observations, slice(0, -1)),
            "action": fixed_lists(one.actions),
            "reward": pa.array(one.rewards),
            **_observed("next_observation", one.observations, slice(1, None)),
            "terminated": pa.array(one.terminations),
            "truncated": pa.array(one.truncations),
        }
        for place, (name, values) in enumerate(columns.items()):
            meaning = {"meaning": COLUMNS[name.partition(".")[0]]}
            fields = fields.add_column(place, pa.field(name, values.type, metadata=meaning), values)
        # What the samples' own file said of the drive is not true of a file of several episodes.
        return fields.replace_schema_metadata({"specification": self.spec.to_json()})

    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> DatasetSummary:
        """Number the tables, write the specification, and tell ``datasets`` where all is."""
        results = []
        for part in staged:
            names = {entry.file: f"data/{part.number:05d}-{entry.file}" for entry in part.result.episodes}
            for name, target in names.items():
                put(part.folder / name, folder / target)
            results.append(part.result.moved(names))
        write_spec(self.spec, folder)
        text = "\n".join(f"- `{name}`: {meaning}" for name, meaning in COLUMNS.items())
        chapters = (
            ("Columns", f"{text}\n- and every field of the sample before the step, as the command `fields` lists them"),
            task_chapter(self.spec),
            ("Reading", _READING),
        )
        front = "---\nconfigs:\n- config_name: default\n  data_files: data/*.parquet\n---\n\n"
        return DatasetSummary(tuple(results), chapters, front_matter=front)


def write_spec(spec: Spec, folder: Path) -> None:
    """Write the specification that the numbers follow."""
    (folder / SPEC).write_text(json.dumps(spec.to_dict(), indent=2) + "\n", encoding="utf-8")


def task_chapter(spec: Spec) -> tuple[str, str]:
    """What the numbers of observations and actions are, for a card."""
    names = layout(spec).names
    rows = [f"- Observation ({len(names)} numbers): {', '.join(f'`{name}`' for name in names)}"]
    rows.append(f"- Action: {', '.join(f'`{name}`' for name in spec.action.names)}, each -1..1")
    weights = ", ".join(f"{weight:g} x `{name}`" for name, weight in spec.reward.weights.items())
    rows.append(f"- Reward: {weights or 'none'}")
    rows.append(f"- All of it, with scales, bounds and what ends an episode: `{SPEC}`, for `telemetry.rl.load_spec`")
    return "Task", "\n".join(rows)


def fixed_lists(values: Any) -> Any:
    """An array (n, k) as a column of Arrow."""
    import pyarrow as pa

    return pa.FixedSizeListArray.from_arrays(pa.array(values.ravel()), values.shape[1])


def _observed(name: str, values: Any, rows: slice) -> dict[str, Any]:
    if isinstance(values, dict):
        return {f"{name}.{key}": fixed_lists(part[rows]) for key, part in values.items()}
    return {name: fixed_lists(values[rows])}


_READING: Final = """\
```python
from datasets import load_dataset

rows = load_dataset("FOLDER", split="train").with_format("numpy")
```

`terminated` steps have no future; behind a `truncated` one the drive went on, so its value is that of
`next_observation`."""
