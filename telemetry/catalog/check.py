"""Whether a catalog's files are what is known of them, and its recordings where they were."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from telemetry.base.errors import SourceError
from telemetry.base.extras import require
from telemetry.catalog.shards import LAP_ID, hash_file
from telemetry.catalog.state import CatalogState, path_of, recording_path
from telemetry.catalog.tables import PURPOSE


class CatalogProblem(NamedTuple):
    """Something that is not as it was."""

    path: Path
    text: str
    """What is wrong, and what to do, as a sentence."""
    is_derived: bool
    """Whether ``catalog rebuild`` mends it; false where a recording is not what was added."""


def check_catalog(folder: Path, state: CatalogState) -> Iterator[CatalogProblem]:
    """Compare every recording and every file of samples with its hash, and every lap with its samples."""
    for row in state.recordings:
        path = recording_path(folder, row)
        problem = _compare(path, row["recording_id"])
        if problem:
            yield CatalogProblem(path, f"The recording {path} {problem}. Its laps in the catalog stay.", False)
    sound = set()
    for name, shard in state.shards.items():
        path = path_of(folder, name)
        problem = _compare(path, shard["sha256"])
        if problem:
            yield CatalogProblem(path, f"The samples {path} {problem}. Make them again with: catalog rebuild.", True)
        else:
            sound.add(name)
    yield from _check_laps(folder, state, sound)


def _check_laps(folder: Path, state: CatalogState, sound: set[str]) -> Iterator[CatalogProblem]:
    recordings = {row["recording_id"] for row in state.recordings}
    ids: dict[str, list[str | None]] = {}
    for row in state.laps:
        place = folder / (row["shard"] or "")
        if row["recording_id"] not in recordings:
            text = f"The lap {row['lap_id']} is of a recording that is not in the catalog. See: catalog rebuild."
            yield CatalogProblem(place, text, True)
        name = row["shard"]
        if name is None or name not in sound:
            if name is not None and name not in state.shards:
                text = f"The samples of lap {row['lap_id']} are in no file of the catalog. See: catalog rebuild."
                yield CatalogProblem(place, text, True)
            continue
        if name not in ids:
            ids[name] = _ids_of_groups(path_of(folder, name))
        groups = ids[name]
        if row["row_group"] >= len(groups) or groups[row["row_group"]] != row["lap_id"]:
            text = f"The samples of lap {row['lap_id']} are not where the catalog says. See: catalog rebuild."
            yield CatalogProblem(place, text, True)


def _ids_of_groups(path: Path) -> list[str | None]:
    """The lap of each row group, by its statistics."""
    parquet = require("pyarrow.parquet", extra="catalog", purpose=PURPOSE)
    with parquet.ParquetFile(path) as file:
        metadata = file.metadata
        place = metadata.schema.to_arrow_schema().names.index(LAP_ID)
        found: list[Any] = [
            metadata.row_group(number).column(place).statistics for number in range(file.num_row_groups)
        ]
    return [None if one is None or one.min != one.max else one.min for one in found]


def _compare(path: Path, sha256: str) -> str:
    """What is wrong with a file that had this hash; empty where nothing is."""
    try:
        return "" if hash_file(path) == sha256 else "has changed"
    except FileNotFoundError:
        return "has gone"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except SourceError as error:
        return str(error)
