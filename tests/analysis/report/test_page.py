"""The page of a report: it is one small file that asks for nothing, and its numbers are told where they are defined."""

import base64
import json
import re
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from telemetry.analysis.report.definitions import DEFINITIONS
from telemetry.base.text import format_lap_time
from tests import recorded
from tests.analysis.report.conftest import WrittenReport
from tests.conftest import REPOSITORY, main_in_process
from tests.pages import run_node_tests


def data_of(html: str) -> Any:
    """What the script of a page is given."""
    match = re.search(r'<script type="application/json" id="data">(.*?)</script>', html, re.DOTALL)
    assert match is not None
    return json.loads(match[1])


def test_the_page_is_small_and_asks_for_nothing(report: WrittenReport) -> None:
    html = report.html
    assert len(html) < 600_000
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    assert policy[1].startswith("default-src &#x27;none&#x27;; style-src &#x27;sha256-")
    assert "unsafe" not in policy[1]
    assert re.findall(r'<(?:link|img|iframe|object|embed)\b|\bsrc=|href="(?!#)|@import|url\(', html) == []


def test_every_number_has_a_definition_that_the_documentation_has_too(report: WrittenReport) -> None:
    linked = set(re.findall(r'href="#def-(\w+)"', report.html))
    told = set(re.findall(r'id="def-(\w+)"', report.html))
    assert linked <= told == set(DEFINITIONS)
    documentation = (REPOSITORY / "docs" / "analysis.md").read_text("utf-8")
    chapters = set(re.findall(r"^## (.*)$", documentation, re.MULTILINE))
    assert {one.chapter for one in DEFINITIONS.values()} <= chapters


def test_the_numbers_of_the_page_are_those_of_json(report: WrittenReport) -> None:
    html, values = report.html, report.values
    for lap in values["laps"]:
        if lap["time_ms"]:
            assert format_lap_time(lap["time_ms"]) in html
    lost = [corner["lost_s"]["mean"] for corner in values["corners"]]
    assert all(before >= after for before, after in pairwise(lost))
    for corner in values["corners"]:
        text = f"{corner['lost_s']['mean']:+.3f}".replace("-", "\N{MINUS SIGN}")
        assert f'<th scope="row" class="text">T{corner["number"]}</th><td>{text}' in html
    assert values["reference"] == next(lap["label"] for lap in values["laps"] if lap["best"])
    assert values["recordings"][0]["samples"] == 5983
    assert values["missing"]["dampers"].startswith("The laps were recorded at 19.6 Hz. Damper speeds need 150 Hz")
    assert f'<p class="missing">{values["missing"]["dampers"]}</p>' in html


def test_traces_hold_the_laps_on_one_grid_and_end_with_the_official_difference(report: WrittenReport) -> None:
    traces, laps = report.values["traces"], {lap["label"]: lap for lap in report.values["laps"]}
    best, *others = traces["laps"]
    assert best["label"] == report.values["reference"]
    assert set(best["delta_s"]) == {0.0}
    assert traces["places"][0] == 0.0
    assert np.diff(traces["places"]).max() <= 5.0
    for one in others:
        assert one["delta_s"][-1] == pytest.approx(laps[one["label"]]["gap_s"], abs=1e-9)
    data = data_of(report.html)
    decoded = np.frombuffer(base64.b64decode(data["laps"][1]["speed_kmh"]), "<f4")
    assert decoded.tolist() == pytest.approx(others[0]["speed_kmh"], rel=1e-6)


def test_hostile_names_are_shown_as_text(tmp_path: Path) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    samples = [
        one.replace(car_model=name, track=f"\u202e{name}", tyre_compound="<i>", track_configuration="\"'&")
        for one in recorded.drive(1, 2, 3, 4)
    ]
    drive = recorded.write(tmp_path / ("a.jsonl" if sys.platform == "win32" else "a<b>.jsonl"), samples)
    path = tmp_path / "report.html"
    result = main_in_process("report", drive, "-o", path, XDG_DATA_HOME=str(tmp_path), LOCALAPPDATA=str(tmp_path))
    assert result.returncode == 0, result.stderr
    html = path.read_text("utf-8")
    assert "<img" not in html
    assert "\u202e" not in html
    assert "&lt;/script&gt;&lt;img src=x onerror=alert(1)&gt;" in html
    assert html.count("</script>") == 3
    assert data_of(html)["laps"][0]["label"] == "2"


def test_no_folder_of_the_user_is_in_the_page(tmp_path: Path) -> None:
    drive, path = recorded.write(tmp_path / "a.jsonl", recorded.drive(1, 2, 3, 4)), tmp_path / "report.html"
    data = str(tmp_path / "data")
    result = main_in_process("report", drive, "-o", path, XDG_DATA_HOME=data, LOCALAPPDATA=data)
    assert result.returncode == 0, result.stderr
    html = path.read_text("utf-8")
    assert "of a.jsonl was recorded at 2 Hz" in html
    assert tmp_path.name not in html


@pytest.mark.skipif(sys.platform == "win32", reason="the modules are the same files on every system")
def test_the_modules_of_the_page_agree_with_python_in_node(report: WrittenReport, tmp_path: Path) -> None:
    best = report.values["traces"]["laps"][0]
    channels = {name: values for name, values in best.items() if name != "label"}
    vectors = {"page": data_of(report.html), "channels": channels}
    page, tests = "telemetry/analysis/report/page", "tests/analysis/report"
    assert run_node_tests(tmp_path, page, tests, vectors, "REPORT_VECTORS") == 5
