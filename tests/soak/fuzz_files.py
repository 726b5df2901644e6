"""Fuzz of everything that is read from a disk: a sentence or a result, within bounded time and memory."""

import json
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

from tests.soak.outcome import Kind, Outcome, TrialFailed
from tests.soak.workshop import REPOSITORY, Workshop

INPUTS: Final = 25
"""Inputs of one trial, in one process."""
MAX_CPU_S: Final = 10.0
"""Seconds of processor time that one command may take for one input, which is small."""
HANGS_S: Final = 180.0
"""Seconds without a word after which a command hangs; generous, because the machine may be busy."""
MEMORY_MB: Final = 2000
"""Address space that a worker may have."""

READERS: Final = {
    "mcap": "recording .mcap",
    "jsonl": "recording .jsonl",
    "jsonl.gz": "recording .jsonl.gz",
    "jsonl.zst": "recording .jsonl.zst",
    "pages": "page files",
    "plan": "plan",
    "manifest": "manifest of a plan",
    "spec": "specification",
    "list": "@list of files",
    "stream": "what a server sends to `read`",
    "game-files": "tracks and cars of the game",
}
"""What is read, by the word of :mod:`tests.soak.fuzz_worker`."""

PARSED: Final = {
    "ld": "MoTeC logs",
    "ldx": "beside MoTeC logs, .ldx",
    "ai": "fast_lane.ai, sections.ini, map.ini and map.png of the game",
}
"""What is read without a command, by the word of :mod:`tests.soak.fuzz_parsers`."""

PARSED_INPUTS: Final = 2000
"""Inputs of one trial of these."""


def _fuzz(reader: str, shop: Workshop, random: Random) -> Outcome:
    """A trial in a process of its own, which says what it begins and what came of it."""
    good = shop.recording(".mcap", 3.0) if reader in READERS else None
    seed = random.getrandbits(48)
    with shop.folder() as folder:
        if good is None:
            words: list[object] = ["tests.soak.fuzz_parsers", reader, seed, PARSED_INPUTS, folder]
        else:
            words = ["tests.soak.fuzz_worker", reader, seed, INPUTS, good, folder]
        command = [sys.executable, "-m", *map(str, words)]
        worker = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=REPOSITORY, text=True
        )
        try:
            slowest, done = _follow(worker)
        except TrialFailed as failed:
            kept = _keep(folder, reader, seed)
            raise TrialFailed(f"{failed}; the input is kept in {kept}") from failed
        finally:
            worker.kill()
            worker.communicate()
        return Outcome(slowest, done)


def _follow(worker: subprocess.Popen[str]) -> tuple[float, int]:
    """The slowest command and how many inputs there were, read from what the worker says."""
    lines: queue.Queue[str | None] = queue.Queue()
    stream = worker.stdout
    assert stream is not None

    def read() -> None:
        with suppress(ValueError):
            for line in stream:
                lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    slowest, done, at_work = 0.0, 0, "its start"
    while True:
        try:
            line = lines.get(timeout=HANGS_S)
        except queue.Empty:
            raise TrialFailed(f"hangs at {at_work}") from None
        if line is None:
            code = worker.wait(60.0)
            if code:
                assert worker.stderr is not None
                raise TrialFailed(f"ended with {code} at {at_work}: {worker.stderr.read()[-1500:]}")
            return slowest, done
        said = json.loads(line)
        at_work = said["at"]
        if failed := said.get("failed"):
            raise TrialFailed(f"{at_work}: {failed}")
        slowest = max(slowest, said.get("seconds", 0.0))
        done += said.get("done", 0)


def _keep(folder: Path, reader: str, seed: int) -> Path:
    """A copy of the input that something failed with, outside the workshop."""
    kept = Path(tempfile.gettempdir(), f"soak-failed-{reader}-{seed}")
    shutil.copytree(folder, kept, dirs_exist_ok=True)
    return kept


def kinds() -> list[Kind]:
    """A row for each kind of file."""
    return [
        Kind(
            name=f"fuzz-{reader}",
            what=f"fuzz: {what}",
            trial=partial(_fuzz, reader),
            worst="{} s of processor time for one input",
            digits=2,
        )
        for reader, what in (READERS | PARSED).items()
    ]
