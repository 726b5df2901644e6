"""The message for a port that cannot be listened on, shared by all servers."""

import errno
import socket


def bind_error_message(error: OSError | UnicodeError, host: str, port: int, option: str = "--port") -> str:
    """Why the port cannot be used, and what to do; ``option`` is the command-line option that sets it."""
    if isinstance(error, UnicodeError):
        return f"{host!r} is no name of a computer. Use --host 0.0.0.0 for all addresses of this machine."
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use, perhaps by another serve. Name another {option}; 0 finds a free one."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {port} on {host} is not for this user. Name another {option}; those below 1024 are reserved."
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"This machine has no address {host}. Use --host 0.0.0.0 for all that it has."
    return f"The server cannot listen on {host}, port {port}: {error.strerror or error}."
