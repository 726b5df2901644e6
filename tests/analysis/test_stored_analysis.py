"""A closed recording holds its own analysis, which is taken for it as long as nothing has changed."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from mcap.reader import make_reader

import telemetry
from telemetry.analysis.quality import RecordingAnalysis, analyze_recording, recall_analysis, store_analysis
from telemetry.base.clock import Clock
from telemetry.base.errors import SinkError, SourceError
from telemetry.base.storage.lock import lock_file
from telemetry.base.version import ANALYSIS_VERSION
from telemetry.cli._shared.time_range import parse_time_range
from telemetry.fields.columns import Columns
from telemetry.fields.snapshot import encode
from telemetry.fields.thresholds import DEFAULTS, Thresholds
from telemetry.formats.mcap import FORMAT
from telemetry.formats.mcap.recovery import recover
from telemetry.formats.mcap.sink import create
from telemetry.recording import recorded_laps
from telemetry.recording.game_state import State
from telemetry.recording.interfaces import Event, Step
from telemetry.recording.recorded_laps import find_recorded_laps, laps_of_recording, recall_laps
from tests.recorded import driven_by_ai, recorded_lap

OTHER = Thresholds(tyres_out=2)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A lap as pages, in some chunks, with an event and values that are odd."""
    path = tmp_path_factory.mktemp("recorded") / "drive.mcap"
    rows = driven_by_ai(recorded_lap())
    rows[30] = rows[30].replace(gas=1.5, fuel=float("nan"))
    with create(path, metadata={"driver": "Anna"}) as sink:
        for number, row in enumerate(rows):
            sink.write(Step(State.LIVE, encode(row), row.elapsed, missing=number == 100))
            if number % 90 == 0:
                sink.flush()
        sink.add_event(Event("marker", rows[-1].timestamp, {"name": "here"}))
    return path.read_bytes()


@pytest.fixture
def drive(recorded: bytes, tmp_path: Path) -> Path:
    path = tmp_path / "drive.mcap"
    path.write_bytes(recorded)
    return path


@pytest.fixture
def closed(drive: Path) -> Path:
    assert store_analysis(drive)
    return drive


def recall(path: Path, **options: Any) -> RecordingAnalysis | None:
    with telemetry.open_source(path) as source:
        return recall_analysis(source, path, **options)


def read(path: Path, **options: Any) -> RecordingAnalysis:
    with telemetry.open_source(path) as source:
        return analyze_recording(source, path, **options)


@pytest.mark.parametrize("include_ai", [False, True])
def test_what_is_stored_is_what_reading_finds(closed: Path, *, include_ai: bool) -> None:
    found, wanted = recall(closed, include_ai=include_ai), read(closed, include_ai=include_ai)
    assert found is not None
    assert repr(found.report) == repr(wanted.report)
    assert repr(found.laps) == repr(wanted.laps)
    assert found.fingerprint == wanted.fingerprint
    assert found.report.laps.counted == 1
    assert found.report.laps.valid == include_ai


def test_the_recording_stays_what_it_was(drive: Path) -> None:
    before = read(drive)
    size = drive.stat().st_size
    assert store_analysis(drive)
    after = read(drive)
    assert replace(after.report, size=size) == before.report
    with telemetry.open_source(drive) as source:
        assert source.complete
        assert source.metadata["driver"] == "Anna"
        assert source.duration_s == pytest.approx(before.report.span_s)


def test_other_readers_see_an_attachment(closed: Path) -> None:
    with closed.open("rb") as file:
        reader = make_reader(file, validate_crcs=True)
        summary = reader.get_summary()
        assert summary is not None
        assert summary.statistics is not None
        assert summary.statistics.attachment_count == 1
        assert [one.name for one in reader.iter_attachments()] == ["ac_telemetry/summary.json.zst"]
        assert sum(1 for _ in reader.iter_messages()) == summary.statistics.message_count


