"""A catalog in an object store: a real server, several machines at once, and what is fetched from it."""

import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import telemetry
from telemetry.catalog import change as catalog_change
from telemetry.catalog import s3 as catalog_s3
from telemetry.catalog.places import parse_place
from telemetry.catalog.s3 import S3Store
from telemetry.catalog.shards import read_lap_samples
from telemetry.catalog.state import CatalogState, load_state, save_state
from telemetry.catalog.store import CatalogStore
from telemetry.stores import StoreError
from telemetry.stores.uploads import upload
from tests.catalog.conftest import record
from tests.conftest import PATIENCE, REPOSITORY, main_in_process
from tests.constructed import drive, samples_of
from tests.counting_proxy import Traffic, counting_proxy
from tests.s3_server import Bucket, error_body, needs_s3, refusing_server

pytestmark = needs_s3


@pytest.fixture
def place(bucket: Bucket) -> str:
    return f"{bucket.url}/lab"


def run(place: str | Path, command: str, *arguments: str | Path, code: int = 0) -> str:
    """The command on this catalog, and what it says."""
    result = main_in_process("catalog", command, *arguments, "--catalog", str(place))
    assert result.returncode == code, result.stderr
    assert "Traceback" not in result.stderr
    return result.stdout if code == 0 else result.stdout + result.stderr


def state_of(place: str) -> CatalogState:
    return load_state(parse_place(place))


def tracks_of(place: str) -> list[str]:
    return [row["track"] for row in state_of(place).laps]


def shards_of(bucket: Bucket) -> dict[str, bytes]:
    return {key.removeprefix("lab/"): bucket.read(key) for key in bucket.sizes() if key.startswith("lab/samples/")}


def test_a_catalog_in_a_store_answers_like_one_in_a_folder(
    place: str, bucket: Bucket, recordings: list[Path], tmp_path: Path
) -> None:
    folder = tmp_path / "catalog"
    for one in (place, folder):
        run(one, "add", *recordings)
    for command in (
        ["laps", "--json"],
        ["best", "--json"],
        ["query", "select lap_id, count(*) n, max(speed_kmh) top from samples group by 1 order by 1", "--json"],
        ["query", "select track, count(*) n from samples join laps using (lap_id) group by 1 order by 1", "--json"],
    ):
        assert run(place, *command) == run(folder, *command)
    local = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.glob("samples/*/*")}
    assert shards_of(bucket) == local
    assert bucket.read("lab/laps.parquet") == (folder / "laps.parquet").read_bytes()
    assert run(place, "check").endswith("all as they were.\n")
    assert bucket.unfinished() == []


def test_what_is_removed_and_rebuilt_is_as_in_a_folder(place: str, recordings: list[Path]) -> None:
    run(place, "add", *recordings)
    run(place, "add", recordings[0])
    assert len(state_of(place).recordings) == 2
    run(place, "rebuild")
    run(place, "remove", recordings[0])
    assert tracks_of(place) == ["hill", "hill"]
    assert run(place, "check").endswith("all as they were.\n")


def test_another_client_of_s3_sees_whole_files(place: str, bucket: Bucket, recordings: list[Path]) -> None:
    import obstore
    from obstore.store import S3Store as ObstoreS3

    run(place, "add", *recordings)
    store = ObstoreS3(bucket.name, endpoint=bucket.endpoint, client_options={"allow_http": True})
    listed = {entry["path"]: entry["size"] for page in obstore.list(store) for entry in page}
    assert listed == bucket.sizes()
    laps = pq.read_table(pa.BufferReader(bytes(obstore.get(store, "lab/laps.parquet").bytes())))
    assert laps.column("lap_id").to_pylist() == [row["lap_id"] for row in state_of(place).laps]


