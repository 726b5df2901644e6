"""The ``laps`` folder of assetto_corsa_gym: Parquet files of states at 25 Hz, and ``static_info.json``."""

import itertools
import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import numpy as np

from telemetry.base.errors import SourceError, UsageError
from telemetry.base.extras import require
from telemetry.base.sanitize import sanitize_markdown, sanitize_yaml
from telemetry.base.typing import override
from telemetry.rl.acgym.columns import NEEDED_FIELDS, REQUIRED, SAMPLE_FIELDS, episode_columns, static_info
from telemetry.rl.acgym.files import CarMap, find_car, find_geometry, full_name, grid_file, write_tables
from telemetry.rl.datasets.consistency import CHECKED_COLUMNS, check_columns
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts
from telemetry.rl.datasets.exporter import (
    DatasetSummary,
    EpisodeEntry,
    Exporter,
    ExportResult,
    RecordingResult,
    StagedRecording,
    episode_entry,
    link_or_copy,
    safe_name,
)
from telemetry.tracks.geometry import Geometry

ACGYM_RATE_HZ: Final = 25.0
"""``ego_sampling_freq`` of its configuration; relative actions depend on it."""

_SUFFIX: Final = "_states.parquet"

_ARROW_TYPES: Final = {"i": "int64", "f": "double", "b": "bool"}
"""Arrow types by the kind of a NumPy type."""

