"""The command ``serve``, and the clients of the documentation as they stand there."""

import contextlib
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from telemetry.base.errors import SinkError
from telemetry.base.host import host_name
from telemetry.cli._shared.missing_game import MissingGamePrinter
from telemetry.fields.pages import read_packet_id
from telemetry.formats.mcap.recording import McapRecording
from telemetry.recording.game_state import State
from telemetry.recording.stats import RecordingStats
from telemetry.stream import ServerOptions, StreamServer
from tests.commands import Watched, interrupt, run, start, with_signals
from tests.conftest import PATIENCE, REPOSITORY, real_time, wait_until
from tests.recorded import LAP
from tests.stream.rig import Rig, receive

pytestmark = real_time


def test_a_port_in_use_is_a_sentence(rig: Rig) -> None:
    with pytest.raises(SinkError) as caught:
        StreamServer(ServerOptions(port=rig.server.port))
    assert str(caught.value).startswith(f"Port {rig.server.port} on 127.0.0.1 is in use")
    result = run("serve", "--source", "demo", "--port", str(rig.server.port))
    assert result.returncode == 1
    assert result.stderr.startswith(f"ac-telemetry: Port {rig.server.port} on 127.0.0.1 is in use")


def test_an_address_of_another_machine_is_a_sentence() -> None:
    with pytest.raises(SinkError, match="This machine has no address 192\\.0\\.2\\.1"):
        StreamServer(ServerOptions(host="192.0.2.1", port=0))


@pytest.mark.parametrize("host", ["a..b", "a" * 70, "\udcff"])
def test_a_host_that_is_no_name_is_a_sentence(host: str) -> None:
    with pytest.raises(SinkError) as caught:
        StreamServer(ServerOptions(host=host, port=0))
    assert str(caught.value).startswith(f"{host!r} is no name of a computer.")


