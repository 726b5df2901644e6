"""Names of recordings."""

import re
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from telemetry.base.errors import UsageError
from telemetry.base.sanitize import MAX_NAME_LENGTH, sanitize_filename
from telemetry.recording.file_names import (
    DEFAULT_TEMPLATE,
    LAP_TEMPLATE,
    Template,
    numbered_paths,
)
from tests.conftest import sample_of

WINDOWS_DEVICE = re.compile(r"(?i:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])")
"""The words that Windows reserves, by its documentation on naming files; ``conin$`` and ``conout$`` by experience."""


def test_the_placeholders_are_filled_from_the_sample() -> None:
    sample = sample_of(car_model="ks_porsche", track="spa", track_configuration="wet", session=2, player_nick="Zoë")
    assert Template("{track}_{car}_{session}_{lap:03}").path(sample, lap=7) == Path("spa-wet_ks_porsche_race_007")
    assert Template("{driver} {part:02}").path(sample, part=4) == Path("Zoë 04")


def test_the_host_is_the_name_of_this_computer_without_its_domain(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.node", lambda: "rig:2.lab.example")
    assert Template("{host}_{car}").path(sample_of()) == Path("rig-2_demo_gt3")


def test_the_defaults_name_track_car_session_and_time() -> None:
    sample = sample_of(session=1)
    moment = Template("{date}-{time}").path(sample).name
    assert Template(DEFAULT_TEMPLATE).path(sample) == Path(f"demo_ring_demo_gt3_qualify_{moment}")
    assert Template(LAP_TEMPLATE).path(sample) == Path(f"demo_ring_demo_gt3_qualify_{moment}_001")


def test_a_slash_in_the_template_makes_folders_and_one_in_a_value_does_not() -> None:
    sample = sample_of(car_model="../../etc/passwd", track="a/b\\c")
    assert Template("{car}/{track}").path(sample) == Path("..-..-etc-passwd".lstrip(".")) / "a-b-c"


@pytest.mark.parametrize(
    ("template", "reason"),
    [
        ("{trakc}", "contains the unknown {trakc}"),
        ("{}", "contains the unknown {}"),
        ("{lap", "is invalid: expected '}' before end of string"),
        ("{track:{foo}}", "is invalid: braces cannot contain braces"),
        ("{lap:{lap}}", "is invalid: braces cannot contain braces"),
        ("{lap:99999999999}", "is invalid: a width has two digits at most"),
        ("{lap:.999999999f}", "is invalid: a width has two digits at most"),
        ("{lap:c}", "is invalid: %c arg not in range(0x110000)"),
        ("{track:03d}", "is invalid: Unknown format code 'd' for object of type 'str'"),
    ],
)
def test_a_wrong_template_is_refused_with_the_reason(template: str, reason: str) -> None:
    with pytest.raises(UsageError) as refusal:
        Template(template)
    assert str(refusal.value).startswith(f"The template {template!r} {reason}. It may contain {{track}}, {{car}}, ")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ('a<b>c:d"e|f?g*h', "a-b-c-d-e-f-g-h"),
        ("con", "_con"),
        ("NUL.mcap", "_NUL.mcap"),
        ("com1", "_com1"),
        ("command", "command"),
        ("CON .x", "_CON .x"),
        ("aux  .v2.old", "_aux  .v2.old"),
        ("nul .", "_nul"),
        ("COM¹", "_COM¹"),
        ("lpt².old", "_lpt².old"),
        ("COM³ ", "_COM³"),
        ("com⁴", "com⁴"),
        ("COM10", "COM10"),
        ("CONIN$", "_CONIN$"),
        ("conout$.txt", "_conout$.txt"),
        ("conin", "conin"),
        ("my con", "my con"),
        ("name . . ", "name"),
        ("ends with a dot. ", "ends with a dot"),
        ("..", "_"),
        ("", "_"),
        ("line\nbreak", "line-break"),
        ("Zoë 日本", "Zoë 日本"),
        ("drive\u202egpj.exe", "drive-gpj.exe"),
        ("\u200bnul", "-nul"),
        ("a\x9b31mb\x85c\u2028d", "a-31mb-c-d"),
    ],
)
def test_what_a_system_forbids_is_replaced(name: str, expected: str) -> None:
    assert sanitize_filename(name) == expected


@given(st.text() | st.from_regex(WINDOWS_DEVICE) | st.from_regex(r"\A(nul|COM²) *\.", fullmatch=False))
def test_any_text_becomes_a_name_that_every_system_takes(text: str) -> None:
    name = sanitize_filename(text)
    assert 0 < len(name.encode()) <= MAX_NAME_LENGTH
    assert not set(name) & set('<>:"/\\|?*\0')
    assert name not in {".", ".."}
    assert name[-1] not in " ."
    assert not WINDOWS_DEVICE.fullmatch(name.partition(".")[0].rstrip(" "))
    assert sanitize_filename(name) == name


@given(st.text())
def test_any_text_is_a_template_or_is_refused(text: str) -> None:
    with suppress(UsageError):
        Template(text).path(sample_of())


@given(st.text(), st.text(), st.text())
def test_names_that_are_too_long_lose_their_longest_texts_and_no_number(track: str, car: str, driver: str) -> None:
    sample = sample_of(track=track, car_model=car, player_nick=driver)
    folder, name = Template("{driver}-{date}/{track}_{car}_{driver}_{lap:03}").path(sample, lap=7).parts
    assert len(folder.encode()) <= MAX_NAME_LENGTH
    assert len(name.encode()) <= MAX_NAME_LENGTH
    assert name.endswith("_007")


def test_a_name_is_measured_in_bytes_and_what_is_short_stays_whole() -> None:
    sample = sample_of(track="日" * 60, track_configuration="", car_model="ks_porsche", player_nick="é" * 70)
    name = Template("{track}_{car}_{driver}_{lap:03}").path(sample, lap=7).name
    assert name == f"{'日' * 17}_ks_porsche_{'é' * 26}_007"
    assert sanitize_filename("日" * 120) == "日" * 40
    assert Template("{track}").path(sample).name == "日" * 40


def test_only_the_slashes_of_a_template_lead_to_other_folders() -> None:
    sample = sample_of(car_model="demo_gt3")
    assert Template("./a//{car}/../{part}").path(sample) == Path("a/demo_gt3/../1")
    assert Template("/a/{car}").path(sample) == Path("/a/demo_gt3")
    assert Template("{track:.0}../{car:/>10}").path(sample) == Path("_/-demo_gt3")


@given(st.floats())
def test_any_timestamp_gives_a_name(timestamp: float) -> None:
    assert len(Template("{datetime}").path(sample_of(timestamp=timestamp)).name) == 15


def test_free_names_are_numbered_before_the_suffix() -> None:
    names = numbered_paths(Path("drives/v1.2"), ".jsonl.zst")
    assert [next(names) for _ in range(3)] == [
        Path("drives/v1.2.jsonl.zst"),
        Path("drives/v1.2-2.jsonl.zst"),
        Path("drives/v1.2-3.jsonl.zst"),
    ]
