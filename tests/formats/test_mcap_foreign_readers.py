"""A recording in the hands of readers that others wrote: every message and every field, in the versions pinned here."""

import ctypes
import json
import math
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from ac_native_memory import PAGES, Pages
from telemetry.demo import DemoGame
from telemetry.fields.snapshot import Snapshot, decode
from telemetry.formats.mcap.sink import create
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, Step
from tests.conftest import PATIENCE, pages_of
from tests.formats.mcap_files import EVENTS, START

NOT_ON_WINDOWS: Final = "not among the packages of the Windows Python"

READ_IN_NODE: Final = """
import { open } from "node:fs/promises";
import { McapIndexedReader } from "@mcap/core";
import { FileHandleReadable } from "@mcap/nodejs";
import { parse } from "@foxglove/rosmsg";
import { MessageReader } from "@foxglove/rosmsg2-serialization";
import { decompress } from "fzstd";

const zstd = (data, size) => decompress(data, new Uint8Array(Number(size)));
const readable = new FileHandleReadable(await open(process.argv[2]));
const reader = await McapIndexedReader.Initialize({ readable, decompressHandlers: { zstd } });
const definition = (channel) => new TextDecoder().decode(reader.schemasById.get(channel.schemaId).data);
const plain = (_, value) => (ArrayBuffer.isView(value) ? [...value]
  : typeof value === "number" && !Number.isFinite(value) ? String(value) : value);
let count = 0n;
for await (const message of reader.readMessages()) {
  const channel = reader.channelsById.get(message.channelId);
  const fields = new MessageReader(parse(definition(channel), { ros2: true })).readMessage(message.data);
  console.log(JSON.stringify([channel.topic, fields], plain));
  count += 1n;
}
if (count !== reader.statistics.messageCount) throw new Error(`${count} of ${reader.statistics.messageCount}`);
"""
PACKAGES: Final = (
    "@mcap/core@2.2.2",
    "@mcap/nodejs@1.0.2",
    "@foxglove/rosmsg@5.0.5",
    "@foxglove/rosmsg2-serialization@3.1.0",
    "fzstd@0.1.1",
)

Messages = list[tuple[str, dict[str, Any]]]


@pytest.fixture(scope="module")
def odd_pages() -> Pages:
    """Pages with values that a reader could get wrong: not finite, tiny, negative, and half a character in a text."""
    game = DemoGame(seed=3)
    for _ in range(2000):
        game.step()
    odd = decode(Pages(game.physics_page(), game.graphics_page(), game.static_page(), START)).replace(
        wheel_slip=(math.nan, math.inf, -math.inf, 1e-40), tyre_compound="Semislicks \u00e9\U0001f3ce (SM)", gear=-1
    )
    first = pages_of(**{name: value for name, value in odd.to_dict().items() if name not in ("elapsed", "sequence")})
    surrogate = bytearray(first.static)
    surrogate[68:72] = b"\x00\xd8\x41\x00"  # half a character, and text after it
    return first._replace(static=bytes(surrogate))


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, odd_pages: Pages) -> Path:
    """A recording of two steps with a gap between them, and a marker whose name has 1, 2 and 4 bytes a character."""
    path = tmp_path_factory.mktemp("foreign") / "drive.mcap"
    second = odd_pages._replace(physics=(77).to_bytes(4, "little") + odd_pages.physics[4:], timestamp=START + 0.5)
    with create(path) as sink:
        sink.write(Step(State.LIVE, odd_pages))
        sink.add_event(Event("marker", START + 0.25, {"name": "a\u00e9\U0001f3ce"}, 0.25))
        sink.write(Step(State.LIVE, second, 0.5, missing=2))
    return path


def check(messages: Messages, pages: Pages) -> None:
    """Every message is there, in the order of the file, and every field has the very bits that the game wrote."""
    physics, graphics, static = (f"/{name}" for name in PAGES)
    assert [topic for topic, _ in messages] == [static, graphics, EVENTS, physics, EVENTS, EVENTS, physics]
    first = decode(pages).to_dict()
    for topic, fields in messages:
        if topic == EVENTS:
            continue
        ours = first | ({"packet_id": 77} if fields is messages[-1][1] else {})
        for field in Snapshot.FIELDS:
            if f"/{field.page}" == topic:
                theirs = flat(fields[field.name])
                if field.dtype == "text":
                    units = b"".join(unit.to_bytes(2, "little") for unit in theirs)
                    assert units.decode("utf-16-le", "replace").split("\0")[0] == ours[field.name]
                else:
                    c_type = ctypes.c_int32 if field.dtype == "integer" else ctypes.c_float
                    expected = [bytes(c_type(value)) for value in flat(ours[field.name])]
                    assert [bytes(c_type(value)) for value in theirs] == expected, field.name
    events = [fields for topic, fields in messages if topic == EVENTS]
    assert [(event["timestamp"], event["elapsed"], event["kind"]) for event in events] == [
        (START, 0.0, "state"),
        (START + 0.25, 0.25, "marker"),
        (START + 0.5, 0.5, "gap"),
    ]
    assert [json.loads(event["values_json"]) for event in events] == [
        {"state": "live"},
        {"name": "a\u00e9\U0001f3ce"},
        {"steps": 2, "after_packet_id": decode(pages).packet_id, "before_packet_id": 77},
    ]


