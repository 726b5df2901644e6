"""The errors of this package.

::

    TelemetryError          exit code 1
    ├── UsageError          exit code 2; also a ValueError
    ├── NoGameError         exit code 3
    ├── SourceError         a source cannot be read
    └── SinkError           a sink cannot be written

The command line has two more: 4 for a plan that ended before it was complete, 130 after Ctrl-C in what was not done.

The text of each error is a complete sentence for the user, with the next action where one is known. The command line
prints it and exits with :attr:`TelemetryError.exit_code`. :class:`SourceError` and :class:`SinkError` are deliberately
not an OSError: code that translates errors of the operating system would catch them and translate them twice.
"""


class TelemetryError(Exception):
    """Base class of all errors that end the work."""

    exit_code = 1


class UsageError(TelemetryError, ValueError):
    """The request is invalid: an unknown field, source or scenario, or a number out of range."""

    exit_code = 2


class NoGameError(TelemetryError):
    """No game is running, and the caller did not want to wait for one."""

    exit_code = 3


class SourceError(TelemetryError):
    """A source cannot be read: pages of another game, a file that is not a recording."""


class SinkError(TelemetryError):
    """A sink cannot be written; everything written before the failure is intact."""