@contextlib.contextmanager
def served(*arguments: str | Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    process = start("serve", "--port", "0", *arguments)
    assert process.stdout is not None
    try:
        found = re.search(r"ws://\S+", process.stdout.readline())
        assert found
        yield process, found[0]
    finally:
        process.kill()
        process.communicate()


def test_thresholds_of_the_command_line_are_used_and_sent() -> None:
    with (
        served("--source", "demo", "--tyre-damaged", "0.7", "--steer-lock", "450", "--damaged", "0.2") as (_, url),
        connect(f"{url}/?fields=steer_degrees&hello=1") as ws,
    ):
        thresholds = receive(ws)["thresholds"]
        assert (thresholds["tyre_damaged"], thresholds["steer_lock"], thresholds["damaged"]) == (0.7, 450.0, 0.2)
        assert isinstance(receive(ws)["steer_degrees"], float)


@with_signals
def test_serve_streams_records_and_ends_well(tmp_path: Path) -> None:
    path, pages = tmp_path / "out.jsonl", tmp_path / "out.mcap"
    with served("--source", "demo", "--rate", "60", "--json-output", path, "--record", pages) as (process, url):
        with connect(url) as ws:
            ws.send('{"type": "marker", "name": "here"}')
            first = receive(ws)["sequence"]
            rows = [receive(ws) for _ in range(20)]
            assert rows[-1]["sequence"] >= first + 20
            wait_until(lambda: pages.exists() and pages.stat().st_size)  # its demo may begin later
            _, summary = interrupt(process)
            with pytest.raises(ConnectionClosed) as caught:  # noqa: PT012 - after what was on its way
                while True:
                    ws.recv(timeout=PATIENCE)
        assert caught.value.rcvd is not None
        assert caught.value.rcvd.code == 1001
        assert process.returncode == 0
    recorded = [orjson.loads(line) for line in path.read_bytes().splitlines()]
    assert recorded[rows[0]["sequence"]] == rows[0]
    assert summary.startswith(f"{len(recorded):,} samples in ")
    assert f"\n{path}: {path.stat().st_size:,} bytes.\n{pages}: " in summary
    recording = McapRecording(pages)
    ids = [read_packet_id(step.pages.physics) for step in recording.read_steps() if step.pages]
    assert ids == list(range(ids[0], ids[0] + len(ids)))
    assert abs(ids[-1] - recorded[-1]["packet_id"]) < 333
    assert [event.values for event in recording.events() if event.kind == "marker"] == [{"name": "here"}]


@with_signals
def test_a_recording_that_fails_ends_the_stream_with_its_sentence(tmp_path: Path) -> None:
    path = tmp_path / "out.mcap"
    with served("--source", "demo", "--record", path) as (process, _):
        wait_until(lambda: path.exists() and path.stat().st_size > 1000)
        path.unlink()
        _, said = process.communicate(timeout=PATIENCE)
        assert process.returncode == 1
    assert "was removed" in said


def test_without_a_game_the_state_is_waiting(tmp_path: Path) -> None:
    with served("--source", tmp_path) as (_, url), connect(f"{url}?events=1") as ws:
        while not (message := receive(ws))["message"]:
            pass
        assert message["state"] == "waiting"
        assert message["message"].startswith("Waiting for the game's page files ")


@with_signals
def test_serve_says_what_it_waits_for(tmp_path: Path) -> None:
    with Watched("serve", "--source", tmp_path, "--port", "0") as server:
        wait_until(lambda: bool(server.messages))
        waiting, end = server.interrupt().splitlines()
    assert waiting.startswith("Waiting for the game's page files acpmf_physics, acpmf_graphics and acpmf_static in ")
    assert waiting.endswith(f"{tmp_path}, which is empty.")
    assert end == "0 samples in 0.0 s."


def test_what_is_waited_for_is_printed_once_and_after_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    printer = MissingGamePrinter()
    for state, message in (
        (State.WAITING, "a"),
        (State.WAITING, "a"),
        (State.WAITING, "b\x1b[2J"),
        (State.PAUSED, "paused"),
        (State.GONE, "left"),
        (State.GONE, "left"),
    ):
        printer.on_reading(None, RecordingStats(state=state, message=message))
    assert capsys.readouterr().err == "a\nb\N{REPLACEMENT CHARACTER}[2J\nleft\n"


@with_signals
def test_serve_records_under_a_name_made_by_a_template(tmp_path: Path) -> None:
    path = tmp_path / "drives" / f"{host_name()}_demo_gt3.mcap"
    with served("--source", "demo", "--record", tmp_path / "drives" / "{host}_{car}.mcap") as (process, _):
        wait_until(lambda: path.exists() and path.stat().st_size > 1000)
        _, said = interrupt(process)
        assert process.returncode == 0
    steps = sum(1 for _ in McapRecording(path).read_steps())
    assert said.splitlines()[-1] == f"{path}: {steps:,} steps, {path.stat().st_size:,} bytes."


def test_what_is_recorded_beside_the_stream_has_a_format_for_it() -> None:
    result = run("serve", "--source", "demo", "--port", "0", "--record", "drive.csv")
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr.startswith("ac-telemetry: drive.csv: a CSV file cannot be read when its recording was killed.")


def test_a_part_of_a_recording_is_served() -> None:
    result = run("serve", "--source", LAP, "--port", "0", "--from", "0:10", "--to", "10.5s")
    assert result.returncode == 0, result.stderr
    assert result.stderr == "5 samples in 0.4 s.\n"
    wrong = run("serve", "--source", "demo", "--from", "10")
    assert (wrong.returncode, wrong.stderr) == (2, "ac-telemetry: --from and --to are for recordings only.\n")


def test_serving_other_machines_without_a_token_prints_a_warning() -> None:
    result = run("serve", "--source", "demo", "--host", "0.0.0.0", "--port", "0", "--duration", "0.2")
    assert result.returncode == 0
    assert (
        "Anyone who can reach 0.0.0.0 can watch; only this machine can set markers. --token new lets in only those who "
        "know the token, to do both.\n"
    ) in result.stderr
    result = run("serve", "--source", "demo", "--host", "0.0.0.0", "--port", "0", "--duration", "0.2", "--token", "new")
    assert "Anyone" not in result.stderr
    assert re.search(r"ws://127\.0\.0\.1:\d+/\?token=\S{16} ", result.stdout)


def test_help_does_not_wait_for_websockets() -> None:
    code = (
        "import sys; sys.argv[1:] = ['--help']\ntry:\n import runpy; runpy.run_path('main.py', run_name='__main__')\n"
    )
    code += "except SystemExit: pass\nassert 'websockets' not in sys.modules and 'asyncio' not in sys.modules"
    result = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, check=False, timeout=PATIENCE
    )
    assert result.returncode == 0, result.stderr.decode()


def example(document: str, url: str) -> str:
    text = (REPOSITORY / document).read_text(encoding="utf-8")
    address = "ws://127.0.0.1:8765"
    found = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if address in block]
    assert len(found) == 1
    return str(found[0]).replace(address, url.rstrip("/"))


def first_lines(command: list[str], wanted: re.Pattern[str], count: int) -> list[str]:
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, encoding="utf-8",
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    watchdog = threading.Timer(PATIENCE, process.kill)
    watchdog.start()
    try:
        assert process.stdout is not None
        lines: list[str] = []
        for line in process.stdout:
            if wanted.fullmatch(line.rstrip("\n")):
                lines.append(line)
            if len(lines) == count:
                return lines
        assert process.stderr is not None
        pytest.fail(process.stderr.read())
    finally:
        watchdog.cancel()
        process.kill()
        process.communicate()


def test_the_documentations_server_runs_as_it_stands(capfd: pytest.CaptureFixture[str]) -> None:
    text = (REPOSITORY / "docs/stream.md").read_text(encoding="utf-8")
    (block,) = [block for block in re.findall(r"```python\n(.*?)```", text, re.DOTALL) if "ServerOptions" in block]
    exec(compile(block, "docs/stream.md", "exec"), {})
    url, clients = capfd.readouterr().out.splitlines()
    assert re.fullmatch(r"ws://127\.0\.0\.1:\d+", url)
    assert clients == "0"


SPEED = re.compile(r" *\d+\.\d km/h  gear [RN1-9]")


@pytest.mark.parametrize("document", ["README.md", "docs/stream.md"])
def test_the_documentations_clients_run_as_they_stand(document: str) -> None:
    with served("--source", "demo", "--rate", "30") as (_, url):
        first_lines([sys.executable, "-c", example(document, url)], SPEED, 10)
