"""assetto_corsa_gym: its ``laps`` folder of Parquet states at 25 Hz and ``static_info.json``, for its own loader."""

import itertools
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np

from telemetry.base.errors import SourceError, UsageError
from telemetry.base.extras import require
from telemetry.rl.acgym.columns import REQUIRED, episode_columns, static_info
from telemetry.rl.acgym.files import CarMap, find_car, find_geometry, full_name, grid_file, write_tables
from telemetry.rl.datasets.consistency import Check, check_columns
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts
from telemetry.rl.datasets.exporter import (
    DatasetSummary,
    EpisodeEntry,
    Exporter,
    ExportResult,
    RecordingResult,
    StagedRecording,
    episode_entry,
    put,
    safe_name,
)
from telemetry.tracks.geometry import Geometry

ITS_RATE: Final = 25.0
"""``ego_sampling_freq`` of its configuration: relative actions follow from it."""

_SUFFIX: Final = "_states.parquet"

_NUMBER: Final = {"i": "int64", "f": "double", "b": "bool"}


@dataclass(frozen=True, slots=True, kw_only=True)
class AcgymExporter(Exporter):
    """Writes ``OUT/TRACK/CAR/ID/laps/*_states.parquet``, one file for each episode."""

    acgym: Path | None = None
    """A checkout of assetto_corsa_gym."""
    ac_root: Path | None = None
    """The game's folder."""
    steer_lock: float | None = None
    """Degrees of the steering wheel at full lock."""
    name: str | None = None
    """The ID; None: the day of the first episode and the driver's initials."""
    force: bool = False
    """Whether columns that fail their checks are written all the same."""

    @property
    def title(self) -> str:
        """The format, for a person."""
        return "assetto_corsa_gym"

    def check(self) -> None:
        """UsageError where pyarrow is missing, or a folder is not there."""
        require("pyarrow", extra="parquet", purpose="The format assetto_corsa_gym")
        for option, folder in (("--acgym", self.acgym), ("--ac-root", self.ac_root)):
            if folder is not None and not folder.is_dir():
                raise UsageError(f"{option} {folder}: there is no such folder.")

    def convert(self, found: Iterator[Episode], cut: EpisodeConfig, folder: Path, losses: SkipCounts) -> ExportResult:
        """Write the states of a recording; SourceError where they fail a check, unless forced."""
        del losses
        made: list[tuple[Episode, dict[str, Any], Geometry, CarMap]] = []
        places: dict[tuple[str, str], Geometry] = {}
        for episode in found:
            first = episode.samples[0]
            where = (first.track, first.track_configuration)
            if where not in places:
                places[where] = find_geometry(*where, acgym=self.acgym, ac_root=self.ac_root)
            car = find_car(first.car_model, acgym=self.acgym, ac_root=self.ac_root, steer_lock=self.steer_lock)
            made.append((episode, episode_columns(episode, places[where], car, cut.rate), places[where], car))
        checks: list[Check] = []
        for geometry in places.values():
            checks += check_columns([columns for _, columns, own, _ in made if own is geometry], cut.rate, geometry)
        warnings = list(dict.fromkeys(_warnings(made, cut.rate)))
        wrong = [*(check.sentence for check in checks if check.failed), *_missing(made)]
        if wrong and not self.force:
            raise SourceError(
                f"{made[0][0].recording}: what was recorded does not fit together, so nothing was made of it. "
                f"{' '.join(wrong)} With --force it is written all the same."
            )
        entries = tuple(_write(folder, episode, columns) for episode, columns, _, _ in made)
        details = {
            "static": {_folder_for(one[0]): static_info(one[0].samples[0], one[2].length) for one in reversed(made)},
            "geometry": {geometry.name: geometry.origin for geometry in places.values()},
            "cars": {one[0].samples[0].car_model: (one[3].steer_lock, one[3].origin) for one in made},
        }
        if self.acgym is None or any(not geometry.origin.startswith(str(self.acgym)) for geometry in places.values()):
            details["tables"] = list(places)
        return ExportResult(entries, tuple(checks), (*warnings, *wrong), details)

    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> DatasetSummary:
        """Name the folders after day and driver, and write what is said once of each."""
        static: dict[str, Any] = {}
        tables: dict[tuple[str, str], Geometry] = {}
        entries: list[EpisodeEntry] = []
        for part in staged:
            static = {**part.result.details.get("static", {}), **static}
            for where in part.result.details.get("tables", ()):
                if where not in tables:
                    tables[where] = find_geometry(*where, acgym=self.acgym, ac_root=self.ac_root)
            entries += part.result.episodes
        names: dict[str, str] = {}
        catalogue: dict[str, dict[str, list[str]]] = {}
        for own in sorted(static):
            names[own] = self.name or _default_name([entry for entry in entries if entry.file.startswith(f"{own}/")])
            track, car = own.split("/")
            catalogue.setdefault(track, {}).setdefault(car, []).append(names[own])
        taken: set[str] = set()
        results: list[RecordingResult] = []
        for part in staged:
            files: dict[str, str] = {}
            for entry in part.result.episodes:
                own, _, name = entry.file.removesuffix(_SUFFIX).rpartition("/")
                files[entry.file] = _free_name(f"{own}/{names[own]}/laps/{name}", taken.__contains__)
                taken.add(files[entry.file])
                put(part.folder / entry.file, folder / files[entry.file])
            results.append(part.result.moved(files))
        for own, information in static.items():
            text = json.dumps(information, indent=4)
            (folder / own / names[own] / "laps" / "static_info.json").write_text(text, encoding="utf-8")
        for geometry in tables.values():
            write_tables(geometry, folder / "tracks")
        snippet = _catalogue(catalogue)
        (folder / "ac_offline_train_paths.yml").write_text(snippet, encoding="utf-8")
        origins = {name: origin for result in results for name, origin in result.details.get("geometry", {}).items()}
        cars = {name: car for result in results for name, car in result.details.get("cars", {}).items()}
        chapters = [("Catalogue", f"For `ac_offline_train_paths.yml`:\n\n```yaml\n{snippet}```"), ("Columns", _COLUMNS)]
        lines = [f"- {name}: {origin}" for name, origin in sorted(origins.items())]
        lines += [f"- {name}: {lock:g} degrees of steering lock ({origin})" for name, (lock, origin) in cars.items()]
        chapters.append(("Tracks and cars", "\n".join(lines)))
        if tables:
            chapters.append(("Track files", _TABLES.format(config=_config(tables.values(), static))))
        return DatasetSummary(tuple(results), tuple(chapters), message=f"For ac_offline_train_paths.yml:\n{snippet}")


