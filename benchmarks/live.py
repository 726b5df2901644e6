"""From a page of the game to an action in the game's hands: the latency of the live environment, part by part.

    uv run --extra gym benchmarks/live.py [--seconds N] [--rates HZ ...] [--directory DIR]

A process of its own publishes the demo as ``publish`` does and notes when each page was written. The environment looks
at these pages, a small network of two layers of 64 decides, and the actuator ``csp`` writes the command into its mapped
file. (The demo's own driver drives: the commands reach nobody.) For each control rate, without and with a recording:

- page to sight: how old the newest page is when the deadline comes and it is read; the game writes one every 3 ms;
- sight to observation: from there until ``step`` returns;
- policy: the network;
- action to write: from the call of ``step`` until the actuator has written;
- sight to write: the sum of the last three, the part that is ours;
- page to write: the sum of all four.
"""

import argparse
import multiprocessing
import os
import sys
import tempfile
import time
from itertools import pairwise
from pathlib import Path
from unittest import mock

sys.path[:0] = [str(Path(__file__).parent.parent)]

import gymnasium
import numpy as np
from capture import publish

from telemetry.base.clock import Clock
from telemetry.base.typing import override
from telemetry.rl.action import Command
from telemetry.rl.actuators import CustomAi

PARTS = ("page to sight", "sight to observation", "policy", "action to write", "sight to write", "page to write")
WARM_UP_STEPS = 25


class TimedActuator(CustomAi):
    """CSP's mapped file; ``written_at`` is when its latest command was written."""

    written_at = 0.0

    @override
    def apply(self, command: Command) -> None:
        super().apply(command)
        self.written_at = time.perf_counter()


class Policy:
    """A network with random weights, of the size that learners use for such observations."""

    def __init__(self, inputs: int, outputs: int) -> None:
        rng = np.random.default_rng(0)
        sizes = [inputs, 64, 64, outputs]
        self._layers = [rng.normal(0.0, 0.1, shape) for shape in pairwise(sizes)]

    def decide(self, observation: np.ndarray) -> np.ndarray:
        """The action for an observation."""
        for weights in self._layers:
            observation = np.tanh(observation @ weights)
        return observation


def drive(
    directory: Path, seconds: float, control_hz: float, record: Path | None
) -> tuple[list[tuple[float, ...]], int]:
    """For each step when its page was seen (with the packetId first), observed, decided on and acted on; the skipped.

    Times are those of the performance counter, which all processes share.
    """
    clock = Clock()
    actuator = TimedActuator(directory)
    options = {"end": {"no_progress_seconds": 0, "seconds": 0, "tyres_out": 0}, "control_hz": control_hz}
    with mock.patch("telemetry.rl.backends.live.Clock", return_value=clock):  # the environment's own cannot be read
        env = gymnasium.make(
            "telemetry.rl:AssettoCorsa/Live-v0",
            source=directory,
            actuator=actuator,
            specification=options,
            record=record,
            disable_env_checker=True,
        )
    zero = time.perf_counter() - clock.now()
    observation, info = env.reset()
    policy = Policy(len(observation), len(env.action_space.sample()))
    times: list[tuple[float, ...]] = []
    skipped = 0
    observed_at = time.perf_counter()
    for _ in range(round(seconds * control_hz)):
        packet_id, seen_at = info["packet_id"], info["time"] + zero
        action = policy.decide(observation)
        decided_at = time.perf_counter()
        observation, _, _, truncated, info = env.step(action)
        times.append((packet_id, seen_at, observed_at, decided_at, actuator.written_at))
        observed_at = time.perf_counter()
        skipped += info["frames_skipped"]
        if truncated:
            sys.exit(f"The episode ended: {info['reason']}.")
    env.close()
    return times[WARM_UP_STEPS:], skipped


def parts(times: list[tuple[float, ...]], written: dict[int, float]) -> dict[str, np.ndarray]:
    """The parts of the latency in ms, of every step."""
    packets, *rest = zip(*times, strict=True)
    seen, observed, decided, acted = (np.array(column) for column in rest)
    page = np.array([written[int(packet)] for packet in packets])
    values = (seen - page, observed - seen, decided - observed, acted - decided, acted - seen, acted - page)
    return dict(zip(PARTS, (1e3 * value for value in values), strict=True))


def main() -> None:
    """Drive at each rate, and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--rates", type=float, nargs="+", default=[25.0, 50.0, 100.0])
    parser.add_argument("--directory", type=Path, default=Path("/dev/shm"), help="where page files are made")  # noqa: S108
    options = parser.parse_args()
    context = multiprocessing.get_context("spawn")
    for control_hz in options.rates:
        for recorded in (False, True):
            ours, theirs = context.Pipe()
            with tempfile.TemporaryDirectory(dir=options.directory) as pages, tempfile.TemporaryDirectory() as files:
                publisher = context.Process(target=publish, args=(Path(pages), theirs))
                publisher.start()
                recording = Path(files, "drive.mcap") if recorded else None
                times, skipped = drive(Path(pages), options.seconds, control_hz, recording)
                ours.send(None)
                written: dict[int, float] = ours.recv()
                publisher.join()
            load = f"{os.getloadavg()[0]:.1f}" if sys.platform != "win32" else "unknown"
            note = ", recorded" if recorded else ""
            print(f"\n{control_hz:g} Hz{note}: {len(times):,} steps, {skipped} deadlines skipped; load {load}")
            print(f"{'ms':24} {'p50':>8} {'p99':>8} {'max':>8}")
            for name, values in parts(times, written).items():
                p50, p99 = np.quantile(values, (0.5, 0.99))
                print(f"{name:24} {p50:8.3f} {p99:8.3f} {values.max():8.3f}")


if __name__ == "__main__":
    main()
