"""MoTeC logs of others as recordings: fields by the table of channels, laps by what tells them."""

import math
import time
from pathlib import Path

import numpy as np
import pytest

from telemetry.base.errors import SourceError
from telemetry.fields.blocks import Array, Block
from telemetry.formats.motec.recording import OTHER_CHANNELS, MotecRecording
from telemetry.recording.recorded_laps import find_recorded_laps
from tests.formats.ld_bytes import Node, encode


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lap.ld"


def read(path: Path, *nodes: Node, **about: str) -> MotecRecording:
    path.write_bytes(encode(nodes, about))
    return MotecRecording(path)


def block_of(recording: MotecRecording) -> Block:
    return next(iter(recording.blocks()))


def column(recording: MotecRecording, name: str) -> Array:
    return block_of(recording).array(name)


def test_units_are_converted_to_those_of_the_field(path: Path) -> None:
    recording = read(
        path,
        Node("SPEED", "m/s", samples=(10.0,)),
        Node("Brake Temp FL", "F", samples=(212.0,)),
        Node("Tire Pressure RR", "bar", samples=(2.0,)),
        Node("G_LAT", "m/s2", samples=(9.80665,)),
        Node("throttle pos", "ratio", samples=(0.5,)),
    )
    assert column(recording, "speed_kmh").tolist() == [36.0]
    assert column(recording, "brake_temp")[0, 0] == pytest.approx(100.0)
    assert math.isnan(column(recording, "brake_temp")[0, 1])
    assert column(recording, "wheel_pressure")[0, 3] == pytest.approx(29.0075, rel=1e-5)
    assert column(recording, "acc_g_x")[0] == pytest.approx(1.0)
    assert column(recording, "gas").tolist() == [0.5]


def test_channels_that_are_no_field_keep_their_name_and_unit(path: Path) -> None:
    recording = read(
        path,
        Node("Ground Speed", "km/h", samples=(1.0,)),
        Node("Oil Pres", "kPa", samples=(1.0,)),
        Node("Engine RPM", "m", samples=(1.0,)),
        Node("Steering Angle", "deg", samples=(1.0,)),
        Node("Lap Distance", "m", samples=(1.0,)),
    )
    assert recording.metadata[OTHER_CHANNELS] == "Oil Pres [kPa], Engine RPM [m], Steering Angle [deg]"
    assert {"rpm", "steer_angle"} <= recording.missing_fields
    assert {channel.name: channel.values().tolist() for channel in recording.log.channels}["Oil Pres"] == [1.0]


def test_our_names_are_known_in_our_logs_alone(path: Path) -> None:
    nodes = [Node("gear", samples=(3.0,)), Node("Ground Speed", "km/h", samples=(1.0,))]
    assert column(read(path, *nodes), "gear").tolist() == [4]
    assert column(read(path, *nodes, event_comment="exported by ac-telemetry 0.1.0"), "gear").tolist() == [3]


def test_slower_channels_are_interpolated_or_held_at_the_rate_of_the_quickest(path: Path) -> None:
    recording = read(
        path,
        Node("Ground Speed", "km/h", 4, (0.0, 1.0, 2.0, 3.0, 4.0, 5.0)),
        Node("Fuel Level", "l", 2, (10.0, 8.0, 7.0)),
        Node("Gear", "", 1, (2.0, 3.0)),
        Node("Car Pos Norm", "", 2, (0.9, 0.1, 0.1)),
    )
    assert recording.duration_s == 1.5
    assert column(recording, "elapsed").tolist() == [0.0, 0.25, 0.5, 0.75, 1.0, 1.25]
    assert column(recording, "fuel").tolist() == [10.0, 9.0, 8.0, 7.5, 7.0, 7.0]
    assert column(recording, "gear").tolist() == [3, 3, 3, 3, 4, 4]
    assert column(recording, "normalized_position") % 1.0 == pytest.approx([0.9, 0.0, 0.1, 0.1, 0.1, 0.1], abs=1e-6)


def test_a_channel_that_ends_earlier_keeps_its_last_value(path: Path) -> None:
    recording = read(path, Node("Ground Speed", "km/h", 10, (1.0, 2.0, 3.0)), Node("Engine RPM", "rpm", 10, (900.0,)))
    assert column(recording, "rpm").tolist() == [900, 900, 900]