_LENGTH_TOLERANCE: Final = 0.01
"""Fraction by which the length of a lap can differ from the game's without a warning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AcgymExporter(Exporter):
    """Writes ``OUT/TRACK/CAR/ID/laps/*_states.parquet``, one file for each episode."""

    acgym: Path | None = None
    """A checkout of assetto_corsa_gym."""
    ac_root: Path | None = None
    """The folder of the game."""
    steer_lock: float | None = None
    """Degrees of the steering wheel at full lock."""
    name: str | None = None
    """The ID; None: the day of the first episode and the driver's initials."""
    force: bool = False
    """Whether to write columns that fail their checks."""

    @property
    @override
    def title(self) -> str:
        return "assetto_corsa_gym"

    @property
    @override
    def needed_fields(self) -> frozenset[str]:
        return frozenset(NEEDED_FIELDS)

    @property
    @override
    def sample_fields(self) -> frozenset[str]:
        return SAMPLE_FIELDS

    @override
    def check(self) -> None:
        """Raise UsageError if pyarrow is missing, or a folder does not exist."""
        require("pyarrow", extra="parquet", purpose="The format assetto_corsa_gym")
        for option, folder in (("--acgym", self.acgym), ("--ac-root", self.ac_root)):
            if folder is not None and not folder.is_dir():
                raise UsageError(f"{option} {folder}: there is no such folder.")

    @override
    def convert(
        self, episodes: Iterator[Episode], config: EpisodeConfig, folder: Path, skipped: SkipCounts
    ) -> ExportResult:
        """Write the states of a recording, with one episode in memory at a time, and the columns that are checked.

        Raises SourceError if they fail a check, unless forced.
        """
        geometries: dict[tuple[str, str], Geometry] = {}
        converted = [self._convert_episode(episode, config.rate, geometries, folder) for episode in episodes]
        checks = tuple(
            check
            for geometry in geometries.values()
            for check in check_columns(
                [entry.checked for entry in converted if entry.geometry is geometry], config.rate, geometry
            )
        )
        warnings = list(dict.fromkeys(_warnings(converted, config.rate)))
        problems = [*(check.sentence for check in checks if check.failed), *_missing_columns(converted)]
        if problems and not self.force:
            raise SourceError(
                f"{converted[0].entry.recording}: consistency checks failed; nothing was written. "
                f"{' '.join(problems)} With --force it is written all the same."
            )
        entries = tuple(entry.entry for entry in converted)
        return ExportResult(entries, checks, (*warnings, *problems), self._details(converted, geometries))

    def _convert_episode(
        self, episode: Episode, rate: float, geometries: dict[tuple[str, str], Geometry], folder: Path
    ) -> "_ConvertedEpisode":
        """Write the columns of an episode; the geometry of a new track is added to ``geometries``."""
        track = (_of_first(episode, "track"), _of_first(episode, "track_configuration"))
        if track not in geometries:
            geometries[track] = self._find_geometry(*track)
        geometry = geometries[track]
        car = find_car(
            _of_first(episode, "car_model"), acgym=self.acgym, ac_root=self.ac_root, steer_lock=self.steer_lock
        )
        columns = episode_columns(episode, geometry, car, rate)
        return _ConvertedEpisode(
            entry=_write_states(folder, episode, columns),
            static=static_info(episode.samples, geometry.length),
            checked={name: columns[name] for name in CHECKED_COLUMNS},
            missing=tuple(name for name in REQUIRED if not np.isfinite(columns[name]).all()),
            spline_length=_of_first(episode, "track_spline_length"),
            geometry=geometry,
            car=car,
        )

    def _find_geometry(self, track: str, layout: str) -> Geometry:
        return find_geometry(track, layout, acgym=self.acgym, ac_root=self.ac_root, tracks=self.tracks)

    def _details(
        self, converted: "Sequence[_ConvertedEpisode]", geometries: dict[tuple[str, str], Geometry]
    ) -> dict[str, Any]:
        """What :meth:`finish` needs to know about a recording."""
        details: dict[str, Any] = {
            "static": {entry.place: entry.static for entry in reversed(converted)},
            "geometry": {geometry.name: geometry.origin for geometry in geometries.values()},
            "cars": {entry.entry.car: (entry.car.steer_lock, entry.car.origin) for entry in converted},
        }
        checkout = None if self.acgym is None else str(self.acgym)
        if any(checkout is None or not geometry.origin.startswith(checkout) for geometry in geometries.values()):
            details["tables"] = list(geometries)
        return details

    @override
    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> DatasetSummary:
        """Name the folders after day and driver, and write the files that all recordings share."""
        static: dict[str, Any] = {}
        tracks: dict[tuple[str, str], None] = {}
        episodes: defaultdict[_Group, list[EpisodeEntry]] = defaultdict(list)
        for recording in staged:
            static = {**recording.result.details.get("static", {}), **static}
            tracks |= dict.fromkeys(map(tuple, recording.result.details.get("tables", ())))
            for entry in recording.result.episodes:
                episodes[_group_of(entry, recording.result)].append(entry)
        ids = {group: self._id_of(group, episodes[group]) for group in sorted(episodes)}
        results = _link_states(folder, staged, ids)
        for group, group_id in ids.items():
            text = json.dumps(static[group.place], indent=4)
            (folder / group.place / group_id / "laps" / "static_info.json").write_text(text, encoding="utf-8")
        geometries = [self._find_geometry(*track) for track in tracks]
        for geometry in geometries:
            write_tables(geometry, folder / "tracks")
        catalogue = _catalogue(ids)
        (folder / "ac_offline_train_paths.yml").write_text(catalogue, encoding="utf-8")
        chapters = [
            ("Catalogue", f"For `ac_offline_train_paths.yml`:\n\n```yaml\n{catalogue}```"),
            ("Columns", _COLUMNS),
            ("Tracks and cars", _origins(results)),
        ]
        if geometries:
            chapters.append(("Track files", _TABLES.format(config=_config(geometries, static))))
        return DatasetSummary(results, tuple(chapters), message=f"For ac_offline_train_paths.yml:\n{catalogue}")

    def _id_of(self, group: "_Group", episodes: Sequence[EpisodeEntry]) -> str:
        """The id of a group: the user's, or one made from the day and the driver."""
        if group.driver == "human":
            return self.name or _default_id(episodes)
        return f"{self.name or _day_of(episodes)}_AI"


class _Group(NamedTuple):
    """Episodes that have an id and an entry in the catalogue of their own."""

    place: str
    """``TRACK/CAR``."""
    driver: Literal["human", "ai"]
    """The ``type`` in the catalogue."""


def _group_of(entry: EpisodeEntry, result: RecordingResult) -> _Group:
    """The group of an episode of this recording: what the game's AI or a policy drove is not from a human."""
    place, _, _ = entry.file.rpartition("/")
    return _Group(place, "ai" if entry.ai_driven or result.policy else "human")


@dataclass(frozen=True, slots=True, kw_only=True)
class _ConvertedEpisode:
    """An episode that has been written, and what the recording needs to know of it."""

    entry: EpisodeEntry
    static: dict[str, Any]
    checked: dict[str, Any]
    """The columns that are checked."""
    missing: tuple[str, ...]
    """The columns that its loader needs and that have missing numbers."""
    spline_length: float
    """Length of a lap in m according to the game."""
    geometry: Geometry
    car: CarMap

    @property
    def place(self) -> str:
        """``TRACK/CAR``."""
        return self.entry.file.rpartition("/")[0]


def _link_states(
    folder: Path, staged: Iterable[StagedRecording], ids: Mapping[_Group, str]
) -> tuple[RecordingResult, ...]:
    """Put the files of all recordings into ``TRACK/CAR/ID/laps``; the results name the new files."""
    taken: set[str] = set()
    results = []
    for recording in staged:
        files: dict[str, str] = {}
        for entry in recording.result.episodes:
            group = _group_of(entry, recording.result)
            _, _, stem = entry.file.removesuffix(_SUFFIX).rpartition("/")
            files[entry.file] = _free_name(f"{group.place}/{ids[group]}/laps/{stem}", taken.__contains__)
            taken.add(files[entry.file])
            link_or_copy(recording.folder / entry.file, folder / files[entry.file])
        results.append(recording.result.moved(files))
    return tuple(results)


def _origins(results: Iterable[RecordingResult]) -> str:
    """Where the geometry of each track and the steering lock of each car come from, as a list in Markdown."""
    tracks: dict[str, str] = {}
    cars: dict[str, tuple[float, str]] = {}
    for result in results:
        tracks |= result.details.get("geometry", {})
        cars |= result.details.get("cars", {})
    lines = [f"{name}: {origin}" for name, origin in sorted(tracks.items())]
    lines += [f"{name}: {lock:g} degrees of steering lock ({origin})" for name, (lock, origin) in cars.items()]
    return "\n".join(f"- {sanitize_markdown(line)}" for line in lines)


def _folder_for(episode: Episode) -> str:
    """``TRACK/CAR`` of an episode."""
    track = full_name(_of_first(episode, "track"), _of_first(episode, "track_configuration"))
    return f"{safe_name(track)}/{safe_name(_of_first(episode, 'car_model'))}"


def _of_first(episode: Episode, name: str) -> Any:
    """A field of the first sample of an episode."""
    return episode.samples.value(name, 0)


def _free_name(stem: str, taken: Callable[[str], bool]) -> str:
    """A file name that is not taken: several episodes can begin in the same millisecond."""
    numbered = (f"{stem}{f'-{count}' if count > 1 else ''}{_SUFFIX}" for count in itertools.count(1))
    return next(name for name in numbered if not taken(name))


def _write_states(folder: Path, episode: Episode, columns: dict[str, Any]) -> EpisodeEntry:
    import pyarrow as pa
    from pyarrow import parquet

    arrays = {}
    for name, values in columns.items():
        if values.ndim == 1:
            arrays[name] = pa.array(values, pa.type_for_alias(_ARROW_TYPES[values.dtype.kind]))
        else:
            offsets = np.arange(len(values) + 1, dtype=np.int32) * values.shape[1]
            arrays[name] = pa.ListArray.from_arrays(offsets, pa.array(values.ravel()))
    stamp = datetime.fromtimestamp(_of_first(episode, "timestamp"), UTC).strftime("%Y%m%d_%H%M%S.%f")[:-3]
    name = _free_name(f"{_folder_for(episode)}/{stamp}", lambda name: (folder / name).exists())
    (folder / name).parent.mkdir(parents=True, exist_ok=True)
    parquet.write_table(pa.table(arrays), folder / name)
    return episode_entry(episode, name)


def _warnings(converted: Iterable[_ConvertedEpisode], rate: float) -> Iterator[str]:
    for entry in converted:
        geometry, length = entry.geometry, entry.spline_length
        if entry.car.assumed:
            yield entry.car.assumption(entry.entry.car)
        if geometry.length and length and abs(geometry.length / length - 1) > _LENGTH_TOLERANCE:
            yield (
                f"The lap is {geometry.length:.0f} m long according to {geometry.origin}, and "
                f"{length:.0f} m according to the game."
            )
    if rate != ACGYM_RATE_HZ:
        yield f"The dataset has {rate:g} states per second; assetto_corsa_gym assumes {ACGYM_RATE_HZ:g}."


def _missing_columns(converted: Sequence[_ConvertedEpisode]) -> list[str]:
    """A sentence about columns that its loader needs and that have missing numbers."""
    missing = [name for name in REQUIRED if any(name in entry.missing for entry in converted)]
    return [f"There are no numbers for {', '.join(missing)}."] if missing else []


def _default_id(entries: Sequence[EpisodeEntry]) -> str:
    """The day of the first episode, and the driver's initials."""
    first = min(entries, key=lambda entry: entry.began)
    initials = "".join(word[0] for word in first.driver.split() if word[0].isalnum()).upper()
    return f"{_day_of(entries)}_{initials or 'XX'}"


def _day_of(entries: Sequence[EpisodeEntry]) -> str:
    """The day of the first episode."""
    return f"{datetime.fromtimestamp(min(entry.began for entry in entries), UTC):%Y%m%d}"


def _catalogue(ids: Mapping[_Group, str]) -> str:
    """The content of ``ac_offline_train_paths.yml``."""
    by_track: defaultdict[str, defaultdict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for group, group_id in sorted(ids.items()):
        track, _, car = group.place.partition("/")
        by_track[track][car].append(
            f"    - {{id: {sanitize_yaml(group_id)}, type: {group.driver}, data_type: parquet}}"
        )
    lines = []
    for track, cars in by_track.items():
        lines.append(f"{sanitize_yaml(track)}:")
        for car, entries in cars.items():
            lines += [f"  {sanitize_yaml(car)}:", *entries]
    return "\n".join(lines) + "\n"


def _config(geometries: Iterable[Geometry], static: Mapping[str, Any]) -> str:
    """The entries of the tracks for ``config.yaml``."""
    lengths = {info["TrackFullName"]: info["TrackLength"] for info in static.values()}
    return "\n".join(
        f"{sanitize_yaml(name)}:\n  track_name: {sanitize_yaml(name)}\n  track_file: {sanitize_yaml(f'{name}.csv')}\n"
        f"  track_grid_file: {sanitize_yaml(grid_file(name))}\n"
        f"  ref_lap_file: {sanitize_yaml(f'{name}-racing_line.csv')}\n"
        f"  TrackLength: {lengths.get(name, geometry.length)}"
        for name, geometry in ((geometry.name, geometry) for geometry in geometries)
    )


_COLUMNS: Final = """\
All columns that its loader and its environment need, and the others as far as shared memory has them; signs and units
are those of assetto_corsa_gym. Positions and the lap clock are interpolated between the frames in which the game wrote
them. Derived are the slip angles and ratios (in the plane, without the relaxation of the tyre), `LapInvalidated`,
`LapDist`, the track columns (`gap`, `rl_point`, `sensors`, `dist_to_border`, `out_of_track*`), actions and reward.
`LastFF` is the force feedback after the user's gain. Not in shared memory, and NaN here: `Dy_*`, `Mz`,
`tyre_loaded_radius`. `steps` has no missing numbers: a gap in a recording ends the file."""

_TABLES: Final = """\
`tracks/` holds borders, reference line and grid for its environment. Copy them to `AssettoCorsaConfigs/tracks`, and add
this to `config.yaml`:

```yaml
{config}
```"""
