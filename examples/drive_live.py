"""Drive the running game: first without sending anything, then for real.

    python examples/drive_live.py                                        # a dry run: what would it do?
    python examples/drive_live.py --actuator vjoy --seconds 10           # it drives
    python examples/drive_live.py --policy trained/ppo_0.zip --actuator vjoy --record live.mcap

Without a policy it keeps the wheel straight and drives at 20 km/h, which is enough to see whether the car obeys.
Twice a second a line says what it asks for and what the game shows. docs/first-time-live.md says what to try first.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import gymnasium
import numpy as np

WALKING_PACE_KMH = 20.0


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--source", default="live", help="live, a folder with page files, or ws://HOST:PORT (live)")
    parser.add_argument("--actuator", default="none", help="csp, vjoy or uinput; none is a dry run (none)")
    parser.add_argument("--restart-button", type=int, help="button of vjoy or uinput that restarts the session")
    parser.add_argument("--policy", type=Path, help="a policy of train_ppo.py, with spec.json beside it")
    parser.add_argument("--record", type=Path, help="a recording to write, *.mcap")
    parser.add_argument("--seconds", type=float, default=30.0, help="how long to drive (30)")
    options = parser.parse_args()

    env = gymnasium.make(
        "telemetry.rl:AssettoCorsa/Live-v0",
        source=options.source,
        actuator=options.actuator,
        restart_button=options.restart_button,
        record=options.record,
        policy=options.policy.stem if options.policy else "walking pace",
        specification=options.policy.with_name("spec.json") if options.policy else {"action": {"steer_range": 0.3}},
    )
    decide = load_policy(options.policy) if options.policy else lambda _: keep_pace(env.unwrapped)
    steps: list[dict[str, Any]] = []
    print("Waiting for a car.")
    try:
        observation, info = env.reset()
        print(f"{'s':>6} {'km/h':>6}   asked for: steer, throttle, brake   in the car: steer, throttle, brake")
        rate = env.unwrapped.specification.control_hz  # type: ignore[attr-defined]
        while len(steps) < options.seconds * rate and not info["reason"]:
            observation, _, _, _, info = env.step(decide(observation))
            steps.append(info)
            if len(steps) % max(round(rate / 2), 1) == 0:
                print_line(env.unwrapped, info, len(steps) / rate)
    except KeyboardInterrupt:
        print("Stopped.")
    finally:
        env.close()  # which lets go of the controls
    print_summary(steps, dry=options.actuator == "none")


def keep_pace(env: Any) -> np.ndarray:
    """Straight on, at walking pace."""
    return np.array([0.0, np.clip((WALKING_PACE_KMH - env.sample.speed_kmh) * 0.05, -1.0, 0.4)], np.float32)


def load_policy(path: Path) -> Callable[[np.ndarray], np.ndarray]:
    """What a policy of train_ppo.py does with an observation."""
    from ppo import load  # noqa: PLC0415 - it needs PyTorch, and the rest does not

    return load(path).act


def print_line(env: Any, info: dict[str, Any], seconds: float) -> None:
    """What was asked for, and what the game shows."""
    sample = env.sample
    asked = " ".join(f"{value:10.2f}" for value in info["command"])
    shown = " ".join(f"{value:10.2f}" for value in (sample.steer_angle, sample.gas, sample.brake))
    print(f"{seconds:6.1f} {sample.speed_kmh:6.1f}  {asked}  {shown}")


def print_summary(steps: list[dict[str, Any]], *, dry: bool) -> None:
    """What to look at afterwards, and to send in when something is wrong."""
    if len(steps) < 2:
        return
    late = [info["lateness_ms"] for info in steps]
    skipped = sum(info["frames_skipped"] for info in steps)
    print(f"{len(steps)} steps, {skipped} deadlines skipped; ended by: {steps[-1]['reason'] or 'its time'}")
    print(f"lateness: median {median(late):.1f} ms, 99 % below {quantiles(late, n=100)[-1]:.1f} ms")
    print("Nothing was sent to the game." if dry else "The controls are released.")


if __name__ == "__main__":
    main()
