"""The thresholds of the derived fields as options, declared once for every command that takes them all."""

import inspect
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Annotated, Any, Final

import typer

from telemetry.fields.derived import DEFAULTS, Thresholds

_PANEL: Final = "Thresholds of the derived fields"


def _option(meaning: str, minimum: float = 0.0, maximum: float | None = 1.0, metavar: str | None = None) -> Any:
    kind = typer.Option(min=minimum, max=maximum, metavar=metavar, rich_help_panel=_PANEL, help=meaning)
    return Annotated[float, kind]


_OPTIONS: Final[Mapping[str, Any]] = {
    "steer_lock": Annotated[
        float | None,
        typer.Option(
            min=1.0,
            metavar="DEG",
            rich_help_panel=_PANEL,
            help="The car's steering lock to one side, for steer_degrees.",
        ),
    ],
    "tyres_out": Annotated[
        int, typer.Option(min=1, max=4, rich_help_panel=_PANEL, help="Tyres off the track that spoil a lap.")
    ],
    "lock_brake": _option("Brake above which lock-up is looked for."),
    "lock_slip": _option("Mean slip ratio that is lock-up."),
    "locked_wheel": _option("Share of its rolling speed below which a wheel is locked."),
    "brake_on": _option("Brake above which a wheel can be locked."),
    "min_speed": _option("Speed below which there are no slip ratios.", 0.1, None, "M/S"),
    "tyre_floor": Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=99.9,
            rich_help_panel=_PANEL,
            help="tyre_wear of a worn-out tyre. Default: by the compound where that is known, else 88.",
        ),
    ],
    "tyre_damaged": _option("tyre_worn of a damaged tyre."),
    "tyre_critical": _option("tyre_worn of a tyre at its end."),
    "damaged": _option("damage_level of damaged bodywork."),
    "critical": _option("damage_level of critical bodywork."),
}

THRESHOLD_NAMES: Final = tuple(_OPTIONS)
"""The parameters that :func:`with_threshold_options` adds to a command."""


def with_threshold_options(command: Callable[..., None]) -> Callable[..., None]:
    """The command with an option for every threshold; it gets them as one argument ``thresholds``."""

    @wraps(command)
    def run(**given: Any) -> None:
        thresholds = Thresholds(**{name: given.pop(name) for name in _OPTIONS})
        command(**given, thresholds=thresholds)

    signature = inspect.signature(command)
    own = [parameter for name, parameter in signature.parameters.items() if name != "thresholds"]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=getattr(DEFAULTS, name), annotation=option)
        for name, option in _OPTIONS.items()
    ]
    # What typer reads to make options.
    run.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]  # of any function
    run.__annotations__ = {
        **{name: hint for name, hint in command.__annotations__.items() if name != "thresholds"},
        **_OPTIONS,
    }
    return run
