"""``read`` as its users run it."""

import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path

import orjson
import pytest
from jsonschema import Draft202012Validator

import ac_native_memory as ac
from telemetry.fields.derived import Sample
from telemetry.fields.selection import json_schema
from tests.commands import COMMAND, FAST, interrupt, rows, run, start, with_signals
from tests.conftest import PATIENCE, main_in_process, pages_of, real_time, wait_until

pytestmark = real_time


def test_help_of_read_names_every_kind_of_source() -> None:
    text = " ".join(main_in_process("read", "--help").stdout.replace("│", " ").split())
    for kind in ("live: the running game", "demo:SCENARIO", "DIRECTORY", ".jsonl.zst"):
        assert kind in text


def test_a_recording_of_the_demo_has_as_many_lines_as_rate_times_duration_and_they_validate(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    result = run("read", *FAST, "--rate", "60", "--duration", "10", "--json-output", path, "--json-summary")
    assert result.returncode == 0, result.stderr
    recorded = rows(path)
    assert len(recorded) == 600
    validator = Draft202012Validator(json_schema())
    for row in recorded[::50]:
        validator.validate(row)
    assert [row["sequence"] for row in recorded] == list(range(600))
    summary = json.loads(result.stdout[result.stdout.index("{") :])
    assert (summary["samples"], summary["missed"], summary["dropped"], summary["torn"]) == (600, 0, 0, 0)
    assert summary["bytes"] == path.stat().st_size


def test_the_same_seed_gives_the_same_recording(tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("a.jsonl", "b.jsonl", "c.jsonl")]
    for path, seed in zip(files, (3, 3, 4), strict=True):
        fields = "elapsed,sequence,physics,graphics,static,derived"
        options = ("--seed", str(seed), "--samples", "50", "--fields", fields, "--quiet")
        assert main_in_process("read", *FAST, *options, "--json-output", path).returncode == 0
    first, second, third = (path.read_bytes() for path in files)
    assert first == second
    assert first != third


def test_the_demo_can_have_its_timing_line_elsewhere_on_the_spline(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    source = ["--source", "demo:pit,line=0.8", "--speed", "max"]
    result = main_in_process("read", *source, "--samples", "3", "--json-output", path, "--quiet")
    assert result.returncode == 0, result.stderr
    recorded = rows(path)
    assert [row["track_configuration"] for row in recorded] == ["line_0.8"] * 3
    assert [row["normalized_position"] for row in recorded] == pytest.approx([0.8 - 45.0 / 3225.1] * 3, abs=1e-4)


def test_standard_output_carries_lines_and_nothing_else() -> None:
    result = run("read", *FAST, "--samples", "3", "--json-output", "-", "--fields", "sequence,yaw")
    assert result.returncode == 0
    lines = result.stdout.splitlines()
    assert [orjson.loads(line)["sequence"] for line in lines] == [0, 1, 2]
    assert result.stderr.count(" live ") <= 1
    assert "3 samples" in result.stderr


def test_lines_on_standard_output_end_in_plain_newlines() -> None:
    command = [*COMMAND, "read", *FAST, "--samples", "2", "--json-output", "-", "--quiet"]
    output = subprocess.run(command, capture_output=True, check=True, timeout=PATIENCE, stdin=subprocess.DEVNULL).stdout
    assert output.count(b"\n") == 2
    assert b"\r" not in output


def test_quiet_says_nothing(tmp_path: Path) -> None:
    result = main_in_process("read", *FAST, "--samples", "3", "--json-output", tmp_path / "o.jsonl", "--quiet")
    assert (result.returncode, result.stdout, result.stderr) == (0, "", "")


def test_the_view_is_plain_lines_when_the_output_is_no_terminal() -> None:
    result = run("read", "--source", "demo", "--samples", "5")
    assert result.returncode == 0
    assert "\x1b" not in result.stdout
    assert re.search(r"live +lap 1", result.stdout)
    assert re.search(r"^5 samples in \d+\.\d s; ", result.stderr)


def test_a_recording_is_a_source_and_its_derived_fields_are_computed_anew(tmp_path: Path) -> None:
    first, second = tmp_path / "a.jsonl.zst", tmp_path / "b.jsonl"
    assert main_in_process("read", *FAST, "--samples", "20", "--json-output", first, "--quiet").returncode == 0
    result = main_in_process(
        "read", "--source", first, "--speed", "max", "--json-output", second, "--steer-lock", "400", "--quiet"
    )
    assert result.returncode == 0, result.stderr
    recorded = rows(second)
    assert len(recorded) == 20
    for row in recorded:
        steer_angle, steer_degrees = row["steer_angle"], row["steer_degrees"]
        assert isinstance(steer_angle, float)
        assert steer_degrees == steer_angle * 400


def test_the_rule_of_lock_up_is_an_option(tmp_path: Path) -> None:
    """One front wheel stands on the road, and the mean slip of the four is a quarter."""
    pages = pages_of(
        brake=1.0,
        local_velocity_z=33.0,
        wheel_angular_speed=(0.0, 100.0, 33.0 / 0.34, 33.0 / 0.34),
        wheel_load=(3_000.0,) * 4,
    )
    with ac.PageWriter(tmp_path) as writer:
        writer.write(*pages[:3])

        def is_locked(*options: str) -> object:
            arguments = ("--samples", "1", "--json-output", "-", "--fields", "wheel_lock_detected", *options)
            result = main_in_process("read", "--source", tmp_path, *arguments)
            assert result.returncode == 0, result.stderr
            return json.loads(result.stdout)["wheel_lock_detected"]

        assert is_locked() is True
        assert is_locked("--min-load", "3001") is False
        assert is_locked("--lock-rule", "mean") is False
        assert is_locked("--lock-rule", "mean", "--lock-slip", "0.2") is True


def test_a_directory_of_page_files_is_read_although_nothing_moves(tmp_path: Path) -> None:
    with ac.PageWriter(tmp_path) as writer:
        writer.write(*pages_of(gear=4, fuel=12.5)[:3])
        result = main_in_process("read", "--source", tmp_path, "--samples", "1", "--json-output", "-")
    assert result.returncode == 0, result.stderr
    row = orjson.loads(result.stdout)
    assert (row["gear"], row["fuel"], row["car_model"], list(row)) == (4, 12.5, "demo_gt3", list(Sample.NAMES))


@with_signals
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_a_signal_ends_a_recording_normally(tmp_path: Path, name: str) -> None:
    path = tmp_path / "out.jsonl"
    process = start("read", "--source", "demo", "--rate", "100", "--json-output", path)
    wait_until(lambda: path.exists() and path.stat().st_size > 0)
    process.send_signal(getattr(signal, name))
    _, summary = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert " samples in " in summary
    assert path.read_bytes().endswith(b"}\n")
    assert len(rows(path)) == int(summary.split(" samples")[0].replace(",", ""))


@with_signals
def test_ctrl_c_while_waiting_for_the_game_ends_normally(tmp_path: Path) -> None:
    process = start("read", "--source", tmp_path)
    assert process.stdout is not None
    process.stdout.readline()
    interrupt(process)
    assert process.returncode == 0


def test_a_reader_of_standard_output_that_goes_away_is_a_sentence() -> None:
    process = start("read", "--source", "demo", "--rate", "50", "--json-output", "-", "--quiet")
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(timeout=PATIENCE) == 1
    assert (
        "Writing to standard output ended: its reader closed it. Everything before is intact" in process.stderr.read()
    )
    process.stderr.close()


def test_no_game_without_waiting_is_exit_code_three(tmp_path: Path) -> None:
    result = run("read", "--source", tmp_path, "--no-wait")
    assert result.returncode == 3
    (last,) = [line for line in result.stderr.splitlines() if line.startswith("ac-telemetry: ")]
    assert last == (
        f"ac-telemetry: No game: {tmp_path} holds no running session of Assetto Corsa and lacks acpmf_physics, "
        "acpmf_graphics, acpmf_static. Start one, or leave out --no-wait; --source demo needs no game."
    )


def test_another_games_pages_are_refused_in_a_sentence(tmp_path: Path) -> None:
    with ac.PageWriter(tmp_path) as writer:
        writer.write(*pages_of(sm_version="1.9")[:3])
        result = main_in_process("read", "--source", tmp_path, "--samples", "1")
    assert result.returncode == 1
    assert "belongs to another game: its version is '1.9'" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--source", "nonsense"], 2, "There is no source 'nonsense'. Say live, demo, demo:SCENARIO"),
        (["--source", "demo:nonsense"], 2, "There is no demo scenario 'nonsense'; there are"),
        (["--source", "README.md"], 2, "Unsupported file type: README.md. Supported: .mcap, .jsonl, .jsonl.gz, "),
        (["--source", "demo:line=2"], 2, "The position of the demo's line must be from 0 to 1, got 2.0."),
        (["--source", "demo", "--speed", "fast"], 2, "--speed must be a number or max, got fast"),
        (["--source", "demo", "--speed", "0"], 2, "--speed must be greater than 0, got 0"),
        (["--speed", "2"], 2, "--speed is for the demo and for recordings"),
        (["--rate", "0"], 2, "--rate 0: expected a number from 0.1 to 333 Hz."),
        (["--rate", "5000"], 2, "--rate 5000: expected a number from 0.1 to 333 Hz."),
        (["--fields", "gear"], 2, "name one with --json-output"),
        (["--json-output", "x", "--append", "--overwrite"], 2, "contradict each other"),
        ([*FAST, "--json-output", "x", "--fields", "geer"], 2, "There is no field 'geer'. Did you mean gear"),
        ([*FAST, "--json-output", f"{__file__}/x"], 1, "cannot be created"),
        ([*FAST, "--json-output", "x" * 300], 1, "cannot be written"),
        (
            [*FAST, "--json-output", "x.mcap"],
            2,
            "x.mcap: MCAP holds the game's pages, not samples. Name a .jsonl file, or write this one with: record",
        ),
        ([*FAST, "--json-output", ""], 2, "--json-output needs the name of a file"),
        ([*FAST, "--json-output", "x", "--fields", ""], 2, "No field was selected"),
        (["--source", ""], 2, "There is no source ''"),
        (["--source", "x" * 300], 2, "There is no source"),
        (["--source", "README.md", "--json-output", "README.md", "--overwrite"], 2, "is the source itself"),
    ],
)
def test_bad_input_is_a_sentence_and_a_code(arguments: list[str], code: int, message: str, tmp_path: Path) -> None:
    (tmp_path / "README.md").write_text("no recording")
    result = main_in_process("read", *arguments, cwd=tmp_path)
    assert result.returncode == code
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"]


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--rate", "0"], 2, "--rate 0: expected a number from 0.1 to 333 Hz."),
        ([*FAST, "--json-output", f"{__file__}/x"], 1, "cannot be created"),
    ],
)
def test_a_process_says_and_ends_with_the_same(arguments: list[str], code: int, message: str) -> None:
    result = run("read", *arguments)
    assert (result.returncode, result.stdout) == (code, "")
    assert message in " ".join(result.stderr.replace("│", " ").split())
    assert "Traceback" not in result.stderr


