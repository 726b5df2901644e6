"""The soak from the command line: shares out the time, prints the table, and fails where something failed."""

import argparse
import signal
import sys
import time
from collections.abc import Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from random import Random

from tests.soak import (
    browser,
    folders,
    fuzz_files,
    fuzz_rigs,
    fuzz_stream,
    hostile,
    kills_of_catalogs,
    kills_of_commands,
    kills_of_deliveries,
    kills_of_recorders,
)
from tests.soak.memory import COMMANDS, MemoryWatch
from tests.soak.outcome import Failure, Kind, Outcome, Row, TrialFailed, format_table
from tests.soak.workshop import Workshop


@dataclass(frozen=True, slots=True)
class Area:
    """Kinds of trials that are tried beside each other."""

    kinds: Sequence[Kind]
    share: float
    """Of the whole time."""
    workers: int
    """Trials at a time."""


def areas() -> list[Area]:
    """Everything that is tried, in its order."""
    return [
        Area(kills_of_recorders.kinds(), 0.24, 6),
        Area([*kills_of_commands.kinds(), *kills_of_catalogs.kinds(), *kills_of_deliveries.kinds()], 0.22, 2),
        Area(folders.kinds(), 0.08, 2),
        Area(fuzz_files.kinds(), 0.2, 2),
        Area([*fuzz_stream.kinds(), *fuzz_rigs.kinds()], 0.1, 2),
        Area(hostile.kinds(), 0.12, 1),
        Area(browser.kinds(), 0.04, 1),
    ]


def say(text: str) -> None:
    """Print at once."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def soak(area: Area, shop: Workshop, seed: int, *, seconds: float, count: int | None) -> list[Row]:
    """Try the kinds of an area in turn, in an order of chance, until the time is over, or ``count`` times each."""
    rows = [Row(kind) for kind in area.kinds]
    order = Random(seed).sample(list(zip(area.kinds, rows, strict=True)), len(rows))
    deadline = time.monotonic() + seconds
    waiting: dict[Future[Outcome], tuple[Row, int]] = {}
    number = 0

    def is_wanted() -> bool:
        return number < count * len(rows) if count is not None else time.monotonic() < deadline

    with ThreadPoolExecutor(area.workers) as pool:
        while waiting or is_wanted():
            while len(waiting) < area.workers and is_wanted():
                round_, place = divmod(number, len(rows))
                number += 1
                (kind, row), trial_seed = order[place], seed + round_
                random = Random(f"{kind.name} {trial_seed}")
                waiting[pool.submit(kind.trial, shop, random)] = row, trial_seed
            for future in wait(waiting, return_when=FIRST_COMPLETED).done:
                row, trial_seed = waiting.pop(future)
                _count(row, future, trial_seed)
    shop.stop_demo()
    return rows


def _count(row: Row, future: Future[Outcome], seed: int) -> None:
    try:
        row.add(future.result())
    except TrialFailed as failed:
        sentence = str(failed)
    except Exception as error:  # noqa: BLE001 - one trial that breaks in an unforeseen way must not end all others
        sentence = f"the trial itself broke: {type(error).__name__}: {error}"
    else:
        return
    failure = Failure(row.topic.name, seed, sentence)
    row.fail(failure)
    say(str(failure))


def choose_areas(only: tuple[str, ...]) -> list[Area]:
    """The areas with the kinds of these names, or with these beginnings of names."""
    names = {kind.name for area in areas() for kind in area.kinds}
    whole, beginnings = names & set(only), tuple(set(only) - names)
    return [
        Area(kinds, area.share, area.workers)
        for area in areas()
        if (kinds := [kind for kind in area.kinds if kind.name in whole or kind.name.startswith(beginnings)])
    ]


def try_all(chosen: Sequence[Area], only: tuple[str, ...], seed: int, minutes: float, count: int | None) -> list[Row]:
    """The rows of everything that was chosen, and of the memory that was watched meanwhile."""
    shares = sum(area.share for area in chosen)
    rows: list[Row] = []
    shop = Workshop(seed)
    memory = MemoryWatch(only, minutes)
    try:
        for area in chosen:
            if (reason := browser.missing()) and area.kinds[0].name.startswith("page"):
                rows += [Row(kind, not_tried=reason) for kind in area.kinds]
            else:
                rows += soak(area, shop, seed, seconds=60.0 * minutes * area.share / shares, count=count)
        if not chosen:
            time.sleep(60.0 * minutes)
        watched = memory.rows(seed)
        for failure in (failure for row in watched for failure in row.failures):
            say(str(failure))
        rows += watched
    finally:
        memory.close()
        shop.close()
    return rows


def main() -> int:
    """Run the soak; the exit code is 1 where something failed."""
    parser = argparse.ArgumentParser(prog="scripts/soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=15.0, help="how long, about; default: 15")
    parser.add_argument("--seed", type=int, help="seed of the first trial of each kind; default: the time of day")
    parser.add_argument(
        "--only", default="", metavar="LIST", help="beginnings of names: kills,fuzz or kills-record-mcap"
    )
    parser.add_argument("--count", type=int, metavar="N", help="so many trials of each kind, however long they take")
    options = parser.parse_args()
    seed = int(time.time()) if options.seed is None else options.seed
    only = tuple(options.only.split(","))
    chosen = choose_areas(only)
    if not chosen and not any(f"memory-{name}".startswith(only) for name in COMMANDS):
        names = [kind.name for area in areas() for kind in area.kinds] + [f"memory-{name}" for name in COMMANDS]
        parser.error(f"nothing is called {options.only}; there are {', '.join(names)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    say(f"seed {seed}")
    began = time.monotonic()
    rows = try_all(chosen, only, seed, options.minutes, options.count)
    failures = [failure for row in rows for failure in row.failures]
    kills = sum(row.tried for row in rows if row.topic.name.startswith("kills"))
    say(f"\n{format_table(rows)}\n")
    say(f"seed {seed}, {(time.monotonic() - began) / 60.0:.1f} minutes, {kills} kills, {len(failures)} failed")
    for failure in failures:
        say(f"  {failure.again}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
