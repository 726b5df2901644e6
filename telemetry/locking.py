"""Files that one process at a time writes; however that one ends, the system lets the next one in."""

import sys

from telemetry.errors import SinkError

if sys.platform == "win32":
    import ctypes
    import msvcrt
    from ctypes import wintypes

    _kernel32 = ctypes.WinDLL("kernel32", use_last_error=True)
    _kernel32.LockFile.argtypes = (wintypes.HANDLE, *[wintypes.DWORD] * 4)
    _kernel32.LockFile.restype = wintypes.BOOL
    _LOCK_VIOLATION = 33

    def _take(descriptor: int) -> None:
        # What is locked there nobody else can read: a byte that no file reaches, for which msvcrt.locking counts too
        # short.
        if not _kernel32.LockFile(msvcrt.get_osfhandle(descriptor), 0, 1 << 30, 1, 0):
            error = ctypes.get_last_error()
            raise BlockingIOError if error == _LOCK_VIOLATION else OSError(error, "The file cannot be locked")

else:
    import fcntl

    def _take(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)


def hold(descriptor: int, name: str) -> None:
    """Keep the file of this descriptor from every other writer that asks, until it is closed; all can read it.

    Raises :class:`telemetry.SinkError` where another holds it.
    """
    try:
        _take(descriptor)
    except BlockingIOError:
        raise SinkError(f"{name} is being recorded now, by another process.") from None
    except OSError:  # a file system that knows no locks
        return
