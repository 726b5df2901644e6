import pytest

from telemetry.fields.pauses import MIN_PAUSE_S, MIN_RESAMPLED_PAUSE_S, paused_seconds


@pytest.mark.parametrize(
    ("seconds", "steps", "paused"),
    [(0.003, 1, 0.0), (0.503, 1, 0.0), (0.513, 1, 0.51), (10.0, 1000, 7.0), (10.0, 0, 0.0), (10.0, -5, 0.0)],
)
def test_the_game_was_paused_for_the_time_that_its_steps_do_not_explain(
    seconds: float, steps: int, paused: float
) -> None:
    assert paused_seconds(seconds, steps) == pytest.approx(paused)


def test_resampling_takes_shorter_stalls_for_pauses() -> None:
    assert MIN_RESAMPLED_PAUSE_S < MIN_PAUSE_S
    assert paused_seconds(0.303, 1) == 0.0
    assert paused_seconds(0.303, 1, MIN_RESAMPLED_PAUSE_S) == pytest.approx(0.3)
