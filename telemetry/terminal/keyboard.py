"""Single keys of the terminal, while a recording runs."""

import sys
from collections.abc import Callable
from contextlib import suppress
from threading import Event, Thread
from typing import Final

from telemetry.recording.interfaces import Closeable

LOOK_SECONDS: Final = 0.1
"""How often the keyboard is looked at."""


class Keyboard(Closeable):
    """Calls ``pressed`` with each key, from a thread, until it is closed; without a terminal it does nothing."""

    def __init__(self, pressed: Callable[[str], None]) -> None:
        self._pressed = pressed
        self._closing = Event()
        self._thread: Thread | None = None
        if sys.stdin is not None and sys.stdin.isatty():
            # Not a daemon: it is joined on every way out, before the terminal is handed back.
            self._thread = Thread(target=self._work, name="keyboard")
            self._thread.start()

    def close(self) -> None:
        """Give the terminal back."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()

    if sys.platform == "win32":

        def _work(self) -> None:
            import msvcrt  # noqa: PLC0415 - there is one on Windows alone

            while not self._closing.wait(LOOK_SECONDS):
                while msvcrt.kbhit():
                    self._pressed(msvcrt.getwch())

    else:

        def _work(self) -> None:
            import os  # noqa: PLC0415 - with those that Windows lacks
            import select  # noqa: PLC0415
            import termios  # noqa: PLC0415
            import tty  # noqa: PLC0415

            descriptor = sys.stdin.fileno()
            before = None

            def is_ours() -> bool:
                """Whether this program stands in front; the system stops one behind that touches the terminal."""
                return os.tcgetpgrp(descriptor) == os.getpgrp()

            try:
                while not self._closing.is_set():
                    if not is_ours():
                        self._closing.wait(LOOK_SECONDS)
                        continue
                    before = before or termios.tcgetattr(descriptor)
                    tty.setcbreak(descriptor, termios.TCSANOW)  # keys come at once, and Ctrl-C is still a signal
                    if not select.select([descriptor], [], [], LOOK_SECONDS)[0] or not is_ours():
                        continue
                    keys = os.read(descriptor, 64)
                    if not keys:
                        return
                    for key in keys.decode("utf-8", "replace"):
                        self._pressed(key)
            except (OSError, termios.error):  # the terminal is gone
                return
            finally:
                with suppress(OSError, termios.error):
                    if before is not None and is_ours():
                        termios.tcsetattr(descriptor, termios.TCSANOW, before)