def test_an_existing_file_stays_untouched(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("precious\n")
    result = main_in_process("read", *FAST, "--samples", "1", "--json-output", path)
    assert result.returncode == 1
    assert "exists already and stays untouched" in result.stderr
    assert path.read_text() == "precious\n"


def test_append_continues_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl.gz"
    for _ in range(2):
        options = ("--samples", "3", "--json-output", path, "--append", "--quiet")
        assert main_in_process("read", *FAST, *options).returncode == 0
    result = main_in_process(
        "read", "--source", path, "--speed", "max", "--json-output", "-", "--fields", "sequence", "--quiet"
    )
    assert [orjson.loads(line)["sequence"] for line in result.stdout.splitlines()] == list(range(6))


def test_paused_samples_stay_out_of_recordings_unless_wanted(tmp_path: Path) -> None:
    counts = {}
    for option in ((), ("--include-paused",)):
        path = tmp_path / f"{len(option)}.jsonl"
        options = ("--rate", "10", "--duration", "60", "--fields", "status_name", "--json-output", path, "--quiet")
        assert main_in_process("read", "--source", "demo:pause", "--speed", "max", *options, *option).returncode == 0
        counts[bool(option)] = {str(row["status_name"]) for row in rows(path)}
    assert counts[False] == {"live"}
    assert counts[True] > {"live", "pause"}


def test_the_view_leaves_a_terminal_as_it_found_it() -> None:
    if sys.platform == "win32":
        pytest.skip("needs a pseudo terminal; for a console see test_wine.py")
    import fcntl
    import pty
    import struct
    import termios

    parent, child = pty.openpty()
    fcntl.ioctl(child, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    before = termios.tcgetattr(child)
    environment = {**os.environ, "TERM": "xterm-256color"}
    process = subprocess.Popen(
        [*COMMAND, "read", "--source", "demo", "--duration", "1"],
        stdin=child,
        stdout=child,
        stderr=child,
        env=environment,
    )
    output = bytearray()

    def drain() -> None:
        while True:
            try:
                output.extend(os.read(parent, 1 << 16))
            except OSError:
                return

    thread = threading.Thread(target=drain)
    thread.start()
    assert process.wait(timeout=PATIENCE) == 0
    assert termios.tcgetattr(child) == before
    os.close(child)
    thread.join(timeout=PATIENCE)
    os.close(parent)
    text = output.decode()
    assert text.count("\x1b[?1049h") == text.count("\x1b[?1049l") == 1
    assert text.rindex("\x1b[?25h") > text.rindex("\x1b[?25l")
    assert "demo_ring" in text
    assert " samples in " in text[text.rindex("\x1b[?1049l") :]
