"""What a catalog holds: its recordings, laps and files of samples, in one file that is replaced as a whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import orjson

from telemetry.base.errors import SourceError, UsageError
from telemetry.base.storage.atomic import replace_file, sync_to_disk
from telemetry.base.storage.inside_folder import OutsideFolderError, path_inside
from telemetry.base.storage.regular_file import read_regular_file
from telemetry.base.storage.temporary import temporary_folder
from telemetry.base.version import VERSION
from telemetry.recording.recorded_laps import ANALYSIS_VERSION

Row = dict[str, Any]
"""A row of a table, as JSON has it."""

STATE_NAME: Final = "catalog.json"

CATALOG_FORMAT: Final = 1
"""To be increased when an older program could no longer read the folder of a newer one."""

MAX_STATE_BYTES: Final = 1 << 30
"""Of ``catalog.json``; a lap has about half a kilobyte in it."""

DEFAULT_RATE_HZ: Final = 60.0

DEFAULT_FIELDS: Final = (
    "timestamp",
    "elapsed",
    "lap_time",
    "lap_distance",
    "normalized_position",
    "world_position_x",
    "world_position_y",
    "world_position_z",
    "speed_kmh",
    "gas",
    "brake",
    "clutch",
    "gear",
    "rpm",
    "steer_angle",
    "heading",
    "acc_g_x",
    "acc_g_y",
    "acc_g_z",
    "local_velocity_x",
    "local_velocity_z",
    "slip_ratio",
    "wheel_slip",
    "wheel_load",
    "wheel_pressure",
    "tyre_core_temp",
    "tyre_wear",
    "brake_temp",
    "suspension_travel",
    "fuel",
)
"""The columns of samples unless others are chosen when the catalog is made."""


@dataclass(slots=True)
class CatalogState:
    """What a catalog holds."""

    rate_hz: float = DEFAULT_RATE_HZ
    fields: tuple[str, ...] = DEFAULT_FIELDS
    recordings: list[Row] = field(default_factory=list)
    laps: list[Row] = field(default_factory=list)
    shards: dict[str, Row] = field(default_factory=dict)
    """What is known of each file of samples, by its name relative to the folder, with slashes."""
    version: str = VERSION
    """The program that wrote it last."""

    @property
    def stale(self) -> int:
        """How many recordings an older program derived, whose laps or samples a newer one would find differently."""
        return sum(row["analysis_version"] != ANALYSIS_VERSION for row in self.recordings)


def load_state(folder: Path) -> CatalogState:
    """The state of the catalog in this folder; :class:`telemetry.UsageError` where there is none.

    :class:`telemetry.SourceError` where it cannot be read, is damaged, or is one of a newer program.
    """
    path = folder / STATE_NAME
    try:
        values = orjson.loads(read_regular_file(path, MAX_STATE_BYTES))
        if values["format"] > CATALOG_FORMAT:
            raise SourceError(
                f"{folder} was made by a newer program, ac-telemetry {values['version']}, and this one cannot read it. "
                "Update ac-telemetry."
            )
        return CatalogState(
            rate_hz=float(values["rate_hz"]),
            fields=tuple(map(str, values["fields"])),
            recordings=_to_rows(values["recordings"]),
            laps=_to_rows(values["laps"]),
            shards={str(name): dict(row) for name, row in values["shards"].items()},
            version=str(values["version"]),
        )
    except FileNotFoundError:
        raise UsageError(f"There is no catalog in {folder}. Make one with: catalog add RECORDINGS.") from None
    except OSError as error:
        raise SourceError(f"{path} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(
            f"{path} is damaged. The recordings are not: move {folder} away and add them to a new catalog."
        ) from error


def save_state(folder: Path, state: CatalogState) -> None:
    """Replace the state; a reader, and whoever comes after a crash, sees the old or the new one. Raises OSError."""
    state.version = VERSION
    values = {
        "format": CATALOG_FORMAT,
        "version": state.version,
        "rate_hz": state.rate_hz,
        "fields": state.fields,
        "recordings": _to_columns(state.recordings),
        "laps": _to_columns(state.laps),
        "shards": state.shards,
    }
    with temporary_folder(folder) as temporary:
        unfinished = temporary / STATE_NAME
        unfinished.write_bytes(orjson.dumps(values))
        sync_to_disk(unfinished)
        replace_file(unfinished, folder / STATE_NAME)


def path_of(folder: Path, name: str) -> Path:
    """The path of a file of the catalog by its name in the state; :class:`telemetry.SourceError` for one outside."""
    try:
        return path_inside(folder, name)
    except OutsideFolderError as error:
        raise SourceError(f"{folder / STATE_NAME} names a file that is none of the catalog's: {error}.") from None


def recording_path(folder: Path, row: Mapping[str, Any]) -> Path:
    """Where the recording of this row lies: in the catalog if it was copied there."""
    return path_of(folder, row["path"]) if row["copied"] else Path(row["path"])


def absolute(path: Path) -> str:
    """The path as it is stored, whichever folder a later command runs in."""
    return str(path.resolve())


def _to_columns(rows: Iterable[Row]) -> dict[str, list[Any]]:
    """Rows as columns: names stand once, and a table of thousands of laps stays small."""
    listed = list(rows)
    names = dict.fromkeys(name for row in listed for name in row)
    return {name: [row.get(name) for row in listed] for name in names}


def _to_rows(columns: Mapping[str, list[Any]]) -> list[Row]:
    return [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
