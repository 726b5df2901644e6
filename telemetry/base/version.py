"""Which version of this tool runs."""


def tool_version() -> str:
    """The version as installed; ``unknown`` for a checkout that never was."""
    from importlib.metadata import PackageNotFoundError, version  # noqa: PLC0415 - slow to import, and seldom needed

    try:
        return version("ac-telemetry")
    except PackageNotFoundError:
        return "unknown"
