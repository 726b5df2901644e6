"""Laps of a catalog for other programs: copies of their recordings, or their samples as one table."""

import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final

from telemetry.base.errors import SourceError, UsageError
from telemetry.base.extras import require
from telemetry.base.sanitize import sanitize_csv, sanitize_filename
from telemetry.base.storage.atomic import atomic_write
from telemetry.base.storage.file_content import hash_chunks, hash_file, read_chunks
from telemetry.catalog.read import ID_DIGITS
from telemetry.catalog.shards import LAP_ID, ShardWriter, read_lap_samples
from telemetry.catalog.state import CatalogState, Row, recording_place
from telemetry.catalog.store import PURPOSE, CatalogStore
from telemetry.fields.selection import Column, select
from telemetry.formats.csv.sink import header_of
from telemetry.formats.motec.ldx import ldx_name, ldx_path
from telemetry.formats.parquet.arrow import shape_of
from telemetry.stores.remote_file import open_place

if TYPE_CHECKING:
    import pyarrow as pa

TABLE_SUFFIXES: Final = (".parquet", ".csv")
"""Of files of samples."""


def copy_recording(store: CatalogStore, row: Row, folder: Path, name: str, *, overwrite: bool) -> Path | None:
    """Copy the recording of this row of ``recordings`` under this name, whole or not at all.

    A log gets its ``.ldx`` beside it. None where the same content has that name already. Raises
    :class:`telemetry.SourceError` where the recording has gone or changed, and :class:`telemetry.SinkError` where the
    copy cannot be made.
    """
    target = folder / name
    if target.is_file() and hash_file(target) == row["recording_id"]:
        return None
    place = recording_place(store, row)
    with ExitStack() as stack:
        try:
            source = stack.enter_context(open_place(place))
        except FileNotFoundError:
            raise SourceError(f"{place} has gone.") from None
        except OSError as error:
            raise SourceError(f"{place} cannot be read: {error.strerror or error}.") from error
        unfinished = stack.enter_context(atomic_write(target, overwrite=overwrite))
        with unfinished.open("xb") as copy:
            digest = hash_chunks(_copied(read_chunks(source), copy))
        if digest != row["recording_id"]:
            raise SourceError(f"{place} has changed since it was added.")
        details = ldx_path(Path(place))
        if ldx_name(row["path"]) and details.is_file():
            shutil.copyfile(details, ldx_path(unfinished))  # which gets its name together with the log
    return target


def _copied(chunks: Iterable[bytes], copy: BinaryIO) -> Iterator[bytes]:
    """The same bytes, each written into ``copy`` first."""
    for chunk in chunks:
        copy.write(chunk)
        yield chunk


def name_copies(recordings: Sequence[Row]) -> dict[str, str]:
    """A file name for each recording by its id: its own, behind the beginning of its id where several have that."""
    own = {row["recording_id"]: _own_name(row) for row in recordings}
    names = [name.casefold() for name in own.values()]
    return {
        recording_id: name if names.count(name.casefold()) == 1 else f"{recording_id[:ID_DIGITS]}-{name}"
        for recording_id, name in own.items()
    }


def write_samples(store: CatalogStore, state: CatalogState, laps: Iterable[Row], path: Path) -> int:
    """Write the samples of these laps, which have some, into a closed file that does not exist yet; returns how many.

    As Parquet each lap is a row group, with units and meanings as in the catalog. As CSV an array has a column for
    each number, under the names that ``convert`` gives them. Raises :class:`telemetry.SourceError` where samples are
    gone or damaged, :class:`telemetry.UsageError` for another suffix, and OSError.
    """
    if path.suffix == ".parquet":
        return _write_parquet(store, state, laps, path)
    if path.suffix == ".csv":
        return _write_csv(store, state, laps, path)
    raise UsageError(f"{path}: samples are written as {' or '.join(TABLE_SUFFIXES)}.")


def _write_parquet(store: CatalogStore, state: CatalogState, laps: Iterable[Row], path: Path) -> int:
    writer = ShardWriter(path, state.fields)
    count = 0
    try:
        for row in laps:
            table = read_lap_samples(store, row)
            writer.write_group(table.cast(writer.schema))
            count += len(table)
    finally:
        writer.close()
    return count


def _write_csv(store: CatalogStore, state: CatalogState, laps: Iterable[Row], path: Path) -> int:
    pyarrow = require("pyarrow", extra="catalog", purpose=PURPOSE)
    arrow_csv = require("pyarrow.csv", extra="catalog", purpose=PURPOSE)
    columns = select(state.fields)
    writer: Any = None
    count = 0
    try:
        for row in laps:
            cells = dict(_split(read_lap_samples(store, row), columns))
            table = pyarrow.table(cells)
            writer = writer or arrow_csv.CSVWriter(path, table.schema)
            writer.write_table(table)
            count += len(table)
    finally:
        if writer is not None:
            writer.close()
    return count


def _split(table: "pa.Table", columns: Iterable[Column]) -> "Iterator[tuple[str, pa.ChunkedArray]]":
    """The columns of a CSV file by their names, one for each number of an array."""
    compute = require("pyarrow.compute", extra="catalog", purpose=PURPOSE)
    yield LAP_ID, table.column(LAP_ID)
    for column in columns:
        parts = [table.column(column.key)]
        for length in shape_of(column):
            parts = [compute.list_element(part, index) for part in parts for index in range(length)]
        if column.fields[0].dtype == "text":
            parts = [_map_texts(part, sanitize_csv) for part in parts]
        yield from zip(header_of(column), parts, strict=True)


def _map_texts(texts: "pa.ChunkedArray", function: Callable[[str], str]) -> "pa.Array":
    pyarrow = require("pyarrow", extra="catalog", purpose=PURPOSE)
    return pyarrow.array([None if one is None else function(one) for one in texts.to_pylist()], pyarrow.string())


def _own_name(row: Mapping[str, Any]) -> str:
    name = Path(row["path"]).name
    return sanitize_filename(name.removeprefix(f"{row['recording_id'][:ID_DIGITS]}-") if row["copied"] else name)
