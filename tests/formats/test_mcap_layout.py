import ctypes
import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ac_native_memory import PAGES
from telemetry.fields.snapshot import Snapshot
from telemetry.formats.mcap.layout import nanoseconds, page_schema, seconds
from tests.conftest import PATIENCE, REPOSITORY


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
