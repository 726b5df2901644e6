import math
from collections.abc import Collection, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest

import telemetry
from telemetry.analysis.quality import (
    ESSENTIAL_FIELDS,
    ClockStep,
    QualityAnalyzer,
    QualityReport,
    analyze_recording,
    list_findings,
)
from telemetry.base.clock import Clock
from telemetry.base.typing import override
from telemetry.fields.blocks import Block, RowBlock
from telemetry.fields.columns import Columns
from telemetry.fields.derived import Sample, derive
from telemetry.fields.selection import select
from telemetry.fields.snapshot import Snapshot, encode
from telemetry.formats.mcap.sink import create
from telemetry.laps.detector import laps
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, Reading, Source, Step
from tests.conftest import snapshot_of
from tests.recorded import LAP, derived, recorded_lap


def steps(*packet_ids: int, seconds: float = 0.003, **values: Any) -> list[Snapshot]:
    """Snapshots of a car on its way, at these physics steps and as far apart in time."""
    first = snapshot_of(speed_kmh=100.0, **values)
    begin = packet_ids[0]
    return [
        first.replace(
            packet_id=packet_id,
            elapsed=(packet_id - begin) * seconds,
            timestamp=1.7e9 + (packet_id - begin) * seconds,
            current_time=(packet_id - begin) * 3,
            rpm=5000 + packet_id % 7,
        )
        for packet_id in packet_ids
    ]


def report_on(snapshots: list[Snapshot], absent: tuple[str, ...] = (), size: int = 70) -> QualityReport:
    quality = QualityAnalyzer(absent)
    for begin in range(0, len(snapshots), size):
        quality.add(RowBlock(snapshots[begin : begin + size]))
    found = list(laps(derived(snapshots), missing=frozenset(absent)))
    return quality.report(found, file="a.jsonl", file_format="JSON lines", format_version=None, size=1, finished=True)


def report_on_file(path: Path) -> QualityReport:
    with telemetry.open_source(path) as source:
        return analyze_recording(source, path).report


def errors(report: QualityReport, **options: float) -> list[str]:
    return [finding.name for finding in list_findings(report, **options) if finding.severity == "error"]


def warnings(report: QualityReport) -> list[str]:
    return [finding.name for finding in list_findings(report) if finding.severity == "warning"]


def test_the_report_on_the_recorded_lap_is_this() -> None:
    report = report_on_file(LAP)
    values = report.to_dict()
    constant = values.pop("constant_fields")
    assert {"drs", "tc", "status", "session", "air_temp"} < set(constant)
    assert not {"speed_kmh", "max_rpm", "car_model", "sequence"} & set(constant)
    assert values.pop("rate_hz") == pytest.approx(10.0)
    assert values.pop("span_s") == pytest.approx(83.8)
    assert values.pop("interval_max_ms") == pytest.approx(100.0)
    assert values.pop("size") == LAP.stat().st_size
    assert values == {
        "file": str(LAP),
        "format": "JSON lines, zstd",
        "format_version": None,
        "finished": True,
        "cars": ("demo_gt3",),
        "tracks": ("demo_ring",),
        "sessions": ("practice",),
        "laps": {
            "counted": 1,
            "valid": 1,
            "ai_driven": 0,
            "best": ({"car": "demo_gt3", "track": "demo_ring", "layout": "", "lap": 1, "run": 1, "time_ms": 83_811},),
        },
        "samples": 839,
        "full_rate": False,
        "interval_p50_ms": 100.0,
        "interval_p99_ms": 100.0,
        "jitter_p50_ms": 0.0,
        "jitter_p99_ms": 0.0,
        "gaps": {"count": 0, "missing": 0, "share": 0.0, "longest_s": 0.0},
        "pauses": 0,
        "paused_s": 0.0,
        "paused_share": 0.0,
        "torn": 0,
        "repaired": 0,
        "duplicates": 0,
        "restarts": 0,
        "time_backwards": 0,
        "clock_steps": (),
        "events": {},
        "missing_fields": (),
        "non_finite": {},
        "out_of_range": {},
        "top_speed_kmh": max(one.speed_kmh for one in recorded_lap()),
        "empty_fields": (),
    }
    assert list_findings(report) == ()
    assert orjson.loads(orjson.dumps(report.to_dict()))["laps"]["counted"] == 1


