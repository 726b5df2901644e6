"""Folders that are full and folders that vanish: a sentence, a non-zero exit code, and nothing lost that was there."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cache, partial
from pathlib import Path
from random import Random
from typing import Final

from telemetry.formats.mcap.recording import McapRecording
from tests.soak.held import read_rows
from tests.soak.kills_of_commands import LAP_S, OLD, PLAN, run_well, tree
from tests.soak.outcome import Kind, Outcome, TrialFailed
from tests.soak.workshop import Ended, Running, Workshop, run

LIMIT_KB: Final = (64, 700)
"""Between these sizes a folder is full."""
MAX_NOTICED_S: Final = 10.0
"""Seconds after which a command that writes to a folder that is gone must have ended."""


@cache
def can_mount() -> bool:
    """Whether this user may mount small file systems; otherwise the size of each file is limited."""
    if sys.platform != "linux" or os.geteuid() != 0 or not shutil.which("mount"):
        return False
    folder = Path("/tmp/soak-can-mount")
    folder.mkdir(exist_ok=True)
    try:
        with _mounted(folder, 64):
            return True
    except subprocess.CalledProcessError:
        return False
    finally:
        folder.rmdir()


@contextmanager
def _mounted(folder: Path, size_kb: int) -> Iterator[None]:
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "soak", folder], check=True, capture_output=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True, capture_output=True)


@contextmanager
def _small_folder(shop: Workshop, random: Random) -> Iterator[tuple[Path, tuple[str, ...]]]:
    """A folder with little room, and what a command has to be started with to feel it."""
    size_kb = random.randint(*LIMIT_KB)
    with shop.folder() as outer:
        folder = outer / "small"
        folder.mkdir()
        if can_mount():
            with _mounted(folder, size_kb):
                yield folder, ()
        else:
            yield folder, ("bash", "-c", f'ulimit -f {size_kb}; exec "$@"', "soak")


def _check_refusal(ended: Ended | None, *about: str) -> None:
    """TrialFailed where the command did not end with a sentence that has one of these words."""
    if ended is None:
        raise TrialFailed("the command hangs")
    if ended.code == 0:
        raise TrialFailed("the command ended with 0")
    if "Traceback" in ended.err or ended.code < 0:
        raise TrialFailed(f"the command broke with {ended.code}: {ended.err[-2000:]}")
    if not any(word in ended.err for word in about):
        raise TrialFailed(f"no word about {' or '.join(about)}: {ended.err[-500:]!r}")


def _full_record(suffix: str, shop: Workshop, random: Random) -> Outcome:
    with _small_folder(shop, random) as (folder, wrapper), shop.folder() as roomy:
        path = folder / f"drive{suffix}"
        demo = ["--source", "demo", "--speed", "max", "--seed", str(random.randrange(1000)), "--duration", "120"]
        _check_refusal(run("record", path, *demo, "--quiet", wrapper=wrapper), path.name)
        names = set(tree(folder))
        if names - {path.name}:
            raise TrialFailed(f"left behind: {sorted(names)}")
        if not names:
            return Outcome()
        copy = Path(shutil.copy(path, roomy))
        run_well("recover", copy)
        if suffix == ".mcap" and not McapRecording(copy).complete:
            raise TrialFailed("what was kept is truncated after recover")
        if suffix != ".mcap":
            read_rows(copy)
        return Outcome()


def _full_command(words: Sequence[str], out: str, shop: Workshop, random: Random) -> Outcome:
    """A command that makes ``out`` as a whole: nothing is left of it, and the old output stays."""
    source = shop.recording(".mcap", 30.0)
    with _small_folder(shop, random) as (folder, wrapper):
        target = folder / out
        replaces = "--overwrite" in words
        if replaces:
            target.write_bytes(OLD)
        arguments = [source if word == "IN" else target if word == "OUT" else word for word in words]
        ended = run(*arguments, wrapper=wrapper)
        if ended is not None and ended.code == 0 and target.exists():
            return Outcome()  # there was room enough
        _check_refusal(ended, str(folder), source.name)
        if replaces and target.read_bytes() != OLD:
            raise TrialFailed("the old output was changed")
        # A dataset goes on where it stopped; its folder of work is no rest.
        found = {name for name in tree(folder) if words[0] != "dataset" or not name.startswith(".unfinished-")}
        if behind := sorted(found - ({out} if replaces else set())):
            raise TrialFailed(f"left behind: {', '.join(behind)}")
        return Outcome()


def _full_plan(shop: Workshop, random: Random) -> Outcome:
    with _small_folder(shop, random) as (folder, wrapper), shop.folder() as roomy:
        plan = roomy / "plan.toml"
        plan.write_text(PLAN.format(suffix=".mcap"))
        out = folder / "out"
        source: list[str | Path] = ["--source", shop.recording(".mcap", LAP_S), "--speed", "max", "--quiet"]
        _check_refusal(run("plan", "run", plan, out, *source, wrapper=wrapper), str(out))
        again = roomy / "again"
        if out.exists():
            shutil.copytree(out, again)
        run_well("plan", "run", plan, again, *source)
        if behind := [name for name in tree(again) if "unfinished" in name or "recovering" in name]:
            raise TrialFailed(f"left behind: {', '.join(behind)}")
        return Outcome()


def _vanish(command: str, suffix: str, shop: Workshop, random: Random) -> Outcome:
    demo = shop.demo()
    with shop.folder() as outer:
        folder = outer / "folder"
        folder.mkdir()
        path = folder / f"drive{suffix}"
        arguments: list[str | Path] = ["record", path] if command == "record" else ["read", "--json-output", path]
        with Running(*arguments, "--source", demo.pages, "--quiet") as running:
            while running.sleep(0.05) and not (path.exists() and path.stat().st_size) and running.seconds < 60.0:
                pass
            running.sleep(random.uniform(0.0, 1.0))
            if random.random() < 0.5:
                shutil.rmtree(folder)
            else:
                folder.rename(outer / "moved")
            began = time.monotonic()
            ended = running.end(3 * MAX_NOTICED_S)
            seconds = time.monotonic() - began
        _check_refusal(ended, path.name)
        if seconds > MAX_NOTICED_S:
            raise TrialFailed(f"it ended {seconds:.1f} s after the folder had gone")
        return Outcome(seconds)


def kinds() -> list[Kind]:
    """A row for each writer."""
    way = "full folder" if can_mount() else "full file (ulimit)"
    records = [
        Kind(
            name=f"folders-full-record-{suffix[1:]}",
            what=f"{way}: `record` to {suffix}",
            trial=partial(_full_record, suffix),
            worst="what was kept is whole",
        )
        for suffix in (".mcap", ".jsonl", ".jsonl.zst")
    ]
    makers = {
        "convert": (["convert", "IN", "OUT", "--quiet", "--overwrite"], "out.csv"),
        "convert-parquet": (["convert", "IN", "OUT", "--quiet"], "out.parquet"),
        "dataset": (["dataset", "npz", "IN", "-o", "OUT", "--episode", "session", "--quiet"], "out"),
    }
    commands = [
        Kind(
            name=f"folders-full-{name}",
            what=f"{way}: `{words[0]}` to {out}",
            trial=partial(_full_command, words, out),
            worst="nothing left of it",
        )
        for name, (words, out) in makers.items()
    ]
    plan = Kind(name="folders-full-plan", what=f"{way}: `plan run`", trial=_full_plan, worst="complete with more room")
    vanished = [
        Kind(
            name=f"folders-vanished-{command}-{suffix[1:]}",
            what=f"vanished folder: `{command}` to {suffix}",
            trial=partial(_vanish, command, suffix),
            worst="{} s until its end",
            digits=2,
        )
        for command, suffix in (("record", ".mcap"), ("record", ".jsonl.zst"), ("read", ".jsonl"))
    ]
    return [*records, *commands, plan, *vanished]
