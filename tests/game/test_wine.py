"""What only an onlooker from outside can do to the Windows program: press Ctrl-C, be its console, install its wheel.

These tests run on Linux and drive a Windows Python under Wine: ``scripts/test-windows``.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import threading
import tomllib
from typing import IO, TYPE_CHECKING

import orjson
import pytest

from telemetry.base.version import VERSION
from tests.conftest import PATIENCE, REPOSITORY, real_time, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [
    real_time,
    pytest.mark.skipif(
        not os.environ.get("AC_TEST_WINE"), reason="needs a Windows Python under Wine: run scripts/test-windows"
    ),
]

WINDOWS_PYTHON = str(REPOSITORY / "scripts" / "windows-python")
REAL_NAMES = """
from tests.game.standin import real_names
with real_names():
    print("mine", flush=True)
    input()
"""
STANDIN = "import os, subprocess; subprocess.call([os.environ['AC_STANDIN_EXE']])"
EXISTING = "from tests.game.standin import existing_mappings; print(existing_mappings())"


def start(*arguments: str, mode: str = "run", environment: dict[str, str] | None = None) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [WINDOWS_PYTHON, mode, *arguments],
        cwd=REPOSITORY,
        env=os.environ | (environment or {}),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def run(*arguments: str, cwd: Path = REPOSITORY) -> subprocess.CompletedProcess[bytes]:
    command = [WINDOWS_PYTHON, "run", *arguments]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, stdin=subprocess.DEVNULL, timeout=PATIENCE, check=False
    )


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    process.communicate(timeout=PATIENCE)


def interrupt(process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """Press Ctrl-C and give what it says until it has ended well."""
    process.send_signal(signal.SIGINT)
    said, messages = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, messages
    return said.decode(), messages.decode()


def pipe(stream: IO[bytes] | None) -> IO[bytes]:
    assert stream is not None
    return stream


@pytest.fixture
def no_game() -> Iterator[None]:
    """No game runs at first, and no other test's later."""
    holder = start("-c", REAL_NAMES)
    try:
        assert pipe(holder.stdout).readline().strip() == b"mine"
        yield
    finally:
        holder.communicate(b"\n", timeout=PATIENCE)


@pytest.fixture
def standin(no_game: None) -> Iterator[None]:
    """The stand-in for the game runs."""
    game = start("-c", STANDIN)
    try:
        assert pipe(game.stdout).readline().strip() == b"ready"
        yield
    finally:
        stop(game)


def windows_path(path: Path) -> str:
    return "Z:" + str(path).replace("/", "\\")


# --- Ctrl-C -----------------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("standin")
def test_ctrl_c_ends_a_recording_normally(tmp_path: Path) -> None:
    path = tmp_path / "Zoë 日本.jsonl"
    reader = start("main.py", "read", "--rate", "100", "--json-output", windows_path(path))
    try:
        wait_until(lambda: path.exists() and path.stat().st_size > 0)
        said, summary = interrupt(reader)
    finally:
        stop(reader)
    data = path.read_bytes()
    assert data.endswith(b"}\n")
    recorded = [orjson.loads(line) for line in data.splitlines()]
    assert summary.startswith(f"{len(recorded)} samples in ")
    assert f"\n{windows_path(path)}: {len(data):,} bytes.\n" in summary
    assert [row["sequence"] for row in recorded] == list(range(len(recorded)))
    assert re.search(r"live +lap \d", said)


@pytest.mark.usefixtures("standin")
def test_ctrl_c_leaves_whole_lines_in_a_pipe() -> None:
    reader = start("main.py", "read", "--rate", "100", "--json-output", "-")
    try:
        first = pipe(reader.stdout).readline()
        rest, summary = interrupt(reader)
    finally:
        stop(reader)
    lines = [first, *rest.encode().splitlines(keepends=True)]
    assert {line[-2:] for line in lines} == {b"}\n"}
    assert [orjson.loads(line)["sequence"] for line in lines] == list(range(len(lines)))
    assert f"{len(lines)} samples in " in summary


@pytest.mark.usefixtures("no_game")
def test_ctrl_c_while_waiting_for_the_game_ends_normally() -> None:
    reader = start("main.py", "read")
    try:
        assert pipe(reader.stdout).readline().startswith(b"waiting  Waiting for Assetto Corsa")
        _, summary = interrupt(reader)
    finally:
        stop(reader)
    assert summary == "No samples.\n"
    assert run("-c", EXISTING).stdout.split() == [b"[]"]


@pytest.mark.usefixtures("no_game")
def test_ctrl_c_ends_a_publisher_and_its_mappings() -> None:
    publisher = start("main.py", "publish")
    try:
        assert pipe(publisher.stderr).readline() == b"Publishing demo:laps in named shared memory; Ctrl-C ends.\n"
        wait_until(lambda: b"acpmf_static" in run("-c", EXISTING).stdout)
        _, messages = interrupt(publisher)
    finally:
        stop(publisher)
    assert re.fullmatch(r"Published [\d,]+ physics pages in \d+\.\d s\.\n", messages)
    assert run("-c", EXISTING).stdout.split() == [b"[]"]


# --- the console ------------------------------------------------------------------------------------------------------


