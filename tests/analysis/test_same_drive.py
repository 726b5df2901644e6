from collections.abc import Sequence
from pathlib import Path

import pytest

import telemetry
from telemetry.analysis.quality import analyze_recording
from telemetry.analysis.same_drive import DriveFingerprint, FingerprintBuilder, find_copies, find_overlaps
from telemetry.fields.columns import derive_columns
from telemetry.fields.selection import select
from telemetry.fields.snapshot import Snapshot, encode
from telemetry.formats.mcap.sink import create
from telemetry.recording.blocks import read_blocks
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Step
from telemetry.sources.convert import ConversionOptions, convert_recording
from tests.recorded import days_later, recorded_lap, write

LAP = recorded_lap()[:120]


def fingerprint_of(path: Path) -> DriveFingerprint:
    with telemetry.open_source(path) as source:
        return analyze_recording(source, path).fingerprint


def copies_among(*paths: Path) -> dict[str, str]:
    found = find_copies([fingerprint_of(path) for path in paths])
    return {paths[copy].name: paths[original].name for copy, original in found.items()}


def write_pages(path: Path, snapshots: Sequence[Snapshot], **metadata: str) -> Path:
    with create(path, metadata=metadata) as sink:
        for snapshot in snapshots:
            sink.write(Step(State.LIVE, encode(snapshot), snapshot.elapsed))
    return path


def convert(source: Path, output: Path, **options: object) -> Path:
    convert_recording(source, output, ConversionOptions(**options))  # type: ignore[arg-type]
    return output


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    """Twelve seconds as pages."""
    return write_pages(tmp_path / "drive.mcap", LAP)


def test_a_copy_and_a_conversion_hold_the_same_drive(drive: Path, tmp_path: Path) -> None:
    copy = tmp_path / "other name.mcap"
    copy.write_bytes(drive.read_bytes())
    lines = convert(drive, tmp_path / "drive.jsonl.gz")
    assert copies_among(drive, copy, lines) == {"other name.mcap": "drive.mcap", "drive.jsonl.gz": "drive.mcap"}


@pytest.mark.parametrize("rate", [4.0, 25.0])
def test_a_conversion_to_another_rate_holds_the_same_drive(drive: Path, tmp_path: Path, rate: float) -> None:
    other = convert(drive, tmp_path / "other.jsonl", rate=rate)
    assert len(copies_among(drive, other)) == 1


def test_what_another_recorder_saw_at_the_same_time_is_the_same_drive(drive: Path, tmp_path: Path) -> None:
    seen = [
        one.replace(
            timestamp=one.timestamp + 0.008,
            packet_id=one.packet_id + 2,
            world_position_x=one.world_position_x + one.velocity_x * 0.008,
            world_position_z=one.world_position_z + one.velocity_z * 0.008,
        )
        for one in LAP[3:]
    ]
    assert copies_among(drive, write(tmp_path / "beside.jsonl", seen)) == {"beside.jsonl": "drive.mcap"}


def test_a_clock_that_was_set_back_does_not_hide_a_copy(tmp_path: Path) -> None:
    set_back = [one.replace(timestamp=one.timestamp - 6.0 * (index >= 60)) for index, one in enumerate(LAP)]
    pages = write_pages(tmp_path / "drive.mcap", set_back)
    assert copies_among(pages, convert(pages, tmp_path / "drive.jsonl")) == {"drive.jsonl": "drive.mcap"}


def test_a_part_belongs_to_the_whole_whichever_is_named_first(drive: Path, tmp_path: Path) -> None:
    part = write(tmp_path / "part.jsonl", list(LAP[40:80]))
    assert copies_among(part, drive) == copies_among(drive, part) == {"part.jsonl": "drive.mcap"}


def test_the_parts_of_a_split_recording_are_no_copies(tmp_path: Path) -> None:
    parts = LAP[:44], LAP[34:85], LAP[75:119], LAP[119:]  # a file of a lap goes on for a second
    paths = [write_pages(tmp_path / f"{n}.mcap", part, recording_id="ab") for n, part in enumerate(parts)]
    assert copies_among(*paths) == {}


