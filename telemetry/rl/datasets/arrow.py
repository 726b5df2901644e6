"""pyarrow, or the sentence that says where to get it."""

from telemetry.base.errors import UsageError


def need_pyarrow(what: str) -> None:
    """Raises :class:`telemetry.UsageError` where pyarrow is missing."""
    try:
        import pyarrow as _  # noqa: F401, ICN001, PLC0415 - an extra, and slow to import
    except ImportError as error:
        raise UsageError(
            f'{what} needs pyarrow, which is not installed. Get it with: pip install "ac-telemetry[parquet]" '
            "(in a checkout: uv sync --extra parquet)."
        ) from error
