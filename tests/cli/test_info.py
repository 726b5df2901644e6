import json
import re
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

import telemetry
from telemetry.base.text import format_size
from telemetry.cli.info import info
from telemetry.cli.validate import validate
from telemetry.fields.snapshot import Snapshot
from tests.commands import run
from tests.conftest import READABLE
from tests.recorded import derived, drive, driven_by_ai, evening, recorded_lap

LAP = "fixtures/lap.jsonl.zst"
DEMO_BEST = {"car": "demo_gt3", "track": "demo_ring", "layout": "", "lap": 1, "run": 1, "time_ms": 83_811}


def write(path: Path, snapshots: Iterable[Snapshot]) -> Path:
    with telemetry.open_sink(path) as sink:
        for sample in derived(list(snapshots)):
            sink.write(sample)
    return path


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds with a gap and two cars, whose last line was cut."""
    rows = [one for one in recorded_lap()[:200] if not 50 <= one.sequence < 60]
    rows[100:] = [one.replace(car_model="ks_porsche_911_gt3_r_2016", gas=1.5) for one in rows[100:]]
    path = write(tmp_path_factory.mktemp("bad") / "bad.jsonl", rows)
    path.write_bytes(path.read_bytes()[:-10])
    return path


def test_info_says_when_the_clock_was_set(tmp_path: Path) -> None:
    ahead = {100: 28_800.0, 150: 25_200.0}
    rows = [
        one.replace(timestamp=one.timestamp + ahead.get(one.sequence // 50 * 50, 0.0)) for one in recorded_lap()[:200]
    ]
    result = run("info", write(tmp_path / "drive.jsonl", rows))
    (line,) = [line.strip() for line in result.stdout.splitlines() if line.strip().startswith("clock")]
    assert " ".join(line.split()) == (
        "clock the time of day steps forward by 8 h 00 min 00 s after 10.0 s, back by 1 h 00 min 00 s after 15.0 s"
    )
    assert run("validate", tmp_path / "drive.jsonl").returncode == 0


def test_info_says_what_a_recording_holds() -> None:
    result = run("info", LAP)
    assert (result.returncode, result.stderr) == (0, "")
    title, *lines = result.stdout.splitlines()
    assert title == f"{Path(LAP)}  JSON lines, zstd, 623.3 kB"
    facts = dict(line.strip().split(maxsplit=1) for line in lines if not line.startswith("   "))
    assert facts.pop("constant").startswith("45 fields: tyre_dirty_level, drs, tc, car_damage,")
    assert {label: text.strip() for label, text in facts.items()} == {
        "car": "demo_gt3",
        "track": "demo_ring",
        "session": "practice",
        "laps": "1 completed, 1 valid, best 1:23.811",
        "samples": "839 in 1 min 24 s at 10.00 Hz",
        "interval": "p50 100.00 ms   p99 100.00 ms   max 100.00 ms",
        "jitter": "p50 0.00 ms   p99 0.00 ms",
        "gaps": "none",
        "fields": "148 of 148",
    }


@pytest.mark.parametrize("columns", [80, 120])
def test_info_fits_its_terminal(bad: Path, columns: int) -> None:
    result = run("info", bad.name, cwd=bad.parent, FORCE_COLOR="1", COLUMNS=str(columns), TERM="xterm-256color")
    lines = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", result.stdout).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= columns
    text = " ".join(" ".join(lines).split())
    for part in (
        f"bad.jsonl JSON lines, {format_size(bad.stat().st_size)}, truncated car demo_gt3, ks_porsche_911_gt3_r_2016",
        "track demo_ring session practice",
        "laps none completed samples 189 in 19.8 s",
        "gaps 1, the longest 1.1 s; 10 samples missing; 0.53% of the intervals are above 1.5 periods",
        "beyond gas (1.5 to 1.5)",
    ):
        assert part in text


def test_programs_get_one_array_for_all_files(bad: Path) -> None:
    result = run("info", "--json", LAP, bad)
    first, second = json.loads(result.stdout)
    assert (first["file"], first["samples"], first["laps"]) == (
        str(Path(LAP)),
        839,
        {"counted": 1, "valid": 1, "ai_driven": 0, "best": [DEMO_BEST]},
    )
    assert (second["finished"], second["gaps"]["missing"], second["out_of_range"]["gas"]["highest"]) == (False, 10, 1.5)


def test_a_recording_of_two_cars_has_a_best_lap_of_each(tmp_path: Path) -> None:
    path = write(tmp_path / "evening.jsonl", evening())
    (report,) = json.loads(run("info", "--json", path).stdout)
    assert report["laps"]["best"] == [
        {"car": "formula", "track": "demo_ring", "layout": "", "lap": 2, "run": 1, "time_ms": 29_000},
        {"car": "road_car", "track": "spa", "layout": "short", "lap": 1, "run": 2, "time_ms": 31_000},
    ]
    lines = [line.strip() for line in run("info", path).stdout.splitlines()]
    assert lines[4:7] == [
        "laps        4 completed, 4 valid",
        "best 0:29.000: formula, demo_ring",
        "best 0:31.000: road_car, spa (short)",
    ]


def test_laps_of_the_ai_are_counted_and_none_of_them_is_the_best_unless_that_is_asked(tmp_path: Path) -> None:
    path = write(tmp_path / "ai.jsonl", driven_by_ai(drive(1, 2)[:64]))
    assert "laps        1 completed, 0 valid, 1 driven by the AI\n" in re.sub(" +\n", "\n", run("info", path).stdout)
    (report,) = json.loads(run("info", "--json", "--include-ai", path).stdout)
    laps = report["laps"]
    assert (laps["valid"], laps["ai_driven"], [best["time_ms"] for best in laps["best"]]) == (1, 1, [30_000])


def test_two_files_of_the_same_drive_are_told_and_both_described(tmp_path: Path) -> None:
    first, second = (write(tmp_path / name, recorded_lap()[:100]) for name in ("a.jsonl", "b.jsonl.gz"))
    result = run("info", "--json", first, second)
    assert result.stderr == f"ac-telemetry: {second}: {first} holds the same drive.\n"
    assert [report["samples"] for report in json.loads(result.stdout)] == [100, 100]


def test_validate_lets_a_good_recording_pass() -> None:
    result = run("validate", LAP)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.strip() == f"{Path(LAP)}  valid"


def test_validate_names_what_is_wrong_and_fails(bad: Path) -> None:
    result = run("validate", LAP, bad)
    assert result.returncode == 1
    lines = [" ".join(line.split()) for line in result.stdout.splitlines()]
    assert lines == [
        f"{Path(LAP)} valid",
        f"{bad} not valid",
        "error cut The file is truncated: the recording was not closed.",
        "warning several_cars The recording contains 2 cars: demo_gt3, ks_porsche_911_gt3_r_2016.",
        "warning no_lap No lap was completed.",
        "warning out_of_range Values outside the valid range: gas (1.5 to 1.5, 89 samples).",
    ]


def test_a_warning_is_an_error_when_it_is_to_be_strict(tmp_path: Path) -> None:
    path = write(tmp_path / "short.jsonl", recorded_lap()[100:200])
    assert run("validate", path).returncode == 0
    result = run("validate", "--strict", "--json", path)
    assert result.returncode == 1
    assert json.loads(result.stdout) == [
        {
            "file": str(path),
            "valid": False,
            "findings": [{"name": "no_lap", "severity": "error", "message": "No lap was completed."}],
        }
    ]


@pytest.mark.parametrize("command", [info, validate])
@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        ("none.jsonl", 2, "There is no recording none.jsonl."),
        ("demo", 2, "There is no recording demo."),
        ("notes.txt", 2, f"Unsupported file type: notes.txt. Supported: {READABLE}."),
        ("broken.jsonl", 1, "broken.jsonl, line 1: this is not JSON."),
        ("broken.mcap", 1, "broken.mcap"),
    ],
)
def test_bad_input_is_a_sentence_and_a_code(
    command: Callable[[list[Path]], None],
    name: str,
    code: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for broken in ("notes.txt", "broken.jsonl", "broken.mcap"):
        (tmp_path / broken).write_text("no recording\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(telemetry.TelemetryError) as caught:
        command([Path(name)])
    assert message in str(caught.value)
    assert caught.value.exit_code == code


def test_bad_input_ends_the_command_with_its_sentence(tmp_path: Path) -> None:
    result = run("validate", "none.mcap", cwd=tmp_path)
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "ac-telemetry: There is no recording none.mcap.\n"
