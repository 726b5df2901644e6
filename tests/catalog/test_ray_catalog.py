"""A catalog that is built on a Ray: the same files as of one machine, in a folder or in a store."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from telemetry.catalog.jobs import JobFailed, ReadJob, check_paths, read_on_machine
from telemetry.catalog.places import parse_place
from telemetry.catalog.read import ReadOptions
from telemetry.catalog.state import CatalogState, load_state
from telemetry.catalog.store import FolderStore
from tests.catalog.conftest import record
from tests.conftest import main_in_process
from tests.s3_server import Bucket, needs_s3


@pytest.fixture
def many(tmp_path: Path) -> list[Path]:
    """More recordings of one track than stay in files of their own, one of another, and one that is none."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    paths = [record(folder / f"{number:02}.jsonl", number, "ring") for number in range(17)]
    broken = folder / "broken.jsonl"
    broken.write_text("nonsense\n")
    return [*paths[:9], broken, *paths[9:], record(folder / "hill.jsonl", 20, "hill")]


@pytest.fixture
def address(bucket: Bucket) -> Iterator[str]:
    """That of a Ray with two machines of one processor each, which know the bucket's server."""
    cluster_utils = pytest.importorskip("ray.cluster_utils")
    cluster = cluster_utils.Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    cluster.add_node(num_cpus=1)
    yield cluster.address
    cluster.shutdown()


def add(place: str | Path, *arguments: str | Path) -> str:
    """What is said on adding recordings, of which one is none."""
    result = main_in_process("catalog", "add", *arguments, "--catalog", str(place))
    assert result.returncode == 1, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def files_of(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.parquet")}


@needs_s3
@pytest.mark.heavy
@pytest.mark.filterwarnings("default")
def test_two_machines_build_the_same_bytes_as_one(
    address: str, bucket: Bucket, many: list[Path], tmp_path: Path
) -> None:
    alone, shared, place = tmp_path / "alone", tmp_path / "shared", f"{bucket.url}/lab"
    said = add(alone, *many)
    ray = ("--engine", "ray", "--address", address)
    for there in (shared, place):
        assert add(there, *many[:5], "x.jsonl", *ray) != ""
        assert add(there, *many, *ray).replace(str(there), str(alone)) == said
    expected = files_of(alone)
    assert files_of(shared) == expected
    stored = {key.removeprefix("lab/"): bucket.read(key) for key in bucket.sizes() if key.endswith(".parquet")}
    named = {name: data for name, data in stored.items() if name in expected}
    assert named == expected
    state = load_state(parse_place(place))
    assert set(state.shards) == {name for name in expected if name.startswith("samples/")}
    assert main_in_process("catalog", "check", "--catalog", place).returncode == 0


@needs_s3
@pytest.mark.heavy
@pytest.mark.filterwarnings("default")
def test_recordings_in_a_store_are_read_by_the_machines(address: str, bucket: Bucket, recordings: list[Path]) -> None:
    for path in recordings:
        bucket.write(f"delivered/{path.name}", path.read_bytes())
    place = f"{bucket.url}/lab"
    result = main_in_process(
        "catalog", "add", f"{bucket.url}/delivered", "--catalog", place, "--engine", "ray", "--address", address
    )
    assert (result.returncode, result.stderr) == (0, f"{place}: 2 recordings, 4 laps.\n")


@pytest.mark.heavy
@pytest.mark.filterwarnings("default")
def test_a_ray_is_started_here_where_none_is_named(recordings: list[Path], tmp_path: Path) -> None:
    catalog = tmp_path / "catalog"
    result = main_in_process("catalog", "add", *recordings, "--catalog", catalog, "--engine", "ray", "--jobs", "2")
    assert (result.returncode, result.stderr) == (0, f"{catalog}: 2 recordings, 4 laps.\n")


def job_of(place: Path, folder: Path) -> ReadJob:
    state = CatalogState()
    return ReadJob(place, ReadOptions(Path(), state.fields, state.rate_hz), FolderStore(folder))


def test_a_job_leaves_files_and_says_which(recordings: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "catalog"
    folder.mkdir()
    read = read_on_machine(job_of(recordings[0], folder), Path.cwd())
    assert not isinstance(read, JobFailed)
    ((name, (path, shard)),) = read.shards.items()
    assert path is None
    assert (folder / name).stat().st_size == shard["size"]
    again = read_on_machine(job_of(recordings[0], folder), Path.cwd())
    assert again == read, "a task that ran twice leaves the same"
    assert [path.name for path in folder.iterdir()] == ["samples"]


def test_what_a_machine_lacks_is_a_sentence(recordings: list[Path], tmp_path: Path) -> None:
    gone = job_of(tmp_path / "gone.mcap", tmp_path)
    assert check_paths(job_of(recordings[0], tmp_path), Path.cwd()) == ""
    assert f"{tmp_path / 'gone.mcap'} does not exist on the machine " in check_paths(gone, Path.cwd())
    failed = read_on_machine(gone, Path.cwd())
    assert isinstance(failed, JobFailed)
    assert failed.reason.endswith("on a shared file system, or both in an object store.")


def test_an_address_without_ray_is_refused(recordings: list[Path], tmp_path: Path) -> None:
    result = main_in_process("catalog", "add", *recordings, "--catalog", tmp_path / "catalog", "--address", "auto")
    assert (result.returncode, result.stderr) == (2, "ac-telemetry: --address is for Ray; add --engine ray.\n")
    assert not (tmp_path / "catalog").exists()
