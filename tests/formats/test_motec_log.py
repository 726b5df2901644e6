"""MoTeC logs of all kinds of writers, read, or refused with a sentence."""

import math
import struct
from pathlib import Path

import numpy as np
import pytest

from telemetry.base.errors import SourceError
from telemetry.formats.motec.log import read_log
from tests.formats.ld_bytes import Node, encode


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lap.ld"


@pytest.mark.parametrize(
    ("node", "values"),
    [
        (Node("f32", samples=(1.5, -2.25)), [1.5, -2.25]),
        (Node("f16", samples=(1.5, -2.25), kind=(7, 2)), [1.5, -2.25]),
        (Node("f64", samples=(0.1, 1e300), kind=(8, 8)), [0.1, 1e300]),
        (Node("i16", samples=(1223,), kind=(3, 2), multiplier=6, scale=10, decimals=-1), [7338.0]),
        (Node("i32", samples=(-70_000,), kind=(5, 4), scale=2, decimals=1, shift=3), [-3497.0]),
        (Node("i32 too", samples=(70_000,), kind=(3, 4)), [70_000.0]),
        (Node("beacon", samples=(0xC001,), kind=(0, 2)), [49153.0]),
        (Node("f32 scaled", samples=(4.0,), multiplier=2, decimals=1, shift=1), [2.8]),
    ],
    ids=lambda value: value.name if isinstance(value, Node) else "",
)
def test_samples_of_every_type_are_scaled_as_their_channel_says(path: Path, node: Node, values: list[float]) -> None:
    path.write_bytes(encode([node]))
    (channel,) = read_log(path).channels
    assert channel.values().tolist() == pytest.approx(values, rel=1e-15)


def test_a_channel_has_its_name_unit_and_rate(path: Path) -> None:
    name = "a name of exactly 32 characters!"
    path.write_bytes(encode([Node(name, "km/h", 21, (1.0,), id=124)]))
    (channel,) = read_log(path).channels
    assert (channel.name, channel.short_name, channel.unit) == (name, "a name", "km/h")
    assert (channel.rate_hz, channel.count, channel.id) == (21, 1, 124)


def test_a_unit_in_the_place_of_the_short_name_is_found(path: Path) -> None:
    path.write_bytes(encode([Node("Throttle Position", "%", samples=(1.0,))], node_kind=2))
    (channel,) = read_log(path).channels
    assert (channel.short_name, channel.unit) == ("", "%")


def test_nodes_of_116_bytes_and_a_log_without_blocks_are_read(path: Path) -> None:
    nodes = [Node("one", samples=(1.0, 2.0)), Node("two", rate=5, samples=(3.0,))]
    path.write_bytes(encode(nodes, blocks=False, node_size=116))
    log = read_log(path)
    assert [channel.values().tolist() for channel in log.channels] == [[1.0, 2.0], [3.0]]
    assert log.duration_s == 0.2


def test_what_a_log_says_of_itself_is_read_in_any_encoding(path: Path) -> None:
    path.write_bytes(encode([Node("Temp", "°C", samples=(1.0,))], {"driver": "Zoë", "venue": "spa", "session": "Race"}))
    log = read_log(path)
    assert log.about == {"driver": "Zoë", "venue": "spa", "event_session": "Race"}
    assert log.venue_length_m == 2160.0
    assert log.channels[0].unit == "°C"


def test_nan_stays_nan(path: Path) -> None:
    path.write_bytes(encode([Node("x", samples=(1.0, math.nan, 2.0))]))
    assert np.isnan(read_log(path).channels[0].values()).tolist() == [False, True, False]


def test_some_samples_are_read_alone(path: Path) -> None:
    path.write_bytes(encode([Node("x", samples=tuple(range(100)))]))
    (channel,) = read_log(path).channels
    assert channel.values(98, 200).tolist() == [98.0, 99.0]


def test_a_channel_that_means_nothing_is_named_and_the_others_are_read(path: Path) -> None:
    nodes = [Node("good", samples=(1.0,)), Node("no rate", rate=0, samples=(1.0,)), Node("no scale", scale=0)]
    nodes.append(Node("tiny", decimals=-31))
    data = bytearray(encode([*nodes, Node("odd", samples=(1.0,))]))
    struct.pack_into("<H", data, data.index(b"odd") - 32 + 18, 9)
    path.write_bytes(data)
    log = read_log(path)
    assert [channel.name for channel in log.channels] == ["good"]
    assert log.unreadable == (
        "no rate (its rate is 0 Hz)", "no scale (its scale is 0)", "tiny (it has -31 decimal places)",
        "odd (samples of kind 9 with 4 bytes are not known)",
    )  # fmt: skip


def damaged(path: Path, at: int, value: int) -> str:
    data = bytearray(encode([Node("one", samples=(1.0, 2.0)), Node("two", samples=(3.0,))]))
    struct.pack_into("<I", data, at, value)
    path.write_bytes(data)
    with pytest.raises(SourceError) as caught:
        read_log(path)
    return str(caught.value)


FIRST_NODE = 1762 + 1154 + 1100 + 260


@pytest.mark.parametrize(
    ("at", "value", "sentence"),
    [
        (36, 9_999_999, "its event is said to be at byte 9,999,999, and it has 4,536 bytes."),
        (8, 4_500, "a channel is said to be at byte 4,500, and it has 4,536 bytes."),
        (FIRST_NODE + 4, FIRST_NODE, f"its list of channels leads back to byte {FIRST_NODE:,}."),
        (
            FIRST_NODE + 12,
            2**32 - 1,
            "the samples of 'one' are said to end at byte 17,179,873,704, and it has 4,536 bytes.",
        ),
    ],
    ids=["event", "channel", "loop", "count"],
)
def test_damage_is_a_sentence_with_its_place(path: Path, at: int, value: int, sentence: str) -> None:
    assert damaged(path, at, value) == f"{path} is damaged or truncated: {sentence}"


def test_another_file_is_no_log(path: Path) -> None:
    path.write_bytes(b"PAR1" + bytes(3000))
    with pytest.raises(SourceError, match=r"is not a MoTeC log: it does not begin like one\.$"):
        read_log(path)
