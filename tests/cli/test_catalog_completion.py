"""What a shell offers while somebody types a command about the catalog."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import telemetry
from telemetry.cli import main
from tests.conftest import main_in_process
from tests.constructed import drive, later, samples_of


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    """A catalog of two tracks and drivers."""
    paths = []
    for number, (track, driver) in enumerate((("ring", "Ada Ray"), ("rise", "Alan"))):
        paths.append(tmp_path / f"{track}.jsonl")
        with telemetry.open_sink(paths[-1]) as sink:
            for sample in samples_of(later(drive([20.0]), 86_400.0 * number, track=track, player_name=driver)):
                sink.write(sample)
    folder = tmp_path / "catalog"
    assert main_in_process("catalog", "add", *paths, "--catalog", folder).returncode == 0
    return folder


@pytest.fixture
def offered(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Callable[..., list[str]]:
    """Gives what is offered for the last word of a line, which may be empty."""

    def offered(line: str, shell: str = "bash") -> list[str]:
        monkeypatch.setattr(sys, "argv", ["ac-telemetry"])
        monkeypatch.setenv("COMP_WORDS", line)
        monkeypatch.setenv("COMP_CWORD", str(len(shlex.split(line)) - (not line.endswith(" "))))
        monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        monkeypatch.setenv("_TYPER_COMPLETE_FISH_ACTION", "get-args")
        monkeypatch.setenv("_AC_TELEMETRY_COMPLETE", f"complete_{shell}")
        with pytest.raises(SystemExit) as end:
            main()
        said, errors = capfd.readouterr()
        assert (end.value.code, errors) == (0, "")
        return said.split("\n")[:-1] if said.strip() else []

    return offered


def test_names_of_the_catalog_are_offered(
    catalog: Path, offered: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AC_TELEMETRY_CATALOG", str(catalog))
    assert offered("ac-telemetry catalog laps --track ") == ["ring", "rise"]
    assert offered("ac-telemetry catalog best --track rin") == ["ring"]
    assert offered("ac-telemetry catalog export --driver A") == ["Ada\\ Ray", "Alan"]
    assert offered("ac-telemetry catalog laps --driver A", "fish") == ["Ada Ray", "Alan"]
    assert offered("ac-telemetry catalog laps --car demo") == ["demo_gt3"]
    assert offered(f"ac-telemetry catalog laps --catalog {catalog / 'none'} --track ") == []


@pytest.mark.parametrize("content", [b"{", b"[]", b'{"format": 99, "version": "9.0"}'])
def test_a_catalog_that_cannot_be_read_offers_nothing(
    catalog: Path, offered: Callable[..., list[str]], monkeypatch: pytest.MonkeyPatch, content: bytes
) -> None:
    monkeypatch.setenv("AC_TELEMETRY_CATALOG", str(catalog))
    (catalog / "catalog.json").write_bytes(content)
    assert offered("ac-telemetry catalog laps --track ") == []
    assert offered("ac-telemetry catalog laps --tr") == ["--track"]


def test_a_shell_gets_the_script_that_makes_it_ask(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["ac-telemetry"])
    monkeypatch.setenv("_AC_TELEMETRY_COMPLETE", "source_bash")
    with pytest.raises(SystemExit) as end:
        main()
    assert end.value.code == 0
    assert "complete -o default -F _ac_telemetry_completion ac-telemetry" in capfd.readouterr().out