def flat(value: Any) -> list[Any]:
    """Numbers in one list, whatever a reader has put them in; JavaScript writes those that are not finite as texts."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [number for part in value for number in flat(part)]
    return [float(value) if isinstance(value, str) else value]


def test_mcap_ros2_support_reads_every_field(path: Path, odd_pages: Pages) -> None:
    decoder = pytest.importorskip("mcap_ros2.decoder", reason=NOT_ON_WINDOWS)
    from mcap.reader import make_reader

    with path.open("rb") as file:
        reader = make_reader(file, validate_crcs=True, decoder_factories=[decoder.DecoderFactory()])
        messages = [
            (channel.topic, {name: getattr(message, name) for name in message.__slots__})
            for _, channel, _, message in reader.iter_decoded_messages()
        ]
    check(messages, odd_pages)


def test_rosbags_reads_every_field(path: Path, odd_pages: Pages) -> None:
    highlevel = pytest.importorskip("rosbags.highlevel", reason=NOT_ON_WINDOWS)
    with highlevel.AnyReader([path]) as reader:
        types = {connection.topic: connection.msgtype for connection in reader.connections}
        messages = [
            (connection.topic, vars(reader.deserialize(data, connection.msgtype)))
            for connection, _, data in reader.messages()
        ]
    assert types == {
        "/acpmf_static": "assetto_corsa/msg/Static",
        "/acpmf_graphics": "assetto_corsa/msg/Graphics",
        "/acpmf_physics": "assetto_corsa/msg/Physics",
        EVENTS: "assetto_corsa/msg/Event",
    }
    check(messages, odd_pages)


@pytest.mark.heavy
def test_rerun_has_a_typed_column_of_every_field(path: Path, odd_pages: Pages) -> None:
    chunks = pytest.importorskip("rerun.chunk")
    rows = sorted(
        (row for chunk in chunks.McapReader(path).stream() for row in rerun_rows(chunk)), key=lambda row: row[0]
    )
    # Of one time Rerun has no order among topics; ours is that of the file.
    order = {f"/{name}": place for place, name in enumerate(("acpmf_static", "acpmf_graphics", "", "acpmf_physics"))}
    times = sorted({time for time, _, _ in rows})
    assert len(times) == 2
    rows.sort(key=lambda row: (row[0], order.get(row[1], 2)))
    messages = [(topic, fields) for _, topic, fields in rows]
    marker = next(message for message in messages if message[1].get("kind") == "marker")
    messages.remove(marker)
    messages.insert(4, marker)  # it has the log time of the step before it
    check(messages, odd_pages)


def rerun_rows(chunk: Any) -> Iterator[tuple[int, str, dict[str, Any]]]:
    """The log time [ns], the topic and the fields of the messages in a chunk of Rerun's; types are checked."""
    import pyarrow as pa

    batch = chunk.to_record_batch()
    for name in batch.schema.names:
        if name.startswith("assetto_corsa.msg.") and name.endswith(":message"):
            struct = batch.schema.field(name).type.value_type
            assert not [one.name for one in struct if "uint8" in str(one.type) and "padding" not in one.name]
            times = batch["message_log_time"].cast(pa.int64()).to_pylist()
            for time, values in zip(times, batch[name].to_pylist(), strict=True):
                yield time, chunk.entity_path, values[0]


@pytest.mark.heavy
def test_foxgloves_parser_reads_every_field_in_node(path: Path, odd_pages: Pages, tmp_path: Path) -> None:
    npm, node = shutil.which("npm"), shutil.which("node")
    assert npm, "This test needs Node.js with npm"
    assert node
    (tmp_path / "package.json").write_text("{}")
    install = ["install", "--silent", "--no-audit", "--no-fund", "--cache", str(tmp_path / "cache"), *PACKAGES]
    subprocess.run([npm, *install], cwd=tmp_path, check=True, timeout=PATIENCE)
    script = tmp_path / "read.mjs"
    script.write_text(READ_IN_NODE)
    result = subprocess.run([node, script, path], capture_output=True, text=True, check=True, timeout=PATIENCE)
    check([(topic, fields) for topic, fields in map(json.loads, result.stdout.splitlines())], odd_pages)