@pytest.mark.parametrize(
    "other",
    [
        days_later(LAP, 1),
        [one.replace(world_position_x=one.world_position_x + 8.0) for one in LAP],
        [one.replace(packet_id=one.packet_id + 1000) for one in LAP],
        [one.replace(car_model="another_car") for one in LAP],
        [one.replace(player_name="Somebody else") for one in LAP],
    ],
    ids=["another day", "beside it", "another session", "another car", "another driver"],
)
def test_what_differs_is_another_drive(drive: Path, tmp_path: Path, other: list[Snapshot]) -> None:
    assert copies_among(drive, write(tmp_path / "other.jsonl", other)) == {}


def test_chosen_fields_are_compared_by_what_they_hold(drive: Path, tmp_path: Path) -> None:
    timed = convert(drive, tmp_path / "timed.jsonl", columns=select("timestamp,gas"))
    assert copies_among(drive, timed) == {"timed.jsonl": "drive.mcap"}
    speeds = [convert(drive, tmp_path / f"{name}.jsonl", columns=select("speed_kmh,gas")) for name in "ab"]
    pedals = convert(drive, tmp_path / "c.jsonl", columns=select("gas,brake"))
    assert copies_among(drive, *speeds, pedals) == {"b.jsonl": "a.jsonl"}


def test_an_id_stands_for_what_the_files_do_not_hold(tmp_path: Path) -> None:
    """Positions that are not numbers can be compared with nothing."""
    lost = [one.replace(world_position_x=float("nan")) for one in LAP]
    paths = [write_pages(tmp_path / f"{name}.mcap", lost, recording_id=number) for name, number in ("a1", "b1", "c2")]
    assert copies_among(*paths) == {"b.mcap": "a.mcap"}


def test_a_recording_has_an_id_that_its_conversions_keep(drive: Path, tmp_path: Path) -> None:
    def id_of(path: Path) -> str:
        with telemetry.open_source(path) as source:
            return source.metadata["recording_id"]

    first = id_of(drive)
    assert len(first) == 32
    assert int(first, 16) > 0
    assert id_of(convert(drive, tmp_path / "again.mcap", rate=5.0)) == first
    assert id_of(write_pages(tmp_path / "second.mcap", LAP)) != first


@pytest.mark.parametrize("has_times", [True, False])
def test_blocks_are_watched_on_their_way(tmp_path: Path, *, has_times: bool) -> None:
    lap = list(LAP) if has_times else [one.replace(timestamp=0.0) for one in LAP]
    path = write(tmp_path / "a.jsonl", lap)
    with telemetry.open_source(path) as source:
        builder = FingerprintBuilder(source)
        passed = list(builder.watch(derive_columns(read_blocks(source), [])))
    assert sum(map(len, passed)) == builder.finish().samples == 120
    assert builder.finish() == fingerprint_of(path)


def test_time_stamps_that_stand_still_make_no_two_drives_one(tmp_path: Path) -> None:
    still = [one.replace(timestamp=1.7e9) for one in LAP]
    other = [still[0], *(one.replace(world_position_x=one.world_position_x + 8.0) for one in still[1:])]
    paths = write(tmp_path / "a.jsonl", still), write(tmp_path / "b.jsonl", other), write(tmp_path / "c.jsonl", still)
    assert copies_among(*paths) == {"c.jsonl": "a.jsonl"}


def test_what_two_recordings_share_is_counted_from_five_seconds_on(drive: Path, tmp_path: Path) -> None:
    first, second = write(tmp_path / "first.jsonl", list(LAP[:80])), write(tmp_path / "second.jsonl", list(LAP[20:]))
    later = write(tmp_path / "later.jsonl", list(LAP[60:]))
    found = find_overlaps([fingerprint_of(path) for path in (later, first, second)])
    assert [(longer, shorter) for longer, shorter, _ in found] == [(2, 0), (2, 1)]
    assert list(find_overlaps([fingerprint_of(first), fingerprint_of(later)])) == []
    assert (
        list(find_overlaps([fingerprint_of(write(tmp_path / "d.jsonl", days_later(LAP, 1))), fingerprint_of(drive)]))
        == []
    )
