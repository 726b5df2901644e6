import inspect
import re
import subprocess
import sys

import pytest

from telemetry.cli.app import COMMANDS, load_command
from tests.commands import run
from tests.conftest import PATIENCE, REPOSITORY, main_in_process


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_says_of_each_command_what_its_own_help_says(name: str) -> None:
    command = load_command(name)
    first = inspect.cleandoc(command.help).split("\n\n", maxsplit=1)[0]
    assert COMMANDS[name].help == " ".join(first.split())
    assert command.name == name


def test_help_lists_every_command_and_loads_none() -> None:
    program = (
        "import sys\nfrom telemetry.cli import main\nsys.argv[1:] = ['--help']\n"
        "try:\n    main()\nexcept SystemExit:\n    pass\n"
        "print('LOADED', sorted(name for name in sys.modules if name.startswith('telemetry.cli.')))"
    )
    said = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        encoding="utf-8",
        cwd=REPOSITORY,
        timeout=PATIENCE,
        check=True,
    ).stdout
    listed, loaded = said.split("LOADED")
    for name in COMMANDS:
        assert f"│ {name} " in listed
    assert loaded.strip() == "['telemetry.cli.app']"


def test_a_command_that_is_mistyped_gets_the_nearest_name() -> None:
    result = main_in_process("recod")
    assert result.returncode == 2
    assert "No such command 'recod'. Did you mean 'record'" in " ".join(result.stderr.split())


def test_the_program_lists_its_commands_too() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert re.findall(r"^\W*(fields|publish|read) ", result.stdout, re.MULTILINE) == ["read", "fields", "publish"]
