"""Datasets of files that hold some fields: one that a dataset needs and the file lacks is named, and never 0."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

import telemetry
from telemetry.base.errors import UsageError
from telemetry.fields.held import raw_fields_of
from telemetry.fields.selection import select
from telemetry.fields.snapshot import Snapshot
from telemetry.rl.acgym.columns import NEEDED_FIELDS
from telemetry.rl.datasets.build import BuildRequest, BuildResult, build_dataset
from telemetry.rl.datasets.exporter import RecordingResult
from telemetry.rl.env import DriveEnv
from telemetry.rl.features import COMPUTED_FEATURES, FEATURES
from telemetry.rl.needed_fields import describe_lacking, needed_fields
from telemetry.rl.reward import TERMS, Reward
from telemetry.rl.spec import End, Observation, Spec
from tests.recorded import derived, recorded_lap
from tests.rl.test_dataset_formats import need_minari

FORMATS = ("npz", "minari", "parquet", "lerobot", "assetto_corsa_gym")


def write_without(path: Path, *missing: str) -> Path:
    """Twelve seconds of the recorded lap, without these fields."""
    columns = select([name for name in Snapshot.NAMES if name not in missing])
    with telemetry.open_sink(path, columns=columns) as sink:
        for sample in derived(recorded_lap()[:120]):
            sink.write(sample)
    return path


def build(kind: Any, output: Path, *recordings: Path, **options: Any) -> tuple[BuildResult, list[RecordingResult]]:
    results: list[RecordingResult] = []
    request = BuildRequest(format=kind, recordings=recordings, output=output, **options)
    built = build_dataset(request, telemetry.Clock(math.inf), done=results.append)
    assert isinstance(built, BuildResult)
    return built, results


@pytest.mark.parametrize("kind", FORMATS)
def test_a_recording_without_a_needed_field_is_refused_with_its_name(kind: str, tmp_path: Path) -> None:
    if kind == "minari":
        need_minari()
    pytest.importorskip("pyarrow", reason="there is no pyarrow for this Python")
    whole = write_without(tmp_path / "whole.jsonl")
    lacking = write_without(tmp_path / "lacking.jsonl", "gear", "number_of_tyres_out", "fuel")
    _, results = build(kind, tmp_path / "out", whole, lacking)
    assert [result.error for result in results] == [
        "",
        f"{lacking} was not converted: it does not hold gear, number_of_tyres_out, which this dataset needs.",
    ]


def test_a_field_that_is_not_needed_may_be_missing_and_has_no_column(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    path = write_without(tmp_path / "some.jsonl", "fuel", "turbo_boost")
    built, _ = build("parquet", tmp_path / "out", path)
    (table,) = (built.path / "data").iterdir()
    names = set(parquet.read_schema(table).names)
    assert not names & {"fuel", "turbo_boost"}
    assert {"gear", "gear_name", "is_lap_valid"} <= names


def test_no_environment_replays_a_recording_without_a_needed_field(tmp_path: Path) -> None:
    path = write_without(tmp_path / "some.jsonl", "gear")
    with pytest.raises(
        UsageError, match=rf"^replay:{re.escape(str(path))} does not hold gear, which the task needs\.$"
    ):
        DriveEnv(path)


def test_every_feature_and_term_says_what_it_is_made_of() -> None:
    for name, feature in FEATURES.items():
        needed = needed_fields(Spec(observation=Observation(fields=(feature,))))
        assert needed <= set(Snapshot.NAMES)
        if name not in COMPUTED_FEATURES:
            assert raw_fields_of([name]) <= needed
    for name, term in TERMS.items():
        assert term.reads, name
        assert raw_fields_of(term.reads) <= needed_fields(Spec(reward=Reward(**{name: 1.0})))
    assert set(NEEDED_FIELDS) <= set(Snapshot.NAMES)


def test_a_task_needs_only_what_it_uses() -> None:
    bare = Spec(
        observation=Observation(fields=(FEATURES["speed"],)),
        reward=Reward(**dict.fromkeys(TERMS, 0.0)),
        end=End(bodywork_critical=False, tyre_critical=False, backwards_metres=0.0, no_progress_seconds=0.0),
    )
    assert "speed_kmh" in needed_fields(bare)
    assert needed_fields(bare).isdisjoint({"tyre_wear", "car_damage", "wheel_slip", "track_spline_length", "track"})
    assert {"tyre_wear", "car_damage", "wheel_slip", "track_spline_length", "track"} <= needed_fields(Spec())


def test_many_missing_fields_are_counted() -> None:
    missing = frozenset(Snapshot.NAMES)
    assert describe_lacking(("gear", "gas"), missing) == "gas, gear"
    assert describe_lacking(("gear", "gas"), frozenset({"fuel"})) == ""
    assert describe_lacking(Snapshot.NAMES, missing).endswith(f" and {len(Snapshot.NAMES) - 10} more")
