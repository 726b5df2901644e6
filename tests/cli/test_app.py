import inspect
import re
import subprocess
import sys

import pytest
from rich.text import Text

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
    assert (result.returncode, result.stdout) == (2, "")
    assert result.stderr == "ac-telemetry: There is no command 'recod'. Did you mean record? See 'main.py --help'.\n"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["overtake"], "There is no command 'overtake'. See 'main.py --help'."),
        (["plan", "rum"], "There is no command 'rum'. Did you mean run? See 'main.py plan --help'."),
        (
            ["read", "--durration", "3"],
            "There is no option --durration. Did you mean --duration? See 'main.py read --help'.",
        ),
        (["read", "--zzz"], "There is no option --zzz. See 'main.py read --help'."),
        (["read", "--duration"], "--duration needs a value."),
        (["read", "--quiet=3"], "--quiet takes no value."),
        (["read", "more", "words"], "Too many arguments: more words. See 'main.py read --help'."),
        (["info"], "Missing argument 'FILE...'. See 'main.py info --help'."),
        (["read", "--duration", "soon"], "--duration: 'soon' is not a time like 90, 90s, 20m, 1:30 or 1h."),
        (["publish", "--duration", "0"], "--duration: '0' must be longer than 0 seconds."),
        (["serve", "--stall-timeout", "0.1s"], "--stall-timeout: '0.1s' is too short; 0.5s is the least."),
        (["read", "--laps", "few"], "--laps few: expected a whole number, 1 or more."),
        (["serve", "--port", "70000"], "--port 70000: expected a whole number from 0 to 65535."),
        (["read", "--steer-lock", "0"], "--steer-lock 0: expected a number of 1 degrees or more."),
        (["read", "--lock-rule", "meen"], "--lock-rule meen: expected greatest or mean. Did you mean mean?"),
        (["dataset", "zip", "x.mcap"], "FORMAT zip: expected assetto_corsa_gym, minari, parquet, lerobot or npz."),
    ],
)  # fmt: skip
def test_wrong_arguments_are_a_sentence_of_ours(arguments: list[str], sentence: str) -> None:
    result = main_in_process(*arguments)
    assert (result.returncode, result.stdout, result.stderr) == (2, "", f"ac-telemetry: {sentence}\n")


@pytest.mark.parametrize("arguments", [[], ["plan"]])
def test_a_group_without_a_command_shows_its_help(arguments: list[str]) -> None:
    result = main_in_process(*arguments)
    assert (result.returncode, "Commands" in result.stdout + result.stderr) == (2, True)


def test_the_program_lists_its_commands_too() -> None:
    result = run("--help")
    assert result.returncode == 0
    assert re.findall(r"^\W*(fields|publish|read) ", result.stdout, re.MULTILINE) == ["read", "fields", "publish"]


def test_ctrl_c_while_a_command_loads_is_a_sentence_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(name: str) -> None:
        raise KeyboardInterrupt(name)

    monkeypatch.setattr("telemetry.cli.app.load_command", interrupt)
    result = main_in_process("laps", "drive.mcap")
    assert (result.returncode, result.stdout) == (130, "")
    assert result.stderr == "ac-telemetry: Stopped before it was done.\n"


def plain_words(markup: str) -> list[str]:
    return Text.from_markup(markup).plain.split()


@pytest.mark.parametrize("name", [*COMMANDS, "plan run"])
def test_help_at_80_columns_breaks_and_cuts_no_word(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    group, *rest = name.split()
    command = load_command(group)
    for part in rest:
        command = command.commands[part]
    shown = main_in_process(*name.split(), "--help").stdout
    assert max(map(len, shown.splitlines())) == (79 if sys.platform == "win32" else 80)  # Rich leaves one free there
    assert "\N{HORIZONTAL ELLIPSIS}" not in shown
    words = plain_words(command.help)
    for param in command.params:
        if getattr(param, "hidden", False):
            continue
        words += plain_words(param.help or "")
        if param.param_type_name == "option":
            words += param.opts
        if param.metavar:
            words += param.metavar.split()
    assert [word for word in words if word not in set(shown.split())] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_help_shows_no_type_for_flags(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    shown = main_in_process(name, "--help").stdout
    assert "--help" in shown
    assert "<bool>" not in shown


@pytest.mark.parametrize("name", ["read", "convert", "dataset", "serve", "serve-acgym", "record"])
def test_rates_are_described_alike_in_every_command(name: str) -> None:
    rate = next(param for param in load_command(name).params if param.name == "rate")
    assert re.match(r"(Samples|Steps|States) per second, from 0\.1 to 333, like 60\. Default: ", rate.help)


def test_the_least_speed_of_slip_is_in_kmh() -> None:
    result = main_in_process("read", "--source", "demo", "--min-speed", "slow")
    assert result.stderr == "ac-telemetry: --min-speed slow: expected a number of 0.5 km/h or more.\n"
