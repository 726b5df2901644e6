"""The clients in JavaScript, as they stand in the README, the documentation and the examples."""

import contextlib
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pytest

from tests.commands import start
from tests.conftest import PATIENCE, REPOSITORY, real_time
from tests.stream.rig import SAMPLES_WITH_A_RESTART, free_port, scripted

pytestmark = [real_time, pytest.mark.skipif(sys.platform == "win32", reason="Wine has no Node.js")]

EXAMPLE: Final = REPOSITORY / "examples" / "stream_client.mjs"
SPEED: Final = r"\d+\.\d km/h  gear [RN1-6]"


def node_command(*, websocket: bool = True) -> list[str]:
    """The command that starts Node, with a WebSocket of its own."""
    node = shutil.which("node")
    assert node, "The tests of the clients in JavaScript need Node.js 20 or later: apt-get install nodejs"
    version = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=PATIENCE, check=True).stdout
    major = int(version.removeprefix("v").partition(".")[0])
    assert major >= 20, f"The clients in JavaScript are for Node.js 20 and later, this is {version}"
    return [node, *(["--experimental-websocket"] if websocket and major < 22 else [])]


@contextlib.contextmanager
def running(command: Sequence[str | Path]) -> Iterator[Iterator[str]]:
    """The lines that a client prints while it runs."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8")
    assert process.stdout is not None
    try:
        yield (line.rstrip("\n") for line in process.stdout)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@contextlib.contextmanager
def serving(port: int) -> Iterator[None]:
    """The command ``serve`` at this port, until it is killed."""
    process = start("serve", "--source", "demo", "--port", str(port))
    try:
        yield
    finally:
        process.kill()
        process.communicate()


def wait_for(lines: Iterator[str], pattern: str) -> list[str]:
    """The lines up to one with this pattern."""
    seen = []
    for line in lines:
        seen.append(line)
        if re.fullmatch(pattern, line):
            return seen
    raise AssertionError(f"the client ended: {seen}")


def documented_client(document: str, port: int, folder: Path) -> Path:
    """The client of a document as a file, with the port of a test."""
    (block,) = re.findall(r"```js\n(.*?)```", (REPOSITORY / document).read_text(encoding="utf-8"), re.DOTALL)
    assert "127.0.0.1:8765" in block
    path = folder / "client.mjs"
    path.write_text(block.replace(":8765", f":{port}"), encoding="utf-8")
    return path


@pytest.mark.parametrize("document", ["README.md", "docs/stream.md"])
def test_the_documented_client_prints_the_state_and_samples(document: str, tmp_path: Path) -> None:
    hello, *samples = SAMPLES_WITH_A_RESTART[0]
    state = '{"type": "state", "state": "live", "message": "The demo drives."}'
    with scripted([hello, state, *samples]) as url:
        client = documented_client(document, int(url.rpartition(":")[2]), tmp_path)
        with running([*node_command(), client]) as lines:
            assert [next(lines) for _ in range(3)] == [
                "live The demo drives.",
                "60.0 km/h  gear 3",
                "63.0 km/h  gear 3",
            ]


def test_a_client_tells_samples_that_it_missed_from_a_restart_of_the_server() -> None:
    with scripted(*SAMPLES_WITH_A_RESTART) as url, running([*node_command(), EXAMPLE, url]) as lines:
        assert wait_for(lines, r"72\.0 km/h.*") == [
            "60.0 km/h  gear 3",
            "2 samples missed",
            "63.0 km/h  gear 3",
            "no stream: the connection was lost; next attempt in 0.5 s",
            "5 samples missed",
            "69.0 km/h  gear 3",
            "no stream: the connection was lost; next attempt in 0.5 s",
            "the server was started again",
            "60.0 km/h  gear 3",
            "11 samples missed",
            "72.0 km/h  gear 3",
        ]


def survive_a_restart(command: Sequence[str | Path]) -> None:
    """Kill a server under the example, start another, and wait until the example has gone on."""
    port = free_port()
    with running([*command, f"ws://127.0.0.1:{port}"]) as lines:
        wait_for(lines, "no stream: .*; next attempt in 0.5 s")  # it may begin before the server
        with serving(port):
            wait_for(lines, SPEED)
        wait_for(lines, "no stream: .*; next attempt in 0.5 s")
        wait_for(lines, "no stream: .*; next attempt in 1 s")  # of a connection that is refused
        with serving(port):
            wait_for(lines, "the server was started again")
            wait_for(lines, SPEED)


def test_a_client_goes_on_after_the_server_was_killed_and_started_again() -> None:
    survive_a_restart([*node_command(), EXAMPLE])


@pytest.mark.heavy
def test_a_client_with_the_package_ws_does_the_same(tmp_path: Path) -> None:
    npm = shutil.which("npm")
    assert npm, "This test needs Node.js with npm"
    (tmp_path / "package.json").write_text("{}")
    install = ["install", "--silent", "--no-audit", "--no-fund", "--cache", str(tmp_path / "cache"), "ws@8.23.0"]
    subprocess.run([npm, *install], cwd=tmp_path, check=True, timeout=PATIENCE)
    client = shutil.copy(EXAMPLE, tmp_path)  # a module is searched beside the file that imports it
    survive_a_restart([*node_command(websocket=False), "--no-experimental-websocket", client])
