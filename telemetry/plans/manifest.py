"""The manifest of a plan's folder: every file and lap recorded so far, from which a plan goes on where it stopped."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from telemetry.base.documents import DocumentError, read_json
from telemetry.base.errors import SinkError, UsageError
from telemetry.base.storage.atomic import atomic_write_text
from telemetry.base.storage.inside_folder import OutsideFolderError, path_inside
from telemetry.base.typed_values import build
from telemetry.base.version import VERSION
from telemetry.laps.model import Lap, SampleRef
from telemetry.plans.plan import Plan, Run

MANIFEST_NAME: Final = "manifest.json"
FORMAT_VERSION: Final = 1

_MAX_BYTES: Final = 1 << 26
"""A hundred thousand laps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicsRef:
    """A physics step: its ``packet_id``, ``elapsed`` seconds since the first step of its file, Unix ``timestamp``."""

    packet_id: int
    elapsed: float
    timestamp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LapRecord:
    """A lap in a file of the folder, and whether it is kept or why not."""

    file: str
    number: int
    kept: bool
    refused: str = ""
    """Kind of the rejection: cut, pit, slow, ...; empty for a lap that is kept."""
    reason: str = ""
    """The rejection in words; empty for a lap that is kept."""
    time_ms: int | None = None
    """The official lap time; None where the file does not hold it."""
    measured_ms: int | None = None
    """The lap time as measured between two crossings of the line."""
    sectors_ms: tuple[int | None, ...] = ()
    kind: str = ""
    ai_driven: bool = False
    session: str = ""
    car: str = ""
    track: str = ""
    layout: str = ""
    first: PhysicsRef | None = None
    last: PhysicsRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ProductRecord:
    """A file that is made of a recording: its path in the folder, and once it is finished, its size."""

    file: str
    format: str
    """Suffix of the format that was asked for: that of a log for the files beside it too."""
    finished: bool = False
    bytes: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A recording of the folder: its path there, and once it is finished, its size and its physics steps."""

    file: str
    finished: bool = False
    bytes: int = 0
    steps: int = 0
    missing: int = 0
    products: tuple[ProductRecord, ...] = ()

    @property
    def names(self) -> tuple[str, ...]:
        """Its path and those of its products."""
        return (self.file, *(product.file for product in self.products))

    def to_dict(self) -> dict[str, Any]:
        """The record as JSON knows it; products only where there are some."""
        values = asdict(self)
        return values if self.products else {key: value for key, value in values.items() if key != "products"}


@dataclass(slots=True)
class RunProgress:
    """What is recorded of a run so far."""

    run: Run
    files: dict[str, FileRecord] = field(default_factory=dict)
    laps: list[LapRecord] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Number of laps that count."""
        return sum(lap.kept for lap in self.laps)

    @property
    def complete(self) -> bool:
        """Whether all laps that the plan wants are kept."""
        return self.kept >= self.run.laps

    def add_laps(self, file: str, began_s: float, laps: Iterable[Lap]) -> list[LapRecord]:
        """Add the laps of a file whose first step was at ``began_s``, up to the last one needed; return their records.

        The same laps are kept, whether they are driven now or read from the file again.
        """
        added = []
        for lap in laps:
            if self.complete:
                break
            rejection = self.run.rejection_reason(lap)
            record = LapRecord(
                file=file,
                number=lap.number,
                kept=rejection is None,
                refused=rejection.kind if rejection else "",
                reason=rejection.reason if rejection else "",
                time_ms=lap.time_ms,
                measured_ms=lap.measured_ms,
                sectors_ms=lap.sectors_ms,
                kind=lap.kind,
                ai_driven=lap.ai_driven,
                session=lap.session,
                car=lap.car,
                track=lap.track,
                layout=lap.layout,
                first=_physics_ref(lap.first, began_s),
                last=_physics_ref(lap.last, began_s),
            )
            self.laps.append(record)
            added.append(record)
        return added

    def remove_file(self, file: str) -> list[LapRecord]:
        """Remove a file and its laps; return its laps."""
        self.files.pop(file, None)
        removed = [lap for lap in self.laps if lap.file == file]
        self.laps = [lap for lap in self.laps if lap.file != file]
        return removed

    def summary(self) -> str:
        """Its progress in words: ``4 of 10 laps kept, 2 refused (1 cut, 1 pit)``."""
        text = f"{self.kept} of {self.run.laps} {'lap' if self.run.laps == 1 else 'laps'} kept"
        refused = Counter(lap.refused for lap in self.laps if not lap.kept)
        if refused:
            kinds = ", ".join(f"{count} {kind}" for kind, count in refused.items())
            text += f", {refused.total()} refused ({kinds})"
        return text


