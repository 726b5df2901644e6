"""Whether a catalog's files are what is known of them, and its recordings where they were."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from functools import partial
from typing import Any, NamedTuple

from telemetry.base.errors import TelemetryError
from telemetry.base.storage.file_content import hash_chunks, read_chunks
from telemetry.catalog.shards import LAP_ID
from telemetry.catalog.state import CatalogState, recording_place, recordings_elsewhere
from telemetry.catalog.store import CatalogStore, Place, as_store
from telemetry.stores.remote_file import open_place


class CatalogProblem(NamedTuple):
    """Something that is not as it was."""

    place: str
    """The path or the address of the file."""
    text: str
    """What is wrong, and what to do, as a sentence."""
    is_derived: bool
    """Whether ``catalog rebuild`` mends it; false where a recording is not what was added."""


def check_catalog(place: Place, state: CatalogState) -> Iterator[CatalogProblem]:
    """Compare every recording and every file of samples with its hash, and every lap with its samples.

    Recordings on disks of other computers are left out.
    """
    store = as_store(place)
    elsewhere = {row["recording_id"] for row in recordings_elsewhere(state)}
    for row in state.recordings:
        path = recording_place(store, row)
        if row["recording_id"] in elsewhere:
            continue
        problem = _compare(partial(open_place, path), row["recording_id"])
        if problem:
            yield CatalogProblem(path, f"The recording {path} {problem}. Its laps in the catalog stay.", False)
    sound = set()
    for name, shard in state.shards.items():
        path = store.locate(name)
        problem = _compare(partial(store.open, name), shard["sha256"])
        if problem:
            yield CatalogProblem(path, f"The samples {path} {problem}. Make them again with: catalog rebuild.", True)
        else:
            sound.add(name)
    yield from _check_laps(store, state, sound)


def _check_laps(store: CatalogStore, state: CatalogState, sound: set[str]) -> Iterator[CatalogProblem]:
    recordings = {row["recording_id"] for row in state.recordings}
    ids: dict[str, list[str | None]] = {}
    for row in state.laps:
        place = store.locate(row["shard"]) if row["shard"] else str(store)
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
            ids[name] = _ids_of_groups(store, name)
        groups = ids[name]
        if row["row_group"] >= len(groups) or groups[row["row_group"]] != row["lap_id"]:
            text = f"The samples of lap {row['lap_id']} are not where the catalog says. See: catalog rebuild."
            yield CatalogProblem(place, text, True)


def _ids_of_groups(store: CatalogStore, name: str) -> list[str | None]:
    """The lap of each row group, by its statistics."""
    with store.errors(name), store.open_parquet(name) as file:
        metadata = file.metadata
        place = metadata.schema.to_arrow_schema().names.index(LAP_ID)
        found: list[Any] = [
            metadata.row_group(number).column(place).statistics for number in range(file.num_row_groups)
        ]
    return [None if one is None or one.min != one.max else one.min for one in found]


def _compare(open_file: Callable[[], AbstractContextManager[Any]], sha256: str) -> str:
    """What is wrong with a file that had this hash; empty where nothing is."""
    try:
        with open_file() as file:
            return "" if hash_chunks(read_chunks(file)) == sha256 else "has changed"
    except FileNotFoundError:
        return "has gone"
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    except TelemetryError as error:
        return f"cannot be read ({error})"
