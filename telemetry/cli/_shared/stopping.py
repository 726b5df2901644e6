"""Ending well: Ctrl-C, a request to terminate and a closed console all stop the clock, which ends a run normally."""

import atexit
import signal
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from threading import Event
from time import perf_counter
from types import FrameType
from typing import Final

from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError
from telemetry.cli import INTERRUPTED

_SIGNALS: Final = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")
"""Those of them that the system has."""

_ONE_REQUEST_SECONDS: Final = 1.0
"""Signals this close together are one request: ``uv run`` passes on what its child got from the terminal already."""


class Interrupted(TelemetryError):
    """The user ended it before it was done."""

    exit_code = INTERRUPTED


@contextmanager
def stop_on_signal(clock: Clock, then: Clock | None = None) -> Iterator[None]:
    """Inside, a signal stops the clock; when that does not help, another one ends the program at once.

    With ``then`` the second one stops that clock, and a third one ends the program.
    """
    first: float | None = None

    def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - signal hands over both
        nonlocal first
        now = perf_counter()
        if first is None:
            first = now
            atexit.register(_ignore, numbers)
            clock.stop()
        elif now - first <= _ONE_REQUEST_SECONDS:
            return
        elif then is not None and not then.stopped:
            first = now
            then.stop()
        else:
            signal.signal(number, signal.SIG_DFL)
            signal.raise_signal(number)

    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    numbers = [number for number in numbers if signal.getsignal(number) != signal.SIG_IGN]  # nohup wants it so
    before = [signal.signal(number, stop) for number in numbers]
    try:
        with _console_closing(clock):
            yield
    finally:
        if first is None:  # else the rest of one request may still be on its way while the program ends
            for number, handler in zip(numbers, before, strict=True):
                signal.signal(number, handler)


def _ignore(numbers: Iterable[int]) -> None:
    """For the last moments of the process: Python gives its handlers up there, and only what is ignored stays so."""
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)


if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    _CLOSING: Final = (2, 5, 6)  # the console's window closes, the user logs off, the system shuts down
    _PATIENCE_SECONDS: Final = 4.0  # Windows ends the process five seconds after it said so
    _HANDLER: Final = ctypes.WINFUNCTYPE(wintypes.BOOL, wintypes.DWORD)

    @contextmanager
    def _console_closing(clock: Clock) -> Iterator[None]:
        """Windows reports a closing console in its own thread, and ends the process when that returns."""
        finished = Event()

        def handle(event: int) -> bool:
            if event not in _CLOSING:
                return False
            clock.stop()
            finished.wait(_PATIENCE_SECONDS)
            return True

        handler = _HANDLER(handle)
        kernel32 = ctypes.WinDLL("kernel32")
        kernel32.SetConsoleCtrlHandler(handler, True)
        try:
            yield
        finally:
            finished.set()
            kernel32.SetConsoleCtrlHandler(handler, False)

else:

    @contextmanager
    def _console_closing(clock: Clock) -> Iterator[None]:  # noqa: ARG001 - the twin of the one for Windows
        """Elsewhere a closing terminal is a signal."""
        yield
