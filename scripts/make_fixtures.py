"""Makes everything in ``fixtures/`` again from the demo car: ``uv run scripts/make_fixtures.py``.

With the word ``unchanged`` only what users get today, which ``tests/test_unchanged.py`` compares; with names of its
files after it, only those.
"""

import json
import math
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

import telemetry
from ac_native_memory import PAGES
from telemetry.demo import DemoGame
from tests.unchanged import OBSERVATIONS, STORED

FIXTURES = Path(__file__).parent.parent / "fixtures"
PAGE_FILE_SIZE = 2048  # as the bridges of Proton make them
MOMENT = 20.0  # seconds into the drive


def make_pages() -> None:
    """Page files of one moment of the first lap."""
    game = DemoGame(seed=7)
    while game.steps * 0.003 < MOMENT:
        game.step()
    directory = FIXTURES / "pages"
    directory.mkdir(parents=True, exist_ok=True)
    for name, page in zip(PAGES, (game.physics_page(), game.graphics_page(), game.static_page()), strict=True):
        (directory / name).write_bytes(page.ljust(PAGE_FILE_SIZE, b"\0"))


def make_lap() -> None:
    """A recording of the first lap, ten samples a second."""
    with telemetry.open_source("demo", seed=7) as source:
        sink = telemetry.open_sink(FIXTURES / "lap.jsonl.zst", mode="overwrite")
        telemetry.record(source, sink, rate=10, laps=1, clock=telemetry.Clock(math.inf))


def make_unchanged(*names: str) -> None:
    """What users get, of which tests say that it stays so."""
    STORED.mkdir(exist_ok=True)
    for name in names or OBSERVATIONS:
        with tempfile.TemporaryDirectory() as folder:
            seen = OBSERVATIONS[name](Path(folder))
        (STORED / f"{name}.json").write_bytes(json.dumps(seen, indent=1).encode() + b"\n")


if __name__ == "__main__":
    if sys.argv[1:2] != ["unchanged"]:
        make_pages()
        make_lap()
    make_unchanged(*sys.argv[2:])
