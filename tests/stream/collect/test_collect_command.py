"""The command ``serve --collect``."""

import re
from pathlib import Path

import pytest
from websockets.sync.client import connect

from telemetry.base.host import host_name
from tests.commands import Watched, with_signals
from tests.conftest import main_in_process, real_time, wait_until
from tests.stream.collect.lab import DRIVE, receive_until
from tests.stream.rig import Rig, free_port, receive, rig_of

pytestmark = real_time


@with_signals
def test_rigs_of_a_file_are_served_until_ctrl_c(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AC_TELEMETRY_RIG_TOKEN", "secret")
    path = tmp_path / "rigs.txt"
    with rig_of(token="secret") as rig:
        rig.on_reading(**DRIVE)
        path.write_text(f"left = {rig.url}\naway = ws://127.0.0.1:{free_port()}\n")
        with Watched("serve", "--collect", f"@{path}", "--port", "0") as watched:
            wait_until(lambda: watched.lines)
            address = r"ws://127\.0\.0\.1:\d+"
            said = (
                rf"Collecting 2 rigs at ({address}) - in a browser: {address.replace('ws', 'http')}/ - Ctrl-C ends\.\n"
            )
            match = re.fullmatch(said, watched.lines[0])
            assert match, watched.lines
            with connect(match[1]) as ws:
                assert receive_until(ws, lambda said: said["driver"] == "Ada")["name"] == "left"
            with connect(f"{match[1]}/rigs/left?fields=gear") as ws:
                assert receive(ws) == {"gear": 1}
            wait_until(lambda: len(watched.messages) == 2)
            said = watched.interrupt()
    assert f"left: connected, {host_name()}.\n" in said
    assert re.search(r"^away: No stream at ws://127\.0\.0\.1:\d+: no server listens there\.$", said, re.MULTILINE)
    assert "secret" not in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--collect", "rig1"], "rig1 is neither an address like ws://rig1:8765 nor a file of addresses: "),
        (
            ["--collect", "ws://localhost:8765"],
            "ws://localhost:8765 is this server itself. Give the address of a ",
        ),
        (["--collect", "ws://a", "--source", "demo"], "--source has no meaning with --collect; give it to the rigs."),
        (["--collect", "ws://a", "--rate", "5"], "--rate has no meaning with --collect; give it to the rigs."),
        (["--collect", "ws://a", "--token", ""], "--token is empty; leave it out, or use --token new."),
        (["--collect", "ws://a", "--protocol", "acgym"], "--collect has no meaning with --protocol acgym."),
    ],
)
def test_what_does_not_go_together_is_a_sentence(arguments: list[str], sentence: str) -> None:
    result = main_in_process("serve", *arguments)
    assert result.returncode == 2
    assert result.stderr.startswith(f"ac-telemetry: {sentence}")


def test_a_port_in_use_is_a_sentence(rig: Rig) -> None:
    result = main_in_process("serve", "--collect", "ws://a", "--port", str(rig.server.port))
    assert result.returncode == 1
    assert result.stderr.startswith(f"ac-telemetry: Port {rig.server.port} on 127.0.0.1 is in use")


def test_it_ends_after_a_duration(rig: Rig) -> None:
    result = main_in_process("serve", "--collect", f"left={rig.url}", "--port", "0", "--duration", "0.1s")
    assert (result.returncode, result.stdout[:20]) == (0, "Collecting 1 rig at ")
