"""Kills of ``deliver`` and of its store: the target holds whole files only, and the next run makes it complete."""

import os
import shutil
import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Final
from urllib.parse import urlsplit

from telemetry.delivery.outbox import Outbox
from tests.s3_server import CREDENTIALS, Bucket, s3_server
from tests.soak.kills_of_commands import LAP_S, SOURCE_S, kill_within, run_well
from tests.soak.outcome import Kind, Outcome, TrialFailed
from tests.soak.workshop import Running, Workshop

BUCKET: Final = "soak"

SLOWLY: Final = ("--max-rate", "3MB")
"""So that most of a run is sending, and not the start of Python."""


def _drives(shop: Workshop, folder: Path) -> Path:
    """A folder of three recordings."""
    drives = folder / "drives"
    drives.mkdir()
    for seconds in (SOURCE_S, SOURCE_S + 5.0, LAP_S):
        shutil.copy(shop.recording(".mcap", seconds), drives)
    return drives


def _digests(drives: Path) -> set[str]:
    return {sha256(path.read_bytes()).hexdigest() for path in drives.glob("*.mcap")}


def _check_whole(found: dict[str, bytes], wanted: set[str], when: str, *, complete: bool) -> None:
    """Every recording has the content that its name says, every row its recording, and no name is a stranger's."""
    recordings = {name.removesuffix(".mcap") for name in found if name.endswith(".mcap")}
    rows = {name.removesuffix(".json") for name in found if name.endswith(".json")}
    for digest in recordings:
        if sha256(found[f"{digest}.mcap"]).hexdigest() != digest:
            raise TrialFailed(f"{when} the target holds half of {digest}")
    if not rows <= recordings <= wanted or len(found) != len(recordings) + len(rows):
        raise TrialFailed(f"{when} the target holds {sorted(found)}")
    if complete and not rows == recordings == wanted:
        raise TrialFailed(f"{when} the target lacks something: {sorted(found)}")


def _check_outbox(drives: Path) -> None:
    if left := Outbox(drives).waiting():
        raise TrialFailed(f"after the next run something waits: {left}")


def _kill_at_folder(shop: Workshop, random: Random) -> Outcome:
    with shop.folder() as folder:
        drives, share, other = _drives(shop, folder), folder / "share", folder / "other"
        for target in (share, other):
            target.mkdir()
        wanted = _digests(drives)
        seconds = run_well("deliver", drives, other, *SLOWLY).seconds
        kill_within(["deliver", drives, share, *SLOWLY], seconds, random)

        def found() -> dict[str, bytes]:
            return {path.name: path.read_bytes() for path in share.glob("recordings/*")}

        _check_whole(found(), wanted, "after the kill", complete=False)
        left = sum(path.stat().st_size for path in share.glob(".incoming/*")) / 1e6
        run_well("deliver", drives, share)
        _check_whole(found(), wanted, "after the next run", complete=True)
        _check_outbox(drives)
        return Outcome(left)


@contextmanager
def _store(folder: Path) -> Iterator[Bucket]:
    """A bucket of a server that runs as long as this."""
    os.environ.update(CREDENTIALS)  # of all trials the same
    with s3_server(folder) as server:
        yield server.make_bucket(BUCKET)


def _objects(bucket: Bucket) -> dict[str, bytes]:
    return {name.rpartition("/")[2]: bucket.read(name) for name in bucket.sizes()}


def _kill_at_store(shop: Workshop, random: Random) -> Outcome:
    with shop.folder() as folder, _store(folder) as bucket:
        drives = _drives(shop, folder)
        wanted = _digests(drives)
        to_store = ["--endpoint", bucket.endpoint]
        seconds = run_well("deliver", drives, f"{bucket.url}/first", *to_store, *SLOWLY).seconds
        for name in bucket.sizes():
            bucket.client.delete_object(Bucket=bucket.name, Key=name)
        kill_within(["deliver", drives, bucket.url, *to_store, *SLOWLY], seconds, random)
        _check_whole(_objects(bucket), wanted, "after the kill", complete=False)
        left = len(bucket.unfinished())
        run_well("deliver", drives, bucket.url, *to_store)
        _check_whole(_objects(bucket), wanted, "after the next run", complete=True)
        _check_outbox(drives)
        return Outcome(left)


