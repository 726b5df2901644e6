"""Giving a killed recording in JSON lines its end, so that every program reads what we read."""

from pathlib import Path

from telemetry.formats.format import Recovered, WatchShare, ignore
from telemetry.formats.jsonl.recording import JsonlRecording
from telemetry.formats.jsonl.repair import repair_locked
from telemetry.formats.text_repair import locked_for_repair


def recover(path: Path, watch: WatchShare = ignore) -> Recovered:
    """Make a truncated recording end after a complete line, and its compressed stream with its end.

    Raises :class:`SourceError` for a file that holds no sample, or one that is damaged, and :class:`SinkError` where
    it is being recorded or cannot be written; the file is not changed then.
    """
    path = path.resolve()
    with locked_for_repair(path) as file:
        recording, steps = JsonlRecording(path), 0
        for _ in recording.snapshots():
            steps += 1
            watch(recording.read_share)
        repair = repair_locked(path, file)
    return Recovered(path, steps, repair.discarded_bytes, repair.was_complete)