def test_steps_that_are_missing_are_counted_at_the_full_rate() -> None:
    ids = [*range(1000, 2000), *range(2004, 3000), *range(3001, 4000)]
    report = report_on(steps(*ids))
    assert report.full_rate
    assert (report.gaps.count, report.gaps.missing, report.gaps.longest_s) == (2, 5, 0.012)
    assert report.gaps.share == pytest.approx(5 / 2999)
    assert errors(report) == ["gaps"]
    assert errors(report, max_gap_share=0.01) == []
    assert list_findings(report)[0].message == "0.167% of the physics steps are missing (5 in 2 gaps; limit: 0.1%)."


def test_below_the_full_rate_late_samples_are_gaps() -> None:
    ids = [*range(0, 5000, 100), *range(5100, 9000, 100)]
    report = report_on(steps(*ids))
    assert not report.full_rate
    assert (report.gaps.count, report.gaps.missing, report.gaps.longest_s) == (1, 1, 0.6)
    assert report.gaps.share == pytest.approx(1 / 88)
    assert errors(report) == ["gaps"]
    assert list_findings(report)[0].message == (
        "1.1% of the intervals are longer than 1.5 sampling periods (longest: 0.6 s; limit: 1%)."
    )


def test_a_pause_is_no_gap() -> None:
    before, after = steps(*range(0, 1000, 10)), steps(*range(1000, 2000, 10))
    after = [one.replace(elapsed=one.elapsed + 3.0 + 30.0, timestamp=one.timestamp + 33.0) for one in after]
    report = report_on([*before, *after])  # a recording that left the pause out
    assert (report.pauses, report.gaps.count) == (1, 0)
    assert report.paused_s == pytest.approx(30.0)
    assert report.rate_hz == pytest.approx(33.333, abs=0.01)
    still = [before[-1].replace(elapsed=2.97 + tick / 10, status=3) for tick in range(1, 301)]
    report = report_on([*before, *still, *after])  # one that kept it
    assert (report.pauses, report.gaps.count, report.duplicates) == (1, 0, 0)
    assert report.paused_s == pytest.approx(30.03)
    assert report.paused_share == pytest.approx(30.03 / 35.97)


def test_duplicates_restarts_and_time_that_goes_back_are_counted() -> None:
    run = steps(10, 11, 11, 12)
    again = [one.replace(elapsed=one.elapsed + 0.1, timestamp=one.timestamp - 0.2) for one in steps(3, 4, 5)]
    report = report_on([*run, *again])
    assert (report.duplicates, report.restarts, report.time_backwards) == (1, 1, 1)
    assert errors(report) == ["time_backwards"]
    again = [one.replace(elapsed=one.elapsed - 0.1) for one in steps(12, 13, 14)]
    assert report_on([*run, *again]).time_backwards == 1


@pytest.mark.parametrize("seconds", [8 * 3600.0, -3600.0])
def test_a_clock_that_is_set_is_told_and_nothing_else_changes(seconds: float) -> None:
    rows = steps(*range(200))
    late = [one.replace(timestamp=one.timestamp + seconds) for one in rows[100:]]
    steady, stepped = report_on(rows), report_on([*rows[:100], *late])
    assert stepped.clock_steps == (ClockStep(at_s=0.3, seconds=seconds),)
    assert replace(stepped, clock_steps=()) == steady
    assert steady.time_backwards == 0
    assert list_findings(stepped) == list_findings(steady)


def test_a_clock_that_is_adjusted_slowly_is_no_step() -> None:
    rows = steps(*range(2000))
    adjusted = [one.replace(timestamp=one.timestamp + 0.1 * (one.elapsed - rows[0].elapsed)) for one in rows]
    assert report_on(adjusted).clock_steps == ()


