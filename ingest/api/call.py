"""A request and its answer, as near to the wire as they are needed.

The metering endpoints answer thousands of requests a second, so they read ASGI's own messages;
a framework's request object costs more than the event itself.
"""

from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any

import msgspec

# ASGI's own words.
Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

ENCODER = msgspec.json.Encoder()
JSON = b"application/json"
PROTOBUF = "application/x-protobuf"


@dataclass(frozen=True)
class Answer:
    """What a request is answered with."""

    status: int
    body: bytes
    content_type: bytes = JSON
    headers: tuple[tuple[bytes, bytes], ...] = ()

    @classmethod
    def of(
        cls, status: int, said: object, headers: tuple[tuple[bytes, bytes], ...] = ()
    ) -> "Answer":
        """Return an answer that says something as JSON."""
        return cls(status, ENCODER.encode(said), JSON, headers)

    async def send(self, send: Send, request_id: str) -> None:
        """Send the answer."""
        headers = [
            (b"content-type", self.content_type),
            (b"content-length", b"%d" % len(self.body)),
            (b"x-request-id", request_id.encode()),
            *self.headers,
        ]
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


@dataclass(frozen=True, slots=True)
class Call:
    """A request whose body is still to be read.

    Attributes:
        headers: by lower-case name; of a repeated one the last.
        peer: the address at the other end, empty where it is not known.
        http_version: such as 1.1.
        request_id: names the request in the answer and in the log.
    """

    method: str
    path: str
    query: bytes
    headers: Mapping[bytes, bytes]
    peer: str
    receive: Receive
    request_id: str
    http_version: str

    @classmethod
    def of(cls, scope: Scope, receive: Receive, request_id: str) -> "Call":
        """Return the call that ASGI tells of."""
        client = scope.get("client")
        return cls(
            scope["method"],
            scope["path"],
            scope["query_string"],
            dict(scope["headers"]),
            client[0] if client else "",
            receive,
            request_id,
            scope.get("http_version", "1.1"),
        )

    def header(self, name: bytes) -> str:
        """Return a header's value, empty where it was not sent."""
        return self.headers.get(name, b"").decode("latin-1").strip()

    @property
    def content_type(self) -> str:
        """The media type in lower case, without its parameters."""
        return self.header(b"content-type").partition(";")[0].strip().lower()
