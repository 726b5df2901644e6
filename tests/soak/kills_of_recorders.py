"""Kills of what records a running game: at most one second is lost, no step is there twice, and none is invented."""

import signal
import time
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from tests.soak.held import check_rows, check_steps
from tests.soak.outcome import Kind, Outcome, TrialFailed
from tests.soak.workshop import Running, Workshop, run

MAX_LOST_S: Final = 1.0
MAX_EMPTY_S: Final = 5.0
"""Seconds that a file may be empty: some commands make it before they load what reads the game."""
STEP_S: Final = 0.003
LONGEST_S: Final = 5.0
"""Seconds after the file was made in which the kill comes."""
BEGIN_S: Final = 60.0
"""Seconds in which a recorder must have made its file; generous, because the machine may be busy."""
READ_RATE: Final = "60"


def _arguments(command: str, path: Path, pages: Path) -> list[str | Path]:
    if command == "record":
        return ["record", path, "--source", pages, "--quiet"]
    if command == "read":
        return ["read", "--json-output", path, "--source", pages, "--rate", READ_RATE, "--quiet"]
    serve: list[str | Path] = ["serve", "--source", pages, "--port", "0", "--quiet"]
    return [*serve, "--record" if path.suffix == ".mcap" else "--json-output", path]


def _kill(command: str, suffix: str, shop: Workshop, random: Random) -> Outcome:
    demo = shop.demo()
    with shop.folder() as folder:
        path = folder / f"drive{suffix}"
        with Running(*_arguments(command, path, demo.pages)) as running:
            if random.random() < 0.9:
                _wait_for(path, running, size=random.choice((0, 1, 1)))
            if not running.sleep(random.uniform(0.0, LONGEST_S)):
                raise TrialFailed(f"it ended by itself: {running.said()[1]}")
            exists = path.exists()
            published = demo.packet_id()
            now = time.time()
            running.kill()
        _check_folder(folder, {path.name} if exists or path.exists() else set(), "the kill")
        if not path.exists():
            return Outcome()
        if path.stat().st_size == 0:
            empty_s = now - path.stat().st_mtime
            if empty_s > MAX_EMPTY_S:
                raise TrialFailed(f"{path.name} was still empty {empty_s:.2f} s after it was made")
            return Outcome()
        return Outcome(_check_recording(path, shop, random, published, every_step=command == "record"))


def _wait_for(path: Path, running: Running, *, size: int = 0) -> None:
    """Wait until the recorder has made its file, and written so many bytes."""
    while running.sleep(0.02) and not (path.exists() and path.stat().st_size >= size):
        if running.seconds > BEGIN_S:
            raise TrialFailed(f"it made no file within {BEGIN_S:g} s: {running.said()[1]}")


def _check_recording(path: Path, shop: Workshop, random: Random, published: int, *, every_step: bool) -> float:
    """The seconds that were lost."""
    size = path.stat().st_size
    ended = run("recover", path)
    if ended is None or ended.code or "Traceback" in ended.err:
        raise TrialFailed(f"recover of {size} bytes: {ended}")
    _check_folder(path.parent, {path.name}, "recover")
    demo = shop.demo()
    last = check_steps(path, demo) if path.suffix == ".mcap" else check_rows(path, demo, random, every_step=every_step)
    if last is None:
        return 0.0  # killed before the first step was due on the disk: the file has its header alone
    lost_s = (published - last) * STEP_S
    if lost_s > MAX_LOST_S:
        raise TrialFailed(
            f"{lost_s:.2f} s before the kill are lost: it ends with step {last}, {published} was published"
        )
    return max(lost_s, 0.0)


def _check_folder(folder: Path, expected: set[str], when: str) -> None:
    names = {path.name for path in folder.iterdir()}
    if names != expected:
        raise TrialFailed(f"after {when} the folder holds {sorted(names)}, not {sorted(expected)}")


def _stop_twice(suffix: str, shop: Workshop, random: Random) -> Outcome:
    """Two Ctrl-C in short order: exit code 0 and a whole file."""
    demo = shop.demo()
    with shop.folder() as folder:
        path = folder / f"drive{suffix}"
        with Running(*_arguments("record", path, demo.pages)) as running:
            _wait_for(path, running, size=1)
            running.sleep(random.uniform(0.0, 2.0))
            running.signal(signal.SIGINT)
            running.sleep(random.uniform(0.0, 0.08))
            began = time.monotonic()
            if running.process.poll() is None:
                running.signal(signal.SIGINT)
            ended = running.end(30.0)
            if ended is None or ended.code:
                raise TrialFailed(f"two Ctrl-C ended it with {ended}")
            seconds = time.monotonic() - began
        again = run("recover", path)
        if again is None or again.code or "finished already" not in again.out:
            raise TrialFailed(f"the file was not whole: {again}")
        return Outcome(seconds)


def kinds() -> list[Kind]:
    """A row for each writer and format."""
    lost = "{} s lost"
    found = [
        Kind(
            name=f"kills-{command}-{suffix[1:]}",
            what=f"kill of `{command}` to {suffix}",
            trial=partial(_kill, command, suffix),
            worst=lost,
            digits=2,
        )
        for command, suffixes in (
            ("record", (".mcap", ".jsonl", ".jsonl.zst", ".jsonl.gz")),
            ("read", (".jsonl", ".jsonl.zst", ".jsonl.gz", ".csv", ".csv.gz")),
            ("serve", (".mcap", ".jsonl.zst")),
        )
        for suffix in suffixes
    ]
    stops = [
        Kind(
            name=f"kills-twice-{suffix[1:]}",
            what=f"two Ctrl-C for `record` to {suffix}",
            trial=partial(_stop_twice, suffix),
            worst="{} s until its end",
            digits=2,
        )
        for suffix in (".mcap", ".jsonl.zst")
    ]
    return [*found, *stops]
