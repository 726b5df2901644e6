"""Closing summaries of a recording, for a person and for a program."""

from collections.abc import Sequence

from telemetry.recording.stats import RecordingStats, StepRecordingStats


def describe_samples(stats: RecordingStats, output: str | None) -> list[str]:
    """Lines that describe a recording of samples to a person; ``output`` is the file written, if any."""
    if stats.samples == 0:
        return ["No samples."]
    figures = stats.summary()
    parts = [f"{stats.samples:,} samples in {stats.seconds:.1f} s"]
    if stats.rate is not None:
        asked = f" of {stats.rate_asked:g} asked" if stats.rate_asked else ""
        parts.append(f"{stats.rate:.2f} Hz{asked}")
    p50, p99 = stats.jitter.quantile(0.5), stats.jitter.quantile(0.99)
    if p50 is not None and p99 is not None:
        parts.append(f"jitter p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    parts += [f"{figures[name]:,} {name}" for name in ("laps", "duplicates", "torn", "missed", "dropped", "gaps")]
    text = "; ".join(parts) + "."
    return [text, f"{output}: {stats.size:,} bytes."] if output and output != "-" else [text]


def describe_steps(stats: StepRecordingStats, files: Sequence[str], *, every_step: bool) -> list[str]:
    """Lines that describe a recording of physics steps to a person; ``every_step`` says whether all were wanted."""
    if stats.steps == 0:
        return ["No steps."]
    kept = stats.steps - stats.dropped
    all_steps = stats.steps + stats.missing
    parts = [f"{kept:,} steps {'in' if every_step else 'seen in'} {stats.seconds:.1f} s"]
    if stats.rate is not None:
        parts.append(f"{stats.rate:.1f} Hz")
    if every_step:
        parts.append(f"{kept / all_steps:.3%} of all steps kept, {stats.missing:,} missing, {stats.dropped:,} dropped")
        parts.append(f"{stats.repaired:,} repaired")
    parts.append(f"{stats.laps:,} laps")
    text = "; ".join(parts) + "."
    if not files:
        return [text, "No file."]
    if len(files) == 1:
        return [text, f"{files[0]}: {stats.size:,} bytes."]
    return [text, f"{len(files)} files, {stats.size:,} bytes:", *files]
