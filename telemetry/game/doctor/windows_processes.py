"""The processes of Windows, by the calls of its kernel; none elsewhere."""

import sys
from collections.abc import Iterator
from typing import Final

if sys.platform == "win32":
    import ctypes
    from ctypes import wintypes

    class _ProcessEntry(ctypes.Structure):
        _fields_ = (
            ("size", wintypes.DWORD),
            ("usage", wintypes.DWORD),
            ("pid", wintypes.DWORD),
            ("heap", ctypes.c_size_t),
            ("module", wintypes.DWORD),
            ("threads", wintypes.DWORD),
            ("parent", wintypes.DWORD),
            ("priority", wintypes.LONG),
            ("flags", wintypes.DWORD),
            ("name", wintypes.WCHAR * 260),
        )

    _SNAPSHOT_OF_PROCESSES: Final = 2
    _kernel32 = ctypes.WinDLL("kernel32")
    _kernel32.CreateToolhelp32Snapshot.restype = wintypes.HANDLE
    _kernel32.Process32FirstW.argtypes = (wintypes.HANDLE, ctypes.POINTER(_ProcessEntry))
    _kernel32.Process32NextW.argtypes = (wintypes.HANDLE, ctypes.POINTER(_ProcessEntry))
    _kernel32.CloseHandle.argtypes = (wintypes.HANDLE,)

    def list_processes() -> Iterator[tuple[int, str]]:
        """The number and name of each process."""
        entry = _ProcessEntry(size=ctypes.sizeof(_ProcessEntry))
        snapshot = _kernel32.CreateToolhelp32Snapshot(_SNAPSHOT_OF_PROCESSES, 0)
        try:
            more = _kernel32.Process32FirstW(snapshot, entry)
            while more:
                yield entry.pid, entry.name
                more = _kernel32.Process32NextW(snapshot, entry)
        finally:
            _kernel32.CloseHandle(snapshot)

else:

    def list_processes() -> Iterator[tuple[int, str]]:
        """No process: this is not Windows."""
        return iter(())
