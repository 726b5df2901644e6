"""What a catalog keeps of one recording: a row for each lap, and the samples of its laps."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from telemetry.base.errors import SinkError, SourceError, TelemetryError
from telemetry.base.extras import require
from telemetry.base.storage.file_content import FileVersion, hash_file
from telemetry.base.version import ANALYSIS_VERSION, VERSION
from telemetry.catalog.measures import MEASURE_FIELDS, MEASURES, measure_samples
from telemetry.catalog.shards import ShardWriter, describe_shard, track_folder
from telemetry.catalog.state import CATALOG_VERSION, Row, absolute
from telemetry.catalog.store import PURPOSE
from telemetry.fields.blocks import Array
from telemetry.fields.columns import Columns
from telemetry.fields.held import held_columns
from telemetry.fields.selection import field_names, select
from telemetry.formats import format_label
from telemetry.formats.motec.ldx import ldx_name
from telemetry.formats.parquet.tables import to_table
from telemetry.laps.model import Lap, in_recorded_order
from telemetry.sources import open_source
from telemetry.sources.recording import Recording
from telemetry.stores.remote_file import RemoteFile

Watch = Callable[[Iterable[Columns]], Iterable[Columns]]

ID_DIGITS: Final = 12
"""Digits of a recording's hash in the ids of its laps: two of a million recordings share them with 1 : 500."""

CONDITION_FIELDS: Final = (
    "air_temp",
    "road_temp",
    "surface_grip",
    "wind_speed",
    "ballast",
    "aid_stability",
    "aid_auto_clutch",
    "aid_auto_blip",
    "auto_shifter_on",
)
"""Fields of the first sample of a lap that are in its row."""

_LAP_KEYS: Final = ("run", "lap")


