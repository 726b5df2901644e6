"""MoTeC logs written and read, beside plain Python: CPU time, in turns, medians, and the ratio.

    uv run benchmarks/motec.py [--seconds S] [--rounds N]

A recording of every step becomes a log of 50 Hz by the command ``convert``, as a process, start included. Its channels
are then written by our writer and by one that packs each sample with ``struct``; and a log of at least 20 MB is read
into arrays, and by a loop that unpacks and scales each sample. Both sides of each pair must make the same.
"""

import argparse
import io
import math
import shutil
import statistics
import struct
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import Any

HERE = Path(__file__).parent.parent
sys.path.insert(0, str(HERE))

import numpy as np
from stored import Used, record, run

from telemetry.analysis.quality import store_analysis
from telemetry.formats.motec.layout import NODE
from telemetry.formats.motec.log import Channel, Log, read_log
from telemetry.formats.motec.writer import FIRST_NODE_AT, Series, write_log

READ_BYTES = 20_000_000


def write_plainly(rate_hz: int, channels: Sequence[tuple[str, str, list[float]]]) -> bytes:
    """The channels of a log as one writes them without arrays: a ``struct.pack`` for each sample."""
    file = io.BytesIO()
    place = FIRST_NODE_AT + len(channels) * NODE.itemsize
    file.write(bytes(FIRST_NODE_AT))
    for number, (name, unit, samples) in enumerate(channels):
        node = FIRST_NODE_AT + number * NODE.itemsize
        links = (node - NODE.itemsize if number else 0, node + NODE.itemsize if number + 1 < len(channels) else 0)
        finite = [sample for sample in samples if math.isfinite(sample)] or [0.0]
        head = struct.pack("<4I8H", *links, place, len(samples), 12001 + number, 7, 4, rate_hz, 0, 1, 1, 0)
        file.write(
            head + struct.pack("<32s8s12s2i32x", name.encode(), b"", unit.encode(), int(max(finite)), int(min(finite)))
        )
        place += 4 * len(samples)
    for _, _, samples in channels:
        for sample in samples:
            file.write(struct.pack("<f", sample))
    return file.getvalue()


def read_plainly(log: Log, data: bytes) -> list[list[float]]:
    """Every value of every channel by a loop over its samples."""
    columns = []
    for channel in log.channels:
        code, size, column = channel.dtype.char, channel.dtype.itemsize, []
        factor = 10.0**-channel.decimals / channel.scale
        for number in range(channel.count):
            (sample,) = struct.unpack_from(f"<{code}", data, channel.offset + number * size)
            column.append((sample * factor + channel.shift) * channel.multiplier)
        columns.append(column)
    return columns


def write_integers(path: Path, log: Log) -> None:
    """The channels of a log as ACTI has them: 16 bits with a scale of their own."""
    data = bytearray(path.read_bytes())
    nodes = np.frombuffer(data, NODE, len(log.channels), FIRST_NODE_AT)
    samples, place = b"", int(nodes["samples"][0])
    for node, channel in zip(nodes, log.channels, strict=True):
        values = np.nan_to_num(channel.values().astype(np.float64))
        scale = max(1, min(9, int(32700 / max(1.0, float(np.abs(values).max())))))
        node["kind"], node["sample_size"], node["scale"], node["samples"] = 3, 2, scale, place + len(samples)
        samples += np.clip(values * scale, -32768, 32767).astype("<i2").tobytes()
    path.write_bytes(bytes(data[:place]) + samples)


def cpu_s(work: Callable[[], Any]) -> float:
    """Processor seconds of some work."""
    began = process_time()
    work()
    return process_time() - began


def compare(title: str, ours: Callable[[], Any], plain: Callable[[], Any], rounds: int) -> None:
    """Do both in turns, and print the medians."""
    times = [(cpu_s(ours), cpu_s(plain)) for _ in range(rounds)]
    own, other = (statistics.median(column) for column in zip(*times, strict=True))
    ratio = statistics.median(other / own for own, other in times)
    print(f"{title:32} ours {own * 1e3:8.1f} ms   plain {other * 1e3:9.1f} ms   {ratio:6.1f} times", flush=True)