def test_nan_and_infinite_values_are_counted_by_field() -> None:
    rows = steps(*range(100))
    rows[7] = rows[7].replace(fuel=math.nan, wheel_load=(1.0, math.inf, 3.0, 4.0))
    rows[50] = rows[50].replace(fuel=math.nan, gas=math.nan)
    rows[51] = rows[51].replace(tyre_contact_point=(*rows[51].tyre_contact_point[:3], (0.0, math.nan, 0.0)))
    report = report_on(rows)
    assert report.non_finite == {"fuel": 2, "wheel_load": 1, "gas": 1, "tyre_contact_point": 1}
    assert errors(report) == ["non_finite"]
    assert list_findings(report)[0].message == "NaN or infinite values: gas (1 sample)."


def test_values_outside_the_valid_range_are_a_warning() -> None:
    rows = steps(*range(100))
    for number, gas in ((4, 1.5), (9, -0.25), (20, 1.0)):
        rows[number] = rows[number].replace(gas=gas)
    rows[30] = rows[30].replace(gear=99)
    report = report_on(rows)
    strays = {name: (one.count, one.lowest, one.highest) for name, one in report.out_of_range.items()}
    assert strays == {"gas": (2, -0.25, 1.5), "gear": (1, 99, 99)}
    assert warnings(report) == ["no_lap", "out_of_range"]
    assert list_findings(report)[1].message == (
        "Values outside the valid range: gas (-0.25 to 1.5, 2 samples), gear (99 to 99, 1 sample)."
    )


@pytest.mark.parametrize(
    "values",
    [
        {"gear": 17, "fuel": 1_400.0},  # a truck in 16th
        {"rpm": -1_200, "acc_g_x": -1_150.0},  # into a wall
        {"rpm": 45_000, "speed_kmh": 1_240.0},  # a car with a jet engine
        {"wheel_slip": (1e6, 0.0, 9.7, 0.02), "final_ff": -4.2, "car_damage": (163.0, 0.0, 0.0, 0.0, 163.0)},
        {"brake_temp": (1_150.0, 1_150.0, 20.0, 20.0), "current_time": 90_000_000},
        {"session_time_left": math.inf},
        {"session_time_left": math.nan},  # infinity after its time in JSON lines
        {"position": -1, "session": -1},
    ],
)
def test_what_the_game_writes_of_odd_cars_and_sessions_is_no_finding(values: dict[str, Any]) -> None:
    rows = steps(*range(100))
    rows[30] = rows[30].replace(**values)
    report = report_on(rows)
    assert (report.out_of_range, report.non_finite) == ({}, {})
    assert (errors(report), warnings(report)) == ([], ["no_lap"])


def test_fields_that_never_changed_are_named_and_those_of_the_session_are_not() -> None:
    rows = steps(*range(50))
    report = report_on(rows)
    moved = {"packet_id", "current_time", "rpm"}
    assert set(report.constant_fields) == {
        field.name for field in Snapshot.FIELDS if field.group in ("physics", "graphics") and field.name not in moved
    }
    rows[-1] = rows[-1].replace(drs=1.0)
    assert "drs" not in report_on(rows).constant_fields
    assert report_on(rows[:1]).constant_fields == ()


def test_a_car_that_never_moved_and_several_of_them_are_found() -> None:
    rows = [one.replace(speed_kmh=0.3) for one in steps(*range(20))]
    assert errors(report_on(rows)) == ["never_moved"]
    rows = [*steps(*range(20)), *steps(*range(20, 40), car_model="other", track="spa", track_configuration="short")]
    report = report_on(rows)
    assert (report.cars, report.tracks) == (("demo_gt3", "other"), ("demo_ring", "spa (short)"))
    assert warnings(report) == ["several_cars", "several_tracks", "no_lap"]