def test_nan_stays_nan_and_an_integer_is_0(path: Path) -> None:
    recording = read(
        path, Node("Ground Speed", "km/h", samples=(1.0, math.nan)), Node("Engine RPM", "rpm", samples=(math.nan, 1e30))
    )
    assert np.isnan(column(recording, "speed_kmh")).tolist() == [False, True]
    assert column(recording, "rpm").tolist() == [0, 2**31 - 1]


def test_a_signalling_nan_is_one_like_any_other(path: Path) -> None:
    data = encode([Node("Ground Speed", "m/s", samples=(1.0, 2.0))])
    path.write_bytes(data[:-4] + b"\x01\x00\xa0\x7f")
    assert np.isnan(column(MotecRecording(path), "speed_kmh")).tolist() == [False, True]


def test_car_track_driver_session_and_time_are_those_of_the_log(path: Path) -> None:
    about = {
        "driver": "A",
        "vehicle": "ks_abarth",
        "venue": "spa",
        "session": "Qualify",
        "comment": "Tires: Street (ST)",
    }
    recording = read(path, Node("Ground Speed", "km/h", samples=(1.0,)), date="05/07/2024", time="14:31", **about)
    snapshot = block_of(recording).snapshot(0)
    assert (snapshot.player_name, snapshot.car_model, snapshot.track) == ("A", "ks_abarth", "spa")
    assert (snapshot.tyre_compound, snapshot.session) == ("Street (ST)", 1)
    assert snapshot.track_spline_length == 2160.0
    assert time.localtime(snapshot.timestamp)[:5] == (2024, 7, 5, 14, 31)
    assert "timestamp" not in recording.missing_fields


def test_a_date_that_is_none_is_missing(path: Path) -> None:
    recording = read(path, Node("Ground Speed", "km/h", samples=(1.0,)), date="2024-07-05", time="14:31:00")
    assert {"timestamp", "session", "packet_id"} <= recording.missing_fields


SPEED = Node("Ground Speed", "km/h", 10, (100.0,) * 305)


def lap_times(recording: MotecRecording) -> list[tuple[int, int | None, str]]:
    return [(lap.number, lap.time_ms, lap.end) for lap in find_recorded_laps(recording)]


def test_laps_are_those_of_the_beacons_beside_the_log(path: Path) -> None:
    markers = "".join(f'<Marker Time="{seconds}e6"/>' for seconds in (0, 8.125, 20.25))
    path.with_suffix(".ldx").write_text(f'<LDXFile><MarkerGroup Name="Beacons">{markers}</MarkerGroup></LDXFile>')
    assert lap_times(read(path, SPEED)) == [(1, 8125, "line"), (2, 12125, "line"), (3, None, "recording")]


def test_laps_are_those_of_a_logger_s_beacon_channel(path: Path) -> None:
    def beacon(second: int, milliseconds: int, number: int) -> dict[int, int]:
        return {second: 0xC000, second + 1: 0x8001, second + 2: 0x4000 | milliseconds, second + 3: number + 1}

    marks = beacon(8, 125, 99) | beacon(14, 0, 55) | beacon(20, 250, 99)
    words = [0] * 30
    for second in range(1, 30):
        following = words[second - 1] if words[second - 1] < 0x4000 else 0
        words[second] = marks.get(second, following)
    beacons = Node("Beacon", "", 1, tuple(words), (0, 2), id=110)
    path.write_bytes(encode([SPEED, beacons], {}, beacon=99))
    assert lap_times(MotecRecording(path)) == [(1, 8125, "line"), (2, 12125, "line"), (3, None, "recording")]


def test_a_log_without_beacons_is_one_lap(path: Path) -> None:
    assert [number for number, _, _ in lap_times(read(path, SPEED))] == [1]


def test_a_broken_file_beside_the_log_is_named(path: Path) -> None:
    path.with_suffix(".ldx").write_text("<LDXFile>")
    with pytest.raises(SourceError, match=r"lap\.ldx, line 1: no element found\."):
        read(path, SPEED)


def test_a_log_without_a_known_channel_says_what_it_has(path: Path) -> None:
    with pytest.raises(SourceError) as caught:
        read(path, Node("Oil Pres", "kPa", samples=(1.0,)))
    assert str(caught.value) == (
        f"{path} holds no channel of a car's motion that is known here: Oil Pres [kPa]. The command 'fields --motec' "
        "lists the names and units that are."
    )
