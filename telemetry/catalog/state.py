"""What a catalog holds: its recordings, laps and files of samples, in one file that is replaced as a whole."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from socket import gethostname
from typing import Any, Final

import orjson

from telemetry.base.errors import SourceError, TelemetryError, UsageError
from telemetry.base.version import ANALYSIS_VERSION, VERSION
from telemetry.catalog.store import STATE_NAME, CatalogStore, Place, StoredState, as_store

Row = dict[str, Any]
"""A row of a table, as JSON has it."""

CATALOG_FORMAT: Final = 1
"""To be increased when an older program could no longer read the folder of a newer one."""

CATALOG_VERSION: Final = 2
"""To be increased with every change of what a catalog keeps of the same laps: columns of rows, and samples."""

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
    revision: str | None = None
    """Which ``catalog.json`` of the store it was read from."""

    @property
    def stale(self) -> int:
        """How many recordings an older program derived, of which this one would find other laps, or keep more."""
        return sum(
            row["analysis_version"] < ANALYSIS_VERSION or (row.get("catalog_version") or 1) < CATALOG_VERSION
            for row in self.recordings
        )


def load_state(place: Place) -> CatalogState:
    """The state of this catalog; :class:`telemetry.UsageError` where there is none.

    :class:`telemetry.SourceError` where it cannot be read, is damaged, or is one of a newer program.
    """
    store = as_store(place)
    try:
        data, revision = store.read_state()
        values = orjson.loads(data)
        if values["format"] > CATALOG_FORMAT:
            raise SourceError(
                f"{store} was made by a newer program, ac-telemetry {values['version']}, and this one cannot read it. "
                "Update ac-telemetry."
            )
        return CatalogState(
            rate_hz=float(values["rate_hz"]),
            fields=tuple(map(str, values["fields"])),
            recordings=_to_rows(values["recordings"]),
            laps=_to_rows(values["laps"]),
            shards={str(name): dict(row) for name, row in values["shards"].items()},
            version=str(values["version"]),
            revision=revision,
        )
    except TelemetryError:
        raise
    except FileNotFoundError:
        raise UsageError(f"There is no catalog in {store}. Make one with: catalog add RECORDINGS.") from None
    except OSError as error:
        raise SourceError(f"{store.locate(STATE_NAME)} cannot be read: {error.strerror}.") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(
            f"{store.locate(STATE_NAME)} is damaged. The recordings are not: move {store} away and add them to a new "
            "catalog."
        ) from error


def save_state(place: Place, state: CatalogState) -> None:
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
    state.revision = as_store(place).write_state(StoredState(orjson.dumps(values), state.revision))


def recording_place(store: CatalogStore, row: Mapping[str, Any]) -> str:
    """Where the recording of this row lies: in the catalog if it was copied there."""
    return store.locate(row["path"]) if row["copied"] else str(row["path"])


def is_here(row: Mapping[str, Any]) -> bool:
    """Whether the path of a recording is one of this computer, or an address that every computer can read."""
    return not row["copied"] and row.get("stored_on") in (None, gethostname())


def recordings_elsewhere(state: CatalogState) -> list[Row]:
    """The recordings on disks of other computers that this one does not see."""
    return [
        row for row in state.recordings if not row["copied"] and not is_here(row) and not Path(row["path"]).exists()
    ]


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
