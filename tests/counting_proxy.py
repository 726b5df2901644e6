"""A server between a client and a store, which counts what is fetched."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit

HOP_BY_HOP = {"connection", "content-length", "expect", "keep-alive", "transfer-encoding", "date", "server"}


@dataclass(frozen=True)
class Request:
    method: str
    key: str
    """The path without the bucket and the query."""
    sent: int
    """Bytes of the answer's content."""


@dataclass
class Traffic:
    """What went through a proxy."""

    endpoint: str
    requests: list[Request] = field(default_factory=list)

    def fetched(self, part: str = "") -> int:
        """Bytes of the objects with this in their key."""
        return sum(one.sent for one in self.requests if one.method == "GET" and part in one.key)

    def clear(self) -> None:
        self.requests.clear()


@contextmanager
def counting_proxy(endpoint: str) -> Iterator[Traffic]:
    """A proxy to the store at this endpoint."""
    target = urlsplit(endpoint).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def forward(self) -> None:
            body = b"".join(self.chunks())
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            connection = HTTPConnection(target)
            try:
                connection.request(self.command, self.path, body, {**headers, "Content-Length": str(len(body))})
                answer = connection.getresponse()
                data = answer.read()
                self.send_response(answer.status)
                for name, value in answer.getheaders():
                    if name.lower() not in HOP_BY_HOP:
                        self.send_header(name, value)
                length = answer.getheader("Content-Length") if self.command == "HEAD" else str(len(data))
                self.send_header("Content-Length", length or "0")
                self.end_headers()
                self.wfile.write(data)
            finally:
                connection.close()
            key = unquote(self.path.partition("?")[0].lstrip("/").partition("/")[2])
            traffic.requests.append(Request(self.command, key, len(data)))

        def chunks(self) -> Iterator[bytes]:
            if self.headers.get("Transfer-Encoding") != "chunked":
                yield self.rfile.read(int(self.headers.get("Content-Length", 0)))
                return
            while size := int(self.rfile.readline().partition(b";")[0], 16):
                yield self.rfile.read(size)
                self.rfile.readline()
            while self.rfile.readline().strip():
                pass

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    for method in ("GET", "PUT", "HEAD", "POST", "DELETE"):
        setattr(Handler, f"do_{method}", Handler.forward)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    traffic = Traffic(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield traffic
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
