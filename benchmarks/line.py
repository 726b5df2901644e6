"""From page bytes to a finished JSON line: ours beside the two usual ways, in one interleaved run.

    uv run benchmarks/line.py [--rounds N]

Every way produces all raw and all derived fields from the same pages of the demo car: once every physics step (333 Hz),
where the graphics page changes with every fifth or sixth, and once every sixtieth of a second, where it always has.
"""

import argparse
import dataclasses
import json
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent))

import orjson

from ac_native_memory import PAGES, Pages, text_of
from telemetry.base.units import STEP_S
from telemetry.demo import DemoGame
from telemetry.fields.derived import Sample, derive
from telemetry.fields.snapshot import PageDecoder, Snapshot
from telemetry.fields.wire import LineEncoder

COUNT = 300
RATES = {333: 1, 60: 6}
"""Samples per second, and physics steps between two of them."""

Line = Callable[[Pages], bytes]


def pages_of_the_demo(steps: int) -> list[Pages]:
    """Pages of a lap under way, with so many physics steps from one to the next."""
    game = DemoGame(seed=1)
    for _ in range(4000):
        game.step()
    pages = []
    for _ in range(COUNT):
        for _ in range(steps):
            game.step()
        time = game.steps * STEP_S
        pages.append(Pages(game.physics_page(), game.graphics_page(), game.static_page(), time))
    return pages


def ours() -> Line:
    """The product: precompiled decoding, derivation, the line."""
    decoder = PageDecoder()
    encoder = LineEncoder()
    before: Sample | None = None

    def line(pages: Pages) -> bytes:
        nonlocal before
        before = derive(decoder.decode(pages), before)
        return encoder.encode(before)

    return line


def attributes() -> dict[str, Callable[[dict[str, Any]], Any]]:
    """Per wire name, how its value is read from ctypes structures one attribute at a time."""
    readers: dict[str, Callable[[dict[str, Any]], Any]] = {}
    for field in Snapshot.FIELDS:
        if field.sdk_name is None:
            continue

        def read(
            structures: dict[str, Any],
            group: str = field.group,
            name: str = field.sdk_name,
            kind: str = field.dtype,
            rank: int = len(field.shape),
            component: int | None = field.component,
        ) -> Any:
            value = getattr(structures[group], name)
            if kind == "text":
                return text_of(value)
            if component is not None:
                return value[component]
            if rank == 2:
                return [list(vector) for vector in value]
            return list(value) if rank else value

        readers[field.name] = read
    return readers


def with_attributes(dumps: Callable[[Any], Any]) -> Line:
    """How most readers do it: ctypes attributes one by one into a dict; the derived fields from the same values."""
    readers = attributes()
    before: Sample | None = None

    def line(pages: Pages) -> bytes:
        nonlocal before
        structures = {
            name.removeprefix("acpmf_"): structure.from_buffer_copy(page)
            for (name, structure), page in zip(PAGES.items(), pages[:3], strict=True)
        }
        row = {"timestamp": pages.timestamp, "elapsed": 0.0, "sequence": 0}
        row.update((name, read(structures)) for name, read in readers.items())
        before = derive(Snapshot.of(tuple(row.values())), before)
        row.update(zip(Sample.NAMES[len(row) :], before[len(row) :], strict=True))
        text = dumps(row)
        return text if isinstance(text, bytes) else text.encode()

    return line


def with_dataclass() -> Line:
    """A frozen dataclass of every field, and ``dataclasses.asdict``."""
    decoder = PageDecoder()
    record = dataclasses.make_dataclass("Record", Sample.NAMES, frozen=True, slots=True)
    before: Sample | None = None

    def line(pages: Pages) -> bytes:
        nonlocal before
        before = derive(decoder.decode(pages), before)
        return orjson.dumps(dataclasses.asdict(record(*before)))

    return line


def measure(rate: int, rounds: int) -> None:
    """Run all ways in turn over the same pages, and print medians and ratios."""
    pages = pages_of_the_demo(RATES[rate])
    ways = {
        "ours": ours(),
        "ctypes attributes + json": with_attributes(json.dumps),
        "ctypes attributes + orjson": with_attributes(orjson.dumps),
        "ours, then dataclass + asdict + orjson": with_dataclass(),
    }
    keys = {tuple(json.loads(line(pages[0]))) for line in ways.values()}
    if keys != {Sample.NAMES}:
        raise SystemExit("the ways do not write the same fields")
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, line in ways.items():
            for page in pages:
                begin = perf_counter()
                line(page)
                times[name].append((perf_counter() - begin) * 1e6)
    base = statistics.median(times["ours"])
    title = f"{rate} Hz: {len(ways['ours'](pages[0])):,} bytes a line, {len(times['ours']):,} times"
    print(f"{title:40}{'median µs':>10}{'p90 µs':>9}{'ratio':>7}")
    for name, values in times.items():
        median = statistics.median(values)
        print(f"{name:40}{median:10.1f}{statistics.quantiles(values, n=10)[-1]:9.1f}{median / base:7.2f}")


def main() -> None:
    """Measure at each rate."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=20)
    rounds = parser.parse_args().rounds
    for rate in RATES:
        measure(rate, rounds)


if __name__ == "__main__":
    main()
