"""The report that tests of its page look at: that on three laps of the demo, the first one from the grid."""

import json
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.conftest import main_in_process
from tests.drives import record_long_drive


class WrittenReport(NamedTuple):
    """A page, and the values that the command printed with it."""

    path: Path
    values: Any

    @property
    def html(self) -> str:
        return self.path.read_text("utf-8")


@pytest.fixture(scope="package")
def report(tmp_path_factory: pytest.TempPathFactory) -> WrittenReport:
    folder = tmp_path_factory.mktemp("report")
    drive, path = record_long_drive(folder / "drive.mcap"), folder / "report.html"
    result = main_in_process("report", drive, "-o", path, "--json", XDG_DATA_HOME=str(folder), LOCALAPPDATA=str(folder))
    assert result.returncode == 0, result.stderr
    return WrittenReport(path, json.loads(result.stdout))