class _Relay(socketserver.BaseRequestHandler):
    """Passes a connection on to a store, until it is cut."""

    def handle(self) -> None:
        server = self.server
        assert isinstance(server, Front)
        with suppress(OSError), socket.create_connection(server.behind) as store:
            server.remember(self.request, store)
            back = threading.Thread(target=_pass_on, args=(store, self.request), daemon=True)
            back.start()
            _pass_on(self.request, store)
            back.join()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(1 << 16):
            sink.sendall(data)
    for one in (source, sink):
        with suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)


class Front(socketserver.ThreadingTCPServer):
    """What clients take for the store: it dies with all its connections, and another one comes at the same port.

    moto keeps its objects in memory: a kill of its own process would lose them, which no store does.
    """

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, port: int, behind: tuple[str, int]) -> None:
        self.behind = behind
        self._sockets: list[socket.socket] = []
        super().__init__(("127.0.0.1", port), _Relay)
        self.port = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, args=(0.01,))
        self._thread.start()

    def remember(self, *sockets: socket.socket) -> None:
        """Cut these too."""
        self._sockets += sockets

    def die(self) -> None:
        """Cut every connection, and refuse others."""
        self.shutdown()
        self._thread.join()
        self.server_close()
        for one in self._sockets:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _kill_the_store(shop: Workshop, random: Random) -> Outcome:
    with shop.folder() as folder, _store(folder) as bucket:
        drives = _drives(shop, folder)
        wanted = _digests(drives)
        address = urlsplit(bucket.endpoint)
        behind = (str(address.hostname), int(address.port or 0))
        seconds = run_well("deliver", drives, f"{bucket.url}/first", "--endpoint", bucket.endpoint, *SLOWLY).seconds
        for name in bucket.sizes():
            bucket.client.delete_object(Bucket=bucket.name, Key=name)
        front = Front(0, behind)
        endpoint = f"http://127.0.0.1:{front.port}"
        with Running("deliver", drives, bucket.url, "--endpoint", endpoint, *SLOWLY) as running:
            running.sleep(random.uniform(0.3, 1.1) * seconds)
            front.die()
            died = time.monotonic()
            ended = running.end()
        if ended is None:
            raise TrialFailed("deliver hangs when its store dies")
        took_s = time.monotonic() - died
        if ended.code not in (0, 1) or "Traceback" in ended.err:
            raise TrialFailed(f"deliver ended with {ended.code} when its store died: {ended.err[-2000:]}")
        if ended.code == 1 and "To go on: deliver" not in ended.err:
            raise TrialFailed(f"deliver does not say what to do when its store died: {ended.err[-2000:]}")
        _check_whole(_objects(bucket), wanted, "after the death of the store", complete=False)
        front = Front(front.port, behind)
        try:
            run_well("deliver", drives, bucket.url, "--endpoint", endpoint)
        finally:
            front.die()
        _check_whole(_objects(bucket), wanted, "after the next run", complete=True)
        _check_outbox(drives)
        return Outcome(took_s)


def kinds() -> list[Kind]:
    """A row for each."""
    return [
        Kind(
            name="kills-deliver-folder",
            what="kill of `deliver` to a folder",
            trial=_kill_at_folder,
            worst="{} MB left outside of the tree",
            digits=1,
        ),
        Kind(
            name="kills-deliver-s3",
            what="kill of `deliver` to an S3 store",
            trial=_kill_at_store,
            worst="{} uploads left that no reader sees",
        ),
        Kind(
            name="kills-store",
            what="death of the store while `deliver` sends",
            trial=_kill_the_store,
            worst="{} s until `deliver` had said so",
            digits=1,
        ),
    ]
