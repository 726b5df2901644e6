"""One ``.npz`` with the keys of D4RL, for whatever reads those: arrays of all steps, episodes one behind the other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from telemetry.errors import UsageError
from telemetry.rl.datasets.episodes import Cut, Episode, Losses
from telemetry.rl.datasets.plain import task_chapter, write_spec
from telemetry.rl.datasets.transitions import Trajectory, trajectories
from telemetry.rl.datasets.work import About, Exporter, Finished, Piece, Written, about
from telemetry.rl.spec import Spec

FILE: Final = "dataset.npz"

_PARTS: Final = ".parts"


@dataclass(frozen=True, slots=True, kw_only=True)
class NpzExporter(Exporter):
    """Writes ``OUT/dataset.npz``."""

    spec: Spec

    @property
    def title(self) -> str:
        """The format, for a person."""
        return "NumPy archive with the keys of D4RL"

    def check(self) -> None:
        """UsageError where observations are no arrays of one row a step."""
        if self.spec.observation.shape != "flat":
            raise UsageError('The format npz takes flat observations; say observation.shape = "flat".')

    def convert(self, found: Iterator[Episode], cut: Cut, folder: Path, number: int, losses: Losses) -> Written:
        """Write the arrays of a recording into a file of their own."""
        del cut
        made: list[dict[str, Any]] = []
        entries: list[About] = []
        for episode in found:
            for one in trajectories(self.spec, episode, losses):
                made.append(arrays_of(one))
                entries.append(about(episode, FILE, steps=one.steps, end=one.reason, terminated=one.terminated))
        if made:
            (folder / _PARTS).mkdir(exist_ok=True)
            np.savez(_part(folder, number), **_joined(made))
        return Written(tuple(entries), details={"number": number})

    def finish(self, folder: Path, pieces: Sequence[Piece]) -> Finished:
        """Join what the recordings gave."""
        parts = []
        for piece in pieces:
            path = _part(folder, piece.details["number"])
            with np.load(path) as part:
                parts.append(dict(part))
            path.unlink()
        (folder / _PARTS).rmdir()
        episode_steps = [entry.steps for piece in pieces for entry in piece.episodes]
        np.savez_compressed(
            folder / FILE,
            **_joined(parts),
            episode_starts=np.concatenate([[0], np.cumsum(episode_steps)[:-1]]).astype(np.int64),
        )
        write_spec(self.spec, folder)
        return Finished((("Keys", _KEYS), task_chapter(self.spec)))


def arrays_of(one: Trajectory) -> dict[str, Any]:
    """The steps of a trajectory by the keys of D4RL."""
    return {
        "observations": one.observations[:-1],
        "actions": one.actions,
        "rewards": one.rewards.astype(np.float32),
        "next_observations": one.observations[1:],
        "terminals": one.terminations,
        "timeouts": one.truncations,
        **{f"infos/{name}": values[:-1] for name, values in one.infos.items()},
    }


def _part(folder: Path, number: int) -> Path:
    return folder / _PARTS / f"{number}.npz"


def _joined(parts: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


_KEYS: Final = """\
`dataset.npz` holds arrays with a row for each step: `observations`, `actions`, `rewards` and `next_observations`
(float32), `terminals` (the task ended) and `timeouts` (cut off there; the drive went on), `infos/...` of the sample
before the step, and `episode_starts`, the row at which each episode begins."""
