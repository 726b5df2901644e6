"""The server that these tests share, and an empty bucket of it for each."""

from tests.s3_server import bucket, server

__all__ = ["bucket", "server"]
