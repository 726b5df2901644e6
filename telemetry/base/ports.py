"""Why a port cannot be listened on, for all that listens."""

import errno
import socket


def bind_error_message(error: OSError, host: str, port: int, option: str = "--port") -> str:
    """Why nobody can listen there, and what to do; ``option`` is what names the port."""
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use, perhaps by another serve. Name another {option}; 0 finds a free one."
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"Port {port} on {host} is not for this user. Name another {option}; those below 1024 are reserved."
    if error.errno == errno.EADDRNOTAVAIL or isinstance(error, socket.gaierror):
        return f"This machine has no address {host}. Use --host 0.0.0.0 for all that it has."
    return f"The server cannot listen on {host}, port {port}: {error.strerror or error}."
