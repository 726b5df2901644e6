"""A dataset of a table whose columns only a map names."""

from pathlib import Path

import numpy as np

import telemetry
from telemetry.fields.selection import select
from telemetry.rl.needed_fields import needed_fields
from telemetry.rl.spec import load_spec
from tests.conftest import main_in_process
from tests.recorded import derived, recorded_lap

TASK = """\
control_hz = 10
reward = { lap_time = 0, tyres_out = 0, wheel_lock = 0, slip = 0, damage = 0, wear = 0 }
observation = { fields = ["speed", "lap_phase"] }
end = { tyre_critical = false, bodywork_critical = false }
"""


def test_columns_are_named_by_a_map(tmp_path: Path) -> None:
    task = tmp_path / "task.toml"
    task.write_text(TASK, "utf-8")
    names = sorted(needed_fields(load_spec(task)) | {"elapsed"})
    samples = list(derived(recorded_lap()[150:250]))
    with telemetry.open_sink(tmp_path / "own.jsonl", columns=select(names)) as sink:
        for sample in samples:
            sink.write(sample)
    foreign, columns = tmp_path / "foreign.csv", tmp_path / "columns.toml"
    rows = [",".join(f"{getattr(sample, name)!r}" for name in names) for sample in samples]
    foreign.write_text("\n".join([",".join(f"c{at}" for at in range(len(names))), *rows]), "utf-8")
    columns.write_text("[columns]\n" + "".join(f'c{at} = "{name}"\n' for at, name in enumerate(names)), "utf-8")

    made = [tmp_path / "from_own", tmp_path / "from_foreign"]
    for recording, output in zip((tmp_path / "own.jsonl", foreign), made, strict=True):
        options = ("--spec", task, "--episode", "session", "--map", columns, "--quiet")
        done = main_in_process("dataset", "npz", recording, "-o", output, *options)
        assert done.returncode == 0, done.stderr
    with np.load(made[0] / "dataset.npz") as own, np.load(made[1] / "dataset.npz") as other:
        steps = len(other["rewards"])
        assert 98 <= steps <= len(own["rewards"]) == 99  # times of tables begin at 0, and are rounded to it
        for key in ("observations", "actions", "rewards", "next_observations"):
            assert np.allclose(own[key][:steps], other[key], atol=1e-4), key
    refused = main_in_process("dataset", "npz", foreign, "-o", tmp_path / "none")
    assert refused.returncode == 1
    assert "its first row names no field" in refused.stderr