def test_it_depends_on_the_thresholds_and_the_version(closed: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert recall(closed, thresholds=OTHER) is None
    assert recall(closed, thresholds=DEFAULTS) is not None
    monkeypatch.setattr(recorded_laps, "ANALYSIS_VERSION", ANALYSIS_VERSION + 1)
    assert recall(closed) is None
    monkeypatch.undo()
    monkeypatch.setattr(recorded_laps, "VERSION", "99.0")
    assert recall(closed) is None


def test_a_part_of_a_recording_has_no_summary(closed: Path) -> None:
    with telemetry.open_source(closed, begin=1.0) as source:
        assert recall_analysis(source, closed) is None


CHANGES: dict[str, Callable[[bytes], bytes]] = {
    "cut": lambda data: data[:-40],
    "appended": lambda data: data + data[-40:],
    "metadata": lambda data: data.replace(b"Anna", b"Emma"),
    "index": lambda data: data[:-1000] + bytes([data[-1000] ^ 1]) + data[-999:],
}


@pytest.mark.parametrize("change", CHANGES)
def test_it_is_not_taken_for_a_file_that_has_changed(closed: Path, change: str) -> None:
    data = closed.read_bytes()
    changed = CHANGES[change](data)
    assert changed != data
    closed.write_bytes(changed)
    assert recall(closed) is None
    assert read(closed).report.samples == len(recorded_lap())


@pytest.mark.parametrize("seed", range(20))
def test_damage_of_the_end_gives_the_truth_or_nothing(closed: Path, seed: int) -> None:
    random, data, wanted = Random(seed), bytearray(closed.read_bytes()), read(closed)
    for _ in range(random.randrange(1, 5)):
        data[-random.randrange(1, 9000)] = random.randrange(256)
    closed.write_bytes(data)
    try:
        found = recall(closed)
    except SourceError:
        return
    assert found is None or repr(found) == repr(wanted)


@pytest.mark.parametrize(
    "values",
    [None, [], {}, {"report": 1}, {"laps": [{}]}, {"fingerprint": {"seconds": "x"}}, {"fingerprint": {}}, {"odd": 1}],
)
def test_what_is_no_analysis_is_not_taken(drive: Path, values: Any) -> None:
    other = drive.with_name("other.mcap")
    other.write_bytes(drive.read_bytes())
    assert store_analysis(other)
    with telemetry.open_source(other) as source:
        whole = source.stored_summary()
    assert FORMAT.store_summary is not None
    assert FORMAT.store_summary(drive, {**whole, **values} if values else values)
    assert recall(drive) is None


def test_it_is_stored_once(closed: Path) -> None:
    data = closed.read_bytes()
    assert not store_analysis(closed)
    assert closed.read_bytes() == data


def test_nothing_is_stored_in_a_truncated_file_or_in_lines(drive: Path, tmp_path: Path) -> None:
    drive.write_bytes(drive.read_bytes()[:-100])
    lines = tmp_path / "a.jsonl"
    lines.write_text("{}\n", encoding="utf-8")
    for path in (drive, lines):
        data = path.read_bytes()
        assert not store_analysis(path)
        assert path.read_bytes() == data


def test_nothing_is_stored_when_the_clock_is_stopped(drive: Path) -> None:
    clock = Clock()
    clock.stop()
    data = drive.read_bytes()
    assert not store_analysis(drive, clock=clock)
    assert drive.read_bytes() == data


def test_a_file_that_is_being_recorded_gets_no_summary(tmp_path: Path) -> None:
    path = tmp_path / "live.mcap"
    with create(path) as sink:
        row = recorded_lap()[0]
        sink.write(Step(State.LIVE, encode(row), row.elapsed))
        sink.flush()
        assert FORMAT.store_summary is not None
        assert not FORMAT.store_summary(path, {})
    data = path.read_bytes()
    with path.open("rb+") as file:
        lock_file(file.fileno(), str(path))
        with pytest.raises(SinkError, match=r"live\.mcap"):
            store_analysis(path)
    assert path.read_bytes() == data


def test_recovery_leaves_the_old_one_out(closed: Path) -> None:
    data = bytearray(closed.read_bytes())
    data[len(data) // 3] ^= 0xFF
    closed.write_bytes(data)
    result = recover(closed)
    assert result.damage
    assert recall(result.path) is None
    assert store_analysis(result.path)
    found = recall(result.path)
    assert found is not None
    assert repr(found) == repr(read(result.path))


def test_the_laps_that_are_stored_are_those_that_would_be_found(closed: Path) -> None:
    def never(_: object) -> Iterator[Columns]:
        raise AssertionError("the samples were read")

    with telemetry.open_source(closed) as source:
        assert list(laps_of_recording(source, watch=never)) == list(find_recorded_laps(source))
        assert recall_laps(source, OTHER) is None
    with telemetry.open_source(closed, begin=1.0) as part:
        assert recall_laps(part) is None


def test_a_part_by_its_lap_is_the_same_with_a_summary(drive: Path) -> None:
    found = parse_time_range(str(drive), "lap:1", "lap:1")
    assert store_analysis(drive)
    assert parse_time_range(str(drive), "lap:1", "lap:1") == found
