"""Kills of what makes files out of files: the next run ends well, makes the same, and leaves nothing behind."""

import hashlib
import json
import re
import shutil
import signal
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Final

import zstandard
from mcap.reader import make_reader

from telemetry.base.errors import SourceError
from telemetry.formats.mcap.recording import McapRecording
from tests.soak.outcome import Kind, Outcome, TrialFailed
from tests.soak.workshop import Ended, Running, Workshop, run

SOURCE_S: Final = 10.0
LAP_S: Final = 90.0
"""Seconds in which the demo drives its first lap to the end."""
OLD: Final = b"the old output"
PLAN: Final = """\
rate = 20
format = "{suffix}"
template = "{{run}}_{{datetime}}"
[[run]]
name = "one"
laps = 1
"""


CREATED: Final = re.compile(rb"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")
"""When a file of MCAP says that it was made: all that may differ between two runs."""


def tree(folder: Path, *, without: Sequence[str] = ()) -> dict[str, str]:
    """Digests of all files in and below a folder, by their path in it."""
    return {
        str(path.relative_to(folder)): _digest(path)
        for path in sorted(folder.rglob("*"))
        if path.is_file() and str(path.relative_to(folder)) not in without
    }


def _digest(path: Path) -> str:
    """The digest of a file; of a whole MCAP file that of what stands before its summary, a blank, that of the summary.

    The checksum in a summary is not in it: it covers when the file was made.
    """
    data, summary = path.read_bytes(), ""
    if path.suffix == ".mcap" and _is_complete(path):
        with path.open("rb") as file:
            reader = make_reader(file)
            summaries = [json.loads(zstandard.decompress(found.data))["summary"] for found in reader.iter_attachments()]
            index = reader.get_summary()
        assert index is not None, "a complete file has one"
        data = data[: min((found.offset for found in index.attachment_indexes), default=_data_end(data))]
        if summaries:
            summary = " " + hashlib.sha256(json.dumps(summaries).encode()).hexdigest()[:16]
    return hashlib.sha256(CREATED.sub(b"", data, 1)).hexdigest()[:16] + summary


def _is_complete(path: Path) -> bool:
    try:
        return McapRecording(path).complete
    except SourceError:  # too little of it is written
        return False


def _data_end(data: bytes) -> int:
    """Where the record stands that ends the data of a whole MCAP file."""
    summary_begin = int.from_bytes(data[-28:-20], "little")  # in the footer, in front of two more numbers and the magic
    return summary_begin - 13


def _leftover_mb(folder: Path, expected: Sequence[str]) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and path.name not in expected) / 1e6


def run_well(*arguments: str | Path) -> Ended:
    """Run a command that must end well."""
    ended = run(*arguments)
    if ended is None:
        raise TrialFailed(f"{' '.join(map(str, arguments))} hangs")
    if ended.code or "Traceback" in ended.err:
        raise TrialFailed(f"{' '.join(map(str, arguments))} ended with {ended.code}: {ended.err[-2000:]}")
    return ended


def kill_within(arguments: Sequence[str | Path], seconds: float, random: Random) -> None:
    """Start a command that takes so long, and kill it at a random moment, if it has not ended yet.

    Half of the kills are for the command alone, whose children then have to end by themselves.
    """
    group = random.random() < 0.5
    with Running(*arguments) as running:
        # The first third is the start of Python, in which nothing is written.
        if not running.sleep(random.uniform(0.3, 1.1) * seconds):
            return
        running.signal(signal.SIGKILL)
        if group:
            running.kill()
            return
        running.process.wait()
        deadline = time.monotonic() + 10.0
        while running.has_children():
            if time.monotonic() > deadline:
                raise TrialFailed("processes of the killed command go on without it")
            time.sleep(0.05)


def _measure(
    shop: Workshop, name: str, work: Callable[[Path], tuple[Ended, dict[str, str]]]
) -> tuple[float, dict[str, str]]:
    """How long the command takes, and the digests of what it makes; measured at its first use."""
    if name not in shop.typical_seconds:
        with shop.folder() as folder:
            ended, digests = work(folder)
        shop.digests[name] = digests
        shop.typical_seconds[name] = ended.seconds
    return shop.typical_seconds[name], shop.digests[name]


def _convert(suffix: str, shop: Workshop, random: Random) -> Outcome:
    source = shop.recording(".mcap", SOURCE_S)  # lines have no id, and each conversion to pages would give them another

    def arguments(folder: Path) -> list[str | Path]:
        return ["convert", source, folder / f"out{suffix}", "--rate", "200", "--overwrite", "--quiet"]

    def work(folder: Path) -> tuple[Ended, dict[str, str]]:
        return run_well(*arguments(folder)), tree(folder)

    seconds, made = _measure(shop, f"convert{suffix}", work)
    with shop.folder() as folder:
        out = folder / f"out{suffix}"
        replaces = random.random() < 0.5
        if replaces:
            out.write_bytes(OLD)
        kill_within(arguments(folder), seconds, random)
        if out.exists() and out.read_bytes() != OLD and not _is_made(out, made):
            raise TrialFailed(f"{out.name} is neither the old output nor the new one after the kill")
        if replaces and not out.exists():
            raise TrialFailed("the old output is gone after the kill")
        left = _leftover_mb(folder, [out.name])
        shop.typical_seconds[f"convert{suffix}"] = run_well(*arguments(folder)).seconds
        _compare(tree(folder), made)
        return Outcome(left)


