import json
import math
import os
import shutil
import socket
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from errno import ENOSPC
from pathlib import Path
from typing import Any

import pytest

import telemetry
from telemetry.rl.datasets.build import BuildRequest, BuildResult, Stopped, build_dataset
from telemetry.rl.datasets.convert import Job, convert, job_key
from telemetry.rl.datasets.engines import ENGINES, EngineName
from telemetry.rl.datasets.episodes import Episode, EpisodeConfig, SkipCounts
from telemetry.rl.datasets.exporter import (
    DatasetSummary,
    Exporter,
    ExportResult,
    RecordingResult,
    StagedRecording,
    episode_entry,
    ignore,
)
from tests.conftest import main_in_process
from tests.recorded import days_later, recorded_lap, write

RAY = pytest.param("ray", marks=[pytest.mark.heavy, pytest.mark.filterwarnings("default")])
"""Ray, whose own code warns of this and that."""

CLOCK = telemetry.Clock(math.inf)


@pytest.fixture(scope="module")
def several(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ...]:
    """Four recordings of about ten seconds each, none like another, and one that is none."""
    folder = tmp_path_factory.mktemp("several")
    lap = recorded_lap()
    good = [write(folder / f"{name}.jsonl", days_later(lap[at : at + 100], at)) for at, name in enumerate("abcd")]
    (folder / "bad.jsonl").write_text("nonsense\n")
    return (*good[:2], folder / "bad.jsonl", *good[2:])


@dataclass(frozen=True, slots=True)
class Deadly(Exporter):
    """Ends its process at recordings of a name: always, or as long as a file of that name with ``.once`` is there."""

    name: str

    @property
    def title(self) -> str:
        return "deadly"

    @property
    def needed_fields(self) -> frozenset[str]:
        return frozenset()

    @property
    def sample_fields(self) -> frozenset[str]:
        return frozenset()

    def check(self) -> None:
        return

    def convert(
        self, episodes: Iterator[Episode], config: EpisodeConfig, folder: Path, skipped: SkipCounts
    ) -> ExportResult:
        (episode,) = episodes
        once = folder.parent.parent / f"{self.name}.once"  # beside the temporary folder that the part is made in
        if episode.recording == self.name:
            if not once.exists():
                os._exit(9)
            elif once.read_text() == "":
                once.write_text("it was")
                os._exit(9)
        (folder / "file").write_text(episode.recording)
        return ExportResult((episode_entry(episode, "file"),))

    def finish(self, folder: Path, staged: Iterable[StagedRecording]) -> DatasetSummary:
        raise AssertionError


@dataclass(frozen=True, slots=True)
class Failing(Deadly):
    """Writes nothing, because of an error of the system; ``name`` is that of the file that the error tells."""

    def convert(
        self, episodes: Iterator[Episode], config: EpisodeConfig, folder: Path, skipped: SkipCounts
    ) -> ExportResult:
        file = {"": None, "part": folder / "file"}.get(self.name, self.name)
        raise OSError(ENOSPC, "No space left on device", file)


def jobs_of(parts: Path, exporter: Exporter, *recordings: Path) -> list[Job]:
    parts.mkdir(exist_ok=True)
    return [Job(exporter, EpisodeConfig(), one, parts, job_key(one)) for one in recordings]


def run(engine: EngineName, jobs: list[Job]) -> dict[str, RecordingResult]:
    found = list(ENGINES[engine](2, None).run(jobs, CLOCK, ignore))
    assert len({result.recording for result in found}) == len(found)
    return {Path(result.recording).name: result for result in found}


@pytest.mark.parametrize("engine", ["local", RAY])
def test_a_process_that_dies_takes_one_recording_along_and_no_other(
    engine: EngineName, several: tuple[Path, ...], tmp_path: Path
) -> None:
    jobs = jobs_of(tmp_path / "parts", Deadly("b.jsonl"), *several)
    found = run(engine, jobs)
    assert {name for name, result in found.items() if result.error} == {"b.jsonl", "bad.jsonl"}
    assert found["b.jsonl"].error.startswith(f"{several[1]} was not converted: its process")
    assert {(job.parts / job.key / "file").read_text() for job in jobs if (job.parts / job.key).exists()} == {
        "a.jsonl", "c.jsonl", "d.jsonl",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ("", "the folder {parts} cannot be written: "),
        ("part", "the folder {parts} cannot be written: "),
        ("x.ini", "x.ini: "),
    ],
)
def test_a_full_disk_is_told_with_the_folder_that_cannot_be_written(
    file: str, place: str, several: tuple[Path, ...], tmp_path: Path
) -> None:
    (job,) = jobs_of(tmp_path / "parts", Failing(file), several[0])
    result = convert(job, CLOCK)
    assert result is not None
    assert result.error == (
        f"{several[0]} was not converted: {place.format(parts=tmp_path / 'parts')}No space left on device."
    )


