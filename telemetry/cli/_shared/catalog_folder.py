"""``--catalog``: which catalog a command asks."""

import os
from typing import Annotated, Final

import typer

from telemetry.catalog.places import parse_place
from telemetry.catalog.store import CatalogStore

CATALOG_VARIABLE: Final = "AC_TELEMETRY_CATALOG"

_USUAL: Final = "catalog"

DEFAULT_CATALOG: Final = parse_place(_USUAL)

CatalogFolder = Annotated[
    CatalogStore,
    typer.Option(
        "--catalog",
        parser=parse_place,
        metavar="PLACE",
        envvar=CATALOG_VARIABLE,
        help="The folder of the catalog, or [bold]s3://bucket/prefix[/].",
    ),
]


def catalog_of_environment() -> CatalogStore:
    """The catalog of a command that has no ``--catalog``."""
    return parse_place(os.environ.get(CATALOG_VARIABLE) or _USUAL)
