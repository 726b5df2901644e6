"""Lines that are read many at a time hold what each of them says, whichever fields are asked for."""

import math
from collections.abc import Collection
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import orjson
import pytest

from telemetry.base.clock import Clock
from telemetry.base.errors import SourceError
from telemetry.fields.blocks import Block
from telemetry.fields.derived import derive
from telemetry.fields.wire import LineEncoder, parse_snapshot_plain
from telemetry.formats.jsonl.lines import read_lines
from telemetry.formats.jsonl.recording import JsonlRecording
from tests.recorded import recorded_lap

LAP = recorded_lap()[:150]
ENCODER = LineEncoder()
LINES = [ENCODER.encode(derive(snapshot, None)) for snapshot in LAP]
VALUES: list[dict[str, Any]] = [orjson.loads(line) for line in LINES]
FIVE = ("elapsed", "gear", "speed_kmh", "tyre_wear", "track")


def write(path: Path, lines: Collection[bytes | dict[str, Any]]) -> Path:
    path.write_bytes(b"".join(line if isinstance(line, bytes) else orjson.dumps(line) + b"\n" for line in lines))
    return path


def line_by_line(path: Path) -> tuple[list[str], str]:
    """The snapshots of a file, each line on its own and key by key, and the sentence about the first that is none."""
    rows: list[str] = []
    try:
        for line in read_lines(path):
            try:
                rows.append(repr(parse_snapshot_plain(line.text)))
            except ValueError as error:
                if line.complete:
                    return rows, f"{path}, line {line.number}: {error}."
    except SourceError as error:
        return rows, str(error)
    return rows, ""


def in_columns(path: Path) -> tuple[list[str], str]:
    rows: list[str] = []
    try:
        for snapshot in JsonlRecording(path).snapshots():
            rows.append(repr(snapshot))  # noqa: PERF401 - what comes before an error counts
    except SourceError as error:
        return rows, str(error)
    return rows, ""


UNUSUAL: dict[str, Any] = {
    "null": {"speed_kmh": None, "tyre_wear": [1.0, None, 2, 3.5]},
    "whole numbers with a fraction of zero": {"gear": 3.0, "packet_id": 1e3, "sequence": -0.0},
    "integers where numbers are meant": {"speed_kmh": 7, "timestamp": 1_700_000_000},
    "another text": {"player_name": 'Zoë "\u0001" {', "track": ""},
    "an integer with a fraction": {"gear": 3.5},
    "an integer that no page can hold": {"packet_id": 2**31},
    "a sequence that no float can hold": {"sequence": 2**53 + 1},
    "a number that is a text": {"fuel": "full"},
    "a text that is a number": {"track": 1},
    "too few wheels": {"tyre_wear": [1.0, 2.0, 3.0]},
    "a truth": {"gear": True},
    "an alias beside its field": {"yaw": 9.5},
    "a key of a stranger": {"mood": {"gear": [1, 2]}},
}


@pytest.mark.parametrize("change", UNUSUAL.values(), ids=UNUSUAL)
@pytest.mark.parametrize("everywhere", [True, False])
def test_lines_read_together_are_those_read_one_by_one(
    tmp_path: Path, change: dict[str, Any], everywhere: bool
) -> None:
    changed = [{**values, **change} if everywhere or number == 77 else values for number, values in enumerate(VALUES)]
    path = write(tmp_path / "a.jsonl", changed)
    wanted, error = line_by_line(path)
    if not wanted:
        with pytest.raises(SourceError, match="line 1"):
            JsonlRecording(path)
        return
    assert in_columns(path) == (wanted, error)


@pytest.mark.parametrize("keys", [("rpms", "velocity", "yaw"), ("speed_kmh", "elapsed"), ("gear",)])
def test_lines_of_chosen_fields_under_any_of_their_names(tmp_path: Path, keys: tuple[str, ...]) -> None:
    values = {"rpms": 5000, "velocity": [1, 2.5, None], "yaw": 1.5, "speed_kmh": 100.1, "elapsed": 5.0, "gear": 4}
    path = write(tmp_path / "a.jsonl", [{key: values[key] for key in keys}] * 5)
    rows, error = in_columns(path)
    assert (rows, error) == line_by_line(path)
    assert len(rows) == 5


def test_a_line_with_other_keys_than_the_first_is_read_all_the_same(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [*VALUES[:70], {"rpms": 5, "heading": 1, "yaw": 2}, b'{"gear":1,"gear":2}\n'])
    rows, error = in_columns(path)
    assert (rows, error) == line_by_line(path)
    (block,) = JsonlRecording(path).blocks(fields=("gear", "heading", "rpm"))
    assert block.array("gear")[-2:].tolist() == [-1, 2]
    assert block.array("rpm")[70] == 5
    assert block.decimals("heading")[70] == 2.0