@pytest.mark.parametrize("engine", ["local", RAY])
def test_a_recording_whose_process_died_is_tried_once_more(
    engine: EngineName, several: tuple[Path, ...], tmp_path: Path
) -> None:
    jobs = jobs_of(tmp_path / "parts", Deadly("b.jsonl"), several[0], several[1])
    (tmp_path / "parts" / "b.jsonl.once").touch()
    assert {name: result.error for name, result in run(engine, jobs).items()} == {"a.jsonl": "", "b.jsonl": ""}
    assert (tmp_path / "parts" / "b.jsonl.once").read_text() == "it was"


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("engine", "jobs"),
    [("local", 2), pytest.param("ray", 2, marks=RAY.marks), pytest.param("ray", None, marks=RAY.marks)],
)
def test_who_converts_changes_no_byte(
    engine: EngineName, jobs: int | None, several: tuple[Path, ...], tmp_path: Path
) -> None:
    told: list[str] = []

    def made(name: str, **options: Any) -> Path:
        request = BuildRequest(format="npz", recordings=several, output=tmp_path / name, **options)
        found = build_dataset(request, CLOCK, done=lambda result: told.append(result.error))
        assert isinstance(found, BuildResult)
        return found.path

    alone = contents(made("alone"))
    assert contents(made("together", engine=engine, jobs=jobs)) == alone
    assert [error for error in told if error] == [f"{several[2]}, line 1: this is not JSON."] * 2
    assert json.loads(alone["quality.json"])["failed"] == [str(several[2])]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "together"]


@pytest.mark.parametrize("engine", ["local", RAY])
def test_an_engine_that_is_stopped_leaves_what_is_done_and_goes_on(
    engine: EngineName, several: tuple[Path, ...], tmp_path: Path
) -> None:
    clock = telemetry.Clock(math.inf)
    good = (*several[:2], *several[3:])
    request = BuildRequest(format="npz", recordings=good, output=tmp_path / "out", engine=engine, jobs=2)
    left = build_dataset(request, clock, done=lambda result: clock.stop())
    assert isinstance(left, Stopped)
    assert 1 <= left.converted < 4
    before: list[int] = []
    assert isinstance(build_dataset(request, CLOCK, resumed=before.append), BuildResult)
    assert before[0] >= left.converted, "one more may have been done when the clock was stopped"
    alone = BuildRequest(format="npz", recordings=good, output=tmp_path / "alone")
    assert isinstance(build_dataset(alone, CLOCK), BuildResult)
    assert contents(tmp_path / "out") == contents(tmp_path / "alone")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["alone", "out"]


def test_what_an_engine_cannot_do_is_a_sentence(several: tuple[Path, ...], tmp_path: Path) -> None:
    result = main_in_process("dataset", "npz", several[0], "-o", tmp_path / "out", "--address", "auto")
    assert (result.returncode, result.stderr) == (
        2,
        "ac-telemetry: --address is for Ray; add --engine ray.\n",
    )
    assert list(tmp_path.iterdir()) == []


def test_without_ray_its_engine_names_the_extra(
    several: tuple[Path, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    result = main_in_process("dataset", "npz", several[0], "-o", tmp_path / "out", "--engine", "ray")
    assert result.returncode == 2
    assert result.stderr == (
        "ac-telemetry: The engine ray needs ray, which is not installed. Get it with: uv sync --inexact --extra ray.\n"
    )
    assert list(tmp_path.iterdir()) == []


def test_a_machine_on_which_a_path_is_missing_names_it(several: tuple[Path, ...], tmp_path: Path) -> None:
    from telemetry.base.program import program_digest
    from telemetry.base.ray_cluster import check_machine
    from telemetry.rl.datasets.engines.ray import check_paths, convert_remote

    (job,) = jobs_of(tmp_path / "parts", Deadly(""), several[0])
    here = Path.cwd()
    assert check_machine(check_paths, job, here, program_digest()) == ""
    assert check_machine(check_paths, job, here, "another").endswith(
        f"has {program_digest()}, this one another; all need the same version."
    )
    shutil.rmtree(job.parts)
    assert f"{job.parts} does not exist on the machine " in convert_remote(job, here).error
    gone = Job(job.exporter, job.config, Path("none.mcap"), tmp_path, "")
    assert check_machine(check_paths, gone, here, program_digest()) == (
        f"{here / 'none.mcap'} does not exist on the machine {socket.gethostname()}. All machines need recordings and "
        "output under the same path, on a shared file system."
    )


@pytest.fixture
def address() -> Iterator[str]:
    """That of a Ray with two machines of one processor each, as far as Ray can tell."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    yield cluster.address
    cluster.shutdown()


@pytest.mark.heavy
@pytest.mark.filterwarnings("default")
def test_a_running_ray_converts_and_goes_on_running(address: str, several: tuple[Path, ...], tmp_path: Path) -> None:
    for name in ("one", "two"):
        result = main_in_process(
            "dataset", "npz", *several, "-o", tmp_path / name, "--engine", "ray", "--address", address
        )
        assert result.stdout == ""
        assert result.stderr.splitlines() == [
            f"ac-telemetry: {several[2]}, line 1: this is not JSON.",
            f"{tmp_path / name}: 4 episodes, 988 steps.",
            "ac-telemetry: 1 recording of 5 could not be converted and is not in it.",
        ]
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


@pytest.mark.heavy
@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("address", ["127.0.0.1:1", "ray://127.0.0.1:1", "ray://a..b:1", "ray://[x"])
def test_a_ray_that_is_not_there_is_a_sentence(address: str, several: tuple[Path, ...], tmp_path: Path) -> None:
    arguments = ("dataset", "npz", several[0], "-o", tmp_path / "out", "--engine", "ray", "--address", address)
    result = main_in_process(*arguments)
    assert result.returncode == 2
    assert result.stderr.startswith(f"ac-telemetry: Ray cannot be reached at {address}: ")
    assert list(tmp_path.iterdir()) == []
