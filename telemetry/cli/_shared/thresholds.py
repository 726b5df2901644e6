"""The thresholds of the derived fields as options, declared once for every command."""

from typing import Annotated, Any, Final

import typer

from telemetry.cli._shared.option_groups import OptionGroup
from telemetry.fields.thresholds import LockRule, Thresholds

_PANEL: Final = "Thresholds of the derived fields"


def _option(meaning: str, minimum: float = 0.0, maximum: float | None = 1.0, metavar: str = "X") -> Any:
    return typer.Option(min=minimum, max=maximum, metavar=metavar, rich_help_panel=_PANEL, help=meaning)


_TYRES_OUT_HELP: Final = "Tyres off the track that make a lap invalid."

TyresOut = Annotated[int, typer.Option(min=1, max=4, metavar="N", help=_TYRES_OUT_HELP)]
"""The one threshold of commands that are about laps only."""

SteerLock = Annotated[
    float | None,
    typer.Option(
        min=1.0, metavar="DEG", rich_help_panel=_PANEL, help="Steering lock of the car to one side, for steer_degrees."
    ),
]

AllThresholds = Annotated[
    Thresholds,
    OptionGroup(
        {
            "tyres_out": Annotated[int, _option(_TYRES_OUT_HELP, 1, 4, "N")],
            "lock_brake": Annotated[float, _option("Brake pedal (0 to 1) above which lock-up can be detected.")],
            "lock_rule": Annotated[
                LockRule,
                typer.Option(
                    rich_help_panel=_PANEL,
                    help="Lock-up by the wheel on the road that locks most, or by the mean of the four slip ratios.",
                ),
            ],
            "lock_slip": Annotated[
                float | None,
                _option("Slip ratio above which wheels lock up. Default: 0.7, or 0.5 for the rule mean."),
            ],
            "min_load": Annotated[
                float, _option("Load of a wheel below which it is in the air and cannot lock up.", 0.0, None, "N")
            ],
            "brake_on": Annotated[float, _option("Brake pedal (0 to 1) above which a wheel can be locked.")],
            "locked_wheel": Annotated[
                float, _option("A wheel is locked below this fraction of its free rolling speed.")
            ],
            "min_speed_kmh": Annotated[
                float,
                typer.Option(
                    "--min-speed",
                    min=0.5,
                    metavar="KM/H",
                    rich_help_panel=_PANEL,
                    help="Speed in km/h below which slip ratios are null.",
                ),
            ],
            "damaged": Annotated[float, _option("damage_level above which bodywork is damaged.")],
            "critical": Annotated[float, _option("damage_level above which bodywork damage is critical.")],
            "tyre_floor": Annotated[
                float | None,
                _option("tyre_wear of a worn-out tyre. Default: that of a known compound, else 88.", 0.0, 99.9),
            ],
            "tyre_damaged": Annotated[float, _option("tyre_worn above which a tyre is damaged.")],
            "tyre_critical": Annotated[float, _option("tyre_worn above which a tyre is worn out.")],
            "steer_lock": SteerLock,
        }
    ),
]
"""A parameter with an option for each threshold, for :func:`expand_option_groups`."""
