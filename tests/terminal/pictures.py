"""Samples, pictures and terminals for the tests of the view."""

import io

from rich.console import Console

from ac_native_memory import Pages
from telemetry.fields.derived import Sample, derive
from telemetry.fields.snapshot import decode
from telemetry.recording.game_state import State
from telemetry.recording.stats import RecordingStats
from telemetry.terminal.panels import History, Line, ViewState, render


def a_sample(**changes: object) -> Sample:
    zeros = derive(decode(Pages(bytes(592), bytes(304), bytes(684), 0.0)))
    return zeros.replace(**changes) if changes else zeros


def a_lap() -> Sample:
    return a_sample(
        car_model="ks_mazda_mx5_cup",
        track="ks_nordschleife",
        track_configuration="tourist",
        session_name="practice",
        session_time_left=754_000.0,
        elapsed=12.0,
        completed_laps=1,
        current_time=83_456,
        last_time=105_123,
        best_time=104_012,
        speed_kmh=187.4,
        gear=5,
        gear_name="4",
        rpm=6512,
        max_rpm=7500,
        gas=1.0,
    )


def text_of(lines: list[Line]) -> str:
    return "\n".join("".join(segment.text for segment in line) for line in lines)


def picture(
    sample: Sample | None,
    stats: RecordingStats | None = None,
    *,
    width: int = 80,
    height: int = 24,
    output: str | None = None,
) -> str:
    return text_of(
        render(ViewState(sample, stats or RecordingStats(state=State.LIVE), History(), output), width, height)
    )


def a_terminal(*, encoding: str = "utf-8", no_color: bool = False) -> tuple[Console, io.BytesIO]:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding=encoding, newline="", write_through=True)
    environment = {"TERM": "xterm-256color"}
    console = Console(
        file=file,
        force_terminal=True,
        width=80,
        height=24,
        no_color=no_color,
        legacy_windows=False,
        color_system="standard",
        _environ=environment,
    )
    return console, raw


def a_pipe(encoding: str = "utf-8") -> tuple[Console, io.BytesIO]:
    raw = io.BytesIO()
    return Console(file=io.TextIOWrapper(raw, encoding=encoding, newline="", write_through=True), _environ={}), raw
