"""The whole life of a recording: published, recorded, killed, recovered, judged, played back and recorded again.

    uv run benchmarks/endurance.py [--minutes M] [--again SECONDS] [--directory DIR]

The commands run as a user would type them, each in a process of its own. Every physics page of the recording is held
against a second demo of the same seed, and every page of the second recording against the first.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from capture import cpu_seconds

from ac_native_memory import Pages
from telemetry.demo import DemoGame
from telemetry.fields.pages import read_packet_id
from telemetry.formats.mcap.recording import McapRecording

MAIN = Path(__file__).parent.parent / "main.py"
SEED = 7


def start(*arguments: str | Path) -> subprocess.Popen[bytes]:
    """The command with these arguments."""
    return subprocess.Popen([sys.executable, MAIN, *arguments])  # noqa: S603 - this very project


def say(*arguments: str | Path) -> None:
    """Run a command to its end, and say how it ended."""
    print(f"$ main.py {' '.join(map(str, arguments))}", flush=True)
    print(f"exit code {start(*arguments).wait()}", flush=True)


def update(recorder: subprocess.Popen[bytes], path: Path, seconds: float) -> None:
    """Let a recorder work for so long since it began to write, and say what it cost."""
    while not path.exists() or not path.stat().st_size:
        time.sleep(0.05)
    began, used = time.perf_counter(), cpu_seconds(recorder.pid)
    now = used
    while (passed := time.perf_counter() - began) < seconds and recorder.poll() is None:
        time.sleep(min(5.0, seconds - passed))
        now = cpu_seconds(recorder.pid) or now
    print(f"recorder: {(now - used) / passed:.2%} of a core over {passed:.0f} s", flush=True)


def pages_of(path: Path) -> list[Pages]:
    """The pages of each step."""
    return [step.pages for step in McapRecording(path).read_steps() if step.pages]


def account(path: Path) -> list[Pages]:
    """Say how many steps a recording holds, misses and has twice, and give their pages."""
    recording = McapRecording(path)
    steps = [step for step in recording.read_steps() if step.pages]
    pages = [step.pages for step in steps if step.pages]
    ids = [read_packet_id(page.physics) for page in pages]
    moved = [now for before, now in zip([None, *ids], ids, strict=False) if now != before]
    missing = sum(step.missing for step in steps)
    span = moved[-1] - moved[0] + 1
    print(f"{len(moved):,} of {span:,} steps, {len(moved) / span:.3%}; {len(moved) - len(set(moved))} twice")
    print(f"{missing:,} said to be missing, {span - len(set(moved)) - missing} not accounted for")
    return pages


def check(pages: list[Pages]) -> None:
    """Say how many physics pages, and graphics pages, the demo never wrote."""
    game = DemoGame(SEED)
    last = read_packet_id(pages[-1].physics)
    physics, graphics = {}, set()
    while game.packet <= last:
        game.step()
        physics[game.packet] = game.physics_page()
        graphics.add(game.graphics_page())
    torn = sum(page.physics != physics[read_packet_id(page.physics)] for page in pages)
    print(f"torn: {torn} physics pages, {sum(page.graphics not in graphics for page in pages)} graphics pages")


def compare(again: list[Pages], first: list[Pages]) -> None:
    """Say how many pages of the second recording are not those of the first."""
    known = {read_packet_id(page.physics): page.physics for page in first}
    graphics, static = {page.graphics for page in first}, {page.static for page in first}
    others = sum(known.get(read_packet_id(page.physics)) != page.physics for page in again)
    print(f"{len(again):,} steps played back and recorded again; other than the first time: {others} physics pages,")
    print(f"{sum(page.graphics not in graphics for page in again)} graphics pages,", end=" ")
    print(f"{sum(page.static not in static for page in again)} static pages")


def main() -> None:
    """Go through it all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--again", type=float, default=60.0, help="seconds that are played back")
    parser.add_argument("--directory", type=Path, default=Path("/dev/shm"), help="where page files are made")  # noqa: S108
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.directory) as name, tempfile.TemporaryDirectory() as folder:
        pages, first, second = Path(name), Path(folder, "first.mcap"), Path(folder, "second.mcap")
        publisher = start("publish", "--pages", pages, "--seed", str(SEED), "--quiet")
        recorder = start("record", first, "--source", pages, "--quiet")
        update(recorder, first, 60.0 * options.minutes)
        recorder.kill()
        recorder.wait()
        publisher.kill()
        publisher.wait()
        say("recover", first)
        recorded = account(first)
        check(recorded)
        say("validate", first)
        publisher = start("publish", "--source", first, "--pages", pages, "--to", str(options.again), "--quiet")
        recorder = start("record", second, "--source", pages, "--until-exit", "--quiet")
        update(recorder, second, options.again + 30.0)
        publisher.wait()
        recorder.wait()
        compare(account(second), recorded)


if __name__ == "__main__":
    main()