DAMAGED = [
    b"\xef\xbb\xbf" + LINES[0],
    b"\n \r\n",
    b"\0\0\0",
    LINES[0][:-1] + b" {}\n",
    LINES[0].replace(b'"gear"', b'"g\\u0065ar"'),
    LINES[0].replace(b'"track":"', b'"track":"\xff'),
    LINES[0].replace(b'"track":"', b'"track":"\\ud800'),
    LINES[0][:-2] + b',"mood":"\xff"}\n',
    b"[" * 5000 + b"\n",
]


@pytest.mark.parametrize("line", DAMAGED, ids=range(len(DAMAGED)))
def test_an_odd_line_is_read_or_refused_as_by_itself(tmp_path: Path, line: bytes) -> None:
    path = write(tmp_path / "a.jsonl", [*LINES[:70], line, *LINES[70:80]])
    assert in_columns(path) == line_by_line(path)


@pytest.mark.parametrize("seed", range(40))
def test_both_walks_of_a_damaged_file_give_the_same_and_the_same_error(tmp_path: Path, seed: int) -> None:
    data, random = bytearray(b"".join(LINES[:80])), Random(seed)
    for _ in range(random.randrange(1, 3)):
        at = random.randrange(len(data))
        match random.choice(["flip", "cut", "repeat", "insert"]):
            case "flip":
                data[at] ^= 1 << random.randrange(8)
            case "cut":
                del data[at : at + random.choice([1, 200, len(data)])]
            case "repeat":
                data[at:at] = data[at : at + random.randrange(1, 2000)]
            case _:
                data[at:at] = random.randbytes(random.randrange(1, 5))
    path = write(tmp_path / "a.jsonl", [bytes(data)])
    wanted, error = line_by_line(path)
    if wanted:
        assert in_columns(path) == (wanted, error)
    else:
        with pytest.raises(SourceError):
            JsonlRecording(path)


@pytest.fixture
def drive(tmp_path: Path) -> Path:
    return write(tmp_path / "drive.jsonl", LINES)


def column(blocks: Collection[Block], name: str) -> list[Any]:
    return [value for block in blocks for value in block.array(name).tolist()]


def test_a_block_of_chosen_fields_has_the_others_when_they_are_asked_for_all_the_same(drive: Path) -> None:
    source = JsonlRecording(drive)
    chosen, full = list(source.blocks(fields=FIVE)), list(source.blocks())
    for name in ("gear", "speed_kmh", "tyre_wear", "rpm", "tyre_contact_point", "packet_id"):
        assert column(chosen, name) == column(full, name)
    assert chosen[0].texts("car_model").values().tolist() == [snapshot.car_model for snapshot in LAP]
    assert list(map(repr, (chosen[0].snapshot(77), full[0].snapshot(77)))) == [repr(LAP[77].replace(sequence=77))] * 2


def test_numbers_are_those_of_the_game_and_of_the_line(drive: Path) -> None:
    (block,) = JsonlRecording(drive).blocks()
    assert block.array("speed_kmh").dtype == np.float32
    assert block.array("gear").dtype == np.int32
    assert block.array("elapsed").dtype == block.decimals("speed_kmh").dtype == np.float64
    assert block.decimals("tyre_wear").tolist() == [list(snapshot.tyre_wear) for snapshot in LAP]


@pytest.mark.parametrize("rate", [None, 5.0])
@pytest.mark.parametrize("without", [(), ("elapsed",), ("packet_id", "current_time"), ("completed_laps", "timestamp")])
def test_blocks_hold_the_readings_with_what_stands_in_for_missing_fields(
    tmp_path: Path, without: tuple[str, ...], rate: float | None
) -> None:
    kept = [{key: value for key, value in values.items() if key not in without} for values in VALUES]
    source = JsonlRecording(write(tmp_path / "a.jsonl", [*kept, *kept[:60]]), begin=0.5, end=4.0)
    readings = [reading.snapshot for reading in source.readings(Clock(math.inf), rate) if reading.snapshot]
    for fields in (None, FIVE):
        blocks = list(source.blocks(rate, fields))
        found = [block.snapshot(row) for block in blocks for row in range(len(block))]
        assert list(map(repr, found)) == [repr(row.replace(sequence=at)) for at, row in enumerate(readings)]
        assert column(blocks, "packet_id") == [row.packet_id for row in readings]
    assert len(readings) > 10


def test_what_is_wrong_in_a_field_that_nobody_asks_for_costs_nothing(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [*VALUES[:70], {**VALUES[70], "fuel": "full"}, *VALUES[71:80]])
    source = JsonlRecording(path)
    (block,) = source.blocks(fields=FIVE)
    assert len(block) == 80
    with pytest.raises(SourceError, match=r'line 71: fuel is "full", but it must be a number or null\.$'):
        block.array("fuel")
    with pytest.raises(SourceError, match="line 71"):
        block.snapshot(70)


def test_few_long_lines_make_a_block(tmp_path: Path) -> None:
    long = {**VALUES[0], "notes": "x" * 500_000}
    blocks = list(JsonlRecording(write(tmp_path / "a.jsonl", [long] * 80)).blocks(fields=FIVE))
    assert sum(map(len, blocks)) == 80
    assert len(blocks) > 1
