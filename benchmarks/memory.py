"""The memory of `record` and of `serve --record` over an hour of the game, which passes several times as fast.

    uv run benchmarks/memory.py [--minutes M] [--speed S] [--every M]

Flushes come as often for each second of the game as they usually do, so that what grows with them grows as in an hour.
Memory is what no file stands for (``RssAnon`` of Linux).
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

PROJECT = Path(__file__).parent.parent
sys.path.insert(0, str(PROJECT))

from tests.soak.memory import resident_mb, slope_per_minute

LAUNCH = """
import sys
from telemetry.recording import background_writer
background_writer.FLUSH_SECONDS /= float(sys.argv.pop(1))
from telemetry.cli import main
main()
"""
COMMANDS = {
    "record": ["record", "record.mcap"],
    "serve --record": ["serve", "--record", "serve.mcap", "--json-output", "serve.jsonl.zst", "--port", "0"],
}


def start(words: list[str], speed: float, folder: str) -> subprocess.Popen[bytes]:
    """The command, which drives the demo at this speed and flushes so much more often."""
    source = ["--source", "demo", "--speed", str(speed), "--quiet"]
    return subprocess.Popen(  # noqa: S603 - this very project
        [sys.executable, "-c", LAUNCH, str(speed), *words, *source],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )


def main() -> None:
    """Watch, and print a line for every few minutes of the game."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=60.0, help="of the game")
    parser.add_argument("--speed", type=float, default=6.0)
    parser.add_argument("--every", type=float, default=5.0, help="minutes of the game between two lines")
    options = parser.parse_args()
    seen: dict[str, list[tuple[float, float]]] = {name: [] for name in COMMANDS}
    with tempfile.TemporaryDirectory() as folder:
        running = {name: start(words, options.speed, folder) for name, words in COMMANDS.items()}
        began = time.monotonic()
        try:
            print(
                f"| minute | {' | '.join(f'`{name}`' for name in running)} |\n|--:|{'--:|' * len(running)}", flush=True
            )
            for line in range(int(options.minutes / options.every) + 1):
                minute = max(line * options.every, 1.0)  # once they have started
                time.sleep(max(0.0, began + 60.0 * minute / options.speed - time.monotonic()))
                for name, process in running.items():
                    memory_mb = resident_mb(process.pid)
                    if memory_mb is None:
                        sys.exit(f"{name} ended by itself")
                    seen[name].append((60.0 * minute, memory_mb))
                print(
                    f"| {minute:.0f} | {' | '.join(f'{values[-1][1]:.1f} MB' for values in seen.values())} |",
                    flush=True,
                )
        finally:
            for process in running.values():
                process.terminate()
            for process in running.values():
                process.wait()
        for name, values in seen.items():
            half = values[len(values) // 2 :]
            size = sum(path.stat().st_size for path in Path(folder).glob(f"{name.split()[0]}.*"))
            print(
                f"{name}: {slope_per_minute(half):+.3f} MB a minute over the second half; files of {size / 1e6:.0f} MB"
            )


if __name__ == "__main__":
    main()
