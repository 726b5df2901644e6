"""``serve --collect``: the streams of many rigs from one place."""

import math
import os
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

import typer

from telemetry.base.clock import Clock
from telemetry.base.errors import UsageError
from telemetry.base.text import format_count
from telemetry.cli._shared.messages import print_lines, print_message
from telemetry.cli._shared.options import tune_for_low_latency
from telemetry.cli._shared.stopping import stop_on_signal

if TYPE_CHECKING:
    from telemetry.stream import ServerOptions

TOKEN_VARIABLE: Final = "AC_TELEMETRY_RIG_TOKEN"  # noqa: S105 - the name of a variable
"""Holds the token of all rigs whose address has none."""

_NEWS_INTERVAL_S: Final = 0.2

_TAKEN: Final = frozenset(
    (
        *("collect", "duration", "quiet", "host", "port", "token"),
        *("allow_origin", "clients_per_address", "stall_timeout", "compress"),
    )
)
"""The options of ``serve`` that mean something for many rigs."""


def check_collect_options(ctx: typer.Context) -> None:
    """Raise UsageError for an option that means something for one source only."""
    for parameter in ctx.command.params:
        origin = ctx.get_parameter_source(parameter.name or "")
        if parameter.name not in _TAKEN and origin is not None and origin.name == "COMMANDLINE":
            raise UsageError(f"{parameter.opts[0]} has no meaning with --collect; give it to the rigs.")


def run_collect_server(rigs: str, options: "ServerOptions", *, duration: float | None, quiet: bool) -> None:
    """Serve these rigs until the user ends it; raises UsageError for what is no list of rigs."""
    from telemetry.stream import CollectServer, parse_rigs

    addresses = parse_rigs(rigs, os.environ.get(TOKEN_VARIABLE) or None)
    clock = Clock()
    tune_for_low_latency()
    with stop_on_signal(clock), CollectServer(options, addresses) as server:
        if not quiet:
            query = address_query(options.token)
            page = server.url.replace("ws:", "http:", 1)
            print_lines(
                f"Collecting {format_count(len(addresses), 'rig')} at {server.url}{query} - "
                f"in a browser: {page}{query or '/'} - Ctrl-C ends."
            )
        end = math.inf if duration is None else clock.now() + duration
        while not clock.stopped and clock.now() < end:
            for sentence in server.take_news():
                if not quiet:
                    print_message(sentence)
            clock.sleep_until(clock.now() + _NEWS_INTERVAL_S)


def address_query(token: str | None) -> str:
    """What follows a server's address for its clients: the token, if there is one."""
    return f"/?token={quote(token, safe='')}" if token else ""
