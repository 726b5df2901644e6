"""The manifest of a plan's folder: every file and lap recorded so far, from which a plan goes on where it stopped."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from telemetry.base.errors import SinkError, UsageError
from telemetry.base.storage.atomic import replace_file
from telemetry.base.version import VERSION
from telemetry.laps.model import Lap, SampleRef
from telemetry.plans.plan import Plan, Run

MANIFEST_NAME: Final = "manifest.json"
FORMAT_VERSION: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class PhysicsRef:
    """A lap's moment: the physics ``packet_id``, ``elapsed`` s since its file's first step, Unix ``timestamp`` in s."""

    packet_id: int
    elapsed: float
    timestamp: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LapRecord:
    """A lap in a file of the folder, and whether it is kept, or else why not; its times are in ms."""

    file: str
    number: int
    kept: bool
    refused: str = ""
    """In a word: cut, pit, slow, ...; empty for a lap that is kept."""
    reason: str = ""
    time_ms: int | None = None
    measured_ms: int | None = None
    sectors_ms: tuple[int | None, ...] = ()
    kind: str = ""
    session: str = ""
    first: PhysicsRef | None = None
    last: PhysicsRef | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRecord:
    """A recording of the folder: its path there, and what is in it, which is known once it is finished."""

    file: str
    finished: bool = False
    bytes: int = 0
    steps: int = 0
    missing: int = 0


@dataclass(slots=True)
class RunProgress:
    """What was recorded of a run."""

    run: Run
    files: dict[str, FileRecord] = field(default_factory=dict)
    laps: list[LapRecord] = field(default_factory=list)

    @property
    def kept(self) -> int:
        """Laps that count."""
        return sum(lap.kept for lap in self.laps)

    @property
    def complete(self) -> bool:
        """Whether all laps wanted are there."""
        return self.kept >= self.run.laps

    def accept_laps(self, file: str, began: float, laps: Iterable[Lap]) -> list[LapRecord]:
        """Add these laps of a file whose first step was at ``began``; what comes after the last one wanted is no part.

        The same laps get the same verdict, whether they are driven now or read from a file again.
        """
        added = []
        for lap in laps:
            if self.complete:
                break
            refusal = self.run.rejection_reason(lap)
            record = LapRecord(
                file=file,
                number=lap.number,
                kept=refusal is None,
                refused=refusal.kind if refusal else "",
                reason=refusal.reason if refusal else "",
                time_ms=lap.time_ms,
                measured_ms=lap.measured_ms,
                sectors_ms=lap.sectors_ms,
                kind=lap.kind,
                session=lap.session,
                first=_instant(lap.first, began),
                last=_instant(lap.last, began),
            )
            self.laps.append(record)
            added.append(record)
        return added

    def forget(self, file: str) -> list[LapRecord]:
        """Take a file and its laps out, and give its laps."""
        self.files.pop(file, None)
        gone = [lap for lap in self.laps if lap.file == file]
        self.laps = [lap for lap in self.laps if lap.file != file]
        return gone

    def text(self) -> str:
        """How far it is: ``4 of 10 laps kept, 2 refused (1 cut, 1 pit)``."""
        text = f"{self.kept} of {self.run.laps} {'lap' if self.run.laps == 1 else 'laps'} kept"
        refused = Counter(lap.refused for lap in self.laps if not lap.kept)
        if refused:
            kinds = ", ".join(f"{count} {kind}" for kind, count in refused.items())
            text += f", {refused.total()} refused ({kinds})"
        return text


class Manifest:
    """What a plan's folder holds; :meth:`save` replaces the file as a whole, so that it can be read at any moment.

    Raises :class:`telemetry.UsageError` where the folder belongs to another plan, or to a plan that has since changed.
    """

    def __init__(self, plan: Plan, folder: Path) -> None:
        self.plan = plan
        self.folder = folder
        self.path = folder / MANIFEST_NAME
        self.runs = [RunProgress(run) for run in plan.runs]
        try:
            data = self.path.read_bytes()
        except FileNotFoundError:
            return
        except OSError as error:
            raise UsageError(f"{self.path} cannot be read: {error.strerror}.") from error
        self._load(data)

    @property
    def complete(self) -> bool:
        """Whether every run is."""
        return all(progress.complete for progress in self.runs)

    def save(self) -> None:
        """Write the file; raises :class:`telemetry.SinkError`."""
        text = json.dumps(self.to_dict(), indent=1, ensure_ascii=False)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            replace_file(self.path, text)
        except OSError as error:
            raise SinkError(f"The manifest {self.path} cannot be written: {error.strerror}.") from error

    def to_dict(self) -> dict[str, Any]:
        """All of it, as JSON knows it."""
        return {
            "format": FORMAT_VERSION,
            "tool": "ac-telemetry",
            "version": VERSION,
            "plan": self.plan.name,
            "complete": self.complete,
            "runs": [_run_dict(progress) for progress in self.runs],
        }

    def _load(self, data: bytes) -> None:
        try:
            values = json.loads(data)
            if not isinstance(values["format"], int) or values["format"] > FORMAT_VERSION:
                raise UsageError(
                    f"{self.path} was written by a newer ac-telemetry, {values['version']}; continue with that one."
                )
            plan, saved = values["plan"], [_Saved.of(run) for run in values["runs"]]
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise UsageError(
                f"{self.path} is no manifest of a plan, or it is damaged. Name another folder, or move it away."
            ) from error
        if plan != self.plan.name:
            raise UsageError(f"{self.folder} holds the recordings of the plan {plan!r}. Name another folder.")
        known = {progress.run.name: progress for progress in self.runs}
        for run in saved:
            if run.files:
                self._adopt(known.get(run.name), run)

    def _adopt(self, progress: RunProgress | None, saved: "_Saved") -> None:
        """Take over what a run has already, if it still is that run."""
        what_to_do = "Name another folder for the changed plan, or change it back."
        if progress is None:
            raise UsageError(
                f"{self.folder} holds recordings of the run {saved.name!r}, which the plan does not have any more. "
                f"{what_to_do}"
            )
        if saved.hash != progress.run.hash:
            now = progress.run.definition
            changes = [
                f"{key} was {_text_of(saved.definition.get(key))} and is {_text_of(value)}"
                for key, value in now.items()
                if saved.definition.get(key) != value
            ]
            raise UsageError(
                f"The run {saved.name!r} was begun under other rules: {'; '.join(changes) or 'they changed'}. "
                f"Its laps cannot be counted together. {what_to_do}"
            )
        progress.files = {entry.file: entry for entry in saved.files}
        progress.laps = saved.laps


@dataclass(frozen=True, slots=True)
class _Saved:
    """A run as the manifest has it."""

    name: str
    hash: str
    definition: dict[str, Any]
    files: list[FileRecord]
    laps: list[LapRecord]

    @classmethod
    def of(cls, values: dict[str, Any]) -> "_Saved":
        laps = []
        for lap in values["laps"]:
            first, last = (PhysicsRef(**moment) if (moment := lap[key]) else None for key in ("first", "last"))
            laps.append(LapRecord(**{**lap, "sectors_ms": tuple(lap["sectors_ms"]), "first": first, "last": last}))
        files = [FileRecord(**entry) for entry in values["files"]]
        return cls(str(values["name"]), str(values["hash"]), dict(values["definition"]), files, laps)


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
        "files": [asdict(entry) for entry in progress.files.values()],
        "laps": [asdict(lap) for lap in progress.laps],
    }


def _instant(moment: SampleRef | None, began: float) -> PhysicsRef | None:
    if moment is None:
        return None
    elapsed = round(moment.elapsed - began, 6)
    return PhysicsRef(packet_id=moment.packet_id, elapsed=elapsed, timestamp=moment.timestamp)


def _text_of(value: Any) -> str:
    if isinstance(value, dict):
        return _text_of([f"{key} = {_text_of(item)}" for key, item in value.items()])
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "nothing"
    if value is None or value == "":
        return "nothing"
    return str(value).lower() if isinstance(value, bool) else str(value)
