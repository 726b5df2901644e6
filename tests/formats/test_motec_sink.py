"""MoTeC logs that we write, read by a decoder of their bytes that shares nothing with the writer."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from telemetry.base.errors import SinkError
from telemetry.fields.derived import Sample
from telemetry.fields.selection import select
from telemetry.fields.snapshot import Snapshot
from telemetry.formats.motec import series, sink
from telemetry.formats.motec.channels import NAMES, Names, channels_for, default_fields, find_meanings
from telemetry.formats.motec.ldx import read_ldx
from telemetry.formats.motec.options import Gaps
from telemetry.formats.motec.recording import MotecRecording
from telemetry.formats.motec.sink import create
from telemetry.laps.detector import laps
from telemetry.recording.recorded_laps import find_recorded_laps
from tests.constructed import changed, drive, samples_of
from tests.formats.ld_bytes import Decoded, Node, decode, text

LAPS_S = [30.0, 31.2, 29.9]


def write(
    path: Path,
    samples: Iterable[Sample],
    *,
    fields: Iterable[str] = default_fields(),
    names: Names = "acti",
    gaps: Gaps = "split",
    rate: int | None = 10,
) -> tuple[str, ...]:
    with create(path, select(fields), names=names, gaps=gaps, rate=rate) as log:
        for sample in samples:
            log.write(sample)
    return log.notes


def decoded(path: Path) -> Decoded:
    return decode(path.read_bytes())


def by_name(log: Decoded) -> dict[str, Node]:
    names = {node.name: node for node in log.nodes}
    assert len(names) == len(log.nodes), "two channels of one name"
    return names


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "drive.ld"


def test_blocks_and_texts_are_where_readers_look_for_them(path: Path) -> None:
    rows = list(drive([1.0]))
    write(path, samples_of({**row, "player_name": "Zoë", "track_configuration": "short"} for row in rows))
    log = decoded(path)
    assert log.pointers == {
        "mark": 0x40, "first channel": 11336, "first sample": 11336 + 124 * len(log.nodes), "event": 1762,
        "venue": 4918, "vehicle": 8020, "clock": 1_000_000, "licence": 0xC81A4, "channels": len(log.nodes),
    }  # fmt: skip
    assert log.texts["driver"] == "Zoe"
    assert (log.texts["venue"], log.texts["venue name"]) == ("demo_ring-short", "demo_ring")
    assert (log.texts["vehicle"], log.texts["vehicle name"], log.texts["vehicle type"]) == (
        "demo_gt3",
        "demo_gt3",
        "Car",
    )
    assert (log.texts["session"], log.texts["comment"]) == ("PRACTICE", "Tires: Slicks Medium (M)")
    assert log.venue_mm == 3_000_000
    assert read_ldx(path.with_suffix(".ldx")).details["Driver"] == "Zoë"


def test_every_channel_is_float32_at_one_rate_with_its_limits(path: Path) -> None:
    samples = list(samples_of(drive([5.0])))
    write(path, samples)
    log = decoded(path)
    for node, (lowest, highest) in zip(log.nodes, log.limits, strict=True):
        assert (node.kind, node.rate, node.shift, node.multiplier, node.scale, node.decimals) == (
            (7, 4),
            10,
            0,
            1,
            1,
            0,
        )
        assert len(node.samples) == len(samples)
        finite = [value for value in node.samples if np.isfinite(value)]
        assert (lowest, highest) == (round(min(finite)), round(max(finite))), node.name
    data = path.read_bytes()
    assert len(data) == 11336 + len(log.nodes) * (124 + 4 * len(samples))


def test_acti_channels_have_the_measured_signs_and_units(path: Path) -> None:
    values = {
        "world_position_x": 3.0, "world_position_y": 5.0, "world_position_z": 7.0, "gear": 4, "roll": 0.5,
        "pitch": 0.25, "angular_velocity_y": 0.5, "cg_height": 0.25, "current_time": 1500, "local_velocity_x": 2.0,
        "local_velocity_z": 40.0, "gas": 0.5, "acc_g_x": -1.5, "steer_angle": -0.25, "final_ff": 0.5,
    }  # fmt: skip
    write(path, samples_of(changed(drive([1.0]), 0.0, 9.0, **values)))
    channels = by_name(decoded(path))
    shown = {
        name: (channels[name].samples[0], channels[name].unit)
        for name in (
            "Car Coord X", "Car Coord Y", "Car Coord Z", "Gear", "Chassis Yaw Rate", "CG Height", "Lap Time",
            "Chassis Velocity X", "Chassis Velocity Y", "Throttle Pos", "CG Accel Lateral", "Steering Angle",
            "AID Mech Damage", "Raw Data Sample Rate",
        )
    }  # fmt: skip
    assert shown == {
        "Car Coord X": (-3.0, "m"), "Car Coord Y": (7.0, "m"), "Car Coord Z": (5.0, "m"), "Gear": (3.0, ""),
        "Chassis Yaw Rate": (pytest.approx(-28.6479), "deg/s"), "CG Height": (250.0, "mm"), "Lap Time": (1.5, "s"),
        "Chassis Velocity X": (40.0, "m/s"), "Chassis Velocity Y": (-2.0, "m/s"), "Throttle Pos": (50.0, "%"),
        "CG Accel Lateral": (-1.5, "G"), "Steering Angle": (-25.0, "%"), "AID Mech Damage": (50.0, "%"),
        "Raw Data Sample Rate": (10.0, "Hz"),
    }  # fmt: skip
    assert channels["Chassis Roll Angle"].samples[0] == pytest.approx(-28.6479)
    assert channels["Chassis Pitch Angle"].samples[0] == pytest.approx(14.323945)


@pytest.mark.parametrize("names", NAMES)
def test_names_and_units_are_ascii_and_fit_and_differ(names: Names) -> None:
    channels = channels_for(Sample.NAMES, names)
    for channel in channels:
        assert channel.name.isascii()
        assert channel.unit.isascii()
        assert len(channel.name) <= 32
        assert len(channel.unit) <= 12
    assert {channel.field for channel in channels} == {
        field.name for field in Sample.FIELDS if field.dtype != "text" and field.group != "sample"
    }
    twice = {channel.name for channel in channels if [one.name for one in channels].count(channel.name) > 1}
    assert twice == ({"Steering Angle"} if names != "ours" else set())


@pytest.mark.parametrize("names", NAMES)
def test_every_written_channel_of_a_raw_field_is_found_again(names: Names) -> None:
    for channel in channels_for(Snapshot.NAMES, names):
        if channel.is_read:
            assert channel in find_meanings(channel.name, is_ours=True)


@pytest.mark.parametrize("names", NAMES)
def test_a_log_is_read_back_with_the_same_laps(path: Path, names: Names) -> None:
    samples = list(samples_of(drive(LAPS_S)))
    write(path, samples, names=names)
    back = list(find_recorded_laps(MotecRecording(path)))
    told = [(lap.number, lap.time_ms, lap.sectors_ms, lap.valid, lap.start, lap.end) for lap in back]
    assert told == [(lap.number, lap.time_ms, lap.sectors_ms, lap.valid, lap.start, lap.end) for lap in laps(samples)]


def test_with_our_names_every_value_comes_back_bit_for_bit(path: Path) -> None:
    samples = list(samples_of(changed(drive([3.0]), 1.0, 2.0, gas=0.1, wheel_load=(0.1, float("nan"), 1e9, -3.0))))
    write(path, samples, names="ours", fields=[*default_fields(), "packet_id", "tyre_contact_point"])
    recording = MotecRecording(path)
    block = next(iter(recording.blocks()))
    for field in Sample.FIELDS:
        if field.group in ("physics", "graphics") and field.name not in recording.missing_fields:
            expected = np.array([getattr(sample, field.name) for sample in samples])
            if field.dtype == "text":
                assert block.texts(field.name).values().tolist() == expected.tolist()
            else:
                dtype = np.int32 if field.dtype == "integer" else np.float32
                np.testing.assert_array_equal(block.array(field.name), expected.astype(dtype), err_msg=field.name)


def test_beacons_are_official_lap_times_apart(path: Path) -> None:
    write(path, samples_of(drive(LAPS_S)))
    beside = read_ldx(path.with_suffix(".ldx"))
    assert beside.beacons_s == (30.0, 61.2, 91.1)
    assert (beside.details["Total Laps"], beside.details["Fastest Lap"]) == ("4", "2")
    assert beside.details["Fastest Time"] == "0:29.900"


def test_known_lap_times_are_taken_where_the_samples_end_before_the_game_shows_them(path: Path) -> None:
    rows = drive(LAPS_S, end=91.15, time_late=0.5)
    with create(path, select(default_fields()), rate=10) as log:
        samples = list(samples_of(drive(LAPS_S, time_late=0.5)))
        log.add_laps(list(laps(samples)))
        for sample in samples_of(rows):
            log.write(sample)
    beside = read_ldx(path.with_suffix(".ldx"))
    assert beside.beacons_s == (30.0, 61.2, 91.1)


def with_a_gap() -> Iterable[Sample]:
    return (sample for sample in samples_of(drive([10.0])) if not 3.95 < sample.elapsed < 6.95)


def test_a_gap_ends_a_log_and_another_begins(path: Path) -> None:
    notes = write(path, with_a_gap())
    assert sorted(entry.name for entry in path.parent.iterdir()) == [
        "drive.ld",
        "drive.ldx",
        "drive_2.ld",
        "drive_2.ldx",
    ]
    first, second = by_name(decoded(path)), by_name(decoded(path.with_name("drive_2.ld")))
    assert len(first["Ground Speed"].samples) == 40
    assert second["Lap Time"].samples[0] == pytest.approx(7.0, abs=0.003)
    assert notes == ("A pause or gap ends a log, so it goes on in drive_2.ld; --gaps hold fills gaps instead.",)


def test_a_gap_is_filled_with_the_sample_before(path: Path) -> None:
    notes = write(path, with_a_gap(), gaps="hold")
    speed = by_name(decoded(path))["Ground Speed"].samples
    assert len(speed) == 115
    assert set(speed[39:70]) == {speed[39]}
    assert speed[70] != speed[39]
    assert notes == ("1 gap filled with the sample before.",)


def test_a_very_long_gap_is_never_filled(path: Path) -> None:
    rows = list(drive([1.0]))
    far = [{**row, "elapsed": row["elapsed"] + 3600.0} for row in rows]
    write(path, samples_of([*rows, *far]), gaps="hold")
    assert path.with_name("drive_2.ld").exists()


@pytest.mark.parametrize("gaps", ["split", "hold"])
def test_what_the_memory_does_not_hold_makes_the_same_log(
    path: Path, gaps: Gaps, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_memory = path.with_name("in_memory.ld")
    write(in_memory, with_a_gap(), gaps=gaps)
    monkeypatch.setattr(series, "MAX_BYTES_IN_MEMORY", 1000)
    monkeypatch.setattr(sink, "PENDING_ROWS", 16)
    write(path, with_a_gap(), gaps=gaps)
    assert path.read_bytes() == in_memory.read_bytes()
    assert path.with_suffix(".ldx").read_bytes() == in_memory.with_suffix(".ldx").read_bytes()
    assert {entry.suffix for entry in path.parent.iterdir()} == {".ld", ".ldx"}


def test_samples_that_are_not_equidistant_are_refused_and_nothing_is_written(path: Path) -> None:
    rows = [
        {**row, "elapsed": row["elapsed"] + (0.03 if number == 5 else 0.0)} for number, row in enumerate(drive([3.0]))
    ]
    with pytest.raises(SinkError) as caught:
        write(path, samples_of(rows))
    assert str(caught.value) == (
        f"{path}: the samples of a MoTeC log are equidistant, a whole number of them a second. Convert with --rate, "
        "like --rate 50."
    )
    assert list(path.parent.iterdir()) == []


def test_the_rate_is_that_of_the_samples_where_none_is_said(path: Path) -> None:
    write(path, samples_of(drive([2.0], rate=25.0)), rate=None)
    assert {node.rate for node in decoded(path).nodes} == {25}


def test_a_field_that_is_absent_throughout_has_no_channel(path: Path) -> None:
    write(path, samples_of(drive([2.0])), fields=["steer_degrees", "speed_kmh"], names="motec")
    assert list(by_name(decoded(path))) == ["Ground Speed"]


def test_an_integer_that_float32_does_not_hold_is_a_channel_of_integers(path: Path) -> None:
    rows = [{**row, "packet_id": 16_777_217 + number} for number, row in enumerate(drive([1.0]))]
    write(path, samples_of(rows), fields=["packet_id"], names="ours")
    (node,) = decoded(path).nodes
    assert node.kind == (5, 4)
    assert node.samples[:2] == (16_777_217, 16_777_218)


def test_the_channel_name_of_the_decoder_is_the_whole_field(path: Path) -> None:
    write(path, samples_of(drive([1.0])), fields=["session_time_left"])
    data = path.read_bytes()
    assert text(data, 11336 + 32, 32) == "Session Time Left"
    assert text(data, 11336 + 64, 8) == "Session"