class Terminal:
    """A terminal of 100 columns and 30 lines, as far as Wine makes use of it, around a process on a true console."""

    COLUMNS, LINES = 100, 30

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        self.process = start(*arguments, mode="tty", environment=environment)
        self.received = b""
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        while data := os.read(pipe(self.process.stdout).fileno(), 1 << 16):
            self.received += data

    @property
    def lines(self) -> list[str]:
        """What stands on the screen."""
        cells = [[" "] * self.COLUMNS for _ in range(self.LINES)]
        row = column = 0
        received = re.sub(rb"\x1b(\[[^a-zA-Z]*|\][^\a]*)?$", b"", self.received)  # the rest of it is on its way
        for code, text in re.findall(
            r"\x1b(\[[^a-zA-Z]*[a-zA-Z]|\][^\a]*\a|.)|([^\x1b])", received.decode(errors="replace")
        ):
            count = int(code[1:-1]) if code[1:-1].isdigit() else 1
            if text == "\r":
                column = 0
            elif text == "\n":
                row += 1
            elif text == "\b":
                column -= 1
            elif text:
                cells[row][min(column, self.COLUMNS - 1)] = text
                column += 1
            elif code.endswith("K"):
                cells[row][column:] = [" "] * (self.COLUMNS - column)
            elif code.endswith("H"):
                row, column = (int(number) - 1 for number in (code[1:-1] or "1;1").split(";"))
            elif code.endswith(("A", "B")):
                row += count if code.endswith("B") else -count
            elif code.endswith(("C", "D")):
                column += count if code.endswith("C") else -count
            else:
                assert code.endswith(("m", "h", "l", "J")), f"the terminal does not know {code!r}"
            if row == self.LINES:
                cells = [*cells[1:], [" "] * self.COLUMNS]
                row -= 1
        return ["".join(line).rstrip() for line in cells]

    def press(self, key: bytes) -> None:
        pipe(self.process.stdin).write(key)
        pipe(self.process.stdin).flush()

    def end(self) -> int:
        status = self.process.wait(timeout=PATIENCE)
        self._thread.join()
        return status


@pytest.mark.usefixtures("standin")
def test_the_view_fills_a_console_and_gives_it_back_at_ctrl_c() -> None:
    terminal = Terminal("main.py", "read")
    shown: list[str] = []

    def is_whole() -> bool:
        """Whether what stands there is no picture that is just being drawn."""
        shown[:] = terminal.lines
        boxes = [line for line in shown[1:27] if re.fullmatch(r"[+|].*[+|]", line)]
        return "LIVE" in shown[0] and len(boxes) == 26 and "jitter" in shown[25]

    try:
        wait_until(is_whole, lambda: (shown, terminal.process.poll()))
        top, *lines = shown
        terminal.press(b"\x03")
        assert terminal.end() == 0
    finally:
        stop(terminal.process)
    assert re.fullmatch(r" \* LIVE   standin_car - standin_track / abcdefghijklmnopqrstuvwxyzabcdef +practice", top)
    width = Terminal.COLUMNS - 1  # the last column of the last line would scroll
    assert [(line[0], line[-1], len(line)) for line in lines[:6]] == [("+", "+", width), *[("|", "|", width)] * 5]
    titles = re.findall(r"\+- ([a-z]+)", "\n".join(lines))
    assert titles == ["car", "lap", "wheels", "damage", "flags", "conditions", "recorder"]
    assert re.fullmatch(r"\|  \? +\d+ km/h .* \|\| 0:\d\d\.\d{3} +lap \d+   P1/1 \|", lines[1])
    summary, *rest = "\n".join(terminal.lines).rstrip().split(".\n")
    assert re.match(r"\d+ samples in \d+\.\d s; ", summary)
    assert rest == []


@pytest.mark.parametrize(
    ("environment", "shown"),
    [
        ({}, "There is no command 'nonsense 日本 "),
        ({"PYTHONLEGACYWINDOWSSTDIO": "1"}, "There is no command 'nonsense ?? ?'."),  # in the console's code page
    ],
)
def test_letters_that_a_console_cannot_show_do_no_harm(environment: dict[str, str], shown: str) -> None:
    code = "import sys; sys.argv[1:] = ['nonsense 日本 🏎']; from telemetry.cli import main; main()"
    terminal = Terminal("-c", code, environment=environment)
    try:
        assert terminal.end() == 2
    finally:
        stop(terminal.process)
    assert shown in "\n".join(terminal.lines)


# --- the wheel --------------------------------------------------------------------------------------------------------


def test_the_wheel_installs_and_starts(tmp_path: Path) -> None:
    uv = shutil.which("uv")
    assert uv
    where, site = tmp_path / "dist", tmp_path / "site packages"
    subprocess.run([uv, "build", "-q", "--wheel", "-o", where], cwd=REPOSITORY, check=True, timeout=300)
    [wheel] = where.glob("*.whl")
    platform = ("--python-platform", "x86_64-pc-windows-msvc", "--python-version", "3.11")
    install: list[str | Path] = [uv, "pip", "install", "-q", *platform, "--no-deps", "--target", site, wheel]
    subprocess.run(install, cwd=tmp_path, check=True, timeout=300)
    declared = tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    [(command, entry)] = declared["scripts"].items()
    module, function = entry.split(":")
    # What the command's launcher does.
    code = "\n".join([
        "import sys",
        f"sys.path.insert(0, {windows_path(site)!r})",
        f"from {module} import {function}",
        "assert sys.modules['telemetry'].__file__.startswith(sys.path[0])",
        f"sys.argv[0] = {command!r}",
        f"{function}()",
    ])  # fmt: skip
    said = run("-c", code, "--version", cwd=tmp_path)
    assert (said.returncode, said.stdout.decode()) == (0, f"{VERSION}\n"), said.stderr
    said = run("-c", code, "read", "--source", "demo", "--speed", "max", "--samples", "3", "--quiet",
               "--json-output", "-", cwd=tmp_path)  # fmt: skip
    assert said.returncode == 0, said.stderr
    assert [orjson.loads(line)["sequence"] for line in said.stdout.splitlines()] == [0, 1, 2]
