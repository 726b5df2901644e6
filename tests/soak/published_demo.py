"""A demo that publishes its pages in a process of its own, and what it must have published."""

import shutil
import subprocess
import threading
import time
from pathlib import Path

from ac_native_memory import PageReader, PagesError
from telemetry.demo import DemoGame
from telemetry.fields.pages import read_packet_id

FIRST_PACKET = 320
"""After a load the physics page stands empty for 300 steps."""


class PublishedDemo:
    """``publish`` in real time, and a second demo of the same seed, which knows every page that it writes."""

    def __init__(self, pages: Path, seed: int, command: tuple[str, ...]) -> None:
        self.pages = pages
        self._lock = threading.Lock()
        self._game = DemoGame(seed)
        self._physics: dict[int, bytes] = {}
        self._graphics: set[bytes] = set()
        self._static: set[bytes] = set()
        self._process = subprocess.Popen(
            [*command, "publish", "--pages", str(pages), "--seed", str(seed), "--quiet"],
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._reader = self._open_reader()
        while self.packet_id() < FIRST_PACKET:
            time.sleep(0.05)

    def _open_reader(self) -> PageReader:
        deadline = time.monotonic() + 60.0
        while True:
            try:
                return PageReader(self.pages)
            except PagesError:
                if time.monotonic() > deadline or self._process.poll() is not None:
                    raise
                time.sleep(0.05)

    def packet_id(self) -> int:
        """The physics step that is published now."""
        return read_packet_id(self._reader.look(0))

    def physics(self, packet_id: int) -> bytes | None:
        """The physics page of a step; None for one that was not published yet."""
        self._play_to(packet_id)
        return self._physics.get(packet_id)

    def has_frame(self, graphics: bytes, static: bytes) -> bool:
        """Whether the demo wrote these two pages up to the last step that :meth:`physics` was asked for."""
        with self._lock:
            return graphics in self._graphics and static in self._static

    def _play_to(self, packet_id: int) -> None:
        if packet_id > self.packet_id():
            return
        with self._lock:
            game = self._game
            while game.packet <= packet_id + 20:  # a graphics page may be drawn a few steps later
                game.step()
                self._physics[game.packet] = game.physics_page()
                self._graphics.add(game.graphics_page())
                self._static.add(game.static_page())

    def close(self) -> None:
        """End it and remove its pages."""
        self._reader.close()
        self._process.kill()
        self._process.wait()
        shutil.rmtree(self.pages, ignore_errors=True)
