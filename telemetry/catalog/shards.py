"""Files of samples: the laps of one track, a row group for each lap, with the types and units of all our Parquet."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from telemetry.base.errors import SourceError
from telemetry.base.extras import require
from telemetry.base.sanitize import sanitize_filename
from telemetry.base.storage.file_content import hash_file
from telemetry.base.version import VERSION
from telemetry.catalog.state import CatalogState, Row
from telemetry.catalog.store import PURPOSE, SAMPLES_FOLDER, CatalogStore, Place, as_store
from telemetry.fields.selection import Column, select
from telemetry.formats.parquet.arrow import ArrowColumns
from telemetry.formats.parquet.sink import WRITER_OPTIONS, choose_encodings

if TYPE_CHECKING:
    import pyarrow as pa

LAPS_IN_FILE: Final = 250
"""Laps in a file: its footer stays far below the 4 MB that a reader over a network should fetch first."""

SMALL_FILES: Final = 16
"""Small files of a track from which on they are put together."""

LAP_ID: Final = "lap_id"


class ShardWriter:
    """Writes the samples of laps, one row group each. Raises OSError and pyarrow's ArrowException.

    The file must lie outside the catalog's own tree: pyarrow closes a file that an error left into a valid short one.
    """

    def __init__(self, path: Path, fields: Sequence[str]) -> None:
        pyarrow = require("pyarrow", extra="catalog", purpose=PURPOSE)
        parquet = require("pyarrow.parquet", extra="catalog", purpose=PURPOSE)
        columns = select(fields)
        self.schema = shard_schema(pyarrow, columns)
        encodings = choose_encodings(columns)
        encodings["use_dictionary"] = [LAP_ID, *(encodings["use_dictionary"] or ())]
        self._pyarrow = pyarrow
        self._writer = parquet.ParquetWriter(path, self.schema, **WRITER_OPTIONS, **encodings)
        self.row_groups = 0

    def write(self, lap_id: str, samples: "pa.Table") -> int:
        """Write the samples of a lap, which have the columns of the schema but its id; returns its row group."""
        texts = self._pyarrow.repeat(self._pyarrow.scalar(lap_id), len(samples))
        arrays = [texts, *(samples.column(name) for name in self.schema.names[1:])]
        self.write_group(self._pyarrow.Table.from_arrays(arrays, schema=self.schema))
        return self.row_groups - 1

    def write_group(self, table: "pa.Table") -> None:
        """Write a lap whose id is in its table."""
        self._writer.write_table(table, row_group_size=max(len(table), 1))
        self.row_groups += 1

    def close(self) -> None:
        """Write the footer."""
        self._writer.close()


def shard_schema(pyarrow: Any, columns: Sequence[Column]) -> "pa.Schema":
    """The schema of a file of samples: the lap's id, and the columns with their units and meanings."""
    lap_id = pyarrow.field(LAP_ID, pyarrow.string(), metadata={"unit": "text", "meaning": "the lap, as in laps"})
    metadata = {"created_by": f"ac-telemetry {VERSION}", "game": "Assetto Corsa"}
    return pyarrow.schema([lap_id, *ArrowColumns(pyarrow, columns).schema], metadata=metadata)


def track_folder(row: Mapping[str, Any]) -> str:
    """The folder of a lap's samples, by its track and layout."""
    name = f"{row['track']}-{row['layout']}" if row["layout"] else row["track"]
    return f"{SAMPLES_FOLDER}/{sanitize_filename(name or 'unknown')}"


def read_lap_samples(place: Place, lap: Row, fields: Sequence[str] | None = None) -> "pa.Table":
    """The samples of a lap of the catalog, with these columns or all.

    Raises :class:`telemetry.SourceError` where there are none, or their file has gone or is damaged.
    """
    pyarrow = require("pyarrow", extra="catalog", purpose=PURPOSE)
    store = as_store(place)
    if lap["shard"] is None:
        raise SourceError(f"The lap {lap['lap_id']} has no samples.")
    try:
        with store.errors(lap["shard"]), store.open_parquet(lap["shard"]) as file:
            return file.read_row_group(lap["row_group"], columns=None if fields is None else list(fields))
    except (OSError, pyarrow.ArrowException, IndexError) as error:
        file_place = store.locate(lap["shard"])
        raise SourceError(f"{file_place} cannot be read, or is not what it was. See: catalog check.") from error


def groups_to_merge(state: CatalogState, *, every: bool = False) -> list[list[str]]:
    """Groups of small files of one track that may become one file each.

    They are chosen where a track has many of them, or ``every`` one is to be put together.
    """
    small: dict[str, list[str]] = {}
    for name, shard in state.shards.items():
        if shard["laps"] <= LAPS_IN_FILE // 2:
            small.setdefault(name.rpartition("/")[0], []).append(name)
    groups: list[list[str]] = []
    for names in small.values():
        if len(names) < (2 if every else SMALL_FILES):
            continue
        group: list[str] = []
        count = 0
        for name in sorted(names):
            if group and count + state.shards[name]["laps"] > LAPS_IN_FILE:
                groups.append(group)
                group, count = [], 0
            group.append(name)
            count += state.shards[name]["laps"]
        groups.append(group)
    return [group for group in groups if len(group) > 1]


def merge_shards(store: CatalogStore, rows: Iterable[Row], unfinished: Path, fields: Sequence[str]) -> list[Row]:
    """Write the laps of some files into one, sorted by car, driver and time; returns them in that order.

    Raises OSError and pyarrow's ArrowException.
    """
    order = sorted(rows, key=lambda row: (row["car"], row["driver"], row["recorded_at"] or 0.0, row[LAP_ID]))
    files: dict[str, Any] = {}
    writer = ShardWriter(unfinished, fields)
    try:
        for row in order:
            with store.errors(row["shard"]):
                if row["shard"] not in files:
                    files[row["shard"]] = store.open_parquet(row["shard"])
                group = files[row["shard"]].read_row_group(row["row_group"])
            writer.write_group(group.cast(writer.schema))
    finally:
        writer.close()
        for file in files.values():
            file.close()
    return order


def describe_shard(path: Path, laps: Sequence[Row]) -> tuple[str, Row]:
    """The name of a closed file of samples, which follows from its content, and what is known of it. Raises OSError."""
    digest = hash_file(path)
    name = f"{track_folder(laps[0])}/{digest[:24]}.parquet"
    return name, {"laps": len(laps), "size": path.stat().st_size, "sha256": digest}
