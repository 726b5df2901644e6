"""Products of a plan: what is made of its recordings, what is made again, and what is left alone."""

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from telemetry.base.clock import Clock
from telemetry.formats.motec.log import read_log
from telemetry.plans.manifest import FileRecord, Manifest
from telemetry.plans.plan import Plan, Run
from telemetry.sources.plan_products import ProductReports, make_products
from tests.conftest import main_in_process
from tests.recorded import LAP, drive, recorded_lap, write


class PlanFolder:
    """The folder of a plan whose one run has recordings, and what was said about it."""

    def __init__(self, path: Path, products: Sequence[str], *names: str) -> None:
        self.path = path
        self.products = tuple(products)
        self.said: list[str] = []
        self.failed: list[str] = []
        manifest = self.manifest()
        for name in names:
            size = write(path / name, list(recorded_lap()[:50])).stat().st_size
            manifest.runs[0].files[name] = FileRecord(file=name, finished=True, bytes=size)
        manifest.save()

    def manifest(self) -> Manifest:
        run = Run(name="one", laps=1, products=self.products)
        return Manifest(Plan(name="p", folder=self.path, template="{run}", suffix=".jsonl", runs=(run,)), self.path)

    def make(self, clock: Clock | None = None) -> bool:
        """What the next command makes."""
        self.said.clear()
        self.failed.clear()
        reports = ProductReports(self.said.append, self.failed.append)
        return make_products(self.manifest(), reports, clock or Clock(math.inf))

    def listed(self) -> list[dict[str, Any]]:
        """The products in the file of the manifest."""
        runs = json.loads((self.path / "manifest.json").read_bytes())["runs"]
        return [product for run in runs for entry in run["files"] for product in entry.get("products", [])]

    def size(self, name: str) -> int:
        return (self.path / name).stat().st_size

    def names(self) -> set[str]:
        return {path.name for path in self.path.iterdir()} - {"manifest.json"}


def entry(name: str, format_: str, size: int) -> dict[str, Any]:
    return {"file": name, "format": format_, "finished": True, "bytes": size}


def test_a_log_is_made_of_each_recording_and_listed_with_the_file_beside_it(tmp_path: Path) -> None:
    folder = PlanFolder(tmp_path, [".ld"], "a.jsonl", "b.jsonl")
    assert folder.make()
    assert folder.names() == {"a.jsonl", "a.ld", "a.ldx", "b.jsonl", "b.ld", "b.ldx"}
    assert folder.listed() == [entry(name, ".ld", folder.size(name)) for name in ("a.ld", "a.ldx", "b.ld", "b.ldx")]
    assert read_log(tmp_path / "a.ld").duration_s == pytest.approx(4.9, abs=0.03)
    assert folder.failed == []
    assert [sentence.rpartition(":")[0] for sentence in folder.said] == [
        f"Made {tmp_path / 'a.ld'}, {tmp_path / 'a.ldx'}",
        f"Made {tmp_path / 'b.ld'}, {tmp_path / 'b.ldx'}",
    ]


def test_what_was_made_is_not_made_again(tmp_path: Path) -> None:
    folder = PlanFolder(tmp_path, [".ld", ".csv"], "a.jsonl")
    assert folder.make()
    assert {product["format"] for product in folder.listed()} == {".ld", ".csv"}
    before = (tmp_path / "manifest.json").read_bytes()
    (tmp_path / "a.ldx").write_text("i2 changes it")
    assert folder.make()
    assert (folder.said, (tmp_path / "a.ldx").read_text()) == ([], "i2 changes it")
    assert (tmp_path / "manifest.json").read_bytes() == before


@pytest.mark.parametrize("deleted", ["a.ld", "a.ldx"])
def test_a_product_that_was_deleted_is_made_again(tmp_path: Path, deleted: str) -> None:
    folder = PlanFolder(tmp_path, [".ld"], "a.jsonl")
    folder.make()
    (tmp_path / deleted).unlink()
    assert folder.make()
    assert folder.listed() == [entry(name, ".ld", folder.size(name)) for name in ("a.ld", "a.ldx")]
    assert len(folder.said) == 1


def test_a_log_with_gaps_is_all_of_its_files(tmp_path: Path) -> None:
    folder = PlanFolder(tmp_path, [".ld"], "a.jsonl")
    laps = drive(1)
    later = [one.replace(elapsed=one.elapsed + 900.0, packet_id=one.packet_id + 300_000) for one in drive(2)]
    write_anew(tmp_path / "a.jsonl", [*laps, *later])
    assert folder.make()
    assert [product["file"] for product in folder.listed()] == ["a.ld", "a.ldx", "a_2.ld", "a_2.ldx"]


def write_anew(path: Path, snapshots: list[Any]) -> None:
    path.unlink()
    write(path, snapshots)


