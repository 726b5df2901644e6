"""Giving a killed recording in JSON lines its end, so that every program reads what we read."""

from pathlib import Path

from telemetry.formats.format import Recovered
from telemetry.formats.jsonl.recording import JsonlRecording
from telemetry.formats.jsonl.repair import repair_locked
from telemetry.formats.text_repair import locked_for_repair


def recover(path: Path) -> Recovered:
    """Make a truncated recording end after a complete line, and its compressed stream with its end.

    Raises :class:`SourceError` for a file that holds no sample, or one that is damaged, and :class:`SinkError` where
    it is being recorded or cannot be written; the file is not changed then.
    """
    path = path.resolve()
    with locked_for_repair(path) as file:
        steps = sum(1 for _ in JsonlRecording(path).snapshots())
        repair = repair_locked(path, file)
    return Recovered(path, steps, repair.discarded_bytes, repair.was_complete)