class Manifest:
    """The files and laps of a plan's folder; :meth:`save` replaces the file atomically: it can be read at any time.

    Raises :class:`telemetry.UsageError` where the folder belongs to another plan, or to a plan that was changed.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.path = folder / MANIFEST_NAME
        self.runs = [RunProgress(run) for run in plan.runs]
        try:
            values = read_json(self.path, max_bytes=_MAX_BYTES)
        except FileNotFoundError:
            return
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {error.strerror}.") from error
        except DocumentError as error:
            raise UsageError(self._corrupt) from error
        self._load(values)

    @property
    def complete(self) -> bool:
        """Whether every run is complete."""
        return all(progress.complete for progress in self.runs)

    def save(self) -> None:
        """Write the file; raises :class:`telemetry.SinkError`."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            atomic_write_text(self.path, text)
        except OSError as error:
            raise SinkError(f"The manifest {self.path} cannot be written: {error.strerror}.") from error

    def to_dict(self) -> dict[str, Any]:
        """The manifest as JSON knows it."""
        return {
            "format": FORMAT_VERSION,
            "tool": "ac-telemetry",
            "version": VERSION,
            "plan": self.plan.name,
            "complete": self.complete,
            "runs": [_run_dict(progress) for progress in self.runs],
        }

    @property
    def _corrupt(self) -> str:
        return f"{self.path} is not a manifest of a plan, or it is corrupt. Name another folder, or move it away."

    def _load(self, values: Any) -> None:
        try:
            is_newer = not isinstance(values["format"], int) or values["format"] > FORMAT_VERSION
            version = str(values["version"]) if is_newer else ""
        except (KeyError, TypeError) as error:
            raise UsageError(self._corrupt) from error
        if is_newer:
            raise UsageError(f"{self.path} was written by a newer ac-telemetry, {version}; continue with that one.")
        try:
            plan, saved = values["plan"], [_SavedRun.from_dict(run) for run in values["runs"]]
        except (ValueError, KeyError, TypeError) as error:
            raise UsageError(self._corrupt) from error
        self._check_names(saved)
        if plan != self.plan.name:
            raise UsageError(f"{self.folder} holds the recordings of the plan {plan!r}. Name another folder.")
        known = {progress.run.name: progress for progress in self.runs}
        for run in saved:
            if run.files:
                self._adopt(known.get(run.name), run)

    def _check_names(self, saved: "Iterable[_SavedRun]") -> None:
        """Raise UsageError for a file outside the folder: files of the manifest are recovered, renamed and removed."""
        for name in (name for run in saved for entry in run.files for name in entry.names):
            try:
                path_inside(self.folder, name)
            except OutsideFolderError as error:
                raise UsageError(
                    f"{self.path} names the file {name!r}, which may be outside of {self.folder}: {error}. "
                    "Nothing was changed. Remove its entry there, or name another folder."
                ) from None

    def _adopt(self, progress: RunProgress | None, saved: "_SavedRun") -> None:
        """Take over the files and laps of a run, if its definition is still the same."""
        advice = "Name another folder for the changed plan, or change it back."
        if progress is None:
            raise UsageError(
                f"{self.folder} holds recordings of the run {saved.name!r}, which is no longer in the plan. {advice}"
            )
        if saved.hash != progress.run.hash:
            now = progress.run.definition
            changes = [
                f"{key} was {_text_of(saved.definition.get(key))} and is {_text_of(value)}"
                for key, value in now.items()
                if saved.definition.get(key) != value
            ]
            raise UsageError(
                f"The run {saved.name!r} was recorded under other rules: {'; '.join(changes) or 'they changed'}. "
                f"Its laps cannot be counted together. {advice}"
            )
        progress.files = {entry.file: entry for entry in saved.files}
        progress.laps = saved.laps


@dataclass(frozen=True, slots=True)
class _SavedRun:
    """A run as the manifest file has it."""

    name: str
    hash: str
    definition: dict[str, Any]
    files: list[FileRecord]
    laps: list[LapRecord]

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "_SavedRun":
        """The run of these values; raises ValueError, KeyError and TypeError for any that a manifest does not have."""
        return build(cls, {entry.name: values[entry.name] for entry in fields(cls)})


def _run_dict(progress: RunProgress) -> dict[str, Any]:
    run = progress.run
    return {
        "name": run.name,
        "hash": run.hash,
        "definition": run.definition,
        "driver": run.driver,
        "notes": run.notes,
        "tags": list(run.tags),
        "wanted": run.laps,
        "kept": progress.kept,
        "complete": progress.complete,
        "files": [entry.to_dict() for entry in progress.files.values()],
        "laps": [asdict(lap) for lap in progress.laps],
    }


def _physics_ref(sample: SampleRef | None, began_s: float) -> PhysicsRef | None:
    if sample is None:
        return None
    elapsed = round(sample.elapsed - began_s, 6)
    return PhysicsRef(packet_id=sample.packet_id, elapsed=elapsed, timestamp=sample.timestamp)


def _text_of(value: Any) -> str:
    if isinstance(value, dict):
        return _text_of([f"{key} = {_text_of(item)}" for key, item in value.items()])
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    if value is None or value == "":
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else str(value)
