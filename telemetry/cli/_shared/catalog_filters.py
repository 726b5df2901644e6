"""The options that choose laps of a catalog."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from telemetry.cli._shared.catalog_completion import complete_names

if TYPE_CHECKING:
    from telemetry.catalog.state import Row

Track = Annotated[
    str | None,
    typer.Option(
        metavar="NAME", help="Only of this track; patterns like ks_* too.", autocompletion=complete_names("track")
    ),
]
Car = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only with this car.", autocompletion=complete_names("car"))
]
Driver = Annotated[
    str | None, typer.Option(metavar="NAME", help="Only of this driver.", autocompletion=complete_names("driver"))
]


@dataclass(frozen=True, slots=True, kw_only=True)
class FilterOptions:
    """Which laps are wanted, and in which order."""

    track: Track = None
    car: Car = None
    driver: Driver = None
    session: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only of practice, race, ...", autocompletion=complete_names("session")),
    ] = None
    valid: Annotated[bool, typer.Option("--valid", help="Only valid laps.")] = False
    faster_than: Annotated[
        str | None, typer.Option(metavar="TIME", show_default=False, help="Only below this official time, like 1:16.5.")
    ] = None
    since: Annotated[
        str | None, typer.Option(metavar="DATE", show_default=False, help="Only from this day on, like 2026-03-01.")
    ] = None
    sort: Annotated[str, typer.Option(metavar="KEY", help="time, date, track, car, driver or speed.")] = "date"
    limit: Annotated[int | None, typer.Option(min=1, metavar="N", help="At most so many laps.")] = None

    def choose(self, laps: "Sequence[Row]") -> "list[Row]":
        """The laps that are wanted; UsageError for a value that is none."""
        from telemetry.catalog.filters import LapFilter, parse_day, parse_lap_time, sort_laps

        chosen = LapFilter(
            track=self.track,
            car=self.car,
            driver=self.driver,
            session=self.session,
            valid=self.valid,
            faster_than_ms=None if self.faster_than is None else parse_lap_time(self.faster_than, "--faster-than"),
            since=None if self.since is None else parse_day(self.since, "--since"),
        )
        return sort_laps(chosen.choose(laps), self.sort)[: self.limit]