@dataclass(frozen=True, slots=True)
class ReadRecording:
    """The rows of a recording and its laps, and its files of samples, which have no place in the catalog yet."""

    recording: Row
    laps: list[Row]
    shards: dict[str, tuple[Path | None, Row]]
    """By the name in the catalog: where the file is now, if it has not got that name yet, and what is known of it."""


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How recordings are read for a catalog."""

    unfinished: Path
    """The folder for files that have no place in the catalog yet."""
    fields: tuple[str, ...]
    rate_hz: float
    known: frozenset[str] = frozenset()
    """The recordings, by the hash of their content, that need not be read."""


def read_for_catalog(place: Path | RemoteFile, options: ReadOptions, watch: Watch = iter) -> ReadRecording | None:
    """Read a recording and write the samples of its laps; None for a recording that is known.

    Raises :class:`telemetry.TelemetryError` where the recording cannot be read, or the folder be written.
    """
    if isinstance(place, Path):
        return _read_file(place, options, watch)
    with ExitStack() as stack:
        path = stack.enter_context(place.fetched(options.unfinished))
        if beside := ldx_name(place.url):
            with suppress(SourceError):  # there is none
                stack.enter_context(RemoteFile(beside, 0, 0).fetched(options.unfinished))
        try:
            found = _read_file(path, options, watch)
        except TelemetryError as error:
            raise type(error)(str(error).replace(str(path), place.url)) from error
    if found is not None:
        found.recording.update(path=place.url, size=place.size, modified_ns=place.modified_ns)
        for row in found.laps:
            row["file"] = place.url
    return found


def _read_file(path: Path, options: ReadOptions, watch: Watch) -> ReadRecording | None:
    pyarrow = require("pyarrow", extra="catalog", purpose=PURPOSE)
    try:
        version = FileVersion.of(path)
        recording_id = hash_file(path)
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    if recording_id in options.known:
        return None
    source = open_source(path)
    with Recording(source) as recording:
        laps = list(recording.laps())
        about = {
            "recording_id": recording_id,
            "file": absolute(path),
            "driver": source.metadata.get("driver", ""),
            "host": source.metadata.get("host", ""),
        }
        rows = {id(lap): make_lap_row(lap, number, about) for number, lap in enumerate(laps, start=1)}
        finished = source.complete
        try:
            shards = _write_samples(recording, laps, rows, frozenset(source.missing_fields), options, watch)
        except (OSError, pyarrow.ArrowException) as error:
            reason = getattr(error, "strerror", None) or error
            raise SinkError(
                f"The samples of {path} cannot be written to {options.unfinished.parent}: {reason}."
            ) from error
    if hash_file(path) != recording_id:
        raise SourceError(f"{path} changed while it was read. Add it again when it is finished.")
    drivers = [row["driver"] for row in rows.values() if row["driver"]]
    return ReadRecording(
        {
            "recording_id": recording_id,
            "path": about["file"],
            "copied": False,
            "stored_on": None,
            "size": version.size,
            "modified_ns": version.modified_ns,
            "format": format_label(path),
            "driver": about["driver"] or next(iter(drivers), ""),
            "host": about["host"],
            "laps": len(laps),
            "finished": finished,
            "version": VERSION,
            "analysis_version": ANALYSIS_VERSION,
            "catalog_version": CATALOG_VERSION,
        },
        list(rows.values()),
        shards,
    )


def make_lap_row(lap: Lap, number: int, about: Row) -> Row:
    """The row of a lap, the ``number``-th of its recording from 1, before its samples are known."""
    values = lap.to_dict()
    kept = (
        *("car", "track", "layout", "session", "number", "run", "stint", "kind", "start", "end", "valid", "complete"),
        *("game_verdict", "time_ms", "measured_ms", "top_speed_kmh", "fuel_used_l", "fuel_left_l", "tyre_compound"),
        *("paused_s", "ai_driven"),
    )
    return {
        "lap_id": f"{about['recording_id'][:ID_DIGITS]}-{number}",
        **about,
        **{name: values[name] for name in kept},
        "invalid_because": list(lap.invalid_because),
        "sectors_ms": list(lap.sectors_ms),
        "tyre_worn": list(lap.tyre_worn),
        "recorded_at": lap.first.timestamp if lap.first else None,
        **dict.fromkeys((*CONDITION_FIELDS, *MEASURES, "shard", "row_group", "samples")),
    }


def _write_samples(
    recording: Recording,
    laps: Sequence[Lap],
    rows: dict[int, Row],
    missing: frozenset[str],
    options: ReadOptions,
    watch: Watch,
) -> dict[str, tuple[Path | None, Row]]:
    """Write the samples of all laps that have some, complete their rows, and tell of the files, one for each track."""
    wanted = in_recorded_order(laps)
    columns = held_columns(select((*options.fields, *CONDITION_FIELDS, *MEASURE_FIELDS, "player_name")), missing)
    held = frozenset(field_names(columns))
    names = {*held, *_LAP_KEYS, "elapsed"}
    if not wanted:
        return {}
    blocks = watch(recording.columns(names, laps=wanted, rate=options.rate_hz))
    writers: dict[str, tuple[ShardWriter, Path, list[Row]]] = {}
    chosen = select(options.fields)
    try:
        for lap, parts in _parts_of_laps(blocks, wanted):
            row = rows[id(lap)]
            _describe_start(row, parts[0], held)
            row.update(measure_samples(parts, held, options.rate_hz))
            folder = track_folder(row)
            if folder not in writers:
                path = options.unfinished / f"{row['recording_id'][:24]}-{len(writers)}.parquet"
                writers[folder] = (ShardWriter(path, options.fields), path, [])
            writer, _, written = writers[folder]
            table = to_table(parts, chosen, missing)
            row["row_group"], row["samples"] = writer.write(row["lap_id"], table), len(table)
            written.append(row)
    finally:
        for writer, _, _ in writers.values():
            writer.close()
    shards: dict[str, tuple[Path | None, Row]] = {}
    for _, path, written in writers.values():
        name, shard = describe_shard(path, written)
        for row in written:
            row["shard"] = name
        shards[name] = (path, shard)
    return shards


def _parts_of_laps(blocks: Iterable[Columns], laps: Sequence[Lap]) -> Iterator[tuple[Lap, list[Columns]]]:
    """Each lap with its samples; those of no lap are left out. ``laps`` have samples, and are in recorded order."""
    begins = np.array([lap.first.elapsed if lap.first else np.nan for lap in laps])
    by_key = {(lap.start_index, lap.number): place for place, lap in enumerate(laps)}
    finished = {-1}
    current = -1
    parts: list[Columns] = []
    for block in blocks:
        places = _places_of_laps(block, by_key, begins)
        edges = (np.flatnonzero(places[1:] != places[:-1]) + 1).tolist()
        for begin, end in zip([0, *edges], [*edges, len(block)], strict=True):
            if begin == end:
                continue
            if (place := int(places[begin])) != current:
                if parts:
                    yield laps[current], parts
                    finished.add(current)
                current, parts = place, []
            if place not in finished:
                parts.append(block.select(np.arange(begin, end)))
    if parts:
        yield laps[current], parts


def _places_of_laps(block: Columns, by_key: dict[tuple[int, int], int], begins: Array) -> Array:
    """For each sample the place of its lap, by its run and its number; -1 for one of no lap.

    Recordings of other programs know no run: there the last lap that began before is taken.
    """
    run, number = (block[name] for name in _LAP_KEYS)
    if np.ma.getmaskarray(run).any() or np.ma.getmaskarray(number).any():
        return np.searchsorted(begins, block["elapsed"], side="right") - 1
    keys = np.stack((np.ma.getdata(run), np.ma.getdata(number)), axis=1)
    changes = np.flatnonzero((keys[1:] != keys[:-1]).any(axis=1)) + 1
    starts = [0, *changes.tolist()] if len(block) else []
    found = [by_key.get((int(keys[start, 0]), int(keys[start, 1])), -1) for start in starts]
    return np.repeat(np.array(found, dtype=np.int64), np.diff([*starts, len(block)]))


def _describe_start(row: Row, samples: Columns, held: frozenset[str]) -> None:
    """Complete a row by the first sample of the lap."""
    for name in CONDITION_FIELDS:
        if name in held:
            value: Any = samples[name][0].item()
            row[name] = value if np.isfinite(value) else None
    if "player_name" in held and not row["driver"]:
        texts = samples.texts("player_name")
        row["driver"] = texts.texts[texts.codes[0]]
