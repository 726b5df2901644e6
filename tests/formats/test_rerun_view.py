"""The example that lays a recording out in Rerun, as Rerun reads what it saves."""

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import telemetry
from tests.conftest import PATIENCE, REPOSITORY

pytestmark = pytest.mark.heavy

LAP = REPOSITORY / "fixtures" / "lap.jsonl.zst"


def test_every_sample_is_on_both_timelines_and_there_is_a_blueprint(tmp_path: Path) -> None:
    chunks = pytest.importorskip("rerun.chunk")
    saved = tmp_path / "lap.rrd"
    command = [sys.executable, str(REPOSITORY / "examples" / "rerun_view.py"), str(LAP), "--save", str(saved)]
    subprocess.run(command, check=True, timeout=PATIENCE, capture_output=True)
    with telemetry.open_source(str(LAP)) as source:
        samples = list(telemetry.samples(source, clock=telemetry.Clock(math.inf)))

    reader = chunks.RrdReader(saved)
    assert len(reader.blueprints()) == 1
    rows: dict[str, list[tuple[Any, Any]]] = {}
    for chunk in reader.stream():
        if sorted(chunk.timeline_names) == ["elapsed", "time of day"]:
            batch = chunk.to_record_batch()
            (column,) = (name for name in batch.schema.names if name.endswith((":scalars", ":positions")))
            times = [time.value for time in batch["elapsed"]]
            rows.setdefault(chunk.entity_path, []).extend(zip(times, batch[column].to_pylist(), strict=True))
    assert sorted(rows) == [
        "/gear/gear",
        "/map/car",
        "/pedals/brake",
        "/pedals/gas",
        "/speed/speed_kmh",
        "/steering/steer_angle",
    ]
    for entity, found in rows.items():
        field = entity.rpartition("/")[2]
        expected = [
            [[sample.world_position_x, sample.world_position_z]] if field == "car" else [float(getattr(sample, field))]
            for sample in samples
        ]
        found.sort(key=lambda row: row[0])
        assert [time for time, _ in found] == pytest.approx([1e9 * sample.elapsed for sample in samples], abs=1.0)
        width = np.float32 if field == "car" else np.float64  # Rerun's positions have 32 bits
        assert np.array_equal([values for _, values in found], np.array(expected, width))
