"""Single keys pressed in the terminal while a recording runs."""

import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Final

from telemetry.base.typing import override
from telemetry.recording.interfaces import Closeable

POLL_INTERVAL_S: Final = 0.1
"""Seconds between two polls of the keyboard."""


class Keyboard(Closeable):
    """Calls ``on_key`` with each key, from a thread of its own, until it is closed; without a terminal never."""

    def __init__(self, on_key: Callable[[str], None]) -> None:
        self._on_key = on_key
        self._closing = Event()
        self._thread: Thread | None = None
        if sys.stdin is not None and sys.stdin.isatty():
            # Not a daemon: it is joined on every way out, before the terminal is restored.
            self._thread = Thread(target=self._work, name="keyboard")
            self._thread.start()

    @override
    def close(self) -> None:
        """Restore the terminal; harmless when done twice."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    if sys.platform == "win32":

        def _work(self) -> None:
            import msvcrt

            while not self._closing.wait(POLL_INTERVAL_S):
                while msvcrt.kbhit():
                    self._on_key(msvcrt.getwch())

    else:

        def _work(self) -> None:
            import os
            import select
            import termios
            import tty

            descriptor = sys.stdin.fileno()
            original = None

            def is_in_foreground() -> bool:
                """Whether this process may use the terminal: the system stops a background process that does."""
                return os.tcgetpgrp(descriptor) == os.getpgrp()

            try:
                while not self._closing.is_set():
                    if not is_in_foreground():
                        self._closing.wait(POLL_INTERVAL_S)
                        continue
                    original = original or termios.tcgetattr(descriptor)
                    tty.setcbreak(descriptor, termios.TCSANOW)  # no waiting for Enter; Ctrl-C stays a signal
                    if not select.select([descriptor], [], [], POLL_INTERVAL_S)[0] or not is_in_foreground():
                        continue
                    keys = os.read(descriptor, 64)
                    if not keys:
                        return
                    for key in keys.decode("utf-8", "replace"):
                        self._on_key(key)
            except (OSError, termios.error):  # the terminal is gone
                return
            finally:
                with suppress(OSError, termios.error):
                    if original is not None and is_in_foreground():
                        termios.tcsetattr(descriptor, termios.TCSANOW, original)
