"""Kills of what changes a catalog: it is whole after each, and the same command then makes what it makes unkilled."""

import shutil
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from random import Random

from telemetry.catalog.state import CatalogState, load_state
from tests.soak.kills_of_commands import LAP_S, SOURCE_S, kill_within, run_well, tree
from tests.soak.outcome import Kind, Outcome, TrialFailed
from tests.soak.workshop import Workshop

COMMANDS = ("add", "rebuild", "remove")


def _sources(shop: Workshop) -> list[Path]:
    """A recording that every catalog has, and two that are added."""
    return [
        shop.recording(".mcap", SOURCE_S),
        shop.recording(".mcap", LAP_S),
        shop.recording(".jsonl.zst", SOURCE_S + 5.0),
    ]


def _prepare(command: str, sources: Sequence[Path], catalog: Path) -> None:
    """The catalog that the command changes: in several files for ``rebuild``, in one for ``remove``."""
    run_well("catalog", "add", *(sources[:1] if command == "add" else sources), "--catalog", catalog)
    if command == "remove":
        run_well("catalog", "rebuild", "--catalog", catalog)


def _arguments(command: str, sources: Sequence[Path], catalog: Path) -> list[str | Path]:
    wanted = {"add": sources, "rebuild": [], "remove": sources[1:2]}[command]
    return ["catalog", command, *wanted, "--catalog", catalog]


def _ids(state: CatalogState) -> list[str]:
    return [row["lap_id"] for row in state.laps]


def _change(command: str, shop: Workshop, random: Random) -> Outcome:
    sources = _sources(shop)
    with shop.folder() as folder:
        before, catalog, unkilled = (folder / name for name in ("before", "catalog", "unkilled"))
        _prepare(command, sources, before)
        shutil.copytree(before, unkilled)
        seconds = run_well(*_arguments(command, sources, unkilled)).seconds
        shutil.copytree(before, catalog)
        kill_within(_arguments(command, sources, catalog), seconds, random)
        _check_whole(catalog, _ids(load_state(before)), _ids(load_state(unkilled)))
        known = {*tree(before), *tree(unkilled)}
        left = sum((catalog / name).stat().st_size for name in tree(catalog) if name not in known) / 1e6
        paths = {row["path"] for row in load_state(catalog).recordings}
        is_gone = command == "remove" and str(sources[1].resolve()) not in paths
        # What is removed cannot be removed again: any change clears what the killed one left.
        run_well(*_arguments("add" if is_gone else command, sources[:1] if is_gone else sources, catalog))
        if tree(catalog) != tree(unkilled):
            raise TrialFailed(
                f"after the next run it is not what a run makes that nobody kills: {sorted(tree(catalog))}"
            )
        return Outcome(left)


def _check_whole(catalog: Path, before: list[str], after: list[str]) -> None:
    """Every file is what is known of it, and no lap is missing that both catalogs have, or in none of them."""
    said = run_well("catalog", "check", "--catalog", catalog).out
    if not said.endswith("all as they were.\n"):
        raise TrialFailed(f"after the kill the catalog is not whole: {said}")
    found = _ids(load_state(catalog))
    if len(set(found)) != len(found):
        raise TrialFailed(f"after the kill a lap is there twice: {found}")
    if not set(before) & set(after) <= set(found) <= set(before) | set(after):
        raise TrialFailed(f"after the kill the catalog has the laps {found}, before {before}")


def kinds() -> list[Kind]:
    """A row for each command that changes a catalog."""
    return [
        Kind(
            name=f"kills-catalog-{command}",
            what=f"kill of `catalog {command}`",
            trial=partial(_change, command),
            worst="{} MB left until the next run",
            digits=1,
        )
        for command in COMMANDS
    ]
