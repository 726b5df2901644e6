"""The tables of a catalog for other programs: typed columns, with units and meanings in the metadata."""

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Final, NamedTuple

import orjson

from telemetry.base.extras import require
from telemetry.catalog.state import CatalogState, Row
from telemetry.catalog.store import PURPOSE, CatalogStore

if TYPE_CHECKING:
    import pyarrow as pa


class TableColumn(NamedTuple):
    """A column of a table: its name, its type in pyarrow's words, its unit and its meaning."""

    name: str
    type: str
    unit: str
    meaning: str


LAP_COLUMNS: Final = tuple(
    TableColumn(*column)
    for column in (
        ("lap_id", "string", "text", "id of the lap in every catalog: of its recording's content, and its place there"),
        ("recording_id", "string", "text", "the recording's column of the same name: SHA-256 of its content"),
        ("file", "string", "text", "where the recording lay when it was added"),
        ("car", "string", "text", "folder name of the car"),
        ("track", "string", "text", "folder name of the track"),
        ("layout", "string", "text", "the track's configuration, empty if it has only one"),
        ("driver", "string", "text", "the player's name"),
        ("host", "string", "text", "the computer that recorded it"),
        ("session", "string", "text", "practice, qualify, race, ..."),
        ("recorded_at", "float64", "s", "Unix time of the first sample of the lap"),
        ("number", "int32", "count", "1-based, as the game counts"),
        ("run", "int32", "count", "1-based count of starts, restarts and sessions"),
        ("stint", "int32", "count", "1-based number of the stint"),
        ("kind", "string", "text", "flying, grid, out, in or pit"),
        ("start", "string", "text", "where the first sample is: line, grid, pits, joined or unseen"),
        ("end", "string", "text", "what ended the lap; line: the game counted it"),
        ("valid", "bool", "", "complete, recorded from line to line, without a cut, the pits and the AI"),
        ("complete", "bool", "", "the game counted it"),
        ("invalid_because", "list<string>", "text", "why the lap cannot be compared; empty for a valid lap"),
        ("game_verdict", "string", "text", "accepted, refused or undecided; null where the game says nothing"),
        ("time_ms", "int32", "ms", "the official time"),
        ("measured_ms", "int32", "ms", "the time measured from lap clock and physics steps"),
        ("sectors_ms", "list<int32>", "ms", "the sector times from the game"),
        ("top_speed_kmh", "float32", "km/h", "highest speed"),
        ("fuel_used_l", "float32", "l", "fuel that was burnt"),
        ("fuel_left_l", "float32", "l", "fuel in the tank at the end"),
        ("tyre_compound", "string", "text", "the tyres at the end of the lap"),
        ("tyre_worn", "list<float32>", "0..1", "0 new .. 1 worn out at the end: front left, front right, rear ..."),
        ("paused_s", "float32", "s", "time in which the game stood still"),
        ("ai_driven", "bool", "", "the game's AI drove some of it"),
        ("air_temp", "float32", "°C", "temperature of the air at the start"),
        ("road_temp", "float32", "°C", "temperature of the road at the start"),
        ("surface_grip", "float32", "0..1", "grip of the track at the start"),
        ("wind_speed", "float32", "km/h", "speed of the wind at the start"),
        ("ballast", "float32", "kg", "ballast at the start"),
        ("aid_stability", "float32", "0..1", "stability help"),
        ("aid_auto_clutch", "int32", "0/1", "automatic clutch"),
        ("aid_auto_blip", "int32", "0/1", "automatic throttle blip"),
        ("auto_shifter_on", "int32", "0/1", "automatic gearbox"),
        ("full_throttle_s", "float32", "s", "time with more than 95 % gas"),
        ("braking_s", "float32", "s", "time with more than 5 % brake"),
        ("coasting_s", "float32", "s", "time with less than 5 % of either pedal above 30 km/h"),
        ("overlap_s", "float32", "s", "time with more than 10 % of both pedals"),
        ("mean_pressure_psi", "list<float32>", "psi", "mean above 50 km/h: front left, front right, rear ..."),
        ("mean_core_c", "list<float32>", "°C", "mean temperature of the tyres' cores above 50 km/h, by wheel"),
        ("shard", "string", "text", "the file of its samples, relative to the catalog; null without samples"),
        ("row_group", "int32", "index", "the row group of that file"),
        ("samples", "int64", "count", "rows of that row group"),
    )
)

RECORDING_COLUMNS: Final = tuple(
    TableColumn(*column)
    for column in (
        ("recording_id", "string", "text", "SHA-256 of the content"),
        ("path", "string", "text", "where it lies; relative to the catalog if it was copied into it"),
        ("copied", "bool", "", "the catalog has a copy of its own"),
        ("stored_on", "string", "text", "the computer on whose disk it lies; null for a copy, or in a store"),
        ("size", "int64", "byte", "size of the file"),
        ("modified_ns", "int64", "ns", "Unix time of its last change when it was added"),
        ("format", "string", "text", "the format of the file"),
        ("driver", "string", "text", "the player's name"),
        ("host", "string", "text", "the computer that recorded it"),
        ("laps", "int32", "count", "laps found in it"),
        ("finished", "bool", "", "the file has its proper end"),
        ("version", "string", "text", "the program that derived laps and samples"),
        ("analysis_version", "int32", "count", "grows when a program finds other things in the same samples"),
        ("catalog_version", "int32", "count", "grows when a catalog keeps other things of the same laps"),
    )
)


def make_table(pyarrow: Any, rows: Iterable[Row], columns: Iterable[TableColumn]) -> "pa.Table":
    """A table of these rows; what a row lacks is null."""
    listed, described = list(rows), list(columns)
    schema = pyarrow.schema(
        [
            pyarrow.field(one.name, _type_of(pyarrow, one.type), metadata={"unit": one.unit, "meaning": one.meaning})
            for one in described
        ]
    )
    if not listed:
        return schema.empty_table()
    # By way of JSON and not by `pyarrow.array`, which imports pandas where that is installed: more than a second.
    json = require("pyarrow.json", extra="catalog", purpose=PURPOSE)
    lines = b"\n".join(orjson.dumps({name: row.get(name) for name in schema.names}) for row in listed)
    options = json.ParseOptions(explicit_schema=schema)
    table = json.read_json(pyarrow.BufferReader(lines), json.ReadOptions(block_size=len(lines) + 1), options)
    return pyarrow.Table.from_arrays([table.column(name) for name in schema.names], schema=schema)


def publish_tables(store: CatalogStore, state: CatalogState, unfinished: Path) -> None:
    """Write the tables of the state for other programs, by way of a folder for unfinished files. Raises OSError."""
    pyarrow = require("pyarrow", extra="catalog", purpose=PURPOSE)
    for name, rows, columns in (
        ("recordings.parquet", state.recordings, RECORDING_COLUMNS),
        ("laps.parquet", state.laps, LAP_COLUMNS),
    ):
        write_parquet(make_table(pyarrow, rows, columns), unfinished / name)
        store.replace(unfinished / name, name)


def write_parquet(table: "pa.Table", target: Path | BinaryIO) -> None:
    """Write a table into a file, or an open one. Raises OSError."""
    parquet = require("pyarrow.parquet", extra="catalog", purpose=PURPOSE)
    parquet.write_table(table, target, compression="zstd")


def _type_of(pyarrow: Any, name: str) -> Any:
    inner = name.removeprefix("list<").removesuffix(">")
    arrow_type = pyarrow.type_for_alias(inner)
    return pyarrow.list_(arrow_type) if inner != name else arrow_type