def measure_convert(drive: Path, steps: int, rounds: int) -> None:
    """``convert`` to a log and to Parquet."""
    closed = Path(shutil.copy(drive, drive.with_name("closed.mcap")))
    store_analysis(closed)  # as `record` leaves it: its laps are known
    conversions = {
        "convert to .ld at 50 Hz": (drive, "drive.ld"),
        "the same, of a closed recording": (closed, "drive.ld"),
        "convert to Parquet, all steps": (closed, "drive.parquet"),
    }
    words = {
        title: ["convert", str(source), str(drive.with_name(name)), "--quiet"]
        for title, (source, name) in conversions.items()
    }
    for one in words.values():
        run(HERE, one)  # its modules are then compiled
    used: dict[str, list[Used]] = {title: [] for title in conversions}
    for _ in range(rounds):
        for title, one in words.items():
            used[title].append(run(HERE, one))
    for title, found in used.items():
        seconds, peak_mb = (statistics.median(column) for column in zip(*found, strict=True))
        print(f"{title:32} {seconds:6.2f} s   {seconds / steps * 1e6:6.2f} us a step   {peak_mb:4.0f} MB", flush=True)


def repeat(channel: Channel, times: int) -> Any:
    """The samples of a channel, so many times one after the other."""
    return np.tile(channel.values(), times)


def measure_files(log: Log, folder: Path, rounds: int) -> None:
    """The writer and the reader beside plain ones."""
    arrays = [Series(one.name, one.unit, [one.values()]) for one in log.channels]
    lists = [(one.name, one.unit, one.values().tolist()) for one in log.channels]
    rate = log.channels[0].rate_hz
    written = io.BytesIO()
    write_log(written, rate, arrays, {}, 0.0)
    plain = write_plainly(rate, lists)
    begin = FIRST_NODE_AT + len(arrays) * NODE.itemsize
    if written.getvalue()[begin:] != plain[begin:]:
        raise SystemExit("The two writers differ.")
    title = f"write {len(plain) / 1e6:.0f} MB"
    compare(title, lambda: write_log(io.BytesIO(), rate, arrays, {}, 0.0), lambda: write_plainly(rate, lists), rounds)
    for kind in ("float32", "int16"):
        path = folder / f"{kind}.ld"
        times = -(-READ_BYTES * (2 if kind == "int16" else 1) // len(plain))
        series = [Series(one.name, one.unit, [repeat(one, times)]) for one in log.channels]
        with path.open("wb") as file:
            write_log(file, rate, series, {}, 0.0)
        if kind == "int16":
            write_integers(path, read_log(path))
        compare_readers(f"read {path.stat().st_size / 1e6:.0f} MB of {kind}", path, rounds)


def compare_readers(title: str, path: Path, rounds: int) -> None:
    """All values of a log, ours as arrays and the other's as lists."""
    log = read_log(path)
    for column, channel in zip(read_plainly(log, path.read_bytes()), log.channels, strict=True):
        if not np.allclose(channel.values(), column, rtol=1e-12, equal_nan=True):
            raise SystemExit(f"{title}: the two readers differ in {channel.name}.")

    def read() -> list[Any]:
        return [channel.values() for channel in read_log(path).channels]

    compare(title, read, lambda: read_plainly(log, path.read_bytes()), rounds)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=300.0)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        drive = folder / "drive.mcap"
        steps = record(drive, options.seconds)
        print(f"{steps:,} steps, {options.seconds / 60:.0f} minutes; CPU time, medians of {options.rounds}", flush=True)
        measure_convert(drive, steps, options.rounds)
        log = read_log(drive.with_suffix(".ld"))
        measure_files(log, folder, options.rounds)


if __name__ == "__main__":
    main()
