import ctypes
import math
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mcap.reader import SeekingReader

from ac_native_memory import PAGES, Pages
from telemetry.demo import DemoGame
from telemetry.fields.snapshot import Snapshot, decode
from telemetry.formats.mcap.layout import nanoseconds, page_schema, seconds
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Step
from tests.conftest import PATIENCE, REPOSITORY, pages_of
from tests.formats.mcap_files import START, write


@pytest.mark.parametrize("name", PAGES)
def test_a_schema_covers_every_byte_of_its_page_at_the_offsets_of_the_structure(name: str) -> None:
    widths = {"int32": 4, "float32": 4, "uint16": 2, "uint8": 1}
    offsets, end = {}, 0
    for line in page_schema(f"/{name}").decode("ascii").splitlines():
        if not line.startswith("#"):
            kind, field = line.partition("#")[0].split()
            base, _, length = kind.partition("[")
            offsets[field] = end
            end += widths[base] * int(length.rstrip("]") or 1)
    assert end == ctypes.sizeof(PAGES[name])
    for declared in Snapshot.FIELDS:
        if declared.page == name:
            assert offsets.pop(declared.name) == declared.offset
    rest = {
        "acpmf_physics": {},
        "acpmf_graphics": {"padding_1": 242},
        "acpmf_static": {
            "padding_1": 398,
            "deprecated_1": 456,
            "deprecated_2": 460,
            "padding_2": 590,
            "padding_3": 670,
        },
    }
    assert offsets == rest[name]


def test_an_independent_decoder_reads_the_same_values(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = pytest.importorskip("mcap_ros1.decoder", reason="not among the packages of the Windows Python")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # it keeps what it makes there until the process ends
    game = DemoGame(seed=3)
    for _ in range(2000):
        game.step()
    odd = decode(Pages(game.physics_page(), game.graphics_page(), game.static_page(), START)).replace(
        wheel_slip=(math.nan, math.inf, -math.inf, 1e-40), tyre_compound="Semislicks \u00e9\U0001f3ce (SM)", gear=-1
    )
    first = pages_of(**{name: value for name, value in odd.to_dict().items() if name not in ("elapsed", "sequence")})
    surrogate = bytearray(first.static)
    surrogate[68:72] = b"\x00\xd8\x41\x00"  # half a character, and text after it
    pages = first._replace(static=bytes(surrogate))
    path = tmp_path / "drive.mcap"
    write(path, [Step(State.LIVE, pages)])

    seen: dict[str, Any] = {}
    with path.open("rb") as file:
        reader = SeekingReader(file, validate_crcs=True, decoder_factories=[decoder.DecoderFactory()])
        topics = [f"/{name}" for name in PAGES]
        for _, channel, _, message in reader.iter_decoded_messages(topics=topics):
            seen[channel.topic] = message
    ours = decode(pages).to_dict()
    for field in Snapshot.FIELDS:
        if field.page is None:
            continue
        theirs = getattr(seen[f"/{field.page}"], field.name)
        if field.dtype == "text":
            units = b"".join(unit.to_bytes(2, "little") for unit in theirs)
            assert units.decode("utf-16-le", "replace").split("\0")[0] == ours[field.name]
        else:
            assert _same(theirs, ours[field.name]), field.name


def _same(theirs: Any, value: Any) -> bool:
    if isinstance(value, tuple):
        return _flat32(theirs) == _flat32(value)
    return _flat32([theirs]) == _flat32([value])


def _flat32(value: Any) -> bytes:
    """Numbers as the 32 bits that the game wrote."""
    flat: list[float] = []
    for element in value:
        flat.extend(element if isinstance(element, tuple) else [element])
    return b"".join(
        element.to_bytes(4, "little", signed=True) if isinstance(element, int) else bytes(ctypes.c_float(element))
        for element in flat
    )


@settings(max_examples=200)
@given(st.floats(0, 1e10, exclude_max=True))
def test_a_time_survives_as_nanoseconds(timestamp: float) -> None:
    later = timestamp + 1.6e9 if timestamp < 1.6e9 else timestamp
    assert seconds(nanoseconds(later)) == later


def test_importing_the_format_does_not_import_its_library() -> None:
    code = "import sys, telemetry.formats.mcap; print(sorted(name for name in sys.modules if name.startswith('mcap')))"
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=REPOSITORY, timeout=PATIENCE, check=True
    )
    assert result.stdout == "[]\n"
