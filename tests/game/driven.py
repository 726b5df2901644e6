"""A demo game that runs in real time in page files and does what hands say: in a thread, or under Wine as a program.

``python -m tests.game.driven DIRECTORY MAPPING`` obeys the controls in a named mapping of Windows until a line comes.
"""

import mmap
import sys
import time
from collections.abc import Callable
from pathlib import Path
from threading import Event, Thread

from ac_native_memory import PageWriter
from telemetry.demo import DemoGame, DriverInputs

CSP_SIZE = 72
BRAKING = DriverInputs(brake=1.0)


def run(directory: Path, hands: Callable[[DemoGame], DriverInputs], stop: Event) -> None:
    """Begin with a car that may drive, on the brake; ``hands`` is called before each write, and may do more."""
    game = DemoGame(1)
    for _ in range(520):
        game.step(BRAKING)
    with PageWriter(directory) as writer:
        begun, steps = time.perf_counter(), 0
        while not stop.wait(0.003):
            controls = hands(game)
            while steps * 0.003 < time.perf_counter() - begun:
                game.step(controls)
                steps += 1
            writer.write(game.physics_page(), game.graphics_page(), game.static_page())


def controls_of(mapping: bytes) -> DriverInputs:
    """What CSP's physics would do with these bytes."""
    gas, brake, _, steer, _ = memoryview(mapping[:20]).cast("f").tolist()
    return DriverInputs(steer, gas, brake)


def main(directory: str, name: str) -> None:
    """Run until a line comes."""
    if sys.platform != "win32":
        sys.exit("It obeys a mapping of Windows.")
    with mmap.mmap(-1, CSP_SIZE, tagname=name, access=mmap.ACCESS_READ) as mapping:
        stop = Event()
        thread = Thread(target=run, args=(Path(directory), lambda _: controls_of(mapping[:]), stop))
        thread.start()
        sys.stdin.readline()
        stop.set()
        thread.join()


if __name__ == "__main__":
    main(*sys.argv[1:])
