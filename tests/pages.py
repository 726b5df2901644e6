"""Pages in a real browser, Debian's Chromium driven by Playwright, and their modules in Node.js."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.conftest import REPOSITORY, real_time
from tests.waiting import PATIENCE

CHROMIUM: Final = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
in_chromium: Final = [
    real_time,
    pytest.mark.skipif(CHROMIUM is None, reason="the page's tests need a Chromium: apt-get install chromium"),
]
"""The marks of a module whose tests open a page."""

MONITOR: Final = {"width": 1280, "height": 720}
PHONE: Final = {"width": 390, "height": 844}


def open_browser() -> Iterator[Any]:
    """A Chromium, which is closed at the end; skips the test without Playwright."""
    playwright = pytest.importorskip("playwright.sync_api", reason="the page's tests need playwright, of the group dev")
    with playwright.sync_playwright() as driver:
        chromium = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def run_node_tests(folder: Path, page: str, tests: str, vectors: Any, variable: str) -> int:
    """Run the tests in a folder of the repository on the modules of a page, and return how many passed; all must.

    They find the vectors in the file that the environment names by ``variable``. Both are copied into ``folder``.
    """
    node = shutil.which("node")
    assert node, "The tests of a page's modules need Node.js 18 or later: apt-get install nodejs"
    (folder / "vectors.json").write_text(json.dumps(vectors), "utf-8")
    for copied in (page, tests):
        shutil.copytree(REPOSITORY / copied, folder / copied)
    (folder / "package.json").write_text('{"type": "module"}', "utf-8")  # else an older Node takes .js for CommonJS
    ended = subprocess.run(
        [node, "--test", *sorted(map(str, (folder / tests).glob("*.test.js")))],
        cwd=folder,
        env={**os.environ, variable: str(folder / "vectors.json")},
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=PATIENCE,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    passed = re.search(r"^# pass (\d+)$", ended.stdout, re.MULTILINE)
    assert passed, ended.stdout
    return int(passed[1])
