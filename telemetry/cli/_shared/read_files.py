"""Many recordings are read at the same time, in processes of their own, and told in the order of the arguments."""

import os
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Final, TypeVar

from telemetry.base.clock import Clock
from telemetry.base.errors import TelemetryError
from telemetry.base.processes import ProcessDied, run_in_processes
from telemetry.base.text import format_count
from telemetry.cli._shared.input_files import FileFailure, process_files
from telemetry.cli._shared.progress import ReadingProgress, progress_bar, reading_progress
from telemetry.cli._shared.stopping import Interrupted
from telemetry.stores.remote_file import RemoteFile

_BYTES_WORTH_PROCESSES: Final = 128 << 20
"""Recordings that are smaller together are read sooner without: a process takes as long to begin as to read 60 MB."""

_Result = TypeVar("_Result")

_Place = TypeVar("_Place", bound=Path | RemoteFile)

Read = Callable[[_Place, Clock, ReadingProgress], _Result]
"""Reads a recording; pickled where another process does that. Raises TelemetryError, and Interrupted once the clock is
stopped."""


def read_files(
    paths: Sequence[_Place],
    read: Read[_Place, _Result],
    clock: Clock,
    jobs: int | None,
    recall: Callable[[_Place], _Result | None] = lambda _: None,
) -> Iterator[_Result | FileFailure]:
    """The result for each recording, in the order of ``paths``, or why there is none: none stops those after it.

    ``recall`` gives, always in this process, what need not be read. At most ``jobs`` others are read at the same time;
    None: as many as there are cores, or one where they are small. Raises Interrupted when ``clock`` is stopped.
    """
    recalled = list(process_files(paths, recall))
    left = [path for path, known in zip(paths, recalled, strict=True) if known is None]
    processes = min(len(left), (os.cpu_count() or 1) if jobs is None and _are_large(left) else jobs or 1)

    def read_here(path: _Place) -> _Result:
        with reading_progress() as progress:
            return read(path, clock, progress)

    results = _read_in_processes(left, read, clock, processes) if processes > 1 else process_files(left, read_here)
    with closing(results):
        for known in recalled:
            yield next(results) if known is None else known


def _are_large(paths: Sequence[Path | RemoteFile]) -> bool:
    sizes = (path.stat().st_size if isinstance(path, Path) else path.size for path in paths)
    return sum(sizes) >= _BYTES_WORTH_PROCESSES


def _read_in_processes(
    paths: Sequence[_Place], read: Read[_Place, _Result], clock: Clock, processes: int
) -> Generator[_Result | FileFailure, None, None]:
    """The results in order; those that are there too early wait for the others."""
    early: dict[int, _Result | FileFailure] = {}
    with closing(run_in_processes(partial(_read_in_process, read), paths, processes, clock)) as results:
        for number, path in enumerate(paths):
            # The bar goes while a result is printed.
            with progress_bar() as progress:
                bar = None
                if progress is not None and number not in early:
                    text = f"Reading {format_count(len(paths), 'recording')}"
                    bar = progress.add_task(text, total=len(paths), completed=number + len(early), detail="")
                while number not in early:
                    try:
                        found, result = next(results)
                    except StopIteration:
                        raise Interrupted(f"Stopped before {path} was read.") from None
                    early[found] = _without_death(result, paths[found])
                    if progress is not None and bar is not None:
                        progress.update(bar, completed=number + len(early))
            yield early.pop(number)


def _read_in_process(read: Read[_Place, _Result], path: _Place, clock: Clock) -> _Result | FileFailure:
    return next(process_files([path], lambda path: read(path, clock, ReadingProgress(None))))


def _without_death(result: _Result | FileFailure | ProcessDied, path: _Place) -> _Result | FileFailure:
    if isinstance(result, ProcessDied):
        reason = f"{path} was not read: its process died, perhaps because the memory was full. Try --jobs 1."
        return FileFailure(path, TelemetryError(reason))
    return result
