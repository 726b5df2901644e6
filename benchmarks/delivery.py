"""How fast recordings are delivered beside plain uploads, and whether a delivery costs the recorder a step.

    uv run --extra s3 benchmarks/delivery.py [--megabytes N] [--rounds N] [--seconds N] [--directory DIR]

A server of moto, which is the bottleneck, takes the same file in turn from

- pyarrow's ``copy_files``, as ``aws s3 cp`` does it, and
- the deliverer: hash, the question whether it is there, upload, row. The share is that of the time from the first byte
  to the last, and beside it that of everything.

Then ``record`` takes every physics step of a publisher, in turn alone and with ``--deliver`` while a recording of so
many megabytes waits in its outbox.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing import get_context
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from capture import publish, record_whole
from pyarrow import fs

from telemetry.delivery.contents import read_content
from telemetry.delivery.outbox import Outbox
from telemetry.delivery.targets import open_target
from telemetry.stores import open_object_store
from tests.s3_server import CREDENTIALS, Bucket, s3_server

LINE_BYTES = 3700
"""Of one sample as a JSON line."""


def timed(work: Callable[[], object]) -> float:
    """Seconds that it takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin


def upload_plainly(path: Path, bucket: Bucket) -> None:
    """As pyarrow copies a file."""
    store = open_object_store(bucket.url)
    local = fs.LocalFileSystem()
    fs.copy_files(str(path), store.path("plain"), source_filesystem=local, destination_filesystem=store.filesystem)


def send(path: Path, bucket: Bucket) -> tuple[float, float]:
    """Seconds that sending takes, and those that the hash and the questions take before and after it."""
    begin = time.perf_counter()
    target = open_target(bucket.url)
    content = read_content(path, lambda: None)
    target.size_of(content.name)
    hashed = time.perf_counter()
    target.put(content.name, content.chunks(), content.size)
    sent = time.perf_counter()
    target.put(content.row_name, [b"{}"], 2)
    return sent - hashed, time.perf_counter() - begin


def measure_rates(megabytes: int, rounds: int, folder: Path) -> None:
    """Print the rates of the two ways, in turn, each in every place."""
    path = folder / "drive.mcap"
    path.write_bytes(os.urandom(megabytes * 1_000_000))
    plain, sending, whole = [], [], []
    with s3_server(folder) as server:
        bucket = server.make_bucket("bench")
        os.environ.update(CREDENTIALS | {"AWS_ENDPOINT_URL": bucket.endpoint})
        upload_plainly(path, bucket)
        for number in range(rounds):
            for name in bucket.sizes():
                bucket.client.delete_object(Bucket=bucket.name, Key=name)
            if number % 2:
                plain.append(timed(lambda: upload_plainly(path, bucket)))
            one, all_of_it = send(path, bucket)
            sending.append(one)
            whole.append(all_of_it)
            if not number % 2:
                plain.append(timed(lambda: upload_plainly(path, bucket)))
    usual = statistics.median(plain)
    print(f"{megabytes} MB, medians of {rounds} rounds")
    for what, found in (("plain pyarrow", plain), ("deliver, sending", sending), ("deliver, all of it", whole)):
        seconds = statistics.median(found)
        best = min(plain) / min(found)
        print(f"{what:20} {megabytes / seconds:8.1f} MB/s   {usual / seconds:7.1%} of plain   best by best {best:7.1%}")


def make_waiting(path: Path, megabytes: int) -> None:
    """A recording of about so many megabytes, which delivery has to read for its row, too."""
    seconds = megabytes * 1e6 / LINE_BYTES / 333.0
    main = Path(__file__).parent.parent / "main.py"
    options = ["--source", "demo", "--speed", "max", "--duration", f"{seconds:.1f}", "--quiet"]
    subprocess.run([sys.executable, main, "record", path, *options], check=True)  # noqa: S603 - this very project


def measure_steps(seconds: float, rounds: int, megabytes: int, directory: Path) -> None:
    """Print the kept steps of a recording alone and beside a delivery."""
    found: dict[str, list[tuple[float, float]]] = {"record": [], "record --deliver": []}
    context = get_context("spawn")
    made = directory / f"waiting-{os.getpid()}.jsonl"
    make_waiting(made, megabytes)

    def add(folder: Path) -> None:
        shutil.copy(made, folder / "waiting.jsonl")
        Outbox(folder).add(folder / "waiting.jsonl", str(share))

    for _ in range(rounds):
        ours, theirs = context.Pipe()
        with tempfile.TemporaryDirectory(dir=directory) as name, tempfile.TemporaryDirectory() as other:
            pages, share = Path(name), Path(other, "share")
            share.mkdir()
            publisher = context.Process(target=publish, args=(pages, theirs))
            publisher.start()
            while not any(pages.iterdir()):
                time.sleep(0.01)
            found["record"].append(record_whole(pages, seconds))
            options = ["--deliver", str(share), "--max-rate", f"{megabytes / seconds:.3f}MB"]
            found["record --deliver"].append(record_whole(pages, seconds, *options, prepare=add))
            sent = sum(path.stat().st_size for path in share.glob("recordings/*")) / 1e6
            ours.send(None)
            ours.recv()
            publisher.join()
        print(f"kept alone {found['record'][-1][0]:.3%}, beside a delivery {found['record --deliver'][-1][0]:.3%} "
              f"({sent:.0f} MB sent)")  # fmt: skip
    made.unlink()
    for what, values in found.items():
        kept, used = (statistics.median(column) for column in zip(*values, strict=True))
        print(f"{what:18} {kept:9.3%} of all steps, {used:6.1%} of a core")


def main() -> None:
    """Measure both."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=60)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--directory", type=Path, default=Path("/dev/shm"), help="where page files are made")  # noqa: S108
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure_rates(options.megabytes, options.rounds, Path(folder))
    measure_steps(options.seconds, min(options.rounds, 5), options.megabytes, options.directory)


if __name__ == "__main__":
    main()
