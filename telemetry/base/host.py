"""The name of this computer."""

import platform

from telemetry.base.text import to_unicode


def host_name() -> str:
    """The name of this computer without its domain, like ``rig2``; ``unknown`` where it has none."""
    return to_unicode(platform.node().partition(".")[0]) or "unknown"