def test_the_only_finding_without_samples_is_that_there_are_none() -> None:
    report = report_on([])
    assert (report.samples, report.span_s, report.rate_hz, report.top_speed_kmh) == (0, 0.0, None, None)
    assert errors(report) == ["no_samples"]


def test_fields_that_a_file_lacks_are_found_under_any_of_their_names(tmp_path: Path) -> None:
    path = tmp_path / "part.jsonl"
    with telemetry.open_sink(path, columns=select("timestamp,elapsed,wheelSlip,throttle,speed_kmh,velocity")) as sink:
        for sample in derived(recorded_lap()[:100]):
            sink.write(sample)
    report = report_on_file(path)
    held = {"timestamp", "elapsed", "sequence", "wheel_slip", "gas", "speed_kmh"}
    held |= {"velocity_x", "velocity_y", "velocity_z"}
    assert set(report.missing_fields) == set(Snapshot.NAMES) - held
    assert (report.non_finite, report.duplicates, report.sessions) == ({}, 0, ())
    assert set(report.constant_fields) <= held
    assert errors(report) == ["missing_fields"]


@pytest.mark.parametrize("name", ["a.jsonl", "a.jsonl.zst", "a.jsonl.gz", "a.mcap"])
def test_a_truncated_file_is_an_error(tmp_path: Path, name: str) -> None:
    from telemetry.cli.convert import convert

    path = tmp_path / name
    convert([LAP], path, quiet=True)
    assert report_on_file(path).finished
    path.write_bytes(path.read_bytes()[:-100])
    report = report_on_file(path)
    assert not report.finished
    assert errors(report)[0] == "cut"


def test_events_that_a_recording_of_pages_holds_are_counted(tmp_path: Path) -> None:
    path = tmp_path / "a.mcap"
    with create(path) as sink:
        for number, one in enumerate(steps(*range(100), *range(110, 400))):
            sink.write(Step(State.LIVE, encode(one), one.elapsed, 10 if number == 100 else 0, number == 5))
        sink.add_event(Event("marker", 1.7e9 + 1.0, {"note": "kerb"}))
    report = report_on_file(path)
    assert (report.format, report.full_rate, report.repaired, report.torn) == ("MCAP", True, 1, 0)
    assert report.events == {"state": 1, "repaired": 1, "gap": 1, "marker": 1}
    assert (report.gaps.count, report.gaps.missing) == (1, 10)


class TwoBlocks(Source):
    """A recording that is read as two blocks of ten samples."""

    name = "two blocks"

    @override
    def readings(self, clock: Clock, rate: float | None) -> Iterator[Reading]:
        raise NotImplementedError

    @override
    def blocks(self, rate: float | None = None, fields: Collection[str] | None = None) -> Iterator[Block]:
        rows = steps(*range(20))
        return iter([RowBlock(rows[:10]), RowBlock(rows[10:])])


def test_stopping_the_clock_ends_the_analysis() -> None:
    clock = Clock(math.inf)

    def stop(blocks: Iterable[Columns]) -> Iterator[Columns]:
        for columns in blocks:
            yield columns
            clock.stop()

    analysis = analyze_recording(TwoBlocks(), LAP, clock=clock, watch=stop)
    assert analysis.report.samples == analysis.fingerprint.samples == 10


def test_derived_fields_depend_on_essential_fields_only() -> None:
    names = set(Snapshot.NAMES) - set(ESSENTIAL_FIELDS) - {"timestamp", "elapsed", "sequence"}
    blank = {"integer": 77, "number": math.nan, "text": "?"}
    before: Sample | None = None
    for one in recorded_lap()[200:800:60]:
        sample = derive(one, before)
        changes: dict[str, Any] = {}
        for field in Snapshot.FIELDS:
            value: Any = blank[field.dtype]
            for length in reversed(field.shape):
                value = (value,) * length
            if field.name in names:
                changes[field.name] = value
        assert derive(one.replace(**changes), before)[len(Snapshot.FIELDS) :] == sample[len(Snapshot.FIELDS) :]
        before = sample