def _is_made(path: Path, made: dict[str, str]) -> bool:
    """Whether this file is what a run makes. Its summary, which is stored last, may be missing still."""
    digest = made[path.name]
    return _digest(path) in (digest, digest.split()[0])


def _compare(found: dict[str, str], made: dict[str, str]) -> None:
    if behind := sorted(found.keys() - made.keys()):
        raise TrialFailed(f"left behind by the killed run after the next one: {', '.join(behind)}")
    if found != made:
        names = [name for name in made if found.get(name) != made[name]]
        raise TrialFailed(f"not what a run makes that nobody kills: {', '.join(names)}")


def _recover(suffix: str, shop: Workshop, random: Random) -> Outcome:
    data = shop.recording(suffix, SOURCE_S).read_bytes()
    cut = data[: int(len(data) * random.uniform(0.6, 0.99))]

    def work(folder: Path) -> tuple[Ended, dict[str, str]]:
        (folder / f"drive{suffix}").write_bytes(cut)
        return run_well("recover", folder / f"drive{suffix}"), tree(folder)

    with shop.folder() as folder:
        ended, made = work(folder)
    seconds = ended.seconds
    with shop.folder() as folder:
        path = folder / f"drive{suffix}"
        path.write_bytes(cut)
        kill_within(["recover", path], seconds, random)
        if not path.exists() or (path.read_bytes() != cut and not _is_made(path, made)):
            raise TrialFailed("after the kill the recording is neither the old one nor the recovered one")
        left = _leftover_mb(folder, [path.name])
        run_well("recover", path)
        _compare(tree(folder), made)
        return Outcome(left)


def _dataset(name: str, shop: Workshop, random: Random) -> Outcome:
    sources = [shop.recording(".mcap", SOURCE_S), shop.recording(".jsonl.zst", SOURCE_S + 5.0)]

    def arguments(folder: Path) -> list[str | Path]:
        return ["dataset", name, *sources, "-o", folder / "out", "--episode", "session", "--jobs", "2", "--quiet"]

    def work(folder: Path) -> tuple[Ended, dict[str, str]]:
        return run_well(*arguments(folder)), tree(folder)

    seconds, made = _measure(shop, f"dataset-{name}", work)
    with shop.folder() as folder:
        kill_within(arguments(folder), seconds, random)
        out = folder / "out"
        if out.exists():
            _compare(tree(out), {name.removeprefix("out/"): digest for name, digest in made.items()})
            shutil.rmtree(out)  # it was complete: the next run would refuse to change it
        left = _leftover_mb(folder, [])
        shop.typical_seconds[f"dataset-{name}"] = run_well(*arguments(folder)).seconds
        _compare(tree(folder), made)
        return Outcome(left)


def _plan(suffix: str, shop: Workshop, random: Random) -> Outcome:
    with shop.folder() as folder:
        plan = folder / "plan.toml"
        plan.write_text(PLAN.format(suffix=suffix))
        out = folder / "out"
        arguments: list[str | Path] = [
            "plan",
            "run",
            plan,
            out,
            "--source",
            shop.recording(".mcap", LAP_S),
            "--speed",
            "max",
            "--quiet",
        ]
        seconds = shop.typical_seconds.get(f"plan{suffix}", 4.0)
        kill_within(arguments, seconds, random)
        begun_again_s = run_well(*arguments).seconds
        shop.typical_seconds[f"plan{suffix}"] = begun_again_s
        _check_plan(out, suffix)
        return Outcome(begun_again_s)


def _check_plan(out: Path, suffix: str) -> None:
    manifest = json.loads((out / "manifest.json").read_bytes())
    kept = [lap for run_ in manifest["runs"] for lap in run_["laps"] if lap["kept"]]
    places = [(lap["file"], json.dumps(lap["first"])) for run_ in manifest["runs"] for lap in run_["laps"]]
    if len(set(places)) != len(places):
        raise TrialFailed(f"the plan counts a lap twice: {places}")
    if len(kept) != 1:
        raise TrialFailed(f"the plan kept {len(kept)} laps, not 1")
    files = {file["file"] for run_ in manifest["runs"] for file in run_["files"]}
    expected = files | {"manifest.json", "quality.json", "quality.md", ".recording"}
    if behind := sorted(tree(out).keys() - expected):
        raise TrialFailed(f"left behind by killed runs: {', '.join(behind)}")
    for name in files:
        if suffix == ".mcap" and not McapRecording(out / name).complete:
            raise TrialFailed(f"{name} is truncated after the plan is complete")


def kinds() -> list[Kind]:
    """A row for each command that makes files."""
    left = "{} MB left until the next run"
    groups: list[tuple[str, str, Callable[[str, Workshop, Random], Outcome], Sequence[str]]] = [
        ("convert", "`convert` to", _convert, (".mcap", ".parquet", ".csv.gz", ".jsonl.zst")),
        ("recover", "`recover` of", _recover, (".mcap", ".jsonl.zst")),
        ("dataset", "`dataset`", _dataset, ("npz", "parquet", "lerobot")),
    ]
    found = [
        Kind(
            name=f"kills-{command}-{word.removeprefix('.')}",
            what=f"kill of {what} {word}",
            trial=partial(trial, word),
            worst=left,
            digits=1,
        )
        for command, what, trial, words in groups
        for word in words
    ]
    plans = [
        Kind(
            name=f"kills-plan-{suffix[1:]}",
            what=f"kill of `plan run` to {suffix}",
            trial=partial(_plan, suffix),
            worst="{} s for the next run",
        )
        for suffix in (".mcap", ".jsonl.zst")
    ]
    return [*found, *plans]
