"""HTTP routing: access checks, what a server has to show, and the upgrade to WebSocket."""

from http import HTTPStatus
from typing import NamedTuple, Protocol

from websockets.datastructures import Headers, MultipleValuesError
from websockets.http11 import Request, Response

from telemetry.stream.access import AccessPolicy
from telemetry.stream.channel import Channel
from telemetry.stream.connection_limits import ConnectionLimits
from telemetry.stream.http_responses import HttpResponse, text_response
from telemetry.stream.protocol import MAX_OPTIONS


class Get(NamedTuple):
    """A GET that may be answered."""

    path: str
    query: str
    host: str
    """The request's ``Host``."""
    if_none_match: str | None
    """The tags of what the client has."""


class Content(Protocol):
    """What a server has at the paths of its port."""

    def find_channel(self, path: str) -> Channel | None:
        """The stream at this path; None where there is none."""

    def describe_streams(self) -> str:
        """Where the streams are, as a part of a sentence."""

    def needs_token(self, path: str) -> bool:
        """Whether only those who know the token may GET this path, as they must for a stream."""

    def get(self, request: Get) -> HttpResponse:
        """The response to a request that has passed all checks."""


class HttpRoutes:
    """Answers every HTTP request on the stream's port.

    :param policy: the access checks
    :param limits: how many clients there may be
    :param content: what there is to get
    """

    def __init__(self, policy: AccessPolicy, limits: ConnectionLimits, content: Content) -> None:
        self._policy = policy
        self._limits = limits
        self._content = content

    def respond(self, request: Request, address: str) -> Response | None:
        """The response to a request from this address; None where the WebSocket handshake may go on."""
        try:
            answer = self._answer(request, address)
        except MultipleValuesError:
            answer = text_response(HTTPStatus.BAD_REQUEST, "Duplicate header.")
        if answer is None:
            return None
        headers = {
            **answer.headers,
            "Content-Length": str(len(answer.body)),
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",  # the address may hold the token
            "Connection": "close",
        }
        if answer.status == HTTPStatus.NOT_MODIFIED:
            del headers["Content-Length"]  # it would be that of the file
        body = b"" if request.method == "HEAD" else answer.body
        return Response(answer.status.value, answer.status.phrase, Headers(headers), body)

    def _answer(self, request: Request, address: str) -> HttpResponse | None:
        headers, (path, _, query) = request.headers, request.path.partition("?")
        host = headers.get("Host")
        if refusal := self._policy.check_host(host):
            return text_response(HTTPStatus.MISDIRECTED_REQUEST, refusal)
        if query.count("&") >= MAX_OPTIONS:
            sentence = f"The query of the address has more than {MAX_OPTIONS} fields."
            return text_response(HTTPStatus.BAD_REQUEST, sentence)
        wants_stream = "websocket" in (value.lower() for value in headers.get_all("Upgrade"))
        if wants_stream and (refusal := self._policy.check_origin(headers.get("Origin"), host)):
            return text_response(HTTPStatus.FORBIDDEN, refusal)
        needs_token = wants_stream or self._content.needs_token(path)
        if needs_token and (refusal := self._policy.check_token(query, headers.get("Authorization"))):
            return text_response(HTTPStatus.UNAUTHORIZED, refusal, WWW_Authenticate="Bearer")
        if wants_stream:
            return self._check_upgrade(path, address)
        if request.method not in ("GET", "HEAD"):
            return text_response(HTTPStatus.METHOD_NOT_ALLOWED, "Only GET and HEAD are supported.", Allow="GET, HEAD")
        return self._content.get(Get(path, query, host or "", headers.get("If-None-Match")))

    def _check_upgrade(self, path: str, address: str) -> HttpResponse | None:
        """None where the connection may become a stream."""
        if self._content.find_channel(path) is None:
            sentence = f"No stream at {path[:200]}; {self._content.describe_streams()}."
            return text_response(HTTPStatus.NOT_FOUND, sentence)
        if refusal := self._limits.check_client(address):
            return text_response(HTTPStatus.SERVICE_UNAVAILABLE, refusal)
        return None
