"""Stores for tests: a real S3 server in its own process, a second client that looks at it, and one that refuses."""

import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from tests.waiting import PATIENCE, wait_until

needs_s3 = pytest.mark.skipif(sys.platform == "win32", reason="moto, which is the server, is not installed under Wine")

CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "tester",
    "AWS_SECRET_ACCESS_KEY": "secret of the tester",
    "AWS_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@dataclass(frozen=True)
class Bucket:
    """A bucket of a server. Its objects are seen by obstore, which the code under test does not use."""

    name: str
    endpoint: str
    client: Any
    """Of boto3."""
    objects: Any
    """A store of obstore."""

    @property
    def url(self) -> str:
        return f"s3://{self.name}"

    def sizes(self) -> dict[str, int]:
        """The size of every object by its key."""
        return {entry["path"]: entry["size"] for page in self.objects.list() for entry in page}

    def read(self, key: str) -> bytes:
        return bytes(self.objects.get(key).bytes())

    def write(self, key: str, data: bytes) -> None:
        self.objects.put(key, data)

    def unfinished(self) -> list[str]:
        """The keys of uploads that were begun and not completed: they are no objects."""
        found = self.client.list_multipart_uploads(Bucket=self.name).get("Uploads", [])
        return [upload["Key"] for upload in found]


@dataclass(frozen=True)
class S3Server:
    """A server that runs; what it holds is gone with its process."""

    endpoint: str
    process: subprocess.Popen[bytes]

    def make_bucket(self, name: str) -> Bucket:
        import boto3
        from obstore.store import S3Store

        client = boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            region_name=CREDENTIALS["AWS_REGION"],
            aws_access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
        )
        client.create_bucket(Bucket=name)
        objects = S3Store(
            name,
            endpoint=self.endpoint,
            region=CREDENTIALS["AWS_REGION"],
            access_key_id=CREDENTIALS["AWS_ACCESS_KEY_ID"],
            secret_access_key=CREDENTIALS["AWS_SECRET_ACCESS_KEY"],
            client_options={"allow_http": True},
        )
        return Bucket(name, self.endpoint, client, objects)


@contextmanager
def s3_server(folder: Path, port: int = 0) -> Iterator[S3Server]:
    """A server of moto at a free port, or at this one; it logs into the folder."""
    log = folder / f"moto-{port}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **CREDENTIALS},
        )
        try:
            wait_until(lambda: process.poll() is not None or _address_in(log) is not None, log.read_text)
            endpoint = _address_in(log)
            assert endpoint is not None, log.read_text()
            yield S3Server(endpoint, process)
        finally:
            process.kill()
            process.wait(timeout=PATIENCE)


def _address_in(log: Path) -> str | None:
    found = re.search(r"Running on (http://[0-9.]+:\d+)\s", log.read_text())
    return found[1] if found else None


def use_bucket(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the variables by which every program finds this bucket's server."""
    for name, value in {**CREDENTIALS, "AWS_ENDPOINT_URL": bucket.endpoint}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3", raising=False)


def error_body(code: str) -> bytes:
    """What S3 says of an error of this code."""
    return f"<Error><Code>{code}</Code><Message>It says so.</Message></Error>".encode()


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """The server that the tests of a process share."""
    with s3_server(tmp_path_factory.mktemp("s3")) as made:
        yield made


@pytest.fixture
def bucket(server: S3Server, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Bucket:
    """An empty bucket that a test has to itself, and the variables by which programs find it."""
    made = server.make_bucket(f"test-{abs(hash(request.node.nodeid)):x}")
    use_bucket(made, monkeypatch)
    return made


@contextmanager
def refusing_server(status: int, body: bytes = b"") -> Iterator[str]:
    """The endpoint of a store that answers every request with this."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    for method in ("GET", "PUT", "HEAD", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.answer)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