def test_a_product_that_a_kill_cut_off_is_made_by_the_next_command(tmp_path: Path) -> None:
    """The files beside get their names first; the kill came between the two."""
    folder = PlanFolder(tmp_path, [".ld"], "a.jsonl")
    folder.make()
    whole = folder.listed()
    (tmp_path / "a.ld").unlink()
    manifest = folder.manifest()
    record = manifest.runs[0].files["a.jsonl"]
    begun = replace(record.products[0], finished=False, bytes=0)
    manifest.runs[0].files["a.jsonl"] = replace(record, products=(begun,))
    manifest.save()
    assert folder.make()
    assert (folder.listed(), folder.failed) == (whole, [])


def test_a_file_that_the_plan_did_not_make_stays(tmp_path: Path) -> None:
    folder = PlanFolder(tmp_path, [".ld", ".csv"], "a.jsonl")
    (tmp_path / "a.ld").write_text("precious")
    assert folder.make()
    reason = "there is a file of that name, and not of this plan. Move it, and run the plan again."
    assert folder.failed == [f"{tmp_path / 'a.ld'} was not made: {reason}"]
    assert (tmp_path / "a.ld").read_text() == "precious"
    assert folder.listed() == [entry("a.csv", ".csv", folder.size("a.csv"))]


def test_a_file_beside_that_the_plan_did_not_make_stays(tmp_path: Path) -> None:
    folder = PlanFolder(tmp_path, [".ld"], "a.jsonl")
    (tmp_path / "a.ldx").write_text("precious")
    for _ in range(2):
        assert folder.make()
        assert len(folder.failed) == 1
        assert f"{tmp_path / 'a.ldx'} exists already" in folder.failed[0]
    assert (folder.listed(), folder.names()) == ([], {"a.jsonl", "a.ldx"})
    assert (tmp_path / "a.ldx").read_text() == "precious"


def test_a_recording_of_which_nothing_can_be_made_keeps_none_of_the_others_from_it(tmp_path: Path) -> None:
    folder = PlanFolder(tmp_path, [".ld"], "a.jsonl", "b.jsonl")
    write_anew(tmp_path / "a.jsonl", [one.replace(status=3) for one in recorded_lap()[:5]])
    assert folder.make()
    reason = f"{tmp_path / 'a.jsonl'} holds no sample to write; those of pauses need --include-paused."
    assert folder.failed == [f"{tmp_path / 'a.ld'} was not made: {reason}"]
    assert [product["file"] for product in folder.listed()] == ["b.ld", "b.ldx"]


def test_a_missing_extra_is_named_and_the_next_command_makes_the_product(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pyarrow")
    folder = PlanFolder(tmp_path, [".parquet"], "a.jsonl")
    with monkeypatch.context() as without:
        without.setitem(sys.modules, "pyarrow", None)
        assert folder.make()
    reason = "Parquet needs pyarrow, which is not installed. Get it with: uv sync --inexact --extra parquet."
    assert folder.failed == [f"{tmp_path / 'a.parquet'} was not made: {reason}"]
    assert folder.names() == {"a.jsonl"}
    assert folder.make()
    assert folder.listed() == [entry("a.parquet", ".parquet", folder.size("a.parquet"))]


def test_a_stopped_clock_leaves_the_rest_to_the_next_command(tmp_path: Path) -> None:
    folder = PlanFolder(tmp_path, [".ld"], "a.jsonl", "b.jsonl")
    clock = Clock(math.inf)
    manifest = folder.manifest()
    assert not make_products(manifest, ProductReports(lambda _: clock.stop(), folder.failed.append), clock)
    assert [product["file"] for product in folder.listed()] == ["a.ld", "a.ldx"]
    assert folder.make()
    assert folder.names() == {"a.jsonl", "a.ld", "a.ldx", "b.jsonl", "b.ld", "b.ldx"}


def test_a_recording_that_is_not_finished_has_no_product(tmp_path: Path) -> None:
    folder = PlanFolder(tmp_path, [".ld"], "a.jsonl")
    manifest = folder.manifest()
    manifest.runs[0].files["a.jsonl"] = FileRecord(file="a.jsonl")
    manifest.save()
    assert folder.make()
    assert folder.names() == {"a.jsonl"}


def test_the_command_makes_them_when_the_recording_has_ended(tmp_path: Path) -> None:
    plan = tmp_path / "plan.toml"
    plan.write_text("template = '{part}'\nproducts = ['ld']\n[[run]]\nname = 'one'\nlaps = 1\n")
    command = ("plan", "run", plan, "--source", LAP, "--speed", "max")
    first = main_in_process(*command)
    assert first.returncode == 0, first.stderr
    folder = tmp_path / "plan"
    assert f"Made {folder / '1.ld'}, {folder / '1.ldx'}: " in first.stderr
    assert {path.name for path in folder.glob("1*")} == {"1.mcap", "1.ld", "1.ldx"}
    (folder / "1.ld").unlink()
    again = main_in_process(*command, "--quiet")
    assert (again.returncode, again.stdout, again.stderr) == (0, "", "")
    assert read_log(folder / "1.ld").duration_s > 60.0
