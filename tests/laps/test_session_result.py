import json
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import pytest

from telemetry.base.errors import SourceError
from telemetry.laps.session_result import ResultLap, read_session_result

GAME = {
    "track": "spa-short",
    "number_of_sessions": 2,
    "players": [
        {"name": "A. Driver", "car": "gt3", "skin": "red"},
        {"name": "B. Driver", "car": "gt4", "skin": "blue"},
    ],
    "sessions": [
        {},
        {
            "name": "Practice",
            "type": 1,
            "laps": [
                {"lap": 0, "car": 1, "sectors": [40000, 50000], "time": 90000, "cuts": 0, "tyre": "M"},
                {"lap": 0, "car": 0, "sectors": [41000, 51000], "time": -1, "cuts": 1, "tyre": "S"},
                {"lap": 1, "car": 0, "sectors": [], "time": 91000},
            ],
            "bestLaps": [{"car": 0, "time": 4344271, "lap": 1}],
        },
        {"name": "Race", "type": 3, "laps": [], "raceResult": [1, -1]},
    ],
    "extras": [{}, {"name": "bestlap", "time": 0}],
}
SERVER = {
    "TrackName": "spa",
    "TrackConfig": "short",
    "Type": "QUALIFY",
    "Cars": [],
    "Result": [],
    "Events": None,
    "Laps": [
        {"DriverName": "A", "CarId": 3, "CarModel": "gt3", "LapTime": 90000, "Sectors": [40000, 50000], "Cuts": 0},
        {"DriverName": "B", "CarId": 4, "CarModel": "gt3", "LapTime": 89000, "Sectors": [39000, 50000], "Cuts": 2},
        {"DriverName": "A", "CarId": 3, "CarModel": "gt3", "LapTime": 999999999, "Sectors": None, "Cuts": 0},
    ],
}


def written(folder: Path, document: Any) -> Path:
    path = folder / "race_out.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def test_the_games_result_has_the_laps_of_each_car_with_the_verdict(tmp_path: Path) -> None:
    result = read_session_result(written(tmp_path, GAME))
    assert result.track == "spa-short"
    first, second = result.drives
    assert (first.session, first.driver, first.car) == ("practice", "A. Driver", "gt3")
    assert first.laps == (ResultLap(1, None, (41000, 51000), 1, "S"), ResultLap(2, 91000, (), None, ""))
    assert [lap.is_cut for lap in first.laps] == [True, False]
    assert [lap.driven_ms for lap in first.laps] == [92000, 91000]
    assert (second.driver, second.laps) == ("B. Driver", (ResultLap(1, 90000, (40000, 50000), 0, "M"),))


def test_the_servers_result_has_them_too(tmp_path: Path) -> None:
    result = read_session_result(written(tmp_path, SERVER))
    assert result.track == "spa-short"
    assert [(drive.session, drive.driver, len(drive.laps)) for drive in result.drives] == [
        ("qualify", "A", 2),
        ("qualify", "B", 1),
    ]
    assert result.drives[1].laps[0].is_cut
    assert result.drives[0].laps[1] == ResultLap(2, None, (), 0, "")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "invalid JSON"),
        ("[]", "is no result of a session"),
        ('{"sessions": 3, "players": []}', "is no result of a session"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_no_result_is_a_sentence(tmp_path: Path, text: str, sentence: str) -> None:
    path = tmp_path / "race_out.json"
    path.write_text(text)
    with pytest.raises(SourceError, match=sentence):
        read_session_result(path)


def test_values_that_are_none_are_left_out(tmp_path: Path) -> None:
    rows = [
        {"lap": -5, "car": 0, "time": 1e300, "sectors": [1, "x"], "cuts": True, "tyre": 7},
        {"lap": 2**70, "car": 0, "time": 90000.0, "sectors": list(range(1, 1000))},
        {"car": 9, "time": 1},
        {"car": None},
        None,
    ]
    document = {"players": [{}], "sessions": [{"type": 1, "laps": rows}, {"laps": 7}, None], "track": 3}
    result = read_session_result(written(tmp_path, document))
    [drive] = result.drives
    assert drive.laps == (ResultLap(1, None, (), None, ""), ResultLap(2, 90000, tuple(range(1, 101)), None, ""))
    assert (result.track, drive.driver, drive.session) == ("", "", "practice")


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400, "1e400", "NaN", "-Infinity"])
def test_a_number_beyond_all_times_is_none(tmp_path: Path, number: str) -> None:
    path = tmp_path / "race_out.json"
    lap = f'{{"lap": {number}, "car": 0, "time": {number}, "sectors": [{number}], "cuts": {number}}}'
    path.write_text(f'{{"players": [{{}}], "sessions": [{{"type": {number}, "laps": [{lap}]}}]}}')
    [drive] = read_session_result(path).drives
    assert drive.laps == (ResultLap(1, None, (), None, ""),)


def test_a_damaged_result_is_data_or_a_sentence(tmp_path: Path) -> None:
    random = Random(16)
    whole = json.dumps(GAME).encode()
    path = tmp_path / "race_out.json"
    for _ in range(300):
        data = bytearray(whole[: random.randint(0, len(whole))] if random.random() < 0.3 else whole)
        for _ in range(random.randint(0, 4)):
            if data:
                data[random.randrange(len(data))] = random.choice(b'0{}[],:"-e\x00\xff n')
        path.write_bytes(data)
        with suppress(SourceError):
            result = read_session_result(path)
            assert sum(len(drive.laps) for drive in result.drives) <= 3
