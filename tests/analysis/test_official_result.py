from dataclasses import replace

import pytest

from telemetry.analysis.official_result import describe_judgement, describe_other_track, judge_laps
from telemetry.laps.model import Lap
from telemetry.laps.session_result import ResultDrive, ResultLap, SessionResult
from tests.analysis.laps_by_hand import lap_of

TIMES = (91_000, 90_500, 90_200, 90_900)


def drive_of(*times_ms: int, session: str = "practice", car: str = "gt3") -> ResultDrive:
    laps = (ResultLap(number, time_ms, (), 0, "M") for number, time_ms in enumerate(times_ms, 1))
    return ResultDrive(session, "A. Driver", car, tuple(laps))


def result_of(*drives: ResultDrive, track: str = "") -> SessionResult:
    return SessionResult(track, drives)


def laps_of(*times_ms: int) -> list[Lap]:
    return [lap_of(time_ms, number) for number, time_ms in enumerate(times_ms, start=1)]


def test_laps_that_agree_have_no_difference() -> None:
    judged = judge_laps(laps_of(*TIMES), result_of(drive_of(80_000, 81_000), drive_of(*TIMES)))
    assert [one.official.number for one in judged] == [1, 2, 3, 4]
    assert [one.differences for one in judged] == [()] * 4


@pytest.mark.parametrize(("of_recording", "numbers"), [(TIMES[1:], [2, 3, 4]), ((95_000, *TIMES[:2]), [1, 2])])
def test_a_recording_may_begin_later_or_earlier_than_the_session(
    of_recording: tuple[int, ...], numbers: list[int]
) -> None:
    judged = judge_laps(laps_of(*of_recording), result_of(drive_of(*TIMES)))
    assert [one.official.number for one in judged] == numbers
    assert not any(one.differences for one in judged)


def test_times_sectors_and_cuts_that_differ_are_said() -> None:
    laps = laps_of(*TIMES)
    laps[1] = replace(laps[1], sectors_ms=(30_000, 60_500))
    laps[3] = replace(laps[3], first_cut_position=0.5, invalid_because=("4 tyres out at 50.0% of the lap",))
    official = drive_of(91_000, 90_500, 90_300, 90_900)
    official_laps = list(official.laps)
    official_laps[0] = replace(official_laps[0], time_ms=None, sectors_ms=(31_000, 60_000), cuts=1)
    official_laps[1] = replace(official_laps[1], sectors_ms=(30_005, 60_495))
    judged = judge_laps(laps, result_of(replace(official, laps=tuple(official_laps))))
    assert [text for one in judged for text in one.differences] == [
        "Lap 1: the game refused it for a cut, and it is valid in the recording.",
        "Lap 2: sector 1 takes 30.000 in the recording, 30.005 in the result.",
        "Lap 2: sector 2 takes 1:00.500 in the recording, 1:00.495 in the result.",
        "Lap 3: the recording has 1:30.200, the result 1:30.300.",
        "Lap 4: the game counted it, and in the recording it is cut: 4 tyres out at 50.0% of the lap.",
    ]


def test_a_millisecond_is_no_difference() -> None:
    [one] = judge_laps(laps_of(91_000), result_of(drive_of(91_001)))
    assert one.differences == ()


def test_laps_that_are_not_in_the_result_are_not_judged() -> None:
    assert judge_laps(laps_of(70_000), result_of(drive_of(*TIMES))) == []
    assert judge_laps([], result_of(drive_of(*TIMES))) == []


def test_a_lap_without_an_official_time_does_not_move_those_after_it() -> None:
    laps = laps_of(*TIMES)
    laps[1] = replace(laps[1], time_ms=None)
    for own in (laps, [laps[0], *laps[2:]]):
        judged = judge_laps(own, result_of(drive_of(*TIMES)))
        assert [one.official.number for one in judged] == [lap.number for lap in own]
        assert not any(one.differences for one in judged)


def test_complete_laps_that_the_result_does_not_hold_are_counted() -> None:
    laps = [*laps_of(*TIMES), lap_of(70_000, 1, start_index=2), lap_of(None, 2, start_index=2, end="recording")]
    assert describe_judgement(laps, judge_laps(laps, result_of(drive_of(*TIMES)))) == [
        "Compared: 4 laps of A. Driver in gt3, practice.",
        "Not compared: 1 complete lap that the result does not hold.",
    ]


def test_another_track_is_a_sentence() -> None:
    [lap] = laps_of(91_000)
    lap = replace(lap, track="spa", layout="short")
    assert describe_other_track([lap], result_of(track="spa-short")) == ""
    assert describe_other_track([lap], result_of(track="imola")) == (
        "The result is of imola, the recording of spa (short)."
    )
