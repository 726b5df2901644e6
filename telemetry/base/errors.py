"""The errors of this package: each text is a sentence for the user, with what to do where that is known."""


class TelemetryError(Exception):
    """Anything that ends the work: the command line prints the text and exits with :attr:`exit_code`."""

    exit_code = 1


class UsageError(TelemetryError):
    """What was asked for makes no sense: an unknown field, source or scenario."""

    exit_code = 2


class NoGameError(TelemetryError):
    """No game is running, and waiting for one was not wanted."""

    exit_code = 3


class SourceError(TelemetryError):
    """A source cannot be read: another game's pages, a file that is no recording."""


class SinkError(TelemetryError):
    """A sink cannot be written; everything written before it failed is intact."""
