from dataclasses import dataclass
from typing import Annotated

import pytest
import typer
from typer.testing import CliRunner

from telemetry.cli._shared.option_groups import OptionGroup, expand_option_groups


@dataclass(frozen=True, kw_only=True)
class Speed:
    speed_kmh: Annotated[float, typer.Option(min=0.0, help="How fast.")] = 100.0
    backwards: Annotated[bool, typer.Option("--backwards")] = False


@dataclass(frozen=True, kw_only=True)
class Plain:
    gear: int = 1
    secret: int = 7


def drive(
    car: str,
    speed: Speed,
    plain: Annotated[Plain, OptionGroup({"gear": Annotated[int, typer.Option(max=6)]}, hidden=True)],
    laps: int = 1,
) -> None:
    """Drive a car."""
    typer.echo(f"{car} {speed} {plain} {laps}")


def run(*arguments: str) -> tuple[int, str]:
    app = typer.Typer()
    app.command()(expand_option_groups(drive))
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, " ".join(result.output.split())


def test_a_command_gets_one_object_for_each_group() -> None:
    assert run("lotus", "--speed-kmh", "80", "--backwards", "--gear", "3", "--laps", "2") == (
        0,
        "lotus Speed(speed_kmh=80.0, backwards=True) Plain(gear=3, secret=7) 2",
    )


def test_options_that_are_not_given_keep_the_defaults_of_the_group() -> None:
    assert run("lotus") == (0, "lotus Speed(speed_kmh=100.0, backwards=False) Plain(gear=1, secret=7) 1")


def test_limits_of_an_option_hold() -> None:
    assert run("lotus", "--speed-kmh", "-1")[0] == run("lotus", "--gear", "7")[0] == 2


def test_a_field_that_is_not_an_option_cannot_be_given() -> None:
    assert run("lotus", "--secret", "8")[0] == 2


def test_hidden_options_are_not_listed() -> None:
    code, text = run("--help")
    assert code == 0
    assert "--speed-kmh" in text
    assert "--gear" not in text


def test_a_field_without_a_default_is_not_an_option() -> None:
    @dataclass(frozen=True)
    class Needed:
        count: Annotated[int, typer.Option()]

    def command(needed: Needed) -> None:
        raise AssertionError(needed)

    command.__annotations__["needed"] = Needed
    with pytest.raises(TypeError, match=r"Needed\.count needs a default to be an option\."):
        expand_option_groups(command)