def _folder_for(episode: Episode) -> str:
    first = episode.samples[0]
    return f"{safe_name(full_name(first.track, first.track_configuration))}/{safe_name(first.car_model)}"


def _free_name(stem: str, taken: Callable[[str], bool]) -> str:
    """The name of a file of states; others may begin in the same millisecond."""
    numbered = (f"{stem}{f'-{count}' if count > 1 else ''}{_SUFFIX}" for count in itertools.count(1))
    return next(name for name in numbered if not taken(name))


def _write(folder: Path, episode: Episode, columns: dict[str, Any]) -> EpisodeEntry:
    import pyarrow as pa
    from pyarrow import parquet

    arrays = {}
    for name, values in columns.items():
        if values.ndim == 1:
            arrays[name] = pa.array(values, pa.type_for_alias(_NUMBER[values.dtype.kind]))
        else:
            offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
            arrays[name] = pa.ListArray.from_arrays(offsets, pa.array(values.ravel()))
    stamp = datetime.fromtimestamp(episode.samples[0].timestamp, UTC).strftime("%Y%m%d_%H%M%S.%f")[:-3]
    name = _free_name(f"{_folder_for(episode)}/{stamp}", lambda name: (folder / name).exists())
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(arrays), folder / name)
    return episode_entry(episode, name)


def _warnings(made: Sequence[tuple[Episode, dict[str, Any], Geometry, CarMap]], rate: float) -> Iterator[str]:
    for episode, _, geometry, car in made:
        first = episode.samples[0]
        if car.assumed:
            yield (
                f"The steering lock of {first.car_model} is not known and was taken for {car.steer_lock:g} degrees, "
                "with which steerAngle is scaled; state it with --steer-lock, or name a checkout with --acgym."
            )
        if (
            geometry.length
            and first.track_spline_length
            and abs(geometry.length / first.track_spline_length - 1) > 0.01
        ):
            yield (
                f"{geometry.origin} says {geometry.length:.0f} m of a lap, the game {first.track_spline_length:.0f} m."
            )
    if rate != ITS_RATE:
        yield f"These are {rate:g} states a second; assetto_corsa_gym takes them for {ITS_RATE:g}."


def _missing(made: Sequence[tuple[Episode, dict[str, Any], Geometry, CarMap]]) -> list[str]:
    """What its loader needs, and the recording does not say."""
    holes = [name for name in REQUIRED if any(not np.isfinite(columns[name]).all() for _, columns, _, _ in made)]
    return [f"There are no numbers for {', '.join(holes)}."] if holes else []


def _default_name(entries: Sequence[EpisodeEntry]) -> str:
    first = min(entries, key=lambda entry: entry.began)
    initials = "".join(word[0] for word in first.driver.split() if word[0].isalnum()).upper()
    return f"{datetime.fromtimestamp(first.began, UTC):%Y%m%d}_{initials or 'XX'}"


def _catalogue(names: dict[str, dict[str, list[str]]]) -> str:
    lines = []
    for track, cars in sorted(names.items()):
        lines.append(f"{track}:")
        for car, ids in sorted(cars.items()):
            lines.append(f"  {car}:")
            lines += [f"    - {{id: {name}, type: human, data_type: parquet}}" for name in ids]
    return "\n".join(lines) + "\n"


def _config(tables: Any, static: dict[str, Any]) -> str:
    lengths = {info["TrackFullName"]: info["TrackLength"] for info in static.values()}
    return "\n".join(
        f"{geometry.name}:\n  track_name: {geometry.name}\n  track_file: {geometry.name}.csv\n"
        f"  track_grid_file: {grid_file(geometry.name)}\n  ref_lap_file: {geometry.name}-racing_line.csv\n"
        f"  TrackLength: {lengths.get(geometry.name, geometry.length)}"
        for geometry in tables
    )


_COLUMNS: Final = """\
All that its loader and its environment need, and as much of the rest as shared memory gives; signs and units are its
own. Places and the lap's clock are interpolated between the frames in which the game wrote them. Derived are the slip
angles and ratios (in the plane, without the relaxation of the tyre), `LapInvalidated`, `LapDist`, the track columns
(`gap`, `rl_point`, `sensors`, `dist_to_border`, `out_of_track*`), actions and reward. `LastFF` is the force feedback
after the user's gain. Not in shared memory, and NaN here: `Dy_*`, `Mz`, `tyre_loaded_radius`. `steps` leaves no numbers
out: a hole in a recording ends its file."""

_TABLES: Final = """\
`tracks/` holds borders, reference line and grid as its environment reads them; put them beside its own in
`AssettoCorsaConfigs/tracks`, and this into `config.yaml`.

```yaml
{config}
```"""