@pytest.fixture
def traffic(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Iterator[Traffic]:
    """What commands ask of the store from now on."""
    with counting_proxy(bucket.endpoint) as made:
        monkeypatch.setenv("AWS_ENDPOINT_URL", made.endpoint)
        yield made


@pytest.fixture
def many_laps(place: str, tmp_path: Path) -> str:
    """A catalog of one file of samples of 24 laps, with numbers that no compression makes small."""
    noise = random.Random(1)
    names = ("gas", "brake", "steer_angle", "heading", "world_position_x", "world_position_y", "world_position_z")
    path = tmp_path / "many.jsonl"
    with telemetry.open_sink(path) as sink:
        rows = drive([20.0 + 0.1 * number for number in range(24)])
        for sample in samples_of({**row, **{name: noise.random() for name in names}} for row in rows):
            sink.write(sample)
    run(place, "add", path)
    return place


def shard_sizes(bucket: Bucket) -> tuple[int, int]:
    """The bytes of the only file of samples, and of its footer."""
    (data,) = shards_of(bucket).values()
    return len(data), int.from_bytes(data[-8:-4], "little") + 8


def test_laps_are_listed_without_their_samples(many_laps: str, traffic: Traffic) -> None:
    run(many_laps, "laps")
    assert {one.key for one in traffic.requests} == {"lab/catalog.json"}


def test_one_lap_is_fetched_alone(many_laps: str, bucket: Bucket, traffic: Traffic) -> None:
    size, footer = shard_sizes(bucket)
    lap = state_of(many_laps).laps[7]
    traffic.clear()
    assert len(read_lap_samples(parse_place(many_laps), lap, ["gas"])) == lap["samples"]
    assert traffic.fetched("samples") < footer + 65_536 + size / 24  # pyarrow asks for the last 64 KiB first
    assert footer + 65_536 < size / 4


@pytest.mark.parametrize(
    "condition",
    [
        "lap_id = '{lap}'",
        "lap_id in (select lap_id from laps where number = 8)",
        "lap_id = (select max(lap_id) from laps where number = 8)",
        "elapsed between 150 and 160",
    ],
)
def test_nothing_is_fetched_that_the_statistics_rule_out(
    many_laps: str, bucket: Bucket, traffic: Traffic, condition: str
) -> None:
    size, footer = shard_sizes(bucket)
    lap = state_of(many_laps).laps[7]["lap_id"]
    traffic.clear()
    found = run(
        many_laps, "query", f"select count(distinct lap_id) n from samples where {condition.format(lap=lap)}", "--json"
    )
    assert orjson.loads(found) == [{"n": 1}]
    assert traffic.fetched("samples") < footer + size / 24
    assert footer < size / 4


def test_sql_reads_no_other_object_of_the_store(place: str, recordings: list[Path]) -> None:
    run(place, "add", recordings[0])
    for path in ("catalog://catalog.json", f"{place}/catalog.json", "/etc/hostname"):
        assert "cannot be run" in run(place, "query", f"select * from read_text('{path}'), samples", code=2)


def test_two_machines_that_add_at_once_lose_nothing(place: str, tmp_path: Path) -> None:
    paths = [record(tmp_path / f"{number}.jsonl", number, f"track{number % 2}") for number in range(6)]
    adders = [
        subprocess.Popen(
            [sys.executable, "main.py", "catalog", "add", *map(str, some), "--catalog", place],
            cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for some in (paths[:3], paths[3:], paths[1:5])
    ]  # fmt: skip
    for adder in adders:
        _, said = adder.communicate(timeout=PATIENCE)
        assert adder.returncode == 0, said
    state = state_of(place)
    assert sorted(row["path"] for row in state.recordings) == sorted(map(str, paths))
    assert len({row["lap_id"] for row in state.laps}) == len(state.laps) == 12
    assert run(place, "check").endswith("all as they were.\n")


def test_a_table_that_another_machine_replaces_at_the_same_moment_is_no_fault(
    place: str, bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def upload_and_lose(*arguments: Any) -> None:
        upload(*arguments)
        bucket.write("lab/laps.parquet", b"longer, and of another machine")

    monkeypatch.setattr(catalog_s3, "upload", upload_and_lose)
    path = tmp_path / "laps.parquet"
    path.write_bytes(b"ours")
    S3Store(place).replace(path, "laps.parquet")
    assert bucket.read("lab/laps.parquet") == b"longer, and of another machine"
    assert not path.exists()


def interrupt_with(monkeypatch: pytest.MonkeyPatch, act: Callable[[], object]) -> None:
    """Let another machine do something just before this one commits for the first time."""
    left = [act]

    def save(store: CatalogStore, state: CatalogState) -> None:
        if left:
            left.pop()()
        save_state(store, state)

    monkeypatch.setattr(catalog_change, "save_state", save)


def test_what_another_machine_did_meanwhile_stays(
    place: str, recordings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    third = record(tmp_path / "third.jsonl", 3, "lake")
    run(place, "add", recordings[0])
    interrupt_with(monkeypatch, lambda: run(place, "add", third))
    run(place, "add", recordings[1])
    assert tracks_of(place) == ["ring", "ring", "lake", "lake", "hill", "hill"]
    interrupt_with(monkeypatch, lambda: run(place, "remove", third))
    run(place, "remove", recordings[0])
    assert tracks_of(place) == ["hill", "hill"]
    assert run(place, "check").endswith("all as they were.\n")
    with parse_place(place).open_parquet("laps.parquet") as file:
        assert file.read().column("track").to_pylist() == ["hill", "hill"]


def test_the_same_recording_added_at_once_is_there_once(
    place: str, recordings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_with(monkeypatch, lambda: run(place, "add", recordings[0]))
    run(place, "add", *recordings)
    assert sorted(tracks_of(place)) == ["hill", "hill", "ring", "ring"]


def test_a_catalog_made_meanwhile_with_other_settings_is_not_changed(
    place: str, recordings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    interrupt_with(monkeypatch, lambda: run(place, "add", recordings[0], "--rate", "30"))
    assert "was made meanwhile, with other settings" in run(place, "add", recordings[1], code=1)
    run(place, "add", recordings[1])
    assert tracks_of(place) == ["ring", "ring", "hill", "hill"]


def test_an_upload_that_fails_changes_nothing(
    place: str, bucket: Bucket, recordings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    run(place, "add", recordings[0])
    before = bucket.read("lab/catalog.json")

    def put_half(store: S3Store, path: Path, name: str) -> None:
        bucket.write(f"lab/{name}", path.read_bytes()[:1000])
        raise StoreError(f"{store.locate(name)}: it does not answer in time.")

    with monkeypatch.context() as patch:
        patch.setattr(S3Store, "put", put_half)
        assert "it does not answer in time" in run(place, "add", recordings[1], code=1)
    assert bucket.read("lab/catalog.json") == before
    assert run(place, "check").endswith("all as they were.\n")
    run(place, "add", recordings[1])
    assert tracks_of(place) == ["ring", "ring", "hill", "hill"]
    assert run(place, "check").endswith("all as they were.\n")


@pytest.mark.parametrize(
    ("status", "code", "sentence"),
    [
        (403, "AccessDenied", "it refuses access (403)"),
        (503, "ServiceUnavailable", "it does not serve requests now (503)"),
    ],
)
@pytest.mark.parametrize("command", [["laps"], ["query", "select 1"], ["add", "{recording}"], ["check"], ["rebuild"]])
def test_a_store_that_refuses_is_a_sentence(
    bucket: Bucket, recordings: list[Path], monkeypatch: pytest.MonkeyPatch,
    command: list[str], status: int, code: str, sentence: str,
) -> None:  # fmt: skip
    with refusing_server(status, error_body(code)) as endpoint:
        monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
        arguments = [part.format(recording=recordings[0]) for part in command]
        assert sentence in run(f"{bucket.url}/lab", *arguments, code=1)


def test_a_store_that_has_gone_is_a_sentence(
    place: str, bucket: Bucket, recordings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    assert f"{bucket.url}/lab: it cannot be reached." in run(place, "add", recordings[0], code=1)


def test_a_file_that_somebody_deleted_is_told_and_made_again(
    place: str, bucket: Bucket, recordings: list[Path]
) -> None:
    run(place, "add", *recordings)
    (key,) = (key for key in bucket.sizes() if key.startswith("lab/samples/ring/"))
    bucket.client.delete_object(Bucket=bucket.name, Key=key)
    gone = f"{bucket.url}/{key}"
    assert f"The samples {gone} has gone." in run(place, "check", code=1)
    assert f"The samples {gone} have gone. See: catalog check." in run(
        place, "query", "select count(*) from samples", code=1
    )
    assert orjson.loads(run(place, "query", "select count(*) n from laps", "--json")) == [{"n": 4}]
    run(place, "rebuild")
    assert run(place, "check").endswith("all as they were.\n")


def test_files_that_nobody_names_go_when_they_are_old(
    place: str, bucket: Bucket, recordings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.write("lab/samples/ring/stranger.parquet", b"of a machine that was killed, or is about to commit")
    run(place, "add", recordings[0])
    assert "lab/samples/ring/stranger.parquet" in bucket.sizes()
    monkeypatch.setattr("telemetry.catalog.s3.NEEDED_FOR", timedelta(seconds=-1))
    run(place, "add", recordings[1])
    assert "lab/samples/ring/stranger.parquet" not in bucket.sizes()
    assert run(place, "check").endswith("all as they were.\n")


def test_an_address_that_is_none_is_refused(recordings: list[Path]) -> None:
    for command in (["laps"], ["add", str(recordings[0])]):
        assert "s3://B/x is no address of a store" in run("s3://B/x", *command, code=2)


def test_without_boto3_its_extra_is_named(place: str, recordings: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    assert "uv sync --inexact --extra s3" in run(place, "add", recordings[0], code=2)


def test_recordings_in_a_store_are_added_from_there(
    place: str, bucket: Bucket, recordings: list[Path], tmp_path: Path
) -> None:
    for path in recordings:
        bucket.write(f"delivered/rig1/{path.name}", path.read_bytes())
    bucket.write("delivered/rig1/notes.txt", b"no recording")
    bucket.write("delivered/rig1/broken.mcap", b"no recording either")
    said = run(place, "add", f"{bucket.url}/delivered", code=1)
    assert f"{bucket.url}/delivered/rig1/broken.mcap" in said
    assert str(tmp_path.parent) not in said
    state = state_of(place)
    assert [row["path"] for row in state.recordings] == [
        f"{bucket.url}/delivered/rig1/{name}.jsonl" for name in ("hill", "ring")
    ]
    folder = tmp_path / "catalog"
    run(folder, "add", recordings[1], recordings[0])
    names = {row["lap_id"] for row in load_state(folder).laps}
    assert {row["lap_id"] for row in state.laps} == names
    assert run(place, "check").endswith("all as they were.\n")
    run(place, "rebuild")
    assert {row["lap_id"] for row in state_of(place).laps} == names


def test_a_recording_of_a_store_that_is_known_is_not_fetched_again(
    place: str, bucket: Bucket, recordings: list[Path], traffic: Traffic
) -> None:
    bucket.write("delivered/ring.jsonl", recordings[0].read_bytes())
    run(place, "add", f"{bucket.url}/delivered/")
    assert traffic.fetched("ring.jsonl") == recordings[0].stat().st_size
    traffic.clear()
    run(place, "add", f"{bucket.url}/delivered/ring.jsonl")
    assert traffic.fetched("ring.jsonl") == 0
    bucket.client.delete_object(Bucket=bucket.name, Key="delivered/ring.jsonl")
    gone = f"{bucket.url}/delivered/ring.jsonl"
    assert f"The recording {gone} has gone." in run(place, "check", code=1)
    assert f"{gone} has gone." in run(place, "add", gone, code=1)
    assert tracks_of(place) == ["ring", "ring"]


def test_copies_of_recordings_lie_in_the_store(place: str, bucket: Bucket, recordings: list[Path]) -> None:
    run(place, "add", "--copy", *recordings)
    for path in recordings:
        path.unlink()
    run(place, "rebuild")
    assert run(place, "check").endswith("all as they were.\n")
    assert len([key for key in bucket.sizes() if key.startswith("lab/recordings/")]) == 2


def test_recordings_on_disks_of_other_computers_are_left_to_these(
    place: str, recordings: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(catalog_change, "gethostname", lambda: "rig2")
        run(place, "add", recordings[0])
    recordings[0].unlink()
    result = main_in_process("catalog", "check", "--catalog", place)
    assert result.stderr == "1 recording on disks of other computers (rig2) not compared.\n"
    assert result.returncode == 0
    run(place, "rebuild")
    assert tracks_of(place) == ["ring", "ring"]
    recordings[1].rename(recordings[0])
    run(place, "add", recordings[0])
    assert tracks_of(place) == ["ring", "ring", "hill", "hill"], (
        "another computer's file of the same path is another file"
    )


def test_a_copied_log_keeps_the_laps_that_stand_beside_it(place: str, recordings: list[Path]) -> None:
    log = recordings[0].with_suffix(".ld")
    assert main_in_process("convert", recordings[0], log, "--fields", "speed_kmh,gas").returncode == 0
    run(place, "add", "--copy", log)
    log.unlink()
    log.with_suffix(".ldx").unlink()
    run(place, "rebuild")
    assert [row["time_ms"] for row in orjson.loads(run(place, "laps", "--json"))] == [20_000, 19_000, None]
